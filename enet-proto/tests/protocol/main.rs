//! The protocol, seen from outside: hosts on simulated networks, and hosts that are spoken to byte by byte.

#![allow(clippy::unwrap_used, reason = "a test that has nothing to unwrap has failed")]

mod common;

mod bad_input;
mod compressed;
mod delivery;
mod dialling;
mod disconnect;
mod drop_log;
mod flood;
mod fragments;
mod handshake;
mod host_limits;
mod limits;
mod paths;
mod properties;
mod retransmission;
mod reuse;
mod scale;
mod sequence_space;
mod sessions;
mod soak;
mod throttle_and_bandwidth;
mod timeouts;
mod windows;
