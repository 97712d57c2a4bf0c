//! Test payloads, made from a seed alike here and in the Godot project.

use std::fmt::Write;

use bytes::Bytes;
use md5::{Digest, Md5};

/// The bytes of a test packet, by the seed they are made from and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payload {
    /// What the bytes are made from.
    pub seed: u32,
    /// How many there are.
    pub size: usize,
}

impl Payload {
    /// The payload of `size` bytes made from `seed`.
    #[must_use]
    pub fn new(seed: u32, size: usize) -> Payload {
        Payload { seed, size }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> Bytes {
        let mut state = u64::from(self.seed & 0x7fff_ffff);
        let pattern: Vec<u8> = std::iter::repeat_with(|| {
            state = (state * 1_103_515_245 + 12345) & 0x7fff_ffff;
            (state >> 16) as u8
        })
        .take(self.size.min(PERIOD))
        .collect();
        pattern.iter().copied().cycle().take(self.size).collect()
    }

    /// The MD5 of its bytes in hexadecimal digits, as the Godot project reports it.
    #[must_use]
    pub fn md5(self) -> String {
        md5(&self.bytes())
    }
}

/// The MD5 of any bytes in hexadecimal digits.
#[must_use]
pub fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Bytes before the pattern repeats; prime, so that it does not line up with the fragments of a long payload.
const PERIOD: usize = 4099;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_differ_by_seed() {
        for size in [0, 1, PERIOD - 1, PERIOD, PERIOD + 1, 3 * PERIOD + 5] {
            assert_eq!(Payload::new(1, size).bytes().len(), size);
        }
        assert_ne!(Payload::new(1, 64).bytes(), Payload::new(2, 64).bytes());
    }

    #[test]
    fn a_long_payload_repeats_its_pattern() {
        let bytes = Payload::new(9, 2 * PERIOD + 100).bytes();
        assert_eq!(bytes[..100], bytes[2 * PERIOD..]);
    }

    #[test]
    fn the_godot_project_makes_the_same() {
        // What payload.gd reported for these.
        assert_eq!(Payload::new(9, 100).md5(), "145c33c6f531131f833bce0123bd7090");
        assert_eq!(Payload::new(5, 1_048_576).md5(), "77017ad0e2694b3ed1e744a472c19dba");
    }
}
