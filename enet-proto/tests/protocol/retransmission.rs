//! What is sent again, when, and how much may be under way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use enet_proto::{HostConfig, Packet};
use enet_sim::wire::{Body, Command, Connect};
use enet_sim::{Conditions, InFlight, Pair, Probe, Remote, Sent};

use crate::common::{
    acknowledged, address, bad_link, commands, config, count_payloads, ms, number_of, numbers, payload, secs,
};

/// A connection with a round trip time of 100 ms, whose variance so is 50, on a host that resends by time alone.
fn joined() -> (Probe, Remote) {
    let mut probe = Probe::new(config(|config| config.fast_retransmit = false));
    let remote = probe.join_slowly(address(1), Connect::default(), ms(100));
    // The bandwidth limits that the first second may bring are out of the way after it.
    probe.advance(ms(0));
    let settled = probe.advance_acknowledging(&remote, ms(1400));
    drop(settled);
    (probe, remote)
}

fn send(probe: &mut Probe, remote: &Remote, packets: impl IntoIterator<Item = Packet>) -> Vec<Sent> {
    let peer = remote.peer;
    probe.act(|host| {
        for packet in packets {
            host.peer_mut(peer).unwrap().send(0, packet).unwrap();
        }
    })
}

/// When each of the datagrams with payload left, in ms since the first.
fn times(sent: &[Sent]) -> Vec<u64> {
    let start = sent[0].at;
    let with_payload = |sent: &&Sent| sent.datagram.commands.iter().any(|command| command.payload().is_some());
    sent.iter()
        .filter(with_payload)
        .map(|sent| sent.at.saturating_since(start).as_millis() as u64)
        .collect()
}

#[test]
fn a_reliable_packet_is_resent_after_rtt_and_four_variances_then_doubling_up_to_a_second() {
    let (mut probe, remote) = joined();
    let statistics = probe.host.peer(remote.peer).unwrap().statistics();
    let first = u64::from(statistics.round_trip_time + 4 * statistics.round_trip_time_variance);
    let mut sent = send(&mut probe, &remote, [Packet::reliable(payload(1, 100))]);
    sent.extend(probe.advance(secs(4)));
    let times = times(&sent);
    assert!(times.len() > 3, "{times:?}");
    let steps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Finer clocks inside may differ from ENet's whole milliseconds by a few.
    assert!(
        steps[0] + 5 >= first && steps[0] <= first + 15,
        "first after {} for {first}",
        steps[0]
    );
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[1].abs_diff((2 * pair[0]).min(1000)) <= 2),
        "{steps:?}"
    );
}

#[test]
fn a_host_that_resends_by_time_alone_does_so_while_other_packets_are_acknowledged() {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    send(&mut probe, &remote, [Packet::reliable(payload(0, 100))]);
    let mut resent = false;
    // On another channel, so often that there is always an acknowledgement from a moment ago.
    for number in 1..=100 {
        let mut sent = probe.act(|host| {
            host.peer_mut(peer)
                .unwrap()
                .send(1, Packet::reliable(payload(number, 100)))
                .unwrap();
        });
        let mut reply = remote.acknowledgements(&sent);
        reply.commands.retain(|command| command.channel != 0);
        sent.extend(probe.receive(remote.address, &reply));
        sent.extend(probe.advance(ms(5)));
        let first = |payload| number_of(payload) == 0;
        resent |= commands(&sent).iter().filter_map(Command::payload).any(first);
    }
    assert!(resent, "for half a second");
}

#[test]
fn before_any_measurement_half_a_second_is_waited() {
    let mut probe = Probe::new(HostConfig::default());
    let sent = probe.act(|host| {
        host.connect(address(1), 1, 0).unwrap();
    });
    assert_eq!(sent.len(), 1);
    assert!(probe.advance(ms(499)).is_empty());
    assert_eq!(probe.advance(ms(1)).len(), 1);
}

