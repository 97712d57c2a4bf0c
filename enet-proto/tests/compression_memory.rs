//! What compressors allocate, measured at the allocator.
//!
//! The library that does zstd has memory of its own, which is not seen here.

mod counting;

use enet_proto::compress::Compression;
use enet_proto::wire;

use counting::allocations;

#[test]
fn datagrams_are_compressed_and_opened_without_an_allocation() {
    let mut noise = 1u32;
    let mut block = Vec::with_capacity(wire::MAXIMUM_DATAGRAM);
    let mut compressed = Vec::with_capacity(2 * wire::MAXIMUM_DATAGRAM);
    let mut opened = Vec::with_capacity(wire::MAXIMUM_DATAGRAM);
    for &kind in Compression::ALL {
        let Some(mut compressor) = kind.compressor() else {
            continue;
        };
        let before = allocations();
        for round in 0..300 {
            block.clear();
            for place in 0..1 + round * 13 {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // From pure noise to hardly any.
                let value = (noise >> 24) % (1 + 255 * round as u32 / 299);
                block.push(value as u8 ^ (place / 16) as u8);
            }
            compressed.clear();
            opened.clear();
            assert!(
                compressor.compress(&block, compressed.capacity(), &mut compressed),
                "{kind}"
            );
            assert!(compressor.decompress(&compressed, block.len(), &mut opened), "{kind}");
            assert_eq!(opened, block, "{kind}");
            opened.clear();
            compressor.decompress(&block, wire::MAXIMUM_DATAGRAM, &mut opened);
        }
        assert_eq!(allocations() - before, 0, "{kind}");
    }
}
