//! What is under way.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Items with the time each is due; those of one time come out in the order they went in.
#[derive(Debug)]
pub struct DelayQueue<T> {
    heap: BinaryHeap<Entry<T>>,
    pushed: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Duration,
    number: u64,
    item: T,
}

impl<T> DelayQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> DelayQueue<T> {
        DelayQueue {
            heap: BinaryHeap::new(),
            pushed: 0,
        }
    }

    /// Adds an item that is due at `at`.
    pub fn push(&mut self, at: Duration, item: T) {
        let number = self.pushed;
        self.pushed += 1;
        self.heap.push(Entry { at, number, item });
    }

    /// When the next item is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Duration> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Takes the next item if it is due by `now`.
    pub fn pop_due(&mut self, now: Duration) -> Option<T> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|entry| entry.item)
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Default for DelayQueue<T> {
    fn default() -> DelayQueue<T> {
        DelayQueue::new()
    }
}

impl<T> Ord for Entry<T> {
    // The heap gives the greatest first, so the earliest must be the greatest.
    fn cmp(&self, other: &Entry<T>) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Entry<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Entry<T>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_by_time_and_then_by_arrival() {
        let mut queue = DelayQueue::new();
        let (early, late) = (Duration::from_millis(1), Duration::from_millis(2));
        queue.push(late, "c");
        queue.push(early, "a");
        queue.push(early, "b");
        assert_eq!(queue.pop_due(Duration::ZERO), None);
        assert_eq!((queue.len(), queue.next_at()), (3, Some(early)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop_due(late)).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert!(queue.is_empty());
    }
}
