//! What the tests against things nobody here wrote are made with: a stock Godot 4, C ENet, and a bad network between them.
//!
//! - [`godot`] finds or installs Godot, runs the project `fixtures/godot/interop` and drives it step by step;
//! - [`cenet`] is the C library behind a safe wrapper;
//! - [`contents`] reads recorded sessions to the last byte;
//! - [`driver`] runs a host, of the C library or ours, on a thread of its own;
//! - [`enet`] runs the real `enet` command;
//! - [`peer_ext`] builds our extension for Godot and runs projects with it;
//! - [`program`] builds and runs other programs of the workspace;
//! - [`side`] is a host of either implementation behind one face;
//! - [`relay`] carries datagrams between two real sockets, badly if asked to, and can record them;
//! - [`zlib`] is the original, which Godot compresses with;
//! - [`payload`] makes test payloads that both sides can make alike.
//!
//! The tests themselves are in `tests/`. They need a Godot 4 (one is installed when none is found, see [`godot::Godot::find`])
//! and ENet's C library with its header (Debian: `libenet-dev`). With `GODOT_INTEROP=skip` in the environment the tests that
//! need Godot count as ignored, and the summary line says so.

#![deny(missing_docs)]

pub mod cenet;
pub mod contents;
pub mod driver;
pub mod enet;
pub mod godot;
pub mod payload;
pub mod peer_ext;
pub mod program;
pub mod relay;
pub mod side;
pub mod zlib;

/// Has the program in the README compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
