//! RPC: a call of a method on a node. The arguments stay as they are on the wire.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::path::{path_in, put_path};
use super::reader::Reader;
use super::{Command, MessageError, command_byte};

const NODE_SIZE_SHIFT: u8 = 4;
const NODE_SIZE_MASK: u8 = 0b11 << NODE_SIZE_SHIFT;
const NODE_U8: u8 = 0;
const NODE_U16: u8 = 1;
const NODE_U32: u8 = 2;
const METHOD_U16: u8 = 1 << 6;
/// No argument, or one that is a byte array, which then fills the message.
const RAW_ARGUMENT: u8 = 1 << 7;

/// The node is named by a path; the low 31 bits tell where in the message it begins.
const PATH_OFFSET: u32 = 1 << 31;

/// A number that stands for a node's path, once agreed on: 31 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// Which node is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeReference {
    /// By the number that the caller offered in a [`SimplifyPath`](super::SimplifyPath).
    Id(NodeId),
    /// By its path from the scene's root, such as `Main/Chat`. Always understood.
    Path(Arc<str>),
}

/// Which method is called: its place among the node's remote procedures, sorted by name. Those that the node's class has, and
/// not its script, are 0x8000 further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodId(pub u16);

/// What a call passes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// Nothing. One empty byte array looks the same.
    None,
    /// One `PackedByteArray`.
    Bytes(Bytes),
    /// Others, as Godot's compressed variants.
    Encoded {
        /// How many.
        count: u8,
        /// One after the other.
        data: Bytes,
    },
}

/// A remote procedure call.
///
/// ```
/// use godot_peer::scene::{Arguments, MethodId, Rpc};
///
/// // @rpc functions of the script on the node Main/Chat: say, wave.
/// let wave = MethodId::among(&["wave", "say"], "wave").expect("it is one of them");
/// let call = Rpc::new("Main/Chat", wave, Arguments::None);
/// assert_eq!(call.to_bytes(), &b"\xa0\x06\x00\x00\x80\x01Main/Chat\0"[..]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rpc {
    /// The node.
    pub node: NodeReference,
    /// The method.
    pub method: MethodId,
    /// The arguments.
    pub arguments: Arguments,
}

