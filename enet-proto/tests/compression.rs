//! The compressors by themselves: what comes out is what went in, whatever goes in.

#![allow(clippy::unwrap_used, reason = "what does not unwrap fails the test")]

use enet_proto::compress::{Compression, Compressor};
use enet_proto::wire;
use fixtures::range_coder_vectors;
use proptest::prelude::*;

/// The longest command block.
const LIMIT: usize = wire::MAXIMUM_DATAGRAM;

#[test]
fn the_range_coder_writes_what_the_c_library_writes() {
    let mut coder = Compression::RangeCoder.compressor().unwrap();
    let blocks = range_coder_vectors();
    assert!(blocks.len() >= 95);
    for block in &blocks {
        let compressed = compress(&mut *coder, &block.input, usize::MAX);
        assert_eq!(compressed.as_ref(), Some(&block.output), "{}", block.name);
        let shorter = block.output.len() - 1;
        assert_eq!(compress(&mut *coder, &block.input, shorter), None, "{}", block.name);
    }
}

#[test]
fn the_range_coder_opens_what_the_c_library_wrote() {
    let mut coder = Compression::RangeCoder.compressor().unwrap();
    for block in range_coder_vectors() {
        let opened = decompress(&mut *coder, &block.output, block.input.len());
        assert_eq!(opened.as_ref(), Some(&block.input), "{}", block.name);
        let opened = decompress(&mut *coder, &block.output, block.input.len() - 1);
        assert_eq!(opened, None, "{}", block.name);
    }
}

/// FastLZ has no program of its own; what Godot writes is opened in interop-tests.
#[cfg(all(feature = "zlib", feature = "zstd"))]
#[test]
fn what_other_programs_wrote_is_opened() {
    let cases = [
        // zlib 1.2.13
        (
            Compression::Zlib,
            "789c0bcf482c492d4b2d524854282ec94fce56c8c82f2e51284ecd4b29d6c146e90100bf8a1190",
        ),
        // zstd 1.5.4
        (
            Compression::Zstd,
            "28b52ffd20311d0100e8576861746576657220612073746f636b20686f73742073656e64732c2e0100882e4e",
        ),
    ];
    for (kind, block) in cases {
        let mut compressor = kind.compressor().unwrap();
        let opened = decompress(&mut *compressor, &hex(block), LIMIT);
        assert_eq!(
            opened.as_deref(),
            Some(&b"Whatever a stock host sends, sends, sends, sends."[..]),
            "{kind}"
        );
    }
}

#[test]
fn what_repeats_gets_smaller() {
    let block = b"a command much like the one before it; ".repeat(30);
    for (kind, mut compressor) in compressors() {
        let compressed = compress(&mut *compressor, &block, block.len()).unwrap();
        assert!(compressed.len() < block.len() / 4, "{kind}: {}", compressed.len());
    }
}

#[test]
fn what_is_opened_may_fill_the_limit_but_not_exceed_it() {
    let mut block = b"0123456789".repeat(410);
    block.truncate(LIMIT);
    for (kind, mut compressor) in compressors() {
        let compressed = compress(&mut *compressor, &block, LIMIT).unwrap();
        assert_eq!(
            decompress(&mut *compressor, &compressed, LIMIT).as_ref(),
            Some(&block),
            "{kind}"
        );
        assert_eq!(decompress(&mut *compressor, &compressed, LIMIT - 1), None, "{kind}");
        // One that was refused leaves nothing behind that would harm the next.
        assert_eq!(
            decompress(&mut *compressor, &compressed, LIMIT).as_ref(),
            Some(&block),
            "{kind}"
        );
    }
}

#[test]
fn nothing_is_neither_compressed_nor_opened() {
    for (kind, mut compressor) in compressors() {
        assert_eq!(decompress(&mut *compressor, &[], LIMIT), None, "{kind}");
        let compressed = compress(&mut *compressor, &[], LIMIT);
        let opened = compressed.and_then(|block| decompress(&mut *compressor, &block, LIMIT));
        assert_eq!(opened, None, "{kind}");
    }
}

#[test]
fn a_block_that_was_cut_off_is_refused_or_opens_to_its_beginning() {
    let block = b"0123456789 and so on, and so on".repeat(20);
    for (kind, mut compressor) in compressors() {
        let compressed = compress(&mut *compressor, &block, LIMIT).unwrap();
        for length in 0..compressed.len() {
            let opened = decompress(&mut *compressor, &compressed[..length], LIMIT);
            match kind {
                // Behind the end of a range-coded block there are zeros without end, and any bytes mean something.
                Compression::RangeCoder => assert!(opened.is_none_or(|opened| (1..=LIMIT).contains(&opened.len()))),
                // It has no end but that of the datagram.
                Compression::FastLz => {
                    assert!(opened.is_none_or(|opened| opened.len() < block.len() && block.starts_with(&opened)));
                }
                _ => assert_eq!(opened, None, "{kind}, {length} bytes"),
            }
        }
    }
}

