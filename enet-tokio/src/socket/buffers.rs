//! Where received datagrams are put, and how they become [`Bytes`].
//!
//! With receive offload the kernel fills a buffer with up to 64 KiB of datagrams. Two ways lead out of it:
//!
//! - A well-filled buffer is lent: its datagrams are slices of it, nothing is copied, and the buffer comes back when the last
//!   slice is dropped. The memory that a slice keeps alive is at most [`LEND_SHARE`] times what arrived with it.
//! - From a buffer with little in it each datagram is copied to an allocation of its own size, so that a small packet which the
//!   program keeps for long does not keep 64 KiB.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Enough for the most that receive offload puts together.
const BUFFER_SIZE: usize = 64 * 1024;

/// A buffer is lent when at least one part in so many of it is filled.
const LEND_SHARE: usize = 4;

/// How many lent buffers are remembered, to be used again when they come back. Beyond it they are freed.
const MAX_LENT: usize = 64;

/// After so many buffers in a row with little in them one that was lent is forgotten: the burst that it was for is over.
const SMALL_TO_FORGET: u32 = 16;

/// How many buffers there are at least: with two a call tells when there is nothing more.
const MIN_READY: usize = 2;

/// How many there are at most, while a crowd sends a datagram each. Bulk data is well off with two: with eight there was an eighth
/// fewer calls.
pub(super) const MAX_READY: usize = 8;

/// After so many calls in a row that filled all buffers with a datagram each there are twice as many.
const FULL_TO_GROW: u32 = 4;

/// When so many more calls have left half of the buffers empty than have not, there are half as many.
const SPARSE_TO_SHRINK: u32 = 64;

/// The receive buffers of one socket.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Each of full length, ready to be written to.
    ready: Vec<BytesMut>,
    /// Handles to buffers of which slices are, or were, with the program; the longest lent first.
    lent: VecDeque<Bytes>,
    /// How many buffers with little in them came since a well-filled one, or since one was forgotten.
    small: u32,
    /// How many calls in a row filled all buffers with a datagram each.
    full: u32,
    /// How many more calls left half of the buffers empty than did not.
    sparse: u32,
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        Buffers {
            ready: std::iter::repeat_with(allocate).take(MIN_READY).collect(),
            lent: VecDeque::new(),
            small: 0,
            full: 0,
            sparse: 0,
        }
    }

    /// All buffers, to be filled from the first on.
    pub(super) fn writable(&mut self) -> &mut [BytesMut] {
        &mut self.ready
    }

    /// A call has filled the first `filled` buffers, with a datagram each if they are `singles`. Has as many as such traffic can use.
    ///
    /// Each has 64 KiB, and an idle endpoint with thousands of peers should not keep more of them than it needs.
    pub(super) fn fit(&mut self, filled: usize, singles: bool) {
        let count = self.ready.len();
        self.full = if singles && filled == count { self.full + 1 } else { 0 };
        self.sparse = if 2 * filled > count {
            self.sparse.saturating_sub(1)
        } else {
            self.sparse + 1
        };
        if self.full >= FULL_TO_GROW {
            self.full = 0;
            self.sparse = 0;
            self.ready.resize_with((2 * count).min(MAX_READY), allocate);
        } else if self.sparse >= SPARSE_TO_SHRINK {
            self.sparse = 0;
            self.ready.truncate((count / 2).max(MIN_READY));
        }
    }

    /// Calls `each` with the datagrams in the buffer at `index`: `length` bytes in all, each datagram of `stride` bytes but the
    /// last, which may be shorter.
    pub(super) fn take(&mut self, index: usize, length: usize, stride: usize, mut each: impl FnMut(Bytes)) {
        let length = length.min(BUFFER_SIZE);
        if length < BUFFER_SIZE / LEND_SHARE || stride == 0 {
            self.forget_one_in_time();
            let filled = &self.ready[index][..length];
            if filled.is_empty() {
                return each(Bytes::new());
            }
            return filled
                .chunks(stride.max(1))
                .for_each(|datagram| each(Bytes::copy_from_slice(datagram)));
        }
        self.small = 0;
        let fresh = self.fresh();
        let filled = std::mem::replace(&mut self.ready[index], fresh).freeze();
        let mut start = 0;
        while start < length {
            let end = length.min(start + stride);
            each(filled.slice(start..end));
            start = end;
        }
        if self.lent.len() == MAX_LENT {
            self.lent.pop_front();
        }
        self.lent.push_back(filled);
    }

    /// Gives back memory that a burst took, little by little.
    fn forget_one_in_time(&mut self) {
        if self.lent.is_empty() {
            return;
        }
        self.small += 1;
        if self.small == SMALL_TO_FORGET {
            self.small = 0;
            self.lent.pop_front();
            if self.lent.is_empty() {
                self.lent = VecDeque::new();
            }
        }
    }

    /// A buffer that came back, or a new one.
    fn fresh(&mut self) -> BytesMut {
        // The longest lent are the likeliest to be back, but one slice kept for long must not hide those behind it.
        for _ in 0..self.lent.len().min(2) {
            if let Some(buffer) = self.lent.pop_front() {
                match buffer.try_into_mut() {
                    Ok(buffer) => return buffer,
                    Err(buffer) => self.lent.push_back(buffer),
                }
            }
        }
        allocate()
    }
}

