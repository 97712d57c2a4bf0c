//! A Godot server on tokio.

mod calls;

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use enet_proto::compress::Compressor;
use enet_proto::{Event, PacketMode, Peer, PeerHandle, PeerStatistics, SendError as ConnectionError, Time};
use enet_tokio::{BindError, EndpointStatistics, EventEndpoint, ToAddress};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::calls::{CallStatistics, Calls};
use crate::event::{Departure, ServerEvent};
use crate::notes::is_worth_a_note;
use crate::relay::{Output, RelayLimits, SceneServer, SceneStatistics};
use crate::scene;
use crate::transfer::{TransferChannel, TransferMode};
use crate::{PeerId, SendError, ServerOptions, Target};

/// A server that stock Godot 4 projects join with `ENetMultiplayerPeer.create_client`.
///
/// Clients see each other and call each other's methods through it, as with a server that runs in Godot. It does its work while
/// [`next_event`](GodotServer::next_event) is waited for (connections are kept up in any case), so wait for it all the time.
/// The other methods do not wait and can be called from any thread.
///
/// # What clients may do to each other
///
/// The packets of one client hold up nobody else's. Clients take turns, and each may have so many copies of its packets made in a
/// second ([`ServerOptions::relay_rate`]). What a receiver does not take at once waits for it in a queue for each sender, of which it is
/// given in turn.
///
/// - A client that sends more than is taken is slowed down, as over a slow line: when the server holds a quarter of
///   [`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data) (32 MiB by default) of its packets for others, it reads
///   no more from it. Unreliable packets are left out instead. A client that goes on although it was slowed down is disconnected:
///   [`Departure::TooFast`].
/// - A client for whom more waits must take a sixteenth of `max_queued_data` in
///   [`HostConfig::slow_peer_timeout`](enet_proto::HostConfig::slow_peer_timeout), 35 KB/s by default, or less if
///   [`ServerOptions::outgoing_bandwidth`] does not allow so much for each. It is judged every twelfth of that time, every 5 s by
///   default, and disconnected if it takes less: [`Departure::TooSlow`]. So is one for whom `max_queued_data` of the program's own
///   packets wait.
///
/// Who is disconnected is sent the reason as a number: [`Departure::TOO_SLOW`], [`Departure::TOO_FAST`].
///
/// # What thousands cost
///
/// Clients are told of each other, so n clients cost n² packets of 10 bytes, and as many acknowledgements. The server sends up to
/// 400 000 of them a second while there are some to send, packed into few datagrams, those first that concern clients which have
/// spoken: 1000 clients know each other after some 3 s, 4000 after 40 s. Meanwhile packets go their way; each receiver is told of a
/// sender before it hears from it.
///
/// # Authentication
///
/// The server completes the authentication of a client with an `auth_callback` together with the client: that one may send what it
/// likes by `send_auth`, gets nothing back, and is in when it has called `complete_auth(1)`. Until then it is told of nobody and
/// nobody of it. One that begins only some time after it has connected is known to the others before. Nothing changes for
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
///         _ => {}
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

/// How many packets are sent before others get their turn, and how many events are taken.
const SENT_AT_A_TIME: usize = 1024;
const TAKEN_AT_A_TIME: usize = 256;

/// What may be queued for a connection, in bytes: at least this, or twice its window. What waits beyond it has an order no more.
const LEAST_QUEUED: usize = 64 * 1024;

#[derive(Debug)]
struct State {
    scene: SceneServer<PeerHandle>,
    calls: Calls,
    events: VecDeque<ServerEvent>,
    /// The endpoint gives no more events.
    ended: bool,
    too_slow: u64,
    too_fast: u64,
    bad_calls: u64,
    unsent: u64,
}

