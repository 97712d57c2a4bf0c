//! ENet hosts in one thread and in virtual time.
//!
//! - [`Network`] joins any number of [`enet_proto::Host`]s and hand-written [`RawNode`]s by links of package `netem`. Hours of
//!   protocol time pass in seconds, work is done only where something happens, and equal seeds give equal runs.
//! - [`Pair`] is the network most tests want: a client and a server that are connected.
//! - [`Probe`] is one host alone, to which a test talks in datagrams of its own making.
//! - [`StockClient`] does what a C ENet client does, written from the protocol and not from our implementation of it.
//! - [`wire`] reads and writes the bytes, again independently.
//!
//! Everything here panics when it finds a rule broken that holds always: a datagram above its host's MTU, a timer that spins.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod links;
mod network;
mod node;
mod observe;
mod pair;
mod probe;
mod stock;
pub mod wire;

pub use netem::{BurstLoss, Conditions, Random};
pub use network::{Network, NodeId};
pub use node::{Mailbox, Outbox, RawNode};
pub use observe::{InFlight, Observed, Stage, Traced};
pub use pair::Pair;
pub use probe::{Probe, Remote, Sent};
pub use stock::{StockClient, StockState};

use std::time::Duration;

use enet_proto::Time;

/// A point in protocol time as `netem` counts it.
fn since_epoch(time: Time) -> Duration {
    Duration::from_micros(time.as_micros())
}
