//! From bytes to commands.

use std::ops::Range;

use super::{
    ACKNOWLEDGE_SIZE, BANDWIDTH_LIMIT_SIZE, Body, COMMAND_HEADER_SIZE, CONNECT_SIZE, Command, Connect, DISCONNECT_SIZE,
    FRAGMENT_HEADER_SIZE, Fragment, RELIABLE_HEADER_SIZE, THROTTLE_CONFIGURE_SIZE, UNRELIABLE_HEADER_SIZE,
    UNSEQUENCED_HEADER_SIZE, VERIFY_CONNECT_SIZE, VerifyConnect, field, flag, number,
};

/// Why there is no command where one was looked for. Parsing of a datagram ends there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The command, or what it announces as its payload, is longer than what is left of the datagram.
    #[error("the command is cut short")]
    Truncated,
    /// There is no command of this number; stock peers silently stop reading here.
    #[error("there is no command number {0}")]
    UnknownCommand(u8),
}

/// Reads the command at `offset` of `input`. Returns it with the offset of what follows it.
///
/// The range of a payload is one of `input` as a whole.
///
/// # Errors
///
/// If the bytes from `offset` on are too few or do not begin with the number of a command.
#[inline]
pub fn parse(input: &[u8], offset: usize) -> Result<(Command, usize), ParseError> {
    let rest = input.get(offset..).unwrap_or_default();
    let head = fixed::<COMMAND_HEADER_SIZE>(rest)?;
    let first = field::COMMAND.get(head);
    let (body, length) = match first & flag::NUMBER {
        number::ACKNOWLEDGE => acknowledge(fixed(rest)?),
        number::CONNECT => (Body::Connect(Connect::read(fixed(rest)?)), CONNECT_SIZE),
        number::VERIFY_CONNECT => (
            Body::VerifyConnect(VerifyConnect::read::<VERIFY_CONNECT_SIZE>(fixed(rest)?)),
            VERIFY_CONNECT_SIZE,
        ),
        number::DISCONNECT => disconnect(fixed(rest)?),
        number::PING => (Body::Ping, COMMAND_HEADER_SIZE),
        number::SEND_RELIABLE => send_reliable(rest, offset)?,
        number::SEND_UNRELIABLE => {
            let (sequence, payload, length) = numbered(rest, offset)?;
            (Body::SendUnreliable { sequence, payload }, length)
        }
        number::SEND_FRAGMENT => {
            let (fragment, length) = fragment(rest, offset)?;
            (Body::SendFragment(fragment), length)
        }
        number::SEND_UNSEQUENCED => {
            let (group, payload, length) = numbered(rest, offset)?;
            (Body::SendUnsequenced { group, payload }, length)
        }
        number::BANDWIDTH_LIMIT => bandwidth_limit(fixed(rest)?),
        number::THROTTLE_CONFIGURE => throttle_configure(fixed(rest)?),
        number::SEND_UNRELIABLE_FRAGMENT => {
            let (fragment, length) = fragment(rest, offset)?;
            (Body::SendUnreliableFragment(fragment), length)
        }
        unknown => return Err(ParseError::UnknownCommand(unknown)),
    };
    let command = Command {
        channel: field::CHANNEL.get(head),
        sequence: field::SEQUENCE.get(head),
        acknowledge: first & flag::ACKNOWLEDGE != 0,
        unsequenced: first & flag::UNSEQUENCED != 0,
        body,
    };
    Ok((command, offset + length))
}

/// The one check of length that the fixed part of a command needs.
#[inline]
fn fixed<const N: usize>(rest: &[u8]) -> Result<&[u8; N], ParseError> {
    rest.first_chunk().ok_or(ParseError::Truncated)
}

fn acknowledge(bytes: &[u8; ACKNOWLEDGE_SIZE]) -> (Body, usize) {
    let body = Body::Acknowledge {
        received_sequence: field::RECEIVED_SEQUENCE.get(bytes),
        received_sent_time: field::RECEIVED_SENT_TIME.get(bytes),
    };
    (body, ACKNOWLEDGE_SIZE)
}

fn disconnect(bytes: &[u8; DISCONNECT_SIZE]) -> (Body, usize) {
    (
        Body::Disconnect {
            data: field::DISCONNECT_DATA.get(bytes),
        },
        DISCONNECT_SIZE,
    )
}

fn bandwidth_limit(bytes: &[u8; BANDWIDTH_LIMIT_SIZE]) -> (Body, usize) {
    let body = Body::BandwidthLimit {
        incoming: field::INCOMING.get(bytes),
        outgoing: field::OUTGOING.get(bytes),
    };
    (body, BANDWIDTH_LIMIT_SIZE)
}

fn throttle_configure(bytes: &[u8; THROTTLE_CONFIGURE_SIZE]) -> (Body, usize) {
    let body = Body::ThrottleConfigure {
        interval: field::INTERVAL.get(bytes),
        acceleration: field::ACCELERATION.get(bytes),
        deceleration: field::DECELERATION.get(bytes),
    };
    (body, THROTTLE_CONFIGURE_SIZE)
}

