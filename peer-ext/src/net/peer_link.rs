//! One connection as the game knows it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use enet_tokio::{DisconnectReason, EventEndpoint, Packet, PeerHandle, PeerState, PeerStatistics, SendError};
use godot::obj::Gd;

use super::encryption::SessionFailure;
use super::exchange::Exchange;
use super::host_link::{HostLink, flush_all};
use super::{Held, lock};
use crate::api::RustENetPacketPeer;

/// How much may be queued for a peer before each packet is put where the network says at once whether it takes it.
///
/// Below this a packet goes by way of the outbox, which is cheaper. It must be less than any share of the memory for all peers
/// that the protocol reduces the limit of one to.
const UNASKED: usize = 256 * 1024;

/// What a packet costs the protocol at most besides its bytes.
const OVERHEAD: usize = 1024;

/// A connection, from when it is asked for or comes in until it is over; then what is known of its end.
pub(crate) struct PeerLink {
    host: Weak<HostLink>,
    serial: u64,
    /// The other side as the script has named it, or its address.
    name: String,
    port: u16,
    /// This side has asked for the connection.
    outgoing: bool,
    state: Mutex<State>,
    /// What is queued for the peer, or unacknowledged, at most. Locked before the queues are.
    queued: Mutex<usize>,
}

struct State {
    stage: Stage,
    /// The script has been told that it is connected.
    connected: bool,
    /// This side has asked to part.
    leaving: bool,
    channels: usize,
    address: Option<SocketAddr>,
    /// Settings made while the name is being looked up.
    settings: Vec<Setting>,
    /// What the throttle was configured to be: interval in milliseconds, acceleration and deceleration.
    throttle: Option<[u32; 3]>,
    /// Packets for `get_packet` of the peer itself.
    inbox: VecDeque<(u8, Packet)>,
    farewell: Option<Farewell>,
    /// What went wrong with its encrypted session.
    trouble: Option<String>,
    /// The id in a multiplayer session, 0 while it has none.
    id: i32,
    /// The last poll of the session in which something of it was received.
    heard_in: u64,
    /// What scripts see of it. It refers to this, so it is let go when the connection is over.
    object: Option<Held<RustENetPacketPeer>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The name of the other side is being looked up.
    Resolving,
    /// The network has it.
    Live(PeerHandle),
    Gone,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) why: Why,
    /// What the other side passed along.
    pub(crate) data: u32,
}

/// Why a connection ended; the numbers are those of the enum `DisconnectReason` in Godot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "dtls"), allow(dead_code))]
#[repr(u8)]
pub(crate) enum Why {
    /// The other side left.
    ByPeer = 1,
    /// This side asked for it.
    ByUs = 2,
    /// The other side stopped answering.
    TimedOut = 3,
    /// It never answered: nobody is there, or the server is full.
    NoAnswer = 4,
    /// The server takes nobody at present.
    Refused = 5,
    /// Its name has no address.
    NoAddress = 6,
    /// The socket, or what runs it, is broken.
    NetworkFailed = 7,
    /// More was to be sent than it takes in.
    TooSlow = 8,
    /// The server's certificate is signed by nobody who is trusted.
    DtlsUntrusted = 9,
    /// The server's certificate is not valid at this time.
    DtlsExpired = 10,
    /// The server's certificate is for another name.
    DtlsWrongName = 11,
    /// The two sides have no version or cipher suite of DTLS in common.
    DtlsNoCommonSuite = 12,
    /// The other side broke the handshake of DTLS off.
    DtlsRefused = 13,
    /// The handshake of DTLS was not finished in time.
    DtlsNoAnswer = 14,
    /// DTLS failed in another way.
    DtlsFailed = 15,
}

/// Why a packet is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendRefusal {
    NotConnected,
    NoSuchChannel,
    TooLarge,
    /// As much is queued as may be.
    Full,
}

