//! What the tests share.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use enet_tokio::{Batching, Bytes, Config, Connection, Endpoint};
use tokio::net::UdpSocket;

pub(crate) const BOTH: [Batching; 2] = [Batching::Auto, Batching::Off];

/// How long anything may take before a test counts as failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `future` yields, unless it takes too long.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not done after {PATIENCE:?}"),
    }
}

pub(crate) fn config(batching: Batching) -> Config {
    Config::default().with_batching(batching)
}

/// Two endpoints and both ends of a connection between them.
pub(crate) struct Pair {
    pub(crate) server: Endpoint,
    pub(crate) client: Endpoint,
    pub(crate) accepted: Connection,
    pub(crate) dialled: Connection,
}

impl Pair {
    pub(crate) async fn new(config: Config) -> Pair {
        Pair::at("127.0.0.1:0", "127.0.0.1", config.clone(), config).await
    }

    /// A server bound to `bind` with `server`, and a client with `client` that reaches it at `reach`.
    pub(crate) async fn at(bind: &str, reach: &str, server: Config, client: Config) -> Pair {
        let server = Endpoint::bind(bind, server).await.unwrap();
        let client = Endpoint::client(client).unwrap();
        let address = SocketAddr::new(reach.parse().unwrap(), server.local_addr().port());
        let (dialled, accepted) = within(async { tokio::join!(client.connect(address, 4, 99), server.accept()) }).await;
        Pair {
            server,
            client,
            accepted: accepted.unwrap(),
            dialled: dialled.unwrap(),
        }
    }

    /// With a wire between them that can be cut.
    pub(crate) async fn relayed(config: Config) -> (Pair, Relay) {
        let server = Endpoint::bind("127.0.0.1:0", config.clone()).await.unwrap();
        let client = Endpoint::client(config).unwrap();
        let relay = Relay::to(server.local_addr()).await;
        let (dialled, accepted) =
            within(async { tokio::join!(client.connect(relay.address, 4, 99), server.accept()) }).await;
        (
            Pair {
                server,
                client,
                accepted: accepted.unwrap(),
                dialled: dialled.unwrap(),
            },
            relay,
        )
    }
}

/// A wire between a client and a server that can be cut.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// One client may connect to [`Relay::address`] and speaks with `server`.
    pub(crate) async fn to(server: SocketAddr) -> Relay {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut client = None;
            let mut buffer = vec![0; 65_536];
            loop {
                let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                    continue;
                };
                let to = if from == server {
                    client
                } else {
                    client = Some(from);
                    Some(server)
                };
                if let Some(to) = to {
                    let _ = socket.send_to(&buffer[..length], to).await;
                }
            }
        });
        Relay { address, task }
    }

    /// From now on nothing passes, and nobody is told.
    pub(crate) fn cut(&self) {
        self.task.abort();
    }
}

/// `length` bytes that differ from place to place and from `seed` to `seed`.
pub(crate) fn payload(seed: usize, length: usize) -> Bytes {
    (0..length)
        .map(|index| (index.wrapping_mul(31) ^ (index >> 8) ^ seed) as u8)
        .collect()
}

/// Sends back all that comes on any connection, in the background.
pub(crate) fn echo(server: Endpoint) {
    tokio::spawn(async move {
        while let Some(connection) = server.accept().await {
            tokio::spawn(async move {
                while let Ok((channel, packet)) = connection.recv().await {
                    if connection.send(channel, packet).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}
