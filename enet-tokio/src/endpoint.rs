//! The connection style.

use std::future::poll_fn;
use std::task::{Poll, ready};

use tokio::task::coop;
use tokio::time::timeout;

use crate::address::ToAddress;
use crate::config::Config;
use crate::connection::Connection;
use crate::driver::connections::Connections;
use crate::driver::shared::{Sink, State};
use crate::error::{BindError, ConnectError};
use crate::handle::{Handle, common_methods};

/// An ENet host whose connections are objects: accept or make them, send and receive on them.
///
/// Clones are handles to the same endpoint. When the last one is dropped nobody can connect any more, and who was not accepted yet is
/// told so. Connections that the program has handles of live on; when the last of them has ended or is dropped the endpoint closes, as
/// with [`shutdown`](Endpoint::shutdown), in the background. Wait for `shutdown` before `main` returns: a runtime that ends does not
/// wait for what is in the background. It sends what is queued once, as far as the window and the socket have room, and tells every
/// peer once.
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
    /// Binds to `address` and takes connections there. Port 0 lets the system pick one. `[::]` takes IPv4 as well as IPv6, and where
    /// there is no IPv6, IPv4 alone; who asks at one of several addresses of the machine is answered from that one.
    ///
    /// # Errors
    ///
    /// If the address is none, the name cannot be resolved, none of its addresses can be bound to, or the system has no randomness.
    ///
    /// # Panics
    ///
    /// Outside the context of a tokio runtime with I/O and time enabled, as everything in tokio does.
    pub async fn bind(address: impl ToAddress, config: Config) -> Result<Endpoint, BindError> {
        let handle = Handle::bind(&address.to_address()?, config, sink).await?;
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
    /// see. A name is resolved, and its addresses are tried one a quarter of a second after the other until one answers (RFC 8305);
    /// the last of them has [`Config::connect_timeout`](crate::Config::connect_timeout) to do so.
    ///
    /// # Errors
    ///
    /// At once if the address is none that one can connect to; if the name has no address; if none answers in time.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the attempt is given up and the server, should it have answered, is told.
    pub async fn connect(
        &self,
        address: impl ToAddress,
        channels: usize,
        data: u32,
    ) -> Result<Connection, ConnectError> {
        let address = address.to_address()?;
        let addresses = address.resolve().await?;
        let mut identity = None;
        let peer = self.handle.dial(&addresses, channels, data, |state, peer| {
            identity = Some(connections(state).dial(peer, addresses[0], data));
        })?;
        let Some(identity) = identity else {
            return Err(ConnectError::Closed);
        };
        let mut connection = Connection::new(self.handle.shared().clone(), identity);
        let after = self.handle.connect_timeout(addresses.len());
        let reason = match timeout(after, connection.established()).await {
            Ok(Ok(())) => return Ok(connection),
            Ok(Err(reason)) => Some(reason),
            Err(_) => None,
        };
        Err(self.handle.failure(peer, address.describe(&addresses), after, reason))
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
