//! What can go wrong in calls of the program.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use enet_proto::{DisconnectReason, Packet, SendError};
use thiserror::Error;

/// Why an endpoint could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address to bind to could not be resolved.
    #[error("cannot resolve the address to bind to: {0}")]
    Resolve(#[source] io::Error),
    /// The name of the address to bind to has no address.
    #[error("the name to bind to has no address")]
    NoAddress,
    /// The system did not give the socket: the port is in use, the address is not of this machine, it is not permitted.
    #[error("cannot bind to {address}: {source}")]
    Bind {
        /// The address asked for; the last one tried if a name has several.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A socket that was handed over cannot be used.
    #[error("the socket cannot be used: {0}")]
    Socket(#[source] io::Error),
    /// The system gave no random numbers, without which connection ids could be guessed.
    #[error("the system has no randomness: {0}")]
    Randomness(#[source] io::Error),
}

/// Why a connection was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address could not be resolved.
    #[error("cannot resolve the address: {0}")]
    Resolve(#[source] io::Error),
    /// The name has no address.
    #[error("the name has no address")]
    NoAddress,
    /// The endpoint is bound to an address of the other family.
    #[error("{address} cannot be reached from an endpoint bound to {local}")]
    WrongFamily {
        /// The address asked for.
        address: SocketAddr,
        /// What the endpoint is bound to.
        local: SocketAddr,
    },
    /// Nothing came back: nobody is there, or the server is full or does not answer strangers.
    #[error("{address} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// The address asked.
        address: SocketAddr,
        /// How long it was given.
        after: Duration,
    },
    /// The other side ended the attempt.
    #[error("{address} refused the connection ({reason:?})")]
    Refused {
        /// The address asked.
        address: SocketAddr,
        /// How it did so.
        reason: DisconnectReason,
    },
    /// The protocol did not begin.
    #[error(transparent)]
    Protocol(#[from] enet_proto::ConnectError),
    /// The endpoint is shutting down or has ended.
    #[error("the endpoint is closed")]
    Closed,
}

/// A packet that was not taken for sending, and why.
#[derive(Clone, Debug, Error)]
#[error("{error}")]
pub struct TrySendError {
    /// Why it was not taken.
    #[source]
    pub error: SendError,
    /// The packet.
    pub packet: Packet,
}
