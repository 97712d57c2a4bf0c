//! `SIMPLIFY_PATH` and `CONFIRM_PATH`: agreeing on a short number for a node's path.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::Reader;
use super::rpc::{NodeId, NodeReference};
use super::{Command, MessageError, command_byte};

const CHECKSUM_DIGITS: usize = 32;

/// "I shall call the node with this path by this number."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimplifyPath {
    /// MD5, in hexadecimal digits, over the names of the node's remote procedures in the order of their numbers.
    pub checksum: [u8; CHECKSUM_DIGITS],
    /// The number.
    pub id: NodeId,
    /// The path, from the scene's root.
    pub path: Arc<str>,
}

/// The answer: from now on the number alone will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmPath {
    /// Whether the answering side has the same remote procedures there. If not, a Godot prints an error for each call.
    pub checksum_matched: bool,
    /// What is confirmed: the number, or, to and from a Godot 4.2, the path. A path of three bytes cannot be told from a number.
    pub node: NodeReference,
}

/// The [checksum](SimplifyPath::checksum) of a node without remote procedures, such as a spawner or a synchronizer.
pub const NO_METHODS: [u8; CHECKSUM_DIGITS] = *b"d41d8cd98f00b204e9800998ecf8427e";

impl SimplifyPath {
    pub(super) fn parse(packet: &Bytes) -> Result<SimplifyPath, MessageError> {
        let mut reader = Reader::new(packet);
        command_byte(&mut reader)?;
        // As a Godot reads it: what is no checksum is the checksum of something else, and its end is not looked at.
        let checksum = *reader.array::<CHECKSUM_DIGITS>().ok_or(MessageError::Truncated)?;
        reader.u8().ok_or(MessageError::Truncated)?;
        let id = reader.u32().ok_or(MessageError::Truncated)?;
        let id = NodeId::new(id).ok_or(MessageError::InvalidNode)?;
        let path = path_in(reader.rest()).ok_or(MessageError::InvalidNode)?;
        Ok(SimplifyPath { checksum, id, path })
    }

    /// The packet.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(CHECKSUM_DIGITS + 7 + self.path.len());
        bytes.put_u8(Command::SimplifyPath as u8);
        bytes.put_slice(&self.checksum);
        bytes.put_u8(0);
        bytes.put_u32_le(self.id.number());
        put_path(&mut bytes, &self.path);
        bytes.freeze()
    }
}

impl ConfirmPath {
    pub(super) fn parse(packet: &Bytes) -> Result<ConfirmPath, MessageError> {
        let mut reader = Reader::new(packet);
        command_byte(&mut reader)?;
        let checksum_matched = reader.u8().ok_or(MessageError::Truncated)? != 0;
        let node = match reader.rest() {
            &[] => return Err(MessageError::Truncated),
            &[a, b, c, d] => NodeId::new(u32::from_le_bytes([a, b, c, d])).map(NodeReference::Id),
            // It always has its end, or else one of three bytes could not be told from an id when it is written again.
            [path @ .., 0] if !path.contains(&0) => path_in(path).map(NodeReference::Path),
            _ => None,
        };
        let node = node.ok_or(MessageError::InvalidNode)?;
        Ok(ConfirmPath { checksum_matched, node })
    }

    /// The packet.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(6);
        bytes.put_u8(Command::ConfirmPath as u8);
        bytes.put_u8(self.checksum_matched.into());
        match &self.node {
            NodeReference::Id(id) => bytes.put_u32_le(id.number()),
            NodeReference::Path(path) => put_path(&mut bytes, path),
        }
        bytes.freeze()
    }
}

/// A path at the end of a message: UTF-8 up to a NUL or, as a Godot reads it as well, the end.
pub(super) fn path_in(bytes: &[u8]) -> Option<Arc<str>> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    str::from_utf8(&bytes[..end]).ok().map(Arc::from)
}

/// The reverse; a NUL inside cannot be written, the path ends there.
pub(super) fn put_path(bytes: &mut BytesMut, path: &str) {
    let path = path.split('\0').next().unwrap_or_default();
    bytes.put_slice(path.as_bytes());
    bytes.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Message;

    const SIMPLIFY: &[u8] = b"\x010123456789abcdef0123456789abcdef\0\x05\x00\x00\x00Main/Scenario\0";

    #[test]
    fn literal_simplify_path() {
        let message = SimplifyPath {
            checksum: *b"0123456789abcdef0123456789abcdef",
            id: NodeId::new(5).expect("31 bits"),
            path: "Main/Scenario".into(),
        };
        assert_eq!(SIMPLIFY.len(), 52);
        assert_eq!(message.to_bytes(), SIMPLIFY);
        assert_eq!(
            Message::parse(&Bytes::from_static(SIMPLIFY)),
            Ok(Message::SimplifyPath(message))
        );
    }

    #[test]
    fn literal_confirm_path() {
        let message = ConfirmPath {
            checksum_matched: true,
            node: NodeReference::Id(NodeId::new(0x0102).expect("31 bits")),
        };
        let bytes = b"\x02\x01\x02\x01\x00\x00";
        assert_eq!(message.to_bytes(), &bytes[..]);
        assert_eq!(
            Message::parse(&Bytes::from_static(bytes)),
            Ok(Message::ConfirmPath(message))
        );
    }

    #[test]
    fn a_godot_4_2_confirms_the_path_itself() {
        let message = ConfirmPath {
            checksum_matched: true,
            node: NodeReference::Path(".".into()),
        };
        let bytes = b"\x02\x01.\x00";
        assert_eq!(message.to_bytes(), &bytes[..]);
        assert_eq!(
            Message::parse(&Bytes::from_static(bytes)),
            Ok(Message::ConfirmPath(message))
        );
    }

    #[test]
    fn short_ones_and_numbers_of_32_bits_are_refused() {
        for size in 0..38 {
            assert!(
                Message::parse(&Bytes::from_static(&SIMPLIFY[..size])).is_err(),
                "{size}"
            );
        }
        let mut number = SIMPLIFY.to_vec();
        number[37] = 0x80;
        assert_eq!(Message::parse(&number.into()), Err(MessageError::InvalidNode));
        for bytes in [
            &b"\x02"[..],
            b"\x02\x01",
            b"\x02\x01\x00\x00\x00\x80",
            b"\x02\x01Spawner",
        ] {
            assert!(Message::parse(&Bytes::from_static(bytes)).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_offer_is_read_as_a_godot_reads_it() {
        let read = |bytes: &[u8]| match Message::parse(&Bytes::copy_from_slice(bytes)) {
            Ok(Message::SimplifyPath(offer)) => offer,
            other => panic!("{other:?}"),
        };
        // Without its NUL, and with no checksum at all.
        assert_eq!(&*read(&SIMPLIFY[..51]).path, "Main/Scenario");
        let mut no_checksum = SIMPLIFY.to_vec();
        no_checksum[1..34].fill(b'?');
        assert_eq!(&*read(&no_checksum).path, "Main/Scenario");
        assert_eq!(read(&no_checksum).checksum, [b'?'; 32]);
        let mut not_utf8 = SIMPLIFY.to_vec();
        not_utf8[40] = 0xff;
        assert_eq!(Message::parse(&not_utf8.into()), Err(MessageError::InvalidNode));
    }
}
