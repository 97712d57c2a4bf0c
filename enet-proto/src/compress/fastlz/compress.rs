//! Writing level 1.

use super::{LARGEST_DISTANCE, LONG_MATCH, LONG_MATCH_TAG, LONGEST_LITERAL, LONGEST_MATCH, SHORTEST_MATCH};

/// Of the table of places, as a power of two: enough for the largest datagram, and quickly emptied.
const TABLE_BITS: u32 = 11;

/// Remembers where each sequence of [`SHORTEST_MATCH`] bytes was last.
pub(super) struct Finder {
    /// By hash, one more than the place; 0 for none.
    places: Box<[u32; 1 << TABLE_BITS]>,
}

impl Finder {
    pub(super) fn new() -> Finder {
        Finder {
            places: Box::new([0; 1 << TABLE_BITS]),
        }
    }

    /// Remembers `at` and returns the place before it where the same bytes may be.
    fn replace(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let sequence = u32::from_le_bytes([input[at], input[at + 1], input[at + 2], 0]);
        // Multiplicative hashing, with 2^32 divided by the golden ratio.
        let hash = sequence.wrapping_mul(0x9E37_79B1) >> (u32::BITS - TABLE_BITS);
        let place = &mut self.places[hash as usize];
        let before = place.checked_sub(1);
        *place = at as u32 + 1;
        before.map(|place| place as usize)
    }
}

/// Appends `input` in compressed form; `None` if that needs more than `limit` bytes.
pub(super) fn compress(finder: &mut Finder, input: &[u8], limit: usize, output: &mut Vec<u8>) -> Option<()> {
    finder.places.fill(0);
    let mut writer = Writer {
        end: output.len().saturating_add(limit),
        output,
    };
    let mut unwritten = 0;
    let mut at = 0;
    while at + SHORTEST_MATCH <= input.len() {
        // The first byte is never found anywhere, so that a block begins with bytes as they are.
        let Some((from, length)) = finder
            .replace(input, at)
            .and_then(|from| Some((from, match_length(input, from, at)?)))
        else {
            at += 1;
            continue;
        };
        writer.put_literals(&input[unwritten..at])?;
        writer.put_match(at - from, length)?;
        let next = at + length;
        for inside in at + 1..next.min(input.len() - (SHORTEST_MATCH - 1)) {
            finder.replace(input, inside);
        }
        at = next;
        unwritten = next;
    }
    writer.put_literals(&input[unwritten..])
}

/// How many bytes are the same at two places, at most what one instruction can say; `None` if it is not worth a reference.
fn match_length(input: &[u8], from: usize, at: usize) -> Option<usize> {
    if at - from > LARGEST_DISTANCE {
        return None;
    }
    let pairs = input[from..].iter().zip(&input[at..]).take(LONGEST_MATCH);
    let length = pairs.take_while(|(before, now)| before == now).count();
    (length >= SHORTEST_MATCH).then_some(length)
}

struct Writer<'a> {
    output: &'a mut Vec<u8>,
    /// How long the output may become.
    end: usize,
}

impl Writer<'_> {
    fn put_literals(&mut self, bytes: &[u8]) -> Option<()> {
        for run in bytes.chunks(LONGEST_LITERAL) {
            self.put(&[run.len() as u8 - 1])?;
            self.put(run)?;
        }
        Some(())
    }

    fn put_match(&mut self, distance: usize, length: usize) -> Option<()> {
        let [high, low] = (distance as u16 - 1).to_be_bytes();
        if length < LONG_MATCH {
            let tag = (length + 1 - SHORTEST_MATCH) as u8;
            self.put(&[tag << 5 | high, low])
        } else {
            self.put(&[LONG_MATCH_TAG << 5 | high, (length - LONG_MATCH) as u8, low])
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        if bytes.len() > self.end - self.output.len() {
            return None;
        }
        self.output.extend_from_slice(bytes);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::decompress::decompress;
    use super::*;

    fn compressed(input: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        compress(&mut Finder::new(), input, usize::MAX, &mut output).unwrap();
        output
    }

    #[test]
    fn what_repeats_is_written_once() {
        assert_eq!(compressed(b"abcabcabc"), [2, b'a', b'b', b'c', 4 << 5, 2]);
    }

    #[test]
    fn a_long_run_takes_its_extra_length() {
        assert_eq!(compressed(&[7; 1 + 264]), [0, 7, 7 << 5, 255, 0]);
        assert_eq!(compressed(&[7; 1 + 9]), [0, 7, 7 << 5, 0, 0]);
        assert_eq!(compressed(&[7; 1 + 8]), [0, 7, 6 << 5, 0]);
    }

    #[test]
    fn many_different_bytes_go_in_runs_of_32() {
        let input: Vec<u8> = (0..40).collect();
        let expected = [&[31][..], &input[..32], &[7], &input[32..]].concat();
        assert_eq!(compressed(&input), expected);
    }

    #[test]
    fn what_is_too_far_back_is_written_again() {
        let noise = |length: usize| (0..length).map(|i| (i * i / 7 + i / 251) as u8).collect::<Vec<u8>>();
        for gap in [LARGEST_DISTANCE - 5, LARGEST_DISTANCE - 4] {
            let input = [&b"\xFE\xFD\xFE\xFC\xFE"[..], &noise(gap), b"\xFE\xFD\xFE\xFC\xFE"].concat();
            let mut opened = Vec::new();
            decompress(&compressed(&input), input.len(), &mut opened).unwrap();
            assert_eq!(opened, input, "gap {gap}");
        }
    }

    #[test]
    fn nothing_is_written_beyond_the_limit() {
        let input: Vec<u8> = (0..40).collect();
        for limit in 0..42 {
            let mut output = Vec::new();
            assert_eq!(compress(&mut Finder::new(), &input, limit, &mut output), None);
            assert!(output.len() <= limit);
        }
        assert!(compress(&mut Finder::new(), &input, 42, &mut Vec::new()).is_some());
    }
}
