//! Whatever comes in, nothing breaks and nobody else notices.

use std::net::SocketAddr;

use bytes::Bytes;
use enet_proto::{DisconnectReason, Event, HostConfig, Packet};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram, Fragment};
use enet_sim::{Pair, Probe, Random, Remote};

use crate::common::{acknowledged, address, config, ms, numbers, on_a_bad_link, payload, secs};

fn joined() -> (Probe, Remote) {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join(
        address(1),
        Connect {
            channels: 8,
            ..Connect::default()
        },
    );
    (probe, remote)
}

fn reliable(number: u16, text: &'static str) -> Command {
    Command::reliable(0, number, Body::Reliable(text.into()))
}

/// Asserts that the connection works as if nothing had happened.
fn assert_healthy(probe: &mut Probe, remote: &Remote) {
    let datagram = remote.with(probe, Command::reliable(7, 1, Body::Reliable("healthy".into())));
    let answers = probe.receive(remote.address, &datagram);
    assert!(acknowledged(&answers).contains(&(7, 1)));
    assert_eq!(probe.received(), ["healthy"]);
}

/// One datagram of every kind that a peer may send.
fn every_kind(remote: &Remote, time: u16) -> Vec<Datagram> {
    let fragment = Fragment {
        start: 5,
        count: 3,
        number: 1,
        total: 250,
        offset: 100,
        data: payload(1, 100),
    };
    let commands = [
        Command::acknowledgement(CONTROL, 1, time),
        Command::control(9, Body::Connect(Connect::default())),
        Command::control(9, Body::Verify(Connect::default())),
        Command::control(9, Body::Ping),
        Command::reliable(1, 3, Body::Reliable(payload(1, 50))),
        Command::unreliable(
            1,
            0,
            Body::Unreliable {
                number: 1,
                data: payload(1, 50),
            },
        ),
        Command::reliable(1, 6, Body::Fragment(fragment.clone())),
        Command::unsequenced(1, 1, payload(1, 50)),
        Command::control(
            9,
            Body::BandwidthLimit {
                incoming: 0,
                outgoing: 0,
            },
        ),
        Command::control(
            9,
            Body::ThrottleConfigure {
                interval: 5000,
                acceleration: 2,
                deceleration: 2,
            },
        ),
        Command::unreliable(1, 0, Body::UnreliableFragment(fragment)),
    ];
    commands
        .into_iter()
        .map(|command| remote.datagram().sent_at(time).with(command))
        .collect()
}

#[test]
fn garbage_is_dropped() {
    let (mut probe, remote) = joined();
    let mut random = Random::new(1);
    for round in 0..20_000 {
        let length = random.below(120) as usize;
        let garbage = random.bytes(length);
        let from = if round % 2 == 0 {
            remote.address
        } else {
            address(2 + random.below(1000) as u32)
        };
        probe.receive_bytes(from, garbage);
        assert!(probe.events().is_empty());
    }
    assert_healthy(&mut probe, &remote);
}

#[test]
fn garbage_behind_a_good_header_is_dropped() {
    let (mut probe, remote) = joined();
    let mut random = Random::new(2);
    for _ in 0..20_000 {
        let mut bytes = remote.datagram().sent_at(probe.wire_time()).encode().to_vec();
        let length = random.below(200) as usize;
        bytes.extend(random.bytes(length));
        // Numbers that no command has; those that have one may say something true.
        if let Some(kind) = bytes.get_mut(4) {
            *kind = (*kind & 0xF0) | [0, 13, 14, 15][usize::from(*kind) % 4];
        }
        probe.receive_bytes(remote.address, bytes);
    }
    assert!(
        probe
            .events()
            .iter()
            .all(|event| matches!(event, Event::Received { .. }))
    );
    assert!(probe.host.statistics().dropped.unknown_commands > 10_000);
}

#[test]
fn mutated_datagrams_break_nothing() {
    let mut random = Random::new(3);
    for round in 0..200 {
        let (mut probe, remote) = joined();
        for _ in 0..100 {
            let kinds = every_kind(&remote, probe.wire_time());
            let mut bytes = kinds[random.below(kinds.len() as u64) as usize].encode().to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = match random.below(4) {
                    0 => 0,
                    1 => 0xFF,
                    2 => bytes[at] ^ 1 << random.below(8),
                    _ => random.next_u64() as u8,
                };
            }
            probe.receive_bytes(remote.address, bytes);
            if round % 2 == 0 {
                probe.advance(ms(random.below(50)));
            }
        }
        probe.advance(secs(1));
        probe.events();
    }
}

#[test]
fn truncated_datagrams_break_nothing() {
    let (mut probe, remote) = joined();
    for datagram in every_kind(&remote, probe.wire_time()) {
        let bytes = datagram.encode();
        for length in 0..bytes.len() {
            let answers = probe.receive_bytes(remote.address, bytes.slice(..length));
            assert!(answers.is_empty(), "{length} bytes of {datagram:?}");
            assert!(probe.events().is_empty());
        }
    }
    assert_healthy(&mut probe, &remote);
}

