//! `SEND_FRAGMENT` and `SEND_UNRELIABLE_FRAGMENT`: a part of a packet that does not fit a datagram.

use std::ops::Range;

use super::FRAGMENT_HEADER_SIZE;
use crate::wire::MAXIMUM_FRAGMENT_COUNT;

/// A part of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What tells the packet from others: of a reliable one the reliable number of its first fragment, of an unreliable one
    /// its unreliable number.
    pub start_sequence: u16,
    /// How many fragments the packet has.
    pub count: u32,
    /// Which of them this is, from 0.
    pub number: u32,
    /// The length of the packet, in bytes.
    pub total_length: u32,
    /// Where in the packet this fragment begins, in bytes.
    pub offset: u32,
    /// The fragment's bytes, in the input it was parsed from.
    pub payload: Range<usize>,
}

impl Fragment {
    /// Whether the header can be that of a fragment of a packet of at most `max_packet_size` bytes. If not, the command is to
    /// be refused. That it also agrees with the packet's other fragments is for the one who puts them together.
    #[must_use]
    pub fn validate(&self, max_packet_size: u32) -> bool {
        let length = self.payload.len();
        self.count <= MAXIMUM_FRAGMENT_COUNT
            && self.number < self.count
            && self.total_length <= max_packet_size
            && self.total_length >= self.count
            && self.offset < self.total_length
            && length > 0
            && length <= (self.total_length - self.offset) as usize
    }

    /// Reads all but the payload, and the payload's length.
    #[inline]
    pub(super) fn read(bytes: &[u8; FRAGMENT_HEADER_SIZE]) -> (Fragment, u16) {
        let fragment = Fragment {
            start_sequence: field::START_SEQUENCE.get(bytes),
            count: field::COUNT.get(bytes),
            number: field::NUMBER.get(bytes),
            total_length: field::TOTAL_LENGTH.get(bytes),
            offset: field::OFFSET.get(bytes),
            payload: 0..0,
        };
        (fragment, field::LENGTH.get(bytes))
    }
}

pub(in crate::wire) mod field {
    use crate::wire::field::{U16, U32};

    pub(in crate::wire) const START_SEQUENCE: U16<4> = U16;
    pub(in crate::wire) const LENGTH: U16<6> = U16;
    pub(in crate::wire) const COUNT: U32<8> = U32;
    pub(in crate::wire) const NUMBER: U32<12> = U32;
    pub(in crate::wire) const TOTAL_LENGTH: U32<16> = U32;
    pub(in crate::wire) const OFFSET: U32<20> = U32;
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 10_000;

    /// The middle one of three.
    fn good() -> Fragment {
        Fragment {
            start_sequence: 9,
            count: 3,
            number: 1,
            total_length: 250,
            offset: 100,
            payload: 24..124,
        }
    }

    #[test]
    fn a_fragment_of_a_packet_is_valid() {
        assert!(good().validate(LIMIT));
        assert!(
            Fragment {
                number: 2,
                offset: 200,
                payload: 24..74,
                ..good()
            }
            .validate(LIMIT)
        );
        assert!(
            Fragment {
                number: 0,
                offset: 0,
                ..good()
            }
            .validate(250)
        );
        assert!(
            Fragment {
                count: 1,
                number: 0,
                total_length: 1,
                offset: 0,
                payload: 24..25,
                ..good()
            }
            .validate(LIMIT)
        );
    }

    #[test]
    fn each_limit_holds_alone() {
        let bad = [
            Fragment { count: 0, ..good() },
            Fragment { number: 3, ..good() },
            Fragment {
                total_length: LIMIT + 1,
                ..good()
            },
            Fragment { count: 251, ..good() },
            Fragment {
                offset: 250,
                payload: 24..25,
                ..good()
            },
            Fragment { offset: 151, ..good() },
            Fragment {
                payload: 24..24,
                ..good()
            },
        ];
        for fragment in bad {
            assert!(!fragment.validate(LIMIT), "{fragment:?}");
        }
    }

    #[test]
    fn a_packet_has_at_most_1048576_fragments() {
        let most = Fragment {
            count: MAXIMUM_FRAGMENT_COUNT,
            total_length: 1 << 24,
            ..good()
        };
        assert!(most.validate(u32::MAX));
        assert!(
            !Fragment {
                count: MAXIMUM_FRAGMENT_COUNT + 1,
                ..most
            }
            .validate(u32::MAX)
        );
    }
}
