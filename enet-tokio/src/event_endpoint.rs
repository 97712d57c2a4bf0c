//! The event style.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Poll, ready};
use std::time::Duration;

use enet_proto::{DisconnectReason, Event, Ledger, Packet, Peer, PeerHandle, PeerMut, SendError};
use tokio::task::coop;

use crate::address::ToAddress;
use crate::config::Config;
use crate::driver::events::Events;
use crate::driver::shared::Sink;
use crate::driver::watch::Watch;
use crate::error::{BindError, ConnectError};
use crate::handle::{Handle, common_methods};

/// An ENet host that tells what happens as a stream of events, as game servers like it.
///
/// Clones are handles to the same endpoint. When the last one is dropped the endpoint closes, as with
/// [`shutdown`](EventEndpoint::shutdown), in the background. Wait for `shutdown` before `main` returns: a runtime that ends does not
/// wait for what is in the background. It sends what is queued once, as far as the window and the socket have room, and tells every
/// peer once.
///
/// No method but the `async` ones waits, and all can be called from any thread.
///
/// ```no_run
/// use enet_tokio::{Config, Event, EventEndpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = EventEndpoint::bind("[::]:7777", Config::default()).await?;
/// while let Some(event) = server.next_event().await {
///     match event {
///         Event::Connected { peer, data } => println!("{peer:?} came with {data}"),
///         Event::Received { peer, channel, packet } => {
///             let _ = server.send(peer, channel, packet);
///         }
///         Event::Disconnected { peer, reason } => println!("{peer:?} went: {reason:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EventEndpoint {
    handle: Handle,
}

impl EventEndpoint {
    /// Binds to `address` and takes connections there. Port 0 lets the system pick one. `[::]` takes IPv4 as well as IPv6, and where
    /// there is no IPv6, IPv4 alone; who asks at one of several addresses of the machine is answered from that one.
    ///
    /// # Errors
    ///
    /// If the address is none, the name cannot be resolved, none of its addresses can be bound to, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled, as everything in tokio does.
    pub async fn bind(address: impl ToAddress, config: Config) -> Result<EventEndpoint, BindError> {
        Ok(EventEndpoint {
            handle: Handle::bind(&address.to_address()?, config, sink).await?,
        })
    }

    /// An endpoint that only makes connections, to IPv4 and, where the system has it, IPv6.
    ///
    /// # Errors
    ///
    /// If the system gives no socket or no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled.
    pub fn client(config: Config) -> Result<EventEndpoint, BindError> {
        Ok(EventEndpoint {
            handle: Handle::client(config, sink)?,
        })
    }

    /// Uses a socket that is bound already, for options this crate does not set.
    ///
    /// # Errors
    ///
    /// If the socket is none that can be used, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled.
    pub fn from_socket(socket: std::net::UdpSocket, config: Config) -> Result<EventEndpoint, BindError> {
        Ok(EventEndpoint {
            handle: Handle::from_socket(socket, config, sink)?,
        })
    }

