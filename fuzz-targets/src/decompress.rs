//! The decompressors: any bytes open to no more than allowed, or not at all; and the compressors: any bytes survive the way there
//! and back.

use enet_proto::compress::{Compression, Compressor};
use enet_proto::wire::{Header, MAXIMUM_DATAGRAM};

/// ENet's range coder.
pub fn range_coder(input: &[u8]) {
    run(Compression::RangeCoder, input);
}

/// Godot's FastLZ.
pub fn fastlz(input: &[u8]) {
    run(Compression::FastLz, input);
}

/// Godot's zlib.
pub fn zlib(input: &[u8]) {
    run(Compression::Zlib, input);
}

/// Godot's zstd.
pub fn zstd(input: &[u8]) {
    run(Compression::Zstd, input);
}

/// Compressed blocks.
#[must_use]
pub fn range_coder_seeds() -> Vec<Vec<u8>> {
    let blocks = fixtures::range_coder_vectors().into_iter().map(|block| block.output);
    blocks.map(with_limit).chain(seeds(Compression::RangeCoder)).collect()
}

/// Compressed blocks.
#[must_use]
pub fn fastlz_seeds() -> Vec<Vec<u8>> {
    seeds(Compression::FastLz)
}

/// Compressed blocks.
#[must_use]
pub fn zlib_seeds() -> Vec<Vec<u8>> {
    seeds(Compression::Zlib)
}

/// Compressed blocks.
#[must_use]
pub fn zstd_seeds() -> Vec<Vec<u8>> {
    seeds(Compression::Zstd)
}

/// The first two bytes are the limit, the rest is the block.
fn run(kind: Compression, input: &[u8]) {
    let Some((limit, block)) = input.split_first_chunk() else {
        return;
    };
    let limit = usize::from(u16::from_le_bytes(*limit)) % (MAXIMUM_DATAGRAM + 1);
    let mut compressor = compressor(kind);

    let mut opened = Vec::new();
    if compressor.decompress(block, limit, &mut opened) {
        assert!(!opened.is_empty());
    }
    assert!(opened.len() <= limit);

    // With what the one before has left behind.
    let mut compressed = Vec::new();
    if compressor.compress(block, limit, &mut compressed) {
        assert!((1..=limit).contains(&compressed.len()));
        opened.clear();
        // A block of nothing cannot be opened.
        let is_open = compressor.decompress(&compressed, block.len(), &mut opened);
        assert_eq!(is_open, !block.is_empty());
        assert_eq!(opened, block);
    }
}

/// What this kind makes of the commands of recorded datagrams.
fn seeds(kind: Compression) -> Vec<Vec<u8>> {
    let mut compressor = compressor(kind);
    let compress = |datagram: Vec<u8>| {
        let (_, start) = Header::parse(&datagram)?;
        let mut block = Vec::new();
        compressor
            .compress(&datagram[start..], MAXIMUM_DATAGRAM, &mut block)
            .then(|| with_limit(block))
    };
    crate::traffic().into_iter().filter_map(compress).collect()
}

/// The input that has a block opened as a host does it.
fn with_limit(block: Vec<u8>) -> Vec<u8> {
    let mut input = (MAXIMUM_DATAGRAM as u16).to_le_bytes().to_vec();
    input.extend(block);
    input
}

fn compressor(kind: Compression) -> Box<dyn Compressor> {
    kind.compressor().expect("a kind that compresses")
}
