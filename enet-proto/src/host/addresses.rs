//! Finding a peer by what a datagram says: where it came from and the id in its header.
//!
//! Ids only tell the connections of one address and port apart, so a host has no limit of 4095 peers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use rand::Rng;
use rand::rngs::StdRng;
use siphasher::sip::SipHasher13;

use super::PeerHandle;
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
    peers: HashMap<Endpoint, PeerHandle, KeyedHash>,
    per_ip: HashMap<IpAddr, usize, KeyedHash>,
    /// Peers that were dialled at the broadcast address and take that of the first who answers.
    broadcast: Vec<(PeerId, PeerHandle)>,
}

impl Addresses {
    pub(super) fn new(hash: KeyedHash) -> Addresses {
        Addresses {
            peers: HashMap::with_hasher(hash),
            per_ip: HashMap::with_hasher(hash),
            broadcast: Vec::new(),
        }
    }

    pub(super) fn find(&self, endpoint: &Endpoint) -> Option<PeerHandle> {
        self.peers.get(endpoint).copied()
    }

    /// The peer dialled at the broadcast address that has this id.
    pub(super) fn find_broadcast(&self, id: PeerId) -> Option<PeerHandle> {
        self.broadcast
            .iter()
            .find(|(broadcast_id, _)| *broadcast_id == id)
            .map(|(_, peer)| *peer)
    }

    pub(super) fn count_at(&self, ip: IpAddr) -> usize {
        self.per_ip.get(&site(ip)).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, endpoint: Endpoint, peer: PeerHandle) {
        if is_broadcast(endpoint.0) {
            self.broadcast.push((endpoint.1, peer));
        }
        self.peers.insert(endpoint, peer);
        *self.per_ip.entry(site(endpoint.0.ip())).or_default() += 1;
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint) {
        let Some(peer) = self.peers.remove(endpoint) else {
            return;
        };
        self.broadcast.retain(|(_, broadcast)| *broadcast != peer);
        let site = site(endpoint.0.ip());
        if let Some(count) = self.per_ip.get_mut(&site) {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&site);
            }
        }
        shrink(&mut self.peers);
        shrink(&mut self.per_ip);
    }
}

/// What counts as one address: a machine has a whole /64 of IPv6 to choose from.
fn site(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
        ip => ip,
    }
}

/// 255.255.255.255, for finding servers on a LAN.
pub(super) fn is_broadcast(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast())
}

/// Gives back memory once a map holds much less than it did.
pub(super) fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V, KeyedHash>) {
    if map.capacity() > 256 && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}
