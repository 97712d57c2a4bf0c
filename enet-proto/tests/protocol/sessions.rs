//! What tells a connection from an earlier one at the same place.

use std::collections::HashMap;

use enet_proto::{Event, HostConfig, Packet};
use enet_sim::wire::{Body, Command, Connect, Datagram};
use enet_sim::{Pair, Probe, Remote};

use crate::common::{address, commands, config, ms, payload, secs};

fn leave(probe: &mut Probe, remote: &mut Remote) {
    let command = remote.control(Body::Disconnect { data: 0 });
    let datagram = remote.with(probe, command);
    probe.receive(remote.address, &datagram);
    let events = probe.events();
    assert!(matches!(events[..], [Event::Disconnected { .. }]), "{events:?}");
}

#[test]
fn a_client_is_given_another_session_than_the_one_it_had() {
    for had in 0..4 {
        let mut probe = Probe::new(HostConfig::default());
        let connect = Connect {
            incoming_session: had,
            outgoing_session: had,
            ..Connect::default()
        };
        let remote = probe.join(address(1), connect);
        assert_ne!(remote.incoming_session, had);
        assert!(remote.session < 4 && remote.incoming_session < 4);
    }
}

#[test]
fn the_wrong_session_is_dropped_and_counted() {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join(address(1), Connect::default());
    for offset in 1..4 {
        let datagram = Datagram::to(remote.peer_id, (remote.session + offset) % 4)
            .sent_at(probe.wire_time())
            .with(Command::reliable(0, 1, Body::Reliable("foreign".into())));
        assert!(probe.receive(address(1), &datagram).is_empty());
    }
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.statistics().dropped.wrong_session, 3);
}

#[test]
fn datagrams_of_an_earlier_connection_never_touch_the_next() {
    let mut probe = Probe::new(config(|config| config.max_peers = 1));
    let mut former: Vec<Remote> = Vec::new();
    for round in 0..1000 {
        // A program that was started anew has no sessions to tell.
        let connect = Connect {
            connect_id: round,
            ..Connect::default()
        };
        let mut remote = probe.join(address(1), connect);
        let before = probe.host.peer(remote.peer).unwrap().statistics().datagrams_received;
        let late = former.iter().filter(|old| old.peer_id == remote.peer_id);
        for old in late.chain(former.last()) {
            let data = old.with(&probe, Command::reliable(0, 1, Body::Reliable("late".into())));
            assert!(probe.receive(address(1), &data).is_empty(), "round {round}");
        }
        let received = probe.host.peer(remote.peer).unwrap().statistics().datagrams_received;
        assert_eq!(received, before, "round {round}");
        assert!(probe.events().is_empty(), "round {round}");
        former.push(remote.clone());
        leave(&mut probe, &mut remote);
    }
}

#[test]
fn ids_are_not_given_out_again_soon_and_then_with_another_session() {
    type Leave = fn(&mut Probe, &mut Remote);
    let ways: [Leave; 3] = [
        leave,
        |probe, remote| {
            probe.act(|host| host.peer_mut(remote.peer).unwrap().disconnect_now(0));
        },
        |probe, remote| {
            probe.act(|host| host.peer_mut(remote.peer).unwrap().reset());
        },
    ];
    for go in ways {
        let mut probe = Probe::new(HostConfig::default());
        let mut had: HashMap<u16, (u8, u8)> = HashMap::new();
        // As many as are remembered.
        for round in 0..4096 {
            let connect = Connect {
                connect_id: round,
                ..Connect::default()
            };
            let mut remote = probe.join(address(1), connect);
            let sessions = (remote.session, remote.incoming_session);
            if let Some(before) = had.insert(remote.peer_id, sessions) {
                assert!(round > 1000, "of 4095 ids one was given out twice in {round}");
                assert!(
                    before.0 != sessions.0 && before.1 != sessions.1,
                    "{before:?}, then {sessions:?}"
                );
            }
            go(&mut probe, &mut remote);
        }
        assert!((3800..4096).contains(&had.len()), "{} ids", had.len());
    }
}

