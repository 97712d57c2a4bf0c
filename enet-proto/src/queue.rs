//! What queues hold on to when there is little in them.

use std::collections::VecDeque;

/// What the queues of a peer may go on holding when they are empty, in entries: while it is busy, and when it is not.
pub(crate) const BURST: usize = 64;
pub(crate) const FEW: usize = 4;

/// The same for those that a host has for all its peers.
pub(crate) const CROWD: usize = 1024;

/// A queue of which no more than one part in so many is used has room for more than it should.
const SPARSE: usize = 5;

/// Gives back memory of a queue that has room for more than `capacity` and uses little of it: all if it is empty. A queue goes
/// from one length to another and back without asking for memory as long as the one is no more than twice the other.
#[inline]
pub(crate) fn shrink<T>(queue: &mut VecDeque<T>, capacity: usize) {
    if queue.capacity() > capacity && is_sparse(queue) {
        fit(queue, capacity);
    }
}

/// Whether a queue uses so little of the room it has that it should give some of it back.
#[inline]
pub(crate) fn is_sparse<T>(queue: &VecDeque<T>) -> bool {
    queue.len() <= queue.capacity() / SPARSE
}

/// Gives back what a queue has room for beyond twice what is in it and beyond `least`, if something is in it.
#[cold]
#[inline(never)]
pub(crate) fn fit<T>(queue: &mut VecDeque<T>, least: usize) {
    if queue.is_empty() {
        *queue = VecDeque::new();
    } else {
        queue.shrink_to((2 * queue.len()).max(least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_follows_what_is_in_a_queue_down_as_well() {
        let mut queue: VecDeque<u64> = (0..100_000).collect();
        while queue.len() > 1 {
            queue.pop_front();
            shrink(&mut queue, BURST);
            assert!(
                queue.capacity() <= BURST.max(SPARSE * (queue.len() + 1)),
                "{} for {}",
                queue.capacity(),
                queue.len()
            );
        }
        assert_eq!(queue.pop_front(), Some(99_999));
    }

    #[test]
    fn a_queue_that_is_filled_and_emptied_again_and_again_keeps_its_room() {
        let mut queue = VecDeque::with_capacity(BURST);
        let room = queue.capacity();
        for _ in 0..10 {
            queue.extend(0..40);
            queue.clear();
            shrink(&mut queue, BURST);
            assert_eq!(queue.capacity(), room);
        }
    }
}
