//! How the server and its clients do, as a table or for the log.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use godot_peer::{GodotServer, PeerId, PeerInfo, ServerStatistics};

/// ENet gives loss in parts of this.
const LOSS_SCALE: f64 = 65536.0;

/// What there is to show at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    address: String,
    clients: usize,
    incoming: f64,
    outgoing: f64,
    relayed: u64,
    dropped: u64,
    /// Connections in the making.
    joining: usize,
    /// How often limits of the configuration struck.
    limited: u64,
    rows: Vec<Row>,
}

/// A client. Rates are in bytes per second.
#[derive(Debug)]
struct Row {
    id: PeerId,
    address: String,
    round_trip_time: u32,
    loss: f64,
    incoming: f64,
    outgoing: f64,
    channels: usize,
}

/// Bytes received and sent.
type Counts = (u64, u64);

/// Makes rates of counters.
#[derive(Debug)]
pub(crate) struct Sampler {
    at: Instant,
    total: Counts,
    peers: HashMap<PeerId, Counts>,
}

impl Sampler {
    pub(crate) fn new() -> Sampler {
        Sampler {
            at: Instant::now(),
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
        Snapshot {
            address,
            clients: statistics.clients,
            incoming,
            outgoing,
            relayed: statistics.scene.relayed_out,
            dropped: host.dropped.total() + statistics.scene.malformed + statistics.scene.unknown_targets,
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
    /// Writes it to the log.
    pub(crate) fn log(&self) {
        tracing::info!(
            "{} clients, {} joining, in {}, out {}, {} packets relayed, {} dropped, {} limited",
            self.clients,
            self.joining,
            Rate(self.incoming),
            Rate(self.outgoing),
            self.relayed,
            self.dropped,
            self.limited
        );
        for row in &self.rows {
            tracing::info!(
                "{} at {}: RTT {} ms, loss {:.1} %, in {}, out {}, {} channels",
                row.id,
                row.address,
                row.round_trip_time,
                row.loss * 100.0,
                Rate(row.incoming),
                Rate(row.outgoing),
                row.channels
            );
        }
    }

    /// The table, in that many lines at most. With IPv4 addresses it is 80 characters wide, which every terminal has.
    pub(crate) fn lines(&self, height: usize) -> Vec<String> {
        let width = self.rows.iter().map(|row| row.address.len()).fold(21, usize::max);
        let mut lines = vec![
            format!(
                "{}  {} clients  in {}  out {}",
                self.address,
                self.clients,
                Rate(self.incoming),
                Rate(self.outgoing)
            ),
            format!(
                "joining {}  relayed {}  dropped {}  limited {}",
                self.joining, self.relayed, self.dropped, self.limited
            ),
            format!(
                "{:>10} {:<width$} {:>7} {:>6} {:>11} {:>11} {:>8}",
                "ID", "ADDRESS", "RTT", "LOSS", "IN", "OUT", "CHANNELS"
            ),
        ];
        let room = height.saturating_sub(lines.len()).max(1);
        let shown = if self.rows.len() > room {
            room - 1
        } else {
            self.rows.len()
        };
        for row in &self.rows[..shown] {
            let mut line = String::new();
            // Writing to a String does not fail.
            let _ = write!(
                line,
                "{:>10} {:<width$} {:>4} ms {:>5.1}% {:>11} {:>11} {:>8}",
                row.id.number(),
                row.address,
                row.round_trip_time,
                row.loss * 100.0,
                Rate(row.incoming).to_string(),
                Rate(row.outgoing).to_string(),
                row.channels
            );
            lines.push(line);
        }
        if shown < self.rows.len() {
            lines.push(format!("{:>10} and {} more", "…", self.rows.len() - shown));
        }
        lines
    }
}

/// Bytes per second, for people.
struct Rate(f64);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
mod tests {
    use super::*;

    fn snapshot(clients: i32) -> Snapshot {
        let row = |number| Row {
            id: PeerId::new(number).expect("an id"),
            address: "[2001:db8::1]:50000".to_owned(),
            round_trip_time: 23,
            loss: 0.015,
            incoming: 10.0,
            outgoing: 3000.0,
            channels: 255,
        };
        Snapshot {
            address: "[::]:7777".to_owned(),
            clients: usize::try_from(clients).expect("not negative"),
            incoming: 0.0,
            outgoing: 5e6,
            relayed: 7,
            dropped: 1,
            joining: 3,
            limited: 2,
            rows: (2..2 + clients).map(row).collect(),
        }
    }

    #[test]
    fn a_row_tells_all_of_a_client() {
        let lines = snapshot(1).lines(20);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1], "joining 3  relayed 7  dropped 1  limited 2");
        assert!(
            lines[0].starts_with("[::]:7777  1 clients  in 0 B/s  out 4.8 MiB/s"),
            "{}",
            lines[0]
        );
        let words: Vec<&str> = lines[3].split_whitespace().collect();
        let expected = [
            "2",
            "[2001:db8::1]:50000",
            "23",
            "ms",
            "1.5%",
            "10",
            "B/s",
            "2.9",
            "KiB/s",
            "255",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_table_of_ipv4_clients_fits_every_terminal() {
        let mut snapshot = snapshot(1);
        snapshot.rows[0] = Row {
            id: PeerId::new(i32::MAX).expect("an id"),
            address: "255.255.255.255:65535".to_owned(),
            round_trip_time: 9999,
            loss: 1.0,
            incoming: 999.9 * 1024.0,
            outgoing: 999.9 * 1024.0,
            channels: 255,
        };
        for line in snapshot.lines(20) {
            assert!(line.len() <= 80, "{line}");
        }
        assert!(snapshot.lines(20)[3].ends_with(" 255"));
    }

    #[test]
    fn a_table_that_does_not_fit_says_how_many_are_left_out() {
        let lines = snapshot(100).lines(10);
        assert_eq!(lines.len(), 10);
        assert!(lines[9].ends_with("and 94 more"), "{}", lines[9]);
    }

    #[test]
    fn rates_are_per_second_and_begin_anew_with_a_new_connection() {
        let two_seconds = Duration::from_secs(2);
        assert_eq!(rates((100, 50), (300, 50), two_seconds), (100.0, 0.0));
        assert_eq!(rates((100, 50), (40, 60), two_seconds), (20.0, 5.0));
    }
}
