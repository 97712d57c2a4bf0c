//! Numbers that must not be mixed up.

use std::fmt;

/// The number by which the receiver of a datagram knows the connection it belongs to: 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(u16);

/// Two bits that tell a connection from earlier ones with the same [`PeerId`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionId(u8);

/// The number a client draws for a connection attempt. It is echoed and compared as the bytes it came in, never calculated
/// with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectId(u32);

impl PeerId {
    /// No peer: the sender of the datagram has not been told an id yet.
    pub const NONE: PeerId = PeerId(PeerId::MASK);

    /// How many ids there are beside [`NONE`](Self::NONE).
    pub const COUNT: u16 = PeerId::MASK;

    const MASK: u16 = 0x0FFF;

    /// The id in the low 12 bits of `value`; the others are ignored.
    #[must_use]
    pub const fn new(value: u16) -> PeerId {
        PeerId(value & PeerId::MASK)
    }

    /// The number, `0..=0xFFF`.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }
}

impl SessionId {
    const MASK: u8 = 0b11;

    /// The session in the low two bits of `value`; the others are ignored.
    #[must_use]
    pub const fn new(value: u8) -> SessionId {
        SessionId(value & SessionId::MASK)
    }

    /// The number, `0..=3`.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl ConnectId {
    /// The id whose bytes on the wire are those of `value`, the most significant first.
    #[must_use]
    pub const fn new(value: u32) -> ConnectId {
        ConnectId(value)
    }

    /// The inverse of [`new`](ConnectId::new).
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// The id that travelled as `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> ConnectId {
        ConnectId(u32::from_be_bytes(bytes))
    }

    /// The bytes as they travel; also what seeds the checksum of the connection's datagrams.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Debug for ConnectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectId({:08x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_only_the_bits_that_travel() {
        assert_eq!(PeerId::new(0xF123).value(), 0x123);
        assert_eq!(PeerId::new(0xFFFF), PeerId::NONE);
        assert_eq!(SessionId::new(0xFF).value(), 3);
        assert_eq!(SessionId::new(4).value(), 0);
    }

    #[test]
    fn a_connect_id_is_its_bytes() {
        let id = ConnectId::from_bytes([0x9C, 0x3C, 0x4B, 0x43]);
        assert_eq!(id, ConnectId::new(0x9C3C_4B43));
        assert_eq!(id.to_bytes(), [0x9C, 0x3C, 0x4B, 0x43]);
        assert_eq!(format!("{id:?}"), "ConnectId(9c3c4b43)");
    }
}
