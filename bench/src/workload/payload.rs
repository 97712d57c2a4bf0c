//! Messages that can be checked: a number, then a pattern that depends on it, so that no part of one passes for that of another.

/// The number's bytes.
pub(super) const NUMBER: usize = 8;
/// Of long messages only so many bytes in every stretch of [`STRIDE`] are looked at, unless asked for more: comparing all would be
/// a good part of what the fastest transports cost.
const SAMPLE: usize = 8;
const STRIDE: usize = 1024;
/// Messages up to this size are always compared in full.
const SHORT: usize = 256;

/// How many patterns there are: a prime, so that what repeats itself after a round number of messages does not repeat the pattern.
const PATTERNS: usize = 251;

/// Makes messages of one size.
pub(super) struct Payload {
    size: usize,
    /// The message with number 0, and more. That with another number begins further on in it, so that none has to be made.
    pattern: Vec<u8>,
    /// The same for those that are sent, with a number written into it; empty as long as none is.
    outgoing: Vec<u8>,
    /// Where the latest number was written.
    written: usize,
}

impl Payload {
    pub(super) fn new(size: usize) -> Payload {
        Payload {
            size,
            pattern: (0..size + PATTERNS).map(noise).collect(),
            outgoing: Vec::new(),
            written: 0,
        }
    }

    /// The message with this number.
    pub(super) fn numbered(&mut self, number: u64) -> &[u8] {
        if self.outgoing.is_empty() {
            self.outgoing.clone_from(&self.pattern);
        }
        let before = self.written..self.written + NUMBER;
        self.outgoing[before.clone()].copy_from_slice(&self.pattern[before]);
        let start = start_of(number);
        self.outgoing[start..start + NUMBER].copy_from_slice(&number.to_le_bytes());
        self.written = start;
        &self.outgoing[start..start + self.size]
    }

    /// The number of a message, which is as it was sent.
    pub(super) fn check(&self, message: &[u8], thorough: bool) -> u64 {
        assert_eq!(message.len(), self.size, "a message of the wrong size");
        let number = number(message);
        let own = &self.pattern[start_of(number)..][NUMBER..self.size];
        let other = &message[NUMBER..];
        if thorough || own.len() <= SHORT {
            assert!(own == other, "a message was changed on its way");
        } else {
            for start in (0..own.len() - SAMPLE).step_by(STRIDE) {
                let part = start..start + SAMPLE;
                assert!(own[part.clone()] == other[part], "a message was changed on its way");
            }
        }
        number
    }
}

/// Where in [`Payload::pattern`] the message with a number begins.
fn start_of(number: u64) -> usize {
    (number % PATTERNS as u64) as usize
}

/// A byte that tells nothing about the next one: with a regular pattern one shifted copy could look like another.
fn noise(at: usize) -> u8 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed.to_be_bytes()[0]
}

/// The number that a message begins with.
pub(super) fn number(message: &[u8]) -> u64 {
    u64::from_le_bytes(*message.first_chunk().expect("a number"))
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_part_of_another_message_is_found() {
        const SIZE: usize = 16 * 1024;
        const FRAGMENT: usize = 1024;
        let mut payload = Payload::new(SIZE);
        for other in [6, 8, 7 + 64, 7 + 4096] {
            let foreign = payload.numbered(other)[3 * FRAGMENT..4 * FRAGMENT].to_vec();
            let mut message = payload.numbered(7).to_vec();
            assert_eq!(payload.check(&message, true), 7);
            message[3 * FRAGMENT..4 * FRAGMENT].copy_from_slice(&foreign);
            for thorough in [true, false] {
                assert!(
                    catch_unwind(|| payload.check(&message, thorough)).is_err(),
                    "of {other}"
                );
            }
        }
    }
}
