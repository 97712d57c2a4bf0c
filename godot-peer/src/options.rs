//! What can be set on servers and clients.

use std::net::SocketAddr;

use enet_tokio::{Compression, Config};

use crate::calls::CallLimits;
use crate::relay::RelayLimits;
use crate::transfer::enet_channel_count;

/// The settings of a server, as the arguments of `create_server`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How many clients may be in the session; more get no answer. Default 4095, the most that Godot's own server takes.
    pub max_clients: usize,
    /// How many transfer channels besides the default one clients may use; 0, the default, for all 253.
    pub max_channels: usize,
    /// What the server can receive, bytes per second; 0, the default, for unlimited.
    pub incoming_bandwidth: u32,
    /// What the server may send, bytes per second; 0, the default, for unlimited.
    pub outgoing_bandwidth: u32,
    /// Whether the server tells clients of each other and passes on what they send to each other, as `SceneMultiplayer` does by
    /// default. If not, all packets go to the program as they are; once it has [nodes](crate::GodotServer::add_node), only those that
    /// are neither calls nor about the numbers of paths. Default true.
    pub relay: bool,
    /// How many copies of its packets one client may have the server make in a second: one for each receiver, a twentieth of it
    /// at once. Beyond it unreliable packets are dropped, and reliable ones wait. 0 for unlimited. Default 250 000: a packet for each of
    /// 4000 others sixty times a second.
    pub relay_rate: u32,
    /// How much one client may call the server, and what follows on bad calls.
    pub calls: CallLimits,
    /// Everything else about the endpoint. The settings above take precedence.
    ///
    /// [`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data) is what may wait for one client: see
    /// [`with_max_queue`](ServerOptions::with_max_queue).
    pub endpoint: Config,
}

/// The settings of a client, as the arguments of `create_client`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClientOptions {
    /// How many transfer channels to ask for besides the default one; 0, the default, for all 253.
    pub channels: usize,
    /// What the client can receive, bytes per second; 0, the default, for unlimited.
    pub incoming_bandwidth: u32,
    /// What the client may send, bytes per second; 0, the default, for unlimited.
    pub outgoing_bandwidth: u32,
    /// The local address to use. Default: any, with a port that the system picks.
    pub bind_address: Option<SocketAddr>,
    /// How much one peer may call this client.
    pub calls: CallLimits,
    /// Everything else about the endpoint. The settings above take precedence.
    pub endpoint: Config,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            max_clients: 4095,
            max_channels: 0,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            relay: true,
            relay_rate: RelayLimits::default().rate,
            calls: CallLimits::default(),
            endpoint: Config::default(),
        }
    }
}

impl ServerOptions {
    /// Sets [`max_clients`](ServerOptions::max_clients).
    #[must_use]
    pub fn with_max_clients(mut self, clients: usize) -> ServerOptions {
        self.max_clients = clients;
        self
    }

    /// Sets [`max_channels`](ServerOptions::max_channels).
    #[must_use]
    pub fn with_max_channels(mut self, channels: usize) -> ServerOptions {
        self.max_channels = channels;
        self
    }

    /// Sets [`incoming_bandwidth`](ServerOptions::incoming_bandwidth) and
    /// [`outgoing_bandwidth`](ServerOptions::outgoing_bandwidth), in bytes per second.
    #[must_use]
    pub fn with_bandwidth(mut self, incoming: u32, outgoing: u32) -> ServerOptions {
        self.incoming_bandwidth = incoming;
        self.outgoing_bandwidth = outgoing;
        self
    }

    /// Sets [`relay`](ServerOptions::relay).
    #[must_use]
    pub fn with_relay(mut self, relay: bool) -> ServerOptions {
        self.relay = relay;
        self
    }

    /// Sets [`relay_rate`](ServerOptions::relay_rate).
    #[must_use]
    pub fn with_relay_rate(mut self, copies_per_second: u32) -> ServerOptions {
        self.relay_rate = copies_per_second;
        self
    }

    /// Sets [`calls`](ServerOptions::calls).
    #[must_use]
    pub fn with_call_limits(mut self, limits: CallLimits) -> ServerOptions {
        self.calls = limits;
        self
    }

