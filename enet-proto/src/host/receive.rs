//! Datagrams that arrive.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use tracing::debug;

use super::addresses::Endpoint;
use super::{Host, PeerHandle};
use crate::checksum;
use crate::opening::Allowance;
use crate::path::Path;
use crate::peer::{Context, largest_header, seal};
use crate::time::Time;
use crate::wire::{self, Body, Header, PeerId};

impl Host {
    /// Takes a datagram that came on a path: from an address and, if the socket tells, to one of this host's. Whatever is wrong
    /// with it, it is dropped and counted, and no peer but its sender can notice.
    pub fn handle_datagram(&mut self, now: Time, path: impl Into<Path>, datagram: Bytes) {
        let path = path.into();
        let from = path.remote;
        self.advance(now);
        self.statistics.datagrams_received += 1;
        self.statistics.bytes_received += datagram.len() as u64;
        let length = datagram.len();
        if from.port() == 0 {
            // Anybody can send such a thing, and nobody can answer it.
            self.statistics.dropped.malformed_datagrams += 1;
            self.log_drop(from, "from port 0");
            return;
        }
        let Some(arrived) = Arrived::parse(path, datagram) else {
            self.statistics.dropped.malformed_datagrams += 1;
            self.dials.not_understood_from(from);
            if self.drop_log.admits(self.now) {
                debug!(%from, length, "dropped: no header");
            }
            return;
        };
        let header = &arrived.header;
        if header.peer_id == PeerId::NONE {
            return self.handle_unaddressed(&arrived);
        }
        let endpoint = (from, header.peer_id);
        if let Some(peer) = self.addresses.find(&endpoint, &self.peers) {
            self.handle_for_peer(peer, &arrived);
        } else if self.half_open.contains(&endpoint) {
            self.handle_half_open(endpoint, &arrived);
        } else if self.departed.find(&endpoint).is_some() {
            self.handle_departed(endpoint, &arrived);
        } else if let Some(peer) = self.dials.find(from, header.peer_id) {
            self.handle_answer_from_elsewhere(peer, endpoint, &arrived);
        } else {
            self.dials.not_understood_from(from);
            self.statistics.dropped.unknown_peer += 1;
            self.addresses.note_guess(from, self.now);
            self.log_drop(from, "for no peer");
        }
    }

    /// Answers a datagram of someone who is no peer with a bare one, on the same path. Anybody can ask, in anybody's name: so such
    /// answers leave in turn with what peers are sent, all together as if they were one peer's, and it is left out while 4096 of
    /// them wait; and it should be no longer than what it answers.
    pub fn reply(&mut self, path: Path, datagram: Bytes) {
        self.replies.push(path, datagram);
    }

    /// Tells that something from an address was dropped, unless too much is told already.
    pub(super) fn log_drop(&mut self, from: SocketAddr, why: &'static str) {
        if self.drop_log.admits(self.now) {
            debug!(%from, "dropped: {why}");
        }
    }

    /// For a peer that was dialled at several addresses, or at that of everyone: who answers it with a `VERIFY_CONNECT` is its other
    /// side.
    fn handle_answer_from_elsewhere(&mut self, handle: PeerHandle, endpoint: Endpoint, arrived: &Arrived) {
        let mut identity = self.peers[handle].identity;
        let seed = identity.connect_id.to_bytes();
        let Some(block) = self.open(arrived, seed, wire::MAXIMUM_DATAGRAM, None) else {
            return;
        };
        let answers = wire::parse(&block, 0).is_ok_and(
            |(command, _)| matches!(command.body, Body::VerifyConnect(verify) if verify.connect_id == identity.connect_id),
        );
        if !answers {
            self.dials.not_understood_from(arrived.from);
            self.statistics.dropped.unknown_peer += 1;
            return self.log_drop(arrived.from, "for someone who answers, and no answer");
        }
        self.addresses.remove(&identity.endpoint(), false, handle, &self.peers);
        identity.address = endpoint.0;
        self.peers[handle].identity = identity;
        self.addresses.insert(handle, &self.peers);
        let asked_at = self.dials.asked_at(handle, endpoint.0);
        let now = self.now;
        let peer = &mut self.peers[handle];
        if let Some(at) = asked_at {
            peer.connect_left_again(at);
        }
        peer.count_received(now, arrived.datagram.len());
        self.handle_commands(handle, arrived, &block, 0);
    }

    pub(super) fn handle_for_peer(&mut self, handle: PeerHandle, arrived: &Arrived) {
        let identity = self.peers[handle].identity;
        let known = identity.outgoing_id != PeerId::NONE;
        if known && arrived.header.session != identity.incoming_session {
            self.statistics.dropped.wrong_session += 1;
            self.addresses.note_guess(arrived.from, self.now);
            return self.log_drop(arrived.from, "another session");
        }
        let seed = identity.connect_id.to_bytes();
        let Some(block) = self.open(arrived, seed, wire::MAXIMUM_DATAGRAM, Some(handle)) else {
            return self.dials.not_understood(handle);
        };
        let now = self.now;
        self.peers[handle].count_received(now, arrived.datagram.len());
        self.handle_commands(handle, arrived, &block, 0);
    }

