//! Carry-less range coding: a part of a whole, in whole numbers, to bytes and back.
//!
//! All arithmetic wraps at 32 bits; the other side does the same.

/// Below this, and with equal top bytes, the top byte is certain.
const TOP: u32 = 1 << 24;
/// The range never stays below this, so that a total of 16 bits divides it.
const BOTTOM: u32 = 1 << 16;

/// The output would be longer than allowed.
pub(super) struct Full;

/// The interval that both sides narrow in step.
struct Interval {
    low: u32,
    range: u32,
}

impl Interval {
    fn whole() -> Interval {
        Interval {
            low: 0,
            range: u32::MAX,
        }
    }

    /// Narrows to `count` units from `below` on, where `unit` is the range's share for one.
    fn narrow(&mut self, unit: u32, below: u32, count: u32) {
        self.low = self.low.wrapping_add(below.wrapping_mul(unit));
        self.range = unit.wrapping_mul(count);
    }

    /// The top byte if it is certain, or made so by giving up some of the range; then it is shifted out.
    fn shift(&mut self) -> Option<u8> {
        if self.low ^ self.low.wrapping_add(self.range) >= TOP {
            if self.range >= BOTTOM {
                return None;
            }
            self.range = self.low.wrapping_neg() & (BOTTOM - 1);
        }
        let [top, ..] = self.low.to_be_bytes();
        self.low <<= 8;
        self.range <<= 8;
        Some(top)
    }
}

pub(super) struct Encoder<'a> {
    interval: Interval,
    output: &'a mut Vec<u8>,
    /// How long the output may become.
    end: usize,
}

impl<'a> Encoder<'a> {
    /// Appends at most `limit` bytes to `output`.
    pub(super) fn new(limit: usize, output: &'a mut Vec<u8>) -> Encoder<'a> {
        Encoder {
            interval: Interval::whole(),
            end: output.len().saturating_add(limit),
            output,
        }
    }

    /// Encodes the part of `count` from `below` on, of `total`, which is below 65536.
    pub(super) fn encode(&mut self, below: u16, count: u16, total: u16) -> Result<(), Full> {
        let unit = self.interval.range / u32::from(total);
        self.interval.narrow(unit, below.into(), count.into());
        while let Some(byte) = self.interval.shift() {
            self.put(byte)?;
        }
        Ok(())
    }

    /// Writes what the decoder needs beyond the zeros it assumes after the end.
    pub(super) fn finish(mut self) -> Result<(), Full> {
        while self.interval.low != 0 {
            let [top, ..] = self.interval.low.to_be_bytes();
            self.put(top)?;
            self.interval.low <<= 8;
        }
        Ok(())
    }

    fn put(&mut self, byte: u8) -> Result<(), Full> {
        if self.output.len() >= self.end {
            return Err(Full);
        }
        self.output.push(byte);
        Ok(())
    }
}

pub(super) struct Decoder<'a> {
    interval: Interval,
    code: u32,
    /// The share of one, as [`Decoder::position`] found it.
    unit: u32,
    /// What has not been shifted in.
    rest: std::slice::Iter<'a, u8>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Decoder<'a> {
        let mut decoder = Decoder {
            interval: Interval::whole(),
            code: 0,
            unit: 0,
            rest: input.iter(),
        };
        for _ in 0..4 {
            decoder.shift_in();
        }
        decoder
    }

    /// Where in `total` the encoded part lies. With malformed input this can be `total` or more.
    pub(super) fn position(&mut self, total: u16) -> u16 {
        self.unit = self.interval.range / u32::from(total);
        let position = self.code.wrapping_sub(self.interval.low) / self.unit;
        u16::try_from(position).unwrap_or(u16::MAX)
    }

    /// Goes on behind the part of `count` from `below` on, of the total that [`Decoder::position`] was asked with.
    pub(super) fn take(&mut self, below: u16, count: u16) {
        self.interval.narrow(self.unit, below.into(), count.into());
        while self.interval.shift().is_some() {
            self.shift_in();
        }
    }

    fn shift_in(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or(0));
    }
}
