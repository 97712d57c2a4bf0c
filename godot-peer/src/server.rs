//! A Godot server on tokio.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use enet_proto::compress::Compressor;
use enet_proto::{Event, PacketMode, PeerHandle, PeerStatistics, SendError as ConnectionError, Time};
use enet_tokio::{BindError, EndpointStatistics, EventEndpoint};
use tokio::net::ToSocketAddrs;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::event::{Departure, ServerEvent};
use crate::relay::{Output, SceneServer, SceneStatistics};
use crate::scene;
use crate::transfer::{TransferChannel, TransferMode};
use crate::{PeerId, SendError, ServerOptions, Target};

/// A server that stock Godot 4 projects join with `ENetMultiplayerPeer.create_client`.
///
/// Clients see each other and call each other's methods through it, as with a server that runs in Godot. It does its work while
/// [`next_event`](GodotServer::next_event) is waited for (connections are kept up in any case), so wait for it all the time.
/// The other methods do not wait and can be called from any thread.
///
/// A client that takes reliable packets more slowly than they come for it is disconnected when its queue is full
/// ([`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data)), as it would never know what it has missed:
/// [`Departure::TooSlow`].
///
/// ```no_run
/// use godot_peer::{GodotServer, ServerEvent, ServerOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = GodotServer::bind("[::]:7777", ServerOptions::default()).await?;
/// while let Some(event) = server.next_event().await {
///     match event {
///         ServerEvent::PeerConnected { id } => println!("{id} joined"),
///         ServerEvent::PeerDisconnected { id, reason } => println!("{id} left: {reason}"),
///         ServerEvent::Packet(packet) => println!("{} says {:?}", packet.from, packet.message()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GodotServer {
    endpoint: EventEndpoint,
    epoch: Instant,
    state: Mutex<State>,
    /// There are events, or a deadline, that a waiting task does not know of.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    scene: SceneServer<PeerHandle>,
    events: VecDeque<ServerEvent>,
    too_slow: u64,
}

/// A client, as its server sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerInfo {
    /// Its id.
    pub id: PeerId,
    /// Where it is.
    pub address: SocketAddr,
    /// How many ENet channels the connection has: two more than transfer channels.
    pub channels: usize,
    /// How the connection does.
    pub statistics: PeerStatistics,
}

/// What a server has done since it was bound.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerStatistics {
    /// What went on between the clients.
    pub scene: SceneStatistics,
    /// What went over the network.
    pub endpoint: EndpointStatistics,
    /// Clients in the session now.
    pub clients: usize,
    /// Clients disconnected because they were [too slow](Departure::TooSlow).
    pub too_slow: u64,
}

