//! Writing of commands, without anything in between: each function appends one command to a buffer.
//!
//! Commands that the protocol wants acknowledged get the flag for it. Payloads have at most 65535 bytes, and less in any
//! datagram.

use super::command::{field, flag, fragment_field, number};
use super::{
    ACKNOWLEDGE_SIZE, BANDWIDTH_LIMIT_SIZE, CONNECT_SIZE, CONNECTION_CHANNEL, Connect, DISCONNECT_SIZE,
    FRAGMENT_HEADER_SIZE, PING_SIZE, RELIABLE_HEADER_SIZE, THROTTLE_CONFIGURE_SIZE, UNRELIABLE_HEADER_SIZE,
    VERIFY_CONNECT_SIZE, VerifyConnect,
};

/// Which part of which packet a fragment is, see [`Fragment`](super::Fragment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentFields {
    /// Of a reliable packet the reliable number of its first fragment, of an unreliable one its unreliable number.
    pub start_sequence: u16,
    /// How many fragments the packet has.
    pub count: u32,
    /// Which of them this is, from 0.
    pub number: u32,
    /// The length of the packet, in bytes.
    pub total_length: u32,
    /// Where in the packet this fragment begins, in bytes.
    pub offset: u32,
}

/// Acknowledges the command numbered `received_sequence` on `channel`, which came in a datagram sent at `received_sent_time`.
#[inline]
pub fn acknowledge(out: &mut Vec<u8>, channel: u8, sequence: u16, received_sequence: u16, received_sent_time: u16) {
    let head = Head {
        channel,
        ..Head::unreliable(number::ACKNOWLEDGE, sequence)
    };
    acknowledge_body(out, head, received_sequence, received_sent_time);
}

/// Asks for a connection.
#[inline]
pub fn connect(out: &mut Vec<u8>, sequence: u16, connect: &Connect) {
    connect_body(out, Head::reliable(number::CONNECT, sequence), connect);
}

/// Grants a connection.
#[inline]
pub fn verify_connect(out: &mut Vec<u8>, sequence: u16, verify: &VerifyConnect) {
    verify_connect_body(out, Head::reliable(number::VERIFY_CONNECT, sequence), verify);
}

/// Ends a connection, with an acknowledgement wanted or unsequenced.
#[inline]
pub fn disconnect(out: &mut Vec<u8>, sequence: u16, data: u32, acknowledge: bool, unsequenced: bool) {
    let head = Head {
        acknowledge,
        unsequenced,
        ..Head::unreliable(number::DISCONNECT, sequence)
    };
    disconnect_body(out, head, data);
}

/// Asks for an acknowledgement.
#[inline]
pub fn ping(out: &mut Vec<u8>, sequence: u16) {
    ping_body(out, Head::reliable(number::PING, sequence));
}

/// Sends a reliable packet.
#[inline]
pub fn send_reliable(out: &mut Vec<u8>, channel: u8, sequence: u16, payload: &[u8]) {
    reliable_header(
        out,
        Head {
            channel,
            ..Head::reliable(number::SEND_RELIABLE, sequence)
        },
        payload.len(),
    );
    out.extend_from_slice(payload);
}

/// Sends the unreliable packet numbered `unreliable_sequence` that follows the reliable number `sequence`.
#[inline]
pub fn send_unreliable(out: &mut Vec<u8>, channel: u8, sequence: u16, unreliable_sequence: u16, payload: &[u8]) {
    let head = Head {
        channel,
        ..Head::unreliable(number::SEND_UNRELIABLE, sequence)
    };
    numbered_header(out, head, unreliable_sequence, payload.len());
    out.extend_from_slice(payload);
}

/// Sends an unsequenced packet.
#[inline]
pub fn send_unsequenced(out: &mut Vec<u8>, channel: u8, group: u16, payload: &[u8]) {
    let head = Head {
        channel,
        unsequenced: true,
        ..Head::unreliable(number::SEND_UNSEQUENCED, 0)
    };
    numbered_header(out, head, group, payload.len());
    out.extend_from_slice(payload);
}

