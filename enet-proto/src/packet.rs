//! What programs send and receive.

use bytes::Bytes;

/// How a packet is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketMode {
    /// Exactly once, in the order sent on its channel; resent until acknowledged.
    Reliable,
    /// At most once, never after a later unreliable packet of its channel and never before a reliable packet that was sent
    /// earlier on it; lost packets stay lost.
    Unreliable,
    /// At most once, in whatever order it arrives; lost packets stay lost.
    Unsequenced,
}

/// A message and how it is to be delivered, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The payload. Cloning it shares the buffer.
    pub data: Bytes,
    /// The delivery asked for or, on a received packet, the one it came by.
    pub mode: PacketMode,
    /// Whether a packet above the MTU that is not reliable may travel in unreliable fragments, so that the loss of one loses
    /// the packet. If false such a packet goes reliably. On a received packet: whether it came in such fragments.
    pub unreliable_fragments: bool,
}

impl Packet {
    /// A packet that arrives exactly once and in order.
    pub fn reliable(data: impl Into<Bytes>) -> Packet {
        Packet::new(data.into(), PacketMode::Reliable)
    }

    /// A packet that may be lost but never comes late.
    pub fn unreliable(data: impl Into<Bytes>) -> Packet {
        Packet::new(data.into(), PacketMode::Unreliable)
    }

    /// A packet that may be lost or come in any order.
    pub fn unsequenced(data: impl Into<Bytes>) -> Packet {
        Packet::new(data.into(), PacketMode::Unsequenced)
    }

    /// Lets the packet travel in unreliable fragments when it is larger than the MTU.
    #[must_use]
    pub fn with_unreliable_fragments(mut self) -> Packet {
        self.unreliable_fragments = true;
        self
    }

    pub(crate) fn new(data: Bytes, mode: PacketMode) -> Packet {
        Packet {
            data,
            mode,
            unreliable_fragments: false,
        }
    }
}
