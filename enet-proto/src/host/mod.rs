//! All peers of one socket: who is who, who has something to send, what is due.

mod addresses;
mod bandwidth;
mod connect;
mod departed;
mod dials;
mod drop_log;
mod half_open;
mod joins;
mod lists;
mod peer_mut;
mod receive;
mod replies;
mod timers;
mod transmit;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

pub use addresses::site;
use addresses::{Addresses, KeyedHash};
use bandwidth::BandwidthRounds;
use bytes::Bytes;
use departed::Departed;
use dials::Dials;
use drop_log::DropLog;
use half_open::HalfOpenTable;
use joins::Joins;
pub use peer_mut::PeerMut;
use rand::SeedableRng;
use rand::rngs::StdRng;
use replies::Replies;
use slotmap::SlotMap;
use timers::Timers;
pub use transmit::Transmit;

use crate::channel::inbox_cost;
use crate::compress::Compressor;
use crate::config::HostConfig;
use crate::event::{DisconnectReason, Event};
use crate::ledger::Ledger;
use crate::opening::Openings;
use crate::packet::{KeptBuffers, Packet};
use crate::path::Path;
use crate::peer::{Peer, SpareParts};
use crate::queue;
use crate::statistics::HostStatistics;
use crate::time::Time;
use crate::wire;

/// For how many peers whose timers run out together there is room without asking for it each time.
const MOST_DUE: usize = 256;

slotmap::new_key_type! {
    /// Names a peer of a host. Never names another one later, even when the peer is gone.
    pub struct PeerHandle;
}

type Peers = SlotMap<PeerHandle, Box<Peer>>;

