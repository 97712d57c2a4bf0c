//! How connections come to be, and how they do not, seen from the host that answers.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use enet_proto::{Event, HostConfig, Packet, PeerState};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram, NO_PEER};
use enet_sim::{Network, Observed, Pair, Probe, Random, Sent, Stage, StockClient, StockState};

use crate::common::{acknowledged, address, commands, config, ms, payload, secs, total_bytes};

fn connect_datagram(probe: &Probe, connect: Connect) -> Datagram {
    Datagram::connect(probe.wire_time(), connect)
}

fn verify_of(sent: &[Sent]) -> Connect {
    match commands(sent)[..] {
        [
            Command {
                body: Body::Verify(verify),
                ..
            },
        ] => verify,
        ref other => panic!("one VERIFY was expected, not {other:?}"),
    }
}

#[test]
fn both_sides_are_told_of_a_connection_with_its_data() {
    let mut network = Network::new(1);
    let server = network.add_host(HostConfig::default());
    let client = network.add_host(HostConfig::default());
    let to_server = network.connect(client, server, 3, 0xABCD);
    network.run_for(ms(100));
    assert_eq!(
        network.take_events(client),
        [Event::Connected {
            peer: to_server,
            data: 0
        }]
    );
    let events = network.take_events(server);
    let [Event::Connected { peer, data: 0xABCD }] = events[..] else {
        panic!("{events:?}")
    };
    for (node, peer) in [(server, peer), (client, to_server)] {
        let peer = network.host(node).peer(peer).unwrap();
        assert_eq!(
            (peer.state(), peer.channel_count(), peer.mtu()),
            (PeerState::Connected, 3, 1392)
        );
        assert_eq!(peer.connect_data(), 0xABCD);
    }
}

#[test]
fn connect_is_answered_with_one_verify_that_fits_it() {
    let mut probe = Probe::new(config(|config| {
        config.channel_limit = 5;
        config.mtu = 1000;
        config.incoming_bandwidth = 400_000;
        config.outgoing_bandwidth = 50_000;
    }));
    let connect = Connect {
        peer_id: 0x123,
        channels: 9,
        ..Connect::default()
    };
    let sent = probe.receive(address(1), &connect_datagram(&probe, connect));
    let verify = verify_of(&sent);
    let expected = Connect {
        peer_id: verify.peer_id,
        // The server's choice, within two bits.
        incoming_session: verify.incoming_session & 3,
        outgoing_session: verify.outgoing_session & 3,
        mtu: 1000,
        window: 400_000 / 65_536 * 4096,
        channels: 5,
        incoming_bandwidth: 400_000,
        outgoing_bandwidth: 50_000,
        ..connect
    };
    assert_eq!(verify, expected);
    let header = &sent[0].datagram;
    assert_eq!(
        (sent[0].to, header.peer_id, header.session),
        (address(1), 0x123, verify.incoming_session)
    );
    assert!(header.sent_time.is_some() && header.commands[0].acknowledge);
    assert!(verify.peer_id < NO_PEER);
    assert!(probe.events().is_empty(), "no event before the address is proven");
    assert_eq!(probe.host.peers().count(), 0, "no peer before the address is proven");
}

#[test]
fn the_mtu_asked_for_is_clamped() {
    for (asked, agreed) in [(0, 576), (575, 576), (1000, 1000), (5000, 1392), (u32::MAX, 1392)] {
        let mut probe = Probe::new(HostConfig::default());
        let sent = probe.receive(
            address(1),
            &connect_datagram(
                &probe,
                Connect {
                    mtu: asked,
                    ..Connect::default()
                },
            ),
        );
        assert_eq!(verify_of(&sent).mtu, agreed, "asked for {asked}");
    }
}

#[test]
fn verify_has_the_window_of_the_server_at_most_what_was_offered() {
    for (incoming, offered, answered) in [
        (0, 65_536, 65_536),
        (0, 20_000, 20_000),
        (0, 1, 4096),
        (131_072, 65_536, 8192),
        (131_072, 6000, 6000),
        (1000, 65_536, 4096),
    ] {
        let mut probe = Probe::new(config(|config| config.incoming_bandwidth = incoming));
        let connect = Connect {
            window: offered,
            ..Connect::default()
        };
        let sent = probe.receive(address(1), &connect_datagram(&probe, connect));
        assert_eq!(
            verify_of(&sent).window,
            answered,
            "incoming {incoming}, offered {offered}"
        );
    }
}

