//! A host of either implementation behind one face, so that a test says once what both must do.

mod host;
mod ours;

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use enet_proto::compress::Compression;
use enet_proto::{HostConfig, PeerHandle};

use crate::cenet::{self, Flags};
use crate::driver::Driver;

pub use host::{Host, Intercept, View};
pub use ours::Ours;

/// Whose implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The C library.
    C,
    /// This workspace.
    Ours,
}

/// How a host is made. The default is bound to a free port of loopback, with the limits of a stock host.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The address it is bound to, with a free port.
    pub address: Ipv4Addr,
    /// Peers at most.
    pub peers: usize,
    /// Channels at most, 1 to 255.
    pub channels: usize,
    /// Bytes a second; 0 for no limit.
    pub incoming_bandwidth: u32,
    /// Bytes a second; 0 for no limit.
    pub outgoing_bandwidth: u32,
    /// The largest datagram.
    pub mtu: u16,
    /// Peers at most from one IP address.
    pub duplicate_peers: usize,
    /// How long packets may be that are sent or received, in bytes.
    pub max_packet_size: usize,
    /// How much received data of one peer may wait, in bytes.
    pub max_waiting_data: usize,
    /// Whether datagrams carry a checksum.
    pub checksum: bool,
    /// How datagrams are compressed. In a host of the C library ENet's own range coder is the library's, the others are ours.
    pub compression: Compression,
}

/// A peer of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Of the C library.
    C(cenet::Peer),
    /// Of ours.
    Ours(PeerHandle),
}

/// How a packet is sent, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Once, in order.
    Reliable,
    /// Perhaps, in order; reliably if too long for a datagram.
    Unreliable,
    /// Perhaps, in any order; reliably if too long for a datagram.
    Unsequenced,
    /// Perhaps, in order; in unreliable fragments if too long for a datagram. As it came: in such fragments.
    UnreliableFragments,
    /// Perhaps, in any order; in unreliable fragments, which are in order, if too long for a datagram. Nothing comes like this.
    UnsequencedFragments,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer is connected.
    Connected {
        /// Which.
        peer: Peer,
        /// What its CONNECT carried.
        data: u32,
    },
    /// A peer has gone.
    Disconnected {
        /// Which.
        peer: Peer,
        /// What its notice carried, 0 for a time-out.
        data: u32,
    },
    /// A packet came.
    Received {
        /// From whom.
        peer: Peer,
        /// On which channel.
        channel: u8,
        /// Its bytes.
        data: Bytes,
        /// How it came.
        delivery: Delivery,
    },
}

/// A host that is served all the time, on a thread of its own. When this value goes, the host does too.
pub type Side = Driver<Host>;

impl Side {
    /// Makes a host and serves it.
    ///
    /// # Panics
    /// If there is no socket to be had.
    #[must_use]
    pub fn start(kind: Kind, settings: Settings) -> Side {
        Driver::of(Host::new(kind, settings))
    }

    /// As [`start`](Side::start), with a function that sees every datagram first.
    ///
    /// # Panics
    /// If there is no socket to be had.
    #[must_use]
    pub fn intercepting(kind: Kind, settings: Settings, function: Intercept) -> Side {
        Driver::of(Host::intercepting(kind, settings, Some(function)))
    }

    /// Where it can be reached on loopback.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.with(|host| host.local_addr())
    }

    /// Begins a connection.
    ///
    /// # Panics
    /// If there is no room for a peer.
    #[track_caller]
    pub fn connect(&self, to: SocketAddr, channels: usize, data: u32) -> Peer {
        self.with(move |host| host.connect(to, channels, data))
            .expect("room for a peer")
    }

    /// Sends a packet; whether the host took it.
    pub fn send(&self, peer: Peer, channel: u8, data: &Bytes, delivery: Delivery) -> bool {
        let data = data.clone();
        self.with(move |host| {
            let taken = host.send(peer, channel, &data, delivery);
            host.flush();
            taken
        })
    }

    /// What the host holds about a peer that is there.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    #[must_use]
    pub fn view(&self, peer: Peer) -> View {
        self.with(move |host| host.view(peer)).expect("the peer is there")
    }

    /// Waits for a connection; its peer and the data it came with.
    #[track_caller]
    pub fn connected(&mut self) -> (Peer, u32) {
        match self.expect("connection", |event| matches!(event, Event::Connected { .. })) {
            Event::Connected { peer, data } => (peer, data),
            _ => unreachable!("just matched"),
        }
    }

    /// Waits until a peer has gone; the data of its notice.
    #[track_caller]
    pub fn disconnected(&mut self, peer: Peer) -> u32 {
        let gone = |event: &Event| matches!(event, Event::Disconnected { peer: who, .. } if *who == peer);
        match self.expect("disconnection", gone) {
            Event::Disconnected { data, .. } => data,
            _ => unreachable!("just matched"),
        }
    }
}

impl Kind {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Kind {
        match self {
            Kind::C => Kind::Ours,
            Kind::Ours => Kind::C,
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        let limits = HostConfig::default();
        Settings {
            address: Ipv4Addr::LOCALHOST,
            peers: 32,
            channels: 255,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            mtu: 1392,
            duplicate_peers: usize::MAX,
            max_packet_size: limits.max_packet_size,
            max_waiting_data: limits.max_waiting_data,
            checksum: false,
            compression: Compression::None,
        }
    }
}

impl Settings {
    /// How many bytes a fragment carries on a connection of these settings; longer packets are fragmented.
    #[must_use]
    pub fn fragment(self) -> usize {
        const HEADER: usize = 4;
        const FRAGMENT: usize = 24;
        const CHECKSUM: usize = 4;
        usize::from(self.mtu) - HEADER - FRAGMENT - if self.checksum { CHECKSUM } else { 0 }
    }
}

impl Delivery {
    /// All of them.
    pub const ALL: [Delivery; 5] = [
        Delivery::Reliable,
        Delivery::Unreliable,
        Delivery::Unsequenced,
        Delivery::UnreliableFragments,
        Delivery::UnsequencedFragments,
    ];

    /// How a packet that is sent like this comes, by whether it is longer than a fragment.
    #[must_use]
    pub fn arrives(self, is_long: bool) -> Delivery {
        match self {
            Delivery::Reliable => Delivery::Reliable,
            Delivery::Unreliable | Delivery::Unsequenced if is_long => Delivery::Reliable,
            Delivery::UnreliableFragments | Delivery::UnsequencedFragments if is_long => Delivery::UnreliableFragments,
            Delivery::Unreliable | Delivery::UnreliableFragments => Delivery::Unreliable,
            Delivery::Unsequenced | Delivery::UnsequencedFragments => Delivery::Unsequenced,
        }
    }

    fn flags(self) -> Flags {
        match self {
            Delivery::Reliable => Flags::RELIABLE,
            Delivery::Unreliable => Flags::UNRELIABLE,
            Delivery::Unsequenced => Flags::UNSEQUENCED,
            Delivery::UnreliableFragments => Flags::UNRELIABLE_FRAGMENT,
            Delivery::UnsequencedFragments => Flags::UNSEQUENCED_FRAGMENT,
        }
    }
}