    /// Sets how much may wait for one client, in bytes; default 32 MiB. A client is slowed down when the server holds a quarter of
    /// it for what that client has sent to others, and one for whom more waits must take a sixteenth of it in a minute, or as
    /// [`HostConfig::slow_peer_timeout`](enet_proto::HostConfig::slow_peer_timeout) says.
    #[must_use]
    pub fn with_max_queue(mut self, bytes: usize) -> ServerOptions {
        self.endpoint.host.max_queued_data = bytes;
        self
    }

    /// Sets how datagrams are compressed, as `peer.host.compress(mode)` does in Godot; it must be the same on both sides.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> ServerOptions {
        self.endpoint = self.endpoint.with_compression(compression);
        self
    }

    /// Encrypts, as `peer.host.dtls_server_setup(options)` does in Godot: clients need `dtls_client_setup`.
    #[cfg(feature = "dtls")]
    #[must_use]
    pub fn with_dtls(mut self, server: enet_tokio::DtlsServer) -> ServerOptions {
        self.endpoint = self.endpoint.with_dtls(server);
        self
    }

    /// Changes other settings of the endpoint.
    #[must_use]
    pub fn with_endpoint(mut self, change: impl FnOnce(&mut Config)) -> ServerOptions {
        change(&mut self.endpoint);
        self
    }

    /// What clients may have the server do and hold.
    pub(crate) fn relay_limits(&self) -> RelayLimits {
        let host = &self.endpoint.host;
        RelayLimits {
            queue: host.max_queued_data,
            packet: host.max_packet_size,
            total: host.max_held_data,
            patience: host.slow_peer_timeout,
            rate: self.relay_rate,
            bandwidth: self.outgoing_bandwidth,
            ..RelayLimits::default()
        }
    }

    pub(crate) fn into_config(self) -> Config {
        self.endpoint.with_host(|host| {
            host.max_peers = self.max_clients;
            host.channel_limit = enet_channel_count(self.max_channels);
            host.incoming_bandwidth = self.incoming_bandwidth;
            host.outgoing_bandwidth = self.outgoing_bandwidth;
        })
    }
}

impl ClientOptions {
    /// Sets [`channels`](ClientOptions::channels).
    #[must_use]
    pub fn with_channels(mut self, channels: usize) -> ClientOptions {
        self.channels = channels;
        self
    }

    /// Sets [`incoming_bandwidth`](ClientOptions::incoming_bandwidth) and
    /// [`outgoing_bandwidth`](ClientOptions::outgoing_bandwidth), in bytes per second.
    #[must_use]
    pub fn with_bandwidth(mut self, incoming: u32, outgoing: u32) -> ClientOptions {
        self.incoming_bandwidth = incoming;
        self.outgoing_bandwidth = outgoing;
        self
    }

    /// Sets [`calls`](ClientOptions::calls).
    #[must_use]
    pub fn with_call_limits(mut self, limits: CallLimits) -> ClientOptions {
        self.calls = limits;
        self
    }

    /// Sets [`bind_address`](ClientOptions::bind_address).
    #[must_use]
    pub fn with_bind_address(mut self, address: SocketAddr) -> ClientOptions {
        self.bind_address = Some(address);
        self
    }

    /// Sets how datagrams are compressed, as `peer.host.compress(mode)` does in Godot; it must be the same on both sides.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> ClientOptions {
        self.endpoint = self.endpoint.with_compression(compression);
        self
    }

    /// Encrypts, as `peer.host.dtls_client_setup(name, options)` does in Godot.
    #[cfg(feature = "dtls")]
    #[must_use]
    pub fn with_dtls(mut self, client: enet_tokio::DtlsClient) -> ClientOptions {
        self.endpoint = self.endpoint.with_dtls(client);
        self
    }

    /// Changes other settings of the endpoint.
    #[must_use]
    pub fn with_endpoint(mut self, change: impl FnOnce(&mut Config)) -> ClientOptions {
        change(&mut self.endpoint);
        self
    }

    pub(crate) fn config(&self) -> Config {
        self.endpoint.clone().with_host(|host| {
            host.incoming_bandwidth = self.incoming_bandwidth;
            host.outgoing_bandwidth = self.outgoing_bandwidth;
            // The server is its only peer.
            host.accept = false;
        })
    }

    pub(crate) fn enet_channels(&self) -> usize {
        enet_channel_count(self.channels)
    }
}
