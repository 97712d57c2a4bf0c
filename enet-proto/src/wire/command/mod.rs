//! The commands a datagram is made of.

mod encode;
mod fragment;
mod handshake;
mod parse;

use std::ops::Range;

pub use fragment::Fragment;
pub(super) use fragment::field as fragment_field;
pub use handshake::{Connect, VerifyConnect};
pub use parse::{ParseError, parse};

use super::ConnectId;

/// One command. Its payload, if it has one, is a range of the bytes it was parsed from, so that the caller can slice a shared
/// buffer instead of copying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The channel; [`CONNECTION_CHANNEL`](super::CONNECTION_CHANNEL) for commands of the connection itself.
    pub channel: u8,
    /// The reliable sequence number: the command's own if it is reliable, else one that it follows, or 0.
    pub sequence: u16,
    /// Whether the sender wants an acknowledgement.
    pub acknowledge: bool,
    /// Whether the command is outside of any order.
    pub unsequenced: bool,
    /// What the command says.
    pub body: Body,
}

/// What a command says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A command with the acknowledge flag arrived.
    Acknowledge {
        /// The reliable sequence number of that command.
        received_sequence: u16,
        /// The sent time of the datagram it came in.
        received_sent_time: u16,
    },
    /// Asks for a connection.
    Connect(Connect),
    /// Grants a connection.
    VerifyConnect(VerifyConnect),
    /// Ends a connection.
    Disconnect {
        /// A number of the program's own.
        data: u32,
    },
    /// Asks for nothing but an acknowledgement.
    Ping,
    /// A reliable packet.
    SendReliable {
        /// The packet.
        payload: Range<usize>,
    },
    /// An unreliable packet.
    SendUnreliable {
        /// The unreliable sequence number.
        sequence: u16,
        /// The packet.
        payload: Range<usize>,
    },
    /// A part of a reliable packet.
    SendFragment(Fragment),
    /// An unsequenced packet.
    SendUnsequenced {
        /// The number that tells duplicates.
        group: u16,
        /// The packet.
        payload: Range<usize>,
    },
    /// Tells the sender's bandwidth limits.
    BandwidthLimit {
        /// What it wants to receive from this peer at most, in bytes a second; 0 is unlimited.
        incoming: u32,
        /// What it sends at most, in bytes a second; 0 is unlimited.
        outgoing: u32,
    },
    /// Changes how the receiver's throttle reacts.
    ThrottleConfigure {
        /// The time between two measurements, in milliseconds.
        interval: u32,
        /// What is added to the throttle while round trips are short, in 32nds.
        acceleration: u32,
        /// What is taken off the throttle while round trips are long, in 32nds.
        deceleration: u32,
    },
    /// A part of an unreliable packet.
    SendUnreliableFragment(Fragment),
}

/// The numbers of the commands: the low four bits of their first byte.
pub mod number {
    /// ACKNOWLEDGE.
    pub const ACKNOWLEDGE: u8 = 1;
    /// CONNECT.
    pub const CONNECT: u8 = 2;
    /// `VERIFY_CONNECT`.
    pub const VERIFY_CONNECT: u8 = 3;
    /// DISCONNECT.
    pub const DISCONNECT: u8 = 4;
    /// PING.
    pub const PING: u8 = 5;
    /// `SEND_RELIABLE`.
    pub const SEND_RELIABLE: u8 = 6;
    /// `SEND_UNRELIABLE`.
    pub const SEND_UNRELIABLE: u8 = 7;
    /// `SEND_FRAGMENT`.
    pub const SEND_FRAGMENT: u8 = 8;
    /// `SEND_UNSEQUENCED`.
    pub const SEND_UNSEQUENCED: u8 = 9;
    /// `BANDWIDTH_LIMIT`.
    pub const BANDWIDTH_LIMIT: u8 = 10;
    /// `THROTTLE_CONFIGURE`.
    pub const THROTTLE_CONFIGURE: u8 = 11;
    /// `SEND_UNRELIABLE_FRAGMENT`.
    pub const SEND_UNRELIABLE_FRAGMENT: u8 = 12;
}

/// What every command begins with, in bytes.
pub const COMMAND_HEADER_SIZE: usize = 4;
/// The length of an ACKNOWLEDGE, in bytes.
pub const ACKNOWLEDGE_SIZE: usize = 8;
/// The length of a CONNECT, in bytes.
pub const CONNECT_SIZE: usize = 48;
/// The length of a `VERIFY_CONNECT`, in bytes.
pub const VERIFY_CONNECT_SIZE: usize = 44;
/// The length of a DISCONNECT, in bytes.
pub const DISCONNECT_SIZE: usize = 8;
/// The length of a PING, in bytes.
pub const PING_SIZE: usize = 4;
/// The length of a `SEND_RELIABLE` before its payload, in bytes.
pub const RELIABLE_HEADER_SIZE: usize = 6;
/// The length of a `SEND_UNRELIABLE` before its payload, in bytes.
pub const UNRELIABLE_HEADER_SIZE: usize = 8;
/// The length of a `SEND_FRAGMENT` or `SEND_UNRELIABLE_FRAGMENT` before its payload, in bytes.
pub const FRAGMENT_HEADER_SIZE: usize = 24;
/// The length of a `SEND_UNSEQUENCED` before its payload, in bytes.
pub const UNSEQUENCED_HEADER_SIZE: usize = 8;
/// The length of a `BANDWIDTH_LIMIT`, in bytes.
pub const BANDWIDTH_LIMIT_SIZE: usize = 12;
/// The length of a `THROTTLE_CONFIGURE`, in bytes.
pub const THROTTLE_CONFIGURE_SIZE: usize = 16;

