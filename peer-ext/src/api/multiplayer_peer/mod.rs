//! `RustENetMultiplayerPeer`, in place of `ENetMultiplayerPeer`.

mod buffers;
mod drive;
mod session;
mod virtuals;

use std::net::IpAddr;
use std::rc::Rc;

pub(crate) use buffers::{answer_with, read_from};
use enet_tokio::{Bytes, PeerState};
use godot::classes::MultiplayerPeerExtension;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::prelude::*;
use godot::register::property::PhantomVar;
use godot_peer::{PeerId, enet_channel_count};

use self::session::{Farewells, Mode, Session, SessionHost};
use super::conditions;
use super::connection::{self, MAX_CHANNELS, MAX_PEERS};
use super::enums::DisconnectReason;
use super::monitors::{Monitor, Monitors};
use super::{RustENetConnection, RustENetPacketPeer};
use crate::net::{HostLink, HostOptions, PeerLink, parse_address};

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
/// Where it is better than its model: [method create_server] uses [code]max_channels[/code] and [code]in_bandwidth[/code] as
/// their names say; host names are looked up without blocking (a name without an address ends the attempt as a server that does
/// not answer does); IPv6 works in every build of Godot; a network that is down for a while does not end a server; a client that
/// is refused ([member MultiplayerPeer.refuse_new_connections]) is told so, rather than left to find out by a time-out; and it
/// can be asked why a peer went ([method get_disconnect_reason]). DTLS is not there yet.
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
    large_servers: bool,
    /// A bad network between this peer and all others, for testing on one machine; empty for none. Can be changed at any time,
    /// and holds for sessions to come as well. Not in [ENetMultiplayerPeer].
    ///
    /// The keys [code]incoming[/code] and [code]outgoing[/code] are dictionaries of [code]delay_ms[/code],
    /// [code]jitter_ms[/code], [code]loss[/code], [code]duplication[/code], [code]reordering[/code] (0.0 to 1.0),
    /// [code]reordering_delay_ms[/code] and [code]bytes_per_second[/code], each of which may be left out. Equal numbers under
    /// [code]seed[/code] draw the same accidents.
    #[var(get = get_network_conditions, set = set_network_conditions)]
    network_conditions: PhantomVar<VarDictionary>,
    conditions: VarDictionary,
    session: Option<Session>,
    /// Grows with each session that begins or ends, so that one notices that a signal's handler ended it.
    generation: u64,
    polls: u64,
    bind_ip: Option<IpAddr>,
    target: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,
    refusing: bool,
    /// The packet that Godot was given last, which it reads after the call.
    handed_out: Bytes,
    farewells: Farewells,
    monitors: Monitors,
    base: Base<MultiplayerPeerExtension>,
}

