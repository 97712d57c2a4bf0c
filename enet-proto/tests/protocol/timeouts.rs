//! Pings, silence, and who sleeps how long.

use std::time::Duration;

use enet_proto::{DisconnectReason, Event, HostConfig, Packet, PeerState, Time};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram};
use enet_sim::{Conditions, Network, Pair, Probe, Remote, Sent};

use crate::common::{acknowledged, address, assert_timed_out, commands, config, is_disconnect, ms, payload, secs};

/// A connection a few seconds old, with nothing under way.
fn settled() -> (Probe, Remote) {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join_slowly(address(1), Connect::default(), ms(20));
    probe.advance_acknowledging(&remote, secs(3));
    (probe, remote)
}

#[test]
fn an_idle_connection_is_pinged_every_500_ms() {
    let (mut probe, remote) = settled();
    let sent = probe.advance_acknowledging(&remote, secs(10));
    let pings: Vec<Time> = sent
        .iter()
        .filter(|sent| sent.datagram.commands.iter().any(|command| command.body == Body::Ping))
        .map(|sent| sent.at)
        .collect();
    assert!((19..=20).contains(&pings.len()), "{} pings", pings.len());
    assert!(
        pings
            .windows(2)
            .all(|pair| pair[1].saturating_since(pair[0]) == ms(500))
    );
    assert!(
        commands(&sent)
            .iter()
            .all(|command| command.body == Body::Ping && command.acknowledge)
    );
}

/// How many datagrams the client and the server of an idle connection send within a minute.
fn an_idle_minute(frugal: bool, round_trip: u64) -> [u64; 2] {
    let mut config = HostConfig::default();
    config.frugal_pings = frugal;
    let mut pair = Pair::with(1, config.clone(), config);
    pair.set_conditions(&Conditions::default().delay(ms(round_trip / 2)));
    pair.run_for(secs(10));
    let ends = [(pair.client, pair.to_server), (pair.server, pair.to_client)];
    let sent =
        |pair: &Pair| ends.map(|(node, peer)| pair.network.host(node).peer(peer).unwrap().statistics().datagrams_sent);
    let before = sent(&pair);
    pair.run_for(secs(60));
    let after = sent(&pair);
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn each_side_pings_on_its_own_as_stock_hosts_do() {
    for sent in an_idle_minute(false, 20) {
        // A ping every 500 ms and the acknowledgement of the other side's, which may share a datagram.
        assert!((200..=260).contains(&sent), "{sent} datagrams");
    }
}

#[test]
fn with_frugal_pings_only_one_side_asks_most_of_the_time() {
    for round_trip in [20, 80, 150, 300] {
        let plain: u64 = an_idle_minute(false, round_trip).iter().sum();
        let frugal: u64 = an_idle_minute(true, round_trip).iter().sum();
        // A ping and its acknowledgement every 500 ms and a round trip; one more acknowledgement for each fourth of the pings.
        assert!(
            10 * frugal <= 8 * plain,
            "{frugal} datagrams instead of {plain} at {round_trip} ms"
        );
    }
    for sent in an_idle_minute(true, 20) {
        assert!((100..=160).contains(&sent), "{sent} datagrams");
    }
}

/// A remote that pings like a stock one, every 500 ms, and acknowledges what it is sent; what it was sent.
fn ping_like_a_stock_peer(probe: &mut Probe, remote: &mut Remote, times: usize) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..times {
        let ping = remote.control(Body::Ping);
        let datagram = remote.with(probe, ping);
        let answer = probe.receive(remote.address, &datagram);
        probe.acknowledge_all(remote, &answer);
        sent.extend(answer);
        sent.extend(probe.advance_acknowledging(remote, ms(500)));
    }
    sent
}

fn is_ping(command: &Command) -> bool {
    command.body == Body::Ping
}

