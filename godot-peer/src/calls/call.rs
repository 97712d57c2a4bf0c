//! A call, and what can be wrong with one.

use std::sync::Arc;

use godot_variant::convert::{ArgumentsError, FromArguments};
use godot_variant::{DeclaredType, EncodeError, Variant, VariantType};

use super::node::{InvalidNodePath, UnknownNode};
use crate::scene::MessageError;
use crate::transfer::{TransferChannel, TransferMode};
use crate::{PeerId, SendError};

/// A call of a peer, which may make it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who calls, as `multiplayer.get_remote_sender_id()`. Oneself, if it is one's own call of a method with `call_local`.
    pub from: PeerId,
    /// The node, as it was added.
    pub node: Arc<str>,
    /// The method.
    pub method: Arc<str>,
    /// What it is called with. If the interface has the method's parameters the values are of their types.
    pub arguments: Vec<Variant>,
    /// The transfer channel the call came on.
    pub channel: TransferChannel,
    /// The transfer mode it came in.
    pub mode: TransferMode,
}

impl Call {
    /// The arguments as a tuple, converted as GDScript converts them.
    ///
    /// # Errors
    ///
    /// If there are more or fewer, or one is of another type.
    pub fn arguments<A: FromArguments>(&self) -> Result<A, ArgumentsError> {
        A::from_arguments(self.arguments.clone())
    }

    /// The same without a copy.
    ///
    /// # Errors
    ///
    /// As [`arguments`](Call::arguments).
    pub fn into_arguments<A: FromArguments>(self) -> Result<A, ArgumentsError> {
        A::from_arguments(self.arguments)
    }

    /// Whether it is this method of this node.
    #[must_use]
    pub fn is(&self, node: &str, method: &str) -> bool {
        &*self.node == node && &*self.method == method
    }
}

/// How one call goes, other than its method says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallOptions {
    /// On which transfer channel. None: as the interface says.
    pub channel: Option<TransferChannel>,
    /// In which transfer mode. None: as the interface says.
    pub mode: Option<TransferMode>,
}

impl CallOptions {
    /// Everything as the interface says.
    #[must_use]
    pub fn new() -> CallOptions {
        CallOptions::default()
    }

    /// On this channel.
    #[must_use]
    pub fn on_channel(mut self, channel: TransferChannel) -> CallOptions {
        self.channel = Some(channel);
        self
    }

    /// In this mode.
    #[must_use]
    pub fn in_mode(mut self, mode: TransferMode) -> CallOptions {
        self.mode = Some(mode);
        self
    }
}

/// Why a call of the program is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The program has not added the node.
    #[error(transparent)]
    UnknownNode(#[from] UnknownNode),
    /// The node's interface does not have the method.
    #[error("the node {node:?} has no method {method:?}")]
    UnknownMethod {
        /// The node.
        node: String,
        /// The method.
        method: String,
    },
    /// Nobody may call the method.
    #[error("the method {0:?} is disabled")]
    Disabled(String),
    /// It is for oneself alone, and the method has no `call_local`.
    #[error("the method {0:?} is not called locally")]
    OnSelf(String),
    /// The arguments cannot be written.
    #[error("the arguments cannot be written: {0}")]
    Arguments(#[from] EncodeError),
    /// The packet cannot be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Why a call of a peer is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The sender calls more often, or with more bytes, than [`CallLimits`](super::CallLimits) allow.
    #[error("more calls than allowed")]
    TooMany,
    /// It is no call at all.
    #[error(transparent)]
    Malformed(#[from] MessageError),
    /// It names the node by a number that the sender has not offered.
    #[error("the node has a number that was not offered")]
    UnknownNumber,
    /// The path leads out of the tree.
    #[error(transparent)]
    Path(#[from] InvalidNodePath),
    /// The program has no such node.
    #[error("no such node")]
    UnknownNode,
    /// The node has no method of that number.
    #[error("no method has the number {0}")]
    UnknownMethod(u16),
    /// Nobody may call the method.
    #[error("the method is disabled")]
    Disabled,
    /// Only the node's authority may call the method.
    #[error("only the authority, {0}, may call it")]
    NotAuthority(PeerId),
    /// The arguments have more bytes than [`CallLimits::argument_bytes`](super::CallLimits).
    #[error("{0} bytes of arguments")]
    TooLarge(usize),
    /// The arguments do not decode, or go deeper or take more memory than allowed.
    #[error(transparent)]
    Undecodable(#[from] godot_variant::binary::ArgumentError),
    /// More or fewer arguments than the method takes.
    #[error("{found} arguments, and it takes {least} to {most}")]
    Count {
        /// How many there are.
        found: usize,
        /// How many must be given.
        least: usize,
        /// How many are taken.
        most: usize,
    },
    /// An argument of a type that the parameter does not take.
    #[error("argument {index} of type {found} is no {expected}")]
    Type {
        /// Which, from 0.
        index: usize,
        /// Of which type it is.
        found: VariantType,
        /// Which type the parameter has.
        expected: DeclaredType,
    },
    /// The program finds it bad.
    #[error("{0}")]
    ByProgram(String),
}