#[test]
fn a_client_host_that_dials_again_tells_the_sessions_it_had_under_an_id() {
    let mut probe = Probe::new(config(|config| config.max_peers = 1));
    let mut had: HashMap<u16, (u8, u8)> = HashMap::new();
    let mut again = 0;
    // As many as are remembered.
    for round in 0..4096u16 {
        let sent = probe.act(|host| {
            host.connect(address(1), 2, 0).unwrap();
        });
        let Body::Connect(connect) = sent[0].datagram.commands[0].body else {
            panic!("{sent:?}")
        };
        let told = (connect.incoming_session, connect.outgoing_session);
        let verify = Connect {
            peer_id: 5,
            incoming_session: (round % 4) as u8,
            outgoing_session: (round / 4 % 4) as u8,
            data: 0,
            ..connect
        };
        let now = (verify.incoming_session, verify.outgoing_session);
        let before = had.insert(connect.peer_id, now);
        again += usize::from(before.is_some());
        assert_eq!(told, before.unwrap_or((0xFF, 0xFF)), "round {round}");
        assert!(
            before.is_none() || round > 1000,
            "of 4095 ids one was used twice in {round}"
        );
        let answer = Datagram::to(connect.peer_id, verify.incoming_session)
            .sent_at(probe.wire_time())
            .with(Command::control(1, Body::Verify(verify)));
        probe.receive(address(1), &answer);
        let events = probe.events();
        let [Event::Connected { peer, .. }] = events[..] else {
            panic!("{events:?}")
        };
        probe.act(|host| host.peer_mut(peer).unwrap().disconnect_now(0));
    }
    assert!((1..300).contains(&again), "{again} ids were used again");
}

#[test]
fn a_pair_can_connect_and_disconnect_many_times() {
    let mut pair = Pair::new(4);
    for round in 0..20 {
        pair.client_sends(0, Packet::reliable(payload(round, 20))).unwrap();
        pair.run_for(ms(200));
        assert_eq!(pair.server_received(), [(0, Packet::reliable(payload(round, 20)))]);
        let peer = pair.to_server;
        pair.network
            .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect(round));
        pair.run_for(ms(200));
        assert_eq!(pair.network.take_events(pair.client).len(), 1);
        assert_eq!(pair.network.take_events(pair.server).len(), 1);
        pair.to_server = pair.network.connect(pair.client, pair.server, 2, round);
        pair.run_for(ms(200));
        let events = pair.network.take_events(pair.server);
        let [Event::Connected { peer, data }] = events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(data, round);
        pair.to_client = peer;
        pair.network.take_events(pair.client);
    }
}

#[test]
fn a_restarted_server_takes_nothing_of_the_former_run() {
    let mut pair = Pair::new(9);
    pair.network.restart_host(pair.server, HostConfig::default());
    pair.client_sends(0, Packet::reliable(payload(1, 20))).unwrap();
    pair.run_for(secs(40));
    assert!(pair.network.take_events(pair.server).is_empty());
    let events = pair.network.take_events(pair.client);
    assert!(matches!(events[..], [Event::Disconnected { .. }]), "{events:?}");
}

#[test]
fn a_client_that_crashed_and_dials_again_gets_in() {
    let mut pair = Pair::new(9);
    pair.network.restart_host(pair.client, HostConfig::default());
    let to_server = pair.network.connect(pair.client, pair.server, 2, 5);
    pair.run_for(ms(100));
    assert_eq!(
        pair.network.take_events(pair.client),
        [Event::Connected {
            peer: to_server,
            data: 0
        }]
    );
    let events = pair.network.take_events(pair.server);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Connected { data: 5, .. })),
        "{events:?}"
    );
    pair.run_for(secs(40));
    let events = pair.network.take_events(pair.server);
    let ended = events
        .iter()
        .any(|event| matches!(event, Event::Disconnected { peer, .. } if *peer == pair.to_client));
    assert!(ended, "the former connection times out: {events:?}");
    assert_eq!(pair.network.host(pair.server).peers().count(), 1);
}

#[test]
fn every_datagram_of_a_connection_carries_its_session() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Connect {
        incoming_session: 1,
        outgoing_session: 2,
        peer_id: 0x77,
        ..Connect::default()
    };
    let remote = probe.join(address(1), connect);
    let sent = probe.advance(secs(3));
    assert!(!commands(&sent).is_empty());
    for sent in sent {
        assert_eq!(
            (sent.datagram.peer_id, sent.datagram.session),
            (0x77, remote.incoming_session)
        );
    }
}