#[test]
fn who_pings_is_pinged_rarely_and_together_with_the_acknowledgement() {
    let (mut probe, mut remote) = settled();
    let sent = ping_like_a_stock_peer(&mut probe, &mut remote, 60);
    assert_eq!(sent.len(), 60, "no datagram but the acknowledgements");
    assert_eq!(acknowledged(&sent).len(), 60, "every ping is acknowledged");
    let pings: Vec<Time> = sent
        .iter()
        .filter(|sent| sent.datagram.commands.iter().any(is_ping))
        .map(|sent| sent.at)
        .collect();
    assert!((14..=20).contains(&pings.len()), "{} pings in 30 s", pings.len());
    let rarest = pings.windows(2).map(|pair| pair[1].saturating_since(pair[0])).max();
    assert!(rarest.unwrap() <= secs(2), "the round trip is measured every 2 s");
}

#[test]
fn pings_that_come_again_do_not_stand_for_own_ones() {
    let (mut probe, mut remote) = settled();
    let ping = remote.control(Body::Ping);
    let mut pings = 0;
    for _ in 0..20 {
        let datagram = remote.with(&probe, ping.clone());
        let mut sent = probe.receive(remote.address, &datagram);
        sent.extend(probe.advance_acknowledging(&remote, ms(500)));
        pings += commands(&sent).iter().filter(|command| is_ping(command)).count();
    }
    assert!(pings >= 19, "{pings} pings in 10 s");
}

#[test]
fn who_sends_unreliably_pings_every_500_ms_although_the_other_side_does() {
    let (mut probe, mut remote) = settled();
    let peer = remote.peer;
    let mut pings = 0;
    for _ in 0..20 {
        probe.act(|host| host.peer_mut(peer).unwrap().send(0, Packet::unreliable("y")).unwrap());
        let sent = ping_like_a_stock_peer(&mut probe, &mut remote, 1);
        pings += commands(&sent).iter().filter(|command| is_ping(command)).count();
    }
    assert!(pings >= 19, "{pings} pings in 10 s");
}

#[test]
fn who_pings_and_falls_silent_is_asked_soon() {
    let (mut probe, mut remote) = settled();
    ping_like_a_stock_peer(&mut probe, &mut remote, 21);
    let silent_since = probe.now();
    let sent = probe.advance(secs(1));
    let asked = sent.iter().find(|sent| sent.datagram.commands.iter().any(is_ping));
    let after = asked.expect("a ping").at.saturating_since(silent_since);
    // Half a second after the last ping, and a quarter of it and a round trip in case one is on its way.
    assert!(after <= ms(125 + 20), "{after:?}");
}

#[test]
fn who_pings_but_acknowledges_nothing_is_given_up() {
    let (mut probe, mut remote) = settled();
    let mut waited = Duration::ZERO;
    while !probe
        .events()
        .iter()
        .any(|event| matches!(event, Event::Disconnected { .. }))
    {
        let ping = remote.control(Body::Ping);
        let datagram = remote.with(&probe, ping);
        probe.receive(remote.address, &datagram);
        probe.advance(ms(500));
        waited += ms(500);
        assert!(waited < secs(10), "still there after {waited:?}");
    }
    assert!(waited > secs(5));
}

/// Why a peer is given up that has been sent a reliable packet of `size` bytes and acknowledges nothing, though it pings for `pings`.
fn reason_of_loss(size: usize, pings: Duration) -> DisconnectReason {
    let (mut probe, mut remote) = settled();
    let peer = remote.peer;
    probe.act(|host| {
        host.peer_mut(peer)
            .unwrap()
            .send(0, Packet::reliable(vec![1; size]))
            .unwrap();
    });
    let mut waited = Duration::ZERO;
    loop {
        if let Some(Event::Disconnected { reason, .. }) = probe.events().pop() {
            return reason;
        }
        if waited < pings {
            let ping = remote.control(Body::Ping);
            let datagram = remote.with(&probe, ping);
            probe.receive(remote.address, &datagram);
        }
        probe.advance(ms(500));
        waited += ms(500);
        assert!(waited < secs(60), "still there after {waited:?}");
    }
}

