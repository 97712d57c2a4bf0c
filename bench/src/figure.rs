//! What is measured, and in what unit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Figure {
    MessagesPerSecond,
    MebibytesPerSecond,
    /// Of both ends, in microseconds.
    CpuPerMessage,
    /// In microseconds.
    ServerCpuPerMessage,
    /// Of both ends, in milliseconds.
    CpuPerMebibyte,
    /// In microseconds.
    Median,
    /// In microseconds.
    Percentile99,
    /// In microseconds.
    Percentile999,
    /// Of both ends, in microseconds.
    CpuPerRoundTrip,
    /// In milliseconds.
    TimePerRound,
    /// In milliseconds per second: 1000 is one core.
    ServerCpu,
    /// The same while nobody says anything.
    IdleServerCpu,
    /// In seconds.
    JoinTime,
    /// Of the server, in microseconds.
    CpuPerJoin,
    /// Of both ends, in bytes.
    HeapPerPeer,
    /// Of the server alone, in bytes.
    ServerHeapPerPeer,
    /// Of both ends, in bytes.
    ResidentPerPeer,
    /// Of the process, in MiB.
    PeakMemory,
    /// In percent.
    Delivered,
    /// How often one of the two ends has lost a connection. If both have, it is two.
    PeersLost,
    /// Goodput in percent of what window and round trip time allow.
    ShareOfLimit,
    /// The same with the round trip time that bare datagrams had in the same run.
    ShareOfMeasuredLimit,
    /// Of bare datagrams over the same path while it ran, in milliseconds.
    RoundTrip,
    /// Of both ends.
    AllocationsPerMessage,
    /// Of both ends.
    SyscallsPerMessage,
    /// Of the server, per second.
    ServerSyscalls,
}

/// Values by what they are of.
pub(crate) type Figures = BTreeMap<Figure, f64>;

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Figure::MessagesPerSecond => "messages/s",
            Figure::MebibytesPerSecond => "MiB/s",
            Figure::CpuPerMessage => "CPU µs/message",
            Figure::ServerCpuPerMessage => "server CPU µs/message",
            Figure::CpuPerMebibyte => "CPU ms/MiB",
            Figure::Median => "p50 µs",
            Figure::Percentile99 => "p99 µs",
            Figure::Percentile999 => "p99.9 µs",
            Figure::CpuPerRoundTrip => "CPU µs/round trip",
            Figure::TimePerRound => "ms/round",
            Figure::ServerCpu => "server CPU ms/s",
            Figure::IdleServerCpu => "idle server CPU ms/s",
            Figure::JoinTime => "join s",
            Figure::CpuPerJoin => "server CPU µs/join",
            Figure::HeapPerPeer => "heap B/peer, both ends",
            Figure::ServerHeapPerPeer => "heap B/peer, server",
            Figure::ResidentPerPeer => "resident B/peer, both ends",
            Figure::PeakMemory => "peak MiB",
            Figure::Delivered => "delivered %",
            Figure::PeersLost => "peers lost",
            Figure::ShareOfLimit => "% of window/nominal RTT",
            Figure::ShareOfMeasuredLimit => "% of window/measured RTT",
            Figure::RoundTrip => "measured RTT ms",
            Figure::AllocationsPerMessage => "allocations/message",
            Figure::SyscallsPerMessage => "syscalls/message",
            Figure::ServerSyscalls => "server syscalls/s",
        }
    }

    pub(crate) fn better(self) -> Better {
        match self {
            Figure::MessagesPerSecond
            | Figure::MebibytesPerSecond
            | Figure::Delivered
            | Figure::ShareOfLimit
            | Figure::ShareOfMeasuredLimit => Better::More,
            _ => Better::Less,
        }
    }

    /// Whether it says nothing of a run that has lost peers, as its end was waiting.
    pub(crate) fn is_of_time(self) -> bool {
        use Figure::{CpuPerMessage, ServerCpu, ServerCpuPerMessage, ServerSyscalls, SyscallsPerMessage};
        matches!(
            self,
            CpuPerMessage | ServerCpu | ServerCpuPerMessage | ServerSyscalls | SyscallsPerMessage
        )
    }

    /// What a server and its clients have of it together.
    pub(crate) fn combine(self, values: &[f64]) -> f64 {
        let sum: f64 = values.iter().sum();
        match self {
            Figure::PeersLost => sum,
            _ => sum / values.len() as f64,
        }
    }

    /// Whether the value comes from the run that looks closely, and not from those that are timed.
    pub(crate) fn is_counted(self) -> bool {
        matches!(self, Figure::SyscallsPerMessage | Figure::ServerSyscalls)
    }
}
