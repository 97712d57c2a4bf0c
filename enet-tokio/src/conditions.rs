//! A bad network on purpose, for testing on one machine.

use std::time::Duration;

use bytes::Bytes;
use enet_proto::{Path, Time};
use netem::{Conditions, DelayQueue, Link, Random};

use crate::config::Config;

/// How much may be under way in each direction, in bytes of payload. Beyond it datagrams are lost: a delay of an hour must not
/// take all memory.
const MAX_UNDER_WAY: usize = 64 * 1024 * 1024;

/// What the network between an endpoint and all others does, in each direction.
///
/// The default is ideal: nothing is touched, and nothing costs anything. The conditions hold for the endpoint as a whole, as
/// those of its line would: its peers share the bandwidth.
///
/// ```
/// use std::time::Duration;
/// use enet_tokio::{Conditions, NetworkConditions};
///
/// let mobile = Conditions::default()
///     .delay(Duration::from_millis(60))
///     .jitter(Duration::from_millis(30))
///     .loss(0.02);
/// let conditions = NetworkConditions::both(mobile).with_seed(7);
/// assert_eq!(conditions.incoming, conditions.outgoing);
/// assert!(!conditions.is_ideal() && NetworkConditions::default().is_ideal());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NetworkConditions {
    /// What becomes of datagrams on their way to this endpoint.
    pub incoming: Conditions,
    /// What becomes of datagrams that this endpoint sends.
    pub outgoing: Conditions,
    /// What chance is drawn from: the same seed makes the same of the same datagrams at the same times. Conditions that are
    /// changed under the same seed go on drawing where they were; another seed begins anew. Default 0.
    pub seed: u64,
}

impl NetworkConditions {
    /// The same in both directions, so that the delay of a round trip is twice that of `conditions`.
    #[must_use]
    pub fn both(conditions: Conditions) -> NetworkConditions {
        NetworkConditions {
            incoming: conditions.clone(),
            outgoing: conditions,
            seed: 0,
        }
    }

    /// Sets what becomes of datagrams on their way to this endpoint.
    #[must_use]
    pub fn with_incoming(mut self, conditions: Conditions) -> NetworkConditions {
        self.incoming = conditions;
        self
    }

    /// Sets what becomes of datagrams that this endpoint sends.
    #[must_use]
    pub fn with_outgoing(mut self, conditions: Conditions) -> NetworkConditions {
        self.outgoing = conditions;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> NetworkConditions {
        self.seed = seed;
        self
    }

    /// Whether nothing is touched, in either direction.
    #[must_use]
    pub fn is_ideal(&self) -> bool {
        self.incoming.is_ideal() && self.outgoing.is_ideal()
    }
}

/// The bad network of one endpoint; absent while the conditions are ideal.
#[derive(Debug, Default)]
pub(crate) struct Impairment(Option<Box<Lines>>);

#[derive(Debug)]
struct Lines {
    conditions: NetworkConditions,
    incoming: Line,
    outgoing: Line,
}

/// One direction, and what is under way in it.
#[derive(Debug)]
struct Line {
    link: Link,
    under_way: DelayQueue<(Path, Bytes)>,
    bytes: usize,
}

impl Impairment {
    /// As an endpoint is configured.
    pub(crate) fn of(config: &Config) -> Impairment {
        Impairment::new(config.conditions.clone())
    }

    fn new(conditions: NetworkConditions) -> Impairment {
        let mut impairment = Impairment::default();
        impairment.set(conditions);
        impairment
    }

    /// Sets the conditions for what is sent and received from now on; what is under way arrives as it would have.
    pub(crate) fn set(&mut self, conditions: NetworkConditions) {
        match &mut self.0 {
            Some(lines) => lines.set(conditions),
            None if conditions.is_ideal() => {}
            None => self.0 = Some(Box::new(Lines::new(conditions))),
        }
    }

    pub(crate) fn conditions(&self) -> NetworkConditions {
        self.0
            .as_ref()
            .map_or_else(NetworkConditions::default, |lines| lines.conditions.clone())
    }

    /// Whether datagrams go through it, or past it.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A datagram has come, unless it has further to go.
    pub(crate) fn arrive(&mut self, now: Time, path: Path, datagram: Bytes) -> Option<Bytes> {
        let Some(lines) = &mut self.0 else {
            return Some(datagram);
        };
        lines.incoming.enter(now, path, datagram);
        None
    }

    /// The next datagram to receive now.
    pub(crate) fn next_incoming(&mut self, now: Time) -> Option<(Path, Bytes)> {
        let arrived = self.0.as_mut()?.incoming.leave(now);
        self.dissolve();
        arrived
    }

    /// A datagram sets out.
    pub(crate) fn depart(&mut self, now: Time, path: Path, datagram: Bytes) {
        if let Some(lines) = &mut self.0 {
            lines.outgoing.enter(now, path, datagram);
        }
    }

    /// The next datagram to put on the socket now.
    pub(crate) fn next_outgoing(&mut self, now: Time) -> Option<(Path, Bytes)> {
        self.0.as_mut()?.outgoing.leave(now)
    }

    /// The next one however far it has to go, for the end of the endpoint.
    pub(crate) fn hurry_outgoing(&mut self) -> Option<(Path, Bytes)> {
        self.0.as_mut()?.outgoing.leave(Time::from_micros(u64::MAX))
    }

