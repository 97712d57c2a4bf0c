//! Connections coming to be, in both directions.

use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use tracing::debug;

use super::addresses::{Endpoint, KeyedHash};
use super::dials::ATTEMPT_DELAY;
use super::half_open::{Granted, HalfOpen, MOST_OF_A_PORT};
use super::receive::Arrived;
use super::{Host, PeerHandle};
use crate::checksum;
use crate::error::ConnectError;
use crate::event::Event;
use crate::path::Path;
use crate::peer::{
    Agreement, Control, Identity, Peer, PeerState, answered_window, largest_header, seal, sending_window, window_for,
};
use crate::time::Time;
use crate::wire::{self, Body, Connect, ConnectId, Header, PeerId, SessionId, VerifyConnect, emit};

/// How many ids are tried for one connection. Only where one address and port has thousands of connections many are taken.
const ID_TRIES: u16 = 64;

/// With more attempts than this of one address and port fewer ids are tried, so that asking again and again is not dear.
const FEW_ATTEMPTS: u32 = 64;
const FEW_ID_TRIES: u16 = 8;

/// With so many events to poll nobody is let in, as each who comes and goes makes two more.
const MAXIMUM_EVENTS: usize = 1 << 20;

/// The most bytes of commands that a datagram for no peer is decompressed to: a CONNECT, 48 bytes, travels alone. Anyone can
/// send such datagrams, so they must be cheap.
const LARGEST_UNADDRESSED: usize = 64;

/// What a field for a session says when there was none before.
const NO_SESSION: u8 = 0xFF;

impl Host {
    /// How long one address of several has to answer before the next one is asked as well
    /// ([`connect_any`](Self::connect_any)): 250 ms, as RFC 8305 section 5 recommends.
    pub const ATTEMPT_DELAY: Duration = ATTEMPT_DELAY;

