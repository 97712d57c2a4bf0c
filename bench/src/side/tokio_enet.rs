//! The crate `tokio-enet`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_enet::{Host, HostConfig, Packet, PacketMode, PeerId};

use super::{ANY_PORT, Event, Mode, Options, Side};

pub(crate) struct TokioEnet {
    host: Host,
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

impl Side for TokioEnet {
    type Peer = PeerId;
    type Data = Received;

    async fn open(options: &Options) -> TokioEnet {
        let host = Host::new(HostConfig {
            address: Some(ANY_PORT),
            peer_count: options.peers,
            channel_limit: options.channels,
            ..HostConfig::default()
        });
        TokioEnet {
            host: host.expect("a host of tokio-enet"),
            channels: options.channels,
            tick: options.tick,
        }
    }

    fn address(&self) -> SocketAddr {
        self.host.local_addr().expect("a bound socket")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.host.connect(to, self.channels, 0).expect("a free slot");
    }

    fn send(&mut self, peer: PeerId, mode: Mode, data: &[u8]) -> bool {
        let mode = match mode {
            Mode::Reliable => PacketMode::ReliableSequenced,
            Mode::Unreliable => PacketMode::UnreliableSequenced,
        };
        self.host
            .peer_mut(peer)
            .is_some_and(|peer| peer.send(0, Packet::new(data, mode)).is_ok())
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<PeerId, Received>> {
        let event = self.host.service(wait.min(self.tick)).await;
        Some(match event.expect("a socket that works")? {
            tokio_enet::Event::Connect { peer_id, .. } => Event::Connected(peer_id),
            tokio_enet::Event::Disconnect { peer_id, .. } => Event::Disconnected(peer_id),
            tokio_enet::Event::Receive { peer_id, packet, .. } => Event::Received(peer_id, Received(packet)),
        })
    }
}
