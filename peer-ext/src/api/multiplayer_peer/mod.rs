//! `RustENetMultiplayerPeer`, in place of `ENetMultiplayerPeer`.

mod buffers;
mod drive;
mod sending;
mod session;
mod setters;
mod state;
mod virtuals;

use std::sync::{Arc, Mutex};

pub(crate) use buffers::{answer_with, read_from};
use enet_tokio::PeerState;
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::classes::{MultiplayerPeerExtension, TlsOptions};
use godot::global::Error;
use godot::prelude::*;
use godot::register::property::PhantomVar;
use godot_peer::{PeerId, enet_channel_count};

use self::session::{Farewells, Mode, Session, SessionHost};
use self::state::{Options, State};
use super::connection::{self, MAX_CHANNELS, MAX_PEERS};
use super::enums::DisconnectReason;
use super::handed_out::HandedOut;
use super::monitors::{Monitor, Monitors};
use super::tls::{self, OptionalTls};
use super::{RustENetConnection, RustENetPacketPeer};
use crate::net::{Held, HostLink, HostOptions, PeerLink, parse_address};

/// How many clients a server can be asked for with `allow_large_servers`.
const MAX_LARGE: i64 = 65_535;

/// A [MultiplayerPeer] over ENet that keeps the connection while the game is busy; in place of [ENetMultiplayerPeer].
///
/// Every method, argument, constant and answer is that of [ENetMultiplayerPeer], and so is the protocol: replace
/// [code]ENetMultiplayerPeer.new()[/code] by [code]RustENetMultiplayerPeer.new()[/code] and play with stock peers on the other
/// side, in any mix. (It is another class: [code]peer is ENetMultiplayerPeer[/code] and variables typed so do not fit.)
///
/// The network runs in a thread of its own. [method MultiplayerPeer.poll] only takes what has come; a game that loads for half a
/// minute is not dropped, and no packet is lost by it. Packets leave as soon as they are put.
///
/// All of it may be used from any thread, as of its model; who sends or polls from several at once has to agree on an order.
///
/// Where it is better than its model: [method create_server] uses [code]max_channels[/code] and [code]in_bandwidth[/code] as
/// their names say; host names are looked up without blocking (a name without an address ends the attempt as a server that does
/// not answer does); IPv6 works in every build of Godot; a network that is down for a while does not end a server; a client that
/// is refused ([member MultiplayerPeer.refuse_new_connections]) is told so, rather than left to find out by a time-out; and it
/// can be asked why a peer went ([method get_disconnect_reason]), also if there was no encrypted session.
#[derive(GodotClass)]
#[class(init, base = MultiplayerPeerExtension, tool)]
pub(crate) struct RustENetMultiplayerPeer {
    /// The connection of a server or client.
    #[var(get = get_host, no_set)]
    host: PhantomVar<Option<Gd<RustENetConnection>>>,
    /// Lets [method create_server] take up to 65535 clients, rather than the 4095 of [ENetMultiplayerPeer]. Not in
    /// [ENetMultiplayerPeer].
    #[var(get = get_allow_large_servers, set = set_allow_large_servers)]
    allow_large_servers: PhantomVar<bool>,
    /// How many bytes may be queued for one peer, or unacknowledged, 33554432 (32 MiB) if not set. A peer with nothing queued takes
    /// a packet of any size up to 32 MiB. Holds for sessions that begin later; see [member full_queue] for what happens beyond it.
    /// Not in [ENetMultiplayerPeer], which takes memory without end.
    #[var(get = get_max_queued_bytes, set = set_max_queued_bytes)]
    max_queued_bytes: PhantomVar<i64>,
    /// What is done with a reliable packet for a peer that has [member max_queued_bytes] queued, one of the constants
    /// [code]FULL_QUEUE_*[/code]. Not in [ENetMultiplayerPeer].
    ///
    /// [constant FULL_QUEUE_REFUSE]: [method PacketPeer.put_packet] answers [constant ERR_BUSY] and nothing is sent, to nobody.
    /// Whoever calls it has to try again later. [constant FULL_QUEUE_DISCONNECT]: the peer is disconnected,
    /// with [code]REASON_TOO_SLOW[/code]; a packet for it alone is answered by [constant ERR_BUSY].
    /// [constant FULL_QUEUE_AUTO], which it is at first, is the second while a [MultiplayerAPI] uses this peer, since that does
    /// not look at the answer: a remote call would be missing, and those after it arrive. Else it is the first. Unreliable packets
    /// never end a connection; they go to those who have room, and [constant ERR_BUSY] says that nobody had.
    #[var(get = get_full_queue, set = set_full_queue)]
    full_queue: PhantomVar<i64>,
    /// For how many milliseconds a packet of [constant MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED] may wait for
    /// [method MultiplayerPeer.poll], 1000 if not set, 0 for ever. One that has waited for longer is dropped if there is a newer
    /// one of its sender on its channel: after half a minute of loading a game wants where everybody is, not where they were.
    /// Reliable packets always wait, and [constant MultiplayerPeer.TRANSFER_MODE_UNRELIABLE] ones too, as each of them may mean
    /// something else; but not more than the 2048 newest of a sender and channel. Not in [ENetMultiplayerPeer], whose socket
    /// keeps the oldest 200 KiB.
    #[var(get = get_stale_after_ms, set = set_stale_after_ms)]
    stale_after_ms: PhantomVar<i64>,
    /// Whether a farewell that anybody on the way could have sent, such as that of [method MultiplayerPeer.close], is doubted
    /// until the peer turns out to be silent; [signal MultiplayerPeer.peer_disconnected] comes that much later than with
    /// [ENetMultiplayerPeer]. [code]true[/code] if not set. Holds for sessions that begin later. Not in [ENetMultiplayerPeer].
    #[var(get = get_doubt_disconnects, set = set_doubt_disconnects)]
    doubt_disconnects: PhantomVar<bool>,
    /// A bad network between this peer and all others, for testing on one machine; empty for none. Can be changed at any time,
    /// and holds for sessions to come as well. Not in [ENetMultiplayerPeer].
    ///
    /// The keys [code]incoming[/code] and [code]outgoing[/code] are dictionaries of [code]delay_ms[/code],
    /// [code]jitter_ms[/code], [code]loss[/code], [code]duplication[/code], [code]reordering[/code] (0.0 to 1.0),
    /// [code]reordering_delay_ms[/code] and [code]bytes_per_second[/code], each of which may be left out. Equal numbers under
    /// [code]seed[/code] draw the same accidents.
    #[var(get = get_network_conditions, set = set_network_conditions)]
    network_conditions: PhantomVar<VarDictionary>,
    state: Mutex<State>,
    handed_out: Mutex<HandedOut>,
    monitors: Monitors,
    base: Base<MultiplayerPeerExtension>,
}

