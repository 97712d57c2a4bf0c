//! Many clients of enet-tokio with a socket each, with DTLS or without: of one socket all would share one session.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use enet_tokio::{Config, EventEndpoint, PeerHandle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::encrypted::encrypting;
use super::tokio::{config, packet, translate};
use super::{ANY_PORT, Event, Mode, Options, Side};

pub(crate) struct Crowd<const ENCRYPTED: bool> {
    config: Config,
    channels: usize,
    members: Vec<(EventEndpoint, PeerHandle)>,
    events: UnboundedReceiver<Event<usize, Bytes>>,
    sender: UnboundedSender<Event<usize, Bytes>>,
}

impl<const ENCRYPTED: bool> Side for Crowd<ENCRYPTED> {
    type Peer = usize;
    type Data = Bytes;

    async fn open(options: &Options) -> Self {
        assert!(!options.listens, "a crowd has clients only");
        super::swarm::allow_sockets();
        let (sender, events) = unbounded_channel();
        // As stock clients do.
        let config = config(&Options { peers: 1, ..*options }).with_host(|host| host.frugal_pings = false);
        let config = config.with_socket_buffers(64 * 1024, 64 * 1024);
        Crowd {
            config: if ENCRYPTED { encrypting(config, options) } else { config },
            channels: options.channels,
            members: Vec::new(),
            events,
            sender,
        }
    }

    fn address(&self) -> SocketAddr {
        ANY_PORT
    }

    fn connect(&mut self, to: SocketAddr) {
        let endpoint = EventEndpoint::client(self.config.clone()).expect("an endpoint");
        let peer = endpoint.connect(to, self.channels, 0).expect("room for a connection");
        let number = self.members.len();
        self.members.push((endpoint.clone(), peer));
        let sender = self.sender.clone();
        tokio::spawn(async move {
            while let Some(event) = endpoint.next_event().await {
                let event = match translate(event) {
                    Event::Connected(_) => Event::Connected(number),
                    Event::Disconnected(_) => Event::Disconnected(number),
                    Event::Received(_, data) => Event::Received(number, data),
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
    }

    fn send(&mut self, peer: usize, mode: Mode, data: &[u8]) -> bool {
        let (endpoint, handle) = &self.members[peer];
        endpoint.send(*handle, 0, packet(mode, data)).is_ok()
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<usize, Bytes>> {
        timeout(wait, self.events.recv()).await.ok().flatten()
    }
}
