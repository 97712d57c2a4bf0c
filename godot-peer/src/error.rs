//! What can go wrong in calls of the program.

use std::io;

use crate::Target;

/// A packet is for a peer that is not in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no peer in the session has the id {}", .0.number().unsigned_abs())]
pub struct UnknownTarget(pub Target);

/// Why a packet was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It is for a peer that is not in the session.
    #[error(transparent)]
    UnknownTarget(#[from] UnknownTarget),
    /// The connection did not take it.
    #[error(transparent)]
    Connection(#[from] enet_proto::SendError),
}

/// Why a session was not joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The client's own socket could not be had.
    #[error(transparent)]
    Bind(#[from] enet_tokio::BindError),
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] enet_tokio::ConnectError),
    /// The system gave no random number for an id.
    #[error("the system has no randomness: {0}")]
    Randomness(#[source] io::Error),
}
