//! Packets one after the other in one input: each begins with a byte of flags (low four bits the ENet channel, bit 4 whether it came
//! unreliably) and its length in two bytes.

use bytes::Bytes;
use enet_proto::Packet;

/// The packets in an input, with their channels.
pub(crate) struct Parcels<'a>(pub(crate) &'a [u8]);

/// An input of these packets, on channels in turn.
pub(crate) fn parcels(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut input = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        input.push(number as u8);
        input.extend((packet.len() as u16).to_le_bytes());
        input.extend(packet);
    }
    input
}

impl Iterator for Parcels<'_> {
    type Item = (u8, Packet);

    fn next(&mut self) -> Option<(u8, Packet)> {
        let (&[flags, low, high], rest) = self.0.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (data, rest) = rest.split_at(length);
        self.0 = rest;
        let data = Bytes::copy_from_slice(data);
        let packet = match flags & 1 << 4 {
            0 => Packet::reliable(data),
            _ => Packet::unreliable(data),
        };
        Some((flags & 0x0F, packet))
    }
}
