//! How connections come to be, and how they do not, seen from the host that dials.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use enet_proto::{ConnectError, DisconnectReason, Event, Host, HostConfig, PeerHandle, PeerMut, Time};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram, NO_PEER};
use enet_sim::{Network, Probe, Sent};

use crate::common::{acknowledged, address, assert_timed_out, commands, config, ms, secs};

/// A host that dials, and its CONNECT.
fn dialling(channels: usize, data: u32, settings: HostConfig) -> (Probe, Sent, Connect) {
    let mut probe = Probe::new(settings);
    let mut sent = probe.act(|host| {
        host.connect(address(1), channels, data).unwrap();
    });
    let Some(first) = sent.pop() else {
        panic!("a CONNECT was expected")
    };
    assert!(sent.is_empty(), "one datagram");
    match first.datagram.commands[..] {
        [
            Command {
                body: Body::Connect(connect),
                ..
            },
        ] => (probe, first, connect),
        ref other => panic!("one CONNECT was expected, not {other:?}"),
    }
}

/// A server's answer to a CONNECT.
fn verify_datagram(probe: &Probe, verify: Connect, to: u16) -> Datagram {
    Datagram::to(to, verify.incoming_session)
        .sent_at(probe.wire_time())
        .with(Command::control(1, Body::Verify(verify)))
}

/// VERIFY's fields as a server fills them in that accepts everything.
fn accepting(connect: &Connect) -> Connect {
    Connect {
        peer_id: 0x321,
        incoming_session: 0,
        outgoing_session: 0,
        data: 0,
        ..*connect
    }
}

#[test]
fn peers_at_an_address_that_cannot_be_reached_end_and_others_go_on() {
    let mut probe = Probe::new(HostConfig::default());
    let mut dialled = Vec::new();
    probe.act(|host| {
        dialled.push(host.connect(address(1), 1, 0).unwrap());
        dialled.push(host.connect(address(2), 1, 0).unwrap());
        dialled.push(host.connect_any(address(1), &[address(3)], 1, 0).unwrap());
    });
    let now = probe.now();
    let mut concerned = Vec::new();
    probe.act(|host| concerned = host.unreachable(now, address(1)));
    // The third has another address to try.
    assert_eq!(concerned, [dialled[0], dialled[2]]);
    let gone = |peer| Event::Disconnected {
        peer,
        reason: DisconnectReason::Unreachable,
    };
    assert_eq!(probe.events(), [gone(dialled[0])]);
    probe.act(|host| assert_eq!(host.unreachable(now, address(9)), []));
    probe.act(|host| concerned = host.unreachable(now, address(3)));
    assert_eq!(concerned, [dialled[2]]);
    assert_eq!(probe.events(), [gone(dialled[2])]);
}

#[test]
fn connect_says_what_the_program_asked_for() {
    let settings = config(|config| {
        config.mtu = 900;
        config.incoming_bandwidth = 100_000;
        config.outgoing_bandwidth = 200_000;
    });
    let (_, sent, connect) = dialling(7, 99, settings);
    assert_eq!((sent.to, sent.datagram.peer_id), (address(1), NO_PEER));
    assert!(sent.datagram.sent_time.is_some());
    let command = &sent.datagram.commands[0];
    assert_eq!(
        (
            command.acknowledge,
            command.unsequenced,
            command.channel,
            command.number
        ),
        (true, false, CONTROL, 1)
    );
    let expected = Connect {
        peer_id: connect.peer_id,
        connect_id: connect.connect_id,
        mtu: 900,
        window: 200_000 / 65_536 * 4096,
        channels: 7,
        incoming_bandwidth: 100_000,
        outgoing_bandwidth: 200_000,
        data: 99,
        ..Connect::default()
    };
    assert_eq!(connect, expected);
    assert!(connect.peer_id < NO_PEER);
}

