//! Compressed blocks, made again as the program that was recorded has made them.
//!
//! The range coder and Zstandard are what that program has, or do the same to the bit. Godot's zlib is the original, whose
//! choices `miniz_oxide` does not share, so the original makes the block here. The choices of Godot's FastLZ, where to refer
//! back and where not, are nobody else's: they are taken from the block, and everything else from what it opened to.

use std::iter;

use enet_proto::compress::{Compression, Compressor};
use enet_proto::wire::MAXIMUM_DATAGRAM;

use crate::zlib;

/// The shortest stretch that FastLZ refers back for.
const SHORTEST_MATCH: usize = 3;

/// In the first three bits of an instruction: the length goes on in the next byte.
const LONG_MATCH: u8 = 7;

/// What `opened` is when compressed; for FastLZ with the choices of `recorded`. `None` if that cannot be.
pub(super) fn compressed(
    kind: Compression,
    compressor: &mut dyn Compressor,
    opened: &[u8],
    recorded: &[u8],
) -> Option<Vec<u8>> {
    match kind {
        Compression::Zlib => zlib::compress(opened, MAXIMUM_DATAGRAM),
        Compression::FastLz => fast_lz(opened, recorded),
        _ => {
            let mut written = Vec::new();
            compressor
                .compress(opened, MAXIMUM_DATAGRAM, &mut written)
                .then_some(written)
        }
    }
}

/// Takes from `recorded` no more than how long each run of bytes and each reference is, and how far back that goes.
fn fast_lz(opened: &[u8], recorded: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    let mut at = 0;
    // The first instruction has the level in its first three bits, 0 for the only one that short blocks have.
    while at < opened.len() {
        let rest = recorded.get(written.len()..)?;
        let (&first, operands) = rest.split_first()?;
        let tag = first >> 5;
        if tag == 0 {
            let run = usize::from(first) + 1;
            written.push((run - 1).try_into().ok()?);
            written.extend(opened.get(at..at + run)?);
            at += run;
            continue;
        }
        let (extra, low) = match (tag, operands) {
            (LONG_MATCH, &[extra, low, ..]) => (extra, low),
            (LONG_MATCH, _) => return None,
            (_, &[low, ..]) => (0, low),
            _ => return None,
        };
        let length = usize::from(tag) + usize::from(extra) + SHORTEST_MATCH - 1;
        let distance = usize::from(u16::from_be_bytes([first & 0x1f, low])) + 1;
        let from = at.checked_sub(distance)?;
        let is_repeated = opened.get(at..at + length)? == opened.get(from..from + length)?;
        if !is_repeated {
            return None;
        }
        let [high, low] = u16::try_from(distance - 1).ok()?.to_be_bytes();
        let tagged = u8::try_from(length + 1 - SHORTEST_MATCH)
            .unwrap_or(LONG_MATCH)
            .min(LONG_MATCH);
        written.push(tagged << 5 | high);
        let over = length + 1 - SHORTEST_MATCH - usize::from(tagged);
        written.extend(iter::repeat_n(
            u8::try_from(over).ok()?,
            usize::from(tagged == LONG_MATCH),
        ));
        written.push(low);
        at += length;
    }
    (at == opened.len()).then_some(written)
}
