//! ENet 1.3, the reliable-UDP protocol of Godot, without sockets or clocks.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod checksum;
pub mod wire;