#[test]
fn parsing_stops_at_an_unknown_command_and_what_came_before_counts() {
    for kind in [0x00, 0x0D, 0x0E, 0x0F, 0x80, 0xCF] {
        let (mut probe, remote) = joined();
        let mut bytes = remote.with(&probe, reliable(1, "before")).encode().to_vec();
        bytes.extend([kind, 0, 0, 2]);
        bytes.extend(&remote.datagram().with(reliable(2, "after")).encode()[2..]);
        let answers = probe.receive_bytes(remote.address, bytes);
        assert_eq!(acknowledged(&answers), [(0, 1)]);
        assert_eq!(probe.received(), ["before"]);
        assert_healthy(&mut probe, &remote);
    }
}

#[test]
fn a_truncated_command_loses_only_what_follows() {
    let (mut probe, remote) = joined();
    let whole = remote
        .datagram()
        .sent_at(probe.wire_time())
        .with(reliable(1, "first"))
        .with(reliable(2, "second"));
    let bytes = whole.encode();
    let answers = probe.receive_bytes(remote.address, bytes.slice(..bytes.len() - 1));
    assert_eq!(acknowledged(&answers), [(0, 1)]);
    assert_eq!(probe.received(), ["first"]);
    probe.receive_bytes(remote.address, bytes);
    assert_eq!(probe.received(), ["second"]);
}

#[test]
fn a_command_that_wants_an_ack_but_has_no_sent_time_ends_the_datagram() {
    let (mut probe, remote) = joined();
    let datagram = remote
        .datagram()
        .with(reliable(1, "processed"))
        .with(reliable(2, "lost"));
    let answers = probe.receive(remote.address, &datagram);
    assert!(acknowledged(&answers).is_empty());
    assert_eq!(probe.received(), ["processed"]);
}

#[test]
fn empty_and_overlong_datagrams_are_dropped_and_counted() {
    let (mut probe, remote) = joined();
    for length in [0, 1, 4097, 65_000] {
        assert!(probe.receive_bytes(remote.address, vec![0; length]).is_empty());
    }
    assert_eq!(probe.host.statistics().dropped.malformed_datagrams, 4);
    assert_healthy(&mut probe, &remote);
}

#[test]
fn the_largest_datagram_allowed_is_taken() {
    let (mut probe, remote) = joined();
    let body = Body::Reliable(payload(1, 4096 - 4 - 6));
    let datagram = remote.with(&probe, Command::reliable(0, 1, body));
    assert_eq!(datagram.encode().len(), 4096);
    assert_eq!(acknowledged(&probe.receive(remote.address, &datagram)), [(0, 1)]);
}

#[test]
fn a_compressed_datagram_is_dropped_by_a_host_without_a_compressor() {
    let (mut probe, remote) = joined();
    let datagram = Datagram {
        compressed: true,
        ..remote.with(&probe, reliable(1, "compressed"))
    };
    assert!(probe.receive(remote.address, &datagram).is_empty());
    assert!(probe.events().is_empty());
    assert_healthy(&mut probe, &remote);
}

#[test]
fn many_commands_in_one_datagram_are_all_taken() {
    let (mut probe, mut remote) = joined();
    let mut datagram = remote.datagram().sent_at(probe.wire_time());
    for _ in 0..150 {
        datagram.commands.push(remote.control(Body::Ping));
    }
    let answers = probe.receive(remote.address, &datagram);
    assert_eq!(acknowledged(&answers).len(), 150);
}

#[test]
fn zero_bytes_behind_a_ping_do_no_harm() {
    let (mut probe, mut remote) = joined();
    let ping = remote.control(Body::Ping);
    let mut bytes = remote.with(&probe, ping).encode().to_vec();
    bytes.resize(3000, 0);
    assert_eq!(acknowledged(&probe.receive_bytes(remote.address, bytes)).len(), 1);
}

#[test]
fn datagrams_for_nobody_are_counted_and_not_answered() {
    let (mut probe, remote) = joined();
    let nobody = Datagram::to((remote.peer_id + 1) & 0x7FF, 0)
        .sent_at(0)
        .with(Command::control(1, Body::Ping));
    assert!(probe.receive(remote.address, &nobody).is_empty());
    let stranger = remote.with(&probe, reliable(1, "not mine"));
    assert!(probe.receive(address(2), &stranger).is_empty());
    assert_eq!(probe.host.statistics().dropped.unknown_peer, 2);
    assert!(probe.events().is_empty());
    assert_healthy(&mut probe, &remote);
}

