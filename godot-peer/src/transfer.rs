//! Godot's transfer modes and channels, and what they are in ENet.

use std::fmt;

use bytes::Bytes;
use enet_proto::{Packet, PacketMode};

/// The most channels an ENet connection has.
const MAX_ENET_CHANNELS: usize = 255;

/// Godot keeps two ENet channels for transfer channel 0: one for what is reliable, one for what is not.
const RELIABLE_CHANNEL: u8 = 0;
const UNRELIABLE_CHANNEL: u8 = 1;

/// How a packet is delivered, as `MultiplayerPeer.TransferMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransferMode {
    /// May be lost, and may overtake others.
    Unreliable,
    /// May be lost, but never comes after a later one of its channel.
    UnreliableOrdered,
    /// Comes once and in order.
    #[default]
    Reliable,
}

/// A transfer channel of Godot: 0, the default, to 253. Order is kept within a channel only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferChannel(u8);

/// A packet as `put_packet` sends it: with the ENet channel and the flags that Godot's settings become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The ENet channel.
    pub channel: u8,
    /// The ENet packet.
    pub packet: Packet,
}

impl TransferMode {
    /// The number Godot uses for it.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            TransferMode::Unreliable => 0,
            TransferMode::UnreliableOrdered => 1,
            TransferMode::Reliable => 2,
        }
    }

    /// The mode with this number.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<TransferMode> {
        match number {
            0 => Some(TransferMode::Unreliable),
            1 => Some(TransferMode::UnreliableOrdered),
            2 => Some(TransferMode::Reliable),
            _ => None,
        }
    }

    /// The mode in which a received packet is reported. An unreliable one above the MTU travels in fragments, which are in
    /// order, and is reported so, as by Godot.
    #[must_use]
    pub const fn of(packet: &Packet) -> TransferMode {
        match packet.mode {
            PacketMode::Reliable => TransferMode::Reliable,
            PacketMode::Unreliable => TransferMode::UnreliableOrdered,
            PacketMode::Unsequenced => TransferMode::Unreliable,
        }
    }

    /// The ENet packet that carries data in this mode.
    #[must_use]
    pub fn packet(self, data: impl Into<Bytes>) -> Packet {
        match self {
            TransferMode::Unreliable => Packet::unsequenced(data).with_unreliable_fragments(),
            TransferMode::UnreliableOrdered => Packet::unreliable(data).with_unreliable_fragments(),
            TransferMode::Reliable => Packet::reliable(data),
        }
    }
}

impl TransferChannel {
    /// The default channel.
    pub const ZERO: TransferChannel = TransferChannel(0);
    /// The last one: ENet has channels up to 254, and transfer channel 253 is that one.
    pub const MAX: TransferChannel = TransferChannel(253);

    /// The channel with this number, up to 253.
    #[must_use]
    pub const fn new(number: u8) -> Option<TransferChannel> {
        if number <= TransferChannel::MAX.0 {
            Some(TransferChannel(number))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The ENet channel that carries this channel's packets of a mode.
    #[must_use]
    pub const fn enet_channel(self, mode: TransferMode) -> u8 {
        match (self.0, mode) {
            (0, TransferMode::Reliable) => RELIABLE_CHANNEL,
            (0, _) => UNRELIABLE_CHANNEL,
            (number, _) => number + 1,
        }
    }

    /// The channel that a packet from this ENet channel is reported with.
    #[must_use]
    pub const fn from_enet(channel: u8) -> TransferChannel {
        match channel {
            RELIABLE_CHANNEL | UNRELIABLE_CHANNEL => TransferChannel::ZERO,
            // There is no ENet channel 255 for packets.
            u8::MAX => TransferChannel::MAX,
            _ => TransferChannel(channel - 1),
        }
    }
}

impl TryFrom<u8> for TransferChannel {
    type Error = NoSuchTransferChannel;

    fn try_from(number: u8) -> Result<TransferChannel, NoSuchTransferChannel> {
        TransferChannel::new(number).ok_or(NoSuchTransferChannel(number))
    }
}

impl fmt::Display for TransferChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Transfer channels end at 253.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no transfer channel {0}: they go from 0 to 253")]
pub struct NoSuchTransferChannel(pub u8);

impl Outgoing {
    /// What `put_packet` sends with these settings.
    #[must_use]
    pub fn new(channel: TransferChannel, mode: TransferMode, data: impl Into<Bytes>) -> Outgoing {
        Outgoing {
            channel: channel.enet_channel(mode),
            packet: mode.packet(data),
        }
    }

    /// A reliable packet on the default channel, as the session's own messages are sent.
    pub(crate) fn system(data: Bytes) -> Outgoing {
        Outgoing::new(TransferChannel::ZERO, TransferMode::Reliable, data)
    }
}

/// How many ENet channels `create_server` and `create_client` ask for: all with 0, else two more than named.
#[must_use]
pub const fn enet_channel_count(transfer_channels: usize) -> usize {
    match transfer_channels {
        0 => MAX_ENET_CHANNELS,
        count if count >= MAX_ENET_CHANNELS - 2 => MAX_ENET_CHANNELS,
        count => count + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [TransferMode; 3] = [
        TransferMode::Unreliable,
        TransferMode::UnreliableOrdered,
        TransferMode::Reliable,
    ];

    #[test]
    fn modes_are_godots_numbers() {
        for (number, mode) in (0..).zip(MODES) {
            assert_eq!(mode.number(), number);
            assert_eq!(TransferMode::from_number(number), Some(mode));
        }
        assert_eq!(TransferMode::from_number(3), None);
        assert_eq!(TransferMode::from_number(-1), None);
    }

    #[test]
    fn a_mode_survives_the_way() {
        for mode in MODES {
            let packet = mode.packet("x");
            assert_eq!(TransferMode::of(&packet), mode);
            assert_eq!(packet.unreliable_fragments, mode != TransferMode::Reliable);
        }
    }

    #[test]
    fn the_default_channel_is_two_enet_channels() {
        assert_eq!(TransferChannel::ZERO.enet_channel(TransferMode::Reliable), 0);
        assert_eq!(TransferChannel::ZERO.enet_channel(TransferMode::Unreliable), 1);
        assert_eq!(TransferChannel::ZERO.enet_channel(TransferMode::UnreliableOrdered), 1);
        assert_eq!(TransferChannel::from_enet(0), TransferChannel::ZERO);
        assert_eq!(TransferChannel::from_enet(1), TransferChannel::ZERO);
    }

    #[test]
    fn other_channels_are_one_further_in_enet() {
        for number in 1..=TransferChannel::MAX.number() {
            let channel = TransferChannel::new(number).expect("a channel");
            for mode in MODES {
                assert_eq!(channel.enet_channel(mode), number + 1);
            }
            assert_eq!(TransferChannel::from_enet(number + 1), channel);
        }
        assert_eq!(TransferChannel::new(254), None);
        assert_eq!(TransferChannel::try_from(255), Err(NoSuchTransferChannel(255)));
    }

    #[test]
    fn two_channels_come_on_top_and_zero_is_all() {
        let counts = [0, 1, 4, 252, 253, 254, 1000].map(enet_channel_count);
        assert_eq!(counts, [255, 3, 6, 254, 255, 255, 255]);
    }
}