/// What is left after a turn.
#[derive(Debug)]
enum Left {
    /// An event for the program, or the end.
    Event(Option<ServerEvent>),
    /// Something, at once.
    Little,
    /// Something, when others have had their turn.
    Much,
    /// Nothing, until then.
    Wait(Option<Time>),
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
    /// Calls of the server, and of clients for it.
    pub calls: CallStatistics,
    /// What went over the network.
    pub endpoint: EndpointStatistics,
    /// Clients in the session now.
    pub clients: usize,
    /// Clients disconnected because they were [too slow](Departure::TooSlow).
    pub too_slow: u64,
    /// Clients disconnected because they were [too fast](Departure::TooFast).
    pub too_fast: u64,
    /// Clients disconnected because of [bad calls](Departure::BadCalls).
    pub bad_calls: u64,
    /// Packets left out: unreliable ones of clients that sent more than is taken or than they may, and those for a connection without
    /// such a channel.
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
        let limits = options.relay_limits();
        let calls = Calls::new(PeerId::SERVER, options.calls.clone());
        let endpoint = EventEndpoint::bind(address, options.into_config()).await?;
        let limits = RelayLimits {
            ledger: endpoint.ledger(),
            ..limits
        };
        let state = State {
            scene: SceneServer::with_limits(relay, limits),
            calls,
            events: VecDeque::new(),
            ended: false,
            too_slow: 0,
            too_fast: 0,
            bad_calls: 0,
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
            let due = match self.turn() {
                Left::Event(event) => return event,
                Left::Little => continue,
                Left::Much => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Left::Wait(due) => due,
            };
            // Overdue or not: the next turn looks at the clock again.
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
                    Some(event) => self.take(&mut self.lock(), event),
                    None => self.lock().ended = true,
                },
                room = self.endpoint.next_room() => {
                    if let Some(key) = room {
                        self.see_to_room(&mut self.lock(), key);
                    }
                }
                () = timer => {}
            }
        }
    }

    /// Does some of what is to be done, and takes some of what has come.
    fn turn(&self) -> Left {
        let mut state = self.lock();
        let state = &mut *state;
        while let Some(key) = self.endpoint.try_next_room() {
            self.see_to_room(state, key);
        }
        state.scene.handle_timeout(self.now());
        let more = self.carry_out(state, SENT_AT_A_TIME);
        // Calls are read one at a time, as values take more memory than their bytes.
        while let Some(event) = state.events.pop_front() {
            if let Some(event) = self.hear(state, event) {
                return Left::Event(Some(event));
            }
        }
        // Several, so that senders can take turns. When there is none what was queued is sent.
        let events = std::iter::from_fn(|| self.endpoint.try_next_event()).take(TAKEN_AT_A_TIME);
        let taken = events.map(|event| self.take(state, event)).count();
        if more || taken == TAKEN_AT_A_TIME {
            Left::Much
        } else if taken > 0 || state.scene.has_output() {
            Left::Little
        } else if state.ended {
            Left::Event(None)
        } else {
            Left::Wait(state.scene.poll_timeout())
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
        self.send_with(&mut state, target, channel.enet_channel(mode), |state| {
            state.scene.send(target, channel, mode, data.into())
        })
    }

    /// Has the session send something on an ENet channel, at once. The fate of what is for a single client is reported.
    fn send_with(
        &self,
        state: &mut State,
        target: Target,
        channel: u8,
        send: impl FnOnce(&mut State) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        // What is to be sent already comes first.
        let _ = self.carry_out_ready(state, None);
        let due = state.scene.poll_timeout();
        let single = match target {
            Target::One(id) => state.scene.roster().key(id),
            Target::All | Target::AllBut(_) => None,
        };
        if let Some(key) = single {
            self.check(key, channel)?;
        }
        send(state)?;
        let result = self.carry_out_ready(state, single);
        if !state.events.is_empty() || state.scene.poll_timeout() != due {
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

    /// Disconnects a client as [`disconnect`](GodotServer::disconnect) does, after what was sent to it has been delivered: so it hears
    /// why. What is sent to it from now on is not taken. Until it has gone it is in the session, and what it sends comes in.
    pub fn disconnect_later(&self, id: PeerId, data: u32) -> bool {
        let key = self.lock().scene.roster().key(id);
        if let Some(key) = key {
            self.endpoint.disconnect_later(key, data);
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
            calls: state.calls.statistics(),
            endpoint,
            clients: state.scene.roster().len(),
            too_slow: state.too_slow,
            too_fast: state.too_fast,
            bad_calls: state.bad_calls,
            unsent: state.unsent + state.scene.statistics().unsent,
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

    fn take(&self, state: &mut State, event: Event) {
        let now = self.now();
        match event {
            Event::Connected { peer, data } => state.scene.peer_arrived(now, peer, data),
            Event::Disconnected { peer, reason } => state.scene.peer_disconnected(now, peer, reason.into()),
            Event::Received { peer, channel, packet } => state.scene.packet_received(peer, channel, packet),
        }
    }

    /// Does what the session asks for, some `most` things. Whether there is more.
    fn carry_out(&self, state: &mut State, most: usize) -> bool {
        for _ in 0..most {
            let Some(output) = state.scene.poll_output() else {
                return false;
            };
            match output {
                Output::Send { .. } => {
                    if let Err(error) = self.send_output(state, output) {
                        state.note_unsent(error);
                    }
                }
                output => self.carry_out_other(state, output),
            }
        }
        state.scene.has_output()
    }

    fn carry_out_other(&self, state: &mut State, output: Output<PeerHandle>) {
        match output {
            Output::Send { .. } => {}
            Output::Room(key) => self.see_to_room(state, key),
            Output::Weigh(key) => {
                if let Some(queued) = self.endpoint.inspect(key, Peer::queued_data) {
                    state.scene.set_queued(key, queued);
                }
            }
            Output::Hold(key) => self.endpoint.set_receiving(key, false),
            Output::Release { key, bytes } => {
                if self.endpoint.release_held(key, bytes) {
                    state.scene.set_held(key, bytes);
                }
            }
            Output::Lend { key, bytes } => self.endpoint.lend_room(key, bytes),
            Output::Drop { key, reason } => self.drop_client(state, key, reason),
            Output::Reset(key) => self.endpoint.reset(key),
            Output::Event(event) => self.sort(state, event),
        }
    }

    /// Sends a packet. One that has to arrive and has no room goes back.
    fn send_output(&self, state: &mut State, output: Output<PeerHandle>) -> Result<(), ConnectionError> {
        let Output::Send {
            to,
            ref outgoing,
            charged,
            ..
        } = output
        else {
            return Ok(());
        };
        let packet = outgoing.packet.clone();
        let sent = match charged {
            true => self.endpoint.send_charged(to, outgoing.channel, packet),
            false => self.endpoint.send(to, outgoing.channel, packet),
        };
        match sent {
            Err(ConnectionError::QueueFull { .. }) if outgoing.packet.mode == PacketMode::Reliable => {
                state.scene.put_back(self.now(), output);
                self.endpoint.notify_room(to, 0);
                Ok(())
            }
            // It leaves, and will be said to have left.
            Err(ConnectionError::NotConnected) => Ok(()),
            sent => sent,
        }
    }

    /// Does what the session asks for already, but for what waits for its turn. The fate of the last packet to `single` is reported.
    fn carry_out_ready(&self, state: &mut State, single: Option<PeerHandle>) -> Result<(), ConnectionError> {
        let mut result = Ok(());
        while let Some(output) = state.scene.poll_ready() {
            match output {
                Output::Send { to, .. } => {
                    let sent = self.send_output(state, output);
                    if let Err(error) = &sent {
                        state.note_unsent(error);
                    }
                    if single == Some(to) {
                        result = sent;
                    }
                }
                output => self.carry_out_other(state, output),
            }
        }
        result
    }

    /// Whether a connection takes packets on this channel at all.
    fn check(&self, key: PeerHandle, channel: u8) -> Result<(), SendError> {
        let count = self.endpoint.inspect(key, Peer::channel_count);
        let count = count.ok_or(ConnectionError::NotConnected)?;
        if usize::from(channel) < count {
            Ok(())
        } else {
            Err(ConnectionError::NoSuchChannel { channel, count }.into())
        }
    }

    /// Tells the session how much more a connection takes, now or when no more than half of what may be is queued.
    fn see_to_room(&self, state: &mut State, key: PeerHandle) {
        let look = |peer: &Peer| (peer.queued_data(), peer.usable_window() as usize);
        let Some((queued, window)) = self.endpoint.inspect(key, look) else {
            return;
        };
        let most = (2 * window).max(LEAST_QUEUED).min(state.scene.most_queued());
        if queued <= most / 2 {
            state.scene.set_room(self.now(), key, queued, most);
        } else {
            self.endpoint.notify_room(key, most / 2);
        }
    }

    fn drop_client(&self, state: &mut State, key: PeerHandle, reason: Departure) {
        let Some(id) = state.scene.roster().id(key) else { return };
        let (count, number) = match reason {
            Departure::TooFast => (&mut state.too_fast, Departure::TOO_FAST),
            Departure::BadCalls => (&mut state.bad_calls, Departure::BAD_CALLS),
            _ => (&mut state.too_slow, Departure::TOO_SLOW),
        };
        *count += 1;
        if is_worth_a_note(*count) {
            tracing::warn!(%id, count = *count, "disconnected: {reason}");
        }
        self.endpoint.disconnect_now(key, number);
        state.scene.peer_disconnected(self.now(), key, reason);
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
    fn note_unsent(&mut self, cause: impl Display) {
        self.unsent += 1;
        if is_worth_a_note(self.unsent) {
            tracing::debug!(%cause, count = self.unsent, "packet not sent");
        }
    }
}
