//! ENet's range coder and ours, on the same blocks.

use std::thread;

use enet_proto::compress::{Compression, Compressor};
use enet_proto::wire::Header;
use fixtures::{Datagram, captures};
use interop_tests::cenet::RangeCoder;
use netem::Random;

/// Blocks to compare, shared between two threads.
const BLOCKS: usize = 100_000;
const THREADS: usize = 2;

#[test]
fn what_both_write_is_the_same_and_both_open_it() {
    let traffic = traffic();
    assert!(traffic.len() > 400, "{} datagrams", traffic.len());
    let compared: usize = thread::scope(|scope| {
        let compare = |seed| {
            let traffic = &traffic;
            scope.spawn(move || compare(seed, BLOCKS / THREADS, traffic))
        };
        let threads: Vec<_> = (1..=THREADS as u64).map(compare).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("all are equal"))
            .sum()
    });
    assert_eq!(compared, BLOCKS);
}

/// Every limit of the output, from none to more than enough: where one gives up, the other does.
#[test]
fn both_give_up_at_the_same_limit() {
    let mut both = Both::new();
    let mut random = Random::new(3);
    for size in [1, 2, 10, 100, 700] {
        let block = words(&mut random, size);
        let (ours, _) = both.compress(&block, 2 * size + 16);
        let length = ours.expect("room enough").len();
        for limit in 0..=length + 1 {
            let (ours, theirs) = both.compress(&block, limit);
            assert_eq!(ours, theirs, "{size} bytes, limit {limit}");
            assert_eq!(ours.is_some(), limit >= length);
        }
    }
}

fn compare(seed: u64, blocks: usize, traffic: &[Vec<u8>]) -> usize {
    let mut both = Both::new();
    let mut random = Random::new(seed);
    for number in 0..blocks {
        let block = block(&mut random, traffic);
        let what = || format!("seed {seed}, block {number}, {} bytes", block.len());
        let (ours, theirs) = both.compress(&block, 2 * block.len() + 16);
        assert_eq!(ours, theirs, "{}", what());
        let compressed = ours.expect("room enough");
        let (ours, theirs) = both.decompress(&compressed, block.len());
        assert_eq!(ours.as_ref(), Some(&block), "{}", what());
        assert_eq!(theirs.as_ref(), Some(&block), "{}", what());
        // A byte too little room, for which there is no opened form.
        if number % 16 == 0 {
            assert_eq!(
                both.decompress(&compressed, block.len() - 1),
                (None, None),
                "{}",
                what()
            );
        }
    }
    blocks
}

struct Both {
    ours: Box<dyn Compressor>,
    theirs: RangeCoder,
}

impl Both {
    fn new() -> Both {
        Both {
            ours: Compression::RangeCoder.compressor().expect("a compressor"),
            theirs: RangeCoder::new(),
        }
    }

    fn compress(&mut self, input: &[u8], limit: usize) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let mut output = Vec::new();
        let ours = self.ours.compress(input, limit, &mut output).then_some(output);
        (ours, self.theirs.compress(input, limit))
    }

    fn decompress(&mut self, input: &[u8], limit: usize) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let mut output = Vec::new();
        let ours = self.ours.decompress(input, limit, &mut output).then_some(output);
        (ours, self.theirs.decompress(input, limit))
    }
}

/// A block of 1 byte to 4 KiB, small ones more often.
fn block(random: &mut Random, traffic: &[Vec<u8>]) -> Vec<u8> {
    let up_to = 1 << random.below(13);
    let size = 1 + random.below(up_to) as usize;
    match random.below(6) {
        0 => random.bytes(size),
        1 => words(random, size),
        2 => runs(random, size),
        3 => few_values(random, size),
        4 => noise_between_words(random, size),
        _ => slice_of_traffic(random, traffic, size),
    }
}

fn words(random: &mut Random, size: usize) -> Vec<u8> {
    const SYLLABLES: [&str; 16] = [
        "pe", "er ", "ho", "st ", "pac", "ket ", "chan", "nel ", "win", "dow ", "ack", "now", "ledge ", "a ", "the ",
        ".\n",
    ];
    let mut block = Vec::new();
    while block.len() < size {
        block.extend_from_slice(SYLLABLES[random.below(16) as usize].as_bytes());
    }
    block.truncate(size);
    block
}

fn runs(random: &mut Random, size: usize) -> Vec<u8> {
    let count = 1 + random.below(8) as usize;
    let values = random.bytes(count);
    let longest = 1 + random.below(600);
    let mut block = Vec::new();
    while block.len() < size {
        let value = values[random.below(values.len() as u64) as usize];
        let length = 1 + random.below(longest) as usize;
        block.extend(std::iter::repeat_n(value, length));
    }
    block.truncate(size);
    block
}

fn few_values(random: &mut Random, size: usize) -> Vec<u8> {
    let values = 1 + random.below(40);
    let first = random.next_u64() as u8;
    (0..size)
        .map(|_| first.wrapping_add(random.below(values).min(random.below(values)) as u8))
        .collect()
}

fn noise_between_words(random: &mut Random, size: usize) -> Vec<u8> {
    let mut block = Vec::new();
    while block.len() < size {
        let part = 1 + random.below(200) as usize;
        block.extend(if random.chance(0.5) {
            random.bytes(part)
        } else {
            words(random, part)
        });
    }
    block.truncate(size);
    block
}

/// Command blocks of recorded datagrams, one behind the other, here and there with other numbers in them.
fn slice_of_traffic(random: &mut Random, traffic: &[Vec<u8>], size: usize) -> Vec<u8> {
    let mut block = Vec::new();
    while block.len() < size {
        block.extend_from_slice(&traffic[random.below(traffic.len() as u64) as usize]);
    }
    block.truncate(size);
    for _ in 0..random.below(8) {
        let at = random.below(size as u64) as usize;
        block[at] = random.next_u64() as u8;
    }
    block
}

/// The command blocks of all plain datagrams that were recorded between hosts of others.
fn traffic() -> Vec<Vec<u8>> {
    let plain = captures()
        .into_iter()
        .filter(|capture| !capture.name.contains("checksum"));
    let block = |datagram: Datagram| {
        let (header, length) = Header::parse(&datagram.bytes).expect("a header");
        (!header.compressed).then(|| datagram.bytes[length..].to_vec())
    };
    plain
        .flat_map(|capture| capture.datagrams)
        .filter_map(block)
        .filter(|block| !block.is_empty())
        .collect()
}
