//! Received packets that will wait for long.

use bytes::Bytes;
use enet_proto::Packet;

/// Payloads up to this size are copied; larger ones are a fair part of the 64 KiB they may keep alive.
const SMALL: usize = 4096;

/// So many packets may wait in a queue as they came: at worst each keeps 64 KiB, and all together what a queue may hold by default.
/// A program that keeps up has no more waiting than came at once.
pub(crate) const LOOSE_PACKETS: usize = 64;

/// Frees a packet from the receive buffer it may share with others, which it would keep alive.
///
/// Not done for every packet, as most are dropped within microseconds.
pub(crate) fn compact(packet: &mut Packet) {
    if packet.data.len() <= SMALL {
        packet.data = Bytes::copy_from_slice(&packet.data);
    }
}
