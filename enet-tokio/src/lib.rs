//! ENet on tokio: hosts and connections for Rust programs, wire-compatible with ENet 1.3 and so with stock Godot 4.
//!
//! Two styles, over the same engine:
//!
//! - [`Endpoint`] and [`Connection`]: `accept` or `connect`, then `send` and `recv` on each connection, as with TCP.
//! - [`EventEndpoint`]: `while let Some(event) = endpoint.next_event().await`, as game servers like it.
//!
//! The protocol itself is in [`enet_proto`]; this crate gives it a socket, a clock and a task. The task alone receives; it
//! belongs to the runtime in whose context the endpoint is bound. An endpoint survives whatever its network does: an interface
//! that is down or a destination that is unreachable is loss, counted in the [statistics](EndpointStatistics).
//!
//! ```
//! use enet_tokio::{Config, Endpoint, Packet};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Endpoint::bind("127.0.0.1:0", Config::default()).await?;
//! let client = Endpoint::client(Config::default())?;
//! let (accepted, connected) = tokio::join!(server.accept(), client.connect(server.local_addr(), 2, 0));
//! let (accepted, connected) = (accepted.ok_or("the server has ended")?, connected?);
//!
//! connected.send(1, Packet::reliable("hello")).await?;
//! let (channel, packet) = accepted.recv().await?;
//! assert_eq!((channel, &packet.data[..]), (1, &b"hello"[..]));
//! connected.disconnect(0).await;
//! server.shutdown(0).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is delivered at the end
//!
//! A packet that was taken for sending is queued, and that is all its `Ok` says. What becomes of it at the end of a program:
//!
//! | End | What is queued | Who is told |
//! | --- | --- | --- |
//! | [`Endpoint::shutdown`], [`EventEndpoint::shutdown`], waited for | reliable packets arrive, within [`Config::linger`] | all |
//! | [`Connection::disconnect`], waited for | reliable packets arrive, however long it takes | its peer |
//! | the last handle of a connection is dropped; of an [`EventEndpoint`] | the same, in the background, as long as the runtime lives | the same |
//! | the runtime ends, as when `main` returns | is sent once, as far as the window and the socket have room | all, once |
//! | `shutdown_now`, [`Connection::abort`], [`EventEndpoint::disconnect`], `disconnect_now` | is lost | all, or the peer, once |
//! | the process is killed, or ends by `std::process::exit` | is lost | nobody: they find out by a time-out |
//!
//! An [`Endpoint`] whose last handle is dropped takes no new connections; those that the program has go on until they are dropped too.
//!
//! What is sent once is lost if its datagram is. So a program that must know waits for `shutdown` or `disconnect` before it returns.
//!
//! # How it works
//!
//! An answer that is sent by the task that received the question leaves in one datagram together with the acknowledgement, when
//! the task waits for more. A task that does something else meanwhile, for more than a millisecond or two, does not hold up the
//! acknowledgement, nor what it has sent; `flush` sends at once.
//!
//! Log output is by `tracing`, under the target `enet_tokio`, at the level `debug`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod address;
#[cfg(feature = "conditions")]
mod conditions;
#[cfg(not(feature = "conditions"))]
#[path = "no_conditions.rs"]
mod conditions;
mod config;
mod connection;
mod driver;
mod endpoint;
mod error;
mod event_endpoint;
mod handle;
mod intercept;
mod layer;
mod socket;
mod statistics;

pub use bytes::Bytes;
/// The protocol, of the version that is used here.
pub use enet_proto;
pub use enet_proto::compress::{Compression, Compressor, UnknownCompression};
pub use enet_proto::{
    DisconnectReason, Dropped, Event, HostConfig, HostStatistics, KeptBuffers, LimitsStruck, Packet, PacketMode, Peer,
    PeerHandle, PeerState, PeerStatistics, SendError,
};
#[cfg(feature = "conditions")]
pub use netem::{Bandwidth, BurstLoss, Conditions};

pub use crate::address::{Address, AddressError, ResolveError, ToAddress};
#[cfg(feature = "conditions")]
pub use crate::conditions::NetworkConditions;
pub use crate::config::{Batching, Config};
pub use crate::connection::Connection;
pub use crate::endpoint::Endpoint;
pub use crate::error::{BindError, ConnectError, TrySendError};
pub use crate::event_endpoint::EventEndpoint;
pub use crate::intercept::{Intercept, Verdict};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use crate::layer::dtls::fuzzing;
#[cfg(feature = "dtls")]
pub use crate::layer::dtls::{DtlsClient, DtlsConfig, DtlsError, DtlsServer, DtlsSetupError, DtlsStatistics, Identity};
pub use crate::statistics::{EndpointStatistics, SocketStatistics};

/// Has the example in the README compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
