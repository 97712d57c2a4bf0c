//! How the server and its clients do, at one moment.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use godot_peer::{GodotServer, PeerId, PeerInfo, ServerStatistics};

/// ENet gives loss in parts of this.
const LOSS_SCALE: f64 = 65536.0;

/// How many clients the log tells of.
const LOGGED: usize = 10;

/// What there is to show at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) address: String,
    pub(crate) uptime: Duration,
    pub(crate) clients: usize,
    pub(crate) max_clients: u32,
    pub(crate) incoming: f64,
    pub(crate) outgoing: f64,
    pub(crate) relayed: u64,
    /// Bad, stray and forged input.
    pub(crate) dropped: u64,
    /// Connections in the making.
    pub(crate) joining: usize,
    /// How often limits of the configuration struck.
    pub(crate) limited: u64,
    /// By rising id.
    pub(crate) rows: Vec<Row>,
}

/// A client. Rates are in bytes per second.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: PeerId,
    pub(crate) address: String,
    pub(crate) round_trip_time: u32,
    pub(crate) loss: f64,
    pub(crate) incoming: f64,
    pub(crate) outgoing: f64,
    pub(crate) channels: usize,
}

/// Bytes received and sent.
type Counts = (u64, u64);

/// Makes rates of counters.
#[derive(Debug)]
pub(crate) struct Sampler {
    max_clients: u32,
    start: Instant,
    at: Instant,
    total: Counts,
    peers: HashMap<PeerId, Counts>,
}

impl Sampler {
    pub(crate) fn new(max_clients: u32) -> Sampler {
        let now = Instant::now();
        Sampler {
            max_clients,
            start: now,
            at: now,
            total: (0, 0),
            peers: HashMap::new(),
        }
    }

    /// How the server does, with the rates since the last time.
    pub(crate) fn sample(&mut self, server: &GodotServer) -> Snapshot {
        let statistics = server.statistics();
        let elapsed = self.at.elapsed();
        self.at = Instant::now();
        self.snapshot(server.local_addr().to_string(), &statistics, &server.peers(), elapsed)
    }

    fn snapshot(
        &mut self,
        address: String,
        statistics: &ServerStatistics,
        peers: &[PeerInfo],
        elapsed: Duration,
    ) -> Snapshot {
        let host = &statistics.endpoint.host;
        let total = (host.bytes_received, host.bytes_sent);
        let (incoming, outgoing) = rates(self.total, total, elapsed);
        self.total = total;
        let mut counts = HashMap::with_capacity(peers.len());
        let mut rows = Vec::with_capacity(peers.len());
        for peer in peers {
            let now = (peer.statistics.bytes_received, peer.statistics.bytes_sent);
            let before = self.peers.get(&peer.id).copied().unwrap_or_default();
            let (incoming, outgoing) = rates(before, now, elapsed);
            counts.insert(peer.id, now);
            rows.push(Row {
                id: peer.id,
                address: peer.address.to_string(),
                round_trip_time: peer.statistics.round_trip_time,
                loss: f64::from(peer.statistics.packet_loss) / LOSS_SCALE,
                incoming,
                outgoing,
                channels: peer.channels,
            });
        }
        self.peers = counts;
        // A connection that a limit refuses counts as dropped, too: it is one attempt all the same.
        let refused = host.limits.peers + host.limits.duplicate_peers;
        Snapshot {
            address,
            uptime: self.at - self.start,
            clients: statistics.clients,
            max_clients: self.max_clients,
            incoming,
            outgoing,
            relayed: statistics.scene.relayed_out,
            dropped: host.dropped.total().saturating_sub(refused)
                + statistics.scene.malformed
                + statistics.scene.unknown_targets,
            joining: statistics.endpoint.half_open,
            limited: host.limits.total() + statistics.too_slow + statistics.too_fast,
            rows,
        }
    }
}