#[cfg(feature = "zlib")]
#[test]
fn bytes_behind_a_zlib_stream_are_ignored() {
    let mut compressor = Compression::Zlib.compressor().unwrap();
    let mut block = compress(&mut *compressor, b"what counts", LIMIT).unwrap();
    block.extend_from_slice(b"what does not");
    let opened = decompress(&mut *compressor, &block, LIMIT);
    assert_eq!(opened.as_deref(), Some(&b"what counts"[..]));
}

/// A frame whose header claims a window of 2 GiB, and one whose content is said to be 4 GiB.
#[cfg(feature = "zstd")]
#[test]
fn a_zstd_frame_that_asks_for_gigabytes_gets_none() {
    let window = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x09, 0x00, 0x00, b'a'];
    let content = [
        0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0xFF, 0xFF, 0xFF, 0xFF, 0x09, 0x00, 0x00, b'a',
    ];
    let mut compressor = Compression::Zstd.compressor().unwrap();
    let opened = decompress(&mut *compressor, &window, LIMIT);
    assert!(opened.is_none_or(|opened| opened == b"a"));
    assert_eq!(decompress(&mut *compressor, &content, LIMIT), None);
}

proptest! {
    #[test]
    fn what_was_compressed_opens_to_itself(block in block()) {
        for (kind, mut compressor) in compressors() {
            let mut compressed = vec![1, 2, 3];
            prop_assert!(compressor.compress(&block, 2 * LIMIT, &mut compressed), "{kind}");
            let mut opened = vec![4, 5];
            prop_assert!(compressor.decompress(&compressed[3..], block.len(), &mut opened), "{kind}");
            prop_assert_eq!(&compressed[..3], &[1, 2, 3], "{}", kind);
            prop_assert_eq!(&opened[..2], &[4, 5], "{}", kind);
            prop_assert_eq!(&opened[2..], &block[..], "{}", kind);
        }
    }

    #[test]
    fn a_used_compressor_writes_what_a_new_one_writes(blocks in prop::collection::vec(block(), 1..4)) {
        for (kind, mut used) in compressors() {
            for block in &blocks {
                let mut new = kind.compressor().unwrap();
                prop_assert_eq!(compress(&mut *used, block, LIMIT), compress(&mut *new, block, LIMIT), "{}", kind);
            }
        }
    }

    #[test]
    fn the_limit_of_compression_is_kept(block in block(), limit in 0..LIMIT) {
        for (kind, mut compressor) in compressors() {
            if let Some(compressed) = compress(&mut *compressor, &block, limit) {
                prop_assert!(compressed.len() <= limit, "{kind}");
                prop_assert_eq!(decompress(&mut *compressor, &compressed, LIMIT), Some(block.clone()), "{}", kind);
            }
        }
    }

    #[test]
    fn any_bytes_are_opened_within_the_limit_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..LIMIT), limit in 0..LIMIT) {
        for (kind, mut compressor) in compressors() {
            if let Some(opened) = decompress(&mut *compressor, &bytes, limit) {
                prop_assert!((1..=limit).contains(&opened.len()), "{kind}");
            }
        }
    }

    #[test]
    fn a_damaged_block_is_opened_within_the_limit_or_refused(
        block in block(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        limit in 1..LIMIT,
    ) {
        for (kind, mut compressor) in compressors() {
            let mut compressed = compress(&mut *compressor, &block, 2 * LIMIT).unwrap();
            for (place, value) in &damage {
                let place = place.index(compressed.len());
                compressed[place] = *value;
            }
            if let Some(opened) = decompress(&mut *compressor, &compressed, limit) {
                prop_assert!((1..=limit).contains(&opened.len()), "{kind}");
            }
        }
    }
}

/// Random bytes, few values, long runs, and words that come again.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let runs = prop::collection::vec((any::<u8>(), 1..300usize), 1..20).prop_map(|runs| {
        runs.into_iter()
            .flat_map(|(value, length)| vec![value; length])
            .collect()
    });
    let words = prop::collection::vec(any::<prop::sample::Index>(), 1..600).prop_map(|picks| {
        const WORDS: [&[u8]; 7] = [
            b"peer ",
            b"host ",
            b"\0\0",
            b"\x86\x00",
            b"fragment ",
            b"!",
            b"0123456789abcdef",
        ];
        picks
            .iter()
            .flat_map(|pick| WORDS[pick.index(WORDS.len())].to_vec())
            .collect()
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..=LIMIT),
        prop::collection::vec(any::<u8>(), 1..20),
        prop::collection::vec(0..4u8, 1..=LIMIT),
        runs,
        words,
    ]
    .prop_map(|mut block: Vec<u8>| {
        block.truncate(LIMIT);
        block
    })
}

fn compressors() -> impl Iterator<Item = (Compression, Box<dyn Compressor>)> {
    Compression::ALL
        .iter()
        .filter_map(|&kind| Some((kind, kind.compressor()?)))
}

fn compress(compressor: &mut dyn Compressor, input: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    compressor.compress(input, limit, &mut output).then_some(output)
}

fn decompress(compressor: &mut dyn Compressor, input: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    compressor.decompress(input, limit, &mut output).then_some(output)
}

#[cfg(all(feature = "zlib", feature = "zstd"))]
fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}
