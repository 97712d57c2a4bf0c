//! Calls with the types of Rust: what `#[godot_rpc]` makes of a trait.

use godot_variant::Variant;
use godot_variant::convert::{ArgumentsError, FromArguments, IntoArguments};

use crate::Target;
use crate::calls::{CallError, Caller};

/// A call that is to be made: a method and its arguments. On which node, and on whom, is said when it is [made](MethodCall::make).
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// The method's name in the script.
    pub method: &'static str,
    /// The arguments.
    pub arguments: Vec<Variant>,
}

impl MethodCall {
    /// A call of a method.
    #[must_use]
    pub fn new(method: &'static str, arguments: impl IntoArguments) -> MethodCall {
        MethodCall {
            method,
            arguments: arguments.into_arguments(),
        }
    }

    /// Makes the call, by a server or a client, on a node of one or more peers.
    ///
    /// # Errors
    ///
    /// As [`GodotServer::call`](crate::GodotServer::call) and [`GodotClient::call`](crate::GodotClient::call).
    pub fn make(self, caller: &impl Caller, target: impl Into<Target>, node: &str) -> Result<(), CallError> {
        caller.call(target, node, self.method, self.arguments)
    }

    /// The arguments, as the types that a method has.
    ///
    /// # Errors
    ///
    /// If they do not fit.
    pub fn arguments_as<A: FromArguments>(&self) -> Result<A, ArgumentsError> {
        A::from_arguments(self.arguments.clone())
    }
}

/// What `#[godot_rpc]` writes in other crates. Not for use by hand.
pub mod private {
    pub use godot_variant::{FromVariant, Variant};

    use super::ArgumentsError;
    use crate::TransferChannel;
    use crate::calls::{Call, UnhandledCall};

    /// The arguments of a call.
    pub type Arguments = Vec<Variant>;

    /// A channel that the macro has checked.
    #[must_use]
    pub const fn channel(number: u8) -> TransferChannel {
        match TransferChannel::new(number) {
            Some(channel) => channel,
            None => TransferChannel::ZERO,
        }
    }

    /// As many as the method has parameters.
    pub fn exactly<const N: usize>(arguments: Arguments) -> Result<[Variant; N], UnhandledCall> {
        let found = arguments.len();
        <[Variant; N]>::try_from(arguments).map_err(|_| ArgumentsError::Count { expected: N, found }.into())
    }

    /// One, as its parameter takes it.
    pub fn argument<T: FromVariant>(index: usize, value: Variant) -> Result<T, UnhandledCall> {
        T::from_variant(value).map_err(|error| ArgumentsError::Argument { index, error }.into())
    }

    /// A call that no method takes.
    #[must_use]
    pub fn no_handler(call: Call) -> UnhandledCall {
        UnhandledCall::NoHandler {
            node: call.node,
            method: call.method,
        }
    }
}
