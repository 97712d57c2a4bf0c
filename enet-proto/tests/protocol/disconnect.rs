//! How connections end.

use std::time::Duration;

use enet_proto::{DisconnectReason, Event, HostConfig, Packet, PeerState, SendError};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram};
use enet_sim::{Conditions, Network, Observed, Pair, Probe, Remote, Sent};

use crate::common::{
    acknowledged, address, assert_timed_out, bad_link, commands, count_payloads, last_of_client, ms, numbers, payload,
    secs,
};

fn joined() -> (Probe, Remote) {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join_slowly(address(1), Connect::default(), ms(20));
    probe.advance_acknowledging(&remote, ms(1200));
    (probe, remote)
}

fn act(probe: &mut Probe, remote: &Remote, action: impl FnOnce(enet_proto::PeerMut<'_>)) -> Vec<Sent> {
    let peer = remote.peer;
    probe.act(|host| action(host.peer_mut(peer).unwrap()))
}

fn give(probe: &mut Probe, remote: &Remote, command: Command) -> Vec<Sent> {
    let datagram = remote.with(probe, command);
    probe.receive(remote.address, &datagram)
}

fn disconnects(sent: &[Sent]) -> Vec<(bool, bool, u32)> {
    let fields = |command: Command| match command.body {
        Body::Disconnect { data } => Some((command.acknowledge, command.unsequenced, data)),
        _ => None,
    };
    commands(sent).into_iter().filter_map(fields).collect()
}

fn ended(remote: &Remote, reason: DisconnectReason) -> [Event; 1] {
    [Event::Disconnected {
        peer: remote.peer,
        reason,
    }]
}

/// An unsequenced DISCONNECT, as a peer sends that leaves at once.
fn farewell(data: u32) -> Command {
    Command {
        acknowledge: false,
        unsequenced: true,
        ..Command::control(0, Body::Disconnect { data })
    }
}

#[test]
fn both_sides_are_told_who_ended_it() {
    let mut pair = Pair::new(1);
    let peer = pair.to_server;
    pair.network
        .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect(42));
    pair.run_for(ms(100));
    let local = Event::Disconnected {
        peer: pair.to_server,
        reason: DisconnectReason::Local,
    };
    let remote = Event::Disconnected {
        peer: pair.to_client,
        reason: DisconnectReason::Remote { data: 42 },
    };
    assert_eq!(pair.network.take_events(pair.client), [local]);
    assert_eq!(pair.network.take_events(pair.server), [remote]);
    assert_eq!(DisconnectReason::Local.data(), 0);
    assert_eq!(DisconnectReason::Remote { data: 42 }.data(), 42);
    for node in [pair.client, pair.server] {
        assert_eq!(pair.network.host(node).peers().count(), 0);
    }
}

#[test]
fn disconnect_is_sent_with_an_ack_wanted_until_it_comes() {
    let (mut probe, remote) = joined();
    let sent = act(&mut probe, &remote, |peer| peer.disconnect(7));
    assert_eq!(disconnects(&sent), [(true, false, 7)]);
    assert_eq!(probe.host.peer(remote.peer).unwrap().state(), PeerState::Disconnecting);
    assert!(probe.events().is_empty(), "the event comes with the acknowledgement");
    let again = probe.advance(ms(500));
    assert!(!disconnects(&again).is_empty(), "it is resent");
    probe.acknowledge_all(&remote, &again);
    assert_eq!(probe.events(), ended(&remote, DisconnectReason::Local));
    assert!(probe.host.peer(remote.peer).is_none());
}

#[test]
fn disconnect_drops_what_is_queued() {
    let (mut probe, remote) = joined();
    act(&mut probe, &remote, |mut peer| {
        for number in 0..100 {
            peer.send(0, Packet::reliable(payload(number, 2000))).unwrap();
        }
    });
    let sent = act(&mut probe, &remote, |peer| peer.disconnect(7));
    assert_eq!(count_payloads(&sent), 0);
    assert_eq!(count_payloads(&probe.advance(secs(2))), 0);
}

