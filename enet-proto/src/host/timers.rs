//! When each peer wants to be looked at although nothing arrives.

use std::collections::BTreeSet;

use slotmap::SecondaryMap;

use super::PeerHandle;
use crate::time::Time;

/// The peers with a deadline, in the order they are due.
///
/// A deadline that moves away, as with every acknowledgement, is not moved here at once: the entry is found early later on and
/// put right then.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Time, PeerHandle)>,
    scheduled: SecondaryMap<PeerHandle, Time>,
}

impl Timers {
    /// Makes sure that the peer is looked at no later than `deadline`.
    pub(super) fn schedule(&mut self, peer: PeerHandle, deadline: Time) {
        match self.scheduled.get(peer) {
            Some(&scheduled) if scheduled <= deadline => return,
            Some(&scheduled) => {
                self.due.remove(&(scheduled, peer));
            }
            None => {}
        }
        self.scheduled.insert(peer, deadline);
        self.due.insert((deadline, peer));
    }

    pub(super) fn remove(&mut self, peer: PeerHandle) {
        if let Some(scheduled) = self.scheduled.remove(peer) {
            self.due.remove(&(scheduled, peer));
        }
    }

    /// The first entry, which may be early.
    pub(super) fn first(&self) -> Option<(Time, PeerHandle)> {
        self.due.first().copied()
    }

    /// Takes out the first entry if its time has come.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<PeerHandle> {
        let (_, peer) = self.first().filter(|(time, _)| *time <= now)?;
        self.remove(peer);
        Some(peer)
    }
}
