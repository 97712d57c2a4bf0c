//! What queues hold on to when they are empty.

use std::collections::VecDeque;

/// What the queues of a peer may go on holding when they are empty, in entries: while it is busy, and when it is not.
pub(crate) const BURST: usize = 64;
pub(crate) const FEW: usize = 4;

/// The same for those that a host has for all its peers.
pub(crate) const CROWD: usize = 1024;

/// Gives back the memory of a queue that is empty, if it has room for more than `capacity`.
pub(crate) fn shrink<T>(queue: &mut VecDeque<T>, capacity: usize) {
    if queue.is_empty() && queue.capacity() > capacity {
        *queue = VecDeque::new();
    }
}
