//! The connection style.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Poll, ready};

use tokio::net::{ToSocketAddrs, lookup_host};
use tokio::task::coop;
use tokio::time::timeout;

use crate::config::Config;
use crate::connection::Connection;
use crate::driver::connections::Connections;
use crate::driver::shared::{Sink, State};
use crate::error::{BindError, ConnectError};
use crate::handle::{Handle, common_methods};

/// An ENet host whose connections are objects: accept or make them, send and receive on them.
///
/// Clones are handles to the same endpoint. **When the last one is dropped the endpoint closes**: as with
/// [`shutdown`](Endpoint::shutdown), in the background, so keep it for as long as its connections are to live.
///
/// ```
/// use enet_tokio::{Config, Endpoint, Packet};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Endpoint::bind("127.0.0.1:0", Config::default()).await?;
/// let address = server.local_addr();
/// tokio::spawn(async move {
///     while let Some(connection) = server.accept().await {
///         tokio::spawn(async move {
///             while let Ok((channel, packet)) = connection.recv().await {
///                 let _ = connection.send(channel, packet).await;
///             }
///         });
///     }
/// });
///
/// let client = Endpoint::client(Config::default())?;
/// let connection = client.connect(address, 2, 0).await?;
/// connection.send(0, Packet::reliable("hello")).await?;
/// let (channel, packet) = connection.recv().await?;
/// assert_eq!((channel, &packet.data[..]), (0, &b"hello"[..]));
/// connection.disconnect(0).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    handle: Handle,
}

impl Endpoint {
    /// Binds to `address` and takes connections there. Port 0 lets the system pick one. `[::]` takes IPv4 as well as IPv6.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved, none of its addresses can be bound to, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled, as everything in tokio does.
    pub async fn bind(address: impl ToSocketAddrs, config: Config) -> Result<Endpoint, BindError> {
        let handle = Handle::bind(address, config, sink).await?;
        Ok(Endpoint { handle })
    }

    /// An endpoint that only makes connections, to IPv4 and, where the system has it, IPv6.
    ///
    /// # Errors
    ///
    /// If the system gives no socket or no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled.
    pub fn client(config: Config) -> Result<Endpoint, BindError> {
        let handle = Handle::client(config, sink)?;
        Ok(Endpoint { handle })
    }

    /// Uses a socket that is bound already, for options this crate does not set.
    ///
    /// # Errors
    ///
    /// If the socket is none that can be used, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled.
    pub fn from_socket(socket: std::net::UdpSocket, config: Config) -> Result<Endpoint, BindError> {
        let handle = Handle::from_socket(socket, config, sink)?;
        Ok(Endpoint { handle })
    }

    /// Connects to `address`, with `channels` channels (1 to 255; the server may grant fewer) and a number for the server to
    /// see. A name is resolved and its addresses are tried in turn, each for
    /// [`Config::connect_timeout`](crate::Config::connect_timeout).
    ///
    /// # Errors
    ///
    /// The error of the last address, if none answers.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the attempt is given up and the server, should it have answered, is told.
    pub async fn connect(
        &self,
        address: impl ToSocketAddrs,
        channels: usize,
        data: u32,
    ) -> Result<Connection, ConnectError> {
        let mut result = Err(ConnectError::NoAddress);
        for address in lookup_host(address).await.map_err(ConnectError::Resolve)? {
            result = self.connect_to(address, channels, data).await;
            if result.is_ok() {
                break;
            }
        }
        result
    }

    async fn connect_to(&self, address: SocketAddr, channels: usize, data: u32) -> Result<Connection, ConnectError> {
        let address = self.handle.reachable(address)?;
        let connection = self.handle.act(|state| {
            if !state.is_running() {
                return Err(ConnectError::Closed);
            }
            let peer = state.host.connect(address, channels, data)?;
            let identity = connections(state).dial(peer, address, data);
            Ok(Connection::new(self.handle.shared().clone(), identity))
        })?;
        let after = self.handle.config().connect_timeout;
        match timeout(after, connection.established()).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(_)) if !self.handle.look(|state| state.is_running()) => Err(ConnectError::Closed),
            Ok(Err(enet_proto::DisconnectReason::TimedOut)) | Err(_) => Err(ConnectError::TimedOut { address, after }),
            Ok(Err(reason)) => Err(ConnectError::Refused { address, reason }),
        }
    }

    /// The next connection that somebody made to this endpoint, or `None` when the endpoint is closing.
    ///
    /// Any number of tasks may wait; each connection goes to one of them.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no connection is lost.
    pub async fn accept(&self) -> Option<Connection> {
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let accepted = ready!(self.handle.shared().poll(|state| match state.is_running() {
                true => connections(state).poll_accept(cx).map(Some),
                false => Poll::Ready(None),
            }));
            budget.made_progress();
            Poll::Ready(accepted)
        })
        .await
        .map(|identity| Connection::new(self.handle.shared().clone(), identity))
    }

    common_methods!();
}

fn sink(config: &Config) -> Sink {
    Sink::Connections(Connections::new(config))
}

/// The connections of an endpoint of this style.
pub(crate) fn connections(state: &mut State) -> &mut Connections {
    match &mut state.sink {
        Sink::Connections(connections) => connections,
        Sink::Events(_) => unreachable!("an endpoint keeps its style"),
    }
}
