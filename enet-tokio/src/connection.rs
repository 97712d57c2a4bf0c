//! One connection of the connection style.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use enet_proto::{DisconnectReason, Packet, Peer, PeerHandle, PeerMut, PeerState, PeerStatistics, SendError};
use tokio::task::coop;

use crate::driver::connections::{Identity, Received, Stage};
use crate::driver::shared::{Shared, Sink, State};
use crate::driver::watch::Watch;
use crate::endpoint::connections;
use crate::error::TrySendError;

/// A connection to one peer.
///
/// Clones are handles to the same connection, so that one task can receive while another sends. When the last one is dropped the
/// connection ends gracefully in the background: what was queued is delivered first, if the runtime lives that long. One that ends,
/// as when `main` returns, sends what is queued once, as far as the window and the socket have room, and tells the other side once:
/// most often all of it arrives, and nothing makes sure of it. [`disconnect`](Connection::disconnect) does, as it waits until the
/// other side has confirmed; [`abort`](Connection::abort) ends it at once.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    identity: Identity,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.identity.key;
        self.shared.with(|state| {
            let State { host, woken, sink, .. } = &mut *state;
            if let Sink::Connections(connections) = sink {
                connections.release(key, host, woken);
            }
            state.close_if_unused();
            state.touch();
        });
    }
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, identity: Identity) -> Connection {
        Connection(Arc::new(Inner { shared, identity }))
    }

    /// Sends a packet on a channel: queues it, after waiting for room in the queue if need be
    /// ([`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data)).
    ///
    /// It leaves as soon as the endpoint's task runs, so packets that are sent one after the other share datagrams; at the latest when
    /// the runtime ends. That it was queued does not mean that it has arrived; to be sure of that before the connection ends, wait for
    /// [`disconnect`](Connection::disconnect).
    ///
    /// # Errors
    ///
    /// [`SendError::NotConnected`] when the connection has ended or is ending, [`SendError::NoSuchChannel`],
    /// [`SendError::TooLarge`]; never [`SendError::QueueFull`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if dropped before it is ready, the packet was not queued.
    pub async fn send(&self, channel: u8, packet: Packet) -> Result<(), SendError> {
        let mut unsent = Some(packet);
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let Some(packet) = unsent.take() else {
                return Poll::Ready(Ok(()));
            };
            let result = ready!(self.poll_send(cx, channel, packet, &mut unsent));
            budget.made_progress();
            Poll::Ready(result)
        })
        .await
    }

    /// Puts the packet to `unsent` when there is no room.
    fn poll_send(
        &self,
        cx: &Context<'_>,
        channel: u8,
        packet: Packet,
        unsent: &mut Option<Packet>,
    ) -> Poll<Result<(), SendError>> {
        let Identity { key, peer, .. } = self.0.identity;
        self.0
            .shared
            .poll(|state| match try_send(state, peer, channel, packet) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(TrySendError {
                    error: SendError::QueueFull { maximum, .. },
                    packet,
                }) => {
                    connections(state).wait_for_room(key, packet.data.len(), maximum, cx.waker());
                    *unsent = Some(packet);
                    Poll::Pending
                }
                Err(refused) => Poll::Ready(Err(refused.error)),
            })
    }

    /// Sends a packet if the queue has room now.
    ///
    /// # Errors
    ///
    /// As [`send`](Connection::send), and [`SendError::QueueFull`]. The packet comes back with the error.
    pub fn try_send(&self, channel: u8, packet: Packet) -> Result<(), TrySendError> {
        self.0
            .shared
            .with(|state| try_send(state, self.peer(), channel, packet))
    }

    /// The next received packet and the channel it came on.
    ///
    /// Packets that arrived before the connection ended are delivered first. A program that receives slowly holds up nobody but
    /// this peer: see [`Config::receive_queue_packets`](crate::Config::receive_queue_packets).
    ///
    /// The payload may be a slice of a receive buffer of up to 64 KiB that is full of others, and keep it alive. Copy small
    /// payloads that you keep for long.
    ///
    /// # Errors
    ///
    /// Why the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no packet is lost. If several tasks receive, each packet goes to one of them.
    pub async fn recv(&self) -> Result<(u8, Packet), DisconnectReason> {
        let mut watch = Watch::new(&self.0.shared);
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let received = ready!(watch.poll(cx, |state, waker| self.poll_recv(state, Some(waker))));
            budget.made_progress();
            Poll::Ready(received)
        })
        .await
    }

    /// A received packet, if there is one now.
    ///
    /// # Errors
    ///
    /// Why the connection ended, after all packets.
    pub fn try_recv(&self) -> Result<Option<(u8, Packet)>, DisconnectReason> {
        match self.0.shared.poll(|state| self.poll_recv(state, None)) {
            Poll::Ready(received) => received.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    fn poll_recv(&self, state: &mut State, waker: Option<&Waker>) -> Poll<Received> {
        let State {
            host,
            sink: Sink::Connections(connections),
            ..
        } = &mut *state
        else {
            return Poll::Pending;
        };
        let received = connections.poll_receive(self.0.identity.key, host, waker);
        if let Poll::Ready(Ok(_)) = received {
            state.took_packet();
        }
        received
    }

    /// Waits until the connection has ended, and says why. Packets may still be there to be received.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> DisconnectReason {
        poll_fn(|cx| {
            self.poll_stage(cx, |stage| match stage {
                Stage::Closed(reason) => Some(reason),
                Stage::Connecting | Stage::Open => None,
            })
        })
        .await
    }

    /// Why the connection has ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<DisconnectReason> {
        match self
            .0
            .shared
            .with(|state| connections(state).stage(self.0.identity.key))
        {
            Stage::Closed(reason) => Some(reason),
            Stage::Connecting | Stage::Open => None,
        }
    }

    /// Waits until the other side has taken the connection, and notes which of its addresses it has. To be called before there are
    /// clones.
    pub(crate) async fn established(&mut self) -> Result<(), DisconnectReason> {
        poll_fn(|cx| {
            self.poll_stage(cx, |stage| match stage {
                Stage::Connecting => None,
                Stage::Open => Some(Ok(())),
                Stage::Closed(reason) => Some(Err(reason)),
            })
        })
        .await?;
        if let Some(address) = self.inspect(Peer::address)
            && let Some(inner) = Arc::get_mut(&mut self.0)
        {
            inner.identity.address = address;
        }
        Ok(())
    }

    fn poll_stage<R>(&self, cx: &Context<'_>, look: impl FnOnce(Stage) -> Option<R>) -> Poll<R> {
        self.0.shared.poll(|state| {
            let connections = connections(state);
            let key = self.0.identity.key;
            match look(connections.stage(key)) {
                Some(result) => Poll::Ready(result),
                None => {
                    connections.wait_for_change(key, cx.waker());
                    Poll::Pending
                }
            }
        })
    }

    /// Ends the connection gracefully: delivers what is queued, then tells the other side with `data`, and waits until it has
    /// confirmed. Nothing can be sent from now on. Returns why the connection ended: [`DisconnectReason::Local`] if all went
    /// well.
    ///
    /// # Cancel safety
    ///
    /// Once polled the disconnect goes on, whether it is waited for or not.
    pub async fn disconnect(&self, data: u32) -> DisconnectReason {
        self.act(|peer| peer.disconnect_later(data));
        self.closed().await
    }

    /// Ends the connection at once: the other side is told with `data`, once and without confirmation, and what is queued is
    /// lost.
    pub fn abort(&self, data: u32) {
        self.act(|peer| peer.disconnect_now(data));
        self.0.shared.with(|state| state.forget(self.peer()));
    }

    /// Sends what is queued for all connections of the endpoint now, from the calling thread. See
    /// [`Endpoint::flush`](crate::Endpoint::flush).
    pub fn flush(&self) {
        self.0.shared.with(State::flush);
    }

    /// Where the other side is.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.0.identity.address
    }

    /// The number that was passed along with the CONNECT, by whichever side dialled.
    #[must_use]
    pub fn connect_data(&self) -> u32 {
        self.0.identity.connect_data
    }

    /// The protocol's handle of the other side.
    #[must_use]
    pub fn peer(&self) -> PeerHandle {
        self.0.identity.peer
    }

    /// How many channels the connection has; 0 once it has ended.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.inspect(Peer::channel_count).unwrap_or(0)
    }

    /// The state of the connection in ENet's terms.
    #[must_use]
    pub fn state(&self) -> PeerState {
        self.inspect(Peer::state).unwrap_or(PeerState::Disconnected)
    }

    /// The mean round trip time: 500 ms before it was measured, zero once the connection has ended.
    #[must_use]
    pub fn round_trip_time(&self) -> Duration {
        self.inspect(Peer::round_trip_time).unwrap_or_default()
    }

    /// Counters and measurements, or `None` once the connection has ended.
    #[must_use]
    pub fn statistics(&self) -> Option<PeerStatistics> {
        self.inspect(Peer::statistics)
    }

    /// Sends a PING now, which is acknowledged and so measures the round trip time.
    pub fn ping(&self) {
        self.act(|mut peer| peer.ping());
    }

    /// Sets after how much silence a PING is sent. Zero for the default of 500 ms.
    pub fn set_ping_interval(&self, interval: Duration) {
        self.act(|mut peer| peer.set_ping_interval(interval));
    }

    /// Sets when the connection counts as lost: when something has been unacknowledged for `minimum`, and for as long as it takes a
    /// waiting time that doubles with each resend to grow by the factor `limit`; or for `maximum` in any case. Zero for the
    /// defaults: 32, 5 s, 30 s.
    pub fn set_timeout(&self, limit: u32, minimum: Duration, maximum: Duration) {
        self.act(|mut peer| peer.set_timeout(limit, minimum, maximum));
    }

    /// Sets how the share of unreliable packets that is sent follows the round trip time; the other side is told to do the same.
    /// ENet's defaults are 5 s, 2 and 2, out of a scale of 32.
    pub fn configure_throttle(&self, interval: Duration, acceleration: u32, deceleration: u32) {
        self.act(|mut peer| peer.configure_throttle(interval, acceleration, deceleration));
    }

    /// Looks at the peer as the protocol has it; `None` once the connection has ended.
    fn inspect<R>(&self, look: impl FnOnce(&Peer) -> R) -> Option<R> {
        self.0.shared.with(|state| state.host.peer(self.peer()).map(look))
    }

    fn act(&self, act: impl FnOnce(PeerMut<'_>)) {
        self.0.shared.with(|state| {
            if let Some(peer) = state.host.peer_mut(self.peer()) {
                act(peer);
                state.touch();
            }
        });
    }
}

/// Queues a packet and has the driver send it.
fn try_send(state: &mut State, peer: PeerHandle, channel: u8, packet: Packet) -> Result<(), TrySendError> {
    let handle = peer;
    let Some(mut peer) = state.host.peer_mut(handle) else {
        return Err(TrySendError {
            error: SendError::NotConnected,
            packet,
        });
    };
    let spare = packet.clone();
    match peer.send(channel, packet) {
        Ok(()) => {
            state.queued_packet(handle, spare.data.len());
            state.touch();
            Ok(())
        }
        Err(error) => Err(TrySendError { error, packet: spare }),
    }
}