#[test]
fn a_disconnect_without_any_answer_ends_within_the_bounds() {
    let (mut probe, remote) = joined();
    let start = probe.now();
    act(&mut probe, &remote, |peer| peer.disconnect(7));
    while probe.host.peer(remote.peer).is_some() {
        let wake = probe.host.poll_timeout().expect("it is not over yet");
        probe.advance(wake.saturating_since(probe.now()));
    }
    let after = probe.now().saturating_since(start);
    assert!((secs(5)..=secs(31)).contains(&after), "{after:?}");
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn nothing_is_acknowledged_while_disconnecting() {
    let (mut probe, mut remote) = joined();
    act(&mut probe, &remote, |peer| peer.disconnect(7));
    let sent = give(
        &mut probe,
        &remote,
        Command::reliable(0, 1, Body::Reliable("late".into())),
    );
    assert!(acknowledged(&sent).is_empty());
    let ping = remote.control(Body::Ping);
    assert!(acknowledged(&give(&mut probe, &remote, ping)).is_empty());
    assert!(probe.events().is_empty());
}

#[test]
fn both_may_disconnect_at_once() {
    let mut pair = Pair::new(1);
    let (to_server, to_client) = (pair.to_server, pair.to_client);
    pair.network
        .with_host(pair.client, |host| host.peer_mut(to_server).unwrap().disconnect(1));
    pair.network
        .with_host(pair.server, |host| host.peer_mut(to_client).unwrap().disconnect(2));
    pair.run_for(ms(200));
    for (node, data) in [(pair.client, 2), (pair.server, 1)] {
        let events = pair.network.take_events(node);
        let [Event::Disconnected { reason, .. }] = events[..] else {
            panic!("{events:?}")
        };
        // The other side's DISCONNECT is what ends it, and its data is what the program sees.
        assert_eq!(reason.data(), data);
    }
}

#[test]
fn a_received_disconnect_is_acknowledged_and_then_told() {
    let (mut probe, mut remote) = joined();
    let leave = remote.control(Body::Disconnect { data: 9 });
    let number = leave.number;
    let sent = give(&mut probe, &remote, leave);
    assert_eq!(acknowledged(&sent), [(CONTROL, number)]);
    assert_eq!(probe.events(), ended(&remote, DisconnectReason::Remote { data: 9 }));
}

#[test]
fn data_behind_a_disconnect_is_lost() {
    let (mut probe, mut remote) = joined();
    let leave = remote.control(Body::Disconnect { data: 9 });
    let behind = Command::reliable(0, 1, Body::Reliable("behind".into()));
    let datagram = remote.datagram().sent_at(probe.wire_time()).with(leave).with(behind);
    let sent = probe.receive(remote.address, &datagram);
    assert!(!acknowledged(&sent).contains(&(0, 1)));
    assert_eq!(probe.events(), ended(&remote, DisconnectReason::Remote { data: 9 }));
}

#[test]
fn a_disconnect_whose_ack_was_lost_is_answered_again() {
    let (mut probe, mut remote) = joined();
    let leave = remote.control(Body::Disconnect { data: 9 });
    give(&mut probe, &remote, leave.clone());
    probe.events();
    for _ in 0..3 {
        probe.advance(ms(400));
        let sent = give(&mut probe, &remote, leave.clone());
        assert_eq!(acknowledged(&sent), [(CONTROL, leave.number)]);
        assert!(probe.events().is_empty());
    }
}

#[test]
fn lost_acks_of_a_disconnect_do_not_make_the_other_side_wait_for_its_time_out() {
    let mut pair = Pair::new(1);
    pair.run_for(secs(2));
    let server = pair.network.address(pair.server);
    let mut lost = 0;
    pair.network.set_filter(move |observed: &Observed<'_>| {
        let lose = observed.from == server && lost < 3;
        lost += u32::from(lose);
        !lose
    });
    let peer = pair.to_server;
    pair.network
        .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect(1));
    pair.run_for(secs(3));
    let local = Event::Disconnected {
        peer: pair.to_server,
        reason: DisconnectReason::Local,
    };
    assert_eq!(pair.network.take_events(pair.client), [local]);
}

#[test]
fn disconnect_now_says_one_word_and_is_gone() {
    let (mut probe, remote) = joined();
    let sent = act(&mut probe, &remote, |peer| peer.disconnect_now(5));
    assert_eq!(disconnects(&sent), [(false, true, 5)]);
    assert!(probe.host.peer(remote.peer).is_none());
    assert!(probe.advance(secs(40)).is_empty());
    assert!(probe.events().is_empty());
}

