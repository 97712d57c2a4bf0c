//! Packets above the MTU.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use enet_proto::{HostConfig, Packet, SendError};
use enet_sim::wire::{Body, Command, Connect, Datagram, Fragment};
use enet_sim::{Observed, Pair, Probe, Remote};

use crate::common::{acknowledged, address, commands, config, ms, numbers, payload, secs};

/// The largest packet that goes whole at the default MTU: 1392 less 4 of header and 24 of a fragment's command.
const FRAGMENT_SIZE: usize = 1364;

fn joined(settings: HostConfig) -> (Probe, Remote) {
    let mut probe = Probe::new(settings);
    let remote = probe.join(address(1), Connect::default());
    (probe, remote)
}

/// Sends a packet from the host; returns the commands that carry it.
fn sent_as(probe: &mut Probe, remote: &Remote, packet: Packet) -> Vec<Command> {
    let peer = remote.peer;
    let mut sent = probe.act(|host| host.peer_mut(peer).unwrap().send(0, packet).unwrap());
    sent.extend(probe.advance_acknowledging(remote, ms(200)));
    let mut seen = Vec::new();
    for command in commands(&sent)
        .into_iter()
        .filter(|command| command.payload().is_some())
    {
        if !seen.contains(&command) {
            seen.push(command);
        }
    }
    seen
}

/// The fragments of `packet`, cut into pieces of `size`, as a stock sender numbers them from `start`.
fn cut(packet: &Bytes, start: u16, size: usize) -> Vec<Fragment> {
    let count = packet.len().div_ceil(size) as u32;
    (0..count)
        .map(|number| {
            let offset = number as usize * size;
            let data = packet.slice(offset..packet.len().min(offset + size));
            Fragment {
                start,
                count,
                number,
                total: packet.len() as u32,
                offset: offset as u32,
                data,
            }
        })
        .collect()
}

fn reliable(fragment: &Fragment) -> Command {
    Command::reliable(
        0,
        fragment.start.wrapping_add(fragment.number as u16),
        Body::Fragment(fragment.clone()),
    )
}

fn unreliable(after: u16, fragment: &Fragment) -> Command {
    Command::unreliable(0, after, Body::UnreliableFragment(fragment.clone()))
}

fn give(probe: &mut Probe, remote: &Remote, command: Command) -> Vec<enet_sim::Sent> {
    let datagram = remote.with(probe, command);
    probe.receive(remote.address, &datagram)
}

#[test]
fn the_largest_packet_that_fits_goes_whole_and_one_byte_more_in_two() {
    let (mut probe, remote) = joined(HostConfig::default());
    let whole = sent_as(&mut probe, &remote, Packet::reliable(payload(1, FRAGMENT_SIZE)));
    assert!(matches!(
        whole[..],
        [Command {
            body: Body::Reliable(_),
            number: 1,
            ..
        }]
    ));
    let data = payload(2, FRAGMENT_SIZE + 1);
    let mut two = sent_as(&mut probe, &remote, Packet::reliable(data.clone()));
    two.sort_by_key(|command| command.number);
    assert_eq!(
        two,
        cut(&data, 2, FRAGMENT_SIZE).iter().map(reliable).collect::<Vec<_>>()
    );
}

#[test]
fn checksums_take_their_four_bytes_from_each_fragment() {
    let checked = || config(|config| config.checksum = true);
    let mut pair = Pair::with(1, checked(), checked());
    let longest = Rc::new(RefCell::new(0));
    let seen = longest.clone();
    pair.network.tap(move |observed: &Observed<'_>| {
        let longest = &mut *seen.borrow_mut();
        *longest = observed.datagram.len().max(*longest);
    });
    pair.client_sends(0, Packet::reliable(payload(1, 50_000))).unwrap();
    assert!(pair.run_until_quiet(secs(20)));
    assert_eq!(*longest.borrow(), 1392);
}

