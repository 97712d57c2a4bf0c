//! One connection as the main thread knows it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use enet_tokio::{DisconnectReason, EventEndpoint, Packet, PeerHandle, PeerState, PeerStatistics, SendError};
use godot::obj::Gd;

use super::host_link::{HostLink, flush_all};
use crate::api::RustENetPacketPeer;

/// A connection, from when it is asked for or comes in until it is over; then what is known of its end.
pub(crate) struct PeerLink {
    host: Weak<HostLink>,
    serial: u64,
    stage: Cell<Stage>,
    /// The script has been told that it is connected.
    connected: Cell<bool>,
    /// This side has asked to part.
    leaving: Cell<bool>,
    channels: Cell<usize>,
    address: Cell<Option<SocketAddr>>,
    port: u16,
    /// Settings made while the name is being looked up.
    settings: RefCell<Vec<Setting>>,
    /// Packets for `get_packet` of the peer itself.
    inbox: RefCell<VecDeque<(u8, Packet)>>,
    farewell: Cell<Option<Farewell>>,
    /// The id in a multiplayer session, 0 while it has none.
    id: Cell<i32>,
    /// The last poll of the session in which something of it was received.
    heard_in: Cell<u64>,
    /// What scripts see of it. It refers to this, so it is let go when the connection is over.
    object: RefCell<Option<Gd<RustENetPacketPeer>>>,
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
}