#[test]
fn a_path_that_swallows_large_datagrams_is_told_from_silence() {
    assert_eq!(reason_of_loss(1200, secs(60)), DisconnectReason::LargeDatagramsLost);
    assert_eq!(
        reason_of_loss(5000, secs(60)),
        DisconnectReason::LargeDatagramsLost,
        "fragments"
    );
    assert_eq!(reason_of_loss(1200, secs(1)), DisconnectReason::TimedOut, "it is gone");
    assert_eq!(
        reason_of_loss(20, secs(60)),
        DisconnectReason::TimedOut,
        "small ones are lost as well"
    );
}

#[test]
fn an_idle_host_asks_for_no_wake_up_before_its_ping() {
    let (mut probe, remote) = settled();
    let before = probe.wakes();
    let sent = probe.advance_acknowledging(&remote, secs(60));
    let woken = probe.wakes() - before;
    assert!(
        woken <= sent.len() as u64,
        "woken {woken} times to send {} datagrams",
        sent.len()
    );
    let answer = probe.advance_acknowledging(&remote, ms(500));
    assert_eq!(answer.len(), 1);
    let next = probe.host.poll_timeout().unwrap();
    assert_eq!(next.saturating_since(answer[0].at), ms(500));
}

#[test]
fn a_host_without_peers_sleeps_for_ever() {
    let (mut probe, mut remote) = settled();
    let leave = remote.control(Body::Disconnect { data: 0 });
    let datagram = remote.with(&probe, leave);
    probe.receive(remote.address, &datagram);
    probe.events();
    // A moment may be spent on remembering who has left.
    probe.advance(secs(60));
    assert_eq!(probe.host.poll_timeout(), None);
    assert_eq!(Probe::new(HostConfig::default()).host.poll_timeout(), None);
}

#[test]
fn a_stream_of_unreliable_data_does_not_hold_pings_back() {
    let (mut probe, remote) = settled();
    let mut pings = 0;
    for number in 1..=200 {
        let body = Body::Unreliable {
            number,
            data: "x".into(),
        };
        probe.receive(remote.address, &remote.datagram().with(Command::unreliable(0, 0, body)));
        let peer = remote.peer;
        probe.act(|host| host.peer_mut(peer).unwrap().send(0, Packet::unreliable("y")).unwrap());
        let sent = probe.advance_acknowledging(&remote, ms(25));
        pings += commands(&sent)
            .iter()
            .filter(|command| command.body == Body::Ping)
            .count();
    }
    assert!((9..=10).contains(&pings), "{pings} pings in 5 s");
}

#[test]
fn an_acknowledged_packet_puts_the_ping_off() {
    let (mut probe, remote) = settled();
    let mut pings = 0;
    for _ in 0..20 {
        let peer = remote.peer;
        let mut sent = probe.act(|host| host.peer_mut(peer).unwrap().send(0, Packet::reliable("y")).unwrap());
        probe.acknowledge_all(&remote, &sent);
        sent.extend(probe.advance_acknowledging(&remote, ms(400)));
        pings += commands(&sent)
            .iter()
            .filter(|command| command.body == Body::Ping)
            .count();
    }
    assert_eq!(pings, 0);
}

#[test]
fn the_ping_interval_can_be_set() {
    let (mut probe, remote) = settled();
    let peer = remote.peer;
    probe.act(|host| host.peer_mut(peer).unwrap().set_ping_interval(secs(2)));
    let sent = probe.advance_acknowledging(&remote, secs(20));
    assert!((9..=10).contains(&sent.len()), "{} pings", sent.len());
}

