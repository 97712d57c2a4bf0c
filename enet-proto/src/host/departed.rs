//! The memory of those who left.
//!
//! When the acknowledgement of a DISCONNECT is lost, its sender asks again, and in C ENet waits for its time-out, as the peer
//! is gone here by then. Who is remembered is answered again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::addresses::{Endpoint, KeyedHash, shrink};
use crate::peer::Identity;
use crate::time::Time;

/// How long: a stock peer gives up asking after 30 s at the latest.
const LIFETIME: Duration = Duration::from_secs(30);

/// How many; the oldest are forgotten first. Each costs some 100 bytes.
const LIMIT: usize = 4096;

/// The connections that ended lately because the other side said so.
#[derive(Debug)]
pub(super) struct Departed {
    entries: HashMap<Endpoint, (Time, Identity), KeyedHash>,
    /// In the order they left; may name entries that are gone or were replaced.
    order: VecDeque<(Time, Endpoint)>,
}

impl Departed {
    pub(super) fn new(hash: KeyedHash) -> Departed {
        Departed {
            entries: HashMap::with_hasher(hash),
            order: VecDeque::new(),
        }
    }

    pub(super) fn insert(&mut self, identity: Identity, now: Time) {
        let endpoint = (identity.address, identity.incoming_id);
        self.entries.insert(endpoint, (now, identity));
        self.order.push_back((now, endpoint));
        while self.order.len() > LIMIT {
            self.forget_first();
        }
    }

    pub(super) fn find(&self, endpoint: &Endpoint) -> Option<Identity> {
        self.entries.get(endpoint).map(|(_, identity)| *identity)
    }

    /// Forgets those who left too long ago.
    pub(super) fn expire(&mut self, now: Time) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.forget_first();
        }
        if self.order.is_empty() {
            self.order = VecDeque::new();
            shrink(&mut self.entries);
        }
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.order.front().map(|(left, _)| *left + LIFETIME)
    }

    fn forget_first(&mut self) {
        let Some((left, endpoint)) = self.order.pop_front() else {
            return;
        };
        if self.entries.get(&endpoint).is_some_and(|(at, _)| *at == left) {
            self.entries.remove(&endpoint);
        }
    }
}
