//! Godot 4's multiplayer peers over ENet, for Rust programs without Godot.
//!
//! What `ENetMultiplayerPeer` and `SceneMultiplayer` put on top of ENet: ids, transfer modes and channels, targets, the relay
//! from client to client, remote procedure calls. Stock Godot projects join without a change.
//!
//! - [`GodotServer`] and [`GodotClient`]: whole servers and clients on tokio.
//! - [`relay`], [`SceneClient`], [`Roster`]: the same without I/O, to be driven by whatever holds the connections.
//! - [`calls`]: calls with values, checked as Godot checks them.
//! - [`scene`]: the messages inside the packets, and what can be called on a node.
//! - `project` (with the feature of that name): what a Godot project's files say of its session.
//!
//! ```no_run
//! use godot_peer::{GodotServer, ServerEvent, ServerOptions, TransferChannel, TransferMode};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = GodotServer::bind("[::]:7777", ServerOptions::default()).await?;
//! while let Some(event) = server.next_event().await {
//!     match event {
//!         ServerEvent::PeerConnected { id } => {
//!             // In Godot: the signal `peer_packet` of SceneMultiplayer.
//!             server.send_bytes(id, TransferChannel::ZERO, TransferMode::Reliable, b"welcome")?;
//!         }
//!         ServerEvent::PeerDisconnected { id, reason } => println!("{id} left: {reason}"),
//!         // What is for the server. What clients send each other is passed on without it.
//!         ServerEvent::Packet(packet) => println!("{} says {:?}", packet.from, packet.message()),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod calls;
#[cfg(feature = "project")]
pub mod project;
pub mod relay;
pub mod scene;

mod bucket;
mod client;
mod error;
mod event;
mod guest;
#[cfg(feature = "macros")]
mod macros;
mod notes;
mod options;
mod paths;
mod peer_id;
mod roster;
mod server;
mod target;
mod transfer;
mod typed;

pub use calls::{Call, CallError, CallLimits, CallOptions, Handlers};
pub use client::GodotClient;
pub use enet_tokio::Compression;
#[cfg(feature = "dtls")]
pub use enet_tokio::{DtlsClient, DtlsError, DtlsServer, DtlsSetupError, Identity};
pub use error::{JoinError, SendError, UnknownTarget};
pub use event::{ClientEvent, Departure, Received, ServerEvent};
pub use godot_variant;
pub use guest::{ClientOutput, SceneClient};
#[cfg(feature = "macros")]
pub use macros::godot_rpc;
pub use options::{ClientOptions, ServerOptions};
pub use peer_id::PeerId;
pub use roster::{Refusal, Roster};
pub use server::{GodotServer, PeerInfo, ServerStatistics};
pub use target::Target;
pub use transfer::{NoSuchTransferChannel, Outgoing, TransferChannel, TransferMode, enet_channel_count};
pub use typed::MethodCall;
/// The layers below, of the versions that are used here.
pub use {enet_proto, enet_tokio};

#[doc(hidden)]
pub use typed::private as __private;

/// Has the program in the README compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
