//! A client and a server.

use std::time::Duration;

use enet_proto::{Event, HostConfig, Packet, PeerHandle, SendError};
use netem::Conditions;

use crate::network::{Network, NodeId};

/// Two connected hosts and the network between them.
pub struct Pair {
    /// The network.
    pub network: Network,
    /// The host that dialled.
    pub client: NodeId,
    /// The host that was dialled.
    pub server: NodeId,
    /// The server, as the client knows it.
    pub to_server: PeerHandle,
    /// The client, as the server knows it.
    pub to_client: PeerHandle,
}

impl Pair {
    /// Connects two hosts of default settings with all channels, over an ideal link of 10 ms each way.
    #[must_use]
    pub fn new(seed: u64) -> Pair {
        Pair::with(seed, HostConfig::default(), HostConfig::default())
    }

    /// Connects two hosts.
    #[must_use]
    pub fn with(seed: u64, client: HostConfig, server: HostConfig) -> Pair {
        Pair::in_network(Network::new(seed), client, server)
    }

    /// Connects two hosts in a network made ready by the test.
    ///
    /// # Panics
    /// When they are not connected after a minute.
    #[must_use]
    pub fn in_network(mut network: Network, client: HostConfig, server: HostConfig) -> Pair {
        let server = network.add_host(server);
        let client = network.add_host(client);
        let to_server = network.connect(client, server, 255, 0);
        let connected = network.run_until(Duration::from_secs(60), |network| {
            network.event_count(server) > 0 && network.event_count(client) > 0
        });
        assert!(connected, "the pair is connected");
        let to_client = match network.take_events(server)[..] {
            [Event::Connected { peer, .. }] => peer,
            ref other => panic!("the server had {other:?}"),
        };
        assert_eq!(
            network.take_events(client),
            [Event::Connected {
                peer: to_server,
                data: 0
            }]
        );
        Pair {
            network,
            client,
            server,
            to_server,
            to_client,
        }
    }

    /// Sets the conditions in both directions.
    pub fn set_conditions(&mut self, conditions: &Conditions) {
        self.network.set_links(self.client, self.server, conditions);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.network.run_for(duration);
    }

    /// Sends from the client.
    ///
    /// # Panics
    /// When the client knows no server any more.
    pub fn client_sends(&mut self, channel: u8, packet: Packet) -> Result<(), SendError> {
        let peer = self.to_server;
        self.network.with_host(self.client, |host| {
            host.peer_mut(peer).expect("a peer").send(channel, packet)
        })
    }

    /// Sends from the server.
    ///
    /// # Panics
    /// When the server knows no client any more.
    pub fn server_sends(&mut self, channel: u8, packet: Packet) -> Result<(), SendError> {
        let peer = self.to_client;
        self.network.with_host(self.server, |host| {
            host.peer_mut(peer).expect("a peer").send(channel, packet)
        })
    }

    /// The packets the server received since the last call.
    ///
    /// # Panics
    /// When it has other events too.
    pub fn server_received(&mut self) -> Vec<(u8, Packet)> {
        received(self.network.take_events(self.server))
    }

    /// The packets the client received since the last call.
    ///
    /// # Panics
    /// When it has other events too.
    pub fn client_received(&mut self) -> Vec<(u8, Packet)> {
        received(self.network.take_events(self.client))
    }

    /// Whether neither side has anything reliable queued or unacknowledged.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let side = |node, peer| {
            self.network
                .host(node)
                .peer(peer)
                .is_none_or(|peer| peer.queued_data() == 0)
        };
        side(self.client, self.to_server) && side(self.server, self.to_client)
    }

    /// Lets time pass until all that was sent has been acknowledged, at most `within`; tells whether it was.
    pub fn run_until_quiet(&mut self, within: Duration) -> bool {
        let (client, server, to_server, to_client) = (self.client, self.server, self.to_server, self.to_client);
        self.network.run_until(within, |network| {
            let side = |node, peer| network.host(node).peer(peer).is_none_or(|peer| peer.queued_data() == 0);
            side(client, to_server) && side(server, to_client)
        })
    }
}

fn received(events: Vec<Event>) -> Vec<(u8, Packet)> {
    let packet = |event| match event {
        Event::Received { channel, packet, .. } => (channel, packet),
        other => panic!("only packets were expected, not {other:?}"),
    };
    events.into_iter().map(packet).collect()
}
