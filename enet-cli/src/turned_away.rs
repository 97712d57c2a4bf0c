//! Clients that did not get in because of a limit: told at once, and then once in a while.

use std::time::{Duration, Instant};

use godot_peer::ServerStatistics;

use crate::encryption;

/// How often each reason is told at most.
const PERIOD: Duration = Duration::from_secs(60);

/// A reason to turn clients away.
#[derive(Debug)]
struct Reason {
    counter: fn(&ServerStatistics) -> u64,
    told: u64,
    quiet_until: Option<Instant>,
}

/// What was told of those who were turned away.
#[derive(Debug)]
pub(crate) struct TurnedAway {
    max_clients: u32,
    full: Reason,
    crowded: Reason,
    hasty: Reason,
    unwilling: Reason,
    unfinished: Reason,
}

impl TurnedAway {
    pub(crate) fn new(max_clients: u32) -> TurnedAway {
        TurnedAway {
            max_clients,
            full: Reason::new(|statistics| statistics.endpoint.host.limits.peers),
            crowded: Reason::new(|statistics| statistics.endpoint.host.limits.duplicate_peers),
            hasty: Reason::new(|statistics| statistics.endpoint.host.limits.joins_per_second),
            unwilling: Reason::new(encryption::refusals),
            unfinished: Reason::new(encryption::failures),
        }
    }

    /// What there is to say now.
    pub(crate) fn news(&mut self, statistics: &ServerStatistics, now: Instant) -> Vec<String> {
        let full = self.full.news(statistics, now).map(|count| {
            let (clients, max_clients) = (statistics.clients, self.max_clients);
            format!("full, {clients} clients of {max_clients}: {count} requests to join got no answer (--max-clients)")
        });
        let crowded = self.crowded.news(statistics, now).map(|count| {
            format!("too many clients from one address: {count} requests to join got no answer (--max-per-address)")
        });
        let hasty = self
            .hasty
            .news(statistics, now)
            .map(|count| format!("too many joins in a second: {count} requests to join were put off (--max-joins)"));
        let unwilling = self.unwilling.news(statistics, now).map(|count| {
            format!("{count} clients broke off the handshake: they may not trust this certificate, or know it by another name")
        });
        let unfinished = self.unfinished.news(statistics, now).map(|count| {
            format!(
                "{count} handshakes were not finished: the others may not encrypt, or offer no suite that is taken here"
            )
        });
        [full, crowded, hasty, unwilling, unfinished]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Reason {
    fn new(counter: fn(&ServerStatistics) -> u64) -> Reason {
        Reason {
            counter,
            told: 0,
            quiet_until: None,
        }
    }

    /// How often it was the reason since it was last told, if it is time to tell it again.
    fn news(&mut self, statistics: &ServerStatistics, now: Instant) -> Option<u64> {
        let counted = (self.counter)(statistics);
        if counted == self.told || self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.quiet_until = Some(now + PERIOD);
        Some(counted - std::mem::replace(&mut self.told, counted))
    }
}