    /// Begins to connect to a host. [`Event::Connected`] follows, or [`Event::Disconnected`] if it does not answer for too
    /// long. `data` is passed to the other side.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, to: SocketAddr, channels: usize, data: u32) -> Result<PeerHandle, ConnectError> {
        self.connect_any(to, &[], channels, data)
    }

    /// As [`connect`](Self::connect), to a host that may be at any of several addresses, as a name can have them. The others are
    /// asked as well, one after the other and each [`ATTEMPT_DELAY`](Self::ATTEMPT_DELAY) after the one before, as long as none has
    /// answered (RFC 8305). The first that answers is the peer's address from then on, and until then it is `first`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect_any(
        &mut self,
        first: SocketAddr,
        others: &[SocketAddr],
        channels: usize,
        data: u32,
    ) -> Result<PeerHandle, ConnectError> {
        if !(wire::MINIMUM_CHANNELS..=wire::MAXIMUM_CHANNELS).contains(&channels) {
            return Err(ConnectError::InvalidChannelCount(channels));
        }
        if self.peers.len() >= self.config.max_peers {
            return Err(ConnectError::NoFreeSlot);
        }
        let attempt = self.random.next_u64();
        let addresses: Box<[SocketAddr]> = [&[first], others].concat().into();
        let incoming_id = self.free_id(&addresses, attempt).ok_or(ConnectError::NoFreeSlot)?;
        // With an id that it had before, the other side needs to know the sessions of then, so as to choose others.
        let former = self.departed.find(&(first, incoming_id)).map(|former| former.identity);
        let session_of =
            |session: fn(&Identity) -> SessionId| former.as_ref().map_or(NO_SESSION, |it| session(it).value());
        let identity = Identity {
            address: first,
            incoming_id,
            outgoing_id: PeerId::NONE,
            incoming_session: SessionId::default(),
            outgoing_session: SessionId::default(),
            connect_id: ConnectId::new(self.random.next_u32()),
        };
        let window = window_for(self.config.outgoing_bandwidth, self.config.max_window);
        // What no stock host can offer tells the other side that this is none.
        let offered = match self.config.outgoing_bandwidth {
            0 => window.max(wire::MAXIMUM_WINDOW + 1),
            _ => window,
        };
        let agreement = Agreement {
            channel_count: channels as u8,
            mtu: self.config.mtu,
            window,
            window_ceiling: self.config.max_window,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
        };
        let mut peer = Peer::new(identity, agreement, PeerState::Connecting, data, self.now, &self.config);
        let connect = Connect {
            outgoing_peer_id: incoming_id.value(),
            incoming_session: session_of(|former| former.incoming_session),
            outgoing_session: session_of(|former| former.outgoing_session),
            mtu: u32::from(self.config.mtu),
            window_size: offered,
            channel_count: channels as u32,
            incoming_bandwidth: self.config.incoming_bandwidth,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            throttle_interval: peer.throttle.interval,
            throttle_acceleration: peer.throttle.acceleration,
            throttle_deceleration: peer.throttle.deceleration,
            connect_id: identity.connect_id,
            data,
        };
        peer.queue_control(Control::Connect(Box::new(connect)));
        let handle = self.add(peer);
        self.dials.insert(handle, incoming_id, addresses);
        self.touch(handle);
        Ok(handle)
    }

    /// A wire id that no connection with any of the addresses has; if it can be one that none had lately.
    fn free_id(&self, addresses: &[SocketAddr], attempt: u64) -> Option<PeerId> {
        let mut left = None;
        for id in candidates(self.id_hash, attempt, ID_TRIES) {
            let mut endpoints = addresses.iter().map(|address| (*address, id));
            let mut rest = endpoints.clone();
            if endpoints.any(|endpoint| {
                self.addresses.find(&endpoint, &self.peers).is_some() || self.half_open.contains(&endpoint)
            }) {
                continue;
            }
            if rest.all(|endpoint| self.departed.find(&endpoint).is_none()) {
                return Some(id);
            }
            left.get_or_insert(id);
        }
        left
    }

    /// A datagram that names no peer: only a CONNECT is of interest.
    pub(super) fn handle_unaddressed(&mut self, arrived: &Arrived) {
        if !self.config.accept {
            self.statistics.dropped.refused_connects += 1;
            return self.log_drop(arrived.from, "nobody may connect");
        }
        let Some(block) = self.open(arrived, checksum::NO_SEED, LARGEST_UNADDRESSED, None) else {
            return;
        };
        match wire::parse(&block, 0) {
            Ok((command, _)) => match command.body {
                Body::Connect(connect) => self.handle_connect(arrived, &connect),
                _ => {
                    self.statistics.dropped.unknown_peer += 1;
                    self.log_drop(arrived.from, "for no peer, and no CONNECT");
                }
            },
            Err(_) => {
                self.statistics.dropped.malformed_commands += 1;
                self.log_drop(arrived.from, "for no peer, and malformed");
            }
        }
    }

    fn handle_connect(&mut self, arrived: &Arrived, connect: &Connect) {
        let from = arrived.from;
        // The id follows from the attempt, so that a repeated CONNECT finds what the first one led to.
        let attempt = (from, connect.connect_id, connect.outgoing_peer_id);
        let (mut free, mut left) = (None, None);
        let first = self.half_open.of_port(from);
        let tries = match first {
            Some((count, _)) if count > FEW_ATTEMPTS => FEW_ID_TRIES,
            _ => ID_TRIES,
        };
        for id in candidates(self.id_hash, attempt, tries) {
            let endpoint = (from, id);
            if let Some(peer) = self.addresses.find(&endpoint, &self.peers) {
                if self.peers[peer].identity.connect_id == connect.connect_id {
                    return;
                }
            } else if let Some(entry) = self.half_open.get_mut(&endpoint) {
                if entry.connect_id == connect.connect_id {
                    entry.pay(arrived.datagram.len());
                    return self.answer(endpoint, arrived.path());
                }
            } else if self.departed.find(&endpoint).is_some() {
                left.get_or_insert(id);
            } else {
                free = Some(id);
                break;
            }
        }
        // Who asks in the name of someone else must not keep it out: the first to have come makes room.
        let free = free.or(left);
        let gives_way = first
            .filter(|(count, _)| free.is_none() || *count >= MOST_OF_A_PORT)
            .map(|(_, id)| id);
        let id = free.or(gives_way);
        let channels = 1..=wire::MAXIMUM_CHANNELS as u32;
        let room = self.has_room_for(from.ip());
        let Some(id) = id.filter(|_| room && channels.contains(&connect.channel_count)) else {
            self.statistics.dropped.refused_connects += 1;
            if self.drop_log.admits(self.now) {
                debug!(%from, channels = connect.channel_count, "dropped: connection refused");
            }
            return;
        };
        let granted = self.grant(from, id, connect);
        let mut entry = HalfOpen::new(from, connect, granted, self.now, &mut self.random);
        entry.pay(arrived.datagram.len());
        let endpoint = entry.endpoint();
        let replaced = gives_way.is_some_and(|id| self.half_open.remove(&(from, id)).is_some());
        if self.half_open.insert(entry, &mut self.random) || replaced {
            self.statistics.dropped.evicted_half_open += 1;
            self.log_drop(from, "made room for: another connection in the making");
        }
        self.answer(endpoint, arrived.path());
    }

    /// Whether the limits allow another connection from an address; counted if not. What this side has dialled takes nothing from
    /// those who come: two hosts with a single place each that dial each other would keep each other out.
    fn has_room_for(&mut self, ip: IpAddr) -> bool {
        let limits = &mut self.statistics.limits;
        if self.addresses.came() >= self.config.max_peers {
            limits.peers += 1;
            false
        } else if self.addresses.count_at(ip) >= self.config.duplicate_peers {
            limits.duplicate_peers += 1;
            false
        } else {
            true
        }
    }

    /// What a connection that was asked for is given.
    fn grant(&mut self, from: SocketAddr, id: PeerId, connect: &Connect) -> Granted {
        let former = self.departed.find(&(from, id)).map(|former| former.identity);
        let had = |session: fn(&Identity) -> SessionId| former.as_ref().map(session);
        let incoming_session = self.new_session(connect.outgoing_session, had(|former| former.incoming_session));
        let outgoing_session = self.new_session(connect.incoming_session, had(|former| former.outgoing_session));
        let config = &self.config;
        let offered_mtu = connect
            .mtu
            .clamp(u32::from(wire::MINIMUM_MTU), u32::from(wire::MAXIMUM_MTU)) as u16;
        Granted {
            incoming_id: id,
            incoming_session,
            outgoing_session,
            channel_count: (connect.channel_count as usize).min(config.channel_limit) as u8,
            mtu: offered_mtu.min(config.mtu),
        }
    }

    /// What a connection in the making is going to be.
    fn agreement(&self, entry: &HalfOpen) -> Agreement {
        let config = &self.config;
        let window_ceiling = config.max_window.min(entry.window.max(wire::MAXIMUM_WINDOW));
        Agreement {
            channel_count: entry.channel_count,
            mtu: entry.mtu,
            window: sending_window(config.outgoing_bandwidth, entry.incoming_bandwidth, window_ceiling),
            window_ceiling,
            incoming_bandwidth: entry.incoming_bandwidth,
            outgoing_bandwidth: entry.outgoing_bandwidth,
        }
    }

    /// The answer to an attempt, the same each time unless this host's bandwidth was changed.
    fn verify(&self, entry: &HalfOpen) -> VerifyConnect {
        let config = &self.config;
        VerifyConnect {
            outgoing_peer_id: entry.incoming_id.value(),
            // Seen from the other side: what comes in there goes out here.
            incoming_session: entry.outgoing_session.value(),
            outgoing_session: entry.incoming_session.value(),
            mtu: u32::from(entry.mtu),
            window_size: answered_window(entry.window, config),
            channel_count: u32::from(entry.channel_count),
            incoming_bandwidth: config.incoming_bandwidth,
            outgoing_bandwidth: config.outgoing_bandwidth,
            throttle_interval: entry.throttle_interval,
            throttle_acceleration: entry.throttle_acceleration,
            throttle_deceleration: entry.throttle_deceleration,
            connect_id: entry.connect_id,
        }
    }

    /// A session other than the one the dialling side had last, and than that of the connection which had the id before.
    fn new_session(&mut self, last: u8, former: Option<SessionId>) -> SessionId {
        let last = (last != NO_SESSION).then(|| SessionId::new(last));
        let first = self.random.next_u32() as u8;
        let others = (0..4).map(|step| SessionId::new(first.wrapping_add(step)));
        let mut fresh = others.filter(|session| Some(*session) != last && Some(*session) != former);
        fresh.next().unwrap_or_default()
    }

    /// Sends the answer to an attempt, if the attempt has paid for it.
    fn answer(&mut self, endpoint: Endpoint, back: Path) {
        self.challenge(endpoint, back, |datagram, sequence, verify| {
            emit::verify_connect(datagram, sequence, verify);
        });
    }

    /// Asks for the secret again, with less bytes than the answer has: a dialling side that has its `VERIFY_CONNECT` takes this
    /// for a ping and acknowledges it with the same numbers.
    pub(super) fn remind(&mut self, endpoint: Endpoint, back: Path) {
        self.challenge(endpoint, back, |datagram, sequence, _| emit::ping(datagram, sequence));
    }

    /// Sends a command whose acknowledgement returns the secret, if the attempt has paid for it.
    fn challenge(&mut self, endpoint: Endpoint, back: Path, command: impl FnOnce(&mut Vec<u8>, u16, &VerifyConnect)) {
        let Some(entry) = self.half_open.get(&endpoint) else {
            return;
        };
        let mut header = Header {
            peer_id: entry.outgoing_id,
            session: entry.outgoing_session,
            compressed: false,
            sent_time: Some(entry.sent_time),
        };
        let seed = entry.connect_id.to_bytes();
        let mut datagram = vec![0; largest_header(&self.config)];
        command(&mut datagram, entry.sequence, &self.verify(entry));
        let size = seal(&mut header, seed, &mut self.sender(), 0, 0, &mut datagram);
        let now = self.now;
        if self
            .half_open
            .get_mut(&endpoint)
            .is_some_and(|entry| entry.spend(size, now))
        {
            self.reply(back, datagram.into());
        }
    }

    /// The other side has returned the secret: it becomes a peer. What else its datagram holds, from `next` on, is for it.
    pub(super) fn prove(&mut self, endpoint: Endpoint, arrived: &Arrived, block: &Bytes, next: usize) {
        if self.orphaned >= self.config.max_held_data || self.events.len() >= MAXIMUM_EVENTS {
            self.statistics.limits.held_data += 1;
            return self.log_drop(endpoint.0, "the program has too much to poll");
        }
        let welcome = self.config.accept && self.has_room_for(endpoint.0.ip());
        if welcome && !self.joins.admits(endpoint.0.ip(), self.now) {
            // It will prove itself again when it asks for something.
            self.statistics.limits.joins_per_second += 1;
            return self.log_drop(endpoint.0, "too many connections in a second");
        }
        let Some(entry) = self.half_open.remove(&endpoint) else {
            return;
        };
        let identity = Identity {
            address: entry.address,
            incoming_id: entry.incoming_id,
            outgoing_id: entry.outgoing_id,
            incoming_session: entry.incoming_session,
            outgoing_session: entry.outgoing_session,
            connect_id: entry.connect_id,
        };
        let connect_data = entry.connect_data;
        let mut peer = Peer::new(
            identity,
            self.agreement(&entry),
            PeerState::Connected,
            connect_data,
            self.now,
            &self.config,
        );
        peer.throttle.interval = entry.throttle_interval;
        peer.throttle.acceleration = entry.throttle_acceleration;
        peer.throttle.deceleration = entry.throttle_deceleration;
        peer.has_first_ack_to_come = entry.window <= wire::MAXIMUM_WINDOW && !self.config.first_ack_delay.is_zero();
        if !welcome {
            // Others were faster, or the door was shut. It believes to be connected, so it is told.
            self.statistics.dropped.refused_connects += 1;
            let mut datagram = Vec::new();
            peer.notice(&mut self.sender(), 0, &mut datagram);
            self.reply(arrived.path(), datagram.into());
            return;
        }
        peer.handshake_done(self.now, measured(&entry, self.now));
        peer.count_received(self.now, arrived.datagram.len());
        let handle = self.add(peer);
        self.count_connection(handle);
        self.events.push_back(Event::Connected {
            peer: handle,
            data: connect_data,
        });
        self.handle_commands(handle, arrived, block, next);
        if let Some(early) = entry.early
            && let Some(early) = Arrived::parse(arrived.path(), early.0.into())
            && self.peers.contains_key(handle)
        {
            self.handle_for_peer(handle, &early);
        }
    }
}

