//! When each peer wants to be looked at although nothing arrives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::{PeerHandle, Peers};
use crate::peer::Peer;
use crate::time::Time;

/// The peers with a deadline, the first to be due in front.
///
/// A deadline that moves away, as with every acknowledgement, is not moved here at once: the entry is found early later on and
/// put right then. For one that comes nearer there is another entry. What counts is that which the peer itself has noted; all
/// others are left where they are until their time comes, or until they are half of all.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Time, PeerHandle)>>);

/// So many entries that do not count are never worth looking for.
const FEW: usize = 64;

impl Timers {
    /// Makes sure that a peer is looked at no later than it is due.
    pub(super) fn schedule(&mut self, handle: PeerHandle, peer: &mut Peer) {
        if peer.due < peer.scheduled {
            peer.scheduled = peer.due;
            self.0.push(Reverse((peer.due, handle)));
        }
    }

    /// When the first peer is due.
    pub(super) fn next(&mut self, peers: &mut Peers) -> Option<Time> {
        self.tidy(peers);
        while let Some(mut first) = self.0.peek_mut() {
            let Reverse((at, handle)) = *first;
            match peers.get_mut(handle).filter(|peer| peer.scheduled == at) {
                Some(peer) if peer.due <= at => return Some(at),
                Some(peer) if peer.due < Time::NEVER => {
                    peer.scheduled = peer.due;
                    *first = Reverse((peer.due, handle));
                }
                not_due => {
                    if let Some(peer) = not_due {
                        peer.scheduled = Time::NEVER;
                    }
                    PeekMut::pop(first);
                }
            }
        }
        None
    }

    /// Takes the peers whose entries have come, each once.
    pub(super) fn take_due(&mut self, now: Time, peers: &mut Peers, due: &mut Vec<PeerHandle>) {
        while let Some(first) = self.0.peek_mut().filter(|first| first.0.0 <= now) {
            let Reverse((at, handle)) = PeekMut::pop(first);
            if let Some(peer) = peers.get_mut(handle).filter(|peer| peer.scheduled == at) {
                peer.scheduled = Time::NEVER;
                due.push(handle);
            }
        }
    }

    /// Forgets the entries that do not count if they are many, and gives back their memory.
    pub(super) fn tidy(&mut self, peers: &Peers) {
        if self.0.len() > FEW + 2 * peers.len() {
            self.0
                .retain(|Reverse((at, handle))| peers.get(*handle).is_some_and(|peer| peer.scheduled == *at));
            self.0.shrink_to(2 * self.0.len());
        }
    }
}
