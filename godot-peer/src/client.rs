//! A Godot client on tokio.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::Time;
use enet_proto::compress::Compressor;
use enet_proto::{DisconnectReason, Event, PeerHandle, PeerStatistics, detach};
#[cfg(feature = "conditions")]
use enet_tokio::NetworkConditions;
use enet_tokio::{Address, ConnectError, EndpointStatistics, EventEndpoint, Peer, ToAddress};
use godot_variant::convert::IntoArguments;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::calls::{
    Call, CallError, CallOptions, CallStatistics, Calls, Heard, InvalidNodePath, PreparedPacket, UnknownNode,
};
use crate::event::ClientEvent;
use crate::guest::{ClientOutput, SceneClient};
use crate::scene::{self, Command, Interface, Message, Rpc};
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{ClientOptions, JoinError, PeerId, SendError, Target, UnknownTarget};

/// A client of a Godot 4 server, stock or ours: it sees the others in the session and talks to them through the server.
///
/// It follows the session while [`next_event`](GodotClient::next_event) is waited for (the connection is kept up in any case).
/// When it is dropped it leaves, in the background.
///
/// ```no_run
/// use godot_peer::scene::{Arguments, MethodId, Rpc};
/// use godot_peer::{ClientEvent, ClientOptions, GodotClient, Target, TransferChannel, TransferMode};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = GodotClient::connect("127.0.0.1:7777", ClientOptions::default()).await?;
/// let wave = MethodId::among(&["say", "wave"], "wave").expect("it is one of them");
/// let call = Rpc::new("Main/Chat", wave, Arguments::None);
/// client.send_rpc(Target::All, TransferChannel::ZERO, TransferMode::Reliable, &call)?;
/// while let Some(event) = client.next_event().await {
///     println!("{event:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GodotClient {
    endpoint: EventEndpoint,
    server: PeerHandle,
    id: PeerId,
    epoch: Instant,
    state: Mutex<State>,
    /// There is an event of the client's own.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    scene: SceneClient,
    calls: Calls,
    /// The client's own calls that are made here as well.
    local: VecDeque<Call>,
    over: bool,
}

impl GodotClient {
    /// Joins the session at `address`, under an id drawn at random. A name is resolved, and its addresses are tried one a quarter of
    /// a second after the other until one answers (RFC 8305); the last of them has
    /// [`Config::connect_timeout`](enet_tokio::Config::connect_timeout) to do so.
    ///
    /// As with Godot, a server that refuses new connections is joined at first, and falls silent then.
    ///
    /// # Errors
    ///
    /// At once if nobody can be at the address; if the name has no address, or none answers (a full server does not), or the own
    /// socket cannot be had.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the attempt is given up.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled, as everything in tokio does.
    pub async fn connect(address: impl ToAddress, options: ClientOptions) -> Result<GodotClient, JoinError> {
        GodotClient::begin(address, options, None).await
    }

    /// As [`connect`](GodotClient::connect), with a compressor of one's own, which the server must have as well. For those of
    /// Godot there is [`ClientOptions::with_compression`].
    pub async fn connect_compressed(
        address: impl ToAddress,
        options: ClientOptions,
        compressor: Box<dyn Compressor>,
    ) -> Result<GodotClient, JoinError> {
        GodotClient::begin(address, options, Some(compressor)).await
    }