#[test]
fn a_repeated_connect_gets_the_same_verify_and_nothing_comes_unasked() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = connect_datagram(&probe, Connect::default());
    let first = probe.receive(address(1), &connect);
    verify_of(&first);
    for wait in [500, 1000, 2000] {
        assert!(probe.advance(ms(wait)).is_empty(), "VERIFY is not resent on a timer");
        let again = probe.receive(address(1), &connect);
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].bytes, first[0].bytes);
    }
    assert!(probe.advance(secs(60)).is_empty());
    assert!(probe.events().is_empty(), "who never proved itself makes no event");
}

#[test]
fn unproven_addresses_never_get_more_bytes_than_they_sent() {
    let mut probe = Probe::new(HostConfig::default());
    let mut random = Random::new(3);
    let victim = address(1);
    let (mut inward, mut outward, mut connects, mut verifies) = (0, 0, 0, 0);
    for round in 0..2000u32 {
        let connect = Connect {
            connect_id: random.below(5) as u32,
            peer_id: random.below(3) as u16,
            ..Connect::default()
        };
        let mut datagram = connect_datagram(&probe, connect);
        match random.below(4) {
            0 => {
                datagram = Datagram::to(random.below(4096) as u16, random.below(4) as u8)
                    .with(Command::control(1, Body::Ping));
            }
            1 => {
                datagram = Datagram::to(random.below(8) as u16, 0).with(Command::acknowledgement(
                    CONTROL,
                    1,
                    probe.wire_time(),
                ));
            }
            2 => datagram = datagram.with(Command::control(2, Body::Ping)),
            _ => {}
        }
        connects += usize::from(matches!(datagram.commands[0].body, Body::Connect(_)));
        inward += datagram.encode().len();
        let mut sent = probe.receive(victim, &datagram);
        sent.extend(probe.advance(ms(u64::from(round % 50))));
        outward += total_bytes(&sent);
        verifies += commands(&sent)
            .iter()
            .filter(|command| matches!(command.body, Body::Verify(_)))
            .count();
        assert!(outward <= inward, "{outward} bytes sent for {inward}");
        assert!(verifies <= connects);
    }
    assert!(verifies > 0);
    assert!(probe.events().is_empty());
}

#[test]
fn acknowledging_blindly_connects_nobody() {
    let mut probe = Probe::new(HostConfig::default());
    let sent = probe.receive(address(1), &connect_datagram(&probe, Connect::default()));
    let verify = verify_of(&sent);
    let true_number = sent[0].datagram.commands[0].number;
    let true_time = sent[0].datagram.sent_time.unwrap();
    // Even who guesses the peer id and the session does not get in without both secrets.
    let clock = probe.wire_time();
    let near = (0..200u16).flat_map(|offset| [(1, true_time.wrapping_sub(offset)), (offset, clock)]);
    let half_right = [
        (true_number, true_time.wrapping_add(1)),
        (true_number.wrapping_add(1), true_time),
    ];
    for (number, time) in near
        .chain(half_right)
        .filter(|guess| *guess != (true_number, true_time))
    {
        let guess = Command::acknowledgement(CONTROL, number, time);
        probe.receive(
            address(1),
            &Datagram::to(verify.peer_id, verify.outgoing_session).with(guess),
        );
    }
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.peers().count(), 0);
    let right = Command::acknowledgement(CONTROL, true_number, true_time);
    let datagram = Datagram::to(verify.peer_id, verify.outgoing_session).with(right);
    probe.receive(address(2), &datagram);
    assert!(
        probe.events().is_empty(),
        "the secret proves only the address it was sent to"
    );
}

#[test]
fn the_secret_of_verify_differs_from_one_to_the_next() {
    let mut probe = Probe::new(HostConfig::default());
    let mut secrets = std::collections::HashSet::new();
    for number in 0..100 {
        let sent = probe.receive(address(number), &connect_datagram(&probe, Connect::default()));
        secrets.insert((sent[0].datagram.commands[0].number, sent[0].datagram.sent_time));
    }
    assert!(secrets.len() > 98, "{} of 100 differ", secrets.len());
}

