//! Counters and measurements that a program can read.

use std::time::Duration;

/// What a host has sent, received and dropped since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStatistics {
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Their UDP payload in bytes.
    pub bytes_sent: u64,
    /// Datagrams received, good or bad.
    pub datagrams_received: u64,
    /// Their UDP payload in bytes.
    pub bytes_received: u64,
    /// Connections that came to be, in either direction.
    pub connections: u64,
    /// Input that was dropped, by cause.
    pub dropped: Dropped,
    /// Limits of the configuration that struck.
    pub limits: LimitsStruck,
}

/// How often each limit of [`HostConfig`](crate::HostConfig) struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsStruck {
    /// Connections refused for [`max_peers`](crate::HostConfig::max_peers).
    pub peers: u64,
    /// Connections refused for [`duplicate_peers`](crate::HostConfig::duplicate_peers).
    pub duplicate_peers: u64,
    /// Proofs of connections put off for [`max_joins_per_second`](crate::HostConfig::max_joins_per_second).
    pub joins_per_second: u64,
    /// Commands refused for [`max_waiting_data`](crate::HostConfig::max_waiting_data).
    pub waiting_data: u64,
    /// Fragments refused for [`max_incomplete_packets`](crate::HostConfig::max_incomplete_packets).
    pub incomplete_packets: u64,
    /// Commands, packets and connections refused for [`max_held_data`](crate::HostConfig::max_held_data).
    pub held_data: u64,
    /// Packets of the program refused for [`max_queued_data`](crate::HostConfig::max_queued_data).
    pub queued_data: u64,
    /// Compressed datagrams dropped for [`max_inflation_per_second`](crate::HostConfig::max_inflation_per_second).
    pub inflation: u64,
    /// Compressed datagrams dropped for [`max_opened_per_second`](crate::HostConfig::max_opened_per_second).
    pub opened: u64,
    /// Peers given up for [`slow_peer_timeout`](crate::HostConfig::slow_peer_timeout).
    pub slow_peers: u64,
}

impl LimitsStruck {
    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.peers
            + self.duplicate_peers
            + self.joins_per_second
            + self.waiting_data
            + self.incomplete_packets
            + self.held_data
            + self.queued_data
            + self.inflation
            + self.opened
            + self.slow_peers
    }
}

/// What was dropped, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Datagrams too short for a header, too long for ENet, from port 0, or that cannot be opened: a bad checksum, a bad compressed
    /// block.
    pub malformed_datagrams: u64,
    /// Datagrams for a peer that is not there, at least not at that address. Those of a peer that has left count as well, although
    /// its DISCONNECT is answered.
    pub unknown_peer: u64,
    /// Datagrams with the session of another connection.
    pub wrong_session: u64,
    /// Datagrams that ended early at a truncated command.
    pub malformed_commands: u64,
    /// Datagrams that ended early at a command with a number that ENet has not given out.
    pub unknown_commands: u64,
    /// Datagrams that ended early at a command that its peer may not send now.
    pub refused_commands: u64,
    /// CONNECTs that were not answered: a bad channel count, no room, too many from one address, not accepting.
    pub refused_connects: u64,
    /// Connections in the making that gave way to newer ones.
    pub evicted_half_open: u64,
    /// Datagrams from an unproven address that did not return the secret.
    pub failed_proofs: u64,
    /// Acknowledgements of nothing that is on its way. A datagram can hold several, and count elsewhere too.
    pub unmatched_acknowledgements: u64,
}

impl Dropped {
    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.malformed_datagrams
            + self.unknown_peer
            + self.wrong_session
            + self.malformed_commands
            + self.unknown_commands
            + self.refused_commands
            + self.refused_connects
            + self.evicted_half_open
            + self.failed_proofs
            + self.unmatched_acknowledgements
    }
}

/// Measurements and counters of one peer.
///
/// The first group is what ENet keeps, in its units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatistics {
    /// Mean share of reliable commands that had to be resent, of 65536.
    pub packet_loss: u32,
    /// Its variance.
    pub packet_loss_variance: u32,
    /// When the loss figures were last renewed, as time since the driver's epoch; zero before the first transmission.
    pub packet_loss_epoch: Duration,
    /// Mean round trip time in milliseconds, 500 before it was measured.
    pub round_trip_time: u32,
    /// Its variance in milliseconds.
    pub round_trip_time_variance: u32,
    /// The lowest mean of the last throttle interval, in milliseconds.
    pub last_round_trip_time: u32,
    /// The highest variance of the last throttle interval, in milliseconds.
    pub last_round_trip_time_variance: u32,
    /// The share of unreliable packets that is sent, of 32.
    pub packet_throttle: u32,
    /// The most the throttle may rise to, from the bandwidth limits.
    pub packet_throttle_limit: u32,
    /// The last draw, 0 to 31, that decided whether an unreliable packet is dropped.
    pub packet_throttle_counter: u32,
    /// When the throttle's interval began, as time since the driver's epoch; zero before the first measurement.
    pub packet_throttle_epoch: Duration,
    /// By how much a short round trip raises the throttle.
    pub packet_throttle_acceleration: u32,
    /// By how much a long round trip lowers the throttle.
    pub packet_throttle_deceleration: u32,
    /// How often the throttle's reference is renewed, in milliseconds.
    pub packet_throttle_interval: u32,

    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Their UDP payload in bytes.
    pub bytes_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Their UDP payload in bytes.
    pub bytes_received: u64,
    /// Reliable commands sent again, for whatever reason.
    pub commands_resent: u64,
    /// Unreliable packets dropped by the throttle before they were sent.
    pub packets_throttled: u64,
    /// Payload bytes of reliable commands on their way.
    pub bytes_in_flight: usize,
    /// Bytes of packets queued or unacknowledged, with what their bookkeeping costs.
    pub bytes_queued: usize,
    /// Bytes received and not taken by the program, with what their bookkeeping costs.
    pub bytes_waiting: usize,
}
