//! ENet's packet flags, as scripts name them.

use enet_tokio::{Bytes, Packet, PacketMode};

/// `RustENetPacketPeer.FLAG_RELIABLE`.
pub(crate) const RELIABLE: i64 = 1;
/// `RustENetPacketPeer.FLAG_UNSEQUENCED`.
pub(crate) const UNSEQUENCED: i64 = 2;
/// `RustENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT`.
pub(crate) const UNRELIABLE_FRAGMENT: i64 = 8;

/// A packet with these flags; `None` if there are others among them. Reliable and unsequenced together are reliable.
pub(crate) fn packet_with_flags(data: Bytes, flags: i64) -> Option<Packet> {
    if flags & !(RELIABLE | UNSEQUENCED | UNRELIABLE_FRAGMENT) != 0 {
        return None;
    }
    let packet = if flags & RELIABLE != 0 {
        Packet::reliable(data)
    } else if flags & UNSEQUENCED != 0 {
        Packet::unsequenced(data)
    } else {
        Packet::unreliable(data)
    };
    Some(if flags & UNRELIABLE_FRAGMENT != 0 {
        packet.with_unreliable_fragments()
    } else {
        packet
    })
}

/// The flags of a packet that arrived.
pub(crate) fn flags_of(packet: &Packet) -> i64 {
    match packet.mode {
        PacketMode::Reliable => RELIABLE,
        PacketMode::Unsequenced => UNSEQUENCED,
        PacketMode::Unreliable if packet.unreliable_fragments => UNRELIABLE_FRAGMENT,
        PacketMode::Unreliable => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_choose_the_mode() {
        let mode = |flags| packet_with_flags(Bytes::new(), flags).map(|packet| packet.mode);
        assert_eq!(mode(0), Some(PacketMode::Unreliable));
        assert_eq!(mode(1), Some(PacketMode::Reliable));
        assert_eq!(mode(2), Some(PacketMode::Unsequenced));
        assert_eq!(mode(3), Some(PacketMode::Reliable));
        assert_eq!(mode(8), Some(PacketMode::Unreliable));
        for unknown in [4, 16, -1, i64::MAX] {
            assert_eq!(mode(unknown), None);
        }
    }

    #[test]
    fn flags_of_what_arrived_are_those_it_was_sent_with() {
        for flags in [0, 1, 2, 8] {
            let packet = packet_with_flags(Bytes::new(), flags).expect("known flags");
            assert_eq!(flags_of(&packet), flags);
        }
    }
}
