//! A game whose server is Rust and whose clients are stock Godots: players run for coins in an arena, and chat.
//!
//! [`Game`] is the game: what players do goes in, calls come out. It has no network and no clock. [`serve`] puts it on a
//! [`GodotServer`](godot_peer::GodotServer), [`client`] finds a Godot and starts the project in `fixtures/godot/arena`.
#![forbid(unsafe_code)]

pub mod client;
mod game;
mod script;
mod serve;

pub use game::{Game, Output, Rules};
pub use script::{Arena, ArenaRpc};
pub use serve::serve;