impl GodotServer {
    /// Opens a server. Port 0 lets the system pick one; `[::]` takes IPv4 as well as IPv6.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved, none of its addresses can be bound to, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled, as everything in tokio does.
    pub async fn bind(address: impl ToSocketAddrs, options: ServerOptions) -> Result<GodotServer, BindError> {
        let relay = options.relay;
        let endpoint = EventEndpoint::bind(address, options.into_config()).await?;
        let state = State {
            scene: SceneServer::new(relay),
            events: VecDeque::new(),
            too_slow: 0,
        };
        Ok(GodotServer {
            endpoint,
            epoch: Instant::now(),
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// The address the server is bound to, with the port that the system picked if none was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// The next event, or `None` when the server has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost.
    pub async fn next_event(&self) -> Option<ServerEvent> {
        loop {
            let due = {
                let now = self.now();
                let mut state = self.lock();
                if state.scene.poll_timeout().is_some_and(|due| due <= now) {
                    state.scene.handle_timeout(now);
                    let _ = self.carry_out(&mut state, None);
                }
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                state.scene.poll_timeout()
            };
            // Overdue or not: the next round looks at the clock again.
            let due = due.and_then(|due| self.epoch.checked_add(due.saturating_since(Time::ZERO)));
            let timer = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                event = self.endpoint.next_event() => match event {
                    Some(event) => self.take(event),
                    None => return self.lock().events.pop_front(),
                },
                () = timer => {}
            }
        }
    }

    /// Sends a packet to one client, to all, or to all but one, as `put_packet`. What a client's `SceneMultiplayer` is to
    /// understand must be one of the messages in [`scene`]. An empty packet is not sent, as by Godot.
    ///
    /// # Errors
    ///
    /// If no client has the id that is named, or, for a single client, if its connection does not take the packet. With several
    /// receivers those are left out whose connection does not take it; see [`GodotServer`] about the ones that are too slow.
    pub fn send(
        &self,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        data: impl Into<Bytes>,
    ) -> Result<(), SendError> {
        let target = target.into();
        let mut state = self.lock();
        state.scene.send(target, channel, mode, data.into())?;
        let single = match target {
            Target::One(id) => state.scene.roster().key(id),
            Target::All | Target::AllBut(_) => None,
        };
        let result = self.carry_out(&mut state, single);
        if !state.events.is_empty() {
            self.changed.notify_one();
        }
        Ok(result?)
    }

    /// Sends bytes of the program, as `SceneMultiplayer.send_bytes`: clients get the signal `peer_packet`.
    ///
    /// # Errors
    ///
    /// As [`send`](GodotServer::send).
    pub fn send_bytes(
        &self,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        data: &[u8],
    ) -> Result<(), SendError> {
        self.send(target, channel, mode, scene::raw(data))
    }

    /// Disconnects a client; [`ServerEvent::PeerDisconnected`] comes when it has confirmed. False if there is no such client.
    pub fn disconnect(&self, id: PeerId) -> bool {
        let key = self.lock().scene.roster().key(id);
        if let Some(key) = key {
            self.endpoint.disconnect(key, 0);
        }
        key.is_some()
    }

    /// Refuses new connections, or takes them again. Who is refused is not told, as with Godot.
    pub fn refuse_new_connections(&self, refuse: bool) {
        self.lock().scene.set_refusing(refuse);
    }

    /// Whether new connections are refused.
    #[must_use]
    pub fn is_refusing_new_connections(&self) -> bool {
        self.lock().scene.roster().is_refusing()
    }

    /// The clients, by rising id.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        let members: Vec<(PeerId, PeerHandle)> = self.lock().scene.roster().iter().collect();
        let infos = members.into_iter().filter_map(|(id, key)| self.inform(id, key));
        infos.collect()
    }

    /// One of the clients.
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<PeerInfo> {
        let key = self.lock().scene.roster().key(id)?;
        self.inform(id, key)
    }

    /// Counters since the server was bound.
    #[must_use]
    pub fn statistics(&self) -> ServerStatistics {
        let endpoint = self.endpoint.statistics();
        let state = self.lock();
        ServerStatistics {
            scene: state.scene.statistics(),
            endpoint,
            clients: state.scene.roster().len(),
            too_slow: state.too_slow,
        }
    }

    /// Sets how datagrams are compressed; `None` for not at all. Clients must use the same from their first datagram on.
    pub fn set_compressor(&self, compressor: Option<Box<dyn Compressor>>) {
        self.endpoint.set_compressor(compressor);
    }

    /// Limits what the server receives and sends, each in bytes per second, 0 for unlimited. Clients are told.
    pub fn set_bandwidth_limit(&self, incoming: u32, outgoing: u32) {
        self.endpoint.set_bandwidth_limit(incoming, outgoing);
    }

    /// Ends the server gracefully: what is queued is delivered, clients are told and may confirm.
    ///
    /// # Cancel safety
    ///
    /// Once polled the shutdown goes on, whether it is waited for or not.
    pub async fn shutdown(&self) {
        self.endpoint.shutdown(0).await;
    }

    /// Ends the server at once, as `close()`: clients are told once, what is queued is lost. Usually done in a millisecond.
    ///
    /// # Cancel safety
    ///
    /// Once polled the shutdown goes on, whether it is waited for or not.
    pub async fn shutdown_now(&self) {
        self.endpoint.shutdown_now(0).await;
    }

    fn inform(&self, id: PeerId, key: PeerHandle) -> Option<PeerInfo> {
        self.endpoint.inspect(key, |peer| PeerInfo {
            id,
            address: peer.address(),
            channels: peer.channel_count(),
            statistics: peer.statistics(),
        })
    }

    fn take(&self, event: Event) {
        let now = self.now();
        let mut state = self.lock();
        match event {
            Event::Connected { peer, data } => state.scene.peer_connected(now, peer, data),
            Event::Disconnected { peer, reason } => state.scene.peer_disconnected(now, peer, reason.into()),
            Event::Received { peer, channel, packet } => state.scene.packet_received(peer, channel, packet),
        }
        // There is no single receiver, so nothing is reported.
        let _ = self.carry_out(&mut state, None);
    }

    /// Does what the session asks for. The last packet, if it is for that single receiver, is the program's own: its fate is
    /// reported.
    fn carry_out(&self, state: &mut State, single: Option<PeerHandle>) -> Result<(), ConnectionError> {
        let mut result = Ok(());
        let mut too_slow = Vec::new();
        loop {
            while let Some(output) = state.scene.poll_output() {
                match output {
                    Output::Send { to, outgoing } => {
                        let reliable = outgoing.packet.mode == PacketMode::Reliable;
                        let Err(error) = self.endpoint.send(to, outgoing.channel, outgoing.packet) else {
                            continue;
                        };
                        if single == Some(to) && !state.scene.has_output() {
                            result = Err(error);
                        } else if reliable && matches!(error, ConnectionError::QueueFull { .. }) {
                            too_slow.push(to);
                        } else {
                            tracing::debug!(%error, "packet not sent");
                        }
                    }
                    Output::Reset(key) => self.endpoint.reset(key),
                    Output::Event(event) => state.events.push_back(event),
                }
            }
            // The others must be told of each, which makes for new outputs.
            let Some(key) = too_slow.pop() else { return result };
            self.drop_slow(state, key);
        }
    }

    fn drop_slow(&self, state: &mut State, key: PeerHandle) {
        let Some(id) = state.scene.roster().id(key) else { return };
        tracing::warn!(%id, "disconnected: it takes reliable packets more slowly than they come");
        state.too_slow += 1;
        self.endpoint.disconnect_now(key, 0);
        state.scene.peer_disconnected(self.now(), key, Departure::TooSlow);
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves packets unsent, nothing worse.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
