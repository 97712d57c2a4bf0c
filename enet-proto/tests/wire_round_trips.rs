//! What is written can be read again, and whatever is read, nothing panics.

use std::ops::Range;

use enet_proto::wire::emit::{self, FragmentFields};
use enet_proto::wire::{
    Body, COMMAND_HEADER_SIZE, Command, Commands, Connect, ConnectId, Fragment, Header, MAXIMUM_DATAGRAM, PeerId,
    SessionId, VerifyConnect, parse,
};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_header_that_was_written_is_read_again(header in headers(), behind in vec(any::<u8>(), 0..8)) {
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        let length = bytes.len();
        bytes.extend(behind);
        prop_assert_eq!(Header::parse(&bytes), Some((header, length)));
    }

    #[test]
    fn commands_that_were_written_are_read_again(parts in vec(commands(), 0..20)) {
        let mut block = Vec::new();
        let mut written = Vec::new();
        for (mut command, payload) in parts {
            let start = block.len() + command.body.fixed_size();
            place(&mut command.body, start..start + payload.len());
            command.emit(&payload, &mut block);
            prop_assert_eq!(block.len(), start + if command.body.payload().is_some() { payload.len() } else { 0 });
            written.push(command);
        }
        let read: Result<Vec<Command>, _> = Commands::new(&block).collect();
        prop_assert_eq!(read, Ok(written));
    }

    #[test]
    fn a_fragment_written_directly_is_the_one_read(
        fragment in fragments(),
        channel: u8,
        sequence: u16,
        payload in vec(any::<u8>(), 0..100),
        unreliable: bool,
    ) {
        let Fragment { start_sequence, count, number, total_length, offset, .. } = fragment;
        let fields = FragmentFields { start_sequence, count, number, total_length, offset };
        let mut bytes = Vec::new();
        emit::send_fragment(&mut bytes, channel, sequence, &fields, &payload, unreliable);
        let (command, next) = parse(&bytes, 0).unwrap();
        prop_assert_eq!(next, bytes.len());
        prop_assert_eq!((command.channel, command.sequence), (channel, sequence));
        prop_assert_eq!((command.acknowledge, command.unsequenced), (!unreliable, false));
        let fragment = Fragment { payload: bytes.len() - payload.len()..bytes.len(), ..fragment };
        let body = if unreliable { Body::SendUnreliableFragment(fragment) } else { Body::SendFragment(fragment) };
        prop_assert_eq!(command.body, body);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_stay_inside(bytes in vec(any::<u8>(), 0..MAXIMUM_DATAGRAM), offset in 0..5000_usize) {
        let _ = Header::parse(&bytes);
        check_reading(&bytes, offset);
    }

    /// As most random bytes are no command, some that are nearly: a command's number, and short lengths.
    #[test]
    fn near_commands_never_panic_and_stay_inside(
        parts in vec((1..=12_u8, any::<u8>(), vec(0..4_u8, COMMAND_HEADER_SIZE..60)), 1..20),
        cut in 0..100_usize,
    ) {
        let mut bytes = Vec::new();
        for (number, flags, mut part) in parts {
            part[0] = flags & 0xF0 | number;
            bytes.extend(part);
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        check_reading(&bytes, 0);
    }

    #[test]
    fn a_valid_fragment_lies_inside_its_packet(fragment in fragments(), length in 0..2000_usize, limit: u32) {
        let fragment = Fragment { payload: 0..length, ..fragment };
        if fragment.validate(limit) {
            prop_assert!(fragment.offset as usize + length <= fragment.total_length as usize);
            prop_assert!(fragment.total_length <= limit);
            prop_assert!(fragment.number < fragment.count);
        }
    }
}

/// Reads commands from `offset` until an error; each must end behind its beginning and inside the bytes, and be written as it
/// came but for the two bits that are ignored.
fn check_reading(bytes: &[u8], mut offset: usize) {
    while let Ok((command, next)) = parse(bytes, offset) {
        assert!(next >= offset + COMMAND_HEADER_SIZE && next <= bytes.len());
        let payload = command.body.payload().unwrap_or(next..next);
        assert!(payload.start >= offset && payload.end == next);
        let mut again = Vec::new();
        command.emit(&bytes[payload], &mut again);
        assert_eq!(again[0], bytes[offset] & 0xCF);
        assert_eq!(again[1..], bytes[offset + 1..next]);
        offset = next;
    }
}

fn headers() -> impl Strategy<Value = Header> {
    let fields = (0..=0xFFF_u16, 0..=3_u8, any::<bool>(), any::<Option<u16>>());
    fields.prop_map(|(peer_id, session, compressed, sent_time)| Header {
        peer_id: PeerId::new(peer_id),
        session: SessionId::new(session),
        compressed,
        sent_time,
    })
}

/// A command, its payload range still to be set, and a payload.
fn commands() -> impl Strategy<Value = (Command, Vec<u8>)> {
    let head = (any::<u8>(), any::<u16>(), any::<bool>(), any::<bool>());
    (head, bodies(), vec(any::<u8>(), 0..300)).prop_map(
        |((channel, sequence, acknowledge, unsequenced), body, payload)| {
            (
                Command {
                    channel,
                    sequence,
                    acknowledge,
                    unsequenced,
                    body,
                },
                payload,
            )
        },
    )
}

fn bodies() -> impl Strategy<Value = Body> {
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(received_sequence, received_sent_time)| Body::Acknowledge {
            received_sequence,
            received_sent_time
        }),
        (verify_connects(), any::<u32>()).prop_map(|(verify, data)| Body::Connect(with_data(&verify, data))),
        verify_connects().prop_map(Body::VerifyConnect),
        any::<u32>().prop_map(|data| Body::Disconnect { data }),
        Just(Body::Ping),
        Just(Body::SendReliable { payload: 0..0 }),
        any::<u16>().prop_map(|sequence| Body::SendUnreliable {
            sequence,
            payload: 0..0
        }),
        fragments().prop_map(Body::SendFragment),
        any::<u16>().prop_map(|group| Body::SendUnsequenced { group, payload: 0..0 }),
        any::<(u32, u32)>().prop_map(|(incoming, outgoing)| Body::BandwidthLimit { incoming, outgoing }),
        any::<(u32, u32, u32)>().prop_map(|(interval, acceleration, deceleration)| Body::ThrottleConfigure {
            interval,
            acceleration,
            deceleration
        }),
        fragments().prop_map(Body::SendUnreliableFragment),
    ]
}

