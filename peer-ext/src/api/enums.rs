//! The named enums of the classes, which the macros of the bindings do not offer, with what Godot's help says of their constants.

use std::borrow::Cow;

use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, ToGodot};
use godot::obj::GodotClass;
use godot::prelude::*;
use godot::private::{__GODOT_DOCS_REGISTRY, DocsItem, DocsShard, InherentImplDocs};
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};

use super::{RustENetConnection, RustENetMultiplayerPeer, RustENetPacketPeer};

/// A number that Godot knows as one of an enum of a class. Scripts may pass any other.
macro_rules! named_enum {
    ($(#[$docs:meta])* $type:ident = $class:ident.$name:literal, [$($number:literal $constant:literal: $text:literal),+ $(,)?]) => {
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

        godot::sys::shard_add!(__GODOT_DOCS_REGISTRY; DocsShard::new::<$class>(DocsItem::InherentImpl(InherentImplDocs {
            constants_xml: concat!($(
                "<constant name=\"", $constant, "\" value=\"", $number, "\" enum=\"", $name, "\">", $text, "</constant>"
            ),+),
            ..InherentImplDocs::default()
        })));

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
        0 "COMPRESS_NONE": "Datagrams go as they are.",
        1 "COMPRESS_RANGE_CODER": "ENet's own range coder: best on small datagrams, and the slowest.",
        2 "COMPRESS_FASTLZ": "FastLZ: the fastest, for a larger result.",
        3 "COMPRESS_ZLIB": "Zlib: good on large datagrams of text and alike, at a price in time.",
        4 "COMPRESS_ZSTD": "Zstandard: good on large datagrams.",
    ]
}

named_enum! {
    /// What `service` reports.
    EventType = RustENetConnection."EventType", [
        -1 "EVENT_ERROR": "Something is wrong: the host is not active, or its network has failed.",
        0 "EVENT_NONE": "Nothing has happened in the time given.",
        1 "EVENT_CONNECT": "A connection is there, made by either side; with the number that the one who made it passed along.",
        2 "EVENT_DISCONNECT": "A connection is over or came to nothing; with the number that the other side passed along, if it ended it.",
        3 "EVENT_RECEIVE": "A packet has arrived and can be got from the peer; with its channel.",
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
        0 "HOST_TOTAL_SENT_DATA": "Bytes in the datagrams that were sent.",
        1 "HOST_TOTAL_SENT_PACKETS": "Datagrams that were sent.",
        2 "HOST_TOTAL_RECEIVED_DATA": "Bytes in the datagrams that were received.",
        3 "HOST_TOTAL_RECEIVED_PACKETS": "Datagrams that were received.",
    ]
}

named_enum! {
    /// The state of a peer, in ENet's numbers.
    PeerState = RustENetPacketPeer."PeerState", [
        0 "STATE_DISCONNECTED": "The connection is over.",
        1 "STATE_CONNECTING": "This side wants to connect and waits for an answer.",
        2 "STATE_ACKNOWLEDGING_CONNECT": "The other side wants to connect and is being answered.",
        3 "STATE_CONNECTION_PENDING": "Both sides have agreed, and the host has not told of it.",
        4 "STATE_CONNECTION_SUCCEEDED": "This side knows that the connection is there, and the host has not told of it.",
        5 "STATE_CONNECTED": "The connection is there.",
        6 "STATE_DISCONNECT_LATER": "The connection ends when all that is queued has arrived.",
        7 "STATE_DISCONNECTING": "This side wants to end the connection and waits for the other one to agree.",
        8 "STATE_ACKNOWLEDGING_DISCONNECT": "The other side ends the connection and is being answered.",
        9 "STATE_ZOMBIE": "The connection is over, and the host has not told of it.",
    ]
}

named_enum! {
    /// What is measured of a peer.
    PeerStatistic = RustENetPacketPeer."PeerStatistic", [
        0 "PEER_PACKET_LOSS": "The share of reliable packets that had to be sent again, out of [constant PACKET_LOSS_SCALE].",
        1 "PEER_PACKET_LOSS_VARIANCE": "How much that share varies.",
        2 "PEER_PACKET_LOSS_EPOCH": "When that share was measured last, in milliseconds since the host began.",
        3 "PEER_ROUND_TRIP_TIME": "The mean time until a packet is acknowledged, in milliseconds.",
        4 "PEER_ROUND_TRIP_TIME_VARIANCE": "How much that time varies, in milliseconds.",
        5 "PEER_LAST_ROUND_TRIP_TIME": "The lowest round trip time of the last throttle interval, in milliseconds: what the present one is compared with.",
        6 "PEER_LAST_ROUND_TRIP_TIME_VARIANCE": "The highest variance of the last throttle interval, in milliseconds.",
        7 "PEER_PACKET_THROTTLE": "The share of unreliable packets that is sent, out of [constant PACKET_THROTTLE_SCALE].",
        8 "PEER_PACKET_THROTTLE_LIMIT": "The most that share may be, as the bandwidths allow.",
        9 "PEER_PACKET_THROTTLE_COUNTER": "Chooses which unreliable packets are sent.",
        10 "PEER_PACKET_THROTTLE_EPOCH": "When the present throttle interval began, in milliseconds since the host began.",
        11 "PEER_PACKET_THROTTLE_ACCELERATION": "By how much the share rises when the round trip time is low.",
        12 "PEER_PACKET_THROTTLE_DECELERATION": "By how much the share falls when the round trip time is high.",
        13 "PEER_PACKET_THROTTLE_INTERVAL": "How long a throttle interval is, in milliseconds.",
    ]
}

named_enum! {
    /// Why a peer went.
    DisconnectReason = RustENetMultiplayerPeer."DisconnectReason", [
        0 "REASON_NONE": "It has not gone.",
        1 "REASON_BY_PEER": "The peer left; [method get_disconnect_data] has the number it passed along.",
        2 "REASON_BY_US": "This side ended the connection.",
        3 "REASON_TIMED_OUT": "It does not answer any more.",
        4 "REASON_NO_ANSWER": "It has never answered: nobody is there, or the server is full.",
        5 "REASON_REFUSED": "The server takes nobody at present. Only a server of this class says so.",
        6 "REASON_NO_ADDRESS": "Its name has no address.",
        7 "REASON_NETWORK_FAILED": "The socket is broken.",
        8 "REASON_TOO_SLOW": "It took in too little, so that a reliable packet found no room; see [member max_queued_bytes].",
        9 "REASON_DTLS_UNTRUSTED": "The server's certificate is signed by nobody who is trusted.",
        10 "REASON_DTLS_EXPIRED": "The server's certificate is out of date or not yet valid, or a clock is wrong.",
        11 "REASON_DTLS_WRONG_NAME": "The server's certificate is for another name.",
        12 "REASON_DTLS_NO_COMMON_SUITE": "The two sides have no version or cipher suite of DTLS in common.",
        13 "REASON_DTLS_REFUSED": "The other side broke off the handshake of DTLS, or ended the encrypted session before there was a connection.",
        14 "REASON_DTLS_NO_ANSWER": "The handshake of DTLS was not finished in time: nobody is there, or it does not encrypt.",
        15 "REASON_DTLS_FAILED": "DTLS failed in another way; the output says how.",
    ]
}

named_enum! {
    /// What is done when a reliable packet finds no room.
    FullQueue = RustENetMultiplayerPeer."FullQueue", [
        0 "FULL_QUEUE_AUTO": "As [constant FULL_QUEUE_DISCONNECT] while a [MultiplayerAPI] uses this peer, else as [constant FULL_QUEUE_REFUSE].",
        1 "FULL_QUEUE_REFUSE": "Nothing is sent, and the answer is [constant ERR_BUSY]: whoever sends has to wait and try again.",
        2 "FULL_QUEUE_DISCONNECT": "Those whose queue is full are disconnected, with [constant REASON_TOO_SLOW]; the others get it.",
    ]
}

impl FullQueue {
    pub(crate) const AUTO: FullQueue = FullQueue(0);
    pub(crate) const REFUSE: FullQueue = FullQueue(1);
    pub(crate) const DISCONNECT: FullQueue = FullQueue(2);
}

/// Tells Godot of all of them. To be called when the classes are registered.
pub(crate) fn register() {
    CompressionMode::register();
    EventType::register();
    HostStatistic::register();
    PeerState::register();
    PeerStatistic::register();
    DisconnectReason::register();
    FullQueue::register();
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_help_has_a_text_for_every_constant_of_an_enum() {
        let mut texts = std::collections::BTreeMap::new();
        for class in godot::docs::__gather_xml_docs() {
            for constant in class.split("<constant ").skip(1) {
                let name = constant.split('"').nth(1).expect("a name").to_owned();
                let text = constant.split(['<', '>']).nth(1).expect("a text").to_owned();
                texts.insert(name, text);
            }
        }
        for name in [
            "COMPRESS_ZSTD",
            "EVENT_ERROR",
            "HOST_TOTAL_SENT_DATA",
            "STATE_ZOMBIE",
            "PEER_PACKET_LOSS",
            "REASON_REFUSED",
        ] {
            assert!(texts.contains_key(name), "{name}");
        }
        // The constants of no enum are there too.
        assert!(texts.contains_key("FLAG_RELIABLE"));
        for (name, text) in texts {
            assert!(text.ends_with('.'), "{name}: {text:?}");
        }
    }
}
