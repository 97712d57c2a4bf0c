//! What can go wrong in calls of the program.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use enet_proto::{DisconnectReason, Packet, SendError};
use thiserror::Error;

use crate::address::{AddressError, ResolveError};

/// Why an endpoint could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address to bind to is none.
    #[error("cannot bind: {0}")]
    Address(#[from] AddressError),
    /// The name to bind to led to no address.
    #[error("cannot bind: {0}")]
    Resolve(#[from] ResolveError),
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
    /// The address is none that one can connect to.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The name led to no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The endpoint is bound to an address of the other family.
    #[error("{address} cannot be reached from an endpoint bound to {local}")]
    WrongFamily {
        /// The address asked for.
        address: SocketAddr,
        /// What the endpoint is bound to.
        local: SocketAddr,
    },
    /// Nothing came back: nobody is there, or the server is full or does not answer strangers.
    #[error("{to} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// What was asked for, with its addresses.
        to: String,
        /// How long it was given, from the last of its addresses on.
        after: Duration,
    },
    /// Something came back from there, and was no answer to this side's CONNECT.
    #[error(
        "{to} sent back what was not understood: it may use another compression or checksum than this side, or not be ENet"
    )]
    NotUnderstood {
        /// What was asked for, with its addresses.
        to: String,
    },
    /// There was no encrypted session to connect over.
    #[cfg(feature = "dtls")]
    #[error("{to}: {error}")]
    Dtls {
        /// What was asked for, with its addresses.
        to: String,
        /// Why not.
        error: crate::DtlsError,
    },
    /// The other side ended the attempt.
    #[error("{to} refused the connection ({reason:?})")]
    Refused {
        /// What was asked for, with its addresses.
        to: String,
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
