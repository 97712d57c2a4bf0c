//! A server that passes packets from client to client, and what goes through it.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use godot_peer::scene::{Message, System, raw};
use godot_peer::{GodotServer, PeerId, ServerEvent, ServerOptions};

use crate::game;
use crate::link;
use crate::memory::{self, Freed};
use crate::victim::{Service, Victim, announce};

/// The target that is everybody.
pub(crate) const ALL: i32 = 0;

pub(crate) async fn serve(address: SocketAddr, victim: Victim) -> io::Result<()> {
    let mut options = ServerOptions::default()
        .with_max_clients(victim.peers)
        .with_compression(victim.compression)
        .with_endpoint(|endpoint| {
            let host = &mut endpoint.host;
            host.max_held_data = victim.memory.unwrap_or(host.max_held_data);
        });
    if victim.encrypts {
        options = options.with_dtls(link::certificate()?);
    }
    let server = GodotServer::bind(address, options).await.map_err(io::Error::other)?;
    if victim.service == Service::Game {
        game::prepare(&server);
    }
    announce(server.local_addr())?;
    let mut freed = Freed::default();
    loop {
        tokio::select! {
            event = server.next_event() => match event {
                Some(ServerEvent::PeerDisconnected { .. }) => freed.note(),
                Some(ServerEvent::Call(call)) => game::answer(&server, &call),
                Some(_) => {}
                None => return Ok(()),
            },
            () = freed.due() => memory::give_back(),
        }
    }
}

/// A packet of a program's bytes for a client, or for [`ALL`].
pub(crate) fn to(target: i32, bytes: &[u8]) -> Bytes {
    relayed(target, raw(bytes))
}

/// The smallest packet there is, seven bytes, for a client or for [`ALL`].
pub(crate) fn smallest(target: i32) -> Bytes {
    to(target, &[])
}

fn relayed(target: i32, packet: Bytes) -> Bytes {
    let relay = System::Relay { peer: target, packet };
    relay.to_bytes()
}

/// What comes from a relay.
#[derive(Clone, Debug)]
pub(crate) enum FromRelay {
    /// The bytes of a client's program.
    Bytes(i32, Bytes),
    /// Another client is there.
    Joined,
    /// Another client is gone.
    Left(PeerId),
}

impl FromRelay {
    /// Reads a packet; nothing if it is of another kind.
    pub(crate) fn read(packet: &Bytes) -> Option<FromRelay> {
        match Message::parse(packet).ok()? {
            Message::System(System::Relay { peer, packet }) => match Message::parse(&packet).ok()? {
                Message::Raw(bytes) => Some(FromRelay::Bytes(peer, bytes)),
                _ => None,
            },
            Message::System(System::AddPeer(_)) => Some(FromRelay::Joined),
            Message::System(System::DelPeer(id)) => Some(FromRelay::Left(id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_through_a_relay_is_read_again() {
        // The target becomes the sender.
        let packet = to(77, b"hello");
        assert_eq!(&packet[..], b"\x07\x03\x4d\0\0\0\x03hello");
        let read = FromRelay::read(&packet);
        assert!(
            matches!(&read, Some(FromRelay::Bytes(77, bytes)) if bytes == "hello"),
            "{read:?}"
        );
        assert_eq!(smallest(ALL).len(), 7);
        let left = FromRelay::read(&Bytes::from_static(&[7, 2, 9, 0, 0, 0]));
        assert!(
            matches!(left, Some(FromRelay::Left(id)) if id.number() == 9),
            "{left:?}"
        );
        assert!(FromRelay::read(&Bytes::from_static(b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF")).is_none());
    }
}