#[test]
fn an_unanswered_connect_is_resent_after_500_ms_then_doubling_and_given_up() {
    let (mut probe, first, _) = dialling(1, 0, HostConfig::default());
    let start = first.at;
    let sent = probe.advance(secs(40));
    let after: Vec<u64> = sent
        .iter()
        .map(|sent| sent.at.saturating_since(start).as_millis() as u64)
        .collect();
    assert_eq!(after[..5], [500, 1500, 3500, 7500, 15_500]);
    let events = probe.events();
    assert_timed_out(&events);
    assert_eq!(probe.host.poll_timeout(), None);
    assert_eq!(probe.host.peers().count(), 0);
}

#[test]
fn a_connection_has_1_to_255_channels() {
    let mut probe = Probe::new(HostConfig::default());
    for channels in [0, 256] {
        let result = probe.host.connect(address(1), channels, 0);
        assert_eq!(result, Err(ConnectError::InvalidChannelCount(channels)));
    }
    assert!(probe.host.connect(address(1), 255, 0).is_ok());
}

#[test]
fn a_host_without_a_free_slot_dials_nobody() {
    let mut probe = Probe::new(config(|config| config.max_peers = 1));
    assert!(probe.host.connect(address(1), 1, 0).is_ok());
    assert_eq!(probe.host.connect(address(2), 1, 0), Err(ConnectError::NoFreeSlot));
}

#[test]
fn a_new_mtu_is_for_the_connections_after_it() {
    let mut probe = Probe::new(HostConfig::default());
    let before = probe.join(address(1), Connect::default());
    probe.host.set_mtu(700);
    let after = probe.join(address(2), Connect::default());
    let mtu = |peer| probe.host.peer(peer).unwrap().mtu();
    assert_eq!((mtu(before.peer), mtu(after.peer)), (1392, 700));
    probe.host.set_mtu(0);
    assert_eq!(probe.host.config().mtu, 576, "the protocol's minimum");
}

#[test]
fn the_client_takes_the_smaller_of_everything_and_acknowledges() {
    let (mut probe, _, connect) = dialling(9, 0, HostConfig::default());
    let verify = Connect {
        mtu: 700,
        window: 5000,
        channels: 4,
        incoming_session: 2,
        outgoing_session: 3,
        ..accepting(&connect)
    };
    let sent = probe.receive(address(1), &verify_datagram(&probe, verify, connect.peer_id));
    assert_eq!(acknowledged(&sent), [(CONTROL, 1)]);
    assert_eq!((sent[0].datagram.peer_id, sent[0].datagram.session), (0x321, 3));
    let events = probe.events();
    let [Event::Connected { peer, data: 0 }] = events[..] else {
        panic!("{events:?}")
    };
    let peer = probe.host.peer(peer).unwrap();
    assert_eq!((peer.mtu(), peer.channel_count(), peer.window()), (700, 4, 5000));
    let resent = probe.advance(ms(450));
    assert!(
        !commands(&resent)
            .iter()
            .any(|command| matches!(command.body, Body::Connect(_))),
        "CONNECT is done with"
    );
}

#[test]
fn a_verify_that_does_not_fit_ends_the_attempt() {
    type Spoil = fn(&mut Connect);
    let spoils: [(&str, Spoil); 5] = [
        ("interval", |verify| verify.throttle_interval += 1),
        ("acceleration", |verify| verify.throttle_acceleration += 1),
        ("deceleration", |verify| verify.throttle_deceleration += 1),
        ("no channels", |verify| verify.channels = 0),
        ("many channels", |verify| verify.channels = 256),
    ];
    for (name, spoil) in spoils {
        let (mut probe, _, connect) = dialling(2, 0, HostConfig::default());
        let mut verify = accepting(&connect);
        spoil(&mut verify);
        probe.receive(address(1), &verify_datagram(&probe, verify, connect.peer_id));
        let events = probe.events();
        assert!(
            matches!(
                events[..],
                [Event::Disconnected {
                    reason: DisconnectReason::Refused,
                    ..
                }]
            ),
            "{name}: {events:?}"
        );
        assert_eq!(probe.host.peers().count(), 0, "{name}");
    }
}

#[test]
fn verify_from_another_address_is_not_heard() {
    let (mut probe, _, connect) = dialling(2, 0, HostConfig::default());
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    assert!(probe.receive(address(2), &datagram).is_empty());
    assert!(probe.events().is_empty());
}

