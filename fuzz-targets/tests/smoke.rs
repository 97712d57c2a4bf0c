//! Every target on its seeds and on variations of them, always the same ones.
//!
//! `FUZZ_SMOKE_SECONDS=60` in the environment goes on with others for as long, for each target.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use fuzz_targets::{TARGETS, Target};
use netem::Random;

/// The longest input, twice the longest datagram.
const LONGEST: u64 = 8192;

#[test]
fn datagram() {
    survives("datagram", 20_000);
}

#[test]
fn range_coder() {
    survives("range_coder", 3_000);
}

#[test]
fn fastlz() {
    survives("fastlz", 20_000);
}

#[test]
fn zlib() {
    survives("zlib", 1_000);
}

#[test]
fn zstd() {
    survives("zstd", 1_000);
}

#[test]
fn host() {
    survives("host", 300);
}

#[test]
fn dtls_hello() {
    survives("dtls_hello", 5_000);
}

#[test]
fn dtls_handshake() {
    survives("dtls_handshake", 300);
}

#[test]
fn dtls_records() {
    survives("dtls_records", 300);
}

#[test]
fn scene() {
    survives("scene", 10_000);
}

#[test]
fn calls() {
    survives("calls", 20_000);
}

#[test]
fn variant() {
    survives("variant", 20_000);
}

#[test]
fn every_target_has_a_test_and_seeds() {
    let names = TARGETS.map(|target| target.name);
    assert_eq!(
        names,
        [
            "datagram",
            "range_coder",
            "fastlz",
            "zlib",
            "zstd",
            "host",
            "dtls_hello",
            "dtls_handshake",
            "dtls_records",
            "scene",
            "calls",
            "variant"
        ]
    );
    for target in TARGETS {
        assert!((target.seeds)().len() >= 4, "{}", target.name);
    }
}

fn survives(name: &str, least: usize) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let target = target.expect("a target of that name");
    let seeds = (target.seeds)();
    for seed in &seeds {
        run(target, seed);
    }
    let mut random = Random::new(1);
    let end = Instant::now() + longer();
    let mut done = 0;
    while done < least || Instant::now() < end {
        run(target, &variation(&mut random, &seeds));
        done += 1;
    }
}

/// How long to go on at least.
fn longer() -> Duration {
    let seconds = env::var("FUZZ_SMOKE_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().expect("FUZZ_SMOKE_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Tells the input that was too much.
fn run(target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("{} does not survive {input:02x?}", target.name);
        resume_unwind(panic);
    }
}

/// A seed, or two of them in one, with some bytes changed, left out, put in or repeated.
fn variation(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let pick = |random: &mut Random| &seeds[random.below(seeds.len() as u64) as usize];
    let mut input = pick(random).clone();
    for _ in 0..1 + random.below(6) {
        let length = input.len() as u64;
        let at = random.below(length + 1) as usize;
        let part = at..(at + random.below(64) as usize).min(input.len());
        match random.below(7) {
            0 => {
                input.drain(part);
            }
            1 => {
                let count = random.below(16) as usize;
                let noise = random.bytes(count);
                input.splice(at..at, noise);
            }
            2 => {
                let repeated = input[part].to_vec();
                input.splice(at..at, repeated);
            }
            3 => {
                let other = pick(random);
                let from = random.below(other.len() as u64 + 1) as usize;
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            4 if at < input.len() => input[at] ^= 1 << random.below(8),
            5 if at < input.len() => input[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5) as usize],
            _ if at < input.len() => input[at] = random.next_u64() as u8,
            _ => {}
        }
        input.truncate(LONGEST as usize);
    }
    input
}
