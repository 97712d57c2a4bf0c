//! Connections in the making.
//!
//! Who asks to connect is not a peer yet: the answer carries a secret, and only who returns it, and so receives at the address
//! it claims, becomes one. Until then it costs an entry in a table of fixed size and no answer that it has not paid for with
//! at least as many bytes.
//!
//! An entry that had to make room is gone for good: the acknowledgement that its client may still send holds nothing of its
//! CONNECT from which it could be made anew. So the entries are small, and many.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hashbrown::HashTable;
use rand::Rng;
use rand::rngs::StdRng;

use super::addresses::{Endpoint, KeyedHash};
use super::lists::{Ends, Links};
use crate::time::Time;
use crate::wire::{Connect, ConnectId, PeerId, SessionId};

/// How long an attempt is remembered. A client repeats its CONNECT after 0.5, 1, 2, 4 s and gives up soon after.
const LIFETIME: Duration = Duration::from_secs(10);

/// How many attempts of one address and port there may be; then the first to have come makes room. A program that dials a thousand
/// times from one socket is unusual but honest.
pub(super) const MOST_OF_A_PORT: u32 = 1024;

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

/// What the two allocations of one are counted for beside its bytes.
const EARLY_COST: usize = 64;

/// How many wrong secrets an attempt survives.
const WRONG_PROOFS: u8 = 16;

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
    pub(super) early: Option<Box<Early>>,
    began: Time,
    /// Among all attempts, and among those of the address and port.
    by_age: Links,
    of_port: Links,
}

/// A datagram that came too early.
#[derive(Debug)]
pub(super) struct Early(pub(super) Box<[u8]>);

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
            by_age: Links::NONE,
            of_port: Links::NONE,
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
        self.early.as_ref().map_or(0, |early| early.0.len() + EARLY_COST)
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

/// The attempts of one address and port.
#[derive(Debug)]
struct Port {
    /// In the order they came; there is at least one.
    attempts: Ends,
    count: u32,
}

impl Port {
    fn is_at(&self, address: SocketAddr, entries: &[HalfOpen]) -> bool {
        let first = self.attempts.oldest().and_then(|at| entries.get(at as usize));
        first.is_some_and(|entry| entry.address == address)
    }

    fn hash(&self, entries: &[HalfOpen], hash: KeyedHash) -> u64 {
        let first = self.attempts.oldest().and_then(|at| entries.get(at as usize));
        first.map_or(0, |entry| hash.number(entry.address))
    }
}

fn by_age(entry: &mut HalfOpen) -> &mut Links {
    &mut entry.by_age
}

fn of_port(entry: &mut HalfOpen) -> &mut Links {
    &mut entry.of_port
}

/// The table of attempts.
#[derive(Debug)]
pub(super) struct HalfOpenTable {
    /// Without gaps.
    entries: Vec<HalfOpen>,
    /// Their places, by endpoint.
    index: HashTable<u32>,
    /// By address and port.
    ports: HashTable<Port>,
    /// How many entries each group of prefixes has; empty while the table is.
    crowds: Vec<u32>,
    by_age: Ends,
    /// What the kept datagrams hold.
    early: usize,
    limit: usize,
    hash: KeyedHash,
}

