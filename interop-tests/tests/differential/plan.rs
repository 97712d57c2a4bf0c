//! Which cases are tried.

use std::collections::HashSet;

use enet_proto::compress::Compression;
use interop_tests::side::Kind;
use netem::Random;

use crate::case::{Case, Size, Stream};

/// Every combination.
pub(crate) fn full() -> Vec<Case> {
    let mut cases = Vec::new();
    for server in [Kind::C, Kind::Ours] {
        for stream in Stream::ALL {
            for size in Size::USUAL {
                for checksum in [false, true] {
                    for &compression in Compression::ALL {
                        for loss in [0, 5, 20] {
                            for channels in [1, 2, 255] {
                                cases.push(Case {
                                    server,
                                    stream,
                                    size,
                                    checksum,
                                    compression,
                                    loss,
                                    channels,
                                    seed: cases.len() as u64,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    cases
}

/// Enough of them that every two choices of different kinds meet in one.
pub(crate) fn pairs(seed: u64) -> Vec<Case> {
    let mut cases = full();
    let mut random = Random::new(seed);
    for at in (1..cases.len()).rev() {
        cases.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut met = HashSet::new();
    cases.retain(|case| {
        let text = case.to_string();
        // All but the seed.
        let choices: Vec<&str> = text.split(' ').take(7).collect();
        let mut is_new = false;
        for (at, one) in choices.iter().enumerate() {
            for other in &choices[at + 1..] {
                is_new |= met.insert(format!("{one} {other}"));
            }
        }
        is_new
    });
    cases
}

#[test]
fn every_two_choices_meet() {
    // What was chosen of each kind, as numbers, without the way cases are written.
    let choices = |case: &Case| {
        [
            usize::from(case.server == Kind::C),
            place(&Stream::ALL, &case.stream),
            place(&Size::USUAL, &case.size),
            usize::from(case.checksum),
            place(Compression::ALL, &case.compression),
            usize::from(case.loss),
            usize::from(case.channels),
        ]
    };
    let cases = pairs(1);
    assert!(cases.len() < 150, "{} cases", cases.len());
    let counts = [2, Stream::ALL.len(), Size::USUAL.len(), 2, Compression::ALL.len(), 3, 3];
    assert_eq!(full().len(), counts.iter().product::<usize>());
    for one in 0..counts.len() {
        for other in one + 1..counts.len() {
            let met = cases.iter().map(choices).map(|chosen| (chosen[one], chosen[other]));
            let met = met.collect::<HashSet<_>>().len();
            assert_eq!(met, counts[one] * counts[other], "kinds {one} and {other}");
        }
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|known| known == one).expect("one of all")
}
