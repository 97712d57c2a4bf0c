//! One end of connections, whichever implementation it is.

pub(crate) mod bare;
pub(crate) mod c;
pub(crate) mod crowd;
pub(crate) mod encrypted;
pub(crate) mod quinn;
pub(crate) mod rusty;
pub(crate) mod swarm;
pub(crate) mod tokio;
pub(crate) mod tokio_enet;
pub(crate) mod udp;

use std::fmt::Debug;
use std::hash::Hash;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ::serde::{Deserialize, Serialize};

/// A host of some implementation, driven by the task that has it.
pub(crate) trait Side: Sized {
    /// Names a connection.
    type Peer: Copy + Debug + Eq + Hash;
    /// The bytes of a received packet.
    type Data: AsRef<[u8]>;

    /// Opens a socket on loopback.
    async fn open(options: &Options) -> Self;

    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Begins to connect.
    fn connect(&mut self, to: SocketAddr);

    /// Queues a packet, of which every implementation makes a copy; false if it takes none now.
    fn send(&mut self, peer: Self::Peer, mode: Mode, data: &[u8]) -> bool;

    /// Sends, receives, and waits for an event, for about `wait` at most.
    async fn next(&mut self, wait: Duration) -> Option<Event<Self::Peer, Self::Data>>;
}

/// What happened.
pub(crate) enum Event<P, D> {
    Connected(P),
    Disconnected(P),
    Received(P, D),
}

/// How a packet is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    Reliable,
    Unreliable,
}

/// How to open a side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether others connect to it.
    pub(crate) listens: bool,
    /// How many peers it will have.
    pub(crate) peers: usize,
    /// How many channels a connection has.
    pub(crate) channels: usize,
    /// How long an implementation that only does its timers when called may sleep.
    pub(crate) tick: Duration,
}

/// A free port of loopback.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