/// One end of any number of connections.
///
/// How to drive it is said at the top of the [crate](crate).
pub struct Host {
    config: HostConfig,
    now: Time,
    random: StdRng,
    peers: Peers,
    /// For peers that become busy.
    spare_parts: SpareParts,
    addresses: Addresses,
    half_open: HalfOpenTable,
    departed: Departed,
    dials: Dials,
    /// Draws the ids that this host gives to those who connect to it.
    id_hash: KeyedHash,
    timers: Timers,
    /// Those whose timers have run out, while they are seen to.
    due: Vec<PeerHandle>,
    /// The peers that may have something to send, each once.
    ready: VecDeque<PeerHandle>,
    /// Datagrams that belong to no peer, or not any more, and that the program wants to be sent.
    loose: VecDeque<(Path, Bytes)>,
    /// Those that others have asked for.
    replies: Replies,
    events: VecDeque<Event>,
    /// The receive buffers that packets in them keep.
    kept: KeptBuffers,
    /// The peers that have the room the program asked for.
    room: VecDeque<PeerHandle>,
    bandwidth: BandwidthRounds,
    /// Bytes held for all peers in both directions, also in events of peers that are gone, but for those in the ledger.
    held: usize,
    ledger: Ledger,
    /// What of it is in events of peers that are gone.
    orphaned: usize,
    joins: Joins,
    /// What may be decompressed.
    openings: Openings,
    drop_log: DropLog,
    compressor: Option<Box<dyn Compressor>>,
    /// For one datagram's commands, compressed or opened.
    scratch: Vec<u8>,
    statistics: HostStatistics,
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Host")
            .field("config", &self.config)
            .field("peers", &self.peers.len())
            .field("half_open", &self.half_open.len())
            .field("statistics", &self.statistics)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// A host without peers.
    ///
    /// All its randomness comes from `seed`, which must be secret and new for each host: it guards the handshake. Equal seeds
    /// and equal input give equal output.
    #[must_use]
    pub fn new(config: HostConfig, seed: [u8; 32], now: Time) -> Host {
        let config = config.clamped();
        let mut random = StdRng::from_seed(seed);
        let hash = KeyedHash::new(&mut random);
        let id_hash = KeyedHash::new(&mut random);
        Host {
            half_open: HalfOpenTable::new(config.max_half_open, hash),
            compressor: config.compression.compressor(),
            held: 0,
            ledger: Ledger::new(),
            orphaned: 0,
            joins: Joins::new(config.max_joins_per_second, hash, now),
            openings: Openings::new(&config, now),
            drop_log: DropLog::new(now),
            config,
            now,
            random,
            peers: SlotMap::with_key(),
            spare_parts: SpareParts::default(),
            addresses: Addresses::new(hash),
            departed: Departed::new(hash),
            dials: Dials::default(),
            id_hash,
            timers: Timers::default(),
            due: Vec::new(),
            ready: VecDeque::new(),
            loose: VecDeque::new(),
            replies: Replies::default(),
            events: VecDeque::new(),
            kept: KeptBuffers::new(),
            room: VecDeque::new(),
            bandwidth: BandwidthRounds::new(now),
            scratch: Vec::new(),
            statistics: HostStatistics::default(),
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Received { peer, packet, .. } = &event {
            let less = inbox_cost(packet);
            self.held -= less;
            if let Some(peer) = self.peers.get_mut(*peer) {
                let busy = &mut *peer.busy;
                busy.inbox.taken(packet);
                busy.counted -= less;
            } else {
                self.orphaned -= less;
            }
        }
        queue::shrink(&mut self.events, queue::CROWD);
        Some(event)
    }

    /// The next peer that has the room in its queue that [`PeerMut::notify_room`] asked for; each is named once for each time it
    /// was asked. It may be gone by now.
    pub fn poll_room(&mut self) -> Option<PeerHandle> {
        self.room.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if nothing else is called before. `None`: not at all.
    pub fn poll_timeout(&mut self) -> Option<Time> {
        [
            self.timers.next(&mut self.peers),
            self.half_open.deadline(),
            self.departed.deadline(),
            self.dials.deadline(),
            self.next_bandwidth_round(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due at `now`. Calling it early does nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        // Each once: with some all that is left to do is to send, and they stay due until it is asked for.
        let mut due = std::mem::take(&mut self.due);
        self.timers.take_due(self.now, &mut self.peers, &mut due);
        for handle in due.drain(..) {
            if let Some(peer) = self.peers.get_mut(handle) {
                if peer.deadline().is_some_and(|deadline| deadline <= self.now) {
                    peer.busy.lend(&mut self.spare_parts);
                    peer.handle_timeout(self.now);
                }
                self.touch(handle);
            }
        }
        if due.capacity() <= MOST_DUE {
            self.due = due;
        }
        self.half_open.expire(self.now);
        self.departed.expire(self.now);
        let loose = &mut self.loose;
        self.dials
            .handle_timeout(self.now, |to, connect| loose.push_back((to.into(), connect)));
        if self.next_bandwidth_round().is_some_and(|due| due <= self.now) {
            self.bandwidth_round(self.now);
        }
    }

    /// Queues a packet for every connected peer; all share its buffer. Returns how many took it: a peer that lacks the channel
    /// or has too much queued does not.
    pub fn broadcast(&mut self, channel: u8, packet: &Packet) -> usize {
        let handles: Vec<PeerHandle> = self.peers.keys().collect();
        let mut packet = packet.clone();
        packet.detach();
        packet.data = self.ledger.charge(packet.data);
        handles
            .into_iter()
            .filter(|handle| {
                self.peer_mut(*handle)
                    .is_some_and(|mut peer| peer.send_charged(channel, packet.clone()).is_ok())
            })
            .count()
    }

    /// Sends a bare datagram from this host's socket, for example to open a way through a NAT.
    pub fn send_raw(&mut self, to: SocketAddr, datagram: Bytes) {
        self.loose.push_back((to.into(), datagram));
    }

    /// Takes leave of all peers at once: each is sent one notice, and is gone without an event.
    pub fn disconnect_all_now(&mut self, data: u32) {
        let handles: Vec<PeerHandle> = self.peers.keys().collect();
        for handle in handles {
            if let Some(peer) = self.peer_mut(handle) {
                peer.disconnect_now(data);
            }
        }
    }

    /// Sets the bandwidth limits in bytes per second, 0 for unlimited. Peers are told within a second.
    pub fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.config.incoming_bandwidth = incoming;
        self.config.outgoing_bandwidth = outgoing;
        self.bandwidth.changed = true;
        let handles: Vec<PeerHandle> = self.peers.keys().collect();
        for handle in handles {
            if let Some(peer) = self.peers.get_mut(handle).filter(|peer| peer.is_live()) {
                peer.renew_window(outgoing);
                self.touch(handle);
            }
        }
    }

    /// Sets how many channels future connections may have, 1 to 255; values outside are brought to the nearer end.
    pub fn set_channel_limit(&mut self, limit: usize) {
        self.config.channel_limit = limit.clamp(wire::MINIMUM_CHANNELS, wire::MAXIMUM_CHANNELS);
    }

    /// Sets the largest datagram of future connections, in bytes, 576 to 4096; values outside are brought to the nearer end. A
    /// connection keeps what it has agreed on.
    pub fn set_mtu(&mut self, mtu: u16) {
        self.config.mtu = mtu.clamp(wire::MINIMUM_MTU, wire::MAXIMUM_MTU);
    }

    /// Sets how datagrams are compressed from now on, in place of [`HostConfig::compression`]. The other sides must do the same,
    /// from their first datagram on.
    pub fn set_compressor(&mut self, compressor: Option<Box<dyn Compressor>>) {
        self.compressor = compressor;
    }

    /// Sets whether others may connect.
    pub fn set_accepting(&mut self, accepting: bool) {
        self.config.accept = accepting;
    }

    /// Sets whether a DISCONNECT is doubted that may be forged, see [`HostConfig::doubt_disconnects`]. What is doubted already is
    /// believed in its time.
    pub fn set_doubt_disconnects(&mut self, doubt: bool) {
        self.config.doubt_disconnects = doubt;
    }

    /// Sets how many peers may come from one IP address. Those who have come stay.
    pub fn set_duplicate_peers(&mut self, peers: usize) {
        self.config.duplicate_peers = peers;
    }

    /// Sets how many bytes a packet may have that is sent or arrives from now on.
    pub fn set_max_packet_size(&mut self, bytes: usize) {
        self.config.max_packet_size = bytes.min(u32::MAX as usize);
    }

    /// Sets how much received data of one peer may wait, in bytes, on future connections.
    pub fn set_max_waiting_data(&mut self, bytes: usize) {
        self.config.max_waiting_data = bytes;
    }

    /// Whether something came from where a peer is being dialled, and was no answer: the other side may use another compression or
    /// checksum, or not be ENet. If the attempt fails, [`DisconnectReason::NotUnderstood`] says so.
    #[must_use]
    pub fn has_misunderstood(&self, peer: PeerHandle) -> bool {
        self.dials.was_misunderstood(peer)
    }

    /// Tells that what carries the datagrams gives an address up, for example an encrypted session with it that could not be made or
    /// has ended. Peers there end, with the event [`Disconnected`](Event::Disconnected) and the reason
    /// [`Unreachable`](DisconnectReason::Unreachable); an attempt to connect that has other addresses goes on with them.
    ///
    /// Returns whom it concerns, those that go on with another address included. Takes time in proportion to the peers of the host,
    /// but not if none has this address.
    pub fn unreachable(&mut self, now: Time, address: SocketAddr) -> Vec<PeerHandle> {
        self.advance(now);
        let mut concerned = self.dials.unreachable(address);
        let there = self.peers.iter().filter(|(_, peer)| peer.identity.address == address);
        let there = there
            .take(self.addresses.peers_at(address))
            .map(|(handle, _)| handle)
            .filter(|handle| !self.dials.is_under_way(*handle));
        concerned.extend(there.map(|handle| (handle, true)));
        for &(handle, _) in concerned.iter().filter(|(_, is_lost)| *is_lost) {
            if let Some(peer) = self.peers.get_mut(handle) {
                peer.end(DisconnectReason::Unreachable);
            }
            self.touch(handle);
        }
        concerned.into_iter().map(|(handle, _)| handle).collect()
    }

    /// A peer, to look at; `None` once it is gone.
    #[must_use]
    pub fn peer(&self, peer: PeerHandle) -> Option<&Peer> {
        self.peers.get(peer).map(|peer| &**peer)
    }

    /// A peer, to act on; `None` once it is gone.
    pub fn peer_mut(&mut self, peer: PeerHandle) -> Option<PeerMut<'_>> {
        PeerMut::new(self, peer)
    }

    /// All peers, in no particular order, also those still connecting or disconnecting.
    pub fn peers(&self) -> impl Iterator<Item = (PeerHandle, &Peer)> {
        self.peers.iter().map(|(handle, peer)| (handle, &**peer))
    }

    /// How many connections are in the making: they have asked but not proven where they are.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// What was sent, received and dropped.
    #[must_use]
    pub fn statistics(&self) -> &HostStatistics {
        &self.statistics
    }

    /// Where this host counts the buffers that several of its peers are sent, once each: see [`PeerMut::send_charged`].
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// Time never goes back, whatever the caller passes.
    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// After anything that may have changed a peer: it is put in line to send, scheduled, or taken out if it is over.
    fn touch(&mut self, handle: PeerHandle) {
        let peers = self.peers.len();
        let Some(peer) = self.peers.get_mut(handle) else { return };
        peer.busy.count_held(&mut self.held);
        peer.channels.count(&mut self.held);
        if let Some(reason) = peer.ended() {
            self.statistics.limits.slow_peers += u64::from(peer.too_slow);
            // What came before it left is the program's, which only was not ready for it.
            peer.busy.inbox.set_receiving(true, handle, &mut self.events);
            let reason = match reason {
                DisconnectReason::TimedOut if self.dials.was_misunderstood(handle) => DisconnectReason::NotUnderstood,
                reason => reason,
            };
            self.remove(handle);
            self.events.push_back(Event::Disconnected { peer: handle, reason });
            return;
        }
        if peer.busy.room_wanted.is_some_and(|queued| peer.queued_data() <= queued) {
            peer.busy.room_wanted = None;
            self.room.push_back(handle);
        }
        if !peer.ready && peer.has_sendable(self.now) {
            peer.ready = true;
            self.ready.push_back(handle);
        }
        peer.due = peer.deadline().unwrap_or(Time::NEVER);
        self.timers.schedule(handle, peer);
        if peer.busy.take_back(&mut self.spare_parts, peers, self.now) {
            peer.channels.sleep();
            peer.channels.count(&mut self.held);
        }
    }

    /// What one peer may make this host hold in one direction: anything, or an even share once all of them hold too much.
    fn share(&self) -> usize {
        if self.held() < self.config.max_held_data {
            usize::MAX
        } else {
            // Some of it whatever the departed have left behind.
            let most = self.config.max_held_data;
            most.saturating_sub(self.orphaned).max(most / 32) / self.peers.len().max(1)
        }
    }

    /// By how much packets that have begun may exceed a share, all together.
    fn headroom(&self) -> usize {
        self.config.max_held_data.saturating_mul(2).saturating_sub(self.held())
    }

    /// Bytes held for all peers, each buffer once.
    fn held(&self) -> usize {
        self.held + self.ledger.held()
    }

    fn add(&mut self, peer: Peer) -> PeerHandle {
        let handle = self.peers.insert(Box::new(peer));
        self.addresses.insert(handle, &self.peers);
        handle
    }

    /// Forgets a peer, without a word to either side.
    fn remove(&mut self, handle: PeerHandle) -> Option<Box<Peer>> {
        let peer = self.peers.remove(handle)?;
        self.addresses
            .remove(&peer.identity.endpoint(), peer.dialled, handle, &self.peers);
        self.dials.remove(handle);
        self.timers.tidy(&self.peers);
        self.spare_parts.shrink(self.peers.len());
        if peer.identity.outgoing_id != wire::PeerId::NONE {
            let left = matches!(peer.ended(), Some(DisconnectReason::Remote { .. })) || peer.was_told_of_the_end();
            self.departed.insert(peer.identity, left, self.now);
        }
        self.bandwidth.changed = true;
        // The events that the program has still to poll hold what they hold, whether the peer is there or not.
        let orphaned = peer.busy.inbox.delivered();
        self.orphaned += orphaned;
        self.held = self.held + orphaned - peer.busy.counted - peer.channels.counted();
        Some(peer)
    }
}
