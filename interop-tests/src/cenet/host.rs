//! Hosts and their peers.

use std::ffi::c_int;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ptr::{self, NonNull};
use std::time::Duration;

use bytes::Bytes;

use super::event::{Event, Lent};
use super::ffi::{self, RawHost, RawPeer};
use super::intercept::{self, Intercept};
use super::{allocations, codec};

/// A host of the C library. It lives on one thread at a time.
#[derive(Debug)]
pub struct Host {
    raw: NonNull<RawHost>,
}

/// How a host is made. The default is bound to a free port of loopback.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where to listen; `None` for hosts that only connect, which the kernel gives a port at the first send.
    pub address: Option<SocketAddrV4>,
    /// Peers at most.
    pub peers: usize,
    /// Channels at most; 0 for 255.
    pub channels: usize,
    /// Bytes a second; 0 for no limit.
    pub incoming_bandwidth: u32,
    /// Bytes a second; 0 for no limit.
    pub outgoing_bandwidth: u32,
    /// Whether datagrams carry a checksum.
    pub checksum: bool,
    /// Whether ENet's own compressor is on.
    pub range_coder: bool,
    /// The largest datagram it sends; `None` for the library's default.
    pub mtu: Option<u32>,
}

/// A peer's slot in its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(usize);

/// How a packet is sent, and how it came: ENet's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flags(pub u32);

/// What a peer can be asked for, in the units of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[expect(missing_docs, reason = "they are the fields of ENetPeer")]
pub enum Figure {
    State,
    Channels,
    Mtu,
    Window,
    ConnectId,
    RoundTripTime,
    RoundTripTimeVariance,
    LastRoundTripTime,
    LastRoundTripTimeVariance,
    PacketLoss,
    PacketLossVariance,
    PacketThrottle,
    PacketThrottleLimit,
    PacketThrottleAcceleration,
    PacketThrottleDeceleration,
    PacketThrottleInterval,
    IncomingBandwidth,
    OutgoingBandwidth,
    ReliableInTransit,
    IncomingSession,
    OutgoingSession,
    WaitingData,
}

/// What a host has sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of UDP payload sent.
    pub sent_data: u64,
    /// Datagrams sent.
    pub sent_packets: u64,
    /// Bytes of UDP payload received.
    pub received_data: u64,
    /// Datagrams received.
    pub received_packets: u64,
}

/// The library's version: major, minor, patch.
#[must_use]
pub fn version() -> (u8, u8, u8) {
    let [_, major, minor, patch] = ffi::enet_linked_version().to_be_bytes();
    (major, minor, patch)
}

impl Host {
    /// Makes a host.
    pub fn new(options: Options) -> io::Result<Host> {
        allocations::initialize();
        let address = options.address.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        // SAFETY: the arguments are plain numbers.
        let raw = unsafe {
            ffi::shim_host_create(
                c_int::from(options.address.is_some()),
                address.ip().to_bits(),
                address.port(),
                options.peers,
                options.channels,
                options.incoming_bandwidth,
                options.outgoing_bandwidth,
            )
        };
        let raw = NonNull::new(raw).ok_or_else(|| io::Error::other("ENet made no host: is the port taken?"))?;
        let mut host = Host { raw };
        host.set_checksum(options.checksum);
        if options.range_coder {
            host.compress_with_range_coder();
        }
        if let Some(mtu) = options.mtu {
            // SAFETY: `raw` is a live host.
            unsafe { ffi::shim_host_mtu(host.raw.as_ptr(), mtu) };
        }
        Ok(host)
    }