/// Bytes per second, in and out. A counter below its former value is that of a new connection under the same id.
fn rates(before: Counts, now: Counts, elapsed: Duration) -> (f64, f64) {
    let rate = |before: u64, now: u64| {
        let bytes = now.checked_sub(before).unwrap_or(now);
        bytes as f64 / elapsed.as_secs_f64().max(0.001)
    };
    (rate(before.0, now.0), rate(before.1, now.1))
}

impl Snapshot {
    /// That many rows, by rising id: those with most traffic if there are more.
    pub(crate) fn busiest(&self, count: usize) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        if rows.len() > count {
            rows.sort_by_key(|row| Reverse((row.incoming + row.outgoing) as u64));
            rows.truncate(count);
            rows.sort_by_key(|row| row.id);
        }
        rows
    }

    /// What to write to the log: a line of the server, and some of the clients that have most traffic.
    pub(crate) fn log_lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} clients of {}, {} joining, in {}, out {}, {} packets relayed, {} dropped, {} limited",
            self.clients,
            self.max_clients,
            self.joining,
            Rate(self.incoming),
            Rate(self.outgoing),
            self.relayed,
            self.dropped,
            self.limited
        )];
        let shown = self.busiest(LOGGED);
        lines.extend(shown.iter().map(|row| {
            format!(
                "{} at {}: RTT {} ms, loss {:.1} %, in {}, out {}, {} channels",
                row.id,
                row.address,
                row.round_trip_time,
                row.loss * 100.0,
                Rate(row.incoming),
                Rate(row.outgoing),
                row.channels
            )
        }));
        if shown.len() < self.rows.len() {
            lines.push(format!("and {} more with less traffic", self.rows.len() - shown.len()));
        }
        lines
    }
}

/// Bytes per second, for people.
pub(crate) struct Rate(pub(crate) f64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 3] = ["KiB/s", "MiB/s", "GiB/s"];
        if self.0 < 1000.0 {
            return write!(f, "{:.0} B/s", self.0);
        }
        let (mut value, mut unit) = (self.0 / 1024.0, 0);
        while value >= 1000.0 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A server with that many clients, of which those with higher ids have more traffic.
    pub(crate) fn snapshot(clients: usize) -> Snapshot {
        let rows = (0..clients).map(|number| Row {
            id: PeerId::new(i32::try_from(number).expect("few") + 2).expect("an id"),
            address: "[2001:db8::1]:50000".to_owned(),
            round_trip_time: 23,
            loss: 0.015,
            incoming: 10.0 + number as f64,
            outgoing: 3000.0,
            channels: 255,
        });
        Snapshot {
            address: "[::]:7777".to_owned(),
            uptime: Duration::from_secs(3 * 3600 + 2 * 60 + 1),
            clients,
            max_clients: 4095,
            incoming: 0.0,
            outgoing: 5_000_000.0,
            relayed: 7,
            dropped: 1,
            joining: 3,
            limited: 2,
            rows: rows.collect(),
        }
    }

    #[test]
    fn the_log_tells_of_the_busiest_few() {
        assert_eq!(snapshot(0).log_lines().len(), 1);
        assert_eq!(snapshot(LOGGED).log_lines().len(), 1 + LOGGED);
        let lines = snapshot(4095).log_lines();
        assert_eq!(lines.len(), 1 + LOGGED + 1);
        assert!(
            lines[0].starts_with("4095 clients of 4095, 3 joining, in "),
            "{}",
            lines[0]
        );
        assert!(lines[1].starts_with("4087 at "), "{}", lines[1]);
        assert!(lines[LOGGED].starts_with("4096 at "), "{}", lines[LOGGED]);
        assert_eq!(lines[LOGGED + 1], "and 4085 more with less traffic");
    }

    #[test]
    fn rates_are_per_second_and_begin_anew_with_a_new_connection() {
        let two_seconds = Duration::from_secs(2);
        assert_eq!(rates((100, 50), (300, 50), two_seconds), (100.0, 0.0));
        assert_eq!(rates((100, 50), (40, 60), two_seconds), (20.0, 5.0));
    }
}
