//! The network as Godot's threads see it. Each method may be called from any of them; one more runs the sockets.
//!
//! ```text
//!  threads of the game                  |  network thread
//!  RustENetMultiplayerPeer, ...         |
//!     HostLink, PeerLink   <- inbox <---|--- EventEndpoint <- socket
//!                          -> outbox ---|-->
//! ```
//!
//! # Locks
//!
//! They are taken in the order session (in `api`), host, peer, exchange, and held for moments. Nothing of Godot is called or let
//! go of under one of them, messages to its log included: any of that can run a script, which may call back.

mod encryption;
mod exchange;
mod host_link;
mod inbox;
mod names;
mod packets;
mod peer_link;
mod thread;

use std::sync::{Mutex, MutexGuard, PoisonError};

use godot::obj::{Gd, GodotClass};

pub(crate) use encryption::{Checks, Encryption, EncryptionError, Trust};
pub(crate) use host_link::{Departing, Happening, HostLink, HostOptions};
pub(crate) use inbox::Freshness;
pub(crate) use names::{check_name, parse_address};
pub(crate) use packets::{flags_of, packet_with_flags};
pub(crate) use peer_link::{Farewell, PeerLink, SendRefusal, Why};
pub(crate) use thread::stop as stop_thread;

/// Locks, also after a panic of another holder: what is locked here is whole at any time.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reference to an object of Godot's that is counted, to be kept where other threads can take or drop it.
pub(crate) struct Held<T: GodotClass>(Gd<T>);

// SAFETY: Godot counts references atomically and lets go of an object in whichever thread drops the last one. Whoever gets a
// copy from here calls methods only that may be called from any thread.
unsafe impl<T: GodotClass> Send for Held<T> {}

impl<T: GodotClass> Held<T> {
    pub(crate) fn new(object: Gd<T>) -> Held<T> {
        Held(object)
    }

    /// Another reference.
    pub(crate) fn object(&self) -> Gd<T> {
        self.0.clone()
    }
}

/// What is kept in several threads must be fit for it.
const _: fn() = || {
    fn of_any_thread<T: Send + Sync>() {}
    of_any_thread::<HostLink>();
    of_any_thread::<PeerLink>();
};
