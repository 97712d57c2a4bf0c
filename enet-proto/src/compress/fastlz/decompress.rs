//! Reading levels 1 and 2.

use super::{LARGEST_DISTANCE, LONG_MATCH, LONG_MATCH_TAG, SHORTEST_MATCH};

/// The low bits of an instruction.
const LOW_BITS: u8 = 0x1F;
/// A distance less one that at level 2 is followed by what to add.
const FAR: usize = LARGEST_DISTANCE - 1;

/// Appends `input` in opened form; `None` if it is malformed, empty or needs more than `limit` bytes.
pub(super) fn decompress(input: &[u8], limit: usize, output: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader { rest: input };
    let start = output.len();
    let end = start.saturating_add(limit);
    let first = reader.byte()?;
    let level = Level::of(first)?;
    let mut instruction = first & LOW_BITS;
    loop {
        match instruction >> 5 {
            0 => {
                let length = usize::from(instruction) + 1;
                let bytes = reader.bytes(length)?;
                if length > end - output.len() {
                    return None;
                }
                output.extend_from_slice(bytes);
            }
            tag => {
                let length = match tag {
                    LONG_MATCH_TAG => LONG_MATCH + reader.extra_length(level)?,
                    tag => usize::from(tag) - 1 + SHORTEST_MATCH,
                };
                let distance = reader.distance(level, instruction & LOW_BITS)?;
                if length > end - output.len() || distance > output.len() - start {
                    return None;
                }
                repeat(output, distance, length);
            }
        }
        if reader.rest.is_empty() {
            return Some(());
        }
        instruction = reader.byte()?;
    }
}

/// Appends `length` bytes from `distance` before the end, which may be among those just appended.
fn repeat(output: &mut Vec<u8>, distance: usize, length: usize) {
    let from = output.len() - distance;
    let mut left = length;
    while left > 0 {
        // What was appended prolongs what can be copied at once.
        let part = left.min(output.len() - from);
        output.extend_from_within(from..from + part);
        left -= part;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    One,
    Two,
}

impl Level {
    fn of(first: u8) -> Option<Level> {
        match first >> 5 {
            0 => Some(Level::One),
            1 => Some(Level::Two),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    /// The sum is at most 255 times the input, so that it does not overflow.
    fn extra_length(&mut self, level: Level) -> Option<usize> {
        let mut sum = 0;
        loop {
            let part = self.byte()?;
            sum += usize::from(part);
            if level == Level::One || part != 0xFF {
                return Some(sum);
            }
        }
    }

    fn distance(&mut self, level: Level, high: u8) -> Option<usize> {
        let mut distance = usize::from(high) << 8 | usize::from(self.byte()?);
        if level == Level::Two && distance == FAR {
            let more = [self.byte()?, self.byte()?];
            distance += usize::from(u16::from_be_bytes(more));
        }
        Some(distance + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut output = vec![9; 3];
        decompress(input, limit, &mut output).map(|()| output.split_off(3))
    }

    #[test]
    fn instructions_are_followed() {
        let input = [&[2][..], b"abc", &[2 << 5, 2], &[0, b'x'], &[7 << 5, 1, 0]].concat();
        assert_eq!(opened(&input, 100).as_deref(), Some(&b"abcabcaxxxxxxxxxxx"[..]));
    }

    #[test]
    fn level_two_has_lengths_without_end_and_far_distances() {
        let mut input = vec![1 << 5, b'a', 7 << 5, 255, 255, 3, 0];
        let mut expected = vec![b'a'; 1 + 9 + 255 + 255 + 3];
        assert_eq!(opened(&input, expected.len()).as_deref(), Some(&expected[..]));

        while expected.len() < 8192 + 0x0102 {
            input.extend([31; 33]);
            expected.extend([31; 32]);
        }
        // The distance is that to the first byte but four.
        let distance = expected.len() - 4;
        let [high, low] = (distance as u16 - 8192).to_be_bytes();
        input.extend([1 << 5 | 31, 255, high, low]);
        expected.extend_from_within(4..7);
        assert_eq!(opened(&input, expected.len()).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn at_level_one_the_farthest_distance_is_nothing_special() {
        let mut input = Vec::new();
        let mut expected = Vec::new();
        while expected.len() < LARGEST_DISTANCE {
            let run: Vec<u8> = (0..32).map(|i| (expected.len() / 32) as u8 ^ i).collect();
            input.push(31);
            input.extend_from_slice(&run);
            expected.extend_from_slice(&run);
        }
        input.extend([1 << 5 | 31, 255]);
        expected.extend_from_within(..3);
        assert_eq!(opened(&input, expected.len()), Some(expected));
    }

    #[test]
    fn malformed_blocks_are_refused() {
        let cases: [(&str, &[u8]); 9] = [
            ("empty", &[]),
            ("unknown level", &[2 << 5, 1]),
            ("no bytes", &[0]),
            ("too few bytes", &[3, 1, 2, 3]),
            ("match without distance", &[0, 1, 1 << 5]),
            ("long match without length", &[0, 1, 7 << 5]),
            ("long match without distance", &[0, 1, 7 << 5, 0]),
            ("distance before the beginning", &[0, 1, 1 << 5, 1]),
            ("far distance cut off", &[1 << 5, 1, 1 << 5 | 31, 255, 0]),
        ];
        for (name, input) in cases {
            assert_eq!(opened(input, 100), None, "{name}");
        }
    }

    #[test]
    fn nothing_is_written_beyond_the_limit() {
        let run = [0, 1, 7 << 5, 255, 0];
        assert_eq!(opened(&run, 264), None);
        assert_eq!(opened(&run, 265), Some(vec![1; 265]));
        assert_eq!(opened(&[1, 1, 2], 1), None);
    }
}