#[test]
fn a_ping_is_sent_at_once_when_asked_for_and_acknowledged_when_received() {
    let (mut probe, mut remote) = settled();
    let peer = remote.peer;
    let sent = probe.act(|host| host.peer_mut(peer).unwrap().ping());
    assert_eq!(commands(&sent)[0].body, Body::Ping);
    let ping = remote.control(Body::Ping);
    let number = ping.number;
    let datagram = remote.with(&probe, ping);
    assert_eq!(
        acknowledged(&probe.receive(remote.address, &datagram)),
        [(0xFF, number)]
    );
}

/// How long after the link was cut each side noticed; the client has something to send or not.
fn time_to_notice(seed: u64, conditions: &Conditions, busy: bool) -> Vec<u64> {
    let mut pair = Pair::new(seed);
    pair.set_conditions(conditions);
    pair.run_for(secs(10));
    pair.network.partition(pair.client, pair.server);
    let cut = pair.network.now();
    if busy {
        pair.client_sends(0, Packet::reliable(payload(1, 100))).unwrap();
    }
    pair.run_for(secs(60));
    [pair.client, pair.server]
        .map(|node| {
            let events = pair.network.take_timed_events(node);
            let [
                (
                    at,
                    Event::Disconnected {
                        reason: DisconnectReason::TimedOut,
                        ..
                    },
                ),
            ] = events[..]
            else {
                panic!("{events:?}")
            };
            at.saturating_since(cut).as_millis() as u64
        })
        .to_vec()
}

#[test]
fn silence_is_noticed_within_the_bounds() {
    for seed in 0..5 {
        for conditions in [
            Conditions::default().delay(ms(1)),
            Conditions::default().delay(ms(30)).jitter(ms(20)),
            Conditions::default().delay(ms(300)).jitter(ms(200)).loss(0.1),
            Conditions::default().delay(ms(1500)),
        ] {
            for busy in [false, true] {
                for after in time_to_notice(seed, &conditions, busy) {
                    // 30 s from the first unanswered send, which comes with the next ping at the latest, and what was
                    // under way when the cable was cut still counts.
                    assert!((4000..=36_000).contains(&after), "{after} ms, {conditions:?}");
                }
            }
        }
    }
}

#[test]
fn a_peer_is_dead_after_5_s_once_the_backoff_has_reached_the_limit() {
    let (mut probe, remote) = settled();
    let peer = remote.peer;
    let start = probe.now();
    probe.act(|host| host.peer_mut(peer).unwrap().send(0, Packet::reliable("x")).unwrap());
    probe.advance(ms(4999));
    assert!(probe.events().is_empty());
    while probe.events().is_empty() {
        let wake = probe.host.poll_timeout().expect("it is not over yet");
        probe.advance(wake.saturating_since(probe.now()));
    }
    let after = probe.now().saturating_since(start);
    // At most one doubling of the time-out later than the 5 s: at a round trip of 20 ms that is below 10 s.
    assert!((secs(5)..secs(10)).contains(&after), "{after:?}");
    assert!(probe.host.peer(peer).is_none());
}

#[test]
fn timeouts_can_be_set() {
    let (mut probe, remote) = settled();
    let peer = remote.peer;
    let start = probe.now();
    probe.act(|host| {
        let mut peer = host.peer_mut(peer).unwrap();
        peer.set_timeout(1 << 20, secs(1), secs(3));
        peer.send(0, Packet::reliable("x")).unwrap();
    });
    while probe.events().is_empty() {
        let wake = probe.host.poll_timeout().expect("it is not over yet");
        probe.advance(wake.saturating_since(probe.now()));
    }
    let after = probe.now().saturating_since(start);
    assert!((secs(3)..secs(6)).contains(&after), "{after:?}");
}

