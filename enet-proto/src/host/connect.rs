//! Connections coming to be, in both directions.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use rand::Rng;
use tracing::debug;

use super::addresses::Endpoint;
use super::half_open::HalfOpen;
use super::receive::Arrived;
use super::{Host, PeerHandle};
use crate::checksum;
use crate::error::ConnectError;
use crate::event::Event;
use crate::peer::{
    Agreement, Control, Identity, Peer, PeerState, answered_window, largest_header, seal, sending_window, window_for,
};
use crate::time::Time;
use crate::wire::{self, Body, Connect, ConnectId, Header, PeerId, SessionId, VerifyConnect, emit};

/// How many ids are tried for one connection before its address counts as full.
const ID_TRIES: u16 = 64;

/// The most bytes of commands that a datagram for no peer is decompressed to: a CONNECT, 48 bytes, travels alone. Anyone can
/// send such datagrams, so they must be cheap.
const LARGEST_UNADDRESSED: usize = 64;

/// What a field for a session says when there was none before.
const NO_SESSION: u8 = 0xFF;

impl Host {
    /// Begins to connect to a host. [`Event::Connected`] follows, or [`Event::Disconnected`] if it does not answer for too
    /// long. `data` is passed to the other side.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, to: SocketAddr, channels: usize, data: u32) -> Result<PeerHandle, ConnectError> {
        if !(wire::MINIMUM_CHANNELS..=wire::MAXIMUM_CHANNELS).contains(&channels) {
            return Err(ConnectError::InvalidChannelCount(channels));
        }
        if self.peers.len() >= self.config.max_peers {
            return Err(ConnectError::NoFreeSlot);
        }
        let first = self.random.next_u32() as u16;
        let incoming_id = self.free_id(to, first).ok_or(ConnectError::NoFreeSlot)?;
        let identity = Identity {
            address: to,
            incoming_id,
            outgoing_id: PeerId::NONE,
            incoming_session: SessionId::default(),
            outgoing_session: SessionId::default(),
            connect_id: ConnectId::new(self.random.next_u32()),
        };
        let window = window_for(self.config.outgoing_bandwidth, self.config.max_window);
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
            incoming_session: NO_SESSION,
            outgoing_session: NO_SESSION,
            mtu: u32::from(self.config.mtu),
            window_size: window,
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
        self.touch(handle);
        Ok(handle)
    }

    /// A wire id that no connection with `address` has, looked for from `first` on.
    fn free_id(&mut self, address: SocketAddr, first: u16) -> Option<PeerId> {
        candidates(first).find(|id| {
            let endpoint = (address, *id);
            self.addresses.find(&endpoint).is_none() && self.half_open.get_mut(&endpoint).is_none()
        })
    }

    /// A datagram that names no peer: only a CONNECT is of interest.
    pub(super) fn handle_unaddressed(&mut self, arrived: &Arrived) {
        if !self.config.accept {
            self.statistics.dropped.refused_connects += 1;
            return self.log_drop(arrived.from, "nobody may connect");
        }
        let Some(block) = self.open(arrived, checksum::NO_SEED, LARGEST_UNADDRESSED) else {
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
        let first = self.id_hash.number(attempt) as u16;
        let mut free = None;
        for id in candidates(first) {
            let endpoint = (from, id);
            if let Some(peer) = self.addresses.find(&endpoint) {
                if self.peers[peer].identity.connect_id == connect.connect_id {
                    return;
                }
            } else if let Some(entry) = self.half_open.get_mut(&endpoint) {
                if entry.identity.connect_id == connect.connect_id {
                    entry.credit += arrived.datagram.len();
                    return self.answer(endpoint);
                }
            } else {
                free = Some(id);
                break;
            }
        }
        let channels = 1..=wire::MAXIMUM_CHANNELS as u32;
        let room = self.has_room_for(from.ip());
        let Some(id) = free.filter(|_| room && channels.contains(&connect.channel_count)) else {
            self.statistics.dropped.refused_connects += 1;
            if self.drop_log.admits(self.now) {
                debug!(%from, channels = connect.channel_count, "dropped: connection refused");
            }
            return;
        };
        let mut entry = self.negotiate(from, id, connect);
        entry.credit = arrived.datagram.len();
        let endpoint = entry.endpoint();
        if self.half_open.insert(entry, &mut self.random) {
            self.statistics.dropped.evicted_half_open += 1;
            self.log_drop(from, "made room for: another connection in the making");
        }
        self.answer(endpoint);
    }

    /// Whether the limits allow another connection from an address; counted if not.
    fn has_room_for(&mut self, ip: IpAddr) -> bool {
        let limits = &mut self.statistics.limits;
        if self.peers.len() >= self.config.max_peers {
            limits.peers += 1;
            false
        } else if self.addresses.count_at(ip) >= self.config.duplicate_peers {
            limits.duplicate_peers += 1;
            false
        } else {
            true
        }
    }

    /// What a connection that was asked for is going to be.
    fn negotiate(&mut self, from: SocketAddr, id: PeerId, connect: &Connect) -> HalfOpen {
        let incoming_session = self.new_session(connect.outgoing_session);
        let outgoing_session = self.new_session(connect.incoming_session);
        let identity = Identity {
            address: from,
            incoming_id: id,
            outgoing_id: PeerId::new(connect.outgoing_peer_id),
            incoming_session,
            outgoing_session,
            connect_id: connect.connect_id,
        };
        let config = &self.config;
        let offered_mtu = connect
            .mtu
            .clamp(u32::from(wire::MINIMUM_MTU), u32::from(wire::MAXIMUM_MTU)) as u16;
        let window_ceiling = config.max_window.min(connect.window_size.max(wire::MAXIMUM_WINDOW));
        let agreement = Agreement {
            channel_count: (connect.channel_count as usize).min(config.channel_limit) as u8,
            mtu: offered_mtu.min(config.mtu),
            window: sending_window(config.outgoing_bandwidth, connect.incoming_bandwidth, window_ceiling),
            window_ceiling,
            incoming_bandwidth: connect.incoming_bandwidth,
            outgoing_bandwidth: connect.outgoing_bandwidth,
        };
        let verify = VerifyConnect {
            outgoing_peer_id: id.value(),
            // Seen from the other side: what comes in there goes out here.
            incoming_session: outgoing_session.value(),
            outgoing_session: incoming_session.value(),
            mtu: u32::from(agreement.mtu),
            window_size: answered_window(connect.window_size, config),
            channel_count: u32::from(agreement.channel_count),
            incoming_bandwidth: config.incoming_bandwidth,
            outgoing_bandwidth: config.outgoing_bandwidth,
            throttle_interval: connect.throttle_interval,
            throttle_acceleration: connect.throttle_acceleration,
            throttle_deceleration: connect.throttle_deceleration,
            connect_id: connect.connect_id,
        };
        HalfOpen::new(identity, agreement, connect.data, verify, self.now, &mut self.random)
    }

    /// A session other than the one the dialling side had last.
    fn new_session(&mut self, last: u8) -> SessionId {
        let random = self.random.next_u32();
        if last == NO_SESSION {
            SessionId::new((random % 4) as u8)
        } else {
            SessionId::new(last.wrapping_add(1 + (random % 3) as u8))
        }
    }

    /// Sends the answer to an attempt, if the attempt has paid for it.
    pub(super) fn answer(&mut self, endpoint: Endpoint) {
        self.challenge(endpoint, |datagram, sequence, verify| {
            emit::verify_connect(datagram, sequence, verify);
        });
    }

    /// Asks for the secret again, with less bytes than the answer has: a dialling side that has its `VERIFY_CONNECT` takes this
    /// for a ping and acknowledges it with the same numbers.
    pub(super) fn remind(&mut self, endpoint: Endpoint) {
        self.challenge(endpoint, |datagram, sequence, _| emit::ping(datagram, sequence));
    }

    /// Sends a command whose acknowledgement returns the secret, if the attempt has paid for it.
    fn challenge(&mut self, endpoint: Endpoint, command: impl FnOnce(&mut Vec<u8>, u16, &VerifyConnect)) {
        let Some(entry) = self.half_open.get_mut(&endpoint) else {
            return;
        };
        let identity = entry.identity;
        let mut header = Header {
            peer_id: identity.outgoing_id,
            session: identity.outgoing_session,
            compressed: false,
            sent_time: Some(entry.sent_time),
        };
        let (sequence, verify) = (entry.sequence, entry.verify);
        let mut datagram = vec![0; largest_header(&self.config)];
        command(&mut datagram, sequence, &verify);
        let seed = identity.connect_id.to_bytes();
        let size = seal(&mut header, seed, &mut self.sender(), 0, 0, &mut datagram);
        let now = self.now;
        let Some(entry) = self.half_open.get_mut(&endpoint) else {
            return;
        };
        if entry.credit < size {
            return;
        }
        entry.credit -= size;
        entry.answers += 1;
        entry.answered = now;
        self.reply(endpoint.0, datagram.into());
    }

    /// The other side has returned the secret: it becomes a peer. What else its datagram holds, from `next` on, is for it.
    pub(super) fn prove(&mut self, endpoint: Endpoint, arrived: &Arrived, block: &Bytes, next: usize) {
        if !self.joins.take(self.now) {
            // It will prove itself again when it asks for something.
            self.statistics.limits.joins_per_second += 1;
            return self.log_drop(endpoint.0, "too many connections in a second");
        }
        let Some(entry) = self.half_open.remove(&endpoint) else {
            return;
        };
        let HalfOpen {
            identity,
            agreement,
            connect_data,
            verify,
            early,
            ..
        } = entry;
        let mut peer = Peer::new(
            identity,
            agreement,
            PeerState::Connected,
            connect_data,
            self.now,
            &self.config,
        );
        peer.throttle.interval = verify.throttle_interval;
        peer.throttle.acceleration = verify.throttle_acceleration;
        peer.throttle.deceleration = verify.throttle_deceleration;
        if !self.config.accept || !self.has_room_for(endpoint.0.ip()) {
            // Others were faster, or the door was shut. It believes to be connected, so it is told.
            self.statistics.dropped.refused_connects += 1;
            let mut datagram = Vec::new();
            peer.notice(&mut self.sender(), 0, &mut datagram);
            self.reply(endpoint.0, datagram.into());
            return;
        }
        peer.handshake_done(self.now, measured(entry.answers, entry.answered, self.now));
        peer.count_received(arrived.datagram.len());
        let handle = self.add(peer);
        self.count_connection(handle);
        self.events.push_back(Event::Connected {
            peer: handle,
            data: connect_data,
        });
        self.handle_commands(handle, arrived, block, next);
        if let Some(early) = early.and_then(|datagram| Arrived::parse(endpoint.0, datagram))
            && self.peers.contains_key(handle)
        {
            self.handle_for_peer(handle, &early);
        }
    }
}

/// The round trip of the handshake, if it is known which answer was acknowledged.
fn measured(answers: u32, answered: Time, now: Time) -> Option<std::time::Duration> {
    (answers == 1).then(|| now.saturating_since(answered))
}

/// The ids to try for a connection, beginning with `first`.
fn candidates(first: u16) -> impl Iterator<Item = PeerId> {
    let first = first % PeerId::COUNT;
    (0..ID_TRIES).map(move |step| PeerId::new((first + step) % PeerId::COUNT))
}
