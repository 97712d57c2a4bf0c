//! What tells a connection from an earlier one at the same place.

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
    let mut connect = Connect::default();
    let mut former: Vec<Remote> = Vec::new();
    for round in 0..5 {
        connect.connect_id = round;
        let mut remote = probe.join(address(1), connect);
        for old in &former {
            let late = old.with(&probe, Command::reliable(0, 1, Body::Reliable("late".into())));
            assert!(probe.receive(address(1), &late).is_empty(), "round {round}");
            let end = Command {
                acknowledge: false,
                unsequenced: true,
                ..Command::control(1, Body::Disconnect { data: 1 })
            };
            probe.receive(address(1), &old.datagram().with(end));
            probe.advance_acknowledging(&remote, ms(100));
            assert!(probe.events().is_empty(), "round {round}");
        }
        // Only the connection just before is sure to be told apart: sessions have two bits.
        former = vec![remote.clone()];
        connect.incoming_session = remote.incoming_session;
        connect.outgoing_session = remote.session;
        leave(&mut probe, &mut remote);
    }
}

#[test]
fn a_client_host_that_dials_again_tells_the_sessions_it_had() {
    let mut probe = Probe::new(config(|config| config.max_peers = 1));
    let mut last: Option<Connect> = None;
    for round in 0..6u8 {
        let sent = probe.act(|host| {
            host.connect(address(1), 2, 0).unwrap();
        });
        let Body::Connect(connect) = sent[0].datagram.commands[0].body else {
            panic!("{sent:?}")
        };
        let expected = match last {
            Some(verify) if verify.peer_id == connect.peer_id => (verify.incoming_session, verify.outgoing_session),
            _ => (0xFF, 0xFF),
        };
        assert_eq!(
            (connect.incoming_session, connect.outgoing_session),
            expected,
            "round {round}"
        );
        let verify = Connect {
            peer_id: 5,
            incoming_session: round % 4,
            outgoing_session: (round + 1) % 4,
            data: 0,
            ..connect
        };
        let answer = Datagram::to(connect.peer_id, verify.incoming_session)
            .sent_at(probe.wire_time())
            .with(Command::control(1, Body::Verify(verify)));
        probe.receive(address(1), &answer);
        let events = probe.events();
        let [Event::Connected { peer, .. }] = events[..] else {
            panic!("{events:?}")
        };
        probe.act(|host| host.peer_mut(peer).unwrap().disconnect_now(0));
        // The fields of VERIFY, under the client's own id.
        last = Some(Connect {
            peer_id: connect.peer_id,
            ..verify
        });
    }
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
