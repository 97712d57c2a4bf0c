//! ENet's range coder.

use std::hint::black_box;

use enet_proto::compress::{Compression, Compressor};

use super::{Micro, Run};

const BLOCKS: u32 = 20;
const BLOCK: usize = 1200;
const LIMIT: usize = 4096;

pub(super) const COMPRESS: Micro = Micro {
    name: "range coder: compress a byte",
    operations: BLOCKS * BLOCK as u32,
    prepare: || {
        let (mut coder, block) = (coder(), block());
        let mut output = Vec::with_capacity(LIMIT);
        Box::new(move || {
            for _ in 0..BLOCKS {
                output.clear();
                assert!(coder.compress(black_box(&block), LIMIT, &mut output));
                black_box(&output);
            }
        }) as Run
    },
};

pub(super) const DECOMPRESS: Micro = Micro {
    name: "range coder: open a byte",
    operations: BLOCKS * BLOCK as u32,
    prepare: || {
        let mut coder = coder();
        let mut packed = Vec::new();
        assert!(coder.compress(&block(), LIMIT, &mut packed));
        let mut output = Vec::with_capacity(LIMIT);
        Box::new(move || {
            for _ in 0..BLOCKS {
                output.clear();
                assert!(coder.decompress(black_box(&packed), LIMIT, &mut output));
                black_box(&output);
            }
        }) as Run
    },
};

fn coder() -> Box<dyn Compressor> {
    Compression::RangeCoder.compressor().expect("a compressor")
}

/// Something like the state of a game: positions that differ a little.
fn block() -> Vec<u8> {
    let entity = |number: u32| {
        let mut bytes = vec![0x86, 0, (number >> 8) as u8, number as u8, 0, 16];
        for axis in 0..4 {
            bytes.extend_from_slice(&((number * 37 + axis * 1000) as f32 / 16.0).to_le_bytes());
        }
        bytes
    };
    (0..).flat_map(entity).take(BLOCK).collect()
}