    async fn begin(
        address: impl ToAddress,
        options: ClientOptions,
        compressor: Option<Box<dyn Compressor>>,
    ) -> Result<GodotClient, JoinError> {
        let address = address.to_address().map_err(ConnectError::Address)?;
        let id = PeerId::draw(getrandom::u32).map_err(|error| JoinError::Randomness(error.into()))?;
        let config = options.config();
        let endpoint = match options.bind_address {
            Some(local) => EventEndpoint::bind(local, config).await?,
            None => EventEndpoint::client(config)?,
        };
        if compressor.is_some() {
            endpoint.set_compressor(compressor);
        }
        let server = attempt(&endpoint, &address, &options, id).await?;
        let state = State {
            scene: SceneClient::new(),
            calls: Calls::new(id, options.calls.clone()),
            local: VecDeque::new(),
            over: false,
        };
        Ok(GodotClient {
            server,
            endpoint,
            id,
            epoch: Instant::now(),
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// This client's id.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// The address of the client's own socket.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// The others in the session: the server, and the clients it has told of.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerId> {
        self.lock().scene.peers().collect()
    }

    /// How the connection to the server does; `None` when it is over.
    #[must_use]
    pub fn statistics(&self) -> Option<PeerStatistics> {
        self.endpoint.inspect(self.server, Peer::statistics)
    }

    /// Counters of the protocol and the socket, since the client was made.
    #[must_use]
    pub fn endpoint_statistics(&self) -> EndpointStatistics {
        self.endpoint.statistics()
    }

    /// The address of the server; `None` when the connection is over.
    #[must_use]
    pub fn server_addr(&self) -> Option<SocketAddr> {
        self.endpoint.inspect(self.server, Peer::address)
    }

    /// Sends what is queued now, from the calling thread. Not needed for delivery: see
    /// [`EventEndpoint::flush`](EventEndpoint::flush).
    pub fn flush(&self) {
        self.endpoint.flush();
    }

    /// Sends a PING now, which is acknowledged and so measures the round trip time.
    pub fn ping(&self) {
        self.endpoint.ping(self.server);
    }

    /// Sets after how much silence a PING is sent. Zero for the default of 500 ms.
    pub fn set_ping_interval(&self, interval: Duration) {
        self.endpoint.set_ping_interval(self.server, interval);
    }

    /// Limits what the client receives and sends, each in bytes per second, 0 for unlimited. The server is told.
    pub fn set_bandwidth_limit(&self, incoming: u32, outgoing: u32) {
        self.endpoint.set_bandwidth_limit(incoming, outgoing);
    }

    /// Sets how the share of unreliable packets that is sent follows the round trip time, as `get_peer(1).throttle_configure` in
    /// Godot; the server is told to do the same. ENet's defaults are 5 s, 2 and 2, out of a scale of 32.
    pub fn configure_throttle(&self, interval: Duration, acceleration: u32, deceleration: u32) {
        self.endpoint
            .configure_throttle(self.server, interval, acceleration, deceleration);
    }

    /// Sets how many bytes a packet may have that is sent or arrives from now on.
    pub fn set_max_packet_size(&self, bytes: usize) {
        self.endpoint.set_max_packet_size(bytes);
    }

    /// Puts a bad network between this client and the server, for testing; ideal conditions take it away again.
    #[cfg(feature = "conditions")]
    pub fn set_conditions(&self, conditions: NetworkConditions) {
        self.endpoint.set_conditions(conditions);
    }

    /// The bad network that was put between this client and the server; ideal if there is none.
    #[cfg(feature = "conditions")]
    #[must_use]
    pub fn conditions(&self) -> NetworkConditions {
        self.endpoint.conditions()
    }

    /// Sets when the server counts as lost, as `get_peer(1).set_timeout` in Godot: when something has been unacknowledged for
    /// `minimum`, and for as long as it takes a waiting time that doubles with each resend to grow by the factor `limit`; or for
    /// `maximum` in any case. Zero for the defaults: 32, 5 s, 30 s.
    pub fn set_timeout(&self, limit: u32, minimum: Duration, maximum: Duration) {
        self.endpoint.set_timeout(self.server, limit, minimum, maximum);
    }

    /// Messages from the server that were dropped because they were malformed or out of place.
    #[must_use]
    pub fn malformed_messages(&self) -> u64 {
        self.lock().scene.malformed()
    }

    /// The next event; `None` after [`ClientEvent::Disconnected`], or when the client was closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost.
    pub async fn next_event(&self) -> Option<ClientEvent> {
        loop {
            {
                let mut state = self.lock();
                if let Some(call) = state.local.pop_front() {
                    return Some(ClientEvent::Call(call));
                }
                while let Some(output) = state.scene.poll_output() {
                    match output {
                        ClientOutput::Event(event) => {
                            if let Some(event) = state.hear(self.now(), event) {
                                return Some(event);
                            }
                        }
                        ClientOutput::Send(outgoing) => {
                            if let Err(error) = self.endpoint.send(self.server, outgoing.channel, outgoing.packet) {
                                tracing::debug!(%error, "packet not sent");
                            }
                        }
                    }
                }
                if state.over {
                    return None;
                }
            }
            let event = tokio::select! {
                biased;
                () = self.changed.notified() => continue,
                event = self.endpoint.next_event() => event,
            };
            match event {
                Some(Event::Received { channel, packet, .. }) => self.lock().scene.packet_received(channel, packet),
                Some(Event::Disconnected { peer, reason }) if peer == self.server => {
                    self.lock().over = true;
                    // As in Godot, who closes is not told that the server is gone.
                    if reason != DisconnectReason::Local {
                        return Some(ClientEvent::Disconnected { reason: reason.into() });
                    }
                }
                // What is left of an address that was tried in vain.
                Some(Event::Connected { .. } | Event::Disconnected { .. }) => {}
                None => self.lock().over = true,
            }
        }
    }

    /// Sends a packet as `SceneMultiplayer` does: to the server as it is, to others in the server's care. It must be one of the
    /// messages in [`scene`] to be understood there.
    ///
    /// # Errors
    ///
    /// If nobody in the session has the id, or the connection does not take the packet.
    pub fn send(
        &self,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        data: impl Into<Bytes>,
    ) -> Result<(), SendError> {
        let outgoing = self
            .lock()
            .scene
            .route(target.into(), channel, mode, detach(data.into()))?;
        if !outgoing.packet.data.is_empty() {
            self.endpoint.send(self.server, outgoing.channel, outgoing.packet)?;
        }
        Ok(())
    }

    /// Sends bytes of the program, as `SceneMultiplayer.send_bytes`: a Godot gets the signal `peer_packet`.
    ///
    /// # Errors
    ///
    /// As [`send`](GodotClient::send).
    pub fn send_bytes(
        &self,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        data: &[u8],
    ) -> Result<(), SendError> {
        self.send(target, channel, mode, scene::raw(data))
    }

    /// Adds a node that others can call, and that this client calls on them: see [`calls`](crate::calls). If it is there already, its
    /// methods are replaced, and its authority stays.
    ///
    /// Once a node was added, calls come as [`ClientEvent::Call`], and those for other nodes are refused. Before, they come as packets.
    ///
    /// # Errors
    ///
    /// If no node has such a path.
    pub fn add_node(&self, path: &str, interface: &Interface) -> Result<(), InvalidNodePath> {
        let mut state = self.lock();
        let path = state.calls.add_node(path, interface)?;
        let checksum = state.calls.checksum(&path);
        state.scene.set_checksum(path, checksum);
        Ok(())
    }

    /// Takes a node away; whether it was there.
    pub fn remove_node(&self, path: &str) -> bool {
        let mut state = self.lock();
        let removed = state.calls.remove_node(path);
        removed.map(|path| state.scene.set_checksum(path, None)).is_some()
    }

    /// Says who may call methods of the mode "authority" on a node: at first the server, as in Godot. It is not sent to anyone; the
    /// others set it for themselves.
    ///
    /// # Errors
    ///
    /// If the node was not added.
    pub fn set_authority(&self, path: &str, peer: PeerId) -> Result<(), UnknownNode> {
        self.lock().calls.set_authority(path, peer)
    }

    /// Who has authority over a node.
    #[must_use]
    pub fn authority(&self, path: &str) -> Option<PeerId> {
        self.lock().calls.authority(path)
    }

    /// Calls a method on others, as `rpc` and `rpc_id`: the server, other clients, all of them. Channel and mode are the interface's.
    ///
    /// ```no_run
    /// # fn example(client: &godot_peer::GodotClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use godot_peer::Target;
    /// use godot_peer::scene::{Interface, Method};
    ///
    /// client.add_node("Main/Chat", &Interface::new().with("say", Method::any_peer()))?;
    /// client.call(Target::All, "Main/Chat", "say", ("hi", 3))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the node was not added, or does not have the method; if the arguments cannot be written; or as
    /// [`send`](GodotClient::send).
    pub fn call(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
    ) -> Result<(), CallError> {
        self.call_with(target, node, method, arguments, CallOptions::new())
    }

    /// As [`call`](GodotClient::call), on another channel or in another mode.
    ///
    /// # Errors
    ///
    /// As [`call`](GodotClient::call).
    pub fn call_with(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
        options: CallOptions,
    ) -> Result<(), CallError> {
        let target = target.into();
        let mut state = self.lock();
        let state = &mut *state;
        let receivers: Vec<PeerId> = state.scene.peers().filter(|&id| target.includes(id)).collect();
        let is_known = |id: PeerId| id == self.id || state.scene.peers().any(|other| other == id);
        if target.named().is_some_and(|id| !is_known(id)) {
            return Err(SendError::from(UnknownTarget(target)).into());
        }
        let arguments = arguments.into_arguments();
        let prepared = state.calls.call(target, &receivers, node, method, arguments, options)?;
        if let Some(call) = prepared.local {
            state.local.push_back(call);
            self.changed.notify_one();
        }
        let mut result = Ok(());
        for PreparedPacket { to, offer, call } in prepared.packets {
            let sent =
                offer.map(|offer| self.send_routed(state, to, TransferChannel::ZERO, TransferMode::Reliable, offer));
            if let Some(Err(_)) = sent {
                state.calls.offer_lost(to, node);
            }
            let sent = self.send_routed(state, to, prepared.channel, prepared.mode, call);
            result = result.and(sent);
        }
        Ok(result?)
    }

    fn send_routed(
        &self,
        state: &State,
        to: PeerId,
        channel: TransferChannel,
        mode: TransferMode,
        data: Bytes,
    ) -> Result<(), SendError> {
        let Outgoing { channel, packet } = state.scene.route(Target::One(to), channel, mode, data)?;
        Ok(self.endpoint.send(self.server, channel, packet)?)
    }

    /// A peer has told, by a call of the game, that its scene is there. Nodes that it did not confirm, because it did not have them,
    /// are offered again when they are called. Calls to them carry the path until then, and in any case.
    pub fn scene_ready(&self, peer: PeerId) {
        self.lock().calls.scene_ready(peer);
    }

    /// Counts a call among the refused ones of its sender: the program finds it bad.
    pub fn refuse(&self, call: &Call, why: impl Display) {
        self.lock().calls.refuse(call, &why);
    }

    /// What was done with calls since the client was made.
    #[must_use]
    pub fn call_statistics(&self) -> CallStatistics {
        self.lock().calls.statistics()
    }

    /// How many calls of a peer were refused.
    #[must_use]
    pub fn refused_calls(&self, peer: PeerId) -> u64 {
        self.lock().calls.refused(peer)
    }

    /// Sends a call as it is. Godot takes channel and mode from the method's annotation: give the same.
    ///
    /// # Errors
    ///
    /// As [`send`](GodotClient::send).
    pub fn send_rpc(
        &self,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        call: &Rpc,
    ) -> Result<(), SendError> {
        self.send(target, channel, mode, call.to_bytes())
    }

    /// Leaves the session gracefully: what is queued is delivered and the server is told, with a number to see (Godot passes 0).
    ///
    /// # Cancel safety
    ///
    /// Once polled it goes on, whether it is waited for or not.
    pub async fn close(&self, data: u32) {
        self.endpoint.shutdown(data).await;
    }

    /// Leaves at once, as `close()` in Godot: the server is told once, with a number to see, and what is queued is lost.
    ///
    /// # Cancel safety
    ///
    /// Once polled it goes on, whether it is waited for or not.
    pub async fn close_now(&self, data: u32) {
        self.endpoint.shutdown_now(data).await;
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the program is told of an event, if anything.
    fn hear(&mut self, now: Time, event: ClientEvent) -> Option<ClientEvent> {
        match event {
            ClientEvent::Packet(packet) => {
                if Command::of(&packet.data) == Some(Command::ConfirmPath)
                    && let Ok(Message::ConfirmPath(confirmation)) = packet.message()
                    && self.calls.confirmed(packet.from, &confirmation)
                {
                    return None;
                }
                match self.calls.packet_received(now, packet) {
                    Heard::Packet(packet) => Some(ClientEvent::Packet(packet)),
                    Heard::Call(call) => Some(ClientEvent::Call(call)),
                    Heard::Refused { .. } => None,
                }
            }
            ClientEvent::PeerDisconnected { id } => {
                self.calls.peer_disconnected(id);
                self.calls.forget(id);
                Some(event)
            }
            event => Some(event),
        }
    }
}

/// Connects to an address, or whichever of those that a name has.
async fn attempt(
    endpoint: &EventEndpoint,
    address: &Address,
    options: &ClientOptions,
    id: PeerId,
) -> Result<PeerHandle, ConnectError> {
    let addresses = address.resolve().await?;
    let server = endpoint.connect_any(&addresses, options.enet_channels(), id.connect_data())?;
    let answer = async {
        loop {
            match endpoint.next_event().await {
                Some(Event::Connected { peer, .. }) if peer == server => return Ok(()),
                Some(Event::Disconnected { peer, reason }) if peer == server => return Err(Some(reason)),
                Some(_) => {}
                None => return Err(None),
            }
        }
    };
    let after = endpoint.connect_timeout(addresses.len());
    let to = address.describe(&addresses);
    match timeout(after, answer).await {
        Ok(Ok(())) => Ok(server),
        Ok(Err(reason)) => Err(endpoint.connect_failure(server, to, after, reason)),
        Err(_) => {
            let error = endpoint.connect_failure(server, to, after, None);
            // In case the server answers later.
            endpoint.disconnect_now(server, 0);
            Err(error)
        }
    }
}