#[test]
fn a_packet_larger_than_the_mtu_goes_reliably_unless_it_may_be_fragmented_unreliably() {
    let (mut probe, remote) = joined(HostConfig::default());
    let data = payload(1, 3000);
    for packet in [Packet::unreliable(data.clone()), Packet::unsequenced(data.clone())] {
        let mode = packet.mode;
        let plain = sent_as(&mut probe, &remote, packet.clone());
        let all_reliable = plain
            .iter()
            .all(|it| it.acknowledge && matches!(it.body, Body::Fragment(_)));
        assert!(plain.len() == 3 && all_reliable, "{mode:?}");
        let flagged = sent_as(&mut probe, &remote, packet.with_unreliable_fragments());
        let all_unreliable = flagged
            .iter()
            .all(|it| !it.acknowledge && matches!(it.body, Body::UnreliableFragment(_)));
        assert!(flagged.len() == 3 && all_unreliable, "{mode:?}");
    }
    let reliable = sent_as(&mut probe, &remote, Packet::reliable(data).with_unreliable_fragments());
    assert!(
        reliable.iter().all(|it| matches!(it.body, Body::Fragment(_))),
        "the flag means nothing to a reliable packet"
    );
}

#[test]
fn the_fragments_of_an_unreliable_packet_share_one_number() {
    let (mut probe, remote) = joined(HostConfig::default());
    let data = payload(1, 3000);
    sent_as(&mut probe, &remote, Packet::reliable("one"));
    sent_as(&mut probe, &remote, Packet::unreliable("first"));
    let mut sent = sent_as(
        &mut probe,
        &remote,
        Packet::unreliable(data.clone()).with_unreliable_fragments(),
    );
    sent.sort_by_key(|command| match &command.body {
        Body::UnreliableFragment(fragment) => fragment.number,
        other => panic!("{other:?}"),
    });
    let expected: Vec<_> = cut(&data, 2, FRAGMENT_SIZE)
        .iter()
        .map(|fragment| unreliable(1, fragment))
        .collect();
    assert_eq!(sent, expected);
}

#[test]
fn a_lost_fragment_is_resent_alone() {
    let mut pair = Pair::new(1);
    let counts: Rc<RefCell<Vec<u32>>> = Rc::default();
    let seen = counts.clone();
    pair.network.set_filter(move |observed: &Observed<'_>| {
        let mut passes = true;
        for command in Datagram::parse(observed.datagram).unwrap().commands {
            let Body::Fragment(fragment) = command.body else {
                continue;
            };
            let mut counts = seen.borrow_mut();
            counts.resize(fragment.count as usize, 0);
            counts[fragment.number as usize] += 1;
            passes &= fragment.number != 4 || counts[4] > 1;
        }
        passes
    });
    pair.client_sends(0, Packet::reliable(payload(1, 10 * FRAGMENT_SIZE)))
        .unwrap();
    assert!(pair.run_until_quiet(secs(20)));
    assert_eq!(
        pair.server_received(),
        [(0, Packet::reliable(payload(1, 10 * FRAGMENT_SIZE)))]
    );
    assert_eq!(*counts.borrow(), [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]);
}

#[test]
fn fragments_make_their_packet_in_any_order() {
    let data = payload(1, 350);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        for is_reliable in [true, false] {
            let (mut probe, remote) = joined(HostConfig::default());
            let fragments = cut(&data, 1, 100);
            for at in order {
                assert!(probe.received().is_empty());
                let fragment = &fragments[at];
                let command = if is_reliable {
                    reliable(fragment)
                } else {
                    unreliable(0, fragment)
                };
                give(&mut probe, &remote, command.clone());
                give(&mut probe, &remote, command);
            }
            assert_eq!(
                probe.received(),
                std::slice::from_ref(&data),
                "{order:?} reliable {is_reliable}"
            );
        }
    }
}