/// The longest round trip of a handshake that is believed to be one. A longer one rather is a loss that was made good, or
/// someone who would like to be waited for.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(1);

/// The round trip of the handshake, if it is known which answer was acknowledged.
fn measured(entry: &HalfOpen, now: Time) -> Option<Duration> {
    let since = now.saturating_since(entry.answered);
    (entry.answers == 1 && since <= LONGEST_HANDSHAKE).then_some(since)
}

/// The ids to try for a connection. Neighbours would not do: where one address has thousands of connections, they have long rows
/// of ids without a gap.
fn candidates(hash: KeyedHash, attempt: impl Hash, tries: u16) -> impl Iterator<Item = PeerId> {
    (0..tries).map(move |turn| PeerId::new((hash.number((&attempt, turn)) % u64::from(PeerId::COUNT)) as u16))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::addresses::count_hashes;
    use super::*;
    use crate::config::HostConfig;

    /// More would be more than twice what a CONNECT costs that meets nothing.
    const MOST_HASHES: usize = 24;

    fn ask(host: &mut Host, from: (u32, u16), connect_id: u32) {
        let connect = Connect {
            outgoing_peer_id: 0,
            incoming_session: NO_SESSION,
            outgoing_session: NO_SESSION,
            mtu: 1392,
            window_size: 65_536,
            channel_count: 2,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle_interval: 5000,
            throttle_acceleration: 2,
            throttle_deceleration: 2,
            connect_id: ConnectId::new(connect_id),
            data: 0,
        };
        let header = Header {
            peer_id: PeerId::NONE,
            session: SessionId::default(),
            compressed: false,
            sent_time: Some(0),
        };
        let mut datagram = header.to_bytes()[..header.len()].to_vec();
        emit::connect(&mut datagram, 1, &connect);
        let from = SocketAddr::from((Ipv4Addr::from(from.0), from.1));
        host.handle_datagram(Time::ZERO, from, datagram.into());
        let mut buffer = Vec::new();
        while host.poll_transmit(Time::ZERO, 1, &mut buffer).is_some() {}
    }

    /// What a CONNECT from a port costs on average, in looks at a table.
    fn cost(host: &mut Host, from: u32) -> usize {
        let before = count_hashes();
        for number in 0..1000 {
            ask(host, (from, 5000), 0x8000_0000 + number);
        }
        (count_hashes() - before) / 1000
    }

    #[test]
    fn a_connect_costs_the_same_however_many_its_port_has_sent() {
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        assert!(cost(&mut host, 1) <= MOST_HASHES);
        for number in 0..20_000 {
            ask(&mut host, (1, 5000), number);
        }
        let after = cost(&mut host, 1);
        assert!(after <= MOST_HASHES, "{after} hashes");
        assert_eq!(host.half_open(), MOST_OF_A_PORT as usize);
    }

    #[test]
    fn a_connect_costs_the_same_when_the_table_is_full() {
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        for number in 0..50_000 {
            ask(&mut host, (number * 256, number as u16 | 1), number);
        }
        assert_eq!(host.half_open(), HostConfig::default().max_half_open);
        for from in [1, 7] {
            let cost = cost(&mut host, from);
            assert!(cost <= MOST_HASHES, "{cost} hashes");
        }
    }
}
