//! SYS: who is there, authentication, and packets that pass through the server.

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::Reader;
use super::{Command, MessageError, command_byte};
use crate::PeerId;

const AUTH: u8 = 0;
const ADD_PEER: u8 = 1;
const DEL_PEER: u8 = 2;
const RELAY: u8 = 3;

/// Command, kind and peer, in front of what is relayed.
const HEADER_SIZE: usize = 6;
const PEER_OFFSET: usize = 2;

/// A message about the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// Authentication: data of the program, or nothing, which says that this side is done.
    Auth(Bytes),
    /// From the server: another client is there.
    AddPeer(PeerId),
    /// From the server: another client is gone.
    DelPeer(PeerId),
    /// A packet from client to client, by way of the server.
    Relay {
        /// On the way to the server the [target](crate::Target), from it on the id of the sender.
        peer: i32,
        /// The packet.
        packet: Bytes,
    },
}

impl System {
    pub(super) fn parse(packet: &Bytes) -> Result<System, MessageError> {
        let mut reader = Reader::new(packet);
        command_byte(&mut reader)?;
        let kind = reader.u8().ok_or(MessageError::Truncated)?;
        if kind == AUTH {
            return Ok(System::Auth(packet.slice_ref(reader.rest())));
        }
        if kind > RELAY {
            return Err(MessageError::UnknownSystem(kind));
        }
        let peer = reader.i32().ok_or(MessageError::Truncated)?;
        if kind == RELAY {
            return Ok(System::Relay {
                peer,
                packet: packet.slice_ref(reader.rest()),
            });
        }
        let peer = PeerId::new(peer).ok_or(MessageError::InvalidPeer(peer))?;
        Ok(if kind == ADD_PEER {
            System::AddPeer(peer)
        } else {
            System::DelPeer(peer)
        })
    }

    /// The packet.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let (kind, peer, payload) = match self {
            System::Auth(data) => return [&[Command::System as u8, AUTH], &data[..]].concat().into(),
            System::AddPeer(peer) => (ADD_PEER, peer.number(), &[][..]),
            System::DelPeer(peer) => (DEL_PEER, peer.number(), &[][..]),
            System::Relay { peer, packet } => (RELAY, *peer, &packet[..]),
        };
        let mut bytes = BytesMut::with_capacity(HEADER_SIZE + payload.len());
        bytes.put_u8(Command::System as u8);
        bytes.put_u8(kind);
        bytes.put_i32_le(peer);
        bytes.put_slice(payload);
        bytes.freeze()
    }

    /// The packet of a RELAY with another peer in it. It does not keep the datagram that it came in, and is not copied where it came
    /// in many and nobody else holds it.
    pub(crate) fn readdress(relay: Bytes, peer: i32) -> Bytes {
        let mut bytes = enet_proto::detach(relay)
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        if let Some(field) = bytes.get_mut(PEER_OFFSET..HEADER_SIZE) {
            field.copy_from_slice(&peer.to_le_bytes());
        }
        bytes.freeze()
    }

    /// What a RELAY carries.
    pub(crate) fn relayed(relay: &Bytes) -> Bytes {
        relay.slice(HEADER_SIZE.min(relay.len())..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Message;

    fn parse(packet: &'static [u8]) -> Result<Message, MessageError> {
        Message::parse(&Bytes::from_static(packet))
    }

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    #[test]
    fn literal_bytes() {
        let cases: [(&[u8], System); 5] = [
            (b"\x07\x00", System::Auth(Bytes::new())),
            (b"\x07\x00secret", System::Auth(Bytes::from_static(b"secret"))),
            (b"\x07\x01\x02\x00\x00\x00", System::AddPeer(id(2))),
            (b"\x07\x02\xff\xff\xff\x7f", System::DelPeer(id(i32::MAX))),
            (
                b"\x07\x03\xfe\xff\xff\xff\x03hi",
                System::Relay {
                    peer: -2,
                    packet: Bytes::from_static(b"\x03hi"),
                },
            ),
        ];
        for (bytes, system) in cases {
            assert_eq!(system.to_bytes(), bytes);
            assert_eq!(parse(bytes), Ok(Message::System(system)));
        }
    }

    #[test]
    fn bad_ones_are_refused() {
        assert_eq!(parse(b"\x07"), Err(MessageError::Truncated));
        assert_eq!(parse(b"\x07\x01\x02\x00\x00"), Err(MessageError::Truncated));
        assert_eq!(parse(b"\x07\x01\x00\x00\x00\x00"), Err(MessageError::InvalidPeer(0)));
        assert_eq!(parse(b"\x07\x02\xff\xff\xff\xff"), Err(MessageError::InvalidPeer(-1)));
        assert_eq!(parse(b"\x07\x04\x02\x00\x00\x00"), Err(MessageError::UnknownSystem(4)));
    }

    #[test]
    fn a_small_relay_is_readdressed_in_a_copy_that_does_not_keep_its_datagram() {
        let mut datagram = b"\x07\x03\xfe\xff\xff\xff\x03hi".to_vec();
        datagram.resize(4090, 0);
        let datagram = Bytes::from(datagram);
        let readdressed = System::readdress(datagram.slice(..9), 5);
        assert_eq!(readdressed, &b"\x07\x03\x05\x00\x00\x00\x03hi"[..]);
        assert_eq!(System::relayed(&readdressed), &b"\x03hi"[..]);
        assert!(datagram.is_unique(), "nothing keeps it");
        assert!(datagram.starts_with(b"\x07\x03\xfe\xff\xff\xff\x03hi"));
    }

    #[test]
    fn a_large_relay_is_readdressed_in_place_unless_somebody_else_holds_it() {
        let mut relay = b"\x07\x03\xfe\xff\xff\xff".to_vec();
        relay.resize(100_000, 1);
        let relay = Bytes::from(relay);
        let address = relay.as_ptr();
        let readdressed = System::readdress(relay, 6);
        assert!(readdressed.starts_with(b"\x07\x03\x06\x00\x00\x00\x01"));
        assert_eq!(readdressed.as_ptr(), address);
        let held = readdressed.clone();
        assert!(System::readdress(readdressed, 7).starts_with(b"\x07\x03\x07\x00"));
        assert!(held.starts_with(b"\x07\x03\x06\x00"));
    }
}
