//! What can go wrong in calls of the program. Bad input from the network is never an error here: it is dropped and counted.

use thiserror::Error;

/// Why a packet was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// Only a connected peer can be sent to.
    #[error("the peer is not connected")]
    NotConnected,
    /// The connection has fewer channels.
    #[error("channel {channel} does not exist, the connection has channels 0 to {}", count.saturating_sub(1))]
    NoSuchChannel {
        /// The channel asked for.
        channel: u8,
        /// How many the connection has.
        count: usize,
    },
    /// The packet is above the host's largest packet size, or needs more fragments than its receiver can tell apart: at least
    /// 24 576, that is 32 MB at the default MTU and 13 MB at the smallest one. Up to 28 671 fit when the channel's numbers happen to
    /// be at the beginning of a window.
    #[error("a packet of {size} bytes is larger than the limit of {maximum}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        maximum: usize,
    },
    /// The peer has too much queued or unacknowledged; try again when some of it has left.
    #[error("{queued} bytes are queued for the peer, the limit is {maximum}")]
    QueueFull {
        /// Bytes queued or unacknowledged now.
        queued: usize,
        /// The limit in bytes.
        maximum: usize,
    },
}

/// Why a connection attempt was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host has as many peers as it may have, or no wire id is free towards that address.
    #[error("the host has no room for another peer")]
    NoFreeSlot,
    /// A connection has 1 to 255 channels.
    #[error("a connection has 1 to 255 channels, not {0}")]
    InvalidChannelCount(usize),
}