fn fragments() -> impl Strategy<Value = Fragment> {
    any::<(u16, u32, u32, u32, u32)>().prop_map(|(start_sequence, count, number, total_length, offset)| Fragment {
        start_sequence,
        count,
        number,
        total_length,
        offset,
        payload: 0..0,
    })
}

fn verify_connects() -> impl Strategy<Value = VerifyConnect> {
    any::<(u16, u8, u8, [u32; 9])>().prop_map(|(outgoing_peer_id, incoming_session, outgoing_session, numbers)| {
        let [
            mtu,
            window_size,
            channel_count,
            incoming,
            outgoing,
            interval,
            acceleration,
            deceleration,
            id,
        ] = numbers;
        VerifyConnect {
            outgoing_peer_id,
            incoming_session,
            outgoing_session,
            mtu,
            window_size,
            channel_count,
            incoming_bandwidth: incoming,
            outgoing_bandwidth: outgoing,
            throttle_interval: interval,
            throttle_acceleration: acceleration,
            throttle_deceleration: deceleration,
            connect_id: ConnectId::new(id),
        }
    })
}

fn with_data(verify: &VerifyConnect, data: u32) -> Connect {
    Connect {
        outgoing_peer_id: verify.outgoing_peer_id,
        incoming_session: verify.incoming_session,
        outgoing_session: verify.outgoing_session,
        mtu: verify.mtu,
        window_size: verify.window_size,
        channel_count: verify.channel_count,
        incoming_bandwidth: verify.incoming_bandwidth,
        outgoing_bandwidth: verify.outgoing_bandwidth,
        throttle_interval: verify.throttle_interval,
        throttle_acceleration: verify.throttle_acceleration,
        throttle_deceleration: verify.throttle_deceleration,
        connect_id: verify.connect_id,
        data,
    }
}

/// Sets where the payload lies, in a body that has one.
fn place(body: &mut Body, place: Range<usize>) {
    match body {
        Body::SendReliable { payload }
        | Body::SendUnreliable { payload, .. }
        | Body::SendUnsequenced { payload, .. }
        | Body::SendFragment(Fragment { payload, .. })
        | Body::SendUnreliableFragment(Fragment { payload, .. }) => *payload = place,
        _ => {}
    }
}