#[test]
fn disconnect_now_is_noticed_by_the_other_side() {
    let mut pair = Pair::new(1);
    pair.run_for(secs(1));
    let peer = pair.to_server;
    pair.network
        .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect_now(5));
    pair.run_for(secs(1));
    let remote = Event::Disconnected {
        peer: pair.to_client,
        reason: DisconnectReason::Remote { data: 5 },
    };
    assert_eq!(pair.network.take_events(pair.server), [remote]);
    assert!(pair.network.take_events(pair.client).is_empty());
}

#[test]
fn a_lost_disconnect_now_is_found_out_by_silence() {
    let mut pair = Pair::new(1);
    pair.run_for(secs(1));
    pair.network.partition(pair.client, pair.server);
    let peer = pair.to_server;
    pair.network
        .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect_now(5));
    pair.network.heal(pair.client, pair.server);
    pair.run_for(secs(40));
    let events = pair.network.take_events(pair.server);
    assert_timed_out(&events);
}

#[test]
fn a_farewell_is_believed_once_pings_stay_unanswered() {
    let (mut probe, remote) = joined();
    give(&mut probe, &remote, farewell(3));
    probe.advance(secs(1));
    assert_eq!(probe.events(), ended(&remote, DisconnectReason::Remote { data: 3 }));
}

#[test]
fn who_answers_pings_has_not_left_whatever_a_farewell_says() {
    let (mut probe, remote) = joined();
    for round in 0..5 {
        let sent = give(&mut probe, &remote, farewell(3));
        probe.acknowledge_all(&remote, &sent);
        probe.advance_acknowledging(&remote, secs(2));
        assert!(probe.events().is_empty(), "round {round}");
    }
    give(
        &mut probe,
        &remote,
        Command::reliable(0, 1, Body::Reliable("still here".into())),
    );
    assert_eq!(probe.received(), ["still here"]);
}

/// The time from a farewell that nobody answers for to the end.
fn time_to_believe(probe: &mut Probe, remote: &Remote) -> Duration {
    let start = probe.now();
    give(probe, remote, farewell(3));
    while probe.host.peer(remote.peer).is_some() {
        let wake = probe.host.poll_timeout().expect("it is not over yet");
        probe.advance(wake.saturating_since(probe.now()));
    }
    assert_eq!(probe.events(), ended(remote, DisconnectReason::Remote { data: 3 }));
    probe.now().saturating_since(start)
}

/// A farewell that was disproved.
fn forge(probe: &mut Probe, remote: &Remote) {
    let sent = give(probe, remote, farewell(3));
    probe.advance(ms(20));
    probe.acknowledge_all(remote, &sent);
}

/// A datagram in the name of someone, by one who does not know its id and session.
fn guess(probe: &mut Probe, remote: &Remote, id: u16, session: u8) {
    let datagram = Datagram::to(remote.peer_id ^ id, (remote.session + session) % 4).with(farewell(1));
    probe.receive(remote.address, &datagram);
}

#[test]
fn a_farewell_after_one_that_was_forged_is_doubted_for_two_seconds() {
    for forged in 0..4 {
        let (mut probe, remote) = joined();
        (0..forged).for_each(|_| forge(&mut probe, &remote));
        let patience = time_to_believe(&mut probe, &remote);
        match forged {
            0 => assert!(patience < ms(150), "{patience:?}"),
            _ => assert_eq!(patience, secs(2)),
        }
    }
}

#[test]
fn who_guesses_ids_and_sessions_makes_farewells_doubtful_for_a_minute() {
    type Guess = fn(&mut Probe, &Remote);
    let guesses: [(Guess, bool); 4] = [
        (|probe, remote| guess(probe, remote, 0, 1), true),
        (|probe, remote| guess(probe, remote, 5, 0), true),
        (|probe, remote| guess(probe, remote, 5, 3), true),
        // Another port says nothing about this one.
        (
            |probe, remote| {
                let from = std::net::SocketAddr::new(remote.address.ip(), remote.address.port() + 1);
                probe.receive(from, &Datagram::to(remote.peer_id, remote.session).with(farewell(1)));
            },
            false,
        ),
    ];
    for (number, (guess, is_evidence)) in guesses.into_iter().enumerate() {
        for (age, is_lately) in [(0, true), (50, true), (61, false)] {
            let (mut probe, remote) = joined();
            guess(&mut probe, &remote);
            probe.advance_acknowledging(&remote, secs(age));
            assert!(probe.events().is_empty());
            let patience = time_to_believe(&mut probe, &remote);
            assert_eq!(
                patience >= secs(2),
                is_evidence && is_lately,
                "guess {number}, {age} s ago: {patience:?}"
            );
            assert!(patience <= secs(2));
        }
    }
}

