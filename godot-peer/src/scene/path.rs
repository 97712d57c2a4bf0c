//! `SIMPLIFY_PATH` and `CONFIRM_PATH`: agreeing on a short number for a node's path.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::Reader;
use super::rpc::NodeId;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfirmPath {
    /// Whether the answering side has the same remote procedures there. If not, a Godot prints an error for each call.
    pub checksum_matched: bool,
    /// The number that is confirmed.
    pub id: NodeId,
}

impl SimplifyPath {
    pub(super) fn parse(packet: &Bytes) -> Result<SimplifyPath, MessageError> {
        let mut reader = Reader::new(packet);
        command_byte(&mut reader)?;
        let checksum = *reader.array::<CHECKSUM_DIGITS>().ok_or(MessageError::Truncated)?;
        let end = reader.u8().ok_or(MessageError::Truncated)?;
        if end != 0 || !checksum.iter().all(u8::is_ascii_hexdigit) {
            return Err(MessageError::InvalidChecksum);
        }
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
        let id = reader.u32().ok_or(MessageError::Truncated)?;
        let id = NodeId::new(id).ok_or(MessageError::InvalidNode)?;
        Ok(ConfirmPath { checksum_matched, id })
    }

    /// The packet.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(6);
        bytes.put_u8(Command::ConfirmPath as u8);
        bytes.put_u8(self.checksum_matched.into());
        bytes.put_u32_le(self.id.number());
        bytes.freeze()
    }
}

/// A path at the end of a message: UTF-8 up to a NUL, which must be there.
pub(super) fn path_in(bytes: &[u8]) -> Option<Arc<str>> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
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
            id: NodeId::new(0x0102).expect("31 bits"),
        };
        let bytes = b"\x02\x01\x02\x01\x00\x00";
        assert_eq!(message.to_bytes(), &bytes[..]);
        assert_eq!(
            Message::parse(&Bytes::from_static(bytes)),
            Ok(Message::ConfirmPath(message))
        );
    }

    #[test]
    fn bad_ones_are_refused() {
        for size in 0..SIMPLIFY.len() {
            assert!(
                Message::parse(&Bytes::from_static(&SIMPLIFY[..size])).is_err(),
                "{size}"
            );
        }
        let mut not_hex = SIMPLIFY.to_vec();
        not_hex[3] = b'g';
        assert_eq!(Message::parse(&not_hex.into()), Err(MessageError::InvalidChecksum));
        let mut not_utf8 = SIMPLIFY.to_vec();
        not_utf8[40] = 0xff;
        assert_eq!(Message::parse(&not_utf8.into()), Err(MessageError::InvalidNode));
    }
}
