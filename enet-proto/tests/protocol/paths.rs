//! Hosts with several addresses: answers come from the one that was asked.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use enet_proto::{Event, Host, HostConfig, Packet, Path, PeerHandle, Time};

use crate::common::address;

/// A datagram, where it goes and where it comes from.
type Sent = (SocketAddr, Option<IpAddr>, Bytes);

fn path(remote: SocketAddr, local: u8) -> Path {
    let local = Some([10, 0, 0, local].into());
    Path { remote, local }
}

fn sent(host: &mut Host, now: Time) -> Vec<Sent> {
    let mut buffer = Vec::new();
    std::iter::from_fn(|| {
        let transmit = host.poll_transmit(now, 1, &mut buffer)?;
        Some((
            transmit.destination,
            transmit.source,
            Bytes::copy_from_slice(&buffer[..transmit.size]),
        ))
    })
    .collect()
}

/// A client that has connected to the address `local` of a server, at `now`.
fn connect(server: &mut Host, client: &mut Host, from: SocketAddr, local: u8, now: Time) -> PeerHandle {
    let there = SocketAddr::from(([10, 0, 0, local], 7777));
    client.connect(there, 1, 0).unwrap();
    for _ in 0..3 {
        for (to, source, datagram) in sent(client, now) {
            assert_eq!(to, there);
            assert!(source.is_none() || source == Some(from.ip()));
            server.handle_datagram(now, path(from, local), datagram);
        }
        for (to, source, datagram) in sent(server, now) {
            assert_eq!(
                (to, source),
                (from, Some(there.ip())),
                "the handshake comes from where it was asked for"
            );
            let back = Path {
                remote: there,
                local: Some(from.ip()),
            };
            client.handle_datagram(now, back, datagram);
        }
    }
    match server.poll_event() {
        Some(Event::Connected { peer, .. }) => peer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_peer_is_sent_to_from_the_address_that_it_called() {
    let mut server = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
    let mut peers = Vec::new();
    for local in 1..=4 {
        let mut client = Host::new(HostConfig::default(), [local + 1; 32], Time::ZERO);
        let peer = connect(&mut server, &mut client, address(local.into()), local, Time::ZERO);
        assert_eq!(
            server.peer(peer).unwrap().local_address(),
            Some([10, 0, 0, local].into())
        );
        let dialled = client.peers().next().unwrap().1;
        assert_eq!(dialled.local_address(), Some(address(local.into()).ip()));
        peers.push(peer);
    }
    let now = Time::from_millis(1);
    assert_eq!(server.broadcast(0, &Packet::reliable("to all")), 4);
    let check = |mut sent: Vec<Sent>| {
        sent.sort();
        let ways: Vec<_> = sent.iter().map(|(to, source, _)| (*to, *source)).collect();
        let expected: Vec<_> = (1..=4)
            .map(|local: u8| (address(local.into()), Some([10, 0, 0, local].into())))
            .collect();
        assert_eq!(ways, expected);
    };
    check(sent(&mut server, now));
    // And the last word, which is of a peer that is gone already.
    server.disconnect_all_now(3);
    check(sent(&mut server, now));
}

#[test]
fn who_forges_a_datagram_to_another_address_does_not_divert_a_peer() {
    let mut server = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
    let mut client = Host::new(HostConfig::default(), [2; 32], Time::ZERO);
    let peer = connect(&mut server, &mut client, address(1), 1, Time::ZERO);
    let now = Time::from_millis(1);
    let (to_server, _) = client.peers().next().unwrap();
    client
        .peer_mut(to_server)
        .unwrap()
        .send(0, Packet::reliable("hello"))
        .unwrap();
    for (_, _, datagram) in sent(&mut client, now) {
        server.handle_datagram(now, path(address(1), 2), datagram);
    }
    server
        .peer_mut(peer)
        .unwrap()
        .send(0, Packet::reliable("hello"))
        .unwrap();
    let answers = sent(&mut server, now);
    assert!(!answers.is_empty());
    assert!(
        answers
            .iter()
            .all(|(_, source, _)| *source == Some([10, 0, 0, 1].into()))
    );
}

#[test]
fn a_stranger_is_answered_from_where_it_asked_and_a_flood_of_answers_is_bounded() {
    let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
    for number in 0..10_000_u32 {
        host.reply(path(address(1), 2), Bytes::copy_from_slice(&number.to_be_bytes()));
    }
    let answers = sent(&mut host, Time::ZERO);
    assert_eq!(answers.len(), 4096);
    assert!(
        answers
            .iter()
            .all(|(to, source, _)| (*to, *source) == (address(1), Some([10, 0, 0, 2].into())))
    );
}