const EVERYONE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::BROADCAST, 7777));

/// A host that dials everyone, and its CONNECT.
fn dialling_everyone() -> (Probe, Connect) {
    let mut probe = Probe::new(HostConfig::default());
    let sent = probe.act(|host: &mut Host| {
        host.connect(EVERYONE, 2, 0).unwrap();
    });
    let Body::Connect(connect) = sent[0].datagram.commands[0].body else {
        panic!("{sent:?}")
    };
    (probe, connect)
}

#[test]
fn a_host_that_dials_everyone_takes_the_address_of_the_first_that_answers() {
    let (mut probe, connect) = dialling_everyone();
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    let answers = probe.receive(address(3), &datagram);
    assert_eq!(answers[0].to, address(3));
    let events = probe.events();
    let [Event::Connected { peer, .. }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(probe.host.peer(peer).unwrap().address(), address(3));
}

#[test]
fn who_answers_everyone_s_call_with_anything_but_a_verify_is_not_taken_for_the_server() {
    let (mut probe, connect) = dialling_everyone();
    let ping = Datagram::to(connect.peer_id, 0).with(Command::control(1, Body::Ping));
    let mut foreign = accepting(&connect);
    foreign.connect_id ^= 1;
    let foreign = verify_datagram(&probe, foreign, connect.peer_id);
    let bytes = [
        ping.encode(),
        foreign.encode(),
        vec![0x80 | (connect.peer_id >> 8) as u8, connect.peer_id as u8].into(),
    ];
    for bytes in bytes {
        assert!(probe.receive_bytes(address(4), bytes).is_empty());
        let (_, peer) = probe.host.peers().next().unwrap();
        assert_eq!(peer.address(), EVERYONE);
    }
    assert!(probe.host.statistics().dropped.unknown_peer >= 2);
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    let answers = probe.receive(address(3), &datagram);
    assert_eq!(answers[0].to, address(3));
    assert!(matches!(probe.events()[..], [Event::Connected { .. }]));
}

/// A host that dials three addresses, as those of one name, and its CONNECT.
fn dialling_several() -> (Probe, Connect) {
    let mut probe = Probe::new(HostConfig::default());
    let sent = probe.act(|host: &mut Host| {
        host.connect_any(address(1), &[address(2), address(3)], 2, 0).unwrap();
    });
    assert_eq!(sent.iter().map(|sent| sent.to).collect::<Vec<_>>(), [address(1)]);
    let Body::Connect(connect) = sent[0].datagram.commands[0].body else {
        panic!("{sent:?}")
    };
    (probe, connect)
}

#[test]
fn the_addresses_of_a_name_are_asked_a_quarter_of_a_second_apart_and_each_again_in_its_time() {
    let (mut probe, connect) = dialling_several();
    let began = probe.now();
    let sent = probe.advance(ms(1600));
    let asked: Vec<_> = sent
        .iter()
        .map(|sent| {
            let Body::Connect(again) = sent.datagram.commands[0].body else {
                panic!("{sent:?}")
            };
            assert_eq!(again.connect_id, connect.connect_id);
            (sent.at.saturating_since(began), sent.to)
        })
        .collect();
    let all_at = |at| [1, 2, 3].map(|last| (ms(at), address(last)));
    let first = [
        (ms(250), address(2)),
        (ms(500), address(1)),
        (ms(500), address(2)),
        (ms(500), address(3)),
    ];
    let mut early = asked[..4].to_vec();
    early.sort();
    let mut expected = first.to_vec();
    expected.sort();
    assert_eq!(early, expected);
    let mut late = asked[4..].to_vec();
    late.sort();
    assert_eq!(late, all_at(1500));
}

#[test]
fn the_first_address_that_answers_is_the_peers_and_the_others_are_not_asked_again() {
    let (mut probe, connect) = dialling_several();
    probe.advance(ms(300));
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    assert!(probe.receive(address(4), &datagram).is_empty(), "who was not asked");
    let answers = probe.receive(address(2), &datagram);
    assert!(answers.iter().all(|answer| answer.to == address(2)) && !answers.is_empty());
    let events = probe.events();
    let [Event::Connected { peer, .. }] = events[..] else {
        panic!("{events:?}")
    };
    let connected = probe.host.peer(peer).unwrap();
    assert_eq!(connected.address(), address(2));
    // Measured from when this one was asked.
    assert_eq!(connected.round_trip_time(), ms(50));
    let late = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    assert!(probe.receive(address(1), &late).is_empty());
    let sent = probe.advance(ms(900));
    assert!(sent.iter().all(|sent| sent.to == address(2)), "{sent:?}");
}

#[test]
fn an_attempt_that_is_given_up_asks_nobody_any_more() {
    let (mut probe, _) = dialling_several();
    probe.act(|host| {
        let (peer, _) = host.peers().next().unwrap();
        host.peer_mut(peer).unwrap().disconnect(0);
    });
    assert!(probe.advance(secs(2)).is_empty());
    assert_eq!(probe.host.poll_timeout(), None);
}

#[test]
fn what_comes_back_and_is_no_answer_is_told_from_silence() {
    let garbage: [&[u8]; 3] = [b"HTTP/1.1 400 Bad Request", b"x", &[0; 60]];
    for bytes in garbage {
        let (mut probe, _, _) = dialling(2, 0, HostConfig::default());
        let (peer, _) = probe.host.peers().next().unwrap();
        probe.receive_bytes(address(2), bytes.to_vec());
        assert!(!probe.host.has_misunderstood(peer), "from someone else");
        probe.receive_bytes(address(1), bytes.to_vec());
        assert!(probe.host.has_misunderstood(peer), "{bytes:?}");
        probe.advance(secs(40));
        let reason = DisconnectReason::NotUnderstood;
        assert_eq!(probe.events(), [Event::Disconnected { peer, reason }]);
    }
}

#[test]
fn an_answer_that_is_compressed_in_another_way_is_told_from_silence() {
    let (mut probe, _, connect) = dialling(2, 0, HostConfig::default());
    let (peer, _) = probe.host.peers().next().unwrap();
    let mut datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id)
        .encode()
        .to_vec();
    // The bit that says that it is compressed.
    datagram[0] |= 0x40;
    probe.receive_bytes(address(1), datagram);
    assert!(probe.host.has_misunderstood(peer));
    // Should the right answer come after all, it is one.
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    probe.receive(address(1), &datagram);
    assert!(matches!(probe.events()[..], [Event::Connected { .. }]));
    assert!(!probe.host.has_misunderstood(peer));
}