/// A buffer of full length in the shared form, which is frozen and thawed without allocation.
fn allocate() -> BytesMut {
    let mut buffer = BytesMut::zeroed(BUFFER_SIZE);
    // Splitting is what turns it into the shared form.
    drop(buffer.split_off(BUFFER_SIZE));
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffers: &mut Buffers, length: usize) {
        for (index, byte) in buffers.writable()[0][..length].iter_mut().enumerate() {
            *byte = index as u8;
        }
    }

    fn take(buffers: &mut Buffers, length: usize, stride: usize) -> Vec<Bytes> {
        let mut datagrams = Vec::new();
        fill(buffers, length);
        buffers.take(0, length, stride, |datagram| datagrams.push(datagram));
        datagrams
    }

    #[test]
    fn a_batch_is_cut_into_its_datagrams() {
        let mut buffers = Buffers::new();
        for length in [3000, 60_000] {
            let datagrams = take(&mut buffers, length, 1392);
            assert_eq!(datagrams.len(), length.div_ceil(1392));
            assert_eq!(datagrams.iter().map(Bytes::len).sum::<usize>(), length);
            let joined = datagrams.concat();
            assert!(joined.iter().enumerate().all(|(index, &byte)| byte == index as u8));
        }
    }

    #[test]
    fn a_lent_buffer_is_used_again_when_its_last_slice_is_gone() {
        let mut buffers = Buffers::new();
        let address = buffers.writable()[0].as_ptr();
        let kept = take(&mut buffers, 60_000, 1392);
        assert_eq!(kept[0].as_ptr(), address, "nothing is copied");
        let other = take(&mut buffers, 60_000, 1392);
        assert_ne!(other[0].as_ptr(), address, "what is lent is not written to");
        drop((kept, other));
        drop(take(&mut buffers, 60_000, 1392));
        let again = take(&mut buffers, 60_000, 1392);
        assert_eq!(buffers.ready[0].len(), BUFFER_SIZE);
        drop(again);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..20 {
            seen.insert(take(&mut buffers, 60_000, 1392)[0].as_ptr());
        }
        assert!(seen.len() <= 4, "{} buffers for one at a time", seen.len());
        assert!(seen.contains(&address));
    }

    #[test]
    fn what_was_lent_in_a_burst_is_forgotten_when_little_comes_for_long() {
        let mut buffers = Buffers::new();
        let burst: Vec<_> = (0..10).map(|_| take(&mut buffers, 60_000, 1392)).collect();
        assert_eq!(buffers.lent.len(), burst.len());
        drop(burst);
        for _ in 0..10 * SMALL_TO_FORGET {
            take(&mut buffers, 100, 100);
        }
        assert_eq!(buffers.lent.len(), 0);
    }

    #[test]
    fn a_small_datagram_does_not_keep_the_buffer() {
        let mut buffers = Buffers::new();
        let address = buffers.writable()[0].as_ptr();
        let kept = take(&mut buffers, 100, 100);
        assert_eq!(kept[0].len(), 100);
        assert_eq!(buffers.writable()[0].as_ptr(), address);
        assert!(kept[0].is_unique());
    }

    #[test]
    fn a_crowd_has_more_buffers_until_it_is_over() {
        let mut buffers = Buffers::new();
        let mut calls = 0;
        while buffers.writable().len() < MAX_READY {
            buffers.fit(buffers.ready.len(), true);
            calls += 1;
        }
        assert_eq!(calls, 2 * FULL_TO_GROW);
        // As long as more than half of them are used it stays so.
        for _ in 0..100 {
            buffers.fit(MAX_READY, true);
            buffers.fit(MAX_READY / 2 + 1, true);
        }
        assert_eq!(buffers.writable().len(), MAX_READY);
        for _ in 0..2 * SPARSE_TO_SHRINK {
            buffers.fit(1, true);
        }
        assert_eq!(buffers.writable().len(), MIN_READY);
    }

    #[test]
    fn batches_and_what_comes_now_and_then_have_two_buffers() {
        let mut buffers = Buffers::new();
        for _ in 0..100 {
            buffers.fit(2, false);
            (0..FULL_TO_GROW - 1).for_each(|_| buffers.fit(2, true));
            buffers.fit(1, true);
        }
        assert_eq!(buffers.writable().len(), MIN_READY);
    }

    #[test]
    fn an_empty_datagram_is_one_datagram() {
        let mut buffers = Buffers::new();
        assert_eq!(take(&mut buffers, 0, 0).len(), 1);
    }
}
