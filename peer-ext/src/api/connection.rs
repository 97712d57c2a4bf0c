//! `RustENetConnection`, in place of `ENetConnection`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use enet_proto::compress::Compression;
use enet_tokio::{Bytes, PacketMode};
use godot::classes::TlsOptions;
use godot::global::Error;
use godot::prelude::*;

use super::RustENetPacketPeer;
use super::enums::{CompressionMode, EventType, HostStatistic};
use super::tls::{self, OptionalTls};
use crate::net::{
    Encryption, Happening, HostLink, HostOptions, PeerLink, SendRefusal, Why, check_name, lock, packet_with_flags,
    parse_address,
};

/// The most channels an ENet connection has.
pub(super) const MAX_CHANNELS: i64 = 255;

/// The most peers a host of C ENet has, which is what stock Godot takes at most.
pub(super) const MAX_PEERS: i64 = 4095;

/// How many bytes may be queued for a peer, if nothing else is said.
pub(super) const MAX_QUEUED: usize = 32 * 1024 * 1024;

/// How often names that are looked up are asked for while `service` waits.
const LOOKUP_PAUSE: Duration = Duration::from_millis(5);

/// A UDP socket and the ENet connections over it, in place of [ENetConnection].
///
/// Every method, argument and answer is that of [ENetConnection]. The network runs in a thread of its own: acknowledgements and
/// pings go on while the game is busy, and [method service] only takes what has come.
///
/// Where it is better than its model: host names are looked up without blocking ([method connect_to_host] returns a peer that is
/// connecting; when the name has no address, [method service] reports its disconnection); IPv6 works in every build of Godot;
/// [method refuse_new_connections] works without DTLS as well; the port is known as soon as the host is created; a peer that is
/// disconnected while connecting is gone, rather than there for ever; it can be asked why there is no encrypted session.
#[derive(GodotClass)]
#[class(init, base = RefCounted, tool)]
pub(crate) struct RustENetConnection {
    host: Mutex<Option<Arc<HostLink>>>,
    base: Base<RefCounted>,
}

