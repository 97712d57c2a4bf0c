//! The messages of `SceneMultiplayer`: what is inside the packets of a session. All numbers are little-endian.
//!
//! The low three bits of the first byte are the command. Reading is total: any bytes give a message or an error.

mod guard;
mod interface;
mod path;
mod reader;
mod rpc;
mod system;

use bytes::Bytes;

pub use interface::{Interface, Method, Parameters, RpcMode};
pub use path::{ConfirmPath, NO_METHODS, SimplifyPath};
pub use rpc::{Arguments, MethodId, NodeId, NodeReference, Rpc};
pub use system::System;

pub(crate) use guard::check_for_others;
use reader::Reader;

const COMMAND_MASK: u8 = 0x07;

/// What a packet is for: the low three bits of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    /// A remote procedure call.
    Rpc = 0,
    /// Offers a number for a node's path.
    SimplifyPath = 1,
    /// Accepts it.
    ConfirmPath = 2,
    /// Bytes of the program, from `SceneMultiplayer.send_bytes`.
    Raw = 3,
    /// A node appears.
    Spawn = 4,
    /// A node goes.
    Despawn = 5,
    /// State of nodes.
    Sync = 6,
    /// The session itself.
    System = 7,
}

/// A message between two members of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A remote procedure call.
    Rpc(Rpc),
    /// Offers a number for a node's path.
    SimplifyPath(SimplifyPath),
    /// Accepts it.
    ConfirmPath(ConfirmPath),
    /// Bytes of the program, from `SceneMultiplayer.send_bytes`.
    Raw(Bytes),
    /// Replication: a SPAWN, DESPAWN or SYNC, whole and unread.
    Replication(Bytes),
    /// About the session itself.
    System(System),
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It ends before all that its command calls for, or has no byte at all.
    #[error("the message is truncated")]
    Truncated,
    /// A system message of a kind that Godot does not have.
    #[error("there is no system message of kind {0}")]
    UnknownSystem(u8),
    /// A peer id that is not above zero.
    #[error("{0} is not a peer id")]
    InvalidPeer(i32),
    /// What names the node makes no sense: its path is not UTF-8 or not where the message says, its number has no known size.
    #[error("the node is named in no known way")]
    InvalidNode,
}

impl Command {
    /// What a packet is for; nothing if it is empty.
    #[must_use]
    pub fn of(packet: &[u8]) -> Option<Command> {
        Some(match packet.first()? & COMMAND_MASK {
            0 => Command::Rpc,
            1 => Command::SimplifyPath,
            2 => Command::ConfirmPath,
            3 => Command::Raw,
            4 => Command::Spawn,
            5 => Command::Despawn,
            6 => Command::Sync,
            _ => Command::System,
        })
    }
}

impl Message {
    /// Reads a packet. Payloads are slices of it.
    pub fn parse(packet: &Bytes) -> Result<Message, MessageError> {
        Ok(match Command::of(packet).ok_or(MessageError::Truncated)? {
            Command::Rpc => Message::Rpc(Rpc::parse(packet)?),
            Command::SimplifyPath => Message::SimplifyPath(SimplifyPath::parse(packet)?),
            Command::ConfirmPath => Message::ConfirmPath(ConfirmPath::parse(packet)?),
            Command::Raw => Message::Raw(packet.slice(1..)),
            Command::Spawn | Command::Despawn | Command::Sync => Message::Replication(packet.clone()),
            Command::System => Message::System(System::parse(packet)?),
        })
    }

    /// The packet.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Message::Rpc(rpc) => rpc.to_bytes(),
            Message::SimplifyPath(message) => message.to_bytes(),
            Message::ConfirmPath(message) => message.to_bytes(),
            Message::Raw(data) => raw(data),
            Message::Replication(packet) => packet.clone(),
            Message::System(system) => system.to_bytes(),
        }
    }
}

/// The packet that `SceneMultiplayer.send_bytes` makes of a program's bytes.
#[must_use]
pub fn raw(data: &[u8]) -> Bytes {
    [&[Command::Raw as u8], data].concat().into()
}