    /// Lets a peer take the commands of an opened datagram, from `offset` on.
    pub(super) fn handle_commands(&mut self, handle: PeerHandle, arrived: &Arrived, block: &Bytes, mut offset: usize) {
        let (share, headroom) = (self.share(), self.headroom());
        let Host {
            now,
            peers,
            spare_parts,
            config,
            events,
            kept,
            statistics,
            drop_log,
            dials,
            addresses,
            ..
        } = &mut *self;
        let Some(peer) = peers.get_mut(handle) else { return };
        let is_guessed_at = || addresses.is_guessed_at(arrived.from, *now);
        peer.busy.lend(spare_parts);
        let room = peer.room(share);
        peer.busy.inbox.allow(room, headroom, config);
        let mut cx = Context {
            now: *now,
            peer: handle,
            config,
            events,
            kept,
            statistics,
            is_guessed_at: &is_guessed_at,
            connected: false,
        };
        while offset < block.len() && peer.ended().is_none() {
            let (command, next) = match wire::parse(block, offset) {
                Ok(parsed) => parsed,
                // Anyone may put what only they understand behind such a byte.
                Err(wire::ParseError::UnknownCommand(number)) => {
                    cx.statistics.dropped.unknown_commands += 1;
                    // Zeros are mostly padding, as Godot's FastLZ has it.
                    if number != 0 && drop_log.admits(*now) {
                        debug!(from = %arrived.from, number, "the rest is for others: unknown command");
                    }
                    break;
                }
                Err(wire::ParseError::Truncated) => {
                    cx.statistics.dropped.malformed_commands += 1;
                    if drop_log.admits(*now) {
                        debug!(from = %arrived.from, "the rest is dropped: truncated command");
                    }
                    break;
                }
            };
            if peer
                .handle_command(&mut cx, block, &command, arrived.header.sent_time)
                .is_err()
            {
                cx.statistics.dropped.refused_commands += 1;
                if drop_log.admits(*now) {
                    debug!(from = %arrived.from, command = command.body.name(), "the rest is dropped: refused command");
                }
                break;
            }
            offset = next;
        }
        peer.arrived_at(arrived.local);
        let connected = cx.connected;
        if connected {
            dials.remove(handle);
        } else if offset < block.len() {
            dials.not_understood(handle);
        }
        if config.fast_retransmit {
            peer.detect_losses();
        }
        if connected {
            self.count_connection(handle);
        } else if self.peers[handle].agreement.incoming_bandwidth > 0 {
            self.bandwidth.limited = true;
        }
        self.touch(handle);
    }

    /// A connection came to be, in either direction.
    pub(super) fn count_connection(&mut self, handle: PeerHandle) {
        let peer = &self.peers[handle];
        self.statistics.connections += 1;
        self.bandwidth.limited |= peer.agreement.incoming_bandwidth > 0;
        self.bandwidth.changed = true;
        debug!(address = %peer.address(), channels = peer.channel_count(), mtu = peer.mtu(), "connected");
    }

    /// The commands of a datagram, decompressed to at most `limit` bytes, if its checksum is right. `payer` is the peer that
    /// answers for the work, if it is from one.
    pub(super) fn open(
        &mut self,
        arrived: &Arrived,
        seed: [u8; checksum::CHECKSUM_SIZE],
        limit: usize,
        payer: Option<PeerHandle>,
    ) -> Option<Bytes> {
        let opened = self.open_uncounted(arrived, seed, limit, payer);
        if opened.is_none() {
            self.statistics.dropped.malformed_datagrams += 1;
            self.log_drop(arrived.from, "bad checksum or compressed block");
        }
        opened
    }

    fn open_uncounted(
        &mut self,
        arrived: &Arrived,
        seed: [u8; checksum::CHECKSUM_SIZE],
        limit: usize,
        payer: Option<PeerHandle>,
    ) -> Option<Bytes> {
        let mut start = arrived.header_size;
        let mut sum = None;
        if self.config.checksum {
            sum = Some(*arrived.datagram.get(start..)?.first_chunk()?);
            start += checksum::CHECKSUM_SIZE;
        }
        let block = if arrived.header.compressed {
            let limit = limit.min(wire::MAXIMUM_DATAGRAM - start);
            self.decompress(&arrived.datagram[start..], limit, payer)?
        } else {
            arrived.datagram.slice(start..)
        };
        if let Some(sum) = sum {
            let header = &arrived.datagram[..arrived.header_size];
            if !checksum::verify(header, sum, seed, &block) {
                return None;
            }
        }
        Some(block)
    }

