//! The crate `rusty_enet`, on a socket that the thread waits on.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rusty_enet::{EventNoRef, Host, HostSettings, Packet, PeerID};

use super::{ANY_PORT, Event, Mode, Options, Side};

pub(crate) struct Rusty {
    host: Host<UdpSocket>,
    channels: usize,
    tick: Duration,
}

/// A received packet.
pub(crate) struct Received(Packet);

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        self.0.data()
    }
}

impl Side for Rusty {
    type Peer = PeerID;
    type Data = Received;

    async fn open(options: &Options) -> Rusty {
        let socket = UdpSocket::bind(ANY_PORT).expect("a socket");
        let settings = HostSettings {
            peer_limit: options.peers,
            channel_limit: options.channels,
            ..HostSettings::default()
        };
        let Ok(host) = Host::new(socket, settings) else {
            panic!("a host of rusty_enet");
        };
        Rusty {
            host,
            channels: options.channels,
            tick: options.tick,
        }
    }

    fn address(&self) -> SocketAddr {
        self.host.socket().local_addr().expect("a bound socket")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.host.connect(to, self.channels, 0).expect("a free slot");
    }

    fn send(&mut self, peer: PeerID, mode: Mode, data: &[u8]) -> bool {
        let packet = match mode {
            Mode::Reliable => Packet::reliable(data),
            Mode::Unreliable => Packet::unreliable(data),
        };
        self.host.peer_mut(peer).send(0, &packet).is_ok()
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<PeerID, Received>> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(event) = self.host.service().expect("a socket that works") {
                return Some(match event.no_ref() {
                    EventNoRef::Connect { peer, .. } => Event::Connected(peer),
                    EventNoRef::Disconnect { peer, .. } => Event::Disconnected(peer),
                    EventNoRef::Receive { peer, packet, .. } => Event::Received(peer, Received(packet)),
                });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let timeout = Timespec::try_from(left.min(self.tick)).expect("a short time");
            let mut sockets = [PollFd::new(self.host.socket(), PollFlags::IN)];
            // Interrupted or not: what is there is seen in the next step.
            let _ = poll(&mut sockets, Some(&timeout));
        }
    }
}
