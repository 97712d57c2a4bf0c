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

    /// Makes the entries anew if most of them do not count, and gives back memory.
    ///
    /// From the peers, not from the entries: a deadline that came near and moved back may have left several that look alike.
    pub(super) fn tidy(&mut self, peers: &Peers) {
        if self.0.len() > FEW + 2 * peers.len() {
            self.0.clear();
            let scheduled = peers.iter().filter(|(_, peer)| peer.scheduled < Time::NEVER);
            self.0
                .extend(scheduled.map(|(handle, peer)| Reverse((peer.scheduled, handle))));
            self.0.shrink_to(FEW + 2 * peers.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostConfig;
    use crate::host::Host;

    const SOON: Time = Time::from_millis(1000);
    const LATER: Time = Time::from_millis(9000);

    fn peers(count: u16) -> Peers {
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        for port in 1..=count {
            host.connect(([192, 0, 2, 1], port).into(), 1, 0).unwrap();
        }
        host.peers
    }

    /// A deadline comes near and moves back to where it was, as with each acknowledgement that is sent at once.
    fn come_and_go(timers: &mut Timers, peers: &mut Peers, handle: PeerHandle) {
        for due in [SOON, LATER] {
            let peer = &mut peers[handle];
            peer.due = due;
            timers.schedule(handle, peer);
        }
        assert_eq!(timers.next(peers), Some(LATER));
    }

    #[test]
    fn deadlines_that_come_and_go_leave_one_entry_for_each_peer() {
        let mut peers = peers(100);
        let handles: Vec<_> = peers.keys().collect();
        let mut timers = Timers::default();
        for handle in handles.iter().cycle() {
            if timers.0.len() == FEW + 2 * peers.len() {
                break;
            }
            come_and_go(&mut timers, &mut peers, *handle);
        }
        come_and_go(&mut timers, &mut peers, handles[0]);
        timers.tidy(&peers);
        assert_eq!(timers.0.len(), peers.len());
        assert!(timers.0.capacity() <= FEW + 2 * peers.len());
    }

    #[test]
    fn a_peer_with_several_entries_is_due_once() {
        let mut peers = peers(3);
        let handles: Vec<_> = peers.keys().collect();
        let mut timers = Timers::default();
        for handle in handles.iter().cycle().take(30) {
            come_and_go(&mut timers, &mut peers, *handle);
        }
        let mut due = Vec::new();
        timers.take_due(SOON, &mut peers, &mut due);
        assert_eq!(due, []);
        timers.take_due(LATER, &mut peers, &mut due);
        due.sort();
        assert_eq!(due, handles);
        assert_eq!(timers.next(&mut peers), None);
    }

    #[test]
    fn the_first_to_be_due_is_in_front_and_who_left_is_not() {
        let mut peers = peers(3);
        let handles: Vec<_> = peers.keys().collect();
        let mut timers = Timers::default();
        for (handle, at) in handles.iter().zip([3, 1, 2]) {
            peers[*handle].due = Time::from_millis(at);
            timers.schedule(*handle, &mut peers[*handle]);
        }
        assert_eq!(timers.next(&mut peers), Some(Time::from_millis(1)));
        peers.remove(handles[1]);
        assert_eq!(timers.next(&mut peers), Some(Time::from_millis(2)));
        peers[handles[2]].due = Time::NEVER;
        assert_eq!(timers.next(&mut peers), Some(Time::from_millis(3)));
    }
}