    /// Whether something sent is still under way.
    pub(crate) fn is_sending(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|lines| !lines.outgoing.under_way.is_empty())
    }

    /// When the next datagram arrives, in either direction.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let lines = self.0.as_ref()?;
        [&lines.incoming, &lines.outgoing]
            .into_iter()
            .filter_map(|line| line.under_way.next_at())
            .min()
            .map(|at| Time::ZERO + at)
    }

    /// Goes out of the way when the conditions are ideal and nothing is left that could be overtaken.
    fn dissolve(&mut self) {
        let done = |lines: &Lines| {
            lines.conditions.is_ideal() && lines.incoming.under_way.is_empty() && lines.outgoing.under_way.is_empty()
        };
        if self.0.as_deref().is_some_and(done) {
            self.0 = None;
        }
    }
}

impl Lines {
    fn new(conditions: NetworkConditions) -> Lines {
        let mut seeds = Random::new(conditions.seed);
        Lines {
            incoming: Line::new(seeds.next_u64(), conditions.incoming.clone()),
            outgoing: Line::new(seeds.next_u64(), conditions.outgoing.clone()),
            conditions,
        }
    }

    fn set(&mut self, conditions: NetworkConditions) {
        if conditions.seed != self.conditions.seed {
            let fresh = Lines::new(conditions.clone());
            self.incoming.link = fresh.incoming.link;
            self.outgoing.link = fresh.outgoing.link;
        } else {
            self.incoming.link.conditions_mut().clone_from(&conditions.incoming);
            self.outgoing.link.conditions_mut().clone_from(&conditions.outgoing);
        }
        self.conditions = conditions;
    }
}

impl Line {
    fn new(seed: u64, conditions: Conditions) -> Line {
        Line {
            link: Link::new(seed, conditions),
            under_way: DelayQueue::new(),
            bytes: 0,
        }
    }

    fn enter(&mut self, now: Time, path: Path, datagram: Bytes) {
        for delivery in self.link.transmit(since_epoch(now), datagram) {
            if self.bytes + delivery.datagram.len() > MAX_UNDER_WAY {
                continue;
            }
            self.bytes += delivery.datagram.len();
            self.under_way.push(delivery.at, (path, delivery.datagram));
        }
    }

    fn leave(&mut self, now: Time) -> Option<(Path, Bytes)> {
        let (path, datagram) = self.under_way.pop_due(since_epoch(now))?;
        self.bytes -= datagram.len();
        Some((path, datagram))
    }
}

fn since_epoch(time: Time) -> Duration {
    time.saturating_since(Time::ZERO)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn somewhere() -> Path {
        SocketAddr::from(([127, 0, 0, 1], 9)).into()
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn ideal_conditions_are_not_in_the_way() {
        let mut impairment = Impairment::new(NetworkConditions::default().with_seed(3));
        assert!(!impairment.is_on());
        assert_eq!(impairment.arrive(at(0), somewhere(), "x".into()), Some("x".into()));
        assert_eq!(impairment.next_at(), None);
    }

    #[test]
    fn conditions_that_turn_ideal_let_what_is_under_way_arrive_first() {
        let slow = Conditions::default().delay(50 * MS);
        let mut impairment = Impairment::new(NetworkConditions::default().with_incoming(slow));
        assert_eq!(impairment.arrive(at(0), somewhere(), "first".into()), None);
        impairment.set(NetworkConditions::default());
        assert_eq!(impairment.arrive(at(1), somewhere(), "second".into()), None);
        assert_eq!(
            (impairment.next_incoming(at(49)), impairment.next_at()),
            (None, Some(at(50)))
        );
        for datagram in ["first", "second"] {
            assert_eq!(
                impairment.next_incoming(at(50)),
                Some((somewhere(), Bytes::from(datagram)))
            );
        }
        assert!(!impairment.is_on());
    }

    #[test]
    fn what_is_under_way_is_bounded() {
        let hours = Conditions::default().delay(Duration::from_secs(36_000));
        let mut impairment = Impairment::new(NetworkConditions::default().with_outgoing(hours));
        let datagram = Bytes::from(vec![0; 60_000]);
        for _ in 0..2000 {
            impairment.depart(at(0), somewhere(), datagram.clone());
        }
        let left = std::iter::from_fn(|| impairment.hurry_outgoing()).count();
        assert_eq!(left, MAX_UNDER_WAY / 60_000);
    }

    #[test]
    fn equal_seeds_lose_the_same_and_a_new_seed_begins_anew() {
        let lossy = Conditions::default().loss(0.5);
        let conditions = NetworkConditions::both(lossy).with_seed(5);
        let survivors = |impairment: &mut Impairment| -> Vec<Bytes> {
            for number in 0..100_u8 {
                impairment.depart(at(0), somewhere(), vec![number].into());
            }
            std::iter::from_fn(|| impairment.hurry_outgoing())
                .map(|(_, datagram)| datagram)
                .collect()
        };
        let mut impairment = Impairment::new(conditions.clone());
        let once = survivors(&mut impairment);
        assert_eq!(once, survivors(&mut Impairment::new(conditions.clone())));
        impairment.set(conditions.clone());
        assert_ne!(once, survivors(&mut impairment), "the same seed goes on");
        impairment.set(conditions.clone().with_seed(6));
        assert_ne!(once, survivors(&mut impairment));
        impairment.set(conditions);
        assert_eq!(once, survivors(&mut impairment));
    }
}
