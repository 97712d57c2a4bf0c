//! Attacks on ENet servers on this machine, and what healthy peers notice of them.
//!
//! Everything here is bounded in time and count, and nothing is ever sent to an address that is not loopback ([`Loopback`]).
//! [`run`] starts a server, has healthy peers talk to it, lets one [`Attack`] loose and measures until after its end.

#![deny(missing_docs)]

mod attacks;
mod common;
mod echo;
mod game;
mod healthy;
mod joining;
mod link;
mod loopback;
mod members;
#[path = "../../enet-cli/src/memory.rs"]
mod memory;
mod pace;
mod puppet;
mod reader;
mod relay;
mod report;
mod run;
mod serve;
mod server;
mod sockets;
mod target;
mod victim;

pub use attacks::Attack;
pub use enet_tokio::Compression;
pub use healthy::Latency;
pub use loopback::{Loopback, NotLoopback};
pub use report::{Report, table};
pub use run::{Scale, Subject, run};
pub use serve::serve;
pub use target::{Bound, Target};
pub use victim::{Implementation, Service, Victim};