    /// Opens a compressed block, if its sender has not had too much of that done.
    fn decompress(&mut self, block: &[u8], limit: usize, payer: Option<PeerHandle>) -> Option<Bytes> {
        let compressor = self.compressor.as_deref_mut()?;
        let now = self.now;
        let mut payer = payer.and_then(|payer| self.peers.get_mut(payer)).map(|peer| {
            &mut **peer
                .openings
                .get_or_insert_with(|| Box::new(Allowance::new(&self.config, now)))
        });
        let struck = &mut self.statistics.limits;
        let permit = self
            .openings
            .ask(payer.as_deref_mut(), block.len(), limit, now, struck)?;
        self.scratch.clear();
        let is_opened = compressor.decompress(block, limit, &mut self.scratch);
        let opened = is_opened.then_some(self.scratch.len());
        self.openings.charge(payer, &permit, opened, compressor.cost(), now);
        is_opened.then(|| Bytes::copy_from_slice(&self.scratch))
    }

    /// For an attempt to connect: only the acknowledgement that returns the secret is of interest.
    fn handle_half_open(&mut self, endpoint: Endpoint, arrived: &Arrived) {
        let Some(entry) = self.half_open.get_mut(&endpoint) else {
            return;
        };
        if arrived.header.session != entry.incoming_session {
            self.statistics.dropped.wrong_session += 1;
            self.addresses.note_guess(arrived.from, self.now);
            return self.log_drop(arrived.from, "another session");
        }
        entry.pay(arrived.datagram.len());
        let seed = entry.connect_id.to_bytes();
        let Some(block) = self.open(arrived, seed, wire::MAXIMUM_DATAGRAM, None) else {
            return;
        };
        let Some(entry) = self.half_open.get_mut(&endpoint) else {
            return;
        };
        if let Ok((command, next)) = wire::parse(&block, 0)
            && let Body::Acknowledge {
                received_sequence,
                received_sent_time,
            } = command.body
            && command.channel == wire::CONNECTION_CHANNEL
        {
            if entry.is_proof(received_sequence, received_sent_time) {
                return self.prove(endpoint, arrived, &block, next);
            }
            // Guessing is hopeless, and does not get many tries.
            if entry.count_wrong_proof() {
                self.half_open.remove(&endpoint);
            }
        }
        self.statistics.dropped.failed_proofs += 1;
        // Its acknowledgement may have been lost.
        self.half_open.keep_early(&endpoint, &arrived.datagram);
        self.remind(endpoint, arrived.path());
        self.log_drop(arrived.from, "not connected yet");
    }

    /// For who has left: its DISCONNECT is acknowledged again.
    fn handle_departed(&mut self, endpoint: Endpoint, arrived: &Arrived) {
        self.statistics.dropped.unknown_peer += 1;
        self.log_drop(arrived.from, "has left");
        let Some(former) = self.departed.find(&endpoint) else {
            return;
        };
        let identity = former.identity;
        if arrived.header.session != identity.incoming_session {
            return self.addresses.note_guess(arrived.from, self.now);
        }
        let Some(sent_time) = arrived.header.sent_time.filter(|_| former.left) else {
            return;
        };
        let seed = identity.connect_id.to_bytes();
        let Some(block) = self.open(arrived, seed, wire::MAXIMUM_DATAGRAM, None) else {
            return;
        };
        let Ok((command, _)) = wire::parse(&block, 0) else {
            return;
        };
        if !matches!(command.body, Body::Disconnect { .. }) || !command.acknowledge {
            return;
        }
        let mut header = Header {
            peer_id: identity.outgoing_id,
            session: identity.outgoing_session,
            compressed: false,
            sent_time: None,
        };
        let mut datagram = vec![0; largest_header(&self.config)];
        wire::emit::acknowledge(
            &mut datagram,
            command.channel,
            command.sequence,
            command.sequence,
            sent_time,
        );
        let gap = wire::HEADER_SIZE_WITH_TIME - header.len();
        seal(&mut header, seed, &mut self.sender(), 0, gap, &mut datagram);
        self.reply(arrived.path(), datagram.into());
    }
}

/// A datagram with its header read.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: SocketAddr,
    /// The address of this host that it came to, if the socket tells.
    pub(super) local: Option<IpAddr>,
    pub(super) header: Header,
    pub(super) header_size: usize,
    pub(super) datagram: Bytes,
}

impl Arrived {
    /// `None` if it is too short for its header or too long for ENet.
    pub(super) fn parse(path: Path, datagram: Bytes) -> Option<Arrived> {
        let (header, header_size) = Header::parse(&datagram).filter(|_| datagram.len() <= wire::MAXIMUM_DATAGRAM)?;
        Some(Arrived {
            from: path.remote,
            local: path.local,
            header,
            header_size,
            datagram,
        })
    }

    /// The way back.
    pub(super) fn path(&self) -> Path {
        Path {
            remote: self.from,
            local: self.local,
        }
    }
}
