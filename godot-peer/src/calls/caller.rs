//! What servers and clients have in common for callers.

use godot_variant::convert::IntoArguments;

use super::call::{CallError, CallOptions};
use super::node::{InvalidNodePath, UnknownNode};
use crate::scene::Interface;
use crate::{GodotClient, GodotServer, PeerId, Target};

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::GodotServer {}
    impl Sealed for crate::GodotClient {}
}

/// Who calls methods of peers: a server or a client. For code that is written for both, such as typed callers.
pub trait Caller: sealed::Sealed {
    /// As [`GodotServer::add_node`] and [`GodotClient::add_node`].
    fn add_node(&self, path: &str, interface: &Interface) -> Result<(), InvalidNodePath>;

    /// As [`GodotServer::set_authority`] and [`GodotClient::set_authority`].
    fn set_authority(&self, path: &str, peer: PeerId) -> Result<(), UnknownNode>;

    /// As [`GodotServer::call_with`] and [`GodotClient::call_with`].
    fn call_with(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
        options: CallOptions,
    ) -> Result<(), CallError>;

    /// As [`GodotServer::call`] and [`GodotClient::call`].
    fn call(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
    ) -> Result<(), CallError> {
        self.call_with(target, node, method, arguments, CallOptions::new())
    }
}

macro_rules! caller {
    ($($kind:ty),*) => {
        $(
            impl Caller for $kind {
                fn add_node(&self, path: &str, interface: &Interface) -> Result<(), InvalidNodePath> {
                    <$kind>::add_node(self, path, interface)
                }

                fn set_authority(&self, path: &str, peer: PeerId) -> Result<(), UnknownNode> {
                    <$kind>::set_authority(self, path, peer)
                }

                fn call_with(
                    &self,
                    target: impl Into<Target>,
                    node: &str,
                    method: &str,
                    arguments: impl IntoArguments,
                    options: CallOptions,
                ) -> Result<(), CallError> {
                    <$kind>::call_with(self, target, node, method, arguments, options)
                }
            }
        )*
    };
}

caller!(GodotServer, GodotClient);
