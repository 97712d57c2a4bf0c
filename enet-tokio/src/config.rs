//! What can be set on an endpoint.

use std::time::Duration;

use enet_proto::HostConfig;
use enet_proto::compress::Compression;

#[cfg(feature = "conditions")]
use crate::conditions::NetworkConditions;
use crate::intercept::Intercept;

/// How datagrams pass to and from the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Batching {
    /// Many at a time where the kernel can: segmentation offload (GSO), receive offload (GRO) and `recvmmsg` on Linux and
    /// Android, `sendmmsg` on Linux, single calls elsewhere or when the kernel turns out not to.
    #[default]
    Auto,
    /// One system call for each datagram.
    Off,
}

/// The settings of an endpoint. The defaults suit a game server as well as a client.
///
/// ```
/// use std::time::Duration;
/// use enet_tokio::Config;
///
/// let config = Config::default()
///     .with_host(|host| host.max_peers = 64)
///     .with_linger(Duration::from_secs(1));
/// assert_eq!(config.host.max_peers, 64);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The settings of the protocol: peers, channels, bandwidth, packet sizes.
    pub host: HostConfig,
    /// How datagrams pass to and from the kernel. Default [`Batching::Auto`].
    pub batching: Batching,
    /// The kernel's receive buffer to ask for, in bytes; the system may grant less. It must hold what arrives while the
    /// driver is busy, so a server of thousands wants much. Default 4 MiB.
    pub receive_buffer: usize,
    /// The kernel's send buffer to ask for, in bytes; the system may grant less. Default 4 MiB.
    pub send_buffer: usize,
    /// How many received packets may wait for the program before the endpoint stops taking them from the protocol: for each
    /// connection in the connection style, in all in the event style. What comes on top waits in the protocol, up to
    /// [`HostConfig::max_waiting_data`] for each peer, and is then refused. Default 8192.
    pub receive_queue_packets: usize,
    /// The same in bytes of payload. Default 4 MiB.
    pub receive_queue_bytes: usize,
    /// For how long a task that waits for an answer may look for it again and again instead of sleeping. Zero for never.
    /// Default 50 µs.
    ///
    /// It is done only in a quick dialogue with one peer: one datagram from it, an answer of the program, one datagram from it, and
    /// so on, where the last waits really were that short. There it saves the system's work of putting a thread to sleep and
    /// waking it, which takes longer than the answer itself where both sides are on one machine or near each other. Other tasks
    /// get their turn every few microseconds. A processor is kept busy meanwhile, which other programs may want, but not for a
    /// peer that answers slowly, a program that sends in the rhythm of a game, a stream, or many peers: as soon as waits get longer
    /// the task sleeps.
    ///
    /// Only in a runtime of one thread (`current_thread`). In one of several threads, one that has nothing to do waits for the
    /// socket and is woken for each datagram all the same, so that looking for it would be for nothing.
    pub busy_poll: Duration,
    /// How long an endpoint that is shut down or dropped goes on to deliver what is queued and to wait for its peers to confirm
    /// that they have left. It needs its runtime for that: a runtime that ends does not wait. Default 3 s.
    pub linger: Duration,
    /// How long [`Endpoint::connect`](crate::Endpoint::connect) waits for an answer, from when it asks the last of the addresses that
    /// a name has. Default 10 s.
    pub connect_timeout: Duration,
    /// Whether the endpoint sends and receives nothing until it is released
    /// ([`EventEndpoint::release`](crate::EventEndpoint::release)), so that what is set before holds for its first datagram.
    /// Default false.
    pub held: bool,
    /// A bad network on purpose, for testing; it can be changed later
    /// ([`Endpoint::set_conditions`](crate::Endpoint::set_conditions)). Default ideal: none.
    #[cfg(feature = "conditions")]
    pub conditions: NetworkConditions,
    /// Encryption by DTLS 1.2, as Godot's ENet has it; both sides must have it or none. A DISCONNECT is not
    /// [doubted](HostConfig::doubt_disconnects) then, as nobody can forge it. Default none.
    #[cfg(feature = "dtls")]
    pub dtls: Option<crate::DtlsConfig>,
    /// Sees every datagram before the protocol does, and before it is decrypted. Default none.
    pub intercept: Option<Intercept>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            host: HostConfig::default(),
            batching: Batching::default(),
            receive_buffer: 4 * 1024 * 1024,
            send_buffer: 4 * 1024 * 1024,
            receive_queue_packets: 8192,
            receive_queue_bytes: 4 * 1024 * 1024,
            busy_poll: Duration::from_micros(50),
            linger: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(10),
            held: false,
            #[cfg(feature = "conditions")]
            conditions: NetworkConditions::default(),
            #[cfg(feature = "dtls")]
            dtls: None,
            intercept: None,
        }
    }
}

impl Config {
    /// Changes settings of the protocol.
    #[must_use]
    pub fn with_host(mut self, change: impl FnOnce(&mut HostConfig)) -> Config {
        change(&mut self.host);
        self
    }

    /// Sets how datagrams are compressed, which must be the same on both sides.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Config {
        self.host.compression = compression;
        self
    }

    /// Sets [`batching`](Config::batching).
    #[must_use]
    pub fn with_batching(mut self, batching: Batching) -> Config {
        self.batching = batching;
        self
    }

    /// Sets [`receive_buffer`](Config::receive_buffer) and [`send_buffer`](Config::send_buffer), in bytes.
    #[must_use]
    pub fn with_socket_buffers(mut self, receive: usize, send: usize) -> Config {
        self.receive_buffer = receive;
        self.send_buffer = send;
        self
    }

    /// Sets [`receive_queue_packets`](Config::receive_queue_packets) and
    /// [`receive_queue_bytes`](Config::receive_queue_bytes).
    #[must_use]
    pub fn with_receive_queue(mut self, packets: usize, bytes: usize) -> Config {
        self.receive_queue_packets = packets;
        self.receive_queue_bytes = bytes;
        self
    }

    /// Sets [`busy_poll`](Config::busy_poll).
    #[must_use]
    pub fn with_busy_poll(mut self, limit: Duration) -> Config {
        self.busy_poll = limit;
        self
    }

    /// Sets [`linger`](Config::linger).
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Config {
        self.linger = linger;
        self
    }

    /// Sets [`connect_timeout`](Config::connect_timeout).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Config {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`conditions`](Config::conditions).
    #[cfg(feature = "conditions")]
    #[must_use]
    pub fn with_conditions(mut self, conditions: NetworkConditions) -> Config {
        self.conditions = conditions;
        self
    }

    /// Encrypts: a [`DtlsServer`](crate::DtlsServer) or a [`DtlsClient`](crate::DtlsClient).
    #[cfg(feature = "dtls")]
    #[must_use]
    pub fn with_dtls(mut self, dtls: impl Into<crate::DtlsConfig>) -> Config {
        self.dtls = Some(dtls.into());
        self
    }

    /// Sets [`intercept`](Config::intercept).
    #[must_use]
    pub fn with_intercept(mut self, intercept: Intercept) -> Config {
        self.intercept = Some(intercept);
        self
    }

    /// Sets [`held`](Config::held).
    #[must_use]
    pub fn with_held(mut self, held: bool) -> Config {
        self.held = held;
        self
    }
}