impl Body {
    /// The number of the command, see [`number`].
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Body::Acknowledge { .. } => number::ACKNOWLEDGE,
            Body::Connect(_) => number::CONNECT,
            Body::VerifyConnect(_) => number::VERIFY_CONNECT,
            Body::Disconnect { .. } => number::DISCONNECT,
            Body::Ping => number::PING,
            Body::SendReliable { .. } => number::SEND_RELIABLE,
            Body::SendUnreliable { .. } => number::SEND_UNRELIABLE,
            Body::SendFragment(_) => number::SEND_FRAGMENT,
            Body::SendUnsequenced { .. } => number::SEND_UNSEQUENCED,
            Body::BandwidthLimit { .. } => number::BANDWIDTH_LIMIT,
            Body::ThrottleConfigure { .. } => number::THROTTLE_CONFIGURE,
            Body::SendUnreliableFragment(_) => number::SEND_UNRELIABLE_FRAGMENT,
        }
    }

    /// The name of the command as ENet writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Body::Acknowledge { .. } => "ACKNOWLEDGE",
            Body::Connect(_) => "CONNECT",
            Body::VerifyConnect(_) => "VERIFY_CONNECT",
            Body::Disconnect { .. } => "DISCONNECT",
            Body::Ping => "PING",
            Body::SendReliable { .. } => "SEND_RELIABLE",
            Body::SendUnreliable { .. } => "SEND_UNRELIABLE",
            Body::SendFragment(_) => "SEND_FRAGMENT",
            Body::SendUnsequenced { .. } => "SEND_UNSEQUENCED",
            Body::BandwidthLimit { .. } => "BANDWIDTH_LIMIT",
            Body::ThrottleConfigure { .. } => "THROTTLE_CONFIGURE",
            Body::SendUnreliableFragment(_) => "SEND_UNRELIABLE_FRAGMENT",
        }
    }

    /// Where the payload lies in the bytes the command was parsed from; `None` if commands of this kind have none.
    #[must_use]
    pub fn payload(&self) -> Option<Range<usize>> {
        match self {
            Body::SendReliable { payload }
            | Body::SendUnreliable { payload, .. }
            | Body::SendUnsequenced { payload, .. }
            | Body::SendFragment(Fragment { payload, .. })
            | Body::SendUnreliableFragment(Fragment { payload, .. }) => Some(payload.clone()),
            _ => None,
        }
    }

    /// The length of the command without its payload, in bytes.
    #[must_use]
    pub const fn fixed_size(&self) -> usize {
        match self {
            Body::Acknowledge { .. } => ACKNOWLEDGE_SIZE,
            Body::Connect(_) => CONNECT_SIZE,
            Body::VerifyConnect(_) => VERIFY_CONNECT_SIZE,
            Body::Disconnect { .. } => DISCONNECT_SIZE,
            Body::Ping => PING_SIZE,
            Body::SendReliable { .. } => RELIABLE_HEADER_SIZE,
            Body::SendUnreliable { .. } => UNRELIABLE_HEADER_SIZE,
            Body::SendFragment(_) | Body::SendUnreliableFragment(_) => FRAGMENT_HEADER_SIZE,
            Body::SendUnsequenced { .. } => UNSEQUENCED_HEADER_SIZE,
            Body::BandwidthLimit { .. } => BANDWIDTH_LIMIT_SIZE,
            Body::ThrottleConfigure { .. } => THROTTLE_CONFIGURE_SIZE,
        }
    }
}

/// The bits of a command's first byte. Those not named are not looked at, as in ENet.
pub(super) mod flag {
    pub(in crate::wire) const NUMBER: u8 = 0x0F;
    pub(in crate::wire) const UNSEQUENCED: u8 = 1 << 6;
    pub(in crate::wire) const ACKNOWLEDGE: u8 = 1 << 7;
}

/// Where the fields stand. The handshake's are with [`Connect`], those of fragments with [`Fragment`].
pub(super) mod field {
    use crate::wire::field::{U8, U16, U32};

    // All commands.
    pub(in crate::wire) const COMMAND: U8<0> = U8;
    pub(in crate::wire) const CHANNEL: U8<1> = U8;
    pub(in crate::wire) const SEQUENCE: U16<2> = U16;

    // ACKNOWLEDGE.
    pub(in crate::wire) const RECEIVED_SEQUENCE: U16<4> = U16;
    pub(in crate::wire) const RECEIVED_SENT_TIME: U16<6> = U16;

    // DISCONNECT.
    pub(in crate::wire) const DISCONNECT_DATA: U32<4> = U32;

    // SEND_RELIABLE.
    pub(in crate::wire) const RELIABLE_LENGTH: U16<4> = U16;

    // SEND_UNRELIABLE and SEND_UNSEQUENCED: the unreliable number and the group.
    pub(in crate::wire) const UNRELIABLE_NUMBER: U16<4> = U16;
    pub(in crate::wire) const UNRELIABLE_LENGTH: U16<6> = U16;

    // BANDWIDTH_LIMIT.
    pub(in crate::wire) const INCOMING: U32<4> = U32;
    pub(in crate::wire) const OUTGOING: U32<8> = U32;

    // THROTTLE_CONFIGURE.
    pub(in crate::wire) const INTERVAL: U32<4> = U32;
    pub(in crate::wire) const ACCELERATION: U32<8> = U32;
    pub(in crate::wire) const DECELERATION: U32<12> = U32;
}