#[test]
fn what_is_acknowledged_is_not_resent() {
    let (mut probe, remote) = joined();
    let sent = send(&mut probe, &remote, [Packet::reliable(payload(1, 100))]);
    probe.acknowledge_all(&remote, &sent);
    assert_eq!(count_payloads(&probe.advance_acknowledging(&remote, secs(10))), 0);
    assert_eq!(probe.host.peer(remote.peer).unwrap().queued_data(), 0);
}

#[test]
fn unreliable_packets_are_never_resent() {
    let (mut probe, remote) = joined();
    let packets = [
        Packet::unreliable(payload(1, 100)),
        Packet::unsequenced(payload(2, 100)),
    ];
    assert_eq!(count_payloads(&send(&mut probe, &remote, packets)), 2);
    assert_eq!(count_payloads(&probe.advance_acknowledging(&remote, secs(10))), 0);
}

#[test]
fn an_ack_from_the_future_is_ignored_whole() {
    let (mut probe, remote) = joined();
    let sent = send(&mut probe, &remote, [Packet::reliable(payload(1, 100))]);
    let before = probe.host.peer(remote.peer).unwrap().statistics();
    let future = Command::acknowledgement(0, 1, sent[0].datagram.sent_time.unwrap().wrapping_add(1000));
    probe.receive(remote.address, &remote.datagram().with(future));
    let after = probe.host.peer(remote.peer).unwrap().statistics();
    assert_eq!(after.round_trip_time, before.round_trip_time);
    assert!(count_payloads(&probe.advance(secs(2))) > 0, "it is still resent");
}

#[test]
fn acks_of_nothing_are_counted_and_change_nothing() {
    let (mut probe, remote) = joined();
    let sent = send(&mut probe, &remote, [Packet::reliable(payload(1, 100))]);
    let time = sent[0].datagram.sent_time.unwrap();
    for (channel, number) in [(0, 2), (0, 0), (1, 1), (7, 1), (0, 40_000)] {
        probe.receive(
            remote.address,
            &remote.datagram().with(Command::acknowledgement(channel, number, time)),
        );
    }
    assert!(probe.host.peer(remote.peer).unwrap().queued_data() > 0);
    assert!(count_payloads(&probe.advance(secs(2))) > 0);
}

#[test]
fn resent_packets_go_ahead_of_new_ones() {
    let (mut probe, remote) = joined();
    // A window full, of which nothing arrives; more waits behind it.
    let packets = (0..200).map(|number| Packet::reliable(payload(number, 1000)));
    let first = send(&mut probe, &remote, packets);
    let held = 200 - count_payloads(&first);
    assert!(held > 100, "the window holds {held} of 200 back");
    let resent = probe.advance(secs(1));
    let sent_first: Vec<u32> = commands(&first)
        .iter()
        .filter_map(Command::payload)
        .map(number_of)
        .collect();
    let then: Vec<u32> = commands(&resent)
        .iter()
        .filter_map(Command::payload)
        .map(number_of)
        .collect();
    assert!(!then.is_empty());
    let position_of_new = then
        .iter()
        .position(|number| !sent_first.contains(number))
        .unwrap_or(then.len());
    assert!(
        position_of_new >= sent_first.len(),
        "a new packet came after {position_of_new} of {}",
        sent_first.len()
    );
}

#[test]
fn acks_go_ahead_of_data() {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    let datagram = remote.with(&probe, Command::reliable(1, 1, Body::Reliable("in".into())));
    probe
        .host
        .handle_datagram(probe.now(), remote.address, datagram.encode());
    let sent = probe.act(|host| host.peer_mut(peer).unwrap().send(0, Packet::reliable("out")).unwrap());
    assert_eq!(acknowledged(&sent), [(1, 1)]);
    let first = &sent[0].datagram.commands[0];
    assert!(matches!(first.body, Body::Acknowledge { .. }), "{first:?}");
}