impl NodeId {
    /// The number, if it fits in 31 bits.
    #[must_use]
    pub const fn new(number: u32) -> Option<NodeId> {
        if number & PATH_OFFSET == 0 {
            Some(NodeId(number))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl MethodId {
    /// The id of a method among all the remote procedures of a script, in whatever order they are given.
    #[must_use]
    pub fn among(methods: &[&str], method: &str) -> Option<MethodId> {
        methods.contains(&method).then(|| {
            let before = methods.iter().filter(|&&other| other < method).count();
            MethodId(u16::try_from(before).unwrap_or(u16::MAX))
        })
    }
}

impl Rpc {
    /// A call of a method on the node with that path.
    #[must_use]
    pub fn new(path: &str, method: MethodId, arguments: Arguments) -> Rpc {
        Rpc {
            node: NodeReference::Path(path.into()),
            method,
            arguments,
        }
    }

    pub(super) fn parse(packet: &Bytes) -> Result<Rpc, MessageError> {
        let mut reader = Reader::new(packet);
        let flags = command_byte(&mut reader)?;
        let node = match (flags & NODE_SIZE_MASK) >> NODE_SIZE_SHIFT {
            NODE_U8 => reader.u8().map(u32::from),
            NODE_U16 => reader.u16().map(u32::from),
            NODE_U32 => reader.u32(),
            _ => return Err(MessageError::InvalidNode),
        }
        .ok_or(MessageError::Truncated)?;
        let method = if flags & METHOD_U16 == 0 {
            reader.u8().map(u16::from)
        } else {
            reader.u16()
        };
        let method = MethodId(method.ok_or(MessageError::Truncated)?);

        let rest = reader.rest();
        let (node, arguments) = match NodeId::new(node) {
            Some(id) => (NodeReference::Id(id), rest),
            None => {
                let read = packet.len() - rest.len();
                let path_at = usize::try_from(node & !PATH_OFFSET)
                    .ok()
                    .and_then(|offset| offset.checked_sub(read));
                let (arguments, path) = path_at
                    .and_then(|at| rest.split_at_checked(at))
                    .filter(|(_, path)| !path.is_empty())
                    .ok_or(MessageError::InvalidNode)?;
                let path = path_in(path).ok_or(MessageError::InvalidNode)?;
                (NodeReference::Path(path), arguments)
            }
        };
        let arguments = Arguments::parse(flags & RAW_ARGUMENT != 0, packet.slice_ref(arguments))?;
        Ok(Rpc {
            node,
            method,
            arguments,
        })
    }

    /// The packet.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(16 + self.arguments.size() + self.node.size());
        bytes.put_u8(Command::Rpc as u8 | self.arguments.flags() | self.method.flags() | self.node.flags());
        let node_at = bytes.len();
        match &self.node {
            NodeReference::Id(NodeId(id)) => match self.node.flags() >> NODE_SIZE_SHIFT {
                NODE_U8 => bytes.put_uint_le(u64::from(*id), 1),
                NODE_U16 => bytes.put_uint_le(u64::from(*id), 2),
                _ => bytes.put_u32_le(*id),
            },
            NodeReference::Path(_) => bytes.put_u32_le(0),
        }
        match u8::try_from(self.method.0) {
            Ok(short) => bytes.put_u8(short),
            Err(_) => bytes.put_u16_le(self.method.0),
        }
        match &self.arguments {
            Arguments::None => {}
            Arguments::Bytes(data) => bytes.put_slice(data),
            Arguments::Encoded { count, data } => {
                bytes.put_u8(*count);
                bytes.put_slice(data);
            }
        }
        if let NodeReference::Path(path) = &self.node {
            // Packets are far from 2 GiB: the offset fits.
            let offset = u32::try_from(bytes.len()).unwrap_or(u32::MAX) | PATH_OFFSET;
            bytes[node_at..][..4].copy_from_slice(&offset.to_le_bytes());
            put_path(&mut bytes, path);
        }
        bytes.freeze()
    }
}

impl NodeReference {
    fn flags(&self) -> u8 {
        let size = match self {
            NodeReference::Id(NodeId(0..=0xff)) => NODE_U8,
            NodeReference::Id(NodeId(0x100..=0xffff)) => NODE_U16,
            NodeReference::Id(_) | NodeReference::Path(_) => NODE_U32,
        };
        size << NODE_SIZE_SHIFT
    }

    fn size(&self) -> usize {
        match self {
            NodeReference::Id(_) => 0,
            NodeReference::Path(path) => path.len(),
        }
    }
}

impl MethodId {
    fn flags(self) -> u8 {
        if self.0 > 0xff { METHOD_U16 } else { 0 }
    }
}

impl Arguments {
    fn parse(raw: bool, data: Bytes) -> Result<Arguments, MessageError> {
        if raw {
            return Ok(if data.is_empty() {
                Arguments::None
            } else {
                Arguments::Bytes(data)
            });
        }
        let &count = data.first().ok_or(MessageError::Truncated)?;
        Ok(Arguments::Encoded {
            count,
            data: data.slice(1..),
        })
    }

    fn flags(&self) -> u8 {
        match self {
            Arguments::None | Arguments::Bytes(_) => RAW_ARGUMENT,
            Arguments::Encoded { .. } => 0,
        }
    }

    fn size(&self) -> usize {
        match self {
            Arguments::None => 0,
            Arguments::Bytes(data) | Arguments::Encoded { data, .. } => data.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Message;

    fn id(number: u32) -> NodeReference {
        NodeReference::Id(NodeId::new(number).expect("31 bits"))
    }

    #[test]
    fn literal_bytes() {
        let encoded = Arguments::Encoded {
            count: 1,
            data: Bytes::from_static(&[0x02, 42]),
        };
        let path = NodeReference::Path("Main".into());
        let cases: [(&[u8], Rpc); 6] = [
            (
                b"\x80\x01\x03",
                Rpc {
                    node: id(1),
                    method: MethodId(3),
                    arguments: Arguments::None,
                },
            ),
            (
                b"\x80\x01\x03abc",
                Rpc {
                    node: id(1),
                    method: MethodId(3),
                    arguments: Arguments::Bytes(Bytes::from_static(b"abc")),
                },
            ),
            (
                b"\x00\x01\x03\x01\x02\x2a",
                Rpc {
                    node: id(1),
                    method: MethodId(3),
                    arguments: encoded.clone(),
                },
            ),
            (
                b"\x50\x00\x01\x00\x80\x01\x02\x2a",
                Rpc {
                    node: id(256),
                    method: MethodId(0x8000),
                    arguments: encoded.clone(),
                },
            ),
            (
                b"\xa0\x00\x00\x01\x00\x00",
                Rpc {
                    node: id(65536),
                    method: MethodId(0),
                    arguments: Arguments::None,
                },
            ),
            (
                b"\x20\x09\x00\x00\x80\x02\x01\x02\x2aMain\0",
                Rpc {
                    node: path,
                    method: MethodId(2),
                    arguments: encoded,
                },
            ),
        ];
        for (bytes, rpc) in cases {
            assert_eq!(rpc.to_bytes(), bytes, "{rpc:?}");
            assert_eq!(Message::parse(&Bytes::from_static(bytes)), Ok(Message::Rpc(rpc)));
        }
    }

    #[test]
    fn a_path_outside_the_message_is_refused() {
        // Before the arguments, behind the end, and at the end.
        for offset in [0, 5, 100, 0x7fff_ffff, 11] {
            let mut bytes = b"\xa0\0\0\0\0\x02Main\0".to_vec();
            bytes[1..5].copy_from_slice(&(offset | PATH_OFFSET).to_le_bytes());
            assert_eq!(
                Message::parse(&bytes.into()),
                Err(MessageError::InvalidNode),
                "{offset}"
            );
        }
    }

    #[test]
    fn a_path_without_a_nul_ends_with_the_message() {
        let rpc = Rpc::new("Main", MethodId(2), Arguments::None);
        assert_eq!(
            Message::parse(&Bytes::from_static(b"\xa0\x06\0\0\x80\x02Main")),
            Ok(Message::Rpc(rpc))
        );
    }

    #[test]
    fn a_node_number_of_unknown_size_is_refused() {
        assert_eq!(
            Message::parse(&Bytes::from_static(b"\xb0\x01\x00\x00\x00\x03")),
            Err(MessageError::InvalidNode)
        );
    }

    #[test]
    fn truncated_calls_are_refused() {
        for bytes in [
            &b"\x00"[..],
            b"\x00\x01",
            b"\x00\x01\x03",
            b"\x20\x01\x00\x00",
            b"\x40\x01\x03",
        ] {
            assert_eq!(
                Message::parse(&Bytes::from_static(bytes)),
                Err(MessageError::Truncated),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn methods_count_in_the_order_of_their_names() {
        let methods = ["say", "reliable_0", "ordered_0"];
        assert_eq!(MethodId::among(&methods, "ordered_0"), Some(MethodId(0)));
        assert_eq!(MethodId::among(&methods, "reliable_0"), Some(MethodId(1)));
        assert_eq!(MethodId::among(&methods, "say"), Some(MethodId(2)));
        assert_eq!(MethodId::among(&methods, "shout"), None);
    }
}