#[test]
fn a_verify_of_another_attempt_is_ignored() {
    let (mut probe, _, connect) = dialling(2, 0, HostConfig::default());
    let mut foreign = accepting(&connect);
    foreign.connect_id ^= 1;
    let datagram = verify_datagram(&probe, foreign, connect.peer_id);
    assert!(probe.receive(address(1), &datagram).is_empty());
    assert!(probe.events().is_empty());
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    probe.receive(address(1), &datagram);
    assert!(matches!(probe.events()[..], [Event::Connected { .. }]));
}

/// A DISCONNECT to a host that is dialling.
fn dismiss(connect: &Connect) -> Datagram {
    let command = Command {
        acknowledge: false,
        unsequenced: true,
        ..Command::control(0, Body::Disconnect { data: 7 })
    };
    Datagram::to(connect.peer_id, 0).with(command)
}

#[test]
fn a_dismissal_while_connecting_is_doubted_until_the_next_connect_is_not_answered() {
    let (mut probe, _, connect) = dialling(2, 0, HostConfig::default());
    probe.receive(address(1), &dismiss(&connect));
    assert!(probe.events().is_empty());
    let sent = probe.advance(ms(600));
    assert!(matches!(commands(&sent)[0].body, Body::Connect(_)));
    assert!(probe.events().is_empty());
    probe.advance(ms(2000));
    let events = probe.events();
    let [Event::Disconnected { reason, .. }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(reason, DisconnectReason::Remote { data: 7 });
}

#[test]
fn who_is_answered_after_a_forged_dismissal_is_connected_and_stays() {
    let (mut probe, _, connect) = dialling(2, 0, HostConfig::default());
    probe.receive(address(1), &dismiss(&connect));
    probe.advance(ms(600));
    let datagram = verify_datagram(&probe, accepting(&connect), connect.peer_id);
    probe.receive(address(1), &datagram);
    assert!(matches!(probe.events()[..], [Event::Connected { .. }]));
    probe.advance(secs(3));
    assert!(probe.events().is_empty());
}

#[test]
fn a_host_tells_whether_it_may_have_something_to_send() {
    let mut host = Host::new(HostConfig::default(), [7; 32], Time::ZERO);
    let mut buffer = Vec::new();
    assert!(!host.may_transmit());
    for number in 1..=3 {
        host.connect(address(number), 1, 0).unwrap();
    }
    for left in (0..3).rev() {
        assert!(host.may_transmit());
        assert!(host.poll_transmit(Time::ZERO, 1, &mut buffer).is_some());
        assert_eq!(host.may_transmit(), left > 0);
    }
    host.send_raw(address(1), "anybody?".into());
    assert!(host.may_transmit());
}

/// Two hosts and all that is between them: nothing happens but what a test does.
struct Two {
    client: Host,
    server: Host,
    now: Time,
}

const CLIENT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5000));
const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 7777));

