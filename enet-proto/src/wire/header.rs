//! What every datagram begins with: the receiver's peer id with flags, and the sent time where a command needs one.

use super::field::U16;
use super::{PeerId, SessionId};

/// The length of a header without a sent time, in bytes.
pub const HEADER_SIZE: usize = 2;

/// The length of a header with a sent time, in bytes.
pub const HEADER_SIZE_WITH_TIME: usize = 4;

/// The header of a datagram. A checksum, where the host has them on, comes behind it and is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The connection, as the receiver numbers it; [`PeerId::NONE`] while the sender does not know.
    pub peer_id: PeerId,
    /// The session of that peer id; 0 while the sender does not know the id.
    pub session: SessionId,
    /// Whether the commands are compressed.
    pub compressed: bool,
    /// The low 16 bits of the sender's clock in milliseconds; present when a command wants an acknowledgement.
    pub sent_time: Option<u16>,
}

impl Header {
    /// Reads the header at the beginning of a datagram and tells its length; `None` if the datagram is too short for it.
    #[inline]
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Option<(Header, usize)> {
        let bits = field::PEER_ID_AND_FLAGS.get(datagram.first_chunk::<HEADER_SIZE>()?);
        let sent_time = if bits & flag::SENT_TIME != 0 {
            Some(field::SENT_TIME.get(datagram.first_chunk::<HEADER_SIZE_WITH_TIME>()?))
        } else {
            None
        };
        let header = Header {
            peer_id: PeerId::new(bits),
            session: SessionId::new((bits >> flag::SESSION_SHIFT) as u8),
            compressed: bits & flag::COMPRESSED != 0,
            sent_time,
        };
        Some((header, header.len()))
    }

    /// Appends the header to `out`.
    #[inline]
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes()[..self.len()]);
    }

    /// The header's bytes, of which the first [`len`](Self::len) count.
    #[inline]
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE_WITH_TIME] {
        let mut bits = self.peer_id.value() | u16::from(self.session.value()) << flag::SESSION_SHIFT;
        if self.compressed {
            bits |= flag::COMPRESSED;
        }
        let mut bytes = [0; HEADER_SIZE_WITH_TIME];
        if let Some(time) = self.sent_time {
            bits |= flag::SENT_TIME;
            field::SENT_TIME.set(&mut bytes, time);
        }
        field::PEER_ID_AND_FLAGS.set(&mut bytes, bits);
        bytes
    }

    /// How many bytes the header takes. It is never empty.
    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        if self.sent_time.is_some() {
            HEADER_SIZE_WITH_TIME
        } else {
            HEADER_SIZE
        }
    }
}

mod field {
    use super::U16;

    pub(super) const PEER_ID_AND_FLAGS: U16<0> = U16;
    pub(super) const SENT_TIME: U16<2> = U16;
}

/// The bits above the peer id.
mod flag {
    pub(super) const SESSION_SHIFT: u32 = 12;
    pub(super) const COMPRESSED: u16 = 1 << 14;
    pub(super) const SENT_TIME: u16 = 1 << 15;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header, its bytes, and that each makes the other.
    fn check(header: Header, bytes: &[u8]) {
        assert_eq!(Header::parse(bytes), Some((header, bytes.len())));
        let mut out = Vec::new();
        header.emit(&mut out);
        assert_eq!(out, bytes);
    }

    const PLAIN: Header = Header {
        peer_id: PeerId::new(0x123),
        session: SessionId::new(0),
        compressed: false,
        sent_time: None,
    };

    #[test]
    fn a_header_without_a_sent_time_takes_two_bytes() {
        check(PLAIN, &[0x01, 0x23]);
    }

    #[test]
    fn the_sent_time_follows_its_flag() {
        check(
            Header {
                peer_id: PeerId::NONE,
                sent_time: Some(0xFD61),
                ..PLAIN
            },
            &[0x8F, 0xFF, 0xFD, 0x61],
        );
    }

    #[test]
    fn session_and_compression_have_bits_of_their_own() {
        check(
            Header {
                session: SessionId::new(2),
                ..PLAIN
            },
            &[0x21, 0x23],
        );
        check(
            Header {
                compressed: true,
                ..PLAIN
            },
            &[0x41, 0x23],
        );
    }

    #[test]
    fn what_follows_the_header_is_not_looked_at() {
        assert_eq!(Header::parse(&[0x01, 0x23, 0xFF, 0xFF]), Some((PLAIN, 2)));
    }

    #[test]
    fn a_header_cut_short_is_none() {
        for bytes in [&[][..], &[0x01], &[0x80, 0x00], &[0x80, 0x00, 0x12]] {
            assert_eq!(Header::parse(bytes), None, "{bytes:?}");
        }
    }
}
