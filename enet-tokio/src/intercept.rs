//! Datagrams that are not ENet's, on an ENet socket.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

/// What is to happen to a datagram that an [`Intercept`] has seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is for ENet.
    Pass,
    /// The program has taken it; ENet does not see it.
    Taken,
    /// The program has taken it, and this datagram is the answer. It leaves from the address that was asked.
    ///
    /// Anybody can ask in the name of someone else, who then gets the answer: let it be no longer than the question, or bind it to a
    /// number that only the one who asks can know. Answers are left out while 4096 of them wait to be sent, and can get lost as any
    /// datagram.
    Reply(Bytes),
}

/// A function that sees every datagram before ENet does: for answers of a STUN server, a server browser's queries, hole punching.
/// To send one without being asked there is [`EventEndpoint::send_raw`](crate::EventEndpoint::send_raw).
///
/// It runs in the endpoint's task and must not block, and must not call the endpoint: it may answer in place, or send to a channel.
///
/// ```
/// use enet_tokio::{Config, Intercept, Verdict};
///
/// let browser = Intercept::new(|_from, datagram| match datagram {
///     // As long as the answer, so that nobody is flooded by what others ask for.
///     b"WHO IS THERE?..." => Verdict::Reply("arena, 3 players".into()),
///     _ => Verdict::Pass,
/// });
/// let config = Config::default().with_intercept(browser);
/// ```
#[derive(Clone)]
pub struct Intercept(Arc<Function>);

type Function = dyn Fn(SocketAddr, &[u8]) -> Verdict + Send + Sync;

impl Intercept {
    /// Has `function` called with the source and the content of each datagram.
    pub fn new(function: impl Fn(SocketAddr, &[u8]) -> Verdict + Send + Sync + 'static) -> Intercept {
        Intercept(Arc::new(function))
    }

    pub(crate) fn judge(&self, from: SocketAddr, datagram: &[u8]) -> Verdict {
        (self.0)(from, datagram)
    }
}

impl fmt::Debug for Intercept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Intercept")
    }
}
