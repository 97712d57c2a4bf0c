//! Godot 4's multiplayer peers over ENet, for Rust programs without Godot.
//!
//! What `ENetMultiplayerPeer` and `SceneMultiplayer` put on top of ENet: ids, transfer modes and channels, targets, the relay
//! from client to client, remote procedure calls. Stock Godot projects join without a change.
//!
//! - [`GodotServer`] and [`GodotClient`]: whole servers and clients on tokio.
//! - [`relay`], [`SceneClient`], [`Roster`]: the same without I/O, to be driven by whatever holds the connections.
//! - [`scene`]: the messages inside the packets, and what can be called on a node.
//! - `project` (with the feature of that name): what a Godot project's files say of its session.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "project")]
pub mod project;
pub mod relay;
pub mod scene;

mod client;
mod error;
mod event;
mod guest;
mod notes;
mod options;
mod paths;
mod peer_id;
mod roster;
mod server;
mod target;
mod transfer;

pub use client::GodotClient;
pub use enet_tokio::Compression;
#[cfg(feature = "dtls")]
pub use enet_tokio::{DtlsClient, DtlsError, DtlsServer, DtlsSetupError, Identity};
pub use error::{JoinError, SendError, UnknownTarget};
pub use event::{ClientEvent, Departure, Received, ServerEvent};
pub use guest::{ClientOutput, SceneClient};
pub use options::{ClientOptions, ServerOptions};
pub use peer_id::PeerId;
pub use roster::{Refusal, Roster};
pub use server::{GodotServer, PeerInfo, ServerStatistics};
pub use target::Target;
pub use transfer::{NoSuchTransferChannel, Outgoing, TransferChannel, TransferMode, enet_channel_count};

/// Has the program in the README compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