/// The command byte without flags, where a message begins.
fn command_byte(reader: &mut Reader<'_>) -> Result<u8, MessageError> {
    reader.u8().ok_or(MessageError::Truncated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::PeerId;

    #[test]
    fn raw_bytes_follow_their_command() {
        let packet = Bytes::from_static(b"\x03hello");
        assert_eq!(Message::parse(&packet), Ok(Message::Raw(Bytes::from_static(b"hello"))));
        assert_eq!(raw(b"hello"), packet);
        assert_eq!(Message::parse(&raw(b"")), Ok(Message::Raw(Bytes::new())));
    }

    #[test]
    fn replication_is_left_whole() {
        for first in [4, 5, 6, 0x86] {
            let packet = Bytes::from(vec![first, 1, 2, 3]);
            let message = Message::parse(&packet).expect("a message");
            assert_eq!(message, Message::Replication(packet.clone()));
            assert_eq!(message.to_bytes(), packet);
        }
    }

    #[test]
    fn nothing_is_no_message() {
        assert_eq!(Message::parse(&Bytes::new()), Err(MessageError::Truncated));
    }

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
    }

    fn peer() -> impl Strategy<Value = PeerId> {
        (1..=i32::MAX).prop_map(|number| PeerId::new(number).expect("above zero"))
    }

    fn node() -> impl Strategy<Value = NodeReference> {
        prop_oneof![
            (0..1u32 << 31).prop_map(|id| NodeReference::Id(NodeId::new(id).expect("31 bits"))),
            (0..1000u32).prop_map(|id| NodeReference::Id(NodeId::new(id).expect("31 bits"))),
            "[a-zA-Z/é]{0,30}".prop_map(|path| NodeReference::Path(path.into())),
        ]
    }

    fn arguments() -> impl Strategy<Value = Arguments> {
        prop_oneof![
            Just(Arguments::None),
            bytes()
                .prop_filter("an empty array reads as none", |data| !data.is_empty())
                .prop_map(Arguments::Bytes),
            (any::<u8>(), bytes()).prop_map(|(count, data)| Arguments::Encoded { count, data }),
        ]
    }

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            (node(), any::<u16>(), arguments()).prop_map(|(node, method, arguments)| Message::Rpc(Rpc {
                node,
                method: MethodId(method),
                arguments
            })),
            ("[0-9a-f]{32}", 0..1u32 << 31, "[a-zA-Z/é]{0,30}").prop_map(|(checksum, id, path)| {
                Message::SimplifyPath(SimplifyPath {
                    checksum: checksum.into_bytes().try_into().expect("32 digits"),
                    id: NodeId::new(id).expect("31 bits"),
                    path: path.into(),
                })
            }),
            (any::<bool>(), node()).prop_filter_map("reads as a number", |(checksum_matched, node)| match &node {
                NodeReference::Path(path) if path.len() == 3 => None,
                _ => Some(Message::ConfirmPath(ConfirmPath { checksum_matched, node })),
            }),
            bytes().prop_map(Message::Raw),
            bytes().prop_map(|data| Message::System(System::Auth(data))),
            peer().prop_map(|peer| Message::System(System::AddPeer(peer))),
            peer().prop_map(|peer| Message::System(System::DelPeer(peer))),
            (any::<i32>(), bytes()).prop_map(|(peer, packet)| Message::System(System::Relay { peer, packet })),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(message in message()) {
            prop_assert_eq!(Message::parse(&message.to_bytes()), Ok(message));
        }

        #[test]
        fn any_bytes_are_read_or_refused(packet in bytes()) {
            if let Ok(message) = Message::parse(&packet) {
                // Flags that mean nothing and bytes behind the end are not kept, the message is.
                prop_assert_eq!(Message::parse(&message.to_bytes()), Ok(message));
            }
        }

        #[test]
        fn a_truncated_message_is_never_read_as_the_whole(message in message(), cut in any::<prop::sample::Index>()) {
            let packet = message.to_bytes();
            // But for the NUL behind a path, which a Godot does not ask for either.
            let path_ends_it = match &message {
                Message::Rpc(rpc) => matches!(rpc.node, NodeReference::Path(_)),
                Message::SimplifyPath(_) => true,
                Message::ConfirmPath(confirm) => matches!(confirm.node, NodeReference::Path(_)),
                _ => false,
            };
            let whole = packet.len() - usize::from(path_ends_it);
            let short = packet.slice(..cut.index(whole));
            prop_assert_ne!(Message::parse(&short), Ok(message));
        }
    }
}
