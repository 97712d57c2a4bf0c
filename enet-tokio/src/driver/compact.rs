//! Received packets that will wait for long.

use bytes::Bytes;
use enet_proto::Packet;

/// Payloads up to this size are copied; larger ones are a fair part of the 64 KiB they may keep alive.
const SMALL: usize = 4096;

/// No receive buffer is larger.
const BUFFER_SIZE: usize = 64 * 1024;

/// So many buffers may the packets of a queue keep: all together what it may hold by default. What comes at once to a program that
/// keeps up is in fewer, however many packets it is.
const MOST_BUFFERS: usize = 64;

/// The receive buffers that the packets of a queue may keep alive.
#[derive(Debug, Default)]
pub(crate) struct LooseBuffers {
    count: usize,
    last: usize,
}

impl LooseBuffers {
    /// Counts the buffer of a packet that comes behind the others; whether they are too many now.
    pub(crate) fn are_too_many_with(&mut self, packet: &Packet) -> bool {
        let at = packet.data.as_ptr().addr();
        // Those of one buffer come one after the other.
        if at.wrapping_sub(self.last) >= BUFFER_SIZE {
            self.count += 1;
        }
        self.last = at;
        self.count > MOST_BUFFERS
    }
}

/// Frees a packet from the receive buffer it may share with others, which it would keep alive.
///
/// Not done for every packet, as most are dropped within microseconds.
pub(crate) fn compact(packet: &mut Packet) {
    if packet.data.len() <= SMALL {
        packet.data = Bytes::copy_from_slice(&packet.data);
    }
}
