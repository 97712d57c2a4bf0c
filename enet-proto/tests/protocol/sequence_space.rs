//! Past every wrap of every counter.

use std::collections::BTreeSet;

use enet_proto::{HostConfig, Packet, PacketMode};
use enet_sim::wire::{Body, Command, Connect};
use enet_sim::{Conditions, Pair, Probe, Remote};

use crate::common::{acknowledged, address, commands, ms, number_of, payload, secs};

/// Sends `count` packets of a mode over a link and returns the numbers in which they arrived.
fn stream(mode: PacketMode, count: u32, burst: u32, conditions: &Conditions) -> Vec<u32> {
    let mut pair = Pair::new(11);
    pair.set_conditions(conditions);
    let mut arrived = Vec::with_capacity(count as usize);
    for first in (0..count).step_by(burst as usize) {
        for number in first..count.min(first + burst) {
            pair.client_sends(0, crate::common::packet(mode, payload(number, 4)))
                .unwrap();
        }
        pair.run_for(ms(5));
        arrived.extend(pair.server_received().iter().map(|(_, packet)| number_of(&packet.data)));
    }
    assert!(pair.run_until_quiet(secs(120)));
    pair.run_for(secs(1));
    arrived.extend(pair.server_received().iter().map(|(_, packet)| number_of(&packet.data)));
    arrived
}

#[test]
fn reliable_packets_stay_in_order_past_three_wraps() {
    let lossy = Conditions::default()
        .delay(ms(5))
        .jitter(ms(3))
        .loss(0.05)
        .reordering(0.05, ms(8))
        .duplication(0.02);
    for conditions in [Conditions::default().delay(ms(5)), lossy] {
        let arrived = stream(PacketMode::Reliable, 205_000, 100, &conditions);
        assert!(arrived.iter().copied().eq(0..205_000), "{} arrived", arrived.len());
    }
}

#[test]
fn unreliable_packets_go_on_past_the_end_of_their_counter() {
    // Nothing is lost, so all arrive, one of them by a reliable command that starts the counter anew.
    let arrived = stream(PacketMode::Unreliable, 70_000, 50, &Conditions::default().delay(ms(5)));
    assert!(arrived.iter().copied().eq(0..70_000), "{} arrived", arrived.len());
}

#[test]
fn unreliable_packets_past_the_end_of_their_counter_are_never_late_on_a_lossy_link() {
    let lossy = Conditions::default()
        .delay(ms(5))
        .loss(0.05)
        .reordering(0.05, ms(8))
        .duplication(0.02);
    let arrived = stream(PacketMode::Unreliable, 140_000, 50, &lossy);
    assert!(arrived.is_sorted_by(|one, next| one < next));
    assert!(arrived.len() > 100_000, "{} arrived", arrived.len());
    assert!(arrived.iter().filter(|number| **number > 135_000).count() > 3000);
}

#[test]
fn unsequenced_packets_go_on_past_the_end_of_their_counter() {
    let arrived = stream(PacketMode::Unsequenced, 70_000, 50, &Conditions::default().delay(ms(5)));
    assert!(arrived.iter().copied().eq(0..70_000), "{} arrived", arrived.len());
    let lossy = Conditions::default()
        .delay(ms(5))
        .loss(0.05)
        .reordering(0.05, ms(8))
        .duplication(0.02);
    let arrived = stream(PacketMode::Unsequenced, 140_000, 50, &lossy);
    assert!(arrived.len() > 130_000, "{} arrived", arrived.len());
    assert_eq!(
        arrived.iter().collect::<BTreeSet<_>>().len(),
        arrived.len(),
        "none came twice"
    );
}

#[test]
fn fragments_go_on_past_the_wrap() {
    let mut pair = Pair::new(3);
    pair.set_conditions(&Conditions::default().delay(ms(2)).loss(0.01));
    // 150 packets of 500 fragments: 75 000 numbers.
    for number in 0..150 {
        pair.client_sends(0, Packet::reliable(payload(number, 500 * 1364)))
            .unwrap();
        assert!(pair.run_until_quiet(secs(100)));
        let received = pair.server_received();
        assert!(
            matches!(&received[..], [(0, packet)] if packet.data == payload(number, 500 * 1364)),
            "packet {number}"
        );
    }
}

