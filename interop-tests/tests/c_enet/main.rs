//! Our hosts against the C library's, packet by packet. Each test is run twice: with ours as the server, and as the client.

mod common;
mod delivery;
mod handshake;
mod joining;
mod leaving;
mod limits;
mod raw;
mod sizes;