    /// The next event, or `None` when the endpoint has ended and all events were taken.
    ///
    /// Events of one peer come in their order. Packets may share receive buffers of up to 64 KiB: copy small payloads that you
    /// keep for long. While the program does not ask, packets wait, first here
    /// ([`Config::receive_queue_packets`](crate::Config::receive_queue_packets)), then in the protocol
    /// ([`HostConfig::max_waiting_data`](enet_proto::HostConfig::max_waiting_data) for each peer), and are then refused.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost. If several tasks wait, each event goes to one of them.
    pub async fn next_event(&self) -> Option<Event> {
        let mut watch = Watch::new(self.handle.shared());
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let event = ready!(watch.poll(cx, |state, waker| state.poll_event(Some(waker))));
            budget.made_progress();
            Poll::Ready(event)
        })
        .await
    }

    /// An event, if there is one now.
    #[must_use]
    pub fn try_next_event(&self) -> Option<Event> {
        match self.handle.shared().poll(|state| state.poll_event(None)) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Whether the endpoint has ended: after a shutdown, or because its socket broke. Events may still be there to be taken.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.handle.look(|state| state.has_ended())
    }

    /// Begins to connect to `address`, with `channels` channels (1 to 255; the server may grant fewer) and a number for the
    /// server to see. [`Event::Connected`] or [`Event::Disconnected`] tells how it went; nobody there is found out after 5 to
    /// 30 s, see [`set_timeout`](EventEndpoint::set_timeout).
    ///
    /// # Errors
    ///
    /// If nobody can be at the address, the endpoint is closed or cannot reach addresses of this family, `channels` is out of range,
    /// or there is no room.
    pub fn connect(&self, address: SocketAddr, channels: usize, data: u32) -> Result<PeerHandle, ConnectError> {
        self.connect_any(&[address], channels, data)
    }

    /// As [`connect`](EventEndpoint::connect), to a host that may be at any of several addresses, as those of one name
    /// ([`Address::resolve`](crate::Address::resolve)): they are tried one a quarter of a second after the other, the families by
    /// turns, until one answers (RFC 8305). There is one event, whichever it is.
    ///
    /// # Errors
    ///
    /// As [`connect`](EventEndpoint::connect), if no address is any good.
    pub fn connect_any(
        &self,
        addresses: &[SocketAddr],
        channels: usize,
        data: u32,
    ) -> Result<PeerHandle, ConnectError> {
        self.handle.dial(addresses, channels, data, |_, _| {})
    }

    /// How long [`Endpoint::connect`](crate::Endpoint::connect) would wait for an answer from one of so many addresses:
    /// [`Config::connect_timeout`](crate::Config::connect_timeout) from when it asks the last of them.
    #[must_use]
    pub fn connect_timeout(&self, addresses: usize) -> Duration {
        self.handle.connect_timeout(addresses)
    }

    /// What to say of an attempt to connect that has failed, as [`Endpoint::connect`](crate::Endpoint::connect) would: with the
    /// `reason` of [`Event::Disconnected`], or without if the program gives up by itself, `after` so long, and has not ended the
    /// attempt yet. `to` is what was asked for: [`Address::describe`](crate::Address::describe).
    #[must_use]
    pub fn connect_failure(
        &self,
        peer: PeerHandle,
        to: String,
        after: Duration,
        reason: Option<DisconnectReason>,
    ) -> ConnectError {
        self.handle.failure(peer, to, after, reason)
    }

    /// Why a peer that ended as [`Unreachable`](DisconnectReason::Unreachable) has no encrypted session any more, or never had one.
    /// Known of the latest 64.
    #[cfg(feature = "dtls")]
    #[must_use]
    pub fn dtls_error(&self, peer: PeerHandle) -> Option<crate::DtlsError> {
        self.handle.look(|state| state.encryption.failure(peer).cloned())
    }

    /// Queues a packet for a peer. It leaves as soon as the endpoint's task runs, so packets that are sent one after the other
    /// share datagrams; at the latest when the runtime ends.
    ///
    /// # Errors
    ///
    /// If the peer is not connected or has no such channel, the packet is too large, or the peer's queue is full
    /// ([`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data)).
    pub fn send(&self, peer: PeerHandle, channel: u8, packet: Packet) -> Result<(), SendError> {
        self.handle.act(|state| {
            let size = packet.data.len();
            let mut to = state.host.peer_mut(peer).ok_or(SendError::NotConnected)?;
            to.send(channel, packet)?;
            state.queued_packet(peer, size);
            Ok(())
        })
    }

    /// Queues a packet whose bytes are [charged](Ledger::charge) to the [`ledger`](EventEndpoint::ledger) or a child of it: for
    /// buffers that several peers are sent, which then count once in what the endpoint holds.
    ///
    /// # Errors
    ///
    /// As [`send`](EventEndpoint::send).
    pub fn send_charged(&self, peer: PeerHandle, channel: u8, packet: Packet) -> Result<(), SendError> {
        self.handle.act(|state| {
            let mut peer = state.host.peer_mut(peer).ok_or(SendError::NotConnected)?;
            peer.send_charged(channel, packet)?;
            state.dialogue.answered();
            Ok(())
        })
    }

    /// Where the endpoint counts buffers that several of its peers are sent.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.handle.look(|state| state.host.ledger().clone())
    }

    /// Has [`next_room`](EventEndpoint::next_room) name a peer, once, when no more than `queued` bytes are queued or unacknowledged
    /// towards it. The last call for a peer counts.
    pub fn notify_room(&self, peer: PeerHandle, queued: usize) {
        self.act_on(peer, |mut peer| peer.notify_room(queued));
    }

    /// A peer that has the room that [`notify_room`](EventEndpoint::notify_room) asked for, when there is one. It may be gone by
    /// now. `None` when the endpoint has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: none is lost. If several tasks wait, each peer goes to one of them.
    pub async fn next_room(&self) -> Option<PeerHandle> {
        poll_fn(|cx| self.handle.shared().poll(|state| state.poll_room(Some(cx.waker())))).await
    }

    /// The same, if there is one now.
    #[must_use]
    pub fn try_next_room(&self) -> Option<PeerHandle> {
        match self.handle.look(|state| state.poll_room(None)) {
            Poll::Ready(peer) => peer,
            Poll::Pending => None,
        }
    }

    /// Ends a connection: what is queued is lost, the other side is told with `data` and asked to confirm, then
    /// [`Event::Disconnected`] comes. One that is still being made is given up at once, without an event.
    pub fn disconnect(&self, peer: PeerHandle, data: u32) {
        self.act_on(peer, |peer| peer.disconnect(data));
    }

    /// Ends a connection after what is queued has been delivered; then [`Event::Disconnected`] comes. One that is still being made
    /// is given up at once, without an event.
    pub fn disconnect_later(&self, peer: PeerHandle, data: u32) {
        self.act_on(peer, |peer| peer.disconnect_later(data));
    }

    /// Ends a connection at once, with one notice to the other side and no event.
    pub fn disconnect_now(&self, peer: PeerHandle, data: u32) {
        self.act_on(peer, |peer| peer.disconnect_now(data));
    }

    /// Forgets a connection: the other side is not told, and no event comes.
    pub fn reset(&self, peer: PeerHandle) {
        self.act_on(peer, |peer| {
            peer.reset();
        });
    }

    /// Sends a PING now, which is acknowledged and so measures the round trip time.
    pub fn ping(&self, peer: PeerHandle) {
        self.act_on(peer, |mut peer| peer.ping());
    }

    /// Sets after how much silence a PING is sent. Zero for the default of 500 ms.
    pub fn set_ping_interval(&self, peer: PeerHandle, interval: Duration) {
        self.act_on(peer, |mut peer| peer.set_ping_interval(interval));
    }

    /// Sets when a connection counts as lost: when something has been unacknowledged for `minimum`, and for as long as it takes a
    /// waiting time that doubles with each resend to grow by the factor `limit`; or for `maximum` in any case. Zero for the
    /// defaults: 32, 5 s, 30 s.
    pub fn set_timeout(&self, peer: PeerHandle, limit: u32, minimum: Duration, maximum: Duration) {
        self.act_on(peer, |mut peer| peer.set_timeout(limit, minimum, maximum));
    }

    /// Sets how the share of unreliable packets that is sent follows the round trip time; the other side is told to do the same.
    /// ENet's defaults are 5 s, 2 and 2, out of a scale of 32.
    pub fn configure_throttle(&self, peer: PeerHandle, interval: Duration, acceleration: u32, deceleration: u32) {
        self.act_on(peer, |mut peer| {
            peer.configure_throttle(interval, acceleration, deceleration);
        });
    }

    /// Sets whether packets of a peer are received. While not, they wait in the protocol, up to
    /// [`HostConfig::max_waiting_data`](enet_proto::HostConfig::max_waiting_data), and are then refused.
    pub fn set_receiving(&self, peer: PeerHandle, receiving: bool) {
        self.act_on(peer, |mut peer| peer.set_receiving(receiving));
    }

    /// Receives some of what waits while packets of a peer are not [received](EventEndpoint::set_receiving): at least one packet, and
    /// no more once they have `bytes`. When nothing waits any more packets are received again. Whether something still waits.
    pub fn release_held(&self, peer: PeerHandle, bytes: usize) -> bool {
        self.act_on(peer, |mut peer| peer.release_held(bytes)).unwrap_or(false)
    }

    /// Lets so many bytes more wait than [may](enet_proto::HostConfig::max_waiting_data) while packets of a peer are not
    /// [received](EventEndpoint::set_receiving), until some are, so that it goes on hearing from this side.
    pub fn lend_room(&self, peer: PeerHandle, bytes: usize) {
        self.act_on(peer, |mut peer| peer.lend_room(bytes));
    }

    /// Looks at a peer: its address, state, statistics. `None` if it is gone.
    ///
    /// The endpoint stands still meanwhile, and calling it from within would never return: take out what you need.
    ///
    /// ```no_run
    /// # fn f(server: &enet_tokio::EventEndpoint, peer: enet_tokio::PeerHandle) {
    /// let address = server.inspect(peer, |peer| peer.address());
    /// # }
    /// ```
    pub fn inspect<R>(&self, peer: PeerHandle, look: impl FnOnce(&Peer) -> R) -> Option<R> {
        self.handle.look(|state| state.host.peer(peer).map(look))
    }

    /// All peers: connected, connecting and leaving.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerHandle> {
        self.handle
            .look(|state| state.host.peers().map(|(peer, _)| peer).collect())
    }

    fn act_on<R>(&self, peer: PeerHandle, act: impl FnOnce(PeerMut<'_>) -> R) -> Option<R> {
        self.handle.act(|state| state.host.peer_mut(peer).map(act))
    }

    common_methods!();
}

fn sink(config: &Config) -> Sink {
    Sink::Events(Events::new(config))
}
