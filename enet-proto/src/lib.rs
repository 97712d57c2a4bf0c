//! ENet 1.3, the reliable-UDP protocol of Godot, without sockets or clocks.
//!
//! A [`Host`] is driven and never drives: bytes and time go in, bytes and events come out. The contract, stated once:
//!
//! 1. Pass in every datagram with [`Host::handle_datagram`], and the time with [`Host::handle_timeout`] when the moment that
//!    [`Host::poll_timeout`] named has come.
//! 2. After that, and after any other call that changes something, take everything out: [`Host::poll_event`] until `None`,
//!    [`Host::poll_transmit`] until `None`, then [`Host::poll_timeout`] once to know how long to sleep.
//!
//! ```
//! use std::net::SocketAddr;
//! use bytes::Bytes;
//! use enet_proto::{Event, Host, HostConfig, Packet, Time};
//!
//! let server_address: SocketAddr = "127.0.0.1:7777".parse().unwrap();
//! let client_address: SocketAddr = "127.0.0.1:50000".parse().unwrap();
//! let mut server = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
//! let mut client = Host::new(HostConfig::default(), [2; 32], Time::ZERO);
//! client.connect(server_address, 2, 0).unwrap();
//!
//! let mut buffer = Vec::new();
//! let mut received = None;
//! for millis in 0..10 {
//!     let now = Time::from_millis(millis);
//!     while client.poll_transmit(now, 1, &mut buffer).is_some() {
//!         server.handle_datagram(now, client_address, Bytes::copy_from_slice(&buffer));
//!     }
//!     while let Some(event) = server.poll_event() {
//!         if let Event::Connected { peer, .. } = event {
//!             let mut peer = server.peer_mut(peer).unwrap();
//!             peer.send(0, Packet::reliable("hello")).unwrap();
//!         }
//!     }
//!     while server.poll_transmit(now, 1, &mut buffer).is_some() {
//!         client.handle_datagram(now, server_address, Bytes::copy_from_slice(&buffer));
//!     }
//!     while let Some(event) = client.poll_event() {
//!         if let Event::Received { packet, .. } = event {
//!             received = Some(packet.data);
//!         }
//!     }
//! }
//! assert_eq!(received.as_deref(), Some(&b"hello"[..]));
//! ```
#![doc = ""]
#![doc = include_str!("../C_ENET.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod channel;
pub mod checksum;
pub mod compress;
mod config;
mod error;
mod event;
mod host;
mod ledger;
mod opening;
mod packet;
mod path;
mod peer;
mod queue;
mod statistics;
mod time;
mod token_bucket;
pub mod wire;

pub use config::HostConfig;
pub use error::{ConnectError, SendError};
pub use event::{DisconnectReason, Event};
pub use host::{Host, PeerHandle, PeerMut, Transmit, site};
pub use ledger::Ledger;
pub use packet::{KeptBuffers, Packet, PacketMode, detach};
pub use path::Path;
pub use peer::{Peer, PeerState};
pub use statistics::{Dropped, HostStatistics, LimitsStruck, PeerStatistics};
pub use time::Time;

/// Has the example in the README compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
