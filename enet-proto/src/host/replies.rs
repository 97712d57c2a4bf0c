//! Answers to those who are no peers.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::path::Path;
use crate::queue;

/// How many may wait. What is left out is asked for again.
const MOST: usize = 4096;

/// How many leave in a row while peers wait: all strangers together are served as one peer is, in turn with the others.
const TURN: u32 = 32;

/// The answers that wait.
#[derive(Debug, Default)]
pub(super) struct Replies {
    queue: VecDeque<(Path, Bytes)>,
    /// How many peers go before the next one.
    peers_first: usize,
    /// How many may leave in this turn; none before it begins.
    left: u32,
}

impl Replies {
    /// Adds one, unless too many wait already.
    pub(super) fn push(&mut self, path: Path, datagram: Bytes) {
        if self.queue.len() < MOST {
            self.queue.push_back((path, datagram));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next one, if it is the strangers' turn: before it all those had theirs of the `peers` that wait to send as it begins.
    pub(super) fn next(&mut self, peers: usize) -> Option<(Path, Bytes)> {
        if self.queue.is_empty() {
            return None;
        }
        if self.left == 0 {
            self.peers_first = peers;
            self.left = TURN;
        }
        if self.peers_first > 0 && peers > 0 {
            return None;
        }
        self.left -= 1;
        let next = self.queue.pop_front();
        if self.queue.is_empty() {
            self.left = 0;
        }
        queue::shrink(&mut self.queue, queue::BURST);
        next
    }

    /// A peer had its turn.
    pub(super) fn peer_was_served(&mut self) {
        self.peers_first = self.peers_first.saturating_sub(1);
    }
}
