//! What a host tells its program.

use thiserror::Error;

use crate::host::PeerHandle;
use crate::packet::Packet;

/// Something that happened to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection is up, in either direction.
    Connected {
        /// The new peer.
        peer: PeerHandle,
        /// What the other side passed along when it connected; 0 on the side that dialled.
        data: u32,
    },
    /// A connection ended, or could not be made. The handle is not valid any more.
    Disconnected {
        /// The peer that went.
        peer: PeerHandle,
        /// Why it went.
        reason: DisconnectReason,
    },
    /// A packet arrived.
    Received {
        /// Who sent it.
        peer: PeerHandle,
        /// The channel it came on.
        channel: u8,
        /// The packet.
        packet: Packet,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DisconnectReason {
    /// The other side ended it.
    #[error("the other side disconnected (data {data})")]
    Remote {
        /// What it passed along.
        data: u32,
    },
    /// This side asked for it, and the other side has confirmed.
    #[error("disconnected")]
    Local,
    /// The other side did not answer for too long.
    #[error("the other side does not answer")]
    TimedOut,
    /// The other side is still heard, and acknowledges none of the datagrams that are larger than what every path must carry: one on
    /// the way seems to swallow them. The [`mtu`](crate::HostConfig::mtu) is the remedy.
    #[error("the other side is there, but larger datagrams do not seem to reach it: set a smaller MTU")]
    LargeDatagramsLost,
    /// Something came back while connecting, and was no answer.
    #[error(
        "what came back was not understood: the other side may use another compression or checksum, or not be ENet"
    )]
    NotUnderstood,
    /// What carries the datagrams cannot reach the other side any more; see [`Host::unreachable`](crate::Host::unreachable).
    #[error("the other side cannot be reached any more")]
    Unreachable,
    /// The other side's answer to our CONNECT did not fit what was asked.
    #[error("the other side's answer did not fit what was asked")]
    Refused,
}

impl DisconnectReason {
    /// The number ENet reports with a disconnect: what the other side passed along, else 0.
    #[must_use]
    pub fn data(&self) -> u32 {
        match self {
            DisconnectReason::Remote { data } => *data,
            DisconnectReason::Local
            | DisconnectReason::TimedOut
            | DisconnectReason::LargeDatagramsLost
            | DisconnectReason::NotUnderstood
            | DisconnectReason::Unreachable
            | DisconnectReason::Refused => 0,
        }
    }
}