#[test]
fn who_is_guessed_at_may_be_busy_for_most_of_two_seconds() {
    let (mut probe, mut remote) = joined();
    guess(&mut probe, &remote, 0, 2);
    for round in 0..5 {
        let credible = remote.control(Body::Disconnect { data: 1 });
        // Whoever guesses all that long guesses the number too.
        for forged in [farewell(1), credible] {
            let mut sent = give(&mut probe, &remote, forged);
            sent.extend(probe.advance(ms(1900)));
            probe.acknowledge_all(&remote, &sent);
            probe.advance_acknowledging(&remote, secs(3));
            assert!(probe.events().is_empty(), "round {round}");
        }
    }
}

#[test]
fn datagrams_of_a_connection_before_are_no_guesses() {
    let mut probe = Probe::new(HostConfig::default());
    let mut former = probe.join(address(1), Connect::default());
    let leave = former.control(Body::Disconnect { data: 0 });
    give(&mut probe, &former, leave);
    let connect = Connect {
        connect_id: 77,
        ..Connect::default()
    };
    probe.events();
    let remote = probe.join_slowly(address(1), connect, ms(20));
    probe.advance_acknowledging(&remote, ms(1200));
    give(&mut probe, &former, farewell(0));
    assert!(time_to_believe(&mut probe, &remote) < ms(150));
}

#[test]
fn an_honest_farewell_is_believed_within_two_time_outs_and_two_seconds() {
    for (round_trip, most) in [(0, 25), (100, 300), (500, 1500), (2000, 2600)] {
        let mut pair = Pair::new(1);
        pair.set_conditions(&Conditions::default().delay(ms(round_trip) / 2));
        pair.run_for(secs(120));
        let peer = pair.to_server;
        pair.network
            .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect_now(5));
        let left = pair.network.now() + ms(round_trip) / 2;
        pair.run_for(secs(10));
        let events = pair.network.take_timed_events(pair.server);
        let [(at, Event::Disconnected { .. })] = events[..] else {
            panic!("{events:?}")
        };
        let patience = at.saturating_since(left);
        assert!(patience <= ms(most), "{patience:?} at {round_trip} ms");
    }
}

#[test]
fn nothing_is_sent_to_who_has_likely_left_and_nothing_is_lost_if_it_has_not() {
    let (mut probe, remote) = joined();
    give(&mut probe, &remote, farewell(3));
    let sent = act(&mut probe, &remote, |mut peer| {
        for number in 0..10 {
            peer.send(0, Packet::unreliable(payload(number, 100))).unwrap();
            peer.send(0, Packet::reliable(payload(number, 100))).unwrap();
        }
    });
    let mut all = sent.clone();
    all.extend(probe.advance(ms(10)));
    assert_eq!(count_payloads(&all), 0);
    let queued = probe.host.peer(remote.peer).unwrap().queued_data();
    assert!((1000..2500).contains(&queued), "{queued} bytes wait, the reliable ones");
    let ping = remote.acknowledgements(&probe.advance(ms(20)));
    let sent = probe.give(&remote, &ping.commands);
    assert_eq!(count_payloads(&sent), 10);
    assert!(probe.events().is_empty());
    // After that it is known that somebody forges.
    give(&mut probe, &remote, farewell(3));
    let sent = act(&mut probe, &remote, |mut peer| {
        peer.send(0, Packet::unreliable("goes on")).unwrap();
    });
    assert_eq!(count_payloads(&sent), 1);
}