#[test]
fn the_ack_of_verify_connects_and_what_follows_it_counts() {
    let mut probe = Probe::new(HostConfig::default());
    let sent = probe.receive(
        address(1),
        &connect_datagram(
            &probe,
            Connect {
                data: 77,
                ..Connect::default()
            },
        ),
    );
    let verify = verify_of(&sent);
    let header = &sent[0].datagram;
    let acknowledgement = Command::acknowledgement(CONTROL, header.commands[0].number, header.sent_time.unwrap());
    let datagram = Datagram::to(verify.peer_id, verify.outgoing_session)
        .sent_at(probe.wire_time())
        .with(acknowledgement)
        .with(Command::reliable(0, 1, Body::Reliable("first".into())));
    let answers = probe.receive(address(1), &datagram);
    assert_eq!(acknowledged(&answers), [(0, 1)]);
    let events = probe.events();
    let [
        Event::Connected { peer, data: 77 },
        Event::Received {
            peer: sender,
            channel: 0,
            ref packet,
        },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((peer, &packet.data[..]), (sender, &b"first"[..]));
}

#[test]
fn data_that_overtakes_the_ack_of_verify_is_refused() {
    let mut probe = Probe::new(HostConfig::default());
    let sent = probe.receive(address(1), &connect_datagram(&probe, Connect::default()));
    let verify = verify_of(&sent);
    let data = Datagram::to(verify.peer_id, verify.outgoing_session)
        .sent_at(probe.wire_time())
        .with(Command::reliable(0, 1, Body::Reliable("too early".into())));
    let answers = probe.receive(address(1), &data);
    assert!(acknowledged(&answers).is_empty());
    assert!(probe.events().is_empty());
    assert!(total_bytes(&answers) <= data.encode().len());
}

#[test]
fn data_that_overtook_the_ack_of_verify_comes_again_and_arrives() {
    let mut network = Network::new(5);
    let server = network.add_host(HostConfig::default());
    let client = network.add_raw(StockClient::new(network.address(server), Connect::default()));
    // The acknowledgement of VERIFY is late, what the client sends after it is not.
    let (client_address, late) = (network.address(client), Rc::new(RefCell::new(0)));
    network.set_filter(move |observed| {
        let acknowledges = observed.from == client_address
            && Datagram::parse(observed.datagram)
                .is_some_and(|datagram| matches!(datagram.commands[0].body, Body::Acknowledge { .. }));
        *late.borrow_mut() += u32::from(acknowledges);
        !acknowledges || *late.borrow() > 1
    });
    network.run_for(ms(40));
    network.with_raw(client, |client: &mut StockClient, now, outbox| {
        client.send_reliable(now, outbox, 1, "hello");
    });
    network.run_for(secs(10));
    let events = network.take_events(server);
    let [
        Event::Connected { .. },
        Event::Received {
            channel: 1, ref packet, ..
        },
    ] = events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(packet.data, "hello");
    assert_eq!(network.raw::<StockClient>(client).state(), StockState::Connected);
}

#[test]
fn zero_or_256_channels_are_refused_without_a_word() {
    let mut probe = Probe::new(HostConfig::default());
    for channels in [0, 256, u32::MAX] {
        let sent = probe.receive(
            address(1),
            &connect_datagram(
                &probe,
                Connect {
                    channels,
                    ..Connect::default()
                },
            ),
        );
        assert!(sent.is_empty(), "{channels} channels");
    }
    assert_eq!(probe.host.statistics().dropped.refused_connects, 3);
}

#[test]
fn a_full_server_does_not_answer_until_someone_leaves() {
    let mut probe = Probe::new(config(|config| config.max_peers = 1));
    let mut first = probe.join(address(1), Connect::default());
    let connect = connect_datagram(&probe, Connect::default());
    assert!(probe.receive(address(2), &connect).is_empty());
    let leave = first.control(Body::Disconnect { data: 0 });
    let datagram = first.with(&probe, leave);
    probe.receive(address(1), &datagram);
    probe.events();
    verify_of(&probe.receive(address(2), &connect));
}

#[test]
fn only_so_many_peers_may_come_from_one_address() {
    let mut probe = Probe::new(config(|config| config.duplicate_peers = 2));
    let port = |port| SocketAddr::new(address(1).ip(), port);
    let mut first = probe.join(port(1), Connect::default());
    probe.join(port(2), Connect::default());
    let connect = connect_datagram(&probe, Connect::default());
    assert!(probe.receive(port(3), &connect).is_empty());
    probe.join(address(2), Connect::default());
    let leave = first.control(Body::Disconnect { data: 0 });
    let datagram = first.with(&probe, leave);
    probe.receive(port(1), &datagram);
    probe.events();
    probe.join(port(3), Connect::default());
}

#[test]
fn a_host_that_does_not_accept_does_not_answer() {
    let mut probe = Probe::new(config(|config| config.accept = false));
    let connect = connect_datagram(&probe, Connect::default());
    assert!(probe.receive(address(1), &connect).is_empty());
    probe.act(|host| host.set_accepting(true));
    verify_of(&probe.receive(address(1), &connect));
    probe.act(|host| host.set_accepting(false));
    assert!(probe.receive(address(2), &connect).is_empty());
}

#[test]
fn who_was_answered_before_the_door_was_shut_is_told_and_stays_out() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = connect_datagram(&probe, Connect::default());
    let answered = probe.receive(address(1), &connect);
    probe.act(|host| host.set_accepting(false));
    let verify = &answered[0].datagram;
    let Body::Verify(agreed) = verify.commands[0].body else {
        panic!("{verify:?}")
    };
    let proof = Datagram::to(agreed.peer_id, agreed.outgoing_session).with(Command::control(
        0,
        Body::Acknowledge {
            number: verify.commands[0].number,
            sent_time: verify.sent_time.unwrap(),
        },
    ));
    let told = probe.receive(address(1), &proof);
    assert!(
        matches!(
            commands(&told)[..],
            [Command {
                body: Body::Disconnect { .. },
                ..
            }]
        ),
        "{told:?}"
    );
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.peers().count(), 0);
}

