//! Connections in the making.
//!
//! Who asks to connect is not a peer yet: the answer carries a secret, and only who returns it, and so receives at the address
//! it claims, becomes one. Until then it costs an entry in a table of fixed size and no answer that it has not paid for with
//! at least as many bytes.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;

use super::addresses::{Endpoint, KeyedHash, shrink};
use crate::peer::{Agreement, Identity};
use crate::time::Time;
use crate::wire::VerifyConnect;

/// How long an attempt is remembered. A client repeats its CONNECT after 0.5, 1, 2, 4 s and gives up soon after.
const LIFETIME: Duration = Duration::from_secs(10);

/// How many random entries are looked at to find one to replace. The fullest prefix among them loses; that is close to the
/// fullest of all when one prefix floods.
const EVICTION_SAMPLES: usize = 8;

/// The largest datagram in bytes that is kept from before the proof. A client that was just answered sends a bandwidth limit,
/// 16 bytes with its header, a ping or a first short message.
const LARGEST_EARLY: usize = 128;

/// An attempt to connect that was answered.
#[derive(Debug)]
pub(super) struct HalfOpen {
    pub(super) identity: Identity,
    pub(super) agreement: Agreement,
    pub(super) connect_data: u32,
    /// The answer, the same each time.
    pub(super) verify: VerifyConnect,
    /// The secret: the number of the `VERIFY_CONNECT` and the sent time of its datagram, which the acknowledgement returns.
    pub(super) sequence: u16,
    pub(super) sent_time: u16,
    /// Bytes received from the address, less bytes sent to it.
    pub(super) credit: usize,
    /// How often the answer was sent, and when last.
    pub(super) answers: u32,
    pub(super) answered: Time,
    /// The last datagram that came without the secret: what it holds would be missed for long, as clients resend it ever later.
    pub(super) early: Option<Bytes>,
    began: Time,
}

impl HalfOpen {
    pub(super) fn new(
        identity: Identity,
        agreement: Agreement,
        connect_data: u32,
        verify: VerifyConnect,
        now: Time,
        random: &mut StdRng,
    ) -> HalfOpen {
        let secret = random.next_u32();
        HalfOpen {
            identity,
            agreement,
            connect_data,
            verify,
            sequence: (secret >> 16) as u16,
            sent_time: secret as u16,
            credit: 0,
            answers: 0,
            answered: now,
            early: None,
            began: now,
        }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        (self.identity.address, self.identity.incoming_id)
    }

    /// Keeps a datagram for the time after the proof, if it is a small one.
    pub(super) fn keep(&mut self, datagram: &Bytes) {
        if datagram.len() <= LARGEST_EARLY {
            // A copy: the original may be a slice of a large buffer.
            self.early = Some(Bytes::copy_from_slice(datagram));
        }
    }

    /// Whether an acknowledgement proves that its sender receives here.
    pub(super) fn is_proof(&self, sequence: u16, sent_time: u16) -> bool {
        sequence == self.sequence && sent_time == self.sent_time
    }
}

/// What addresses are counted by when the table is full: /24 of IPv4, /56 of IPv6.
type Prefix = [u8; 8];

fn prefix(address: SocketAddr) -> Prefix {
    let mut prefix = [0; 8];
    match address.ip() {
        IpAddr::V4(ip) => prefix[..3].copy_from_slice(&ip.octets()[..3]),
        IpAddr::V6(ip) => {
            prefix[..7].copy_from_slice(&ip.octets()[..7]);
            prefix[7] = 1;
        }
    }
    prefix
}

/// The table of attempts.
#[derive(Debug)]
pub(super) struct HalfOpenTable {
    entries: Vec<HalfOpen>,
    index: HashMap<Endpoint, usize, KeyedHash>,
    per_prefix: HashMap<Prefix, usize, KeyedHash>,
    /// In the order they began; may name entries that are gone or were replaced.
    order: VecDeque<(Time, Endpoint)>,
    limit: usize,
}

impl HalfOpenTable {
    pub(super) fn new(limit: usize, hash: KeyedHash) -> HalfOpenTable {
        HalfOpenTable {
            entries: Vec::new(),
            index: HashMap::with_hasher(hash),
            per_prefix: HashMap::with_hasher(hash),
            order: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn get_mut(&mut self, endpoint: &Endpoint) -> Option<&mut HalfOpen> {
        let index = *self.index.get(endpoint)?;
        self.entries.get_mut(index)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an attempt; true if another had to make room.
    pub(super) fn insert(&mut self, entry: HalfOpen, random: &mut StdRng) -> bool {
        let full = self.entries.len() >= self.limit;
        if full {
            self.evict(random);
        }
        let endpoint = entry.endpoint();
        self.order.push_back((entry.began, endpoint));
        *self.per_prefix.entry(prefix(endpoint.0)).or_default() += 1;
        self.index.insert(endpoint, self.entries.len());
        self.entries.push(entry);
        full
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint) -> Option<HalfOpen> {
        let index = self.index.remove(endpoint)?;
        let entry = self.entries.swap_remove(index);
        if let Some(moved) = self.entries.get(index) {
            self.index.insert(moved.endpoint(), index);
        }
        let prefix = prefix(endpoint.0);
        if let Some(count) = self.per_prefix.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.per_prefix.remove(&prefix);
            }
        }
        Some(entry)
    }

    /// Forgets attempts that are too old.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(&(began, endpoint)) = self.order.front() {
            let current = self
                .index
                .get(&endpoint)
                .is_some_and(|&index| self.entries[index].began == began);
            if current && began + LIFETIME > now {
                break;
            }
            self.order.pop_front();
            if current {
                self.remove(&endpoint);
            }
        }
        if self.entries.is_empty() {
            self.order = VecDeque::new();
            self.entries = Vec::new();
            shrink(&mut self.index);
            shrink(&mut self.per_prefix);
        }
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        if self.entries.is_empty() {
            return None;
        }
        self.order.front().map(|(began, _)| *began + LIFETIME)
    }

    fn evict(&mut self, random: &mut StdRng) {
        let count = self.entries.len() as u64;
        let sampled = (0..EVICTION_SAMPLES).map(|_| (random.next_u64() % count) as usize);
        let crowd = |index: &usize| {
            let address = self.entries[*index].identity.address;
            self.per_prefix.get(&prefix(address)).copied().unwrap_or(0)
        };
        if let Some(endpoint) = sampled.max_by_key(crowd).map(|index| self.entries[index].endpoint()) {
            self.remove(&endpoint);
        }
        // Replaced entries leave their place in the order behind; it must not outgrow the table.
        if self.order.len() > self.limit + self.limit / 4 {
            let Self {
                order, index, entries, ..
            } = self;
            order.retain(|(began, endpoint)| index.get(endpoint).is_some_and(|&at| entries[at].began == *began));
        }
    }
}
