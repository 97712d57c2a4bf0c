//! Calls with values: methods of nodes here that peers call, and methods of nodes there that the program calls.
//!
//! A program says which nodes it has and what can be called on them (an [`Interface`](crate::scene::Interface) for each).
//! [`GodotServer::call`](crate::GodotServer::call) and [`GodotClient::call`](crate::GodotClient::call) call by name, with values;
//! calls of peers arrive as a [`Call`], decoded and checked as a stock Godot checks them, and [`Handlers`] take them to functions.
//!
//! [`Calls`] is all of it without I/O.
//!
//! # What is checked
//!
//! The node, the method, whether the sender may call it ([`RpcMode`](crate::scene::RpcMode) and the node's authority), and number
//! and types of the arguments, if the interface has [`Parameters`](crate::scene::Parameters). What does not pass is refused: dropped,
//! counted against the sender and recorded with the reason ([`Refused`]). Arguments that do not decode refuse the call; a stock Godot
//! calls with nulls. Transfer mode and channel are the sender's business, as in Godot.
//!
//! Paths are relative to the root (`Main/Chat`); absolute ones and those with `..` are refused.
//!
//! # Names and numbers
//!
//! A node is called by its path at first, and offered to each peer under a number. When the peer has confirmed that, calls carry the
//! number. A peer that has no such node says nothing; calls to it go on carrying the path, and it can be
//! [offered again](Calls::scene_ready).

mod call;
mod caller;
mod handlers;
mod judge;
mod limits;
mod node;
mod offers;
mod state;
#[cfg(test)]
mod tests;

pub use call::{Call, CallError, CallOptions, Refused};
pub use caller::Caller;
pub use handlers::{CallContext, Handlers, NodeHandlers, UnhandledCall};
pub use limits::CallLimits;
pub use node::{InvalidNodePath, UnknownNode};
pub use state::{CallStatistics, Calls, Heard, Prepared, PreparedPacket};

pub(crate) use node::node_path;