fn send_reliable(rest: &[u8], offset: usize) -> Result<(Body, usize), ParseError> {
    let length = field::RELIABLE_LENGTH.get(fixed::<RELIABLE_HEADER_SIZE>(rest)?);
    let (payload, length) = payload(rest, offset, RELIABLE_HEADER_SIZE, length)?;
    Ok((Body::SendReliable { payload }, length))
}

/// `SEND_UNRELIABLE` and `SEND_UNSEQUENCED`, which look alike: a number and a payload.
fn numbered(rest: &[u8], offset: usize) -> Result<(u16, Range<usize>, usize), ParseError> {
    const { assert!(UNRELIABLE_HEADER_SIZE == UNSEQUENCED_HEADER_SIZE) };
    let bytes = fixed::<UNRELIABLE_HEADER_SIZE>(rest)?;
    let (payload, length) = payload(
        rest,
        offset,
        UNRELIABLE_HEADER_SIZE,
        field::UNRELIABLE_LENGTH.get(bytes),
    )?;
    Ok((field::UNRELIABLE_NUMBER.get(bytes), payload, length))
}

fn fragment(rest: &[u8], offset: usize) -> Result<(Fragment, usize), ParseError> {
    let (fragment, length) = Fragment::read(fixed::<FRAGMENT_HEADER_SIZE>(rest)?);
    let (payload, length) = payload(rest, offset, FRAGMENT_HEADER_SIZE, length)?;
    Ok((Fragment { payload, ..fragment }, length))
}

/// Where the payload of `length` bytes lies that follows `header` bytes of the command at `offset`, and the command's length.
#[inline]
fn payload(rest: &[u8], offset: usize, header: usize, length: u16) -> Result<(Range<usize>, usize), ParseError> {
    let end = header + usize::from(length);
    if end > rest.len() {
        return Err(ParseError::Truncated);
    }
    Ok((offset + header..offset + end, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_offsets_are_those_of_the_whole_input() {
        let input = [0xEE, 0xEE, 0x86, 3, 0, 7, 0, 2, b'h', b'i', 0x85];
        let (command, next) = parse(&input, 2).unwrap();
        let body = Body::SendReliable { payload: 8..10 };
        assert_eq!(
            command,
            Command {
                channel: 3,
                sequence: 7,
                acknowledge: true,
                unsequenced: false,
                body
            }
        );
        assert_eq!(next, 10);
        assert_eq!(parse(&input, next), Err(ParseError::Truncated));
    }

    #[test]
    fn an_empty_packet_is_a_command() {
        let (command, next) = parse(&[0x06, 0, 0, 1, 0, 0], 0).unwrap();
        assert_eq!((command.body, next), (Body::SendReliable { payload: 6..6 }, 6));
    }

    #[test]
    fn bits_4_and_5_of_the_command_are_ignored() {
        let plain = parse(&[0x85, 0xFF, 0, 2], 0);
        assert_eq!(parse(&[0xB5, 0xFF, 0, 2], 0), plain);
        assert_eq!(plain.unwrap().0.body, Body::Ping);
    }

    #[test]
    fn numbers_that_are_no_command_are_refused() {
        for number in [0, 13, 14, 15] {
            let input = [[0x80 | number, 0, 0, 1]; 12].concat();
            assert_eq!(parse(&input, 0), Err(ParseError::UnknownCommand(number)));
        }
    }

    #[test]
    fn every_command_cut_short_is_truncated() {
        let sizes = [
            ACKNOWLEDGE_SIZE,
            CONNECT_SIZE,
            VERIFY_CONNECT_SIZE,
            DISCONNECT_SIZE,
            COMMAND_HEADER_SIZE,
            RELIABLE_HEADER_SIZE,
            UNRELIABLE_HEADER_SIZE,
            FRAGMENT_HEADER_SIZE,
            UNSEQUENCED_HEADER_SIZE,
            BANDWIDTH_LIMIT_SIZE,
            THROTTLE_CONFIGURE_SIZE,
            FRAGMENT_HEADER_SIZE,
        ];
        for (number, size) in (1..).zip(sizes) {
            let mut input = vec![0; size];
            input[0] = number;
            assert_eq!(parse(&input, 0).map(|(_, next)| next), Ok(size), "command {number}");
            for length in 0..size {
                assert_eq!(
                    parse(&input[..length], 0),
                    Err(ParseError::Truncated),
                    "{length} of command {number}"
                );
            }
        }
    }

    #[test]
    fn a_payload_longer_than_the_datagram_is_truncated() {
        assert_eq!(parse(&[0x86, 0, 0, 1, 0, 3, 1, 2], 0), Err(ParseError::Truncated));
        assert_eq!(
            parse(&[0x07, 0, 0, 1, 0, 1, 0xFF, 0xFF, 2], 0),
            Err(ParseError::Truncated)
        );
        let mut fragment = [0; FRAGMENT_HEADER_SIZE + 1];
        (fragment[0], fragment[7]) = (number::SEND_FRAGMENT, 2);
        assert_eq!(parse(&fragment, 0), Err(ParseError::Truncated));
    }

    #[test]
    fn an_offset_behind_the_end_is_truncated() {
        assert_eq!(parse(&[0x85, 0xFF, 0, 2], 5), Err(ParseError::Truncated));
        assert_eq!(parse(&[], usize::MAX), Err(ParseError::Truncated));
    }
}