#[godot_api]
impl RustENetConnection {
    /// Creates a host like [method create_host], bound to an address ([code]"*"[/code] for all) and a port (0 for any).
    #[func(gd_self)]
    fn create_host_bound(
        this: Gd<Self>,
        bind_address: GString,
        bind_port: i64,
        #[opt(default = 32)] max_peers: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        let bind = bind_address.to_string();
        let address = parse_address(&bind);
        if address.is_none() && bind != "*" {
            godot_error!("Invalid bind IP.");
            return Error::ERR_INVALID_PARAMETER;
        }
        let Ok(port) = u16::try_from(bind_port) else {
            godot_error!("The local port number must be between 0 and 65535 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        let limits = [max_peers, max_channels, in_bandwidth, out_bandwidth];
        this.bind().create(address, port, limits)
    }

    /// Creates a host on any free port, for up to [param max_peers] peers with up to [param max_channels] channels (0 for 255).
    /// The bandwidths are in bytes per second, 0 for unlimited.
    #[func(gd_self)]
    fn create_host(
        this: Gd<Self>,
        #[opt(default = 32)] max_peers: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        this.bind()
            .create(None, 0, [max_peers, max_channels, in_bandwidth, out_bandwidth])
    }

    /// Closes the socket. The other sides are not told.
    #[func(gd_self)]
    fn destroy(this: Gd<Self>) {
        let host = lock(&this.bind().host).take();
        match host.filter(|host| host.is_open()) {
            Some(host) => host.destroy(),
            None => godot_error!("The host is destroyed already."),
        }
    }

    /// Begins to connect to a host, with [param channels] channels (0 for 255) and a number for it to see. [method service]
    /// tells when the connection is there. A connection that has a peer already cannot.
    #[func(gd_self)]
    fn connect_to_host(
        this: Gd<Self>,
        address: GString,
        port: i64,
        #[opt(default = 0)] channels: i64,
        #[opt(default = 0)] data: i64,
    ) -> Option<Gd<RustENetPacketPeer>> {
        let host = this.bind().active()?;
        if !host.peers().is_empty() {
            godot_error!("The connection has a peer already.");
            return None;
        }
        let Some(port) = u16::try_from(port).ok().filter(|port| *port > 0) else {
            godot_error!("The remote port number must be between 1 and 65535 (inclusive).");
            return None;
        };
        let link = dial(&host, &address.to_string(), port, channels, data as u32)?;
        Some(link.object())
    }

    /// Takes the next event, waiting for one for up to [param timeout] milliseconds: an array of its type, the peer, the number
    /// that came along and the channel. A packet is then to be got from the peer.
    #[func(gd_self)]
    fn service(this: Gd<Self>, #[opt(default = 0)] timeout: i64) -> VarArray {
        let Some(host) = this.bind().active() else {
            return event(EventType::ERROR, None, 0, 0);
        };
        drop(host.take_fallen());
        host.begin();
        let end = Instant::now() + Duration::from_millis(u64::try_from(timeout).unwrap_or(0));
        let happening = loop {
            if let Some(happening) = host.next() {
                break happening;
            }
            let left = end.saturating_duration_since(Instant::now());
            if host.is_broken() {
                godot_error!("The network of this connection has failed.");
                return event(EventType::ERROR, None, 0, 0);
            }
            if left.is_zero() {
                return event(EventType::NONE, None, 0, 0);
            }
            if host.is_looking_up() {
                host.wait(left.min(LOOKUP_PAUSE));
                host.begin();
            } else {
                host.wait(left);
            }
        };
        match happening {
            Happening::Connected { peer, data } => event(EventType::CONNECT, Some(&peer), data, 0),
            Happening::Disconnected { peer } => {
                report_failure(&peer);
                let data = peer.farewell().map_or(0, |farewell| farewell.data);
                event(EventType::DISCONNECT, Some(&peer), data, 0)
            }
            Happening::Received { peer, channel, packet } => {
                peer.deliver(channel, packet);
                event(EventType::RECEIVE, Some(&peer), 0, channel)
            }
        }
    }

    /// Sends what is queued before it returns. Not needed: what is queued is sent at once by the network's thread.
    #[func(gd_self)]
    fn flush(this: Gd<Self>) {
        if let Some(host) = this.bind().active() {
            host.flush();
        }
    }

    /// Limits what is received and sent, in bytes per second, 0 for unlimited. The peers are told.
    #[func(gd_self)]
    fn bandwidth_limit(this: Gd<Self>, #[opt(default = 0)] in_bandwidth: i64, #[opt(default = 0)] out_bandwidth: i64) {
        if let Some(host) = this.bind().active() {
            host.set_bandwidth_limit(in_bandwidth as u32, out_bandwidth as u32);
        }
    }

    /// Limits the channels of connections that are made from now on; 0 for 255.
    #[func(gd_self)]
    fn channel_limit(this: Gd<Self>, limit: i64) {
        if let Some(host) = this.bind().active() {
            host.set_channel_limit(channel_count(limit));
        }
    }

    /// Sends a packet to all peers that are connected; see [method RustENetPacketPeer.send] for the flags. As this cannot say for
    /// whom there was no room, a peer that has 32 MiB queued and is to have a reliable packet is disconnected, with
    /// [code]REASON_TOO_SLOW[/code].
    #[func(gd_self)]
    fn broadcast(this: Gd<Self>, channel: i64, packet: PackedByteArray, flags: i64) {
        let Some(host) = this.bind().active() else { return };
        let limit = host.channel_limit();
        let Some(channel) = u8::try_from(channel)
            .ok()
            .filter(|channel| usize::from(*channel) < limit)
        else {
            godot_error!("Unable to send a packet on channel {channel}: the host has {limit} channels.");
            return;
        };
        let Some(packet) = packet_with_flags(Bytes::copy_from_slice(packet.as_slice()), flags) else {
            godot_error!("Invalid flags: {flags}.");
            return;
        };
        let reliable = packet.mode == PacketMode::Reliable;
        for peer in host.peers() {
            // Who is not connected or has not as many channels is left out, as in ENet.
            if peer.send(channel, packet.clone()) == Err(SendRefusal::Full) && reliable {
                give_up(&peer, host.max_queued());
            }
        }
    }

    /// Sets how datagrams are compressed. Both sides must do the same, before the first datagram.
    #[func(gd_self)]
    fn compress(this: Gd<Self>, mode: CompressionMode) {
        let Some(host) = this.bind().active() else { return };
        let compression = match mode.0 {
            0 => Compression::None,
            1 => Compression::RangeCoder,
            2 => Compression::FastLz,
            3 => Compression::Zlib,
            4 => Compression::Zstd,
            _ => return,
        };
        host.set_compressor(compression.compressor());
    }

    /// Encrypts as a server, by DTLS 1.2, with the key and certificate of [param server_options]. To be called right after the host
    /// was created: who is connected without encryption does not stay so. Only once.
    #[func(gd_self)]
    fn dtls_server_setup(this: Gd<Self>, server_options: Option<Gd<TlsOptions>>) -> Error {
        this.bind().encrypt(|| tls::server(server_options))
    }

    /// Encrypts as a client, by DTLS 1.2, and connects to nobody but a server whose certificate is trusted by
    /// [param client_options] and has the name [param hostname], a host name or an IP address; by default, those that Godot
    /// trusts. To be called before anything was sent, and only once.
    #[func(gd_self)]
    fn dtls_client_setup(
        this: Gd<Self>,
        hostname: GString,
        #[opt(default = OptionalTls::NULL)] client_options: OptionalTls,
    ) -> Error {
        let trust = || tls::trust(&hostname, client_options.into_object());
        this.bind().encrypt(|| trust().and_then(|trust| tls::client(&trust)))
    }

    /// Sets whether others who want to connect are left without an answer. (With [ENetConnection] this concerns DTLS only.)
    #[func(gd_self)]
    fn refuse_new_connections(this: Gd<Self>, refuse: bool) {
        if let Some(host) = this.bind().active() {
            host.set_accepting(!refuse);
        }
    }

    /// A counter of the datagrams, or of the bytes in them, since it was asked for last.
    #[func(gd_self)]
    fn pop_statistic(this: Gd<Self>, statistic: HostStatistic) -> f64 {
        let Some(host) = this.bind().active() else { return 0.0 };
        match usize::try_from(statistic.0) {
            Ok(index @ 0..=3) => host.pop_statistic(index) as f64,
            _ => 0.0,
        }
    }

    /// The most channels a connection may have.
    #[func]
    fn get_max_channels(&self) -> i64 {
        self.active().map_or(0, |host| host.channel_limit() as i64)
    }

    /// The UDP port of the socket.
    #[func]
    fn get_local_port(&self) -> i64 {
        self.active().map_or(0, |host| i64::from(host.local_port()))
    }

    /// All peers, those that are still connecting included.
    #[func(gd_self)]
    fn get_peers(this: Gd<Self>) -> Array<Gd<RustENetPacketPeer>> {
        let host = this.bind().active();
        host.into_iter()
            .flat_map(|host| host.peers())
            .map(|peer| peer.object())
            .collect()
    }

    /// Sends a bare datagram from this socket, for example to open a way through a router. It may get lost.
    #[func(gd_self)]
    fn socket_send(this: Gd<Self>, destination_address: GString, destination_port: i64, packet: PackedByteArray) {
        let Some(host) = this.bind().active() else { return };
        let Some(port) = u16::try_from(destination_port).ok().filter(|port| *port > 0) else {
            godot_error!("The remote port number must be between 1 and 65535 (inclusive).");
            return;
        };
        let datagram = Bytes::copy_from_slice(packet.as_slice());
        let address = destination_address.to_string();
        if let Err(error) = check_name(&address, port) {
            godot_error!("Couldn't resolve the server IP address or domain name: {error}.");
        } else if !host.send_raw(&address, port, datagram) {
            godot_error!("Couldn't resolve the server IP address or domain name: too many are looked up at a time.");
        }
    }
}

impl RustENetConnection {
    /// What scripts see of a host.
    pub(super) fn over(host: Arc<HostLink>) -> Gd<RustENetConnection> {
        Gd::from_init_fn(|base| RustENetConnection {
            host: Mutex::new(Some(host)),
            base,
        })
    }

    /// The host, if there is one.
    pub(super) fn link(&self) -> Option<Arc<HostLink>> {
        lock(&self.host).clone().filter(|host| host.is_open())
    }

    /// The host; an error line if there is none.
    fn active(&self) -> Option<Arc<HostLink>> {
        let host = self.link();
        if host.is_none() {
            godot_error!("The connection is not active: create a host first.");
        }
        host
    }

    fn create(&self, bind: Option<std::net::IpAddr>, port: u16, limits: [i64; 4]) -> Error {
        if self.link().is_some() {
            return already_active();
        }
        let [max_peers, max_channels, in_bandwidth, out_bandwidth] = limits;
        if !(1..=MAX_PEERS).contains(&max_peers) {
            godot_error!("The number of peers must be between 1 and 4095 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        }
        if !(0..=MAX_CHANNELS).contains(&max_channels) {
            godot_error!("The number of channels must be between 0 and 255 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        }
        let (Some(in_bandwidth), Some(out_bandwidth)) = (bandwidth(in_bandwidth), bandwidth(out_bandwidth)) else {
            godot_error!("A bandwidth limit must be between 0 (unlimited) and 4294967295 bytes per second.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let options = HostOptions {
            bind,
            port,
            max_peers: max_peers as usize,
            channel_limit: channel_count(max_channels),
            in_bandwidth,
            out_bandwidth,
            accept: true,
            max_queued: MAX_QUEUED,
            doubt_disconnects: true,
        };
        match HostLink::open(&options) {
            Ok(host) => {
                let mut place = lock(&self.host);
                if place.as_ref().is_some_and(|host| host.is_open()) {
                    // Another thread was quicker.
                    drop(place);
                    return already_active();
                }
                let before = place.replace(host);
                drop((place, before));
                Error::OK
            }
            Err(error) => {
                godot_error!("Couldn't create an ENet host: {error}.");
                Error::ERR_CANT_CREATE
            }
        }
    }

    fn encrypt(&self, by: impl FnOnce() -> Result<Encryption, Error>) -> Error {
        let Some(host) = self.active() else {
            return Error::ERR_UNCONFIGURED;
        };
        match by().map(|encryption| host.encrypt(encryption)) {
            Ok(true) => Error::OK,
            Ok(false) => {
                godot_error!("The connection is encrypted already.");
                Error::FAILED
            }
            Err(error) => error,
        }
    }
}

fn already_active() -> Error {
    godot_error!("The connection is active already.");
    Error::ERR_ALREADY_IN_USE
}

/// Begins to connect, with an error line if that is not possible.
pub(super) fn dial(host: &Arc<HostLink>, address: &str, port: u16, channels: i64, data: u32) -> Option<Arc<PeerLink>> {
    if let Err(error) = check_name(address, port) {
        godot_error!("Couldn't resolve the server IP address or domain name: {error}.");
        return None;
    }
    let link = host.connect(address, port, channel_count(channels), data);
    if link.is_none() {
        godot_error!("Couldn't connect to the ENet multiplayer server at {address}.");
    }
    link
}

/// 0, and what is out of range, stand for all channels.
pub(super) fn channel_count(channels: i64) -> usize {
    match channels {
        1..=MAX_CHANNELS => channels as usize,
        _ => MAX_CHANNELS as usize,
    }
}

/// A limit in bytes per second, if it is one.
pub(super) fn bandwidth(limit: i64) -> Option<u32> {
    u32::try_from(limit).ok()
}

/// Says why a connection that this side has asked for came to nothing.
pub(super) fn report_failure(peer: &PeerLink) {
    let Some(farewell) = peer.farewell().filter(|_| peer.is_outgoing()) else {
        return;
    };
    let (name, port) = (peer.name(), peer.port());
    match farewell.why {
        Why::NoAddress => godot_error!("Couldn't resolve the server IP address or domain name: \"{name}\"."),
        Why::NoAnswer => godot_error!("The server {name}, port {port}, does not answer."),
        Why::Refused => godot_error!("The server {name}, port {port}, refuses new connections."),
        Why::DtlsUntrusted
        | Why::DtlsExpired
        | Why::DtlsWrongName
        | Why::DtlsNoCommonSuite
        | Why::DtlsRefused
        | Why::DtlsNoAnswer
        | Why::DtlsFailed => {
            let trouble = peer.trouble().unwrap_or_default();
            godot_error!("There is no encrypted session with the server {name}, port {port}: {trouble}.");
        }
        Why::ByPeer | Why::ByUs | Why::TimedOut | Why::NetworkFailed | Why::TooSlow => {}
    }
}

/// Ends the connection to a peer that takes in too little, as a reliable packet for it would be missing.
pub(super) fn give_up(peer: &Arc<PeerLink>, limit: usize) {
    godot_error!(
        "The connection to {}, port {}, is ended: more than {limit} bytes are queued for it, and a reliable packet would be \
         missing.",
        peer.name(),
        peer.port()
    );
    peer.give_up();
}

fn event(kind: EventType, peer: Option<&Arc<PeerLink>>, data: u32, channel: u8) -> VarArray {
    let null = None::<Gd<RustENetPacketPeer>>.to_variant();
    let peer = peer.map_or(null, |peer| peer.object().to_variant());
    varray![kind.0, &peer, data, channel]
}
