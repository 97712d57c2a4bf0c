//! Finding a peer by what a datagram says: where it came from and the id in its header.
//!
//! Ids only tell the connections of one address and port apart, so a host has no limit of 4095 peers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hashbrown::HashTable;
use rand::Rng;
use rand::rngs::StdRng;
use siphasher::sip::SipHasher13;

use super::{PeerHandle, Peers};
use crate::time::Time;
use crate::wire::PeerId;

/// What finds a connection from the outside.
pub(super) type Endpoint = (SocketAddr, PeerId);

/// Hashing that nobody outside can predict: keys come from the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyedHash {
    key: (u64, u64),
}

impl KeyedHash {
    pub(super) fn new(random: &mut StdRng) -> KeyedHash {
        KeyedHash {
            key: (random.next_u64(), random.next_u64()),
        }
    }

    /// A number that follows from `value` and the key.
    pub(super) fn number(&self, value: impl Hash) -> u64 {
        self.hash_one(value)
    }
}

impl BuildHasher for KeyedHash {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        #[cfg(test)]
        HASHES.set(HASHES.get() + 1);
        SipHasher13::new_with_keys(self.key.0, self.key.1)
    }
}

#[cfg(test)]
std::thread_local! {
    /// What work in tables is counted by.
    static HASHES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often something was hashed on this thread so far.
#[cfg(test)]
pub(super) fn count_hashes() -> usize {
    HASHES.get()
}

/// For how long who guesses ids or sessions in someone's name is remembered. All of them could be tried in that time at a few
/// hundred datagrams a second.
const GUESSES_REMEMBERED: Duration = Duration::from_secs(60);

/// An address and port that peers have.
#[derive(Debug)]
struct Port {
    /// Its keyed hash, 64 bits and so as good as itself.
    hash: u64,
    peers: u32,
    /// When something last came from it that is for none of them: with an id or a session that none has or had lately.
    guessed: Option<Time>,
}

/// The peers by endpoint, and how many came from each IP address, or /64 of IPv6.
#[derive(Debug)]
pub(super) struct Addresses {
    /// By the hash of the endpoint, which the peer itself has.
    peers: HashTable<PeerHandle>,
    per_ip: HashMap<IpAddr, u32, KeyedHash>,
    /// How many peers came from elsewhere, and were not dialled from here.
    came: usize,
    /// The addresses and ports that peers have.
    ports: HashTable<Port>,
    hash: KeyedHash,
}

impl Addresses {
    pub(super) fn new(hash: KeyedHash) -> Addresses {
        Addresses {
            peers: HashTable::new(),
            per_ip: HashMap::with_hasher(hash),
            came: 0,
            ports: HashTable::new(),
            hash,
        }
    }

    pub(super) fn find(&self, endpoint: &Endpoint, peers: &Peers) -> Option<PeerHandle> {
        let is_at = |peer: &PeerHandle| {
            peers
                .get(*peer)
                .is_some_and(|peer| peer.identity.endpoint() == *endpoint)
        };
        self.peers.find(self.hash.number(endpoint), is_at).copied()
    }

    /// Something came from an address and port that is for none of its peers. Who forges what comes from there has to guess, and
    /// most of the guesses are wrong.
    pub(super) fn note_guess(&mut self, from: SocketAddr, now: Time) {
        let port = self.hash.number(from);
        if let Some(known) = self.ports.find_mut(port, |known| known.hash == port) {
            known.guessed = Some(now);
        }
    }

    /// Whether someone has guessed lately in the name of an address and port.
    pub(super) fn is_guessed_at(&self, from: SocketAddr, now: Time) -> bool {
        let port = self.hash.number(from);
        let known = self.ports.find(port, |known| known.hash == port);
        known
            .and_then(|known| known.guessed)
            .is_some_and(|at| now.saturating_since(at) < GUESSES_REMEMBERED)
    }

    /// How many peers have an address and port.
    pub(super) fn peers_at(&self, address: SocketAddr) -> usize {
        let port = self.hash.number(address);
        let known = self.ports.find(port, |known| known.hash == port);
        known.map_or(0, |known| known.peers as usize)
    }

    /// How many peers came from elsewhere.
    pub(super) fn came(&self) -> usize {
        self.came
    }

    /// How many of them came from an address.
    pub(super) fn count_at(&self, ip: IpAddr) -> usize {
        self.per_ip.get(&site(ip)).map_or(0, |count| *count as usize)
    }

    /// Adds a peer of `peers`.
    pub(super) fn insert(&mut self, peer: PeerHandle, peers: &Peers) {
        let endpoint = peers[peer].identity.endpoint();
        let hash = self.hash;
        self.peers
            .insert_unique(hash.number(endpoint), peer, |peer| hash_of(*peer, peers, hash));
        let port = hash.number(endpoint.0);
        match self.ports.find_mut(port, |known| known.hash == port) {
            Some(known) => known.peers += 1,
            None => {
                let fresh = Port {
                    hash: port,
                    peers: 1,
                    guessed: None,
                };
                self.ports.insert_unique(port, fresh, |port| port.hash);
            }
        }
        if peers[peer].dialled {
            *self.per_ip.entry(site(endpoint.0.ip())).or_default() += 1;
            self.came += 1;
        }
    }

    /// Forgets a peer that was added when its endpoint was `endpoint`, and whether it came from elsewhere; it need not be one of
    /// `peers` any more.
    pub(super) fn remove(&mut self, endpoint: &Endpoint, came: bool, peer: PeerHandle, peers: &Peers) {
        let hash = self.hash;
        let Ok(entry) = self.peers.find_entry(hash.number(endpoint), |other| *other == peer) else {
            return;
        };
        entry.remove();
        let port = hash.number(endpoint.0);
        if let Ok(mut known) = self.ports.find_entry(port, |known| known.hash == port) {
            known.get_mut().peers -= 1;
            if known.get().peers == 0 {
                known.remove();
            }
        }
        if is_sparse(self.ports.len(), self.ports.capacity()) {
            self.ports.shrink_to(self.ports.len() * 2, |port| port.hash);
        }
        if came {
            self.came -= 1;
            let site = site(endpoint.0.ip());
            if let Some(count) = self.per_ip.get_mut(&site) {
                *count -= 1;
                if *count == 0 {
                    self.per_ip.remove(&site);
                }
            }
        }
        if is_sparse(self.peers.len(), self.peers.capacity()) {
            self.peers
                .shrink_to(self.peers.len() * 2, |peer| hash_of(*peer, peers, hash));
        }
        shrink(&mut self.per_ip);
    }
}

fn hash_of(peer: PeerHandle, peers: &Peers, hash: KeyedHash) -> u64 {
    peers.get(peer).map_or(0, |peer| hash.number(peer.identity.endpoint()))
}

/// What counts as one address: an IPv4 address, also in IPv6's clothes, or a /64 of IPv6, a whole of which a machine has to choose from.
#[must_use]
pub fn site(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
        ip => ip,
    }
}

/// Gives back memory once a map holds much less than it did.
pub(super) fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V, KeyedHash>) {
    if is_sparse(map.len(), map.capacity()) {
        map.shrink_to(map.len() * 2);
    }
}

fn is_sparse(length: usize, capacity: usize) -> bool {
    capacity > 256 && length < capacity / 8
}