#[test]
fn a_doubted_farewell_is_asked_after_several_times() {
    let (mut probe, remote) = joined();
    let mut pings = commands(&give(&mut probe, &remote, farewell(3)));
    pings.extend(commands(&probe.advance(secs(1))));
    let mut numbers: Vec<u16> = pings.iter().map(|command| command.number).collect();
    assert!(pings.iter().all(|command| command.body == Body::Ping));
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() >= 4, "{} pings", numbers.len());
}

#[test]
fn forged_farewells_kick_nobody_though_every_tenth_datagram_is_lost() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        pair.set_conditions(&Conditions::default().delay(ms(25)).jitter(ms(5)).loss(0.1));
        pair.run_for(secs(5));
        pair.network.record();
        pair.run_for(secs(2));
        let client = pair.network.address(pair.client);
        let header = Datagram::parse(&last_of_client(&pair)).unwrap();
        let forged = Datagram::to(header.peer_id, header.session).with(farewell(1)).encode();
        for _ in 0..20 * 60 {
            pair.network.inject(client, pair.server, forged.clone());
            pair.run_for(ms(50));
        }
        let events = pair.network.take_events(pair.server);
        assert!(events.is_empty(), "seed {seed}: {events:?}");
    }
}

#[test]
fn disconnect_later_delivers_what_is_queued_first() {
    for conditions in [Conditions::default().delay(ms(20)), bad_link()] {
        let mut pair = Pair::new(5);
        pair.set_conditions(&conditions);
        let peer = pair.to_server;
        for number in 0..200 {
            pair.client_sends(0, Packet::reliable(payload(number, 5000))).unwrap();
        }
        pair.network
            .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect_later(8));
        assert_eq!(
            pair.client_sends(0, Packet::reliable("too late")),
            Err(SendError::NotConnected)
        );
        pair.run_for(secs(120));
        let mut events = pair.network.take_events(pair.server);
        assert_eq!(
            events.pop(),
            Some(Event::Disconnected {
                peer: pair.to_client,
                reason: DisconnectReason::Remote { data: 8 }
            })
        );
        let received: Vec<_> = events
            .into_iter()
            .map(|event| match event {
                Event::Received { channel, packet, .. } => (channel, packet),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(numbers(&received), (0..200).collect::<Vec<_>>());
        assert_eq!(pair.network.take_events(pair.client).len(), 1);
    }
}

#[test]
fn disconnect_later_asked_for_twice_delivers_what_is_queued_too() {
    let mut pair = Pair::new(5);
    let peer = pair.to_server;
    for number in 0..20 {
        pair.client_sends(0, Packet::reliable(payload(number, 5000))).unwrap();
    }
    for data in [8, 9] {
        pair.network
            .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect_later(data));
    }
    pair.run_for(secs(10));
    let mut events = pair.network.take_events(pair.server);
    assert_eq!(
        events.pop(),
        Some(Event::Disconnected {
            peer: pair.to_client,
            reason: DisconnectReason::Remote { data: 9 }
        })
    );
    assert_eq!(events.len(), 20);
}

#[test]
fn disconnect_later_with_nothing_queued_is_disconnect() {
    let (mut probe, remote) = joined();
    let sent = act(&mut probe, &remote, |peer| peer.disconnect_later(8));
    assert_eq!(disconnects(&sent), [(true, false, 8)]);
    assert_eq!(probe.host.peer(remote.peer).unwrap().state(), PeerState::Disconnecting);
}

#[test]
fn data_that_arrives_in_disconnect_later_is_acknowledged_and_discarded() {
    let (mut probe, remote) = joined();
    act(&mut probe, &remote, |mut peer| {
        peer.send(0, Packet::reliable("unacknowledged")).unwrap();
        peer.disconnect_later(8);
    });
    assert_eq!(
        probe.host.peer(remote.peer).unwrap().state(),
        PeerState::DisconnectLater
    );
    let sent = give(
        &mut probe,
        &remote,
        Command::reliable(0, 1, Body::Reliable("discarded".into())),
    );
    assert_eq!(acknowledged(&sent), [(0, 1)]);
    assert!(probe.events().is_empty());
}

#[test]
fn disconnect_later_may_be_overruled() {
    let (mut probe, remote) = joined();
    act(&mut probe, &remote, |mut peer| {
        peer.send(0, Packet::reliable("unacknowledged")).unwrap();
        peer.disconnect_later(8);
    });
    let sent = act(&mut probe, &remote, |peer| peer.disconnect(9));
    assert_eq!(disconnects(&sent), [(true, false, 9)]);
}

