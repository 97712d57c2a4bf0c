//! Godot's side of the network: everything here belongs to the main thread, except what the thread of its own runs.
//!
//! ```text
//!  main thread                          |  network thread
//!  RustENetMultiplayerPeer, ...         |
//!     HostLink, PeerLink   <- inbox <---|--- EventEndpoint <- socket
//!                          -> outbox ---|-->
//! ```

mod exchange;
mod host_link;
mod names;
mod packets;
mod peer_link;
mod thread;

pub(crate) use host_link::{Happening, HostLink, HostOptions};
pub(crate) use names::parse_address;
pub(crate) use packets::{flags_of, packet_with_flags};
pub(crate) use peer_link::{Farewell, PeerLink, SendRefusal};
pub(crate) use thread::stop as stop_thread;