impl HalfOpenTable {
    pub(super) fn new(limit: usize, hash: KeyedHash) -> HalfOpenTable {
        HalfOpenTable {
            entries: Vec::new(),
            index: HashTable::new(),
            ports: HashTable::new(),
            crowds: Vec::new(),
            by_age: Ends::NONE,
            early: 0,
            limit: limit.clamp(1, u32::MAX as usize - 1),
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
    pub(super) fn insert(&mut self, entry: HalfOpen, random: &mut StdRng) -> bool {
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
        let (address, key) = (entry.address, self.hash.number(entry.endpoint()));
        self.entries.push(entry);
        let HalfOpenTable {
            entries,
            index,
            ports,
            by_age: all,
            hash,
            ..
        } = self;
        index.insert_unique(key, at, |at| hash.number(entries[*at as usize].endpoint()));
        all.push(entries, by_age, at);
        let key = hash.number(address);
        match ports.find_mut(key, |port| port.is_at(address, entries)) {
            Some(port) => {
                port.attempts.push(entries, of_port, at);
                port.count += 1;
            }
            None => {
                let mut port = Port {
                    attempts: Ends::NONE,
                    count: 1,
                };
                port.attempts.push(entries, of_port, at);
                ports.insert_unique(key, port, |port| port.hash(entries, *hash));
            }
        }
        full
    }

    /// How many attempts there are of an address and port, and the id of the first to have come.
    pub(super) fn of_port(&self, address: SocketAddr) -> Option<(u32, PeerId)> {
        let key = self.hash.number(address);
        let port = self.ports.find(key, |port| port.is_at(address, &self.entries))?;
        let first = self.entries.get(port.attempts.oldest()? as usize)?;
        Some((port.count, first.incoming_id))
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
            entry.early = Some(Box::new(Early(datagram.into())));
            self.early = others + entry.early_cost();
        }
    }

    /// Forgets attempts that are too old.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(oldest) = self.by_age.oldest()
            && self.entries[oldest as usize].began + LIFETIME <= now
        {
            self.take(oldest);
        }
        if self.entries.is_empty() {
            self.entries = Vec::new();
            self.crowds = Vec::new();
            self.index = HashTable::new();
            self.ports = HashTable::new();
        }
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        let oldest = self.by_age.oldest()?;
        Some(self.entries.get(oldest as usize)?.began + LIFETIME)
    }

    fn find(&self, endpoint: &Endpoint) -> Option<u32> {
        let is_it = |at: &u32| self.entries[*at as usize].endpoint() == *endpoint;
        self.index.find(self.hash.number(endpoint), is_it).copied()
    }

    fn group(&self, address: SocketAddr) -> usize {
        self.hash.number(prefix(address.ip())) as usize % PREFIX_GROUPS
    }

    /// Takes out an entry; the last one moves to its place.
    fn take(&mut self, at: u32) -> HalfOpen {
        self.leave_port(at);
        let HalfOpenTable {
            entries,
            index,
            by_age: all,
            hash,
            ..
        } = self;
        all.remove(entries, by_age, at);
        let key = hash.number(entries[at as usize].endpoint());
        if let Ok(place) = index.find_entry(key, |other| *other == at) {
            place.remove();
        }
        let last = entries.len() as u32 - 1;
        let entry = entries.swap_remove(at as usize);
        if at < last {
            self.moved(last, at);
        }
        let group = self.group(entry.address);
        self.crowds[group] -= 1;
        self.early -= entry.early_cost();
        entry
    }

    /// An entry is not one of its address and port any more.
    fn leave_port(&mut self, at: u32) {
        let HalfOpenTable {
            entries, ports, hash, ..
        } = self;
        let address = entries[at as usize].address;
        let Ok(mut place) = ports.find_entry(hash.number(address), |port| port.is_at(address, entries)) else {
            return;
        };
        let port = place.get_mut();
        port.attempts.remove(entries, of_port, at);
        port.count -= 1;
        if port.count == 0 {
            place.remove();
        }
    }

    /// An entry has moved.
    fn moved(&mut self, from: u32, to: u32) {
        let HalfOpenTable {
            entries,
            index,
            ports,
            by_age: all,
            hash,
            ..
        } = self;
        let (address, endpoint) = (entries[to as usize].address, entries[to as usize].endpoint());
        if let Some(place) = index.find_mut(hash.number(endpoint), |at| *at == from) {
            *place = to;
        }
        all.moved(entries, by_age, to);
        // The first of its port is what the port is known by, and may be the one that is elsewhere now.
        let is_it = |port: &Port| port.attempts.oldest() == Some(from) || port.is_at(address, entries);
        if let Some(port) = ports.find_mut(hash.number(address), is_it) {
            port.attempts.moved(entries, of_port, to);
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