#[test]
fn a_healthy_pair_plays_on_while_garbage_pours_in() {
    let mut pair = Pair::new(1);
    let mut random = Random::new(5);
    let client = pair.network.address(pair.client);
    for number in 0..500 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
        pair.server_sends(0, Packet::reliable(payload(number, 100))).unwrap();
        for _ in 0..40 {
            let length = random.below(60) as usize;
            let mut garbage = random.bytes(length);
            // The right session and id are a matter of 14 bits of luck, which is left to none here.
            if let Some(byte) = garbage.first_mut() {
                *byte |= 0x4F;
            }
            let from = if random.chance(0.5) {
                client
            } else {
                address(random.below(5000) as u32)
            };
            pair.network.inject(from, pair.server, garbage);
        }
        pair.run_for(ms(10));
    }
    assert!(pair.run_until_quiet(secs(5)));
    assert_eq!(numbers(&pair.server_received()), (0..500).collect::<Vec<_>>());
    assert_eq!(numbers(&pair.client_received()), (0..500).collect::<Vec<_>>());
}

#[test]
fn replayed_datagrams_change_nothing() {
    let mut network = enet_sim::Network::new(1);
    network.record();
    let mut pair = Pair::in_network(network, HostConfig::default(), HostConfig::default());
    on_a_bad_link(&mut pair);
    for number in 0..100 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
        pair.client_sends(1, Packet::unreliable(payload(number, 100))).unwrap();
        pair.client_sends(2, Packet::unsequenced(payload(number, 100))).unwrap();
        pair.run_for(ms(10));
    }
    assert!(pair.run_until_quiet(secs(30)));
    pair.run_for(secs(1));
    let once = pair.server_received().len();
    assert!(once > 200);
    let (client, server) = (pair.network.address(pair.client), pair.server);
    let replay: Vec<Bytes> = pair
        .network
        .trace()
        .iter()
        .filter(|traced| traced.from == client)
        .map(|traced| traced.datagram.clone())
        .collect();
    for datagram in replay {
        pair.network.inject(client, server, datagram);
    }
    // What the link had lost of the unsequenced ones may come now, for the first time.
    let late = pair.server_received();
    assert!(late.iter().all(|(channel, _)| *channel == 2), "{late:?}");
    assert!(late.len() + once <= 300);
    pair.run_for(secs(5));
    assert!(pair.server_received().is_empty());
}

#[test]
fn a_connect_padded_with_zeros_is_answered() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Datagram::connect(0, Connect::default());
    let mut bytes = connect.encode().to_vec();
    bytes.resize(650, 0);
    assert_eq!(probe.receive_bytes(address(1), bytes).len(), 1);
}

#[test]
fn a_connect_from_port_0_is_dropped_and_counted_as_nobody_can_answer_it() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Datagram::connect(0, Connect::default());
    let nowhere = SocketAddr::new(address(1).ip(), 0);
    assert!(probe.receive(nowhere, &connect).is_empty());
    assert_eq!(probe.host.statistics().dropped.malformed_datagrams, 1);
    assert_eq!(probe.receive(address(1), &connect).len(), 1);
}

#[test]
fn a_disconnect_that_cannot_be_acknowledged_leaves_no_peer_behind() {
    for doubt in [true, false] {
        let mut probe = Probe::new(config(|config| config.doubt_disconnects = doubt));
        let mut remote = probe.join(address(1), Connect::default());
        probe.events();
        let farewell = remote.control(Body::Disconnect { data: 7 });
        probe.receive(remote.address, &remote.datagram().with(farewell));
        probe.advance(secs(2));
        let events = probe.events();
        assert!(
            matches!(
                events[..],
                [Event::Disconnected {
                    reason: DisconnectReason::Remote { data: 7 },
                    ..
                }]
            ),
            "{events:?}"
        );
        assert_eq!(probe.host.peers().count(), 0);
    }
}

#[test]
fn an_acknowledgement_of_a_connect_does_not_stop_the_attempt() {
    let mut probe = Probe::new(HostConfig::default());
    let mut peer = None;
    let sent = probe.act(|host| peer = host.connect(address(1), 2, 0).ok());
    let connect = &sent[0].datagram;
    let Body::Connect(Connect { peer_id, .. }) = connect.commands[0].body else {
        panic!("{connect:?}")
    };
    let answer = Datagram::to(peer_id, 0).with(Command::control(
        0,
        Body::Acknowledge {
            number: 1,
            sent_time: connect.sent_time.unwrap(),
        },
    ));
    probe.receive(address(1), &answer);
    assert!(!probe.advance(secs(40)).is_empty(), "it is asked again");
    let events = probe.events();
    assert!(matches!(events[..], [Event::Disconnected { .. }]), "{events:?}");
}

#[test]
fn a_disconnect_far_ahead_on_a_channel_of_data_leaves_no_peer_behind() {
    let mut probe = Probe::new(config(|config| config.doubt_disconnects = false));
    let remote = probe.join(address(1), Connect::default());
    probe.receive(remote.address, &remote.with(&probe, reliable(1, "first")));
    probe.events();
    let farewell = Command::reliable(0, 7 * 4096, Body::Disconnect { data: 0 });
    probe.receive(remote.address, &remote.with(&probe, farewell));
    probe.advance(secs(40));
    assert!(matches!(probe.events()[..], [Event::Disconnected { .. }]));
    assert_eq!(probe.host.peers().count(), 0);
}
