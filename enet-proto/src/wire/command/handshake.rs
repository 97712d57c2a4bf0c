//! CONNECT and `VERIFY_CONNECT`: what two hosts tell each other about a connection. The second is the first without its last
//! field, so both are read and written by the same lines.

use super::{CONNECT_SIZE, ConnectId};

/// A client's wish for a connection. The values are as they came, in range or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The id by which the client wants to be addressed.
    pub outgoing_peer_id: u16,
    /// The client's incoming session the last time; 0xFF for none.
    pub incoming_session: u8,
    /// The client's outgoing session the last time; 0xFF for none.
    pub outgoing_session: u8,
    /// The largest datagram, in bytes.
    pub mtu: u32,
    /// The window of reliable data in flight, in bytes.
    pub window_size: u32,
    /// How many channels are wanted.
    pub channel_count: u32,
    /// What the client wants to receive at most, in bytes a second; 0 is unlimited.
    pub incoming_bandwidth: u32,
    /// What the client sends at most, in bytes a second; 0 is unlimited.
    pub outgoing_bandwidth: u32,
    /// The throttle's interval, in milliseconds.
    pub throttle_interval: u32,
    /// The throttle's acceleration, in 32nds.
    pub throttle_acceleration: u32,
    /// The throttle's deceleration, in 32nds.
    pub throttle_deceleration: u32,
    /// What tells this attempt from all others.
    pub connect_id: ConnectId,
    /// A number of the program's own.
    pub data: u32,
}

/// A server's answer to a [`Connect`]. The values are as they came, in range or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyConnect {
    /// The id by which the server wants to be addressed.
    pub outgoing_peer_id: u16,
    /// The incoming session of the client from now on.
    pub incoming_session: u8,
    /// The outgoing session of the client from now on.
    pub outgoing_session: u8,
    /// The largest datagram, in bytes.
    pub mtu: u32,
    /// The window of reliable data in flight that the server grants, in bytes.
    pub window_size: u32,
    /// How many channels there are.
    pub channel_count: u32,
    /// What the server wants to receive at most, in bytes a second; 0 is unlimited.
    pub incoming_bandwidth: u32,
    /// What the server sends at most, in bytes a second; 0 is unlimited.
    pub outgoing_bandwidth: u32,
    /// The client's throttle interval, in milliseconds.
    pub throttle_interval: u32,
    /// The client's throttle acceleration, in 32nds.
    pub throttle_acceleration: u32,
    /// The client's throttle deceleration, in 32nds.
    pub throttle_deceleration: u32,
    /// The client's connect id.
    pub connect_id: ConnectId,
}

impl Connect {
    #[inline]
    pub(super) fn read(bytes: &[u8; CONNECT_SIZE]) -> Connect {
        let common = VerifyConnect::read(bytes);
        Connect {
            outgoing_peer_id: common.outgoing_peer_id,
            incoming_session: common.incoming_session,
            outgoing_session: common.outgoing_session,
            mtu: common.mtu,
            window_size: common.window_size,
            channel_count: common.channel_count,
            incoming_bandwidth: common.incoming_bandwidth,
            outgoing_bandwidth: common.outgoing_bandwidth,
            throttle_interval: common.throttle_interval,
            throttle_acceleration: common.throttle_acceleration,
            throttle_deceleration: common.throttle_deceleration,
            connect_id: common.connect_id,
            data: field::DATA.get(bytes),
        }
    }

    #[inline]
    pub(in crate::wire) fn write(&self, bytes: &mut [u8; CONNECT_SIZE]) {
        let common = VerifyConnect {
            outgoing_peer_id: self.outgoing_peer_id,
            incoming_session: self.incoming_session,
            outgoing_session: self.outgoing_session,
            mtu: self.mtu,
            window_size: self.window_size,
            channel_count: self.channel_count,
            incoming_bandwidth: self.incoming_bandwidth,
            outgoing_bandwidth: self.outgoing_bandwidth,
            throttle_interval: self.throttle_interval,
            throttle_acceleration: self.throttle_acceleration,
            throttle_deceleration: self.throttle_deceleration,
            connect_id: self.connect_id,
        };
        common.write(bytes);
        field::DATA.set(bytes, self.data);
    }
}

