//! What a session tells its program.

use std::sync::Arc;

use bytes::Bytes;
use enet_proto::DisconnectReason;

use crate::PeerId;
use crate::calls::Call;
use crate::scene::{Message, MessageError};
use crate::transfer::{TransferChannel, TransferMode};

/// What happens at a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A client has joined.
    PeerConnected {
        /// Its id.
        id: PeerId,
    },
    /// A client has left.
    PeerDisconnected {
        /// Its id, which may be taken anew.
        id: PeerId,
        /// Why it left.
        reason: Departure,
    },
    /// A packet for the server, directly or because it was for all.
    Packet(Received),
    /// A call of a method of a node that was [added](crate::GodotServer::add_node).
    Call(Call),
}

/// What happens at a client.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// Another client is in the session. (The server is from the start.)
    PeerConnected {
        /// Its id.
        id: PeerId,
    },
    /// Another client has left.
    PeerDisconnected {
        /// Its id.
        id: PeerId,
    },
    /// A packet, from the server or, by way of it, from another client.
    Packet(Received),
    /// A call of a method of a node that was [added](crate::GodotClient::add_node).
    Call(Call),
    /// The session is over. The last event.
    Disconnected {
        /// Why.
        reason: Departure,
    },
}

/// A packet, as `get_packet` and its companions tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub from: PeerId,
    /// The transfer channel it came on.
    pub channel: TransferChannel,
    /// The transfer mode it came in.
    pub mode: TransferMode,
    /// The packet, whole.
    pub data: Bytes,
    /// If it is a remote procedure call: the path of the node, also when the packet has only the number agreed on for it.
    /// Nothing if the number is unknown.
    pub node_path: Option<Arc<str>>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Departure {
    /// The other side closed it.
    #[error("closed by the other side")]
    Remote {
        /// The number it passed along; Godot passes 0.
        data: u32,
    },
    /// This side closed it.
    #[error("closed by this side")]
    Local,
    /// The other side fell silent.
    #[error("timed out")]
    TimedOut,
    /// The server's answer to the connection attempt did not fit.
    #[error("refused")]
    Refused,
    /// It took packets more slowly than every client must, while there were more for it.
    #[error("too slow: it takes less than every client must")]
    TooSlow,
    /// It sent other clients more than they take, and went on although it was slowed down.
    #[error("too fast: it sent more than is taken")]
    TooFast,
    /// It made as many calls that had to be refused as [`CallLimits::kick_after`](crate::calls::CallLimits::kick_after) says.
    #[error("too many calls that had to be refused")]
    BadCalls,
}

impl Departure {
    /// The number in the DISCONNECT that a server sends a client which is [too slow](Departure::TooSlow).
    pub const TOO_SLOW: u32 = 4001;

    /// The number in the DISCONNECT that a server sends a client which is [too fast](Departure::TooFast).
    pub const TOO_FAST: u32 = 4002;

    /// The number in the DISCONNECT that a server sends a client which made too many [bad calls](Departure::BadCalls).
    pub const BAD_CALLS: u32 = 4003;
}

impl From<DisconnectReason> for Departure {
    fn from(reason: DisconnectReason) -> Departure {
        match reason {
            DisconnectReason::Remote { data } => Departure::Remote { data },
            DisconnectReason::Local => Departure::Local,
            DisconnectReason::TimedOut
            | DisconnectReason::LargeDatagramsLost
            | DisconnectReason::NotUnderstood
            | DisconnectReason::Unreachable => Departure::TimedOut,
            DisconnectReason::Refused => Departure::Refused,
        }
    }
}

impl Received {
    /// The packet as a message of `SceneMultiplayer`.
    pub fn message(&self) -> Result<Message, MessageError> {
        Message::parse(&self.data)
    }
}
