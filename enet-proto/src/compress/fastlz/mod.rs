//! FastLZ, as Godot's mode `COMPRESS_FASTLZ` has it: byte-wise LZ77 without entropy coding.
//!
//! A block is a row of instructions, each beginning with a byte whose top three bits say what it is:
//!
//! | top bits | low bits | then | means |
//! | --- | --- | --- | --- |
//! | 0 | n | n + 1 bytes | these bytes |
//! | 1..=6 = l | high bits of d | low byte of d | l + 2 bytes from d + 1 before |
//! | 7 | high bits of d | extra length x, low byte of d | 9 + x bytes from d + 1 before |
//!
//! The first instruction is always of the first kind; its top bits hold the level instead: 0 for level 1, 1 for level 2. At
//! level 2 an extra length of 255 is followed by another byte to add, and a d with all 13 bits set by two bytes to add to it.
//! Godot writes level 1 for anything that fits a datagram, and pads what is shorter than 16 bytes with zeros, behind which
//! nothing of a datagram is read. Its library cannot do without; what is written here needs no padding to be opened by it.

mod compress;
mod decompress;

use super::Compressor;
use compress::Finder;

/// The longest distance of level 1.
const LARGEST_DISTANCE: usize = 1 << 13;
/// A repetition shorter than this is not worth a reference.
const SHORTEST_MATCH: usize = 3;
/// From this length on a match has an extra length.
const LONG_MATCH: usize = 9;
/// The longest match of one instruction of level 1.
const LONGEST_MATCH: usize = LONG_MATCH + 0xFF;
/// The most bytes that follow one instruction as they are.
const LONGEST_LITERAL: usize = 32;
/// The top bits of an instruction with an extra length.
const LONG_MATCH_TAG: u8 = 7;

/// See [`Compression::FastLz`](super::Compression::FastLz).
pub(super) struct FastLz {
    finder: Finder,
}

impl FastLz {
    pub(super) fn new() -> FastLz {
        FastLz { finder: Finder::new() }
    }
}

impl Compressor for FastLz {
    fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        !input.is_empty() && compress::compress(&mut self.finder, input, limit, output).is_some()
    }

    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        decompress::decompress(input, limit, output).is_some()
    }
}