impl VerifyConnect {
    #[inline]
    pub(super) fn read<const N: usize>(bytes: &[u8; N]) -> VerifyConnect {
        VerifyConnect {
            outgoing_peer_id: field::OUTGOING_PEER_ID.get(bytes),
            incoming_session: field::INCOMING_SESSION.get(bytes),
            outgoing_session: field::OUTGOING_SESSION.get(bytes),
            mtu: field::MTU.get(bytes),
            window_size: field::WINDOW_SIZE.get(bytes),
            channel_count: field::CHANNEL_COUNT.get(bytes),
            incoming_bandwidth: field::INCOMING_BANDWIDTH.get(bytes),
            outgoing_bandwidth: field::OUTGOING_BANDWIDTH.get(bytes),
            throttle_interval: field::THROTTLE_INTERVAL.get(bytes),
            throttle_acceleration: field::THROTTLE_ACCELERATION.get(bytes),
            throttle_deceleration: field::THROTTLE_DECELERATION.get(bytes),
            connect_id: ConnectId::new(field::CONNECT_ID.get(bytes)),
        }
    }

    #[inline]
    pub(in crate::wire) fn write<const N: usize>(&self, bytes: &mut [u8; N]) {
        field::OUTGOING_PEER_ID.set(bytes, self.outgoing_peer_id);
        field::INCOMING_SESSION.set(bytes, self.incoming_session);
        field::OUTGOING_SESSION.set(bytes, self.outgoing_session);
        field::MTU.set(bytes, self.mtu);
        field::WINDOW_SIZE.set(bytes, self.window_size);
        field::CHANNEL_COUNT.set(bytes, self.channel_count);
        field::INCOMING_BANDWIDTH.set(bytes, self.incoming_bandwidth);
        field::OUTGOING_BANDWIDTH.set(bytes, self.outgoing_bandwidth);
        field::THROTTLE_INTERVAL.set(bytes, self.throttle_interval);
        field::THROTTLE_ACCELERATION.set(bytes, self.throttle_acceleration);
        field::THROTTLE_DECELERATION.set(bytes, self.throttle_deceleration);
        field::CONNECT_ID.set(bytes, self.connect_id.value());
    }
}

mod field {
    use crate::wire::field::{U8, U16, U32};

    pub(super) const OUTGOING_PEER_ID: U16<4> = U16;
    pub(super) const INCOMING_SESSION: U8<6> = U8;
    pub(super) const OUTGOING_SESSION: U8<7> = U8;
    pub(super) const MTU: U32<8> = U32;
    pub(super) const WINDOW_SIZE: U32<12> = U32;
    pub(super) const CHANNEL_COUNT: U32<16> = U32;
    pub(super) const INCOMING_BANDWIDTH: U32<20> = U32;
    pub(super) const OUTGOING_BANDWIDTH: U32<24> = U32;
    pub(super) const THROTTLE_INTERVAL: U32<28> = U32;
    pub(super) const THROTTLE_ACCELERATION: U32<32> = U32;
    pub(super) const THROTTLE_DECELERATION: U32<36> = U32;
    pub(super) const CONNECT_ID: U32<40> = U32;
    pub(super) const DATA: U32<44> = U32;
}

#[cfg(test)]
mod tests {
    use super::super::VERIFY_CONNECT_SIZE;
    use super::*;

    /// Every byte behind the command's header another value.
    const BYTES: [u8; CONNECT_SIZE] = {
        let mut bytes = [0; CONNECT_SIZE];
        let mut at = super::super::COMMAND_HEADER_SIZE;
        while at < CONNECT_SIZE {
            bytes[at] = at as u8;
            at += 1;
        }
        bytes
    };

    const CONNECT: Connect = Connect {
        outgoing_peer_id: 0x0405,
        incoming_session: 0x06,
        outgoing_session: 0x07,
        mtu: 0x0809_0A0B,
        window_size: 0x0C0D_0E0F,
        channel_count: 0x1011_1213,
        incoming_bandwidth: 0x1415_1617,
        outgoing_bandwidth: 0x1819_1A1B,
        throttle_interval: 0x1C1D_1E1F,
        throttle_acceleration: 0x2021_2223,
        throttle_deceleration: 0x2425_2627,
        connect_id: ConnectId::from_bytes([0x28, 0x29, 0x2A, 0x2B]),
        data: 0x2C2D_2E2F,
    };

    #[test]
    fn every_field_of_a_connect_has_its_place() {
        assert_eq!(Connect::read(&BYTES), CONNECT);
        let mut written = [0; CONNECT_SIZE];
        CONNECT.write(&mut written);
        assert_eq!(written, BYTES);
    }

    #[test]
    fn a_verify_connect_is_a_connect_without_data() {
        let bytes = BYTES.first_chunk::<VERIFY_CONNECT_SIZE>().unwrap();
        let verify = VerifyConnect::read(bytes);
        assert_eq!(verify.outgoing_peer_id, CONNECT.outgoing_peer_id);
        assert_eq!(verify.connect_id, CONNECT.connect_id);
        let mut written = [0; VERIFY_CONNECT_SIZE];
        verify.write(&mut written);
        assert_eq!(&written, bytes);
    }
}
