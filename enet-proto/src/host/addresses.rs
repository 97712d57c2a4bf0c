//! Finding a peer by what a datagram says: where it came from and the id in its header.
//!
//! Ids only tell the connections of one address and port apart, so a host has no limit of 4095 peers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hashbrown::HashTable;
use rand::Rng;
use rand::rngs::StdRng;
use siphasher::sip::SipHasher13;

use super::{PeerHandle, Peers};
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
        SipHasher13::new_with_keys(self.key.0, self.key.1)
    }
}

/// The peers by endpoint, and how many there are at each IP address, or /64 of IPv6.
#[derive(Debug)]
pub(super) struct Addresses {
    /// By the hash of the endpoint, which the peer itself has.
    peers: HashTable<PeerHandle>,
    per_ip: HashMap<IpAddr, u32, KeyedHash>,
    hash: KeyedHash,
}

impl Addresses {
    pub(super) fn new(hash: KeyedHash) -> Addresses {
        Addresses {
            peers: HashTable::new(),
            per_ip: HashMap::with_hasher(hash),
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

    pub(super) fn count_at(&self, ip: IpAddr) -> usize {
        self.per_ip.get(&site(ip)).map_or(0, |count| *count as usize)
    }

    /// Adds a peer of `peers`.
    pub(super) fn insert(&mut self, peer: PeerHandle, peers: &Peers) {
        let endpoint = peers[peer].identity.endpoint();
        let hash = self.hash;
        self.peers
            .insert_unique(hash.number(endpoint), peer, |peer| hash_of(*peer, peers, hash));
        *self.per_ip.entry(site(endpoint.0.ip())).or_default() += 1;
    }

    /// Forgets a peer that was added when its endpoint was `endpoint`; it need not be one of `peers` any more.
    pub(super) fn remove(&mut self, endpoint: &Endpoint, peer: PeerHandle, peers: &Peers) {
        let hash = self.hash;
        let Ok(entry) = self.peers.find_entry(hash.number(endpoint), |other| *other == peer) else {
            return;
        };
        entry.remove();
        let site = site(endpoint.0.ip());
        if let Some(count) = self.per_ip.get_mut(&site) {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&site);
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

/// What counts as one address: a machine has a whole /64 of IPv6 to choose from.
fn site(ip: IpAddr) -> IpAddr {
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
