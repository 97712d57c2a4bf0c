//! The memory of those who left.
//!
//! When the acknowledgement of a DISCONNECT is lost, its sender asks again, and in C ENet waits for its time-out, as the peer
//! is gone here by then. Who is remembered is answered again.
//!
//! And a datagram that was late on its way must not be taken for one of the next connection with the same address. So the ids
//! and sessions of those remembered are not given out again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::addresses::{Endpoint, KeyedHash, shrink};
use crate::peer::Identity;
use crate::time::Time;

/// How long: a stock peer gives up asking after 30 s at the latest.
const LIFETIME: Duration = Duration::from_secs(30);

/// How many; the oldest are forgotten first. Each costs some 150 bytes.
const LIMIT: usize = 4096;

/// Who left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former {
    pub(super) identity: Identity,
    /// Whether the other side said so, and may say it again.
    pub(super) left: bool,
}

/// The connections that ended lately.
#[derive(Debug)]
pub(super) struct Departed {
    entries: HashMap<Endpoint, (Time, Former), KeyedHash>,
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

    /// Remembers a connection; `left` if it was the other side that ended it.
    pub(super) fn insert(&mut self, identity: Identity, left: bool, now: Time) {
        let endpoint = (identity.address, identity.incoming_id);
        self.entries.insert(endpoint, (now, Former { identity, left }));
        self.order.push_back((now, endpoint));
        while self.order.len() > LIMIT {
            self.forget_first();
        }
    }

    pub(super) fn find(&self, endpoint: &Endpoint) -> Option<Former> {
        self.entries.get(endpoint).map(|(_, former)| *former)
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::wire::{ConnectId, PeerId, SessionId};

    fn identity(number: u32) -> Identity {
        Identity {
            address: SocketAddr::from((Ipv4Addr::from(number), 7777)),
            incoming_id: PeerId::new(1),
            outgoing_id: PeerId::new(2),
            incoming_session: SessionId::default(),
            outgoing_session: SessionId::default(),
            connect_id: ConnectId::new(number),
        }
    }

    #[test]
    fn no_more_than_the_limit_are_remembered_and_the_latest_are() {
        let mut departed = Departed::new(KeyedHash::new(&mut StdRng::from_seed([1; 32])));
        for number in 0..3 * LIMIT as u32 {
            departed.insert(identity(number / 2), true, Time::from_millis(u64::from(number)));
            assert!(departed.order.len() <= LIMIT && departed.entries.len() <= LIMIT);
        }
        let last = identity(3 * LIMIT as u32 / 2 - 1);
        assert!(departed.find(&(last.address, last.incoming_id)).is_some());
        let first = identity(0);
        assert!(departed.find(&(first.address, first.incoming_id)).is_none());
        departed.expire(Time::from_millis(1_000_000));
        assert_eq!(
            (departed.order.len(), departed.entries.len(), departed.deadline()),
            (0, 0, None)
        );
    }
}