#[test]
fn a_peer_that_acknowledges_anything_lives() {
    let mut probe = Probe::new(config(|config| config.fast_retransmit = false));
    let remote = probe.join_slowly(address(1), Connect::default(), ms(20));
    probe.advance_acknowledging(&remote, secs(3));
    let peer = remote.peer;
    // Packet 1 is never acknowledged, pings and others are.
    probe.act(|host| {
        host.peer_mut(peer)
            .unwrap()
            .send(0, Packet::reliable(payload(1, 8)))
            .unwrap();
    });
    for round in 0..20 {
        let sent = probe.act(|host| {
            host.peer_mut(peer)
                .unwrap()
                .send(1, Packet::reliable(payload(round, 8)))
                .unwrap();
        });
        let mut reply = remote.acknowledgements(&sent);
        reply.commands.retain(|command| command.channel != 0);
        probe.advance(ms(20));
        probe.receive(remote.address, &reply);
        probe.advance(secs(1));
    }
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.peer(peer).unwrap().state(), PeerState::Connected);
}

#[test]
fn a_short_cut_is_survived_and_nothing_reliable_is_lost() {
    let mut pair = Pair::new(1);
    pair.run_for(secs(5));
    pair.network.partition(pair.client, pair.server);
    for number in 0..50 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
        pair.server_sends(0, Packet::reliable(payload(number, 100))).unwrap();
    }
    pair.run_for(ms(1700));
    pair.network.heal(pair.client, pair.server);
    assert!(pair.run_until_quiet(secs(30)));
    assert_eq!(pair.server_received().len(), 50);
    assert_eq!(pair.client_received().len(), 50);
}

#[test]
fn an_unproven_connection_ends_without_an_event() {
    let mut network = Network::new(1);
    let server = network.add_host(HostConfig::default());
    let client = network.add_host(HostConfig::default());
    // The CONNECT is on its way when the cable is cut.
    network.connect(client, server, 2, 0);
    network.run_for(ms(5));
    network.partition(client, server);
    network.run_for(secs(60));
    assert!(network.take_events(server).is_empty());
    assert_eq!(network.host(server).peers().count(), 0);
    let events = network.take_events(client);
    assert_timed_out(&events);
}

#[test]
fn one_dead_client_is_no_matter_to_the_others() {
    let mut network = Network::new(1);
    let server = network.add_host(HostConfig::default());
    let clients: Vec<_> = (0..10).map(|_| network.add_host(HostConfig::default())).collect();
    for &client in &clients {
        network.connect(client, server, 2, 0);
    }
    network.run_for(secs(1));
    network.take_events(server);
    network.remove(clients[3]);
    network.run_for(secs(60));
    let events = network.take_events(server);
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(is_disconnect(&events[0]));
    assert_eq!(network.host(server).peers().count(), 9);
}

#[test]
fn the_clock_on_the_wire_may_wrap() {
    let mut network = Network::new(1);
    network.start_at(Time::from_millis(65_536 * 10 - 2000));
    let mut pair = Pair::in_network(network, HostConfig::default(), HostConfig::default());
    for number in 0..100 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
        pair.run_for(ms(50));
    }
    assert_eq!(pair.server_received().len(), 100);
    let statistics = pair
        .network
        .host(pair.client)
        .peer(pair.to_server)
        .unwrap()
        .statistics();
    assert!(
        (15..=30).contains(&statistics.round_trip_time),
        "{} ms",
        statistics.round_trip_time
    );
    assert_eq!(statistics.commands_resent, 0);
}

#[test]
fn an_outage_is_survived_for_as_long_as_by_stock_hosts() {
    // With doubling time-outs a stock host has asked six times after 63 of them, and gives up no earlier than that.
    for (round_trip, outage) in [(50, 4), (100, 6), (200, 11), (400, 23)] {
        let mut pair = Pair::new(1);
        pair.set_conditions(&Conditions::default().delay(ms(round_trip / 2)));
        pair.run_for(secs(20));
        pair.network.partition(pair.client, pair.server);
        pair.client_sends(0, Packet::reliable(payload(1, 100))).unwrap();
        pair.server_sends(0, Packet::reliable(payload(2, 100))).unwrap();
        pair.run_for(secs(outage));
        pair.network.heal(pair.client, pair.server);
        assert!(pair.run_until_quiet(secs(10)), "{round_trip} ms");
        assert_eq!(pair.server_received().len(), 1, "{round_trip} ms");
        assert_eq!(pair.client_received().len(), 1, "{round_trip} ms");
    }
}