#[test]
fn reset_says_nothing() {
    let (mut probe, remote) = joined();
    assert!(
        act(&mut probe, &remote, |peer| {
            peer.reset();
        })
        .is_empty()
    );
    assert!(probe.host.peer(remote.peer).is_none());
    assert!(probe.events().is_empty());
    assert!(probe.advance(secs(40)).is_empty());
}

#[test]
fn an_attempt_can_be_given_up() {
    let mut probe = Probe::new(HostConfig::default());
    let mut handle = None;
    probe.act(|host| handle = host.connect(address(1), 1, 0).ok());
    let sent = probe.act(|host| host.peer_mut(handle.unwrap()).unwrap().disconnect(4));
    assert!(disconnects(&sent).iter().all(|(acknowledge, ..)| !acknowledge));
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.peers().count(), 0);
    assert!(probe.advance(secs(40)).is_empty());
}

#[test]
fn all_peers_can_be_told_at_once_that_the_host_goes() {
    let mut network = Network::new(1);
    let server = network.add_host(HostConfig::default());
    let clients: Vec<_> = (0..20).map(|_| network.add_host(HostConfig::default())).collect();
    for &client in &clients {
        network.connect(client, server, 2, 0);
    }
    network.run_for(secs(1));
    network.take_events(server);
    network.with_host(server, |host| host.disconnect_all_now(6));
    assert_eq!(network.host(server).peers().count(), 0);
    network.run_for(secs(1));
    assert!(network.take_events(server).is_empty());
    for client in clients {
        let events = network.take_events(client);
        let [Event::Connected { .. }, Event::Disconnected { reason, .. }] = events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(reason, DisconnectReason::Remote { data: 6 });
    }
}

#[test]
fn every_disconnect_is_noticed_by_both_sides_on_a_bad_link() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        pair.set_conditions(&bad_link().loss(0.3));
        pair.client_sends(0, Packet::reliable(payload(1, 3000))).unwrap();
        pair.run_for(ms(seed * 37));
        let peer = pair.to_server;
        pair.network
            .with_host(pair.client, |host| host.peer_mut(peer).unwrap().disconnect(1));
        pair.run_for(secs(60));
        for node in [pair.client, pair.server] {
            let events = pair.network.take_events(node);
            let ends = events
                .iter()
                .filter(|event| crate::common::is_disconnect(event))
                .count();
            assert_eq!(ends, 1, "seed {seed}: {events:?}");
            assert!(
                crate::common::is_disconnect(events.last().unwrap()),
                "nothing comes after the end"
            );
        }
    }
}

#[test]
fn a_forged_farewell_that_wants_an_acknowledgement_needs_the_right_number_to_be_believed_at_once() {
    for (ahead, believed) in [(1, true), (64, true), (0, false), (65, false), (30_000, false)] {
        let mut probe = Probe::new(HostConfig::default());
        let mut remote = probe.join(address(1), Connect::default());
        probe.events();
        let ping = remote.control(Body::Ping);
        let number = ping.number.wrapping_add(ahead);
        let datagram = remote.with(&probe, ping);
        probe.receive(remote.address, &datagram);
        let farewell = Command::control(number, Body::Disconnect { data: 5 });
        let datagram = remote.with(&probe, farewell);
        let answers = probe.receive(remote.address, &datagram);
        assert!(
            acknowledged(&answers).contains(&(CONTROL, number)),
            "who really left needs it"
        );
        assert_eq!(probe.events().len(), usize::from(believed), "{ahead} ahead");
        if believed {
            continue;
        }
        // Whoever is there answers the pings that ask.
        probe.advance_acknowledging(&remote, secs(3));
        assert!(probe.events().is_empty(), "{ahead} ahead");
        // Whoever is not does not.
        let datagram = remote.with(&probe, Command::control(number, Body::Disconnect { data: 5 }));
        probe.receive(remote.address, &datagram);
        probe.advance(secs(6));
        assert!(
            matches!(
                probe.events()[..],
                [Event::Disconnected {
                    reason: DisconnectReason::Remote { data: 5 },
                    ..
                }]
            ),
            "{ahead} ahead"
        );
    }
}