#[godot_api]
impl RustENetMultiplayerPeer {
    /// Listens on a UDP port (0 for any, see [method RustENetConnection.get_local_port]) for up to [param max_clients] clients,
    /// who may have up to [param max_channels] transfer channels besides the default one (0 for all). The bandwidths are in bytes
    /// per second, 0 for unlimited.
    #[func(gd_self)]
    fn create_server(
        this: Gd<Self>,
        port: i64,
        #[opt(default = 32)] max_clients: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        let me = this.bind();
        let Some(most) = me.prepare(|options| if options.large_servers { MAX_LARGE } else { MAX_PEERS }) else {
            return Error::ERR_ALREADY_IN_USE;
        };
        let Ok(port) = u16::try_from(port) else {
            godot_error!("The port number must be between 0 and 65535 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        if !(1..=most).contains(&max_clients) {
            godot_error!("The number of clients must be between 1 and {most} (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        }
        let Some((in_bandwidth, out_bandwidth)) = bandwidths(in_bandwidth, out_bandwidth) else {
            return Error::ERR_INVALID_PARAMETER;
        };
        let options = {
            let state = me.state();
            HostOptions {
                bind: state.bind_ip,
                port,
                max_peers: max_clients as usize,
                channel_limit: channel_limit(max_channels),
                in_bandwidth,
                out_bandwidth,
                accept: true,
                max_queued: state.options.max_queued,
                doubt_disconnects: state.options.doubt_disconnects,
            }
        };
        let Some(link) = open(&options) else {
            return Error::ERR_CANT_CREATE;
        };
        let encryption = me.state().options.server_encryption.clone();
        if encryption.is_some_and(|encryption| !link.encrypt(encryption)) {
            return Error::ERR_CANT_CREATE;
        }
        let id = PeerId::SERVER.number();
        let session = Session::new(Mode::Server, id, ConnectionStatus::CONNECTED);
        me.begin(session, Some(link))
    }

    /// Connects to a server, with [param channel_count] transfer channels besides the default one (0 for all), and from
    /// [param local_port] if that is not 0. The bandwidths are in bytes per second, 0 for unlimited.
    ///
    /// What is set between this and the first [method MultiplayerPeer.poll], as by [method RustENetConnection.compress], holds
    /// for the first datagram.
    #[func(gd_self)]
    fn create_client(
        this: Gd<Self>,
        address: GString,
        port: i64,
        #[opt(default = 0)] channel_count: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
        #[opt(default = 0)] local_port: i64,
    ) -> Error {
        let me = this.bind();
        if me.prepare(|_| ()).is_none() {
            return Error::ERR_ALREADY_IN_USE;
        }
        let Some((in_bandwidth, out_bandwidth)) = bandwidths(in_bandwidth, out_bandwidth) else {
            return Error::ERR_INVALID_PARAMETER;
        };
        let Ok(local_port) = u16::try_from(local_port) else {
            godot_error!("The local port number must be between 0 and 65535 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        let Some(port) = u16::try_from(port).ok().filter(|port| *port > 0) else {
            godot_error!("The remote port number must be between 1 and 65535 (inclusive).");
            return Error::ERR_CANT_CREATE;
        };
        let options = {
            let state = me.state();
            HostOptions {
                // As in the model, which binds only where a port is named.
                bind: state.bind_ip.filter(|_| local_port > 0),
                port: local_port,
                max_peers: 1,
                channel_limit: MAX_CHANNELS as usize,
                in_bandwidth,
                out_bandwidth,
                accept: false,
                max_queued: state.options.max_queued,
                doubt_disconnects: state.options.doubt_disconnects,
            }
        };
        let Some(link) = open(&options) else {
            return Error::ERR_CANT_CREATE;
        };
        let trust = me.state().options.client_trust.clone();
        if let Some(trust) = trust {
            let encryption = tls::client(&trust.named(&address.to_string()));
            if encryption.map(|encryption| link.encrypt(encryption)) != Ok(true) {
                return Error::ERR_CANT_CREATE;
            }
        }
        let id = i32::try_from(this.generate_unique_id()).unwrap_or(i32::MAX);
        let channels = channel_limit(channel_count) as i64;
        let Some(server) = connection::dial(&link, &address.to_string(), port, channels, id.cast_unsigned()) else {
            return Error::ERR_CANT_CREATE;
        };
        let mut session = Session::new(Mode::Client, id, ConnectionStatus::CONNECTING);
        session.admit(PeerId::SERVER.number(), server);
        me.begin(session, Some(link))
    }

    /// Begins a mesh, in which each peer is connected with each other, as the peer [param unique_id]. The connections are made
    /// with [RustENetConnection] and added by [method add_mesh_peer].
    #[func(gd_self)]
    fn create_mesh(this: Gd<Self>, unique_id: i64) -> Error {
        let Some(id) = i32::try_from(unique_id).ok().filter(|id| *id > 0) else {
            godot_error!("The unique ID must be between 1 and 2147483647 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        let session = Session::new(Mode::Mesh, id, ConnectionStatus::CONNECTED);
        this.bind().begin(session, None)
    }

    /// Makes the only peer of a connection, which must be connected, a member of the mesh.
    #[func(gd_self)]
    fn add_mesh_peer(this: Gd<Self>, peer_id: i64, host: Option<Gd<RustENetConnection>>) -> Error {
        let Some(host) = host else {
            godot_error!("There is no connection to add.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let me = this.bind();
        let is_mesh = |state: &State| matches!(&state.session, Some(session) if session.mode == Mode::Mesh);
        if !is_mesh(&me.state()) {
            godot_error!("Mesh peers can only be added to a mesh.");
            return Error::ERR_UNCONFIGURED;
        }
        let link = host.bind().link();
        let only_peer = link.as_ref().and_then(|link| match &link.peers()[..] {
            [peer] if peer.peer_state() == PeerState::Connected => Some(peer.clone()),
            _ => None,
        });
        let (Some(link), Some(peer)) = (link, only_peer) else {
            godot_error!("The connection must have exactly one peer, and that must be connected.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let id = peer_id as i32;
        let before = {
            let mut state = me.state();
            let State { session, options, .. } = &mut *state;
            let Some(session) = session else {
                // Another thread was quicker.
                return Error::ERR_UNCONFIGURED;
            };
            options.apply(&link);
            let object = Held::new(host);
            let struck = session.strike(id);
            session.admit(id, peer);
            (struck, session.hosts.insert(id, SessionHost { link, object }))
        };
        drop(before);
        me.tell_connected(&this, id);
        Error::OK
    }

    /// Has [method create_server] encrypt, whenever it is called from now on; see [method RustENetConnection.dtls_server_setup],
    /// which does the same for a session that was begun just now. Not in [ENetMultiplayerPeer].
    #[func(gd_self)]
    fn dtls_server_setup(this: Gd<Self>, server_options: Option<Gd<TlsOptions>>) -> Error {
        match tls::server(server_options) {
            Ok(encryption) => {
                let before = this.bind().state().options.server_encryption.replace(encryption);
                drop(before);
                Error::OK
            }
            Err(error) => error,
        }
    }

    /// Has [method create_client] encrypt, whenever it is called from now on; see [method RustENetConnection.dtls_client_setup],
    /// which does the same for a session that was begun just now. Without a [param hostname] the certificate has to be for the
    /// address that [method create_client] is given. Not in [ENetMultiplayerPeer].
    #[func(gd_self)]
    fn dtls_client_setup(
        this: Gd<Self>,
        #[opt(default = "")] hostname: GString,
        #[opt(default = OptionalTls::NULL)] client_options: OptionalTls,
    ) -> Error {
        let trust = match tls::trust(&hostname, client_options.into_object()) {
            Ok(trust) => trust,
            Err(error) => return error,
        };
        // What is wrong with it is better said now.
        if let Err(error) = tls::client(&trust.clone().named("localhost")) {
            return error;
        }
        let before = this.bind().state().options.client_trust.replace(trust);
        drop(before);
        Error::OK
    }

    /// Sets the address that [method create_server] binds to, and [method create_client] with a local port; [code]"*"[/code] for
    /// all addresses of this machine.
    #[func(gd_self)]
    fn set_bind_ip(this: Gd<Self>, ip: GString) {
        let text = ip.to_string();
        match parse_address(&text) {
            None if text != "*" => godot_error!("Invalid bind IP address: {text}"),
            address => this.bind().state().bind_ip = address,
        }
    }

    /// The connection of a server or client.
    #[func]
    fn get_host(&self) -> Option<Gd<RustENetConnection>> {
        let host = self.with_session(|session| session.host().map(|host| host.object.object()))?;
        if host.is_none() {
            godot_error!("A mesh has a connection for each of its peers.");
        }
        host
    }

    /// The end of the connection to a peer.
    #[func]
    fn get_peer(&self, id: i64) -> Option<Gd<RustENetPacketPeer>> {
        let named = |session: &mut Session| {
            let id = i32::try_from(id).ok()?;
            session.members.get(&id).cloned()
        };
        let peer = self.with_session(named)?;
        if peer.is_none() {
            godot_error!("There is no peer {id}.");
        }
        peer.as_ref().map(PeerLink::object)
    }

    /// Whether [member allow_large_servers] is set.
    #[func]
    fn get_allow_large_servers(&self) -> bool {
        self.state().options.large_servers
    }

    /// Sets [member allow_large_servers].
    #[func(gd_self, rename = set_allow_large_servers)]
    fn put_allow_large_servers(this: Gd<Self>, allow: bool) {
        this.bind().change_allow_large_servers(allow);
    }

    /// What [member max_queued_bytes] is.
    #[func]
    fn get_max_queued_bytes(&self) -> i64 {
        i64::try_from(self.state().options.max_queued).unwrap_or(i64::MAX)
    }

    /// Sets [member max_queued_bytes].
    #[func(gd_self, rename = set_max_queued_bytes)]
    fn put_max_queued_bytes(this: Gd<Self>, bytes: i64) {
        this.bind().change_max_queued_bytes(bytes);
    }

    /// What [member full_queue] is.
    #[func]
    fn get_full_queue(&self) -> i64 {
        self.state().options.full_queue.0
    }

    /// Sets [member full_queue].
    #[func(gd_self, rename = set_full_queue)]
    fn put_full_queue(this: Gd<Self>, what: i64) {
        this.bind().change_full_queue(what);
    }

    /// What [member stale_after_ms] is.
    #[func]
    fn get_stale_after_ms(&self) -> i64 {
        self.stale_after()
    }

    /// Sets [member stale_after_ms].
    #[func(gd_self, rename = set_stale_after_ms)]
    fn put_stale_after_ms(this: Gd<Self>, milliseconds: i64) {
        this.bind().change_stale_after_ms(milliseconds);
    }

    /// What [member doubt_disconnects] is.
    #[func]
    fn get_doubt_disconnects(&self) -> bool {
        self.state().options.doubt_disconnects
    }

    /// Sets [member doubt_disconnects].
    #[func(gd_self, rename = set_doubt_disconnects)]
    fn put_doubt_disconnects(this: Gd<Self>, doubt: bool) {
        this.bind().change_doubt_disconnects(doubt);
    }

    /// What [member network_conditions] is.
    #[func]
    fn get_network_conditions(&self) -> VarDictionary {
        let given = self.state().options.conditions_given.clone();
        given.duplicate_deep()
    }

    /// Sets [member network_conditions].
    #[func(gd_self, rename = set_network_conditions)]
    fn put_network_conditions(this: Gd<Self>, conditions: VarDictionary) {
        this.bind().change_network_conditions(conditions);
    }

    /// Why the last peer with this id went, also in a handler of [signal MultiplayerPeer.peer_disconnected];
    /// [code]REASON_NONE[/code] if none has. On a client, ask for peer 1, also when it could not connect. Not in
    /// [ENetMultiplayerPeer].
    ///
    /// [code]REASON_BY_PEER[/code]: it left, see [method get_disconnect_data]. [code]REASON_BY_US[/code]: this side ended the
    /// connection. [code]REASON_TIMED_OUT[/code]: it does not answer any more. [code]REASON_NO_ANSWER[/code]: it has never
    /// answered; nobody is there, or the server is full, which it leaves unanswered as every ENet host does.
    /// [code]REASON_REFUSED[/code]: the server takes nobody at present (only a server of this class says so).
    /// [code]REASON_NO_ADDRESS[/code]: its name has no address.
    /// [code]REASON_NETWORK_FAILED[/code]: the socket is broken. [code]REASON_TOO_SLOW[/code]: one side had more for the other
    /// than that took in, see [member full_queue].
    #[func]
    fn get_disconnect_reason(&self, peer_id: i64) -> DisconnectReason {
        let id = i32::try_from(peer_id).unwrap_or(0);
        let farewell = self.state().farewells.of(id);
        DisconnectReason(farewell.map_or(0, |farewell| i64::from(farewell.why as u8)))
    }

    /// The number that the last peer with this id passed along when it left, else 0. Not in [ENetMultiplayerPeer].
    #[func]
    fn get_disconnect_data(&self, peer_id: i64) -> i64 {
        let id = i32::try_from(peer_id).unwrap_or(0);
        let farewell = self.state().farewells.of(id);
        farewell.map_or(0, |farewell| i64::from(farewell.data))
    }

    /// Adds monitors of this peer to [Performance], and so to the editor's debugger, as [code]category/name[/code]: round trip
    /// time, loss, bytes and datagrams per second as they are on the wire, resent commands and queue lengths. They are removed
    /// with the peer or by [method remove_monitors]. Not in [ENetMultiplayerPeer].
    #[func(gd_self)]
    fn add_monitors(this: Gd<Self>, #[opt(default = "ENet")] category: GString) {
        let me = this.bind();
        me.monitors.add(this.clone(), category.to_string());
    }

    /// Removes what [method add_monitors] has added. Not in [ENetMultiplayerPeer].
    #[func(gd_self)]
    fn remove_monitors(this: Gd<Self>) {
        this.bind().monitors.remove();
    }

    /// The present value of a monitor by its name, such as [code]round_trip_time_ms[/code], whether it was added or not; see
    /// [method get_monitor_names]. Not in [ENetMultiplayerPeer].
    #[func(gd_self)]
    fn get_monitor(this: Gd<Self>, name: GString) -> f64 {
        let Some(monitor) = Monitor::by_name(&name.to_string()) else {
            godot_error!("There is no monitor {name}.");
            return 0.0;
        };
        let me = this.bind();
        let hosts: Vec<_> = {
            let state = me.state();
            let hosts = state.session.iter().flat_map(|session| session.hosts.values());
            hosts.map(|host| host.link.clone()).collect()
        };
        me.monitors.value(monitor, &hosts)
    }

    /// The names of all monitors. Not in [ENetMultiplayerPeer].
    #[func]
    fn get_monitor_names(&self) -> PackedStringArray {
        Monitor::ALL
            .iter()
            .map(|monitor| GString::from(monitor.name()))
            .collect()
    }
}

impl RustENetMultiplayerPeer {
    /// Looks at the options before a session begins; `None` and an error line if there is one.
    fn prepare<R>(&self, look: impl FnOnce(&Options) -> R) -> Option<R> {
        {
            let mut state = self.state();
            if state.session.is_none() {
                state.refusing = false;
                return Some(look(&state.options));
            }
        }
        already_active();
        None
    }

    fn begin(&self, mut session: Session, host: Option<Arc<HostLink>>) -> Error {
        if let Some(link) = host {
            let object = Held::new(RustENetConnection::over(link.clone()));
            session.hosts.insert(session.id, SessionHost { link, object });
        }
        let mut state = self.state();
        if state.session.is_some() {
            drop(state);
            return already_active();
        }
        for host in session.hosts.values() {
            state.options.apply(&host.link);
        }
        state.session = Some(session);
        state.farewells = Farewells::default();
        state.generation += 1;
        Error::OK
    }

    /// Ends the session, if there is one; those who are connected are told.
    fn end(&self) {
        let session = {
            let mut state = self.state();
            let Some(session) = state.session.take() else { return };
            state.generation += 1;
            state.refusing = false;
            session
        };
        for host in session.hosts.values() {
            host.link.close();
        }
        let mut state = self.state();
        if state.session.is_none() {
            for (id, peer) in &session.members {
                state.farewells.note(*id, peer.farewell());
            }
        }
    }
}

impl Options {
    fn apply(&self, link: &HostLink) {
        link.set_conditions(self.conditions.clone());
        link.set_freshness(self.freshness);
    }
}

impl Drop for RustENetMultiplayerPeer {
    fn drop(&mut self) {
        self.monitors.remove();
        self.end();
    }
}

fn already_active() -> Error {
    godot_error!("The multiplayer peer is active already.");
    Error::ERR_ALREADY_IN_USE
}

fn open(options: &HostOptions) -> Option<Arc<HostLink>> {
    HostLink::open(options)
        .inspect_err(|error| godot_error!("Couldn't create an ENet host: {error}."))
        .ok()
}

fn bandwidths(incoming: i64, outgoing: i64) -> Option<(u32, u32)> {
    let limits = connection::bandwidth(incoming).zip(connection::bandwidth(outgoing));
    if limits.is_none() {
        godot_error!("A bandwidth limit must be between 0 (unlimited) and 4294967295 bytes per second.");
    }
    limits
}

/// How many ENet channels this many transfer channels are; 0 and less stand for all.
fn channel_limit(transfer_channels: i64) -> usize {
    enet_channel_count(usize::try_from(transfer_channels).unwrap_or(0))
}
