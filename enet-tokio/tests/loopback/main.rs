//! Endpoints talking to each other over real sockets on the loopback interface, in both ways of I/O.

#![allow(clippy::unwrap_used, reason = "a test that has nothing to unwrap has failed")]

mod addresses;
mod backpressure;
mod busy_poll;
mod cancellation;
mod closing;
mod common;
mod compression;
mod conditions;
mod connecting;
mod delivery;
#[cfg(feature = "dtls")]
mod dtls;
#[cfg(feature = "dtls")]
mod dtls_floods;
mod events;
mod intercept;
mod limits;
mod time;
mod trouble;