#[test]
fn a_fragmented_packet_takes_a_number_for_each_fragment() {
    let (mut probe, remote) = joined(HostConfig::default());
    let data = payload(1, 350);
    give(
        &mut probe,
        &remote,
        Command::reliable(0, 5, Body::Reliable("after".into())),
    );
    for fragment in cut(&data, 1, 100) {
        let answers = give(&mut probe, &remote, reliable(&fragment));
        assert_eq!(acknowledged(&answers), [(0, 1 + fragment.number as u16)]);
    }
    assert_eq!(probe.received(), [data, "after".into()]);
}

#[test]
fn a_fragment_that_makes_no_sense_ends_the_datagram_unacknowledged() {
    type Spoil = fn(&mut Fragment);
    let spoils: [(&str, Spoil); 8] = [
        ("no fragments", |it| it.count = 0),
        ("number beyond the count", |it| it.number = it.count),
        ("too many fragments", |it| it.count = 1_048_577),
        ("total above the maximum", |it| it.total = 32 * 1024 * 1024 + 1),
        ("fewer bytes than fragments", |it| it.total = it.count - 1),
        ("offset beyond the total", |it| it.offset = it.total),
        ("longer than what is left", |it| it.offset = it.total - 99),
        ("empty", |it| it.data = Bytes::new()),
    ];
    for (name, spoil) in spoils {
        for is_reliable in [true, false] {
            let (mut probe, remote) = joined(HostConfig::default());
            let mut fragment = cut(&payload(1, 400), 1, 100).remove(1);
            spoil(&mut fragment);
            let command = Command {
                number: 2,
                ..if is_reliable {
                    reliable(&fragment)
                } else {
                    unreliable(0, &fragment)
                }
            };
            let behind = Command::reliable(1, 1, Body::Reliable("behind".into()));
            let datagram = remote.datagram().sent_at(probe.wire_time()).with(command).with(behind);
            let answers = probe.receive(remote.address, &datagram);
            assert!(acknowledged(&answers).is_empty(), "{name}");
            assert!(probe.received().is_empty(), "{name}");
        }
    }
}

#[test]
fn fragments_must_agree_with_the_first_on_count_and_total() {
    let data = payload(1, 400);
    for (count, total) in [(5, 400), (3, 400), (4, 401), (4, 399)] {
        let (mut probe, remote) = joined(HostConfig::default());
        let fragments = cut(&data, 1, 100);
        give(&mut probe, &remote, reliable(&fragments[0]));
        let liar = Fragment {
            count,
            total,
            ..fragments[1].clone()
        };
        assert!(
            acknowledged(&give(&mut probe, &remote, reliable(&liar))).is_empty(),
            "{count} {total}"
        );
        for fragment in &fragments[1..] {
            give(&mut probe, &remote, reliable(fragment));
        }
        assert_eq!(
            probe.received(),
            std::slice::from_ref(&data),
            "the true ones still make the packet"
        );
    }
}

#[test]
fn a_packet_shows_no_bytes_that_never_came() {
    let (mut probe, remote) = joined(HostConfig::default());
    // Two fragments that overlap and leave a hole, which C ENet hands on with whatever memory held there.
    let holes = [(0u32, 0u32, 100usize), (1, 50, 100)];
    for (number, offset, length) in holes {
        let fragment = Fragment {
            start: 1,
            count: 2,
            number,
            total: 300,
            offset,
            data: payload(1, length),
        };
        give(&mut probe, &remote, reliable(&fragment));
    }
    assert!(probe.received().is_empty());
}

#[test]
fn an_incomplete_unreliable_packet_is_dropped_when_a_later_one_is_delivered() {
    let (mut probe, remote) = joined(HostConfig::default());
    let fragments = cut(&payload(1, 300), 1, 100);
    give(&mut probe, &remote, unreliable(0, &fragments[0]));
    give(&mut probe, &remote, unreliable(0, &fragments[1]));
    give(
        &mut probe,
        &remote,
        Command::unreliable(
            0,
            0,
            Body::Unreliable {
                number: 2,
                data: "later".into(),
            },
        ),
    );
    assert_eq!(probe.received(), ["later"]);
    give(&mut probe, &remote, unreliable(0, &fragments[2]));
    assert!(probe.received().is_empty());
    assert_eq!(probe.host.peer(remote.peer).unwrap().waiting_data(), 0);
}