impl From<SendError> for SendRefusal {
    fn from(error: SendError) -> SendRefusal {
        match error {
            SendError::NoSuchChannel { .. } => SendRefusal::NoSuchChannel,
            SendError::TooLarge { .. } => SendRefusal::TooLarge,
            SendError::QueueFull { .. } => SendRefusal::Full,
            _ => SendRefusal::NotConnected,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Setting {
    PingInterval(Duration),
    Timeout(u32, Duration, Duration),
    Throttle(Duration, u32, u32),
}

impl Setting {
    fn apply(self, endpoint: &EventEndpoint, peer: PeerHandle) {
        match self {
            Setting::PingInterval(interval) => endpoint.set_ping_interval(peer, interval),
            Setting::Timeout(limit, minimum, maximum) => endpoint.set_timeout(peer, limit, minimum, maximum),
            Setting::Throttle(interval, acceleration, deceleration) => {
                endpoint.configure_throttle(peer, interval, acceleration, deceleration);
            }
        }
    }
}

impl PeerLink {
    fn new(host: &Arc<HostLink>, serial: u64, stage: Stage, (name, port): (String, u16), channels: usize) -> PeerLink {
        PeerLink {
            host: Arc::downgrade(host),
            serial,
            name,
            port,
            outgoing: true,
            state: Mutex::new(State {
                stage,
                connected: false,
                leaving: false,
                channels,
                address: None,
                settings: Vec::new(),
                throttle: None,
                inbox: VecDeque::new(),
                farewell: None,
                trouble: None,
                id: 0,
                heard_in: 0,
                object: None,
            }),
            queued: Mutex::new(0),
        }
    }

    /// A connection to a host whose name is being looked up.
    pub(super) fn resolving(host: &Arc<HostLink>, serial: u64, name: &str, port: u16, channels: usize) -> PeerLink {
        PeerLink::new(host, serial, Stage::Resolving, (name.to_owned(), port), channels)
    }

    /// A connection that the network has: one that came in, or one that this side asked for.
    pub(super) fn live(
        host: &Arc<HostLink>,
        serial: u64,
        (peer, outgoing): (PeerHandle, bool),
        address: SocketAddr,
        channels: usize,
    ) -> PeerLink {
        let name = (spell(address.ip()), address.port());
        let mut link = PeerLink::new(host, serial, Stage::Live(peer), name, channels);
        link.outgoing = outgoing;
        link.state().address = Some(address);
        link
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The name has been looked up and the network has taken the connection.
    pub(super) fn dialled(&self, endpoint: &EventEndpoint, peer: PeerHandle, address: SocketAddr) {
        let mut state = self.state();
        state.stage = Stage::Live(peer);
        state.address = Some(address);
        for setting in std::mem::take(&mut state.settings) {
            setting.apply(endpoint, peer);
        }
    }

    /// The other side has answered, at the first of its addresses that did.
    pub(super) fn established(&self, address: Option<SocketAddr>, channels: usize) {
        let mut state = self.state();
        state.connected = true;
        state.address = address.or(state.address);
        if channels > 0 {
            state.channels = channels;
        }
    }

    pub(crate) fn deliver(&self, channel: u8, packet: Packet) {
        self.state().inbox.push_back((channel, packet));
    }

    /// Whether scripts have been told that it is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.state().connected
    }

    /// It is over; what is known already of why counts.
    pub(super) fn end(&self, farewell: Farewell) {
        let mut state = self.state();
        state.stage = Stage::Gone;
        state.inbox.clear();
        state.farewell.get_or_insert(farewell);
    }

    /// It is over, as its encrypted session is not there, or no more.
    pub(super) fn end_encrypted(&self, failure: SessionFailure) {
        self.state().trouble = Some(failure.words);
        self.end(Farewell {
            why: failure.why,
            data: 0,
        });
    }

    /// What went wrong with its encrypted session, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    /// Breaks the circle of references once nothing asks for the object any more.
    pub(super) fn let_go(&self) {
        let object = self.state().object.take();
        drop(object);
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn handle(&self) -> Option<PeerHandle> {
        match self.state().stage {
            Stage::Live(peer) => Some(peer),
            Stage::Resolving | Stage::Gone => None,
        }
    }

    /// What scripts see of it: the same object each time, as long as it is active.
    pub(crate) fn object(self: &Arc<Self>) -> Gd<RustENetPacketPeer> {
        if let Some(object) = &self.state().object {
            return object.object();
        }
        let fresh = RustENetPacketPeer::over(self);
        let mut state = self.state();
        if let Some(object) = &state.object {
            // Another thread was quicker. The lock goes before what was made for nothing does.
            let object = object.object();
            drop(state);
            return object;
        }
        if state.stage != Stage::Gone {
            state.object = Some(Held::new(fresh.clone()));
        }
        drop(state);
        fresh
    }

    pub(crate) fn id(&self) -> i32 {
        self.state().id
    }

    pub(crate) fn set_id(&self, id: i32) {
        self.state().id = id;
    }

    /// Something of it was received in a poll of the session.
    pub(crate) fn hear_in(&self, poll: u64) {
        self.state().heard_in = poll;
    }

    pub(crate) fn was_heard_in(&self, poll: u64) -> bool {
        self.state().heard_in == poll
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state().stage != Stage::Gone
    }

    /// How it ended, if it has.
    pub(crate) fn farewell(&self) -> Option<Farewell> {
        self.state().farewell
    }

    /// The state, in ENet's numbers.
    pub(crate) fn peer_state(&self) -> PeerState {
        let (stage, connected, leaving) = {
            let state = self.state();
            (state.stage, state.connected, state.leaving)
        };
        let peer = match stage {
            Stage::Gone => return PeerState::Disconnected,
            Stage::Resolving => return PeerState::Connecting,
            Stage::Live(peer) => peer,
        };
        if !connected {
            return PeerState::Connecting;
        }
        let state = self.look(|endpoint| endpoint.inspect(peer, enet_tokio::Peer::state));
        // What the network knows and the script was not told yet is not so, as in ENet, which learns of it in `service`.
        let untold = if leaving {
            PeerState::Disconnecting
        } else {
            PeerState::Connected
        };
        state.flatten().unwrap_or(untold)
    }

    pub(crate) fn channels(&self) -> usize {
        self.state().channels
    }

    /// The other side as the script has named it, or its address.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this side has asked for the connection.
    pub(crate) fn is_outgoing(&self) -> bool {
        self.outgoing
    }

    /// The address in Godot's spelling; empty while it is not known.
    pub(crate) fn address(&self) -> String {
        let address = self.state().address;
        address.map_or_else(String::new, |address| spell(address.ip()))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn statistics(&self) -> Option<PeerStatistics> {
        let peer = self.handle()?;
        self.look(|endpoint| endpoint.inspect(peer, enet_proto::Peer::statistics))
            .flatten()
    }

    /// What the throttle of a connection that is not there yet will be, if that was configured: interval in milliseconds,
    /// acceleration and deceleration.
    pub(crate) fn throttle_to_be(&self) -> Option<[u32; 3]> {
        let state = self.state();
        state.throttle.filter(|_| !state.connected)
    }

    /// Queues a packet, or says why that is not possible: what is taken here arrives, if it is reliable, or the connection ends.
    pub(crate) fn send(&self, channel: u8, packet: Packet) -> Result<(), SendRefusal> {
        let (host, peer) = self.ready_for(channel, &packet)?;
        let mut queued = lock(&self.queued);
        let cost = packet.data.len() + OVERHEAD;
        if *queued + cost <= UNASKED.min(host.max_queued()) {
            *queued += cost;
            host.exchange().send(peer, channel, packet);
            return Ok(());
        }
        let sent = send_now(host.exchange(), peer, channel, packet);
        *queued = queued_for(host.exchange(), peer);
        Ok(sent?)
    }

    /// As [`send`](PeerLink::send), but the network is asked at once whether it takes the packet.
    pub(crate) fn send_and_ask(&self, channel: u8, packet: Packet) -> Result<(), SendRefusal> {
        let (host, peer) = self.ready_for(channel, &packet)?;
        let mut queued = lock(&self.queued);
        let sent = send_now(host.exchange(), peer, channel, packet);
        *queued = queued_for(host.exchange(), peer);
        Ok(sent?)
    }

    /// Whether a packet of this size would be taken now.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        let Some((host, peer)) = self.host.upgrade().zip(self.handle()) else {
            return true;
        };
        let mut queued = lock(&self.queued);
        if *queued + size + OVERHEAD <= UNASKED.min(host.max_queued()) {
            return true;
        }
        host.exchange().act(|_| ());
        *queued = queued_for(host.exchange(), peer);
        *queued == 0 || *queued + size + OVERHEAD <= host.max_queued()
    }

    /// The host and the network's name of this peer, if a packet may be sent.
    fn ready_for(&self, channel: u8, packet: &Packet) -> Result<(Arc<HostLink>, PeerHandle), SendRefusal> {
        let (stage, connected, channels) = {
            let state = self.state();
            (state.stage, state.connected, state.channels)
        };
        let (Stage::Live(peer), true, Some(host)) = (stage, connected, self.host.upgrade()) else {
            return Err(SendRefusal::NotConnected);
        };
        if usize::from(channel) >= channels {
            return Err(SendRefusal::NoSuchChannel);
        }
        if packet.data.len() > host.max_packet_size() {
            return Err(SendRefusal::TooLarge);
        }
        Ok((host, peer))
    }

    /// Takes the next packet that is for the peer itself.
    pub(crate) fn take_packet(&self) -> Option<Packet> {
        self.state().inbox.pop_front().map(|(_, packet)| packet)
    }

    pub(crate) fn waiting_packets(&self) -> usize {
        self.state().inbox.len()
    }

    /// Looks at the next packet that is for the peer itself.
    pub(crate) fn next_packet<R>(&self, look: impl FnOnce(&Packet) -> R) -> Option<R> {
        self.state().inbox.front().map(|(_, packet)| look(packet))
    }

    /// Asks the other side to part; gone when it has agreed, or at once if it is not connected yet.
    ///
    /// What was queued leaves before, here and below, as stock sends each packet when it is put; it is not resent.
    pub(crate) fn disconnect(&self, data: u32) {
        if self.leave() {
            self.flush();
            self.act_on_live(|endpoint, peer| endpoint.disconnect(peer, data));
        } else {
            self.disconnect_now(data);
        }
    }

    /// Parts when all that is queued has arrived.
    pub(crate) fn disconnect_later(&self, data: u32) {
        if self.leave() {
            self.act_on_live(|endpoint, peer| endpoint.disconnect_later(peer, data));
        } else {
            self.disconnect_now(data);
        }
    }

    /// Notes that this side parts; whether there is a connection to part from.
    fn leave(&self) -> bool {
        let mut state = self.state();
        state.leaving = true;
        state.connected
    }

    /// Parts at once; the other side is told once.
    pub(crate) fn disconnect_now(&self, data: u32) {
        self.flush();
        self.act_on_live(|endpoint, peer| endpoint.disconnect_now(peer, data));
        self.fall();
    }

    /// Parts at once, without a word.
    pub(crate) fn reset(&self) {
        self.flush();
        self.act_on_live(EventEndpoint::reset);
        self.fall();
    }

    /// Parts at once from a peer that takes in too little; that it is gone is still to be told.
    pub(crate) fn give_up(self: &Arc<Self>) {
        self.act_on_live(|endpoint, peer| endpoint.disconnect_now(peer, Farewell::TOO_SLOW));
        if let Some(host) = self.host.upgrade() {
            host.lose(self, Why::TooSlow);
        }
    }

    pub(crate) fn ping(&self) {
        self.act_on_live(EventEndpoint::ping);
    }

    pub(crate) fn set_ping_interval(&self, interval: Duration) {
        self.set(Setting::PingInterval(interval));
    }

    pub(crate) fn set_timeout(&self, limit: u32, minimum: Duration, maximum: Duration) {
        self.set(Setting::Timeout(limit, minimum, maximum));
    }

    /// `interval` is in milliseconds.
    pub(crate) fn configure_throttle(&self, interval: u32, acceleration: u32, deceleration: u32) {
        self.state().throttle = Some([interval, acceleration, deceleration]);
        let interval = Duration::from_millis(interval.into());
        self.set(Setting::Throttle(interval, acceleration, deceleration));
    }

    fn set(&self, setting: Setting) {
        {
            let mut state = self.state();
            if state.stage == Stage::Resolving {
                state.settings.push(setting);
                return;
            }
        }
        // Not under the lock: this may be the last one to know the host, and a host that goes ends its peers.
        self.act_on_live(|endpoint, peer| setting.apply(endpoint, peer));
    }

    /// Inactive by this side's doing, without an event to come.
    fn fall(&self) {
        let peer = self.handle();
        self.end(Farewell::OURS);
        if let Some(host) = self.host.upgrade() {
            host.fell(self.serial, peer);
        }
    }

    /// Sends what is queued, if it is connected: a CONNECT waits for the network to begin.
    fn flush(&self) {
        if self.is_connected() {
            self.act(flush_all);
        }
    }

    fn act_on_live(&self, act: impl FnOnce(&EventEndpoint, PeerHandle)) {
        if let Some(peer) = self.handle() {
            self.act(|endpoint| act(endpoint, peer));
        }
    }

    fn act<R>(&self, act: impl FnOnce(&EventEndpoint) -> R) -> Option<R> {
        self.host.upgrade().map(|host| host.exchange().act(act))
    }

    fn look<R>(&self, look: impl FnOnce(&EventEndpoint) -> R) -> Option<R> {
        self.host.upgrade().map(|host| look(host.exchange().endpoint()))
    }
}

/// Sends past the outbox, after all that is in it.
fn send_now(exchange: &Exchange, peer: PeerHandle, channel: u8, packet: Packet) -> Result<(), SendError> {
    exchange.act(|endpoint| endpoint.send(peer, channel, packet))
}

/// How much the network has queued for a peer, or unacknowledged.
fn queued_for(exchange: &Exchange, peer: PeerHandle) -> usize {
    let look = |peer: &enet_tokio::Peer| peer.statistics().bytes_queued;
    exchange.endpoint().inspect(peer, look).unwrap_or(0)
}

impl Farewell {
    /// This side has ended it.
    pub(crate) const OURS: Farewell = Farewell {
        why: Why::ByUs,
        data: 0,
    };

    /// What a server passes along when it turns a newcomer away: "REFU" in ASCII. Stock Godot looks at the data of no notice.
    pub(crate) const REFUSAL: u32 = u32::from_be_bytes(*b"REFU");

    /// What this side passes along when it gives up a peer that takes in too little: "SLOW" in ASCII.
    pub(crate) const TOO_SLOW: u32 = u32::from_be_bytes(*b"SLOW");

    pub(super) fn new(reason: DisconnectReason, was_connected: bool) -> Farewell {
        let why = match reason {
            DisconnectReason::Remote {
                data: Farewell::REFUSAL,
            }
            | DisconnectReason::Refused => Why::Refused,
            DisconnectReason::Remote {
                data: Farewell::TOO_SLOW,
            } => Why::TooSlow,
            DisconnectReason::Remote { .. } => Why::ByPeer,
            DisconnectReason::Local => Why::ByUs,
            DisconnectReason::TimedOut | DisconnectReason::LargeDatagramsLost | DisconnectReason::Unreachable
                if was_connected =>
            {
                Why::TimedOut
            }
            DisconnectReason::TimedOut
            | DisconnectReason::LargeDatagramsLost
            | DisconnectReason::NotUnderstood
            | DisconnectReason::Unreachable => Why::NoAnswer,
        };
        Farewell {
            why,
            data: reason.data(),
        }
    }
}

/// Godot writes all eight groups of an IPv6 address, and an IPv4 one in IPv6's clothes as what it is.
fn spell(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:x}")).collect();
            groups.join(":")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_as_godot_does() {
        assert_eq!(spell("127.0.0.1".parse().expect("an address")), "127.0.0.1");
        assert_eq!(spell("::ffff:127.0.0.1".parse().expect("an address")), "127.0.0.1");
        assert_eq!(spell("::1".parse().expect("an address")), "0:0:0:0:0:0:0:1");
    }

    #[test]
    fn silence_before_the_connection_is_no_answer_and_after_it_a_time_out() {
        let why = |reason, connected| Farewell::new(reason, connected).why;
        assert_eq!(why(DisconnectReason::TimedOut, false), Why::NoAnswer);
        assert_eq!(why(DisconnectReason::TimedOut, true), Why::TimedOut);
        assert_eq!(why(DisconnectReason::Remote { data: 7 }, true), Why::ByPeer);
        let data = Farewell::REFUSAL;
        assert_eq!(why(DisconnectReason::Remote { data }, true), Why::Refused);
    }
}