/// Sends a part of a packet: of an unreliable one that follows the reliable number `sequence`, or of a reliable one as the
/// command of that number.
#[inline]
pub fn send_fragment(
    out: &mut Vec<u8>,
    channel: u8,
    sequence: u16,
    fields: &FragmentFields,
    payload: &[u8],
    unreliable: bool,
) {
    let head = if unreliable {
        Head::unreliable(number::SEND_UNRELIABLE_FRAGMENT, sequence)
    } else {
        Head::reliable(number::SEND_FRAGMENT, sequence)
    };
    fragment_header(out, Head { channel, ..head }, fields, payload.len());
    out.extend_from_slice(payload);
}

/// Tells bandwidth limits in bytes a second, 0 for unlimited.
#[inline]
pub fn bandwidth_limit(out: &mut Vec<u8>, sequence: u16, incoming: u32, outgoing: u32) {
    bandwidth_limit_body(
        out,
        Head::reliable(number::BANDWIDTH_LIMIT, sequence),
        incoming,
        outgoing,
    );
}

/// Changes how the receiver's throttle reacts; the interval is in milliseconds.
#[inline]
pub fn throttle_configure(out: &mut Vec<u8>, sequence: u16, interval: u32, acceleration: u32, deceleration: u32) {
    let head = Head::reliable(number::THROTTLE_CONFIGURE, sequence);
    throttle_configure_body(out, head, interval, acceleration, deceleration);
}

/// What every command begins with.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) number: u8,
    pub(super) channel: u8,
    pub(super) sequence: u16,
    pub(super) acknowledge: bool,
    pub(super) unsequenced: bool,
}

impl Head {
    /// A command of the connection that wants an acknowledgement.
    #[inline]
    fn reliable(number: u8, sequence: u16) -> Head {
        Head {
            acknowledge: true,
            ..Head::unreliable(number, sequence)
        }
    }

    /// A command of the connection that wants none.
    #[inline]
    fn unreliable(number: u8, sequence: u16) -> Head {
        Head {
            number,
            channel: CONNECTION_CHANNEL,
            sequence,
            acknowledge: false,
            unsequenced: false,
        }
    }

    /// The beginning of a command whose other fields are still zero.
    #[inline]
    fn begin<const N: usize>(self) -> [u8; N] {
        let mut first = self.number;
        if self.acknowledge {
            first |= flag::ACKNOWLEDGE;
        }
        if self.unsequenced {
            first |= flag::UNSEQUENCED;
        }
        let mut bytes = [0; N];
        field::COMMAND.set(&mut bytes, first);
        field::CHANNEL.set(&mut bytes, self.channel);
        field::SEQUENCE.set(&mut bytes, self.sequence);
        bytes
    }
}

