//! What programs send and receive.

use bytes::Bytes;

use crate::wire;

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
///
/// A packet that was received may share its buffer with what came with it, up to 64 KiB, and keep all of that alive. When it is
/// [sent](crate::PeerMut::send) on it is [detached](Packet::detach) first. Who keeps one for long, or sends its
/// [`data`](Packet::data) on in another packet, should do so too.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The payload. Cloning it shares the buffer.
    pub data: Bytes,
    /// The delivery asked for or, on a received packet, the one it came by.
    pub mode: PacketMode,
    /// Whether a packet above the MTU that is not reliable may travel in unreliable fragments, so that the loss of one loses
    /// the packet. If false such a packet goes reliably. On a received packet: whether it came in such fragments.
    pub unreliable_fragments: bool,
    /// Whether the payload may be a part of the datagram that it came in, or of several.
    borrowed: bool,
}

/// Packets are equal if they say the same in the same way, wherever their bytes are.
impl PartialEq for Packet {
    fn eq(&self, other: &Packet) -> bool {
        let how = |packet: &Packet| (packet.mode, packet.unreliable_fragments);
        how(self) == how(other) && self.data == other.data
    }
}

impl Eq for Packet {}

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

    /// Marks the payload as a part of a buffer that holds other things as well, such as a part of what was received: when the packet
    /// is sent it does not keep the rest alive.
    #[must_use]
    pub fn borrowed(mut self) -> Packet {
        self.borrowed = true;
        self
    }

    /// Frees a received packet from the buffer that it shares with others; does nothing to one that shares none. See [`detach`].
    pub fn detach(&mut self) {
        if self.borrowed {
            self.borrowed = false;
            self.data = detach(std::mem::take(&mut self.data));
        }
    }

    pub(crate) fn new(data: Bytes, mode: PacketMode) -> Packet {
        Packet {
            data,
            mode,
            unreliable_fragments: false,
            borrowed: false,
        }
    }
}

/// Frees bytes that may have been received from the buffer they came in, by copying them.
///
/// A slice of a datagram keeps the whole of it alive, and where the kernel hands over many at once all of these: a few bytes could
/// keep 64 KiB. So what is received and kept, or sent on, is copied, unless it is above the largest datagram's size: such a packet
/// was put together from fragments in a buffer of its own.
#[must_use]
pub fn detach(data: Bytes) -> Bytes {
    if data.len() > wire::MAXIMUM_DATAGRAM {
        return data;
    }
    Bytes::copy_from_slice(&data)
}

/// No receive buffer is larger.
const BUFFER_SIZE: usize = 64 * 1024;

/// Counts the receive buffers that the packets of a queue keep alive.
///
/// To copy each packet that waits would be dear, as most are taken within microseconds, and many small ones share a buffer: what
/// comes at once to a program that keeps up is in a few of them, however many packets it is.
#[derive(Debug, Default)]
pub struct KeptBuffers {
    count: usize,
    /// Where the first packet of the latest one is.
    first: usize,
}

impl KeptBuffers {
    /// None.
    #[must_use]
    pub const fn new() -> KeptBuffers {
        KeptBuffers { count: 0, first: 0 }
    }

    /// How many there are, once a packet has come to the end of the queue. It may be counted more often than it is there, as when
    /// packets of two buffers come in turns, but the memory that is kept is no more than twice 64 KiB for each.
    pub fn count_with(&mut self, packet: &Packet) -> usize {
        if packet.borrowed {
            let at = packet.data.as_ptr().addr();
            if self.count == 0 || at.wrapping_sub(self.first) >= BUFFER_SIZE {
                self.count += 1;
                self.first = at;
            }
        }
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_shares_its_buffer_is_detached_and_others_are_left_alone() {
        let buffer = Bytes::from(vec![1; 2000]);
        let mut received = Packet::reliable(buffer.slice(..10)).borrowed();
        received.detach();
        assert!(received.data.is_unique());
        assert_eq!(received, Packet::reliable(vec![1; 10]));
        let mut own = Packet::reliable(buffer.slice(..10));
        own.detach();
        assert_eq!(own.data.as_ptr(), buffer.as_ptr());
        let large = Bytes::from(vec![1; wire::MAXIMUM_DATAGRAM + 1]);
        assert_eq!(detach(large.clone()).as_ptr(), large.as_ptr());
    }

    #[test]
    fn buffers_that_lie_one_behind_the_other_are_not_taken_for_one() {
        let memory = Bytes::from(vec![1; 64 * BUFFER_SIZE]);
        let mut kept = KeptBuffers::default();
        let mut count = 0;
        for start in (0..memory.len()).step_by(4096) {
            count = kept.count_with(&Packet::reliable(memory.slice(start..=start)).borrowed());
        }
        assert_eq!(count, 64);
        assert_eq!(kept.count_with(&Packet::reliable("own")), 64);
    }
}