#[test]
fn reliable_data_in_flight_never_exceeds_the_window() {
    for (bandwidth, conditions) in [
        (0, Conditions::default().delay(ms(50))),
        (0, bad_link()),
        (131_072, bad_link()),
        (300_000, Conditions::default().delay(ms(100)).loss(0.02)),
        (1, bad_link()),
    ] {
        let limited = config(|config| config.incoming_bandwidth = bandwidth);
        // Who has no limit of its own is told that it has none.
        let client = config(|config| config.outgoing_bandwidth = 100_000_000);
        let mut pair = Pair::with(3, client, limited);
        pair.set_conditions(&conditions);
        let watch = InFlight::new(pair.network.address(pair.client), pair.network.address(pair.server));
        let watch = Rc::new(RefCell::new(watch));
        let tap = watch.clone();
        pair.network.tap(move |observed| tap.borrow_mut().observe(observed));
        for number in 0..150 {
            pair.client_sends(0, Packet::reliable(payload(number, 900))).unwrap();
            pair.client_sends(1, Packet::reliable(payload(number, 3000))).unwrap();
        }
        assert!(pair.run_until_quiet(secs(3000)), "bandwidth {bandwidth}");
        let window = if bandwidth == 0 {
            65_536
        } else {
            (bandwidth as usize / 65_536 * 4096).clamp(4096, 65_536)
        };
        let most = watch.borrow().most();
        assert!(most <= window, "{most} bytes in flight for a window of {window}");
        assert!(most > window / 2, "{most} bytes in flight for a window of {window}");
        let received = pair.server_received();
        assert_eq!(received.len(), 300);
    }
}

#[test]
fn unreliable_packets_pass_reliable_ones_that_the_window_holds_back() {
    let (mut probe, remote) = joined();
    let first = send(
        &mut probe,
        &remote,
        (0..100).map(|number| Packet::reliable(payload(number, 1000))),
    );
    assert!(count_payloads(&first) < 70);
    let peer = remote.peer;
    let sent = probe.act(|host| {
        host.peer_mut(peer)
            .unwrap()
            .send(1, Packet::unreliable(payload(500, 10)))
            .unwrap();
    });
    let passed: Vec<u32> = commands(&sent)
        .iter()
        .filter_map(Command::payload)
        .map(number_of)
        .collect();
    assert_eq!(passed, [500]);
}

#[test]
fn fast_retransmission_beats_the_time_out() {
    let spent = |fast: bool| {
        let settings = || config(|config| config.fast_retransmit = fast);
        let mut pair = Pair::with(1, settings(), settings());
        pair.set_conditions(&Conditions::default().delay(ms(50)).loss(0.03));
        let start = pair.network.now();
        for number in 0..500 {
            pair.client_sends(0, Packet::reliable(payload(number, 1000))).unwrap();
        }
        assert!(pair.run_until_quiet(secs(600)));
        assert_eq!(numbers(&pair.server_received()), (0..500).collect::<Vec<_>>());
        pair.network.now().saturating_since(start)
    };
    let (fast, slow) = (spent(true), spent(false));
    assert!(fast < slow, "{fast:?} with, {slow:?} without");
}

#[test]
fn a_longer_way_without_loss_is_not_taken_for_loss_for_ever() {
    for (before, after) in [(25, 62), (50, 125), (100, 250)] {
        let mut pair = Pair::new(1);
        pair.set_conditions(&Conditions::default().delay(ms(before)));
        let mut number = 0;
        let mut talk = |pair: &mut Pair, packets: u32| {
            for _ in 0..packets {
                pair.client_sends(0, Packet::reliable(payload(number, 50))).unwrap();
                number += 1;
                pair.run_for(ms(20));
            }
        };
        talk(&mut pair, 300);
        pair.set_conditions(&Conditions::default().delay(ms(after)));
        // What is under way when the way becomes longer may be resent, and until that is known more.
        talk(&mut pair, 200);
        let resent = |pair: &Pair| {
            let peer = pair.network.host(pair.client).peer(pair.to_server).unwrap();
            peer.statistics().commands_resent
        };
        let at_first = resent(&pair);
        talk(&mut pair, 1000);
        assert_eq!(resent(&pair), at_first, "{before} ms to {after} ms");
    }
}

