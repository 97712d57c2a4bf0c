//! Messages that can be checked: a number, then a pattern that depends on it.

/// The number's bytes.
pub(super) const NUMBER: usize = 8;
/// Of long messages only so many bytes in every stretch of [`STRIDE`] are looked at, unless asked for more: comparing all would be
/// a good part of what the fastest transports cost.
const SAMPLE: usize = 8;
const STRIDE: usize = 1024;
/// Messages up to this size are always compared in full.
const SHORT: usize = 256;

/// Makes messages of one size.
pub(super) struct Payload {
    bytes: Vec<u8>,
}

impl Payload {
    pub(super) fn new(size: usize) -> Payload {
        let bytes = (0..size).map(|at| (at as u32).wrapping_mul(0x9E37_79B1).to_be_bytes()[0]);
        Payload { bytes: bytes.collect() }
    }

    /// The message with this number.
    pub(super) fn numbered(&mut self, number: u64) -> &[u8] {
        self.bytes[..NUMBER].copy_from_slice(&number.to_le_bytes());
        &self.bytes
    }

    /// The number of a message, which is as it was sent.
    pub(super) fn check(&self, message: &[u8], thorough: bool) -> u64 {
        assert_eq!(message.len(), self.bytes.len(), "a message of the wrong size");
        let (own, other) = (&self.bytes[NUMBER..], &message[NUMBER..]);
        if thorough || own.len() <= SHORT {
            assert!(own == other, "a message was changed on its way");
        } else {
            for start in (0..own.len() - SAMPLE).step_by(STRIDE) {
                let part = start..start + SAMPLE;
                assert!(own[part.clone()] == other[part], "a message was changed on its way");
            }
        }
        number(message)
    }
}

/// The number that a message begins with.
pub(super) fn number(message: &[u8]) -> u64 {
    u64::from_le_bytes(*message.first_chunk().expect("a number"))
}