#[test]
fn a_datagram_without_a_peer_may_only_begin_with_connect() {
    let mut probe = Probe::new(HostConfig::default());
    let bodies = [
        Body::Ping,
        Body::Disconnect { data: 0 },
        Body::Reliable("hello".into()),
        Body::Verify(Connect::default()),
        Body::BandwidthLimit {
            incoming: 0,
            outgoing: 0,
        },
    ];
    for body in bodies {
        let datagram = Datagram::to(NO_PEER, 0)
            .sent_at(0)
            .with(Command::control(1, body))
            .with(Command::control(1, Body::Connect(Connect::default())));
        assert!(probe.receive(address(1), &datagram).is_empty());
    }
}

#[test]
fn connect_to_a_known_peer_is_an_error_that_ends_the_datagram() {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join(address(1), Connect::default());
    let again = Connect {
        connect_id: 99,
        ..Connect::default()
    };
    let datagram = remote
        .datagram()
        .sent_at(probe.wire_time())
        .with(Command::reliable(0, 1, Body::Reliable("before".into())))
        .with(Command::control(9, Body::Connect(again)))
        .with(Command::reliable(0, 2, Body::Reliable("after".into())));
    let answers = probe.receive(address(1), &datagram);
    assert_eq!(acknowledged(&answers), [(0, 1)]);
    assert!(
        !commands(&answers)
            .iter()
            .any(|command| matches!(command.body, Body::Verify(_)))
    );
    assert_eq!(probe.received(), ["before"]);
    assert_eq!(probe.host.peers().count(), 1);
}

#[test]
fn a_connect_that_comes_again_after_the_connection_is_made_makes_no_other() {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join(address(1), Connect::default());
    probe.receive(address(1), &connect_datagram(&probe, Connect::default()));
    probe.advance_acknowledging(&remote, secs(2));
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.peers().count(), 1);
}

#[test]
fn one_address_can_have_several_connections_with_ids_of_their_own() {
    let mut probe = Probe::new(HostConfig::default());
    let one = probe.join(
        address(1),
        Connect {
            connect_id: 1,
            peer_id: 0,
            ..Connect::default()
        },
    );
    let other = probe.join(
        address(1),
        Connect {
            connect_id: 2,
            peer_id: 1,
            ..Connect::default()
        },
    );
    assert_ne!(one.peer_id, other.peer_id);
    assert_ne!(one.peer, other.peer);
    for (remote, text) in [(&one, "one"), (&other, "other")] {
        let data = remote.with(&probe, Command::reliable(0, 1, Body::Reliable(text.into())));
        probe.receive(address(1), &data);
        let events = probe.events();
        assert!(
            matches!(events[..], [Event::Received { peer, .. }] if peer == remote.peer),
            "{events:?}"
        );
    }
}

/// Connects over a network that loses the first datagram for which `lost` holds.
fn connect_losing(lost: fn(&Body) -> bool) {
    let mut network = Network::new(1);
    let mut done = false;
    network.set_filter(move |observed: &Observed<'_>| {
        assert_eq!(observed.stage, Stage::Sent);
        let hit = Datagram::parse(observed.datagram)
            .is_some_and(|datagram| datagram.commands.iter().any(|command| lost(&command.body)));
        let passes = done || !hit;
        done |= hit;
        passes
    });
    let mut pair = Pair::in_network(network, HostConfig::default(), HostConfig::default());
    pair.client_sends(0, Packet::reliable(payload(1, 10))).unwrap();
    pair.server_sends(0, Packet::reliable(payload(2, 10))).unwrap();
    pair.run_for(secs(5));
    assert_eq!(pair.server_received(), [(0, Packet::reliable(payload(1, 10)))]);
    assert_eq!(pair.client_received(), [(0, Packet::reliable(payload(2, 10)))]);
}

#[test]
fn a_lost_connect_comes_again() {
    connect_losing(|body| matches!(body, Body::Connect(_)));
}

#[test]
fn a_lost_verify_is_had_by_asking_again() {
    connect_losing(|body| matches!(body, Body::Verify(_)));
}

#[test]
fn a_lost_ack_of_verify_is_made_good() {
    connect_losing(|body| matches!(body, Body::Acknowledge { .. }));
}
