//! A Godot server on tokio.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::compress::Compressor;
use enet_proto::{Event, PacketMode, Peer, PeerHandle, PeerStatistics, SendError as ConnectionError, Time};
use enet_tokio::{BindError, EndpointStatistics, EventEndpoint, ToAddress};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::charges::{Charges, QueueLimits, Verdict};
use crate::event::{Departure, ServerEvent};
use crate::notes::is_worth_a_note;
use crate::relay::{Output, SceneServer, SceneStatistics};
use crate::scene;
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{PeerId, SendError, ServerOptions, Target};

/// A server that stock Godot 4 projects join with `ENetMultiplayerPeer.create_client`.
///
/// Clients see each other and call each other's methods through it, as with a server that runs in Godot. It does its work while
/// [`next_event`](GodotServer::next_event) is waited for (connections are kept up in any case), so wait for it all the time.
/// The other methods do not wait and can be called from any thread.
///
/// A client whose queue ([`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data)) has no room for a reliable packet
/// would never know what it has missed, so someone has to go:
///
/// - A client may have as much waiting for another one as is then still free in the queue to it, that is half of the queue if it is
///   the only one, and a sixty-fourth in any case. One that sends more is disconnected: [`Departure::TooFast`].
/// - Unless the receiver has taken less than a sixteenth of the queue in
///   [`HostConfig::slow_peer_timeout`](enet_proto::HostConfig::slow_peer_timeout), or the queue is full of what nobody sent too much
///   of, the program's own packets for example. Then the receiver is disconnected: [`Departure::TooSlow`].
///
/// Unreliable packets are left out instead.
///
/// A client with an `auth_callback` finds its authentication completed by the server as soon as it says anything about it: it may
/// send what it likes by `send_auth`, gets nothing back, and is in when it has called `complete_auth(1)`. Until then it is told of
/// nobody and nobody of it. One that begins only some time after it has connected is known to the others before. Nothing changes for
/// clients without the callback.
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

/// How often newcomers are introduced to some more of the members, and how many newcomers at most.
const INTRODUCING_PERIOD: Duration = Duration::from_millis(10);
const NEWCOMERS_AT_A_TIME: usize = 64;

/// How much may be queued for a newcomer that is introduced to more.
const INTRODUCED_DATA: usize = 16 * 1024;

#[derive(Debug)]
struct State {
    scene: SceneServer<PeerHandle>,
    charges: Charges<PeerHandle>,
    events: VecDeque<ServerEvent>,
    /// When to see which newcomers have taken what they were sent; nothing if all are introduced.
    introduce_at: Option<Time>,
    too_slow: u64,
    too_fast: u64,
    unsent: u64,
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
    /// Clients disconnected because they were [too fast](Departure::TooFast).
    pub too_fast: u64,
    /// Packets left out because their receiver's queue had no room, or its connection no such channel.
    pub unsent: u64,
}

