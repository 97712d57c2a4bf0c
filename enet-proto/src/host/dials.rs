//! Attempts of this host to connect, until they are answered.
//!
//! A name can have several addresses. They are asked with one CONNECT, one a quarter of a second after the other (RFC 8305), and the
//! first one that answers is the peer's. Of a dial at the broadcast address it is whoever answers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::PeerHandle;
use crate::time::Time;
use crate::wire::PeerId;

/// How long one address has to answer before the next one is asked as well (RFC 8305 section 5, the recommended value).
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// One attempt.
#[derive(Debug)]
struct Dial {
    peer: PeerHandle,
    id: PeerId,
    /// The first is the one that the peer has until another answers.
    addresses: Box<[SocketAddr]>,
    /// When each of those asked so far was asked first.
    asked: Vec<Time>,
    /// The CONNECT as it left last.
    connect: Bytes,
    /// Something came from one of the addresses that was no answer.
    not_understood: bool,
    /// Those that were given up.
    unreachable: Vec<SocketAddr>,
}

/// The attempts under way.
#[derive(Debug, Default)]
pub(super) struct Dials {
    dials: Vec<Dial>,
    /// How many of them have addresses that were not asked yet.
    unfinished: usize,
}

impl Dial {
    fn is_unfinished(&self) -> bool {
        self.asked.len() < self.addresses.len()
    }

    /// When to ask the next address; not before the first was.
    fn next_at(&self) -> Option<Time> {
        let last = self.asked.last().filter(|_| self.is_unfinished())?;
        Some(*last + ATTEMPT_DELAY)
    }
}

impl Dials {
    pub(super) fn insert(&mut self, peer: PeerHandle, id: PeerId, addresses: Box<[SocketAddr]>) {
        let dial = Dial {
            peer,
            id,
            addresses,
            asked: Vec::new(),
            connect: Bytes::new(),
            not_understood: false,
            unreachable: Vec::new(),
        };
        self.unfinished += usize::from(dial.is_unfinished());
        self.dials.push(dial);
    }

    /// The attempt is over: it was answered, or given up.
    pub(super) fn remove(&mut self, peer: PeerHandle) {
        if let Some(at) = self.position(peer) {
            let dial = self.dials.swap_remove(at);
            self.unfinished -= usize::from(dial.is_unfinished());
        }
        if self.dials.is_empty() {
            self.dials = Vec::new();
        }
    }

    /// The peer that was dialled at `from`, among others, and is known by this id there.
    pub(super) fn find(&self, from: SocketAddr, id: PeerId) -> Option<PeerHandle> {
        let is_at = |dial: &&Dial| dial.id == id && (is_broadcast(dial.addresses[0]) || dial.addresses.contains(&from));
        self.dials.iter().find(is_at).map(|dial| dial.peer)
    }

    /// When an address was asked first.
    pub(super) fn asked_at(&self, peer: PeerHandle, address: SocketAddr) -> Option<Time> {
        let dial = &self.dials[self.position(peer)?];
        let at = dial.addresses.iter().position(|other| *other == address)?;
        dial.asked.get(at).copied()
    }

    /// The CONNECT of a peer leaves for its first address. Calls `also` with the others that it is to leave for, now that it was not
    /// answered.
    pub(super) fn sent(
        &mut self,
        peer: PeerHandle,
        connect: &[u8],
        now: Time,
        mut also: impl FnMut(SocketAddr, Bytes),
    ) {
        let Some(at) = self.position(peer) else { return };
        let dial = &mut self.dials[at];
        if dial.addresses.len() == 1 {
            return;
        }
        dial.connect = Bytes::copy_from_slice(connect);
        if dial.asked.is_empty() {
            dial.asked.push(now);
        }
        let asked = dial.addresses.iter().zip(&dial.asked).skip(1);
        for (address, _) in asked.filter(|(_, at)| **at < now) {
            also(*address, dial.connect.clone());
        }
    }

    /// Calls `ask` for each address whose turn it is, with the CONNECT to send there.
    pub(super) fn handle_timeout(&mut self, now: Time, mut ask: impl FnMut(SocketAddr, Bytes)) {
        if self.unfinished == 0 {
            return;
        }
        for dial in &mut self.dials {
            if dial.next_at().is_none_or(|at| at > now) {
                continue;
            }
            ask(dial.addresses[dial.asked.len()], dial.connect.clone());
            dial.asked.push(now);
            self.unfinished -= usize::from(!dial.is_unfinished());
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        if self.unfinished == 0 {
            return None;
        }
        self.dials.iter().filter_map(Dial::next_at).min()
    }

    /// Something came for a peer that is no answer.
    pub(super) fn not_understood(&mut self, peer: PeerHandle) {
        if let Some(at) = self.position(peer) {
            self.dials[at].not_understood = true;
        }
    }

    /// Something came from an address for nobody who is known.
    pub(super) fn not_understood_from(&mut self, address: SocketAddr) {
        for dial in &mut self.dials {
            dial.not_understood |= dial.addresses.contains(&address);
        }
    }

    /// Nothing reaches an address. The peers that were dialled there, and whether they have no other address left.
    pub(super) fn unreachable(&mut self, address: SocketAddr) -> Vec<(PeerHandle, bool)> {
        let mut concerned = Vec::new();
        for dial in self.dials.iter_mut().filter(|dial| dial.addresses.contains(&address)) {
            if !dial.unreachable.contains(&address) {
                dial.unreachable.push(address);
            }
            concerned.push((dial.peer, dial.unreachable.len() == dial.addresses.len()));
        }
        concerned
    }

    /// Whether a peer is still being dialled.
    pub(super) fn is_under_way(&self, peer: PeerHandle) -> bool {
        self.position(peer).is_some()
    }

    pub(super) fn was_misunderstood(&self, peer: PeerHandle) -> bool {
        self.position(peer).is_some_and(|at| self.dials[at].not_understood)
    }

    fn position(&self, peer: PeerHandle) -> Option<usize> {
        self.dials.iter().position(|dial| dial.peer == peer)
    }
}

/// 255.255.255.255, for finding servers on a LAN.
pub(super) fn is_broadcast(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast())
}
