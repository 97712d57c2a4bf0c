//! Datagrams that are not ENet's, on an ENet socket.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// What is to happen to a datagram that an [`Intercept`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is for ENet.
    Pass,
    /// The program has taken it; ENet does not see it.
    Taken,
}

/// A function that sees every datagram before ENet does: for answers of a STUN server, a server browser's queries, hole punching.
/// Its counterpart is [`EventEndpoint::send_raw`](crate::EventEndpoint::send_raw).
///
/// It runs in the endpoint's task and must not block, and must not call the endpoint: it may send to a channel.
#[derive(Clone)]
pub struct Intercept(Arc<Function>);

type Function = dyn Fn(SocketAddr, &[u8]) -> Verdict + Send + Sync;

impl Intercept {
    /// Has `function` called with the source and the content of each datagram.
    pub fn new(function: impl Fn(SocketAddr, &[u8]) -> Verdict + Send + Sync + 'static) -> Intercept {
        Intercept(Arc::new(function))
    }

    pub(crate) fn takes(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        (self.0)(from, datagram) == Verdict::Taken
    }
}

impl fmt::Debug for Intercept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Intercept")
    }
}
