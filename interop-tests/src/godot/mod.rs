//! A stock Godot 4 for tests: found or installed, run headless, driven step by step.
//!
//! [`Godot::find`] gives the program, [`GodotRun`] one running project with its events and its log, and [`Player`] the
//! project `fixtures/godot/interop` under a test's command. [`Guest`] is a client in Rust that plays along with it.

mod apt;
mod deliver;
mod dtls_proxy;
mod find;
mod guest;
pub mod install;
mod player;
mod run;

pub use deliver::{Mode, until_seen};
pub use dtls_proxy::DtlsProxy;
pub use find::{Godot, GodotError};
pub use guest::{Client, Guest};
pub use player::{Call, Class, Player};
pub use run::{GodotRun, copy};