#[godot_api]
impl RustENetMultiplayerPeer {
    /// Listens on a UDP port (0 for any, see [method RustENetConnection.get_local_port]) for up to [param max_clients] clients,
    /// who may have up to [param max_channels] transfer channels besides the default one (0 for all). The bandwidths are in bytes
    /// per second, 0 for unlimited.
    #[func]
    fn create_server(
        &mut self,
        port: i64,
        #[opt(default = 32)] max_clients: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        if !self.check_inactive() {
            return Error::ERR_ALREADY_IN_USE;
        }
        self.refusing = false;
        let Ok(port) = u16::try_from(port) else {
            godot_error!("The port number must be between 0 and 65535 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        let most = if self.large_servers { MAX_LARGE } else { MAX_PEERS };
        if !(1..=most).contains(&max_clients) {
            godot_error!("The number of clients must be between 1 and {most} (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        }
        let Some((in_bandwidth, out_bandwidth)) = bandwidths(in_bandwidth, out_bandwidth) else {
            return Error::ERR_INVALID_PARAMETER;
        };
        let options = HostOptions {
            bind: self.bind_ip,
            port,
            max_peers: max_clients as usize,
            channel_limit: channel_limit(max_channels),
            in_bandwidth,
            out_bandwidth,
            accept: true,
        };
        let Some(link) = open(&options) else {
            return Error::ERR_CANT_CREATE;
        };
        let id = PeerId::SERVER.number();
        let session = Session::new(Mode::Server, id, ConnectionStatus::CONNECTED);
        self.begin(session, Some(link));
        Error::OK
    }

    /// Connects to a server, with [param channel_count] transfer channels besides the default one (0 for all), and from
    /// [param local_port] if that is not 0. The bandwidths are in bytes per second, 0 for unlimited.
    ///
    /// What is set between this and the first [method MultiplayerPeer.poll], as by [method RustENetConnection.compress], holds
    /// for the first datagram.
    #[func]
    fn create_client(
        &mut self,
        address: GString,
        port: i64,
        #[opt(default = 0)] channel_count: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
        #[opt(default = 0)] local_port: i64,
    ) -> Error {
        if !self.check_inactive() {
            return Error::ERR_ALREADY_IN_USE;
        }
        self.refusing = false;
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
        let options = HostOptions {
            // As in the model, which binds only where a port is named.
            bind: self.bind_ip.filter(|_| local_port > 0),
            port: local_port,
            max_peers: 1,
            channel_limit: MAX_CHANNELS as usize,
            in_bandwidth,
            out_bandwidth,
            accept: false,
        };
        let Some(link) = open(&options) else {
            return Error::ERR_CANT_CREATE;
        };
        let id = i32::try_from(self.base().generate_unique_id()).unwrap_or(i32::MAX);
        let channels = channel_limit(channel_count) as i64;
        let Some(server) = connection::dial(&link, &address.to_string(), port, channels, id.cast_unsigned()) else {
            return Error::ERR_CANT_CREATE;
        };
        let mut session = Session::new(Mode::Client, id, ConnectionStatus::CONNECTING);
        session.admit(PeerId::SERVER.number(), server);
        self.begin(session, Some(link));
        Error::OK
    }

    /// Begins a mesh, in which each peer is connected with each other, as the peer [param unique_id]. The connections are made
    /// with [RustENetConnection] and added by [method add_mesh_peer].
    #[func]
    fn create_mesh(&mut self, unique_id: i64) -> Error {
        let Some(id) = i32::try_from(unique_id).ok().filter(|id| *id > 0) else {
            godot_error!("The unique ID must be between 1 and 2147483647 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        if !self.check_inactive() {
            return Error::ERR_ALREADY_IN_USE;
        }
        self.begin(Session::new(Mode::Mesh, id, ConnectionStatus::CONNECTED), None);
        Error::OK
    }

    /// Makes the only peer of a connection, which must be connected, a member of the mesh.
    #[func]
    fn add_mesh_peer(&mut self, peer_id: i64, host: Option<Gd<RustENetConnection>>) -> Error {
        let Some(host) = host else {
            godot_error!("There is no connection to add.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let Some(session) = self.session.as_mut().filter(|session| session.mode == Mode::Mesh) else {
            godot_error!("Mesh peers can only be added to a mesh.");
            return Error::ERR_UNCONFIGURED;
        };
        let link = host.bind().link();
        let only_peer = link.as_ref().and_then(|link| match &link.peers()[..] {
            [peer] if peer.state() == PeerState::Connected => Some(peer.clone()),
            _ => None,
        });
        let (Some(link), Some(peer)) = (link, only_peer) else {
            godot_error!("The connection must have exactly one peer, and that must be connected.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let id = peer_id as i32;
        session.strike(id);
        session.admit(id, peer);
        if let Ok(conditions) = conditions::read(&self.conditions) {
            link.set_conditions(conditions);
        }
        session.hosts.insert(id, SessionHost { link, object: host });
        self.tell_connected(id);
        Error::OK
    }

    /// Sets the address that [method create_server] binds to, and [method create_client] with a local port; [code]"*"[/code] for
    /// all addresses of this machine.
    #[func]
    fn set_bind_ip(&mut self, ip: GString) {
        let text = ip.to_string();
        match parse_address(&text) {
            None if text != "*" => godot_error!("Invalid bind IP address: {text}"),
            address => self.bind_ip = address,
        }
    }

    /// The connection of a server or client.
    #[func]
    fn get_host(&self) -> Option<Gd<RustENetConnection>> {
        let session = self.active()?;
        let host = session.host();
        if host.is_none() {
            godot_error!("A mesh has a connection for each of its peers.");
        }
        host.map(|host| host.object.clone())
    }

    /// The end of the connection to a peer.
    #[func]
    fn get_peer(&self, id: i64) -> Option<Gd<RustENetPacketPeer>> {
        let session = self.active()?;
        let peer = i32::try_from(id).ok().and_then(|id| session.members.get(&id));
        if peer.is_none() {
            godot_error!("There is no peer {id}.");
        }
        peer.map(PeerLink::object)
    }

    /// Whether [member allow_large_servers] is set.
    #[func]
    fn get_allow_large_servers(&self) -> bool {
        self.large_servers
    }

    /// Sets [member allow_large_servers].
    #[func]
    fn set_allow_large_servers(&mut self, allow: bool) {
        self.large_servers = allow;
    }

    /// What [member network_conditions] is.
    #[func]
    fn get_network_conditions(&self) -> VarDictionary {
        self.conditions.duplicate_deep()
    }

    /// Sets [member network_conditions].
    #[func]
    fn set_network_conditions(&mut self, conditions: VarDictionary) {
        match conditions::read(&conditions) {
            Ok(read) => {
                self.conditions = conditions.duplicate_deep();
                for host in self.session.iter().flat_map(|session| session.hosts.values()) {
                    host.link.set_conditions(read.clone());
                }
            }
            Err(wrong) => godot_error!("Network conditions: {wrong}."),
        }
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
    /// [code]REASON_NETWORK_FAILED[/code]: the socket is broken.
    #[func]
    fn get_disconnect_reason(&self, peer_id: i64) -> DisconnectReason {
        let id = i32::try_from(peer_id).unwrap_or(0);
        DisconnectReason(
            self.farewells
                .of(id)
                .map_or(0, |farewell| i64::from(farewell.why as u8)),
        )
    }

    /// The number that the last peer with this id passed along when it left, else 0. Not in [ENetMultiplayerPeer].
    #[func]
    fn get_disconnect_data(&self, peer_id: i64) -> i64 {
        let id = i32::try_from(peer_id).unwrap_or(0);
        self.farewells.of(id).map_or(0, |farewell| i64::from(farewell.data))
    }

    /// Adds monitors of this peer to [Performance], and so to the editor's debugger, as [code]category/name[/code]: round trip
    /// time, loss, bytes and datagrams per second as they are on the wire, resent commands and queue lengths. They are removed
    /// with the peer or by [method remove_monitors]. Not in [ENetMultiplayerPeer].
    #[func]
    fn add_monitors(&mut self, #[opt(default = "ENet")] category: GString) {
        let object = self.to_gd();
        self.monitors.add(&object, &category.to_string());
    }

    /// Removes what [method add_monitors] has added. Not in [ENetMultiplayerPeer].
    #[func]
    fn remove_monitors(&mut self) {
        self.monitors.remove();
    }

    /// The present value of a monitor by its name, such as [code]round_trip_time_ms[/code], whether it was added or not; see
    /// [method get_monitor_names]. Not in [ENetMultiplayerPeer].
    #[func]
    fn get_monitor(&mut self, name: GString) -> f64 {
        let Some(monitor) = Monitor::by_name(&name.to_string()) else {
            godot_error!("There is no monitor {name}.");
            return 0.0;
        };
        let session = self.session.as_ref();
        let hosts: Vec<_> = session.map_or_else(Vec::new, |session| {
            session.hosts.values().map(|host| host.link.clone()).collect()
        });
        self.monitors.value(monitor, &hosts)
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
    fn active(&self) -> Option<&Session> {
        if self.session.is_none() {
            godot_error!("The multiplayer peer is not active.");
        }
        self.session.as_ref()
    }

    fn check_inactive(&self) -> bool {
        if self.session.is_some() {
            godot_error!("The multiplayer peer is active already.");
        }
        self.session.is_none()
    }

    fn begin(&mut self, mut session: Session, host: Option<Rc<HostLink>>) {
        if let Some(link) = host {
            if let Ok(conditions) = conditions::read(&self.conditions) {
                link.set_conditions(conditions);
            }
            let object = RustENetConnection::over(link.clone());
            session.hosts.insert(session.id, SessionHost { link, object });
        }
        self.session = Some(session);
        self.farewells = Farewells::default();
        self.generation += 1;
    }

    /// Ends the session, if there is one; those who are connected are told.
    fn end(&mut self) {
        let Some(session) = self.session.take() else { return };
        self.generation += 1;
        self.refusing = false;
        for host in session.hosts.values() {
            host.link.close();
        }
        for (id, peer) in &session.members {
            self.farewells.note(*id, peer.farewell());
        }
    }
}

impl Drop for RustENetMultiplayerPeer {
    fn drop(&mut self) {
        self.monitors.remove();
        self.end();
    }
}

fn open(options: &HostOptions) -> Option<Rc<HostLink>> {
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