/// A client that proves itself after `asked` CONNECTs, half a second apart, and `late` after the last, and says nothing more:
/// how long it stays.
fn stays(asked: u32, late: u64) -> Duration {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Datagram::connect(0, Connect::default());
    let mut sent = probe.receive(address(1), &connect);
    for _ in 1..asked {
        probe.advance(ms(500));
        sent = probe.receive(address(1), &connect);
    }
    let answer = &sent[0].datagram;
    let Body::Verify(verify) = answer.commands[0].body else {
        panic!("{answer:?}")
    };
    probe.advance(ms(late));
    let proof = Command::acknowledgement(CONTROL, answer.commands[0].number, answer.sent_time.unwrap());
    probe.receive(
        address(1),
        &Datagram::to(verify.peer_id, verify.outgoing_session).with(proof),
    );
    let start = probe.now();
    assert_eq!(probe.host.peers().count(), 1);
    while probe.host.peers().count() > 0 {
        let wake = probe.host.poll_timeout().expect("it is not over yet");
        probe.advance(wake.saturating_since(probe.now()));
    }
    probe.now().saturating_since(start)
}

#[test]
fn who_proves_itself_and_falls_silent_is_gone_soon_however_slow_it_was() {
    for (asked, late) in [
        (1, 1),
        (1, 300),
        (1, 1000),
        (1, 1001),
        (1, 5000),
        (1, 9000),
        (2, 1),
        (2, 900),
        (3, 8000),
    ] {
        let after = stays(asked, late);
        assert!(
            (secs(5)..=ms(6500)).contains(&after),
            "{after:?} after {asked} CONNECTs, the last {late} ms before the proof"
        );
    }
}

#[test]
fn a_client_a_second_away_is_not_taken_for_a_silent_one() {
    for (delay, loss) in [(500, 0.0), (500, 0.05), (900, 0.0), (100, 0.2)] {
        let mut network = Network::new(3);
        network.set_conditions(Conditions::default().delay(ms(delay)).loss(loss));
        let server = network.add_host(HostConfig::default());
        let clients: Vec<_> = (0..20).map(|_| network.add_host(HostConfig::default())).collect();
        for &client in &clients {
            network.connect(client, server, 2, 0);
        }
        network.run_for(secs(30));
        let events = network.take_events(server);
        let left = events.iter().filter(|event| is_disconnect(event)).count();
        assert_eq!(left, 0, "of {} with {delay} ms each way and {loss} lost", events.len());
        assert_eq!(network.host(server).peers().count(), 20, "{delay} ms, {loss}");
    }
}

#[test]
fn a_host_that_was_stopped_does_not_take_its_own_absence_for_that_of_its_peers() {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join_slowly(address(1), Connect::default(), ms(50));
    let is_there = |probe: &Probe| probe.host.peer(remote.peer).is_some();
    // Something under way, due once already, and then nobody looks at the clock or the network for longer than a peer has.
    for waited in [0, 2000] {
        let sent = probe.act(|host| {
            host.peer_mut(remote.peer)
                .unwrap()
                .send(0, Packet::reliable("x"))
                .unwrap();
        });
        assert_eq!(commands(&sent).len(), 1);
        probe.advance(ms(waited));
        let sent = probe.stop(secs(25));
        assert!(is_there(&probe), "stopped after {waited} ms");
        assert!(!commands(&sent).is_empty(), "it asks again");
        probe.acknowledge_all(&remote, &sent);
    }
    probe.act(|host| {
        host.peer_mut(remote.peer)
            .unwrap()
            .send(0, Packet::reliable("x"))
            .unwrap();
    });
    probe.advance(secs(31));
    assert!(!is_there(&probe), "who really is not there is given up");
}