    /// Where it can be reached on loopback.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        // SAFETY: `raw` is a live host.
        let port = unsafe { ffi::shim_host_port(self.raw.as_ptr()) };
        (Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap_or(0)).into()
    }

    /// Begins a connection; `None` if no slot is free, or the address is not IPv4.
    pub fn connect(&mut self, to: SocketAddr, channels: usize, data: u32) -> Option<Peer> {
        let SocketAddr::V4(to) = to else { return None };
        // SAFETY: `raw` is a live host; the peer belongs to it.
        unsafe {
            let peer = ffi::shim_host_connect(self.raw.as_ptr(), to.ip().to_bits(), to.port(), channels, data);
            (!peer.is_null()).then(|| Peer(ffi::shim_peer_index(peer)))
        }
    }

    /// Sends, receives, and waits up to `timeout`, to the millisecond, for an event.
    ///
    /// # Panics
    /// If the library reports that its socket failed.
    pub fn service(&mut self, timeout: Duration) -> Option<Event> {
        Some(match self.service_lent(timeout)? {
            Event::Connected { peer, data } => Event::Connected { peer, data },
            Event::Disconnected { peer, data } => Event::Disconnected { peer, data },
            Event::Received {
                peer,
                channel,
                data,
                flags,
            } => Event::Received {
                peer,
                channel,
                data: Bytes::copy_from_slice(&data),
                flags,
            },
        })
    }

    /// As [`service`](Host::service), without copying what was received.
    ///
    /// # Panics
    /// If the library reports that its socket failed.
    pub fn service_lent(&mut self, timeout: Duration) -> Option<Event<Lent>> {
        let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let (mut peer, mut channel, mut data, mut packet) = (0, 0, 0, ptr::null_mut());
        // SAFETY: `raw` is a live host; the pointers are to locals of the right types.
        let kind = unsafe {
            ffi::shim_host_service(
                self.raw.as_ptr(),
                milliseconds,
                &raw mut peer,
                &raw mut channel,
                &raw mut data,
                &raw mut packet,
            )
        };
        let peer = Peer(peer);
        match kind {
            0 => None,
            1 => Some(Event::Connected { peer, data }),
            2 => Some(Event::Disconnected { peer, data }),
            3 => {
                // SAFETY: a receive event has a packet, which is its receiver's.
                let (data, flags) = unsafe { Lent::new(packet) };
                Some(Event::Received {
                    peer,
                    channel,
                    data,
                    flags,
                })
            }
            _ => panic!("ENet's socket failed"),
        }
    }

    /// Sends what is queued.
    pub fn flush(&mut self) {
        // SAFETY: `raw` is a live host.
        unsafe { ffi::enet_host_flush(self.raw.as_ptr()) }
    }

    /// Queues a packet; whether the library took it.
    pub fn send(&mut self, peer: Peer, channel: u8, data: &[u8], flags: Flags) -> bool {
        let peer = self.peer(peer);
        // SAFETY: `data` is read during the call only.
        unsafe { ffi::shim_peer_send(peer, channel, data.as_ptr(), data.len(), flags.0) == 0 }
    }

    /// Queues a packet for all connected peers.
    pub fn broadcast(&mut self, channel: u8, data: &[u8], flags: Flags) {
        // SAFETY: `raw` is a live host; `data` is read during the call only.
        unsafe { ffi::shim_host_broadcast(self.raw.as_ptr(), channel, data.as_ptr(), data.len(), flags.0) }
    }

    /// Asks a peer to part; what is queued is dropped.
    pub fn disconnect(&mut self, peer: Peer, data: u32) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_disconnect(peer, data) }
    }

    /// Parts when all that is queued has arrived.
    pub fn disconnect_later(&mut self, peer: Peer, data: u32) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_disconnect_later(peer, data) }
    }

    /// Parts at once, with a single notice and no event.
    pub fn disconnect_now(&mut self, peer: Peer, data: u32) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_disconnect_now(peer, data) }
    }

    /// Forgets a peer without telling it.
    pub fn reset(&mut self, peer: Peer) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_reset(peer) }
    }

    /// Sends a ping.
    pub fn ping(&mut self, peer: Peer) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_ping(peer) }
    }

    /// Sets how often a silent peer is pinged.
    pub fn set_ping_interval(&mut self, peer: Peer, interval: Duration) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_ping_interval(peer, milliseconds(interval)) }
    }

    /// Sets when a peer that does not answer is given up.
    pub fn set_timeout(&mut self, peer: Peer, limit: u32, minimum: Duration, maximum: Duration) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_timeout(peer, limit, milliseconds(minimum), milliseconds(maximum)) }
    }

    /// Sets the throttle's values on both sides.
    pub fn configure_throttle(&mut self, peer: Peer, interval: Duration, acceleration: u32, deceleration: u32) {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::enet_peer_throttle_configure(peer, milliseconds(interval), acceleration, deceleration) }
    }

    /// What the library holds about a peer.
    #[must_use]
    pub fn figure(&self, peer: Peer, figure: Figure) -> u32 {
        let peer = self.peer(peer);
        // SAFETY: a peer of ours.
        unsafe { ffi::shim_peer_figure(peer, figure as c_int) }
    }

    /// Limits the bandwidth from now on, in bytes a second; 0 for no limit.
    pub fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        // SAFETY: `raw` is a live host.
        unsafe { ffi::enet_host_bandwidth_limit(self.raw.as_ptr(), incoming, outgoing) }
    }

    /// Limits the channels of future connections.
    pub fn set_channel_limit(&mut self, limit: usize) {
        // SAFETY: `raw` is a live host.
        unsafe { ffi::enet_host_channel_limit(self.raw.as_ptr(), limit) }
    }

    /// Sets how many peers may come from one IP address, and how many bytes a packet and all waiting packets may have.
    pub fn set_limits(&mut self, duplicate_peers: usize, packet_size: usize, waiting_data: usize) {
        // SAFETY: `raw` is a live host.
        unsafe { ffi::shim_host_limits(self.raw.as_ptr(), duplicate_peers, packet_size, waiting_data) }
    }

    /// Has a function see every datagram, and who sent it, before ENet does; what it is true for is not ENet's.
    pub fn intercept(&mut self, function: Intercept) {
        intercept::install(self.raw, function);
    }

    /// Sends a datagram that is not ENet's from the host's socket; whether the system took it.
    pub fn send_raw(&mut self, to: SocketAddrV4, datagram: &[u8]) -> bool {
        let ip = to.ip().to_bits();
        // SAFETY: `raw` is a live host; the datagram is read during the call only.
        let sent =
            unsafe { ffi::shim_host_send_raw(self.raw.as_ptr(), ip, to.port(), datagram.as_ptr(), datagram.len()) };
        usize::try_from(sent) == Ok(datagram.len())
    }

    /// Turns checksums on or off.
    pub fn set_checksum(&mut self, on: bool) {
        // SAFETY: `raw` is a live host.
        unsafe { ffi::shim_host_checksum(self.raw.as_ptr(), c_int::from(on)) }
    }

    /// Turns ENet's own compressor on.
    pub fn compress_with_range_coder(&mut self) {
        // SAFETY: `raw` is a live host.
        let result = unsafe { ffi::enet_host_compress_with_range_coder(self.raw.as_ptr()) };
        assert_eq!(result, 0, "memory for a range coder");
    }

    /// Compresses with two functions of the program's: each gets the input and how long its output may be, and gives `None`
    /// when it fails.
    pub fn compress_with<C, D>(&mut self, compress: C, decompress: D)
    where
        C: FnMut(&[u8], usize) -> Option<Vec<u8>> + Send + 'static,
        D: FnMut(&[u8], usize) -> Option<Vec<u8>> + Send + 'static,
    {
        codec::install(self.raw, Box::new(compress), Box::new(decompress));
    }

    /// Turns compression off.
    pub fn compress_with_nothing(&mut self) {
        // SAFETY: `raw` is a live host; a null compressor is the library's way to say "none".
        unsafe { ffi::enet_host_compress(self.raw.as_ptr(), ptr::null()) }
    }

    /// What it has sent and received.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = [0; 4];
        // SAFETY: `raw` is a live host, and the array as long as the shim has it.
        unsafe { ffi::shim_host_totals(self.raw.as_ptr(), &raw mut totals) }
        let [sent_data, sent_packets, received_data, received_packets] = totals;
        Totals {
            sent_data,
            sent_packets,
            received_data,
            received_packets,
        }
    }

    /// Every slot, used or not.
    pub fn slots(&self) -> impl Iterator<Item = Peer> + use<> {
        // SAFETY: `raw` is a live host.
        let count = unsafe { ffi::shim_host_peer_count(self.raw.as_ptr()) };
        (0..count).map(Peer)
    }

    /// Peers are made with the host and stay where they are as long as it lives.
    fn peer(&self, peer: Peer) -> *mut RawPeer {
        // SAFETY: `raw` is a live host.
        let raw = unsafe { ffi::shim_host_peer(self.raw.as_ptr(), peer.0) };
        assert!(!raw.is_null(), "{peer:?} is not of this host");
        raw
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        intercept::remove(self.raw);
        // SAFETY: `raw` is a live host, and not used after this.
        unsafe { ffi::enet_host_destroy(self.raw.as_ptr()) }
    }
}

// SAFETY: a host has no ties to the thread that made it, and compressors given to it are `Send`.
unsafe impl Send for Host {}

impl Default for Options {
    fn default() -> Options {
        Options {
            address: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            peers: 32,
            channels: 0,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            checksum: false,
            range_coder: false,
            mtu: None,
        }
    }
}

impl Flags {
    /// Unreliable, in order.
    pub const UNRELIABLE: Flags = Flags(0);
    /// Reliable, in order.
    pub const RELIABLE: Flags = Flags(1);
    /// Unreliable, in any order.
    pub const UNSEQUENCED: Flags = Flags(2);
    /// Unreliable, in order; in unreliable fragments if too long for a datagram.
    pub const UNRELIABLE_FRAGMENT: Flags = Flags(8);
    /// Unreliable, in any order; in unreliable fragments if too long for a datagram. What Godot calls unreliable.
    pub const UNSEQUENCED_FRAGMENT: Flags = Flags(10);

    /// Whether all of these are among them.
    #[must_use]
    pub fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
