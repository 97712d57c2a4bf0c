//! The bytes: parsing and writing of datagram headers and commands.
//!
//! Everything here is total and without state. What [`parse`] returns cannot be malformed as a command; whether it makes sense
//! where it came is for the layers above. Payloads are ranges of the input, so that a caller who holds the datagram in a shared
//! buffer can slice it without a copy. All integers are big-endian on the wire.

mod command;
mod commands;
pub mod emit;
mod field;
mod header;
mod ids;

pub use command::{
    ACKNOWLEDGE_SIZE, BANDWIDTH_LIMIT_SIZE, COMMAND_HEADER_SIZE, CONNECT_SIZE, DISCONNECT_SIZE, FRAGMENT_HEADER_SIZE,
    PING_SIZE, RELIABLE_HEADER_SIZE, THROTTLE_CONFIGURE_SIZE, UNRELIABLE_HEADER_SIZE, UNSEQUENCED_HEADER_SIZE,
    VERIFY_CONNECT_SIZE,
};
pub use command::{Body, Command, Connect, Fragment, ParseError, VerifyConnect, number, parse};
pub use commands::Commands;
pub use header::{HEADER_SIZE, HEADER_SIZE_WITH_TIME, Header};
pub use ids::{ConnectId, PeerId, SessionId};

/// The smallest MTU a connection can have, in bytes (`ENET_PROTOCOL_MINIMUM_MTU`).
pub const PROTOCOL_MINIMUM_MTU: u16 = 576;

/// Short for [`PROTOCOL_MINIMUM_MTU`].
pub const MINIMUM_MTU: u16 = PROTOCOL_MINIMUM_MTU;

/// The largest MTU a connection can have, in bytes (`ENET_PROTOCOL_MAXIMUM_MTU`).
pub const MAXIMUM_MTU: u16 = 4096;

/// The MTU a host offers unless told otherwise, in bytes (`ENET_HOST_DEFAULT_MTU` of ENet 1.3.18).
pub const DEFAULT_MTU: u16 = 1392;

/// The largest datagram that is accepted, in bytes; the commands of a compressed one, once opened, and its header must fit as
/// well (the receive buffers of ENet's host are `ENET_PROTOCOL_MAXIMUM_MTU` long).
pub const MAXIMUM_DATAGRAM: usize = 4096;

/// The smallest window of reliable data in flight, in bytes (`ENET_PROTOCOL_MINIMUM_WINDOW_SIZE`).
pub const MINIMUM_WINDOW: u32 = 4096;

/// The largest window of reliable data in flight that stock peers agree to, in bytes (`ENET_PROTOCOL_MAXIMUM_WINDOW_SIZE`).
pub const MAXIMUM_WINDOW: u32 = 65_536;

/// The fewest channels a connection can have (`ENET_PROTOCOL_MINIMUM_CHANNEL_COUNT`).
pub const MINIMUM_CHANNELS: usize = 1;

/// The most channels a connection can have (`ENET_PROTOCOL_MAXIMUM_CHANNEL_COUNT`): 0xFF is the connection's own.
pub const MAXIMUM_CHANNELS: usize = 255;

/// The channel number of commands of the connection itself.
pub const CONNECTION_CHANNEL: u8 = 0xFF;

/// The peer id in a header whose sender does not know the receiver's yet (`ENET_PROTOCOL_MAXIMUM_PEER_ID`).
pub const NO_PEER_ID: PeerId = PeerId::NONE;

/// The most fragments a packet can have (`ENET_PROTOCOL_MAXIMUM_FRAGMENT_COUNT`).
pub const MAXIMUM_FRAGMENT_COUNT: u32 = 1_048_576;
