//! The classes that scripts see. They translate, and keep what belongs to Godot; the rest is in [`net`](crate::net).

mod conditions;
mod connection;
mod deferred;
pub(crate) mod enums;
mod handed_out;
mod monitors;
mod multiplayer_peer;
mod packet_peer;
mod tls;

pub(crate) use connection::RustENetConnection;
pub(crate) use multiplayer_peer::RustENetMultiplayerPeer;
pub(crate) use packet_peer::RustENetPacketPeer;
