//! Bytes that are read from front to back.

use super::ALIGNMENT;
use super::error::{DecodeError, DecodeErrorKind};

#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { offset: self.at, kind }
    }

    pub(super) fn peek(&self) -> Result<u8, DecodeError> {
        let first = self.rest().first();
        first.copied().ok_or_else(|| self.error(DecodeErrorKind::CutOff))
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, _)) = self.rest().split_at_checked(count) else {
            return Err(self.error(DecodeErrorKind::CutOff));
        };
        self.at += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some(taken) = self.rest().first_chunk() else {
            return Err(self.error(DecodeErrorKind::CutOff));
        };
        self.at += N;
        Ok(*taken)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things of `size` bytes each, all of which are there.
    pub(super) fn count(&mut self, size: usize) -> Result<usize, DecodeError> {
        let count = self.u32()?;
        self.checked(count, size)
    }

    /// The same of a count that was read already.
    pub(super) fn checked(&self, count: u32, size: usize) -> Result<usize, DecodeError> {
        let error = || self.error(DecodeErrorKind::Count(count));
        let count = usize::try_from(count).map_err(|_| error())?;
        let fits = count.checked_mul(size).is_some_and(|bytes| bytes <= self.rest().len());
        // A negative count never fits: there are no slices of 2 GB that stock would take either.
        if fits && i32::try_from(count).is_ok() {
            Ok(count)
        } else {
            Err(error())
        }
    }

    /// The bytes of something of `length`, and past the padding behind it, which must be there.
    pub(super) fn padded(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.take(length)?;
        self.take(padding(length))?;
        Ok(taken)
    }

    /// The same, but at the very end the padding may be missing.
    pub(super) fn padded_but_at_end(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.take(length)?;
        self.at = (self.at + padding(length)).min(self.bytes.len());
        Ok(taken)
    }
}

/// What is missing to a multiple of 4.
pub(super) fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}
