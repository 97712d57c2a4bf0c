//! Connections in the making.
//!
//! Who asks to connect is not a peer yet: the answer carries a secret, and only who returns it, and so receives at the address
//! it claims, becomes one. Until then it costs an entry in a table of fixed size and no answer that it has not paid for with
//! at least as many bytes.
//!
//! An entry that had to make room is gone for good: the acknowledgement that its client may still send holds nothing of its
//! CONNECT from which it could be made anew. So the entries are small, and many.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::addresses::{Endpoint, KeyedHash};
use crate::time::Time;
use crate::wire::{Connect, ConnectId, PeerId, SessionId};

/// How long an attempt is remembered. A client repeats its CONNECT after 0.5, 1, 2, 4 s and gives up soon after.
const LIFETIME: Duration = Duration::from_secs(10);

/// How many random entries are looked at to find one to replace.
const EVICTION_SAMPLES: usize = 8;

/// A prefix that has more than this part of the table is a crowd, and makes room for others. Below it all are replaced alike:
/// else who sends a few CONNECTs in the name of a player's neighbours could have the player replaced.
const CROWD_SHARE: usize = 16;

/// In how many groups prefixes are counted. Several share a group, by a keyed hash, which hardly matters to what is a crowd.
const PREFIX_GROUPS: usize = 16_384;

/// The largest datagram in bytes that is kept from before the proof. A client that was just answered sends a bandwidth limit,
/// 16 bytes with its header, a ping or a first short message.
const LARGEST_EARLY: usize = 128;

/// What all kept datagrams may hold, in bytes; each counts for an allocation too.
const EARLY_LIMIT: usize = 512 * 1024;

/// What an allocation is counted for beside its bytes.
const EARLY_COST: usize = 32;

/// How many wrong secrets an attempt survives.
const WRONG_PROOFS: u8 = 16;

/// Stands for no entry in links between them.
const NONE: u32 = u32::MAX;

/// An attempt to connect that was answered: what of its CONNECT is needed to answer again and to make a peer of it.
#[derive(Debug)]
pub(super) struct HalfOpen {
    pub(super) address: SocketAddr,
    /// The id that the other side uses for us, and the one that it gave itself.
    pub(super) incoming_id: PeerId,
    pub(super) outgoing_id: PeerId,
    pub(super) incoming_session: SessionId,
    pub(super) outgoing_session: SessionId,
    pub(super) connect_id: ConnectId,
    pub(super) connect_data: u32,
    /// What was agreed on.
    pub(super) channel_count: u8,
    pub(super) mtu: u16,
    /// What the other side offered.
    pub(super) window: u32,
    pub(super) incoming_bandwidth: u32,
    pub(super) outgoing_bandwidth: u32,
    pub(super) throttle_interval: u32,
    pub(super) throttle_acceleration: u32,
    pub(super) throttle_deceleration: u32,
    /// The secret: the number of the `VERIFY_CONNECT` and the sent time of its datagram, which the acknowledgement returns.
    pub(super) sequence: u16,
    pub(super) sent_time: u16,
    /// Bytes received from the address, less bytes sent to it.
    credit: u32,
    /// How often the answer was sent, and when last.
    pub(super) answers: u16,
    wrong_proofs: u8,
    pub(super) answered: Time,
    /// The last datagram that came without the secret: what it holds would be missed for long, as clients resend it ever later.
    pub(super) early: Option<Box<[u8]>>,
    began: Time,
    /// The entries that began before and after this one.
    older: u32,
    newer: u32,
}

/// What a new attempt was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) incoming_id: PeerId,
    pub(super) incoming_session: SessionId,
    pub(super) outgoing_session: SessionId,
    pub(super) channel_count: u8,
    pub(super) mtu: u16,
}

impl HalfOpen {
    pub(super) fn new(
        address: SocketAddr,
        connect: &Connect,
        granted: Granted,
        now: Time,
        random: &mut StdRng,
    ) -> HalfOpen {
        let secret = random.next_u32();
        HalfOpen {
            address,
            incoming_id: granted.incoming_id,
            outgoing_id: PeerId::new(connect.outgoing_peer_id),
            incoming_session: granted.incoming_session,
            outgoing_session: granted.outgoing_session,
            connect_id: connect.connect_id,
            connect_data: connect.data,
            channel_count: granted.channel_count,
            mtu: granted.mtu,
            window: connect.window_size,
            incoming_bandwidth: connect.incoming_bandwidth,
            outgoing_bandwidth: connect.outgoing_bandwidth,
            throttle_interval: connect.throttle_interval,
            throttle_acceleration: connect.throttle_acceleration,
            throttle_deceleration: connect.throttle_deceleration,
            sequence: (secret >> 16) as u16,
            sent_time: secret as u16,
            credit: 0,
            answers: 0,
            wrong_proofs: 0,
            answered: now,
            early: None,
            began: now,
            older: NONE,
            newer: NONE,
        }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        (self.address, self.incoming_id)
    }

