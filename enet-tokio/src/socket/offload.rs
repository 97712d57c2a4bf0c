//! Whether to use segmentation offload.

use std::io;

/// So many system calls do without after a batch was refused.
const FIRST_PAUSE: u32 = 64;

/// And so many at most, when one after the other is refused.
const LONGEST_PAUSE: u32 = 4096;

/// How many datagrams the kernel takes as one batch.
///
/// Some drivers and encrypted tunnels refuse a batch that they would take one by one, and so do older kernels if the datagrams are too
/// large for the path. That may be so for all destinations or for one of thousands, so batches are given up for a while, and for longer
/// each time; one that leaves ends it.
#[derive(Debug)]
pub(super) struct Offload {
    segments: usize,
    /// How long batches are given up for at the next refusal.
    next_pause: u32,
    /// For how many system calls they are given up now.
    pause: u32,
    /// The last call's batch was refused. Its first datagram is sent next.
    refused: bool,
}

impl Offload {
    /// For a kernel that takes batches of up to `segments` datagrams.
    pub(super) fn new(segments: usize) -> Offload {
        Offload {
            segments,
            next_pause: FIRST_PAUSE,
            pause: 0,
            refused: false,
        }
    }

    /// The largest batch, whether batches are given up now or not.
    pub(super) fn max_segments(&self) -> usize {
        self.segments
    }

    /// The largest batch for the next system call.
    pub(super) fn segments(&self) -> usize {
        if self.pause > 0 { 1 } else { self.segments }
    }

    /// A system call was made for a batch.
    pub(super) fn tried_batch<T>(&mut self, result: &io::Result<T>) {
        match result {
            Ok(_) => self.next_pause = FIRST_PAUSE,
            Err(error) => self.refused = is_refusal(error),
        }
    }

    /// A system call was made for datagrams one by one. If the first of a refused batch is refused too it is the destination, which says
    /// nothing about batches.
    pub(super) fn tried_singles<T>(&mut self, result: &io::Result<T>) {
        self.pause = self.pause.saturating_sub(1);
        if std::mem::take(&mut self.refused) && result.is_ok() {
            self.pause = self.next_pause;
            self.next_pause = (2 * self.next_pause).min(LONGEST_PAUSE);
        }
    }
}

/// Whether an error can mean that batches are refused as such, by what Linux says then. Where the datagrams are too large for one path,
/// it tells that instead today.
fn is_refusal(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    const EINVAL: i32 = 22;
    matches!(error.raw_os_error(), Some(EIO | EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: io::Result<()> = Ok(());

    fn refuse(offload: &mut Offload) {
        offload.tried_batch(&Err::<(), _>(io::Error::from_raw_os_error(22)));
        offload.tried_singles(&LEFT);
    }

    /// After how many system calls a batch is tried again.
    fn pause(offload: &mut Offload) -> u32 {
        let mut calls = 0;
        while offload.segments() == 1 {
            offload.tried_singles(&LEFT);
            calls += 1;
        }
        calls
    }

    #[test]
    fn what_is_refused_is_tried_again_and_ever_more_rarely() {
        let mut offload = Offload::new(64);
        let pauses: Vec<u32> = (0..20)
            .map(|_| {
                refuse(&mut offload);
                pause(&mut offload)
            })
            .collect();
        assert_eq!(pauses[..3], [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]);
        assert_eq!(pauses[19], LONGEST_PAUSE);
        assert_eq!((offload.segments(), offload.max_segments()), (64, 64));
    }

    #[test]
    fn one_that_leaves_makes_the_next_pause_short_again() {
        let mut offload = Offload::new(64);
        for _ in 0..5 {
            refuse(&mut offload);
            pause(&mut offload);
        }
        offload.tried_batch(&LEFT);
        refuse(&mut offload);
        assert_eq!(pause(&mut offload), FIRST_PAUSE);
    }
}
