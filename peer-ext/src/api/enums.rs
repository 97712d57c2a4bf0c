//! The named enums of the classes, which the macros of the bindings do not offer.

use std::borrow::Cow;

use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, ToGodot};
use godot::obj::GodotClass;
use godot::prelude::*;
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};

use super::{RustENetConnection, RustENetMultiplayerPeer, RustENetPacketPeer};

/// A number that Godot knows as one of an enum of a class. Scripts may pass any other.
macro_rules! named_enum {
    ($(#[$docs:meta])* $type:ident = $class:ident.$name:literal, [$($number:literal $constant:literal),+ $(,)?]) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $type(pub(crate) i64);

        impl $type {
            fn register() {
                let enumerators = vec![$(IntegerConstant::new($constant, $number as i64)),+];
                let name = StringName::from($name);
                ExportConstant::new($class::class_id(), ConstantKind::Enum { name, enumerators }).register();
            }
        }

        impl GodotConvert for $type {
            type Via = i64;

            fn godot_shape() -> GodotShape {
                GodotShape::Enum {
                    variant_type: VariantType::INT,
                    enumerators: Cow::Borrowed(&[]),
                    godot_name: Some(Cow::Borrowed(concat!(stringify!($class), ".", $name))),
                    is_bitfield: false,
                }
            }
        }

        impl ToGodot for $type {
            type Pass = godot::meta::conv::ByValue;

            fn to_godot(&self) -> i64 {
                self.0
            }
        }

        impl FromGodot for $type {
            fn try_from_godot(number: i64) -> Result<$type, ConvertError> {
                Ok($type(number))
            }
        }
    };
}

named_enum! {
    /// How datagrams are compressed.
    CompressionMode = RustENetConnection."CompressionMode", [
        0 "COMPRESS_NONE", 1 "COMPRESS_RANGE_CODER", 2 "COMPRESS_FASTLZ", 3 "COMPRESS_ZLIB", 4 "COMPRESS_ZSTD",
    ]
}

named_enum! {
    /// What `service` reports.
    EventType = RustENetConnection."EventType", [
        -1 "EVENT_ERROR", 0 "EVENT_NONE", 1 "EVENT_CONNECT", 2 "EVENT_DISCONNECT", 3 "EVENT_RECEIVE",
    ]
}

impl EventType {
    pub(crate) const ERROR: EventType = EventType(-1);
    pub(crate) const NONE: EventType = EventType(0);
    pub(crate) const CONNECT: EventType = EventType(1);
    pub(crate) const DISCONNECT: EventType = EventType(2);
    pub(crate) const RECEIVE: EventType = EventType(3);
}

named_enum! {
    /// The counters of a connection.
    HostStatistic = RustENetConnection."HostStatistic", [
        0 "HOST_TOTAL_SENT_DATA", 1 "HOST_TOTAL_SENT_PACKETS", 2 "HOST_TOTAL_RECEIVED_DATA", 3 "HOST_TOTAL_RECEIVED_PACKETS",
    ]
}

named_enum! {
    /// The state of a peer, in ENet's numbers.
    PeerState = RustENetPacketPeer."PeerState", [
        0 "STATE_DISCONNECTED", 1 "STATE_CONNECTING", 2 "STATE_ACKNOWLEDGING_CONNECT", 3 "STATE_CONNECTION_PENDING",
        4 "STATE_CONNECTION_SUCCEEDED", 5 "STATE_CONNECTED", 6 "STATE_DISCONNECT_LATER", 7 "STATE_DISCONNECTING",
        8 "STATE_ACKNOWLEDGING_DISCONNECT", 9 "STATE_ZOMBIE",
    ]
}

named_enum! {
    /// What is measured of a peer.
    PeerStatistic = RustENetPacketPeer."PeerStatistic", [
        0 "PEER_PACKET_LOSS", 1 "PEER_PACKET_LOSS_VARIANCE", 2 "PEER_PACKET_LOSS_EPOCH", 3 "PEER_ROUND_TRIP_TIME",
        4 "PEER_ROUND_TRIP_TIME_VARIANCE", 5 "PEER_LAST_ROUND_TRIP_TIME", 6 "PEER_LAST_ROUND_TRIP_TIME_VARIANCE",
        7 "PEER_PACKET_THROTTLE", 8 "PEER_PACKET_THROTTLE_LIMIT", 9 "PEER_PACKET_THROTTLE_COUNTER",
        10 "PEER_PACKET_THROTTLE_EPOCH", 11 "PEER_PACKET_THROTTLE_ACCELERATION", 12 "PEER_PACKET_THROTTLE_DECELERATION",
        13 "PEER_PACKET_THROTTLE_INTERVAL",
    ]
}

named_enum! {
    /// Why a peer went.
    DisconnectReason = RustENetMultiplayerPeer."DisconnectReason", [
        0 "REASON_NONE", 1 "REASON_BY_PEER", 2 "REASON_BY_US", 3 "REASON_TIMED_OUT", 4 "REASON_NO_ANSWER",
        5 "REASON_REFUSED", 6 "REASON_NO_ADDRESS", 7 "REASON_NETWORK_FAILED",
    ]
}

/// Tells Godot of all of them. To be called when the classes are registered.
pub(crate) fn register() {
    CompressionMode::register();
    EventType::register();
    HostStatistic::register();
    PeerState::register();
    PeerStatistic::register();
    DisconnectReason::register();
}