#[test]
fn acknowledgements_are_sent_twice_while_they_get_lost() {
    let (mut probe, remote) = joined();
    let mut give = |number: u16, after: u64| {
        probe.advance(ms(after));
        let datagram = remote.with(&probe, Command::reliable(0, number, Body::Reliable("x".into())));
        acknowledged(&probe.receive(remote.address, &datagram))
    };
    assert_eq!(give(1, 0), [(0, 1)]);
    assert_eq!(give(2, 1), [(0, 2)], "nothing tells of a loss");
    assert_eq!(give(1, 1), [(0, 1)], "its acknowledgement was lost");
    assert_eq!(give(3, 1), [(0, 3), (0, 1)]);
    assert_eq!(give(4, 1), [(0, 4), (0, 3)], "each once more");
    assert_eq!(give(5, 20), [(0, 5)], "a late one would be taken for a long round trip");
    assert_eq!(give(6, 2000), [(0, 6)]);
    assert_eq!(give(7, 1), [(0, 7)], "nothing was lost for a while");
}

/// What part of window / `round_trip` the client reaches with `count` packets of 16 KiB, in percent.
fn share_of_window(pair: &mut Pair, count: usize, round_trip: Duration) -> f64 {
    const SIZE: usize = 16 * 1024;
    let start = pair.network.now();
    let (mut sent, mut received) = (0, 0);
    while received < count {
        while sent < count && sent - received < 64 {
            pair.client_sends(0, Packet::reliable(payload(0, SIZE))).unwrap();
            sent += 1;
        }
        pair.run_for(ms(1));
        received += pair.server_received().len();
    }
    let spent = pair.network.now().saturating_since(start);
    let window = pair.network.host(pair.client).peer(pair.to_server).unwrap().window();
    let limit = f64::from(window) / round_trip.as_secs_f64();
    100.0 * (count * SIZE) as f64 / spent.as_secs_f64() / limit
}

#[test]
fn bulk_over_a_lossy_link_uses_nearly_all_of_the_window() {
    for (window, count) in [(65_536, 512), (262_144, 2048)] {
        for (loss, least) in [(0.02, 95.0), (0.05, 90.0)] {
            for (batch, seed) in [(1, 0), (1, 1), (16, 2), (16, 3)] {
                let settings = || config(|config| config.max_window = window);
                let mut pair = Pair::with(seed, settings(), settings());
                pair.set_conditions(&Conditions::default().delay(ms(20)).loss(loss));
                // A lost datagram then has the acknowledgements of so many.
                pair.network.set_receive_batch(batch);
                let share = share_of_window(&mut pair, count, ms(40));
                let case = format!("a loss of {loss}, {batch} at a time, seed {seed}");
                assert!(share >= least, "{share} % of {window} at {case}");
            }
        }
    }
}

#[test]
fn a_few_milliseconds_of_jitter_leave_nearly_all_of_the_window() {
    for seed in 0..3 {
        let mut pair = Pair::new(seed);
        // Datagrams stay in order, so each of hundreds waits for the slowest before it: round trips take 42 ms.
        pair.set_conditions(&Conditions::default().delay(ms(20)).jitter(ms(1)));
        pair.run_for(secs(12));
        let share = share_of_window(&mut pair, 1024, ms(42));
        assert!(share >= 95.0, "{share} % of the window, seed {seed}");
    }
}

#[test]
fn a_link_with_a_short_queue_is_filled_without_drowning_it() {
    // Bytes a second, and of queue: less than a window with the way itself. With a window that follows the throttle 82, 52 and 73 %
    // are sent again.
    for (rate, queue, least, most) in [
        (125_000, 32 * 1024, 70.0, 45),
        (1_250_000, 64 * 1024, 70.0, 25),
        (1_250_000, 16 * 1024, 65.0, 30),
    ] {
        let mut pair = Pair::new(1);
        pair.set_conditions(&Conditions::default().delay(ms(20)).bandwidth(rate, queue));
        let count = (rate as usize * 20) >> 14;
        let share = share_of_window(&mut pair, count, ms(40));
        let peer = pair.network.host(pair.client).peer(pair.to_server).unwrap();
        let goodput = share * f64::from(peer.window()) / 0.040 / rate as f64;
        assert!(goodput > least, "{goodput} % of {rate} bytes a second");
        let statistics = peer.statistics();
        let (resent, sent) = (statistics.commands_resent, statistics.datagrams_sent);
        assert!(resent * 100 < sent * most, "{resent} of {sent} sent again");
    }
}