#[inline]
pub(super) fn acknowledge_body(out: &mut Vec<u8>, head: Head, received_sequence: u16, received_sent_time: u16) {
    let mut bytes = head.begin::<ACKNOWLEDGE_SIZE>();
    field::RECEIVED_SEQUENCE.set(&mut bytes, received_sequence);
    field::RECEIVED_SENT_TIME.set(&mut bytes, received_sent_time);
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn connect_body(out: &mut Vec<u8>, head: Head, connect: &Connect) {
    let mut bytes = head.begin::<CONNECT_SIZE>();
    connect.write(&mut bytes);
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn verify_connect_body(out: &mut Vec<u8>, head: Head, verify: &VerifyConnect) {
    let mut bytes = head.begin::<VERIFY_CONNECT_SIZE>();
    verify.write(&mut bytes);
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn disconnect_body(out: &mut Vec<u8>, head: Head, data: u32) {
    let mut bytes = head.begin::<DISCONNECT_SIZE>();
    field::DISCONNECT_DATA.set(&mut bytes, data);
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn ping_body(out: &mut Vec<u8>, head: Head) {
    out.extend_from_slice(&head.begin::<PING_SIZE>());
}

#[inline]
pub(super) fn reliable_header(out: &mut Vec<u8>, head: Head, length: usize) {
    let mut bytes = head.begin::<RELIABLE_HEADER_SIZE>();
    field::RELIABLE_LENGTH.set(&mut bytes, payload_length(length));
    out.extend_from_slice(&bytes);
}

/// `SEND_UNRELIABLE` and `SEND_UNSEQUENCED`, which look alike.
#[inline]
pub(super) fn numbered_header(out: &mut Vec<u8>, head: Head, number: u16, length: usize) {
    let mut bytes = head.begin::<UNRELIABLE_HEADER_SIZE>();
    field::UNRELIABLE_NUMBER.set(&mut bytes, number);
    field::UNRELIABLE_LENGTH.set(&mut bytes, payload_length(length));
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn fragment_header(out: &mut Vec<u8>, head: Head, fields: &FragmentFields, length: usize) {
    let mut bytes = head.begin::<FRAGMENT_HEADER_SIZE>();
    fragment_field::START_SEQUENCE.set(&mut bytes, fields.start_sequence);
    fragment_field::LENGTH.set(&mut bytes, payload_length(length));
    fragment_field::COUNT.set(&mut bytes, fields.count);
    fragment_field::NUMBER.set(&mut bytes, fields.number);
    fragment_field::TOTAL_LENGTH.set(&mut bytes, fields.total_length);
    fragment_field::OFFSET.set(&mut bytes, fields.offset);
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn bandwidth_limit_body(out: &mut Vec<u8>, head: Head, incoming: u32, outgoing: u32) {
    let mut bytes = head.begin::<BANDWIDTH_LIMIT_SIZE>();
    field::INCOMING.set(&mut bytes, incoming);
    field::OUTGOING.set(&mut bytes, outgoing);
    out.extend_from_slice(&bytes);
}

#[inline]
pub(super) fn throttle_configure_body(
    out: &mut Vec<u8>,
    head: Head,
    interval: u32,
    acceleration: u32,
    deceleration: u32,
) {
    let mut bytes = head.begin::<THROTTLE_CONFIGURE_SIZE>();
    field::INTERVAL.set(&mut bytes, interval);
    field::ACCELERATION.set(&mut bytes, acceleration);
    field::DECELERATION.set(&mut bytes, deceleration);
    out.extend_from_slice(&bytes);
}

#[inline]
fn payload_length(length: usize) -> u16 {
    debug_assert!(
        u16::try_from(length).is_ok(),
        "a payload of {length} bytes fits no datagram"
    );
    length as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn commands_of_the_connection_go_on_its_channel() {
        assert_eq!(written(|out| ping(out, 2)), [0x85, 0xFF, 0, 2]);
        assert_eq!(
            written(|out| disconnect(out, 8, 77, true, false)),
            [0x84, 0xFF, 0, 8, 0, 0, 0, 77]
        );
        assert_eq!(
            written(|out| disconnect(out, 0, 77, false, true)),
            [0x44, 0xFF, 0, 0, 0, 0, 0, 77]
        );
        assert_eq!(
            written(|out| bandwidth_limit(out, 3, 1, 2)),
            [0x8A, 0xFF, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2]
        );
        assert_eq!(
            written(|out| throttle_configure(out, 3, 1, 2, 3)),
            [0x8B, 0xFF, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]
        );
    }

    #[test]
    fn an_acknowledgement_wants_none() {
        assert_eq!(
            written(|out| acknowledge(out, 5, 9, 8, 0xFD63)),
            [0x01, 5, 0, 9, 0, 8, 0xFD, 0x63]
        );
    }

    #[test]
    fn packets_carry_the_flags_of_their_kind() {
        assert_eq!(
            written(|out| send_reliable(out, 1, 2, b"x")),
            [0x86, 1, 0, 2, 0, 1, b'x']
        );
        assert_eq!(
            written(|out| send_unreliable(out, 1, 2, 3, b"x")),
            [0x07, 1, 0, 2, 0, 3, 0, 1, b'x']
        );
        assert_eq!(
            written(|out| send_unsequenced(out, 1, 3, b"x")),
            [0x49, 1, 0, 0, 0, 3, 0, 1, b'x']
        );
    }

    #[test]
    fn only_fragments_of_reliable_packets_are_acknowledged() {
        let fields = FragmentFields {
            start_sequence: 4,
            count: 3,
            number: 1,
            total_length: 5,
            offset: 2,
        };
        let rest = [
            1, 0, 5, 0, 4, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, b'h', b'i',
        ];
        let reliable = written(|out| send_fragment(out, 1, 5, &fields, b"hi", false));
        let unreliable = written(|out| send_fragment(out, 1, 5, &fields, b"hi", true));
        assert_eq!((reliable[0], &reliable[1..]), (0x88, &rest[..]));
        assert_eq!((unreliable[0], &unreliable[1..]), (0x0C, &rest[..]));
    }
}