impl GodotServer {
    /// Opens a server. Port 0 lets the system pick one; `[::]` takes IPv4 as well as IPv6, and where there is no IPv6, IPv4 alone.
    ///
    /// # Errors
    ///
    /// If the address is none, the name cannot be resolved, none of its addresses can be bound to, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled, as everything in tokio does.
    pub async fn bind(address: impl ToAddress, options: ServerOptions) -> Result<GodotServer, BindError> {
        let relay = options.relay;
        let limits = QueueLimits {
            size: options.endpoint.host.max_queued_data,
            patience: options.endpoint.host.slow_peer_timeout,
        };
        let endpoint = EventEndpoint::bind(address, options.into_config()).await?;
        let state = State {
            scene: SceneServer::new(relay),
            charges: Charges::new(limits),
            events: VecDeque::new(),
            introduce_at: None,
            too_slow: 0,
            too_fast: 0,
            unsent: 0,
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
                    state.expect_newcomers(now);
                }
                if state.introduce_at.is_some_and(|due| due <= now) {
                    self.introduce(&mut state, now);
                }
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                [state.scene.poll_timeout(), state.introduce_at]
                    .into_iter()
                    .flatten()
                    .min()
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

    /// Disconnects a client, with a number for it to see ([`Departure::Remote`]; a stock client does not show it, and Godot itself
    /// passes 0). [`ServerEvent::PeerDisconnected`] comes when it has confirmed. False if there is no such client.
    pub fn disconnect(&self, id: PeerId, data: u32) -> bool {
        let key = self.lock().scene.roster().key(id);
        if let Some(key) = key {
            self.endpoint.disconnect(key, data);
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
            too_fast: state.too_fast,
            unsent: state.unsent,
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

    /// Ends the server gracefully: what is queued is delivered, clients are told, with a number to see, and may confirm.
    ///
    /// # Cancel safety
    ///
    /// Once polled the shutdown goes on, whether it is waited for or not.
    pub async fn shutdown(&self, data: u32) {
        self.endpoint.shutdown(data).await;
    }

    /// Ends the server at once, as `close()`: clients are told once, with a number to see, and what is queued is lost. Usually done
    /// in a millisecond.
    ///
    /// # Cancel safety
    ///
    /// Once polled the shutdown goes on, whether it is waited for or not.
    pub async fn shutdown_now(&self, data: u32) {
        self.endpoint.shutdown_now(data).await;
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
            Event::Connected { peer, data } => state.scene.peer_arrived(now, peer, data),
            Event::Disconnected { peer, reason } => state.leave(now, peer, reason.into()),
            Event::Received { peer, channel, packet } => state.scene.packet_received(peer, channel, packet),
        }
        // There is no single receiver, so nothing is reported.
        let _ = self.carry_out(&mut state, None);
        state.expect_newcomers(now);
    }

    /// Goes on to introduce newcomers whose connection has taken what was queued.
    fn introduce(&self, state: &mut State, now: Time) {
        state.introduce_at = None;
        for _ in 0..NEWCOMERS_AT_A_TIME {
            let Some(key) = state.scene.next_newcomer() else { return };
            state.introduce_at = Some(now + INTRODUCING_PERIOD);
            if self.endpoint.inspect(key, Peer::queued_data).unwrap_or(0) <= INTRODUCED_DATA {
                state.scene.introduce(key);
                let _ = self.carry_out(state, None);
            }
        }
    }

    /// Does what the session asks for. The last packet, if it is for that single receiver, is the program's own: its fate is
    /// reported.
    fn carry_out(&self, state: &mut State, single: Option<PeerHandle>) -> Result<(), ConnectionError> {
        let mut result = Ok(());
        let mut leaving = Vec::new();
        loop {
            while let Some(output) = state.scene.poll_output() {
                match output {
                    Output::Send { to, outgoing, from } => {
                        let reliable = outgoing.packet.mode == PacketMode::Reliable;
                        let fault = match from {
                            Some(from) => self.relay(state, from, to, outgoing),
                            None => match self.endpoint.send(to, outgoing.channel, outgoing.packet) {
                                Ok(()) => continue,
                                Err(error) if single == Some(to) && !state.scene.has_output() => {
                                    result = Err(error);
                                    continue;
                                }
                                Err(ConnectionError::QueueFull { .. }) => Err(Unsent::NoRoom(to, Departure::TooSlow)),
                                Err(error) => Err(Unsent::Refused(error)),
                            },
                        };
                        match fault {
                            Ok(()) => {}
                            Err(Unsent::NoRoom(key, reason)) if reliable => leaving.push((key, reason)),
                            Err(Unsent::NoRoom(_, reason)) => state.note_unsent(reason),
                            Err(Unsent::Refused(error)) => state.note_unsent(error),
                        }
                    }
                    Output::Reset(key) => self.endpoint.reset(key),
                    Output::Event(event) => state.events.push_back(event),
                }
            }
            // The others must be told of each, which makes for new outputs.
            let Some((key, reason)) = leaving.pop() else {
                return result;
            };
            self.drop_client(state, key, reason);
        }
    }

    /// Passes a packet on from a client to another one.
    fn relay(&self, state: &mut State, from: PeerId, to: PeerHandle, outgoing: Outgoing) -> Result<(), Unsent> {
        let Outgoing { channel, packet } = outgoing;
        let length = packet.data.len();
        let queued = self.endpoint.inspect(to, Peer::queued_data).unwrap_or(0);
        let mut verdict = state.charges.judge(self.now(), from, to, length, queued);
        if verdict == Verdict::Send {
            match self.endpoint.send(to, channel, packet) {
                Ok(()) => return Ok(()),
                Err(ConnectionError::QueueFull { .. }) => verdict = state.charges.blame(from, to, length),
                Err(error) => return Err(Unsent::Refused(error)),
            }
        }
        Err(match (verdict, state.scene.roster().key(from)) {
            (Verdict::SenderTooFast, Some(sender)) => Unsent::NoRoom(sender, Departure::TooFast),
            _ => Unsent::NoRoom(to, Departure::TooSlow),
        })
    }

    fn drop_client(&self, state: &mut State, key: PeerHandle, reason: Departure) {
        let Some(id) = state.scene.roster().id(key) else { return };
        let count = match reason {
            Departure::TooFast => &mut state.too_fast,
            _ => &mut state.too_slow,
        };
        *count += 1;
        if is_worth_a_note(*count) {
            tracing::warn!(%id, count = *count, "disconnected: {reason}");
        }
        self.endpoint.disconnect_now(key, 0);
        state.leave(self.now(), key, reason);
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves packets unsent, nothing worse.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Newcomers may have come in who are to be introduced.
    fn expect_newcomers(&mut self, now: Time) {
        if self.scene.has_newcomers() {
            self.introduce_at.get_or_insert(now + INTRODUCING_PERIOD);
        }
    }

    /// A connection is gone.
    fn leave(&mut self, now: Time, key: PeerHandle, reason: Departure) {
        if let Some(id) = self.scene.roster().id(key) {
            self.charges.forget(key, id);
        }
        self.scene.peer_disconnected(now, key, reason);
    }

    fn note_unsent(&mut self, cause: impl Display) {
        self.unsent += 1;
        if is_worth_a_note(self.unsent) {
            tracing::debug!(%cause, count = self.unsent, "packet not sent");
        }
    }
}

/// Why a packet was not sent.
#[derive(Debug)]
enum Unsent {
    /// There is no room, and whose fault that is.
    NoRoom(PeerHandle, Departure),
    /// The connection does not take it.
    Refused(ConnectionError),
}