#[test]
fn unreliable_fragments_wait_for_the_reliable_packet_before_them() {
    let (mut probe, remote) = joined(HostConfig::default());
    let data = payload(1, 300);
    for fragment in cut(&data, 1, 100) {
        give(&mut probe, &remote, unreliable(1, &fragment));
    }
    assert!(probe.received().is_empty());
    give(
        &mut probe,
        &remote,
        Command::reliable(0, 1, Body::Reliable("first".into())),
    );
    assert_eq!(probe.received(), ["first".into(), data]);
}

#[test]
fn a_lost_unreliable_fragment_loses_its_packet_alone() {
    let mut pair = Pair::new(3);
    pair.network.set_filter(|observed: &Observed<'_>| {
        let lost = |command: &Command| {
            matches!(&command.body, Body::UnreliableFragment(fragment) if fragment.start % 5 == 0 && fragment.number == 1)
        };
        !Datagram::parse(observed.datagram).unwrap().commands.iter().any(lost)
    });
    for number in 1..=50 {
        let packet = Packet::unreliable(payload(number, 4000)).with_unreliable_fragments();
        pair.client_sends(0, packet).unwrap();
        pair.run_for(ms(20));
    }
    pair.run_for(secs(1));
    let received = pair.server_received();
    assert!(
        received
            .iter()
            .all(|(_, packet)| packet.unreliable_fragments && packet.data.len() == 4000)
    );
    assert_eq!(
        numbers(&received),
        (1..=50).filter(|number| number % 5 != 0).collect::<Vec<_>>()
    );
}

#[test]
fn the_largest_packet_allowed_arrives() {
    let mut pair = Pair::new(1);
    let data = payload(1, 32 * 1024 * 1024);
    pair.client_sends(0, Packet::reliable(data.clone())).unwrap();
    assert!(pair.run_until_quiet(secs(120)));
    let received = pair.server_received();
    assert!(matches!(&received[..], [(0, packet)] if packet.data == data));
}

#[test]
fn a_packet_of_more_fragments_than_a_receiver_can_tell_apart_is_refused() {
    let small = || config(|config| config.mtu = 576);
    let mut pair = Pair::with(1, small(), small());
    let step = 576 - 28;
    // The first number of the channel is 1, so seven windows less the number 0 are in reach.
    let most = (7 * 4096 - 1) * step;
    let refused = pair.client_sends(0, Packet::reliable(payload(1, most + 1)));
    assert_eq!(
        refused,
        Err(SendError::TooLarge {
            size: most + 1,
            maximum: most
        })
    );
    let data = payload(1, most);
    pair.client_sends(0, Packet::reliable(data.clone())).unwrap();
    assert!(pair.run_until_quiet(secs(600)));
    let received = pair.server_received();
    assert!(matches!(&received[..], [(0, packet)] if packet.data == data));
    // From anywhere in a window six more are in reach.
    let sure = payload(2, 6 * 4096 * step);
    pair.client_sends(0, Packet::reliable(sure.clone())).unwrap();
    assert!(pair.run_until_quiet(secs(600)));
    assert!(matches!(&pair.server_received()[..], [(0, packet)] if packet.data == sure));
}

#[test]
fn large_packets_arrive_over_a_bad_link() {
    for seed in 0..3 {
        let mut pair = Pair::new(seed);
        pair.set_conditions(&crate::common::bad_link());
        for number in 0..20 {
            pair.client_sends(0, Packet::reliable(payload(number, 100_000)))
                .unwrap();
        }
        assert!(pair.run_until_quiet(secs(600)), "seed {seed}");
        let received = pair.server_received();
        assert_eq!(numbers(&received), (0..20).collect::<Vec<_>>());
        assert!(
            received
                .iter()
                .zip(0..)
                .all(|((_, packet), number)| packet.data == payload(number, 100_000))
        );
    }
}
