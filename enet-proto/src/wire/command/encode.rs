//! From commands to bytes. The send path uses the functions of [`emit`](crate::wire::emit) directly; this is for whoever holds
//! a [`Command`].

use super::{Body, Command, Fragment};
use crate::wire::emit::{self, Head};

impl Command {
    /// Appends the command to `out`, with `payload` as its payload (where the body's range pointed into, when it was parsed).
    /// It is written with its own length, at most 65535 bytes; commands without a payload ignore it.
    pub fn emit(&self, payload: &[u8], out: &mut Vec<u8>) {
        self.emit_header(payload.len(), out);
        if self.body.payload().is_some() {
            out.extend_from_slice(payload);
        }
    }

    /// Appends all of the command but its payload, which has `payload_length` bytes, at most 65535, and is to follow.
    pub fn emit_header(&self, payload_length: usize, out: &mut Vec<u8>) {
        let head = Head {
            number: self.body.number(),
            channel: self.channel,
            sequence: self.sequence,
            acknowledge: self.acknowledge,
            unsequenced: self.unsequenced,
        };
        match &self.body {
            Body::Acknowledge {
                received_sequence,
                received_sent_time,
            } => {
                emit::acknowledge_body(out, head, *received_sequence, *received_sent_time);
            }
            Body::Connect(connect) => emit::connect_body(out, head, connect),
            Body::VerifyConnect(verify) => emit::verify_connect_body(out, head, verify),
            Body::Disconnect { data } => emit::disconnect_body(out, head, *data),
            Body::Ping => emit::ping_body(out, head),
            Body::SendReliable { .. } => emit::reliable_header(out, head, payload_length),
            Body::SendUnreliable { sequence: number, .. } | Body::SendUnsequenced { group: number, .. } => {
                emit::numbered_header(out, head, *number, payload_length);
            }
            Body::SendFragment(fragment) | Body::SendUnreliableFragment(fragment) => {
                emit::fragment_header(out, head, &fragment.into(), payload_length);
            }
            Body::BandwidthLimit { incoming, outgoing } => emit::bandwidth_limit_body(out, head, *incoming, *outgoing),
            Body::ThrottleConfigure {
                interval,
                acceleration,
                deceleration,
            } => {
                emit::throttle_configure_body(out, head, *interval, *acceleration, *deceleration);
            }
        }
    }

    /// How many bytes the command takes, its payload included.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.body.fixed_size() + self.body.payload().map_or(0, |payload| payload.len())
    }
}

impl From<&Fragment> for emit::FragmentFields {
    fn from(fragment: &Fragment) -> emit::FragmentFields {
        emit::FragmentFields {
            start_sequence: fragment.start_sequence,
            count: fragment.count,
            number: fragment.number,
            total_length: fragment.total_length,
            offset: fragment.offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn check(bytes: &[u8], body: &Body) {
        let (command, next) = parse(bytes, 0).unwrap();
        assert_eq!(&command.body, body);
        assert_eq!((command.encoded_len(), next), (bytes.len(), bytes.len()));
        let payload = command.body.payload().unwrap_or_default();
        let mut out = vec![0xEE];
        command.emit(&bytes[payload], &mut out);
        assert_eq!(out[1..], *bytes, "appended to what was there");
    }

    #[test]
    fn commands_and_bytes_make_each_other() {
        check(
            &[1, 2, 0, 9, 0, 8, 0xFD, 0x63],
            &Body::Acknowledge {
                received_sequence: 8,
                received_sent_time: 0xFD63,
            },
        );
        check(&[0x84, 0xFF, 0, 8, 0, 0, 0, 77], &Body::Disconnect { data: 77 });
        check(&[0x44, 0xFF, 0, 0, 1, 2, 3, 4], &Body::Disconnect { data: 0x0102_0304 });
        check(&[0x85, 0xFF, 0, 2], &Body::Ping);
        check(&[0x86, 1, 0, 2, 0, 1, b'x'], &Body::SendReliable { payload: 6..7 });
        check(
            &[0x07, 1, 0, 2, 0, 3, 0, 1, b'x'],
            &Body::SendUnreliable {
                sequence: 3,
                payload: 8..9,
            },
        );
        check(
            &[0x49, 1, 0, 0, 0, 3, 0, 1, b'x'],
            &Body::SendUnsequenced {
                group: 3,
                payload: 8..9,
            },
        );
        check(
            &[0x8A, 0xFF, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2],
            &Body::BandwidthLimit {
                incoming: 1,
                outgoing: 2,
            },
        );
        check(
            &[0x8B, 0xFF, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
            &Body::ThrottleConfigure {
                interval: 1,
                acceleration: 2,
                deceleration: 3,
            },
        );
    }

    #[test]
    fn fragments_differ_only_in_their_number() {
        let mut bytes = [
            0x88, 1, 0, 5, 0, 4, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, b'h', b'i',
        ];
        let fragment = Fragment {
            start_sequence: 4,
            count: 3,
            number: 1,
            total_length: 5,
            offset: 2,
            payload: 24..26,
        };
        check(&bytes, &Body::SendFragment(fragment.clone()));
        bytes[0] = 0x0C;
        check(&bytes, &Body::SendUnreliableFragment(fragment));
    }
}
