//! Ours, through the public API of enet-tokio.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use enet_tokio::{Config, EventEndpoint, Packet, PeerHandle};
use tokio::time::{Instant, Sleep, sleep};

use super::{ANY_PORT, Event, Mode, Options, Side};

pub(crate) struct Tokio {
    endpoint: EventEndpoint,
    channels: usize,
    /// The time limit of waiting, kept from one event to the next as a program's own ticker would be.
    limit: Pin<Box<Sleep>>,
}

impl Tokio {
    pub(super) async fn with(options: &Options, config: Config) -> Tokio {
        let endpoint = EventEndpoint::bind(ANY_PORT, config).await;
        Tokio {
            endpoint: endpoint.expect("an endpoint"),
            channels: options.channels,
            limit: Box::pin(sleep(Duration::ZERO)),
        }
    }
}

pub(super) fn config(options: &Options) -> Config {
    Config::default().with_host(|host| {
        host.max_peers = options.peers;
        // They all come from this machine.
        host.duplicate_peers = options.peers;
        host.channel_limit = options.channels;
        host.accept = options.listens;
    })
}

impl Side for Tokio {
    type Peer = PeerHandle;
    type Data = Bytes;

    async fn open(options: &Options) -> Tokio {
        Tokio::with(options, config(options)).await
    }

    fn address(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    fn connect(&mut self, to: SocketAddr) {
        self.endpoint
            .connect(to, self.channels, 0)
            .expect("room for a connection");
    }

    fn send(&mut self, peer: PeerHandle, mode: Mode, data: &[u8]) -> bool {
        self.endpoint.send(peer, 0, packet(mode, data)).is_ok()
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<PeerHandle, Bytes>> {
        if let Some(event) = self.endpoint.try_next_event() {
            return Some(translate(event));
        }
        let now = Instant::now();
        if self.limit.is_elapsed() || self.limit.deadline() > now + wait {
            self.limit.as_mut().reset(now + wait);
        }
        tokio::select! {
            biased;
            event = self.endpoint.next_event() => event.map(translate),
            () = &mut self.limit => None,
        }
    }
}

pub(super) fn packet(mode: Mode, data: &[u8]) -> Packet {
    let data = Bytes::copy_from_slice(data);
    match mode {
        Mode::Reliable => Packet::reliable(data),
        Mode::Unreliable => Packet::unreliable(data),
    }
}

pub(super) fn translate(event: enet_tokio::Event) -> Event<PeerHandle, Bytes> {
    match event {
        enet_tokio::Event::Connected { peer, .. } => Event::Connected(peer),
        enet_tokio::Event::Disconnected { peer, .. } => Event::Disconnected(peer),
        enet_tokio::Event::Received { peer, packet, .. } => Event::Received(peer, packet.data),
    }
}
