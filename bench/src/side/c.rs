//! The C library, as its tutorial uses it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Deref;
use std::time::Duration;

use interop_tests::cenet::{self, Flags, Host, Lent, Peer};

use super::{Event, Mode, Options, Side};

pub(crate) struct C {
    host: Host,
    channels: usize,
    tick: Duration,
}

/// A packet where the library has put it.
pub(crate) struct Packet(Lent);

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        self.0.deref()
    }
}

impl Side for C {
    type Peer = Peer;
    type Data = Packet;

    async fn open(options: &Options) -> C {
        let host = Host::new(cenet::Options {
            address: options.listens.then_some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            peers: options.peers,
            channels: options.channels,
            ..cenet::Options::default()
        });
        C {
            host: host.expect("a host of the C library"),
            channels: options.channels,
            tick: options.tick,
        }
    }

    fn address(&self) -> SocketAddr {
        self.host.local_addr()
    }

    fn connect(&mut self, to: SocketAddr) {
        self.host.connect(to, self.channels, 0).expect("a free slot");
    }

    fn send(&mut self, peer: Peer, mode: Mode, data: &[u8]) -> bool {
        let flags = match mode {
            Mode::Reliable => Flags::RELIABLE,
            Mode::Unreliable => Flags::UNRELIABLE,
        };
        self.host.send(peer, 0, data, flags)
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<Peer, Packet>> {
        Some(match self.host.service_lent(wait.min(self.tick))? {
            cenet::Event::Connected { peer, .. } => Event::Connected(peer),
            cenet::Event::Disconnected { peer, .. } => Event::Disconnected(peer),
            cenet::Event::Received { peer, data, .. } => Event::Received(peer, Packet(data)),
        })
    }
}