impl Two {
    fn new() -> Two {
        let now = Time::from_millis(1000);
        Two {
            client: Host::new(HostConfig::default(), [1; 32], now),
            server: Host::new(HostConfig::default(), [2; 32], now),
            now,
        }
    }

    /// What the client has to say, handed over unless it gets lost.
    fn hand_to_server(&mut self, arrives: bool) {
        let mut buffer = Vec::new();
        while self.client.poll_transmit(self.now, 1, &mut buffer).is_some() {
            if arrives {
                self.server.handle_datagram(self.now, CLIENT, buffer.clone().into());
            }
        }
    }

    fn hand_to_client(&mut self) {
        let mut buffer = Vec::new();
        while self.server.poll_transmit(self.now, 1, &mut buffer).is_some() {
            self.client.handle_datagram(self.now, SERVER, buffer.clone().into());
        }
    }

    /// A client that knows that it is connected, of which it has not told the server yet.
    fn connected() -> (Two, PeerHandle) {
        let mut two = Two::new();
        let peer = two.client.connect(SERVER, 2, 0).unwrap();
        two.hand_to_server(true);
        two.hand_to_client();
        assert!(matches!(two.client.poll_event(), Some(Event::Connected { .. })));
        assert_eq!(two.server.poll_event(), None);
        (two, peer)
    }

    /// Some seconds go by in which nothing is lost.
    fn go_on(&mut self) {
        for _ in 0..3000 {
            self.now += ms(1);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.hand_to_server(true);
            self.hand_to_client();
        }
    }

    fn events(&mut self) -> (Vec<Event>, Vec<Event>) {
        let all = |host: &mut Host| std::iter::from_fn(|| host.poll_event()).collect();
        (all(&mut self.client), all(&mut self.server))
    }
}