/// Why a packet is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendRefusal {
    NotConnected,
    NoSuchChannel,
    TooLarge,
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
    fn new(host: &Rc<HostLink>, serial: u64, stage: Stage, port: u16, channels: usize) -> PeerLink {
        PeerLink {
            host: Rc::downgrade(host),
            serial,
            stage: Cell::new(stage),
            connected: Cell::new(false),
            leaving: Cell::new(false),
            channels: Cell::new(channels),
            address: Cell::new(None),
            port,
            settings: RefCell::default(),
            inbox: RefCell::default(),
            farewell: Cell::new(None),
            id: Cell::new(0),
            heard_in: Cell::new(0),
            object: RefCell::new(None),
        }
    }

    /// A connection to a host whose name is being looked up.
    pub(super) fn resolving(host: &Rc<HostLink>, serial: u64, port: u16, channels: usize) -> PeerLink {
        PeerLink::new(host, serial, Stage::Resolving, port, channels)
    }

    /// A connection that the network has.
    pub(super) fn live(
        host: &Rc<HostLink>,
        serial: u64,
        peer: PeerHandle,
        address: SocketAddr,
        channels: usize,
    ) -> PeerLink {
        let link = PeerLink::new(host, serial, Stage::Live(peer), address.port(), channels);
        link.address.set(Some(address));
        link
    }

    /// The name has been looked up and the network has taken the connection.
    pub(super) fn dialled(&self, endpoint: &EventEndpoint, peer: PeerHandle, address: SocketAddr) {
        self.stage.set(Stage::Live(peer));
        self.address.set(Some(address));
        for setting in self.settings.take() {
            setting.apply(endpoint, peer);
        }
    }

    pub(super) fn established(&self, channels: usize) {
        self.connected.set(true);
        if channels > 0 {
            self.channels.set(channels);
        }
    }

    pub(crate) fn deliver(&self, channel: u8, packet: Packet) {
        self.inbox.borrow_mut().push_back((channel, packet));
    }

    /// Whether scripts have been told that it is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.get()
    }

    /// It is over; what is known already of why counts.
    pub(super) fn end(&self, farewell: Farewell) {
        self.stage.set(Stage::Gone);
        self.inbox.borrow_mut().clear();
        if self.farewell.get().is_none() {
            self.farewell.set(Some(farewell));
        }
    }

    /// Breaks the circle of references once nothing asks for the object any more.
    pub(super) fn let_go(&self) {
        let object = self.object.take();
        drop(object);
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn handle(&self) -> Option<PeerHandle> {
        match self.stage.get() {
            Stage::Live(peer) => Some(peer),
            Stage::Resolving | Stage::Gone => None,
        }
    }

    /// What scripts see of it: the same object each time, as long as it is active.
    pub(crate) fn object(self: &Rc<Self>) -> Gd<RustENetPacketPeer> {
        let known = self.object.borrow().clone();
        known.unwrap_or_else(|| {
            let object = RustENetPacketPeer::over(self);
            if self.is_active() {
                *self.object.borrow_mut() = Some(object.clone());
            }
            object
        })
    }

    pub(crate) fn id(&self) -> i32 {
        self.id.get()
    }

    pub(crate) fn set_id(&self, id: i32) {
        self.id.set(id);
    }

    /// Something of it was received in a poll of the session.
    pub(crate) fn hear_in(&self, poll: u64) {
        self.heard_in.set(poll);
    }

    pub(crate) fn was_heard_in(&self, poll: u64) -> bool {
        self.heard_in.get() == poll
    }

    pub(crate) fn is_active(&self) -> bool {
        self.stage.get() != Stage::Gone
    }

    /// How it ended, if it has.
    pub(crate) fn farewell(&self) -> Option<Farewell> {
        self.farewell.get()
    }

    /// The state, in ENet's numbers.
    pub(crate) fn state(&self) -> PeerState {
        let peer = match self.stage.get() {
            Stage::Gone => return PeerState::Disconnected,
            Stage::Resolving => return PeerState::Connecting,
            Stage::Live(peer) => peer,
        };
        if !self.connected.get() {
            return PeerState::Connecting;
        }
        let state = self.look(|endpoint| endpoint.inspect(peer, enet_tokio::Peer::state));
        // What the network knows and the script was not told yet is not so, as in ENet, which learns of it in `service`.
        let untold = if self.leaving.get() {
            PeerState::Disconnecting
        } else {
            PeerState::Connected
        };
        state.flatten().unwrap_or(untold)
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels.get()
    }

    /// The address in Godot's spelling; empty while it is not known.
    pub(crate) fn address(&self) -> String {
        self.address
            .get()
            .map_or_else(String::new, |address| spell(address.ip()))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn statistics(&self) -> Option<PeerStatistics> {
        let peer = self.handle()?;
        self.look(|endpoint| endpoint.inspect(peer, enet_proto::Peer::statistics))
            .flatten()
    }

    /// Queues a packet.
    pub(crate) fn send(&self, channel: u8, packet: Packet) -> Result<(), SendRefusal> {
        let (Some(peer), true) = (self.handle(), self.connected.get()) else {
            return Err(SendRefusal::NotConnected);
        };
        if usize::from(channel) >= self.channels.get() {
            return Err(SendRefusal::NoSuchChannel);
        }
        let Some(host) = self.host.upgrade() else {
            return Err(SendRefusal::NotConnected);
        };
        if packet.data.len() > host.max_packet_size() {
            return Err(SendRefusal::TooLarge);
        }
        host.exchange().send(peer, channel, packet);
        Ok(())
    }

    /// As [`send`](PeerLink::send), but the network is asked whether it takes the packet.
    pub(crate) fn send_and_ask(&self, channel: u8, packet: Packet) -> Result<(), SendError> {
        let (Some(peer), true) = (self.handle(), self.connected.get()) else {
            return Err(SendError::NotConnected);
        };
        self.act(|endpoint| endpoint.send(peer, channel, packet))
            .unwrap_or(Err(SendError::NotConnected))
    }

    /// Takes the next packet that is for the peer itself.
    pub(crate) fn take_packet(&self) -> Option<Packet> {
        self.inbox.borrow_mut().pop_front().map(|(_, packet)| packet)
    }

    pub(crate) fn waiting_packets(&self) -> usize {
        self.inbox.borrow().len()
    }

    /// Looks at the next packet that is for the peer itself.
    pub(crate) fn next_packet<R>(&self, look: impl FnOnce(&Packet) -> R) -> Option<R> {
        self.inbox.borrow().front().map(|(_, packet)| look(packet))
    }

    /// Asks the other side to part; gone when it has agreed, or at once if it is not connected yet.
    ///
    /// What was queued leaves before, here and below, as stock sends each packet when it is put; it is not resent.
    pub(crate) fn disconnect(&self, data: u32) {
        self.leaving.set(true);
        if self.connected.get() {
            self.flush();
            self.act_on_live(|endpoint, peer| endpoint.disconnect(peer, data));
        } else {
            self.disconnect_now(data);
        }
    }

    /// Parts when all that is queued has arrived.
    pub(crate) fn disconnect_later(&self, data: u32) {
        self.leaving.set(true);
        if self.connected.get() {
            self.act_on_live(|endpoint, peer| endpoint.disconnect_later(peer, data));
        } else {
            self.disconnect_now(data);
        }
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

    pub(crate) fn ping(&self) {
        self.act_on_live(EventEndpoint::ping);
    }

    pub(crate) fn set_ping_interval(&self, interval: Duration) {
        self.set(Setting::PingInterval(interval));
    }

    pub(crate) fn set_timeout(&self, limit: u32, minimum: Duration, maximum: Duration) {
        self.set(Setting::Timeout(limit, minimum, maximum));
    }

    pub(crate) fn configure_throttle(&self, interval: Duration, acceleration: u32, deceleration: u32) {
        self.set(Setting::Throttle(interval, acceleration, deceleration));
    }

    fn set(&self, setting: Setting) {
        match self.stage.get() {
            Stage::Resolving => self.settings.borrow_mut().push(setting),
            Stage::Live(peer) => {
                self.act(|endpoint| setting.apply(endpoint, peer));
            }
            Stage::Gone => {}
        }
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
        if self.connected.get() {
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

impl Farewell {
    /// This side has ended it.
    pub(crate) const OURS: Farewell = Farewell {
        why: Why::ByUs,
        data: 0,
    };

    /// What a server passes along when it turns a newcomer away: "REFU" in ASCII. Stock Godot looks at the data of no notice.
    pub(crate) const REFUSAL: u32 = u32::from_be_bytes(*b"REFU");

    pub(super) fn new(reason: DisconnectReason, was_connected: bool) -> Farewell {
        let why = match reason {
            DisconnectReason::Remote {
                data: Farewell::REFUSAL,
            }
            | DisconnectReason::Refused => Why::Refused,
            DisconnectReason::Remote { .. } => Why::ByPeer,
            DisconnectReason::Local => Why::ByUs,
            DisconnectReason::TimedOut if was_connected => Why::TimedOut,
            DisconnectReason::TimedOut | DisconnectReason::NotUnderstood => Why::NoAnswer,
        };
        Farewell {
            why,
            data: reason.data(),
        }
    }
}

/// Godot writes all eight groups of an IPv6 address.
fn spell(address: IpAddr) -> String {
    match address {
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