    /// Whether an acknowledgement proves that its sender receives here.
    pub(super) fn is_proof(&self, sequence: u16, sent_time: u16) -> bool {
        sequence == self.sequence && sent_time == self.sent_time
    }

    /// Counts a wrong secret; true if it was one too many.
    pub(super) fn count_wrong_proof(&mut self) -> bool {
        self.wrong_proofs += 1;
        self.wrong_proofs >= WRONG_PROOFS
    }

    /// Bytes came from the address.
    pub(super) fn pay(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Counts an answer of `bytes` if that many came before; else there is to be none.
    pub(super) fn spend(&mut self, bytes: usize, now: Time) -> bool {
        let left = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| self.credit.checked_sub(bytes));
        let Some(left) = left else { return false };
        self.credit = left;
        self.answers = self.answers.saturating_add(1);
        self.answered = now;
        true
    }

    fn early_cost(&self) -> usize {
        self.early.as_ref().map_or(0, |early| early.len() + EARLY_COST)
    }
}

/// What addresses are counted by: /24 of IPv4, /56 of IPv6.
pub(super) type Prefix = [u8; 8];

pub(super) fn prefix(ip: IpAddr) -> Prefix {
    let mut prefix = [0; 8];
    match ip.to_canonical() {
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
    /// Without gaps.
    entries: Vec<HalfOpen>,
    /// By the keyed hash of the endpoint, which is 64 bits and so as good as the endpoint; it is compared all the same.
    index: HashMap<u64, u32, KeyedHash>,
    /// How many entries each group of prefixes has; empty while the table is.
    crowds: Vec<u32>,
    /// The ends of the list in the order they began.
    oldest: u32,
    newest: u32,
    /// What the kept datagrams hold.
    early: usize,
    limit: usize,
    hash: KeyedHash,
}

impl HalfOpenTable {
    pub(super) fn new(limit: usize, hash: KeyedHash) -> HalfOpenTable {
        HalfOpenTable {
            entries: Vec::new(),
            index: HashMap::with_hasher(hash),
            crowds: Vec::new(),
            oldest: NONE,
            newest: NONE,
            early: 0,
            limit: limit.clamp(1, NONE as usize),
            hash,
        }
    }

    pub(super) fn get(&self, endpoint: &Endpoint) -> Option<&HalfOpen> {
        self.entries.get(self.find(endpoint)? as usize)
    }

    pub(super) fn get_mut(&mut self, endpoint: &Endpoint) -> Option<&mut HalfOpen> {
        let at = self.find(endpoint)?;
        self.entries.get_mut(at as usize)
    }

    pub(super) fn contains(&self, endpoint: &Endpoint) -> bool {
        self.find(endpoint).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an attempt, for whose endpoint there is none; true if another had to make room.
    pub(super) fn insert(&mut self, mut entry: HalfOpen, random: &mut StdRng) -> bool {
        let full = self.entries.len() >= self.limit;
        if full {
            self.evict(random);
        }
        if self.entries.len() == self.entries.capacity() {
            let more = self.entries.len().max(64).min(self.limit - self.entries.len());
            self.entries.reserve_exact(more);
        }
        if self.crowds.is_empty() {
            self.crowds = vec![0; PREFIX_GROUPS];
        }
        let group = self.group(entry.address);
        self.crowds[group] += 1;
        let at = self.entries.len() as u32;
        let key = self.hash.number(entry.endpoint());
        self.index.insert(key, at);
        entry.older = self.newest;
        entry.newer = NONE;
        match self.entries.get_mut(self.newest as usize) {
            Some(newest) => newest.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
        self.entries.push(entry);
        full
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint) -> Option<HalfOpen> {
        let at = self.find(endpoint)?;
        Some(self.take(at))
    }

    /// Keeps a datagram of an attempt for the time after the proof, if it is a small one.
    pub(super) fn keep_early(&mut self, endpoint: &Endpoint, datagram: &[u8]) {
        let Some(at) = self.find(endpoint) else { return };
        let entry = &mut self.entries[at as usize];
        let others = self.early - entry.early_cost();
        if datagram.len() <= LARGEST_EARLY && others + datagram.len() + EARLY_COST <= EARLY_LIMIT {
            entry.early = Some(datagram.into());
            self.early = others + entry.early_cost();
        }
    }

    /// Forgets attempts that are too old.
    pub(super) fn expire(&mut self, now: Time) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.take(self.oldest);
        }
        if self.entries.is_empty() {
            self.entries = Vec::new();
            self.crowds = Vec::new();
            self.index.shrink_to(0);
        }
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.entries
            .get(self.oldest as usize)
            .map(|oldest| oldest.began + LIFETIME)
    }

    fn find(&self, endpoint: &Endpoint) -> Option<u32> {
        let at = *self.index.get(&self.hash.number(endpoint))?;
        (self.entries.get(at as usize)?.endpoint() == *endpoint).then_some(at)
    }

    fn group(&self, address: SocketAddr) -> usize {
        self.hash.number(prefix(address.ip())) as usize % PREFIX_GROUPS
    }

    /// Takes out an entry; the last one moves to its place.
    fn take(&mut self, at: u32) -> HalfOpen {
        let (older, newer) = (self.entries[at as usize].older, self.entries[at as usize].newer);
        self.link(older, newer);
        let entry = self.entries.swap_remove(at as usize);
        self.index.remove(&self.hash.number(entry.endpoint()));
        let group = self.group(entry.address);
        self.crowds[group] -= 1;
        self.early -= entry.early_cost();
        if let Some(moved) = self.entries.get(at as usize) {
            let (older, newer, endpoint) = (moved.older, moved.newer, moved.endpoint());
            self.index.insert(self.hash.number(endpoint), at);
            self.link(older, at);
            self.link(at, newer);
        }
        entry
    }

    /// Makes two entries neighbours in the order they began; [`NONE`] is beyond its end.
    fn link(&mut self, older: u32, newer: u32) {
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn evict(&mut self, random: &mut StdRng) {
        let count = self.entries.len() as u64;
        let crowded = self.limit / CROWD_SHARE;
        let sampled: [u32; EVICTION_SAMPLES] = std::array::from_fn(|_| (random.next_u64() % count) as u32);
        let crowd = |at: u32| self.crowds[self.group(self.entries[at as usize].address)] as usize;
        let fullest = sampled.into_iter().max_by_key(|at| crowd(*at));
        // Of those that are no crowd, the first is as random as any.
        let at = fullest.filter(|at| crowd(*at) > crowded).unwrap_or(sampled[0]);
        self.take(at);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn attempt(number: u32, at: u64, random: &mut StdRng) -> HalfOpen {
        let address = SocketAddr::from((std::net::Ipv4Addr::from(number), 7777));
        let connect = Connect {
            outgoing_peer_id: 1,
            incoming_session: 0xFF,
            outgoing_session: 0xFF,
            mtu: 1392,
            window_size: 65_536,
            channel_count: 1,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle_interval: 5000,
            throttle_acceleration: 2,
            throttle_deceleration: 2,
            connect_id: ConnectId::new(number),
            data: 0,
        };
        let granted = Granted {
            incoming_id: PeerId::new((number % 7) as u16),
            incoming_session: SessionId::default(),
            outgoing_session: SessionId::default(),
            channel_count: 1,
            mtu: 1392,
        };
        HalfOpen::new(address, &connect, granted, Time::from_millis(at), random)
    }

    #[test]
    fn an_entry_is_128_bytes() {
        assert!(size_of::<HalfOpen>() <= 128, "{} bytes", size_of::<HalfOpen>());
    }

    #[test]
    fn entries_are_found_forgotten_in_order_and_leave_nothing() {
        let mut random = StdRng::from_seed([1; 32]);
        let hash = KeyedHash::new(&mut random);
        let mut table = HalfOpenTable::new(100, hash);
        let mut there = std::collections::BTreeMap::new();
        for number in 0..5000u32 {
            let at = u64::from(number) * 10;
            table.expire(Time::from_millis(at));
            let entry = attempt(number * 256, at, &mut random);
            let endpoint = entry.endpoint();
            table.insert(entry, &mut random);
            table.keep_early(&endpoint, &[0; 40]);
            there.insert(number, endpoint);
            if number % 3 == 0
                && let Some(endpoint) = there.remove(&(number / 2))
            {
                table.remove(&endpoint);
            }
            there.retain(|_, endpoint| table.contains(endpoint));
            assert_eq!(there.len(), table.len());
            assert!(table.len() <= 100);
            let oldest = there
                .keys()
                .next()
                .map(|number| Time::from_millis(u64::from(*number) * 10) + LIFETIME);
            assert_eq!(table.deadline(), oldest);
        }
        table.expire(Time::from_millis(100_000));
        assert_eq!((table.len(), table.early, table.deadline()), (0, 0, None));
    }

    #[test]
    fn only_so_much_is_kept_of_early_datagrams() {
        let mut random = StdRng::from_seed([1; 32]);
        let hash = KeyedHash::new(&mut random);
        let mut table = HalfOpenTable::new(10_000, hash);
        for number in 0..10_000 {
            let entry = attempt(number, 0, &mut random);
            let endpoint = entry.endpoint();
            table.insert(entry, &mut random);
            table.keep_early(&endpoint, &[0; LARGEST_EARLY]);
            assert!(table.early <= EARLY_LIMIT);
        }
        let kept = table.entries.iter().filter(|entry| entry.early.is_some()).count();
        assert_eq!(kept, EARLY_LIMIT / (LARGEST_EARLY + EARLY_COST));
    }
}