#[test]
fn who_leaves_as_soon_as_it_is_connected_is_seen_to_come_and_to_go() {
    type Leave = fn(PeerMut<'_>);
    let ways: [(Leave, bool, usize); 5] = [
        (|peer| peer.disconnect(7), true, 1),
        (|peer| peer.disconnect_later(7), true, 1),
        (|peer| peer.disconnect_now(7), true, 0),
        // What says so first may be lost, and comes again.
        (|peer| peer.disconnect(7), false, 1),
        (|peer| peer.disconnect_later(7), false, 1),
    ];
    for (number, (leave, arrives, ends)) in ways.into_iter().enumerate() {
        let (mut two, peer) = Two::connected();
        leave(two.client.peer_mut(peer).unwrap());
        two.hand_to_server(arrives);
        two.go_on();
        let (client, server) = two.events();
        assert!(
            matches!(
                server[..],
                [
                    Event::Connected { .. },
                    Event::Disconnected {
                        reason: DisconnectReason::Remote { data: 7 },
                        ..
                    }
                ]
            ),
            "way {number}: {server:?}"
        );
        assert_eq!(client.len(), ends, "way {number}: {client:?}");
        assert_eq!(two.client.peers().count() + two.server.peers().count(), 0);
    }
}

#[test]
fn a_lost_notice_of_all_that_leave_still_proves_who_left() {
    let (mut two, _) = Two::connected();
    // The proof is on its way, and gets lost.
    two.hand_to_server(false);
    two.client.disconnect_all_now(3);
    two.go_on();
    let (_, server) = two.events();
    assert_eq!(server.len(), 2, "{server:?}");
}

#[test]
fn what_has_arrived_is_acknowledged_though_its_receiver_leaves() {
    let (mut two, _) = Two::connected();
    two.go_on();
    let peer = two.server.peers().next().unwrap().0;
    two.server
        .peer_mut(peer)
        .unwrap()
        .send(0, enet_proto::Packet::reliable("taken"))
        .unwrap();
    two.hand_to_client();
    let handle = two.client.peers().next().unwrap().0;
    two.client.peer_mut(handle).unwrap().disconnect(0);
    let mut buffer = Vec::new();
    two.client.poll_transmit(two.now, 1, &mut buffer).unwrap();
    let sent = Datagram::parse(&buffer.into()).unwrap();
    let Some((last, before)) = sent.commands.split_last() else {
        panic!("{sent:?}")
    };
    assert!(matches!(last.body, Body::Disconnect { data: 0 }), "{sent:?}");
    let of_the_packet = |command: &Command| command.channel == 0 && matches!(command.body, Body::Acknowledge { .. });
    assert!(before.iter().any(of_the_packet), "{sent:?}");
}

#[test]
fn two_that_dial_each_other_connect_though_each_has_room_for_one() {
    let narrow: [fn(&mut HostConfig); 3] = [
        |config| config.duplicate_peers = 1,
        |config| config.max_peers = 1,
        |config| (config.max_peers, config.duplicate_peers) = (1, 1),
    ];
    for (number, narrow) in narrow.into_iter().enumerate() {
        let mut network = Network::new(1);
        let nodes = [0, 1].map(|_| network.add_host(config(narrow)));
        for (from, to) in [(nodes[0], nodes[1]), (nodes[1], nodes[0])] {
            network.connect(from, to, 2, 0);
        }
        network.run_for(secs(60));
        for node in nodes {
            let events = network.take_events(node);
            let connected = |event: &Event| matches!(event, Event::Connected { .. });
            assert!(
                !events.is_empty() && events.iter().all(connected),
                "{number}: {events:?}"
            );
            for peer in network.host(node).peers().map(|(peer, _)| peer).collect::<Vec<_>>() {
                network
                    .with_host(node, |host| {
                        host.peer_mut(peer)
                            .unwrap()
                            .send(0, enet_proto::Packet::reliable("hello"))
                    })
                    .unwrap();
            }
        }
        network.run_for(secs(1));
        for node in nodes {
            let peers = network.host(node).peers().count();
            assert_eq!(
                network.take_events(node).len(),
                peers,
                "{number}: each of its connections carries"
            );
        }
    }
}

#[test]
fn those_who_were_dialled_take_no_place_from_those_who_come() {
    let mut probe = Probe::new(config(|config| (config.max_peers, config.duplicate_peers) = (2, 1)));
    for port in 1..=2 {
        let to = SocketAddr::new(address(1).ip(), port);
        probe.act(|host| assert!(host.connect(to, 1, 0).is_ok()));
    }
    let beyond = probe.host.connect(address(2), 1, 0);
    assert_eq!(beyond, Err(ConnectError::NoFreeSlot));
    probe.join(address(1), Connect::default());
    probe.join(address(2), Connect::default());
    assert_eq!(probe.host.peers().count(), 4);
    let third = probe.receive(address(3), &Datagram::connect(0, Connect::default()));
    assert!(third.is_empty(), "{third:?}");
}
