//! Received packets that will wait for long.

use bytes::Bytes;
use enet_proto::Packet;

/// Payloads up to this size are copied; larger ones are a fair part of the 64 KiB they may keep alive.
const SMALL: usize = 4096;

/// Frees a packet from the receive buffer it may share with others, which it would keep alive.
///
/// Not done for every packet, as most are dropped within microseconds.
pub(crate) fn compact(packet: &mut Packet) {
    if packet.data.len() <= SMALL {
        packet.data = Bytes::copy_from_slice(&packet.data);
    }
}