fn joined() -> (Probe, Remote) {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join(address(1), Connect::default());
    (probe, remote)
}

#[test]
fn the_unreliable_counter_restarts_with_a_reliable_packet() {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    let mut seen: Vec<Command> = Vec::new();
    for _ in 0..700 {
        let sent = probe.act(|host| {
            for _ in 0..100 {
                host.peer_mut(peer).unwrap().send(0, Packet::unreliable("")).unwrap();
            }
        });
        probe.acknowledge_all(&remote, &sent);
        seen.extend(
            commands(&sent)
                .into_iter()
                .filter(|command| command.payload().is_some()),
        );
    }
    let reliable: Vec<_> = seen.iter().filter(|command| command.acknowledge).collect();
    assert_eq!(reliable.len(), 1);
    assert_eq!(reliable[0].number, 1);
    let numbered = |after: u16| {
        seen.iter()
            .filter_map(|command| match command.body {
                Body::Unreliable { number, .. } if command.number == after => Some(number),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert!(numbered(0).into_iter().eq(1..=0xFFFF));
    assert!(numbered(1).into_iter().eq(1..=(70_000 - 0xFFFF - 1) as u16));
}

/// Sends many empty reliable packets and acknowledges those that `acknowledges` picks until no new one comes. Returns the
/// highest and the count of the numbers that were sent.
fn send_until_held(acknowledges: impl Fn(u16) -> bool) -> (u16, usize) {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    let mut numbers = BTreeSet::new();
    let mut fresh = probe.act(|host| {
        for _ in 0..40_000 {
            host.peer_mut(peer).unwrap().send(0, Packet::reliable("")).unwrap();
        }
    });
    let mut quiet = 0;
    while quiet < 100 {
        let before = numbers.len();
        let data = commands(&fresh).into_iter().filter(Command::is_reliable_data);
        numbers.extend(data.map(|command| command.number));
        let mut reply = remote.acknowledgements(&fresh);
        reply
            .commands
            .retain(|command| command.channel != 0 || acknowledges(command.number));
        fresh = probe.give(&remote, &reply.commands);
        // Some senders pace what goes to one peer.
        fresh.extend(probe.advance(ms(1)));
        quiet = if numbers.len() == before { quiet + 1 } else { 0 };
    }
    (*numbers.last().unwrap(), numbers.len())
}

#[test]
fn a_sender_does_not_begin_a_window_while_the_one_before_is_full() {
    // Numbers begin at 1, so the first window holds 4095 and the second may begin.
    assert_eq!(send_until_held(|_| false), (8191, 8191));
    // A single one of the second window acknowledged opens the third, which fills.
    assert_eq!(send_until_held(|number| number == 5000), (12_287, 12_287));
}

#[test]
fn a_sender_does_not_run_into_windows_that_still_hold_something() {
    // With number 1 open, the first window that has it among its ten is the seventh.
    assert_eq!(send_until_held(|number| number != 1), (28_671, 28_671));
    assert_eq!(send_until_held(|number| number != 5000), (32_767, 32_767));
}

#[test]
fn a_receiver_takes_seven_windows_and_does_not_acknowledge_the_two_after() {
    let (mut probe, remote) = joined();
    let mut give = |number: u16| {
        let datagram = remote.with(&probe, Command::reliable(0, number, Body::Reliable("x".into())));
        let answers = probe.receive(remote.address, &datagram);
        // Nothing is acknowledged once more together with the next.
        probe.advance(ms(10));
        (acknowledged(&answers).len(), probe.received().len())
    };
    assert_eq!(give(6 * 4096 + 4095), (1, 0), "the last one taken, which waits");
    assert_eq!(give(7 * 4096), (0, 0), "too early, so that it comes again");
    assert_eq!(give(8 * 4096 + 4095), (0, 0));
    assert_eq!(give(9 * 4096), (1, 0), "counts as old, which is acknowledged again");
    assert_eq!(give(65_535), (1, 0));
    assert_eq!(give(1), (1, 1));
    assert_eq!(give(0), (1, 0), "just behind");
}