#[test]
fn heavy_losses_that_no_queue_makes_leave_a_good_part_of_the_window() {
    for window in [65_536, 262_144] {
        let shares = (0..4).map(|seed| {
            let settings = || config(|config| config.max_window = window);
            let mut pair = Pair::with(seed, settings(), settings());
            // A third of the commands is not acknowledged.
            pair.set_conditions(&Conditions::default().delay(ms(20)).loss(0.2));
            pair.network.set_receive_batch(8);
            share_of_window(&mut pair, 512, ms(40))
        });
        let mean = shares.sum::<f64>() / 4.0;
        assert!(mean > 35.0, "{mean} % of {window}");
    }
}

#[test]
fn acknowledgements_of_the_latest_alone_do_not_have_the_others_sent_for_ever() {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join_slowly(address(1), Connect::default(), ms(50));
    let packets = (0..300).map(|number| Packet::reliable(payload(number, 100)));
    let mut sent = send(&mut probe, &remote, packets);
    let first = count_payloads(&sent);
    let mut again = 0;
    // As fast as the round trips are, always the last that came, until nothing comes so soon.
    for _ in 0..200 {
        let last = sent.iter().rev().find_map(|sent| {
            let time = sent.datagram.sent_time?;
            let command = sent
                .datagram
                .commands
                .iter()
                .rev()
                .find(|command| command.payload().is_some())?;
            Some(Command::acknowledgement(command.channel, command.number, time))
        });
        let Some(last) = last else { break };
        probe.advance(ms(1));
        sent = probe.receive(remote.address, &remote.datagram().with(last));
        again += count_payloads(&sent);
    }
    assert!(again > first, "they do count as lost");
    assert!(again < 8 * first, "{again} of {first} were sent again");
}

#[test]
fn an_acknowledgement_of_a_time_at_which_nothing_left_is_none() {
    let (mut probe, remote) = joined();
    let sent = send(&mut probe, &remote, [Packet::reliable(payload(1, 100))]);
    let time = sent[0].datagram.sent_time.unwrap();
    probe.advance(ms(5));
    for forged in [time.wrapping_add(1), time.wrapping_sub(20_000)] {
        let forged = Command::acknowledgement(0, 1, forged);
        probe.receive(remote.address, &remote.datagram().with(forged));
    }
    assert_eq!(probe.host.statistics().dropped.unmatched_acknowledgements, 2);
    assert!(probe.host.peer(remote.peer).unwrap().queued_data() > 0);
    let real = Command::acknowledgement(0, 1, time);
    probe.receive(remote.address, &remote.datagram().with(real));
    assert_eq!(probe.host.peer(remote.peer).unwrap().queued_data(), 0);
}

#[test]
fn what_waits_for_an_older_acknowledgement_is_counted() {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    let oldest = send(&mut probe, &remote, [Packet::reliable("")]);
    let mut held = vec![];
    for _ in 0..3 {
        for _ in 0..100 {
            let sent = send(&mut probe, &remote, (0..10).map(|_| Packet::reliable("")));
            probe.acknowledge_all(&remote, &sent);
        }
        held.push(probe.host.peer(peer).unwrap().queued_data());
    }
    // What the places take, some hundred bytes each.
    assert!(held[0] > 50_000 && held[1] > 100_000 && held[2] > 150_000, "{held:?}");
    probe.acknowledge_all(&remote, &oldest);
    assert_eq!(probe.host.peer(peer).unwrap().queued_data(), 0);
}
