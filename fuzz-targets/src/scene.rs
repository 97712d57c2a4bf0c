//! The messages of `SceneMultiplayer`: reading any bytes and writing them again, and both ends of a session that get them as
//! packets.

use bytes::Bytes;
use enet_proto::{Packet, Time};
use godot_peer::relay::{Output, SceneServer};
use godot_peer::scene::{self, Message};
use godot_peer::{SceneClient, ServerEvent};

use crate::parcels::{Parcels, parcels};

/// Reads packets in parcels.
///
/// # Panics
/// If a message is lost in writing, or the session suffers.
pub fn run(input: &[u8]) {
    let mut server = SceneServer::new(true);
    let mut client = SceneClient::new();
    for (key, id) in [(0u8, 1000), (1, 2000), (2, 3000)] {
        server.peer_connected(Time::ZERO, key, id);
    }
    server.handle_timeout(Time::from_millis(60_000));
    drain(&mut server);

    for (channel, packet) in Parcels(input) {
        assert_round_trip(&packet.data);
        server.packet_received(0, channel, packet.clone());
        client.packet_received(channel, packet);
        drain(&mut server);
        while client.poll_output().is_some() {}
    }

    // Another client's bytes still arrive.
    let healthy = scene::raw(b"healthy");
    server.packet_received(1, 0, Packet::reliable(healthy.clone()));
    let arrived = |output: &Output<u8>| matches!(output, Output::Event(ServerEvent::Packet(packet)) if packet.from.number() == 2000 && packet.data == healthy);
    assert!(drain(&mut server).iter().any(arrived));
    assert_eq!(server.roster().len(), 3);
}

/// The payloads of recorded reliable and unreliable commands, and messages written by hand.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    use enet_proto::wire::{Commands, Header};
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for datagram in crate::traffic() {
        let Some((header, start)) = Header::parse(&datagram) else {
            continue;
        };
        if header.compressed {
            continue;
        }
        let block = &datagram[start..];
        let commands = Commands::new(block).map_while(Result::ok);
        packets.extend(commands.filter_map(|command| Some(block[command.body.payload()?].to_vec())));
    }
    packets.retain(|packet| Message::parse(&Bytes::copy_from_slice(packet)).is_ok());
    packets.push(b"\x01d41d8cd98f00b204e9800998ecf8427e\0\x01\0\0\0root/Main\0".to_vec());
    packets.push(b"\x02\x01\x01\0\0\0".to_vec());
    packets.push(b"\x02\x01root/Main\0".to_vec());
    packets.push(b"\x00\x01\x02\x02\x05".to_vec());
    packets.push(b"\x80\x01\x02raw".to_vec());
    packets.push(b"\x20\x06\0\0\x80\x02\x00root/Main\0".to_vec());
    packets.push(b"\x07\x03\0\0\0\0\x03to all".to_vec());
    packets.push(b"\x07\x03\xd0\x07\0\0\x80\0\0x".to_vec());
    packets.push(b"\x07\x01\xd0\x07\0\0".to_vec());
    packets.push(b"\x07\x02\xd0\x07\0\0".to_vec());
    packets.push(b"\x07\x00secret".to_vec());
    packets.chunks(3).map(parcels).collect()
}

fn assert_round_trip(packet: &Bytes) {
    let Ok(message) = Message::parse(packet) else {
        return;
    };
    let written = message.to_bytes();
    assert_eq!(Message::parse(&written).as_ref(), Ok(&message), "{written:?}");
}

/// All that the server wants done. It is no more than what the clients' number explains.
fn drain(server: &mut SceneServer<u8>) -> Vec<Output<u8>> {
    let outputs: Vec<_> = std::iter::from_fn(|| server.poll_output()).collect();
    assert!(outputs.len() <= 16, "{outputs:?}");
    outputs
}
