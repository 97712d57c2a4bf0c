//! What arrives, how often, and in what order.

use std::collections::HashSet;

use enet_proto::{HostConfig, Packet, PacketMode, SendError};
use enet_sim::wire::{Body, Command, Connect};
use enet_sim::{Conditions, Pair, Probe, Remote};

use crate::common::{
    acknowledged, address, bad_link, config, ms, number_of, numbers, on_a_bad_link, packet, payload, secs,
};

const MODES: [PacketMode; 3] = [PacketMode::Reliable, PacketMode::Unreliable, PacketMode::Unsequenced];

fn joined() -> (Probe, Remote) {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join(
        address(1),
        Connect {
            channels: 4,
            ..Connect::default()
        },
    );
    (probe, remote)
}

fn reliable(number: u16, text: &'static str) -> Command {
    Command::reliable(0, number, Body::Reliable(text.into()))
}

/// An unreliable packet that follows reliable number `after`.
fn unreliable(after: u16, number: u16, text: &'static str) -> Command {
    Command::unreliable(
        0,
        after,
        Body::Unreliable {
            number,
            data: text.into(),
        },
    )
}

/// Hands commands to the host, each in a datagram of its own; returns what it delivers.
fn deliver(probe: &mut Probe, remote: &Remote, commands: impl IntoIterator<Item = Command>) -> Vec<String> {
    for command in commands {
        let datagram = remote.with(probe, command);
        probe.receive(remote.address, &datagram);
    }
    probe
        .received()
        .into_iter()
        .map(|data| String::from_utf8(data.to_vec()).unwrap())
        .collect()
}

#[test]
fn an_acknowledgement_that_waits_to_be_sent_does_not_hold_up_the_timers() {
    let (mut probe, remote) = joined();
    let datagram = remote.with(&probe, reliable(1, "hello")).encode();
    let now = probe.now();
    let sent = probe.act(|host| {
        host.handle_datagram(now, remote.address, datagram);
        host.handle_timeout(now);
    });
    assert_eq!(acknowledged(&sent), [(0, 1)]);
}

#[test]
fn packets_of_every_size_and_mode_arrive_unchanged_both_ways() {
    let mut pair = Pair::new(1);
    let sizes = (0..8)
        .chain(1340..1400)
        .chain([2727, 2728, 2729, 4096, 65_535, 65_536, 65_537, 1 << 20]);
    for (number, size) in sizes.enumerate() {
        for mode in MODES {
            let sent = packet(mode, payload(number as u32, size));
            pair.client_sends(3, sent.clone()).unwrap();
            pair.server_sends(254, sent.clone()).unwrap();
            assert!(pair.run_until_quiet(secs(60)), "{size} bytes {mode:?}");
            pair.run_for(ms(100));
            for (received, channel) in [(pair.server_received(), 3), (pair.client_received(), 254)] {
                let [(from, ref packet)] = received[..] else {
                    panic!("{size} bytes {mode:?}: {} packets", received.len())
                };
                assert!(from == channel && packet.data == sent.data, "{size} bytes {mode:?}");
            }
        }
    }
}

#[test]
fn the_mode_of_a_packet_is_seen_on_arrival() {
    let mut pair = Pair::new(1);
    for mode in MODES {
        pair.client_sends(0, packet(mode, payload(1, 100))).unwrap();
    }
    pair.run_for(ms(100));
    let modes: Vec<_> = pair
        .server_received()
        .into_iter()
        .map(|(_, packet)| packet.mode)
        .collect();
    assert_eq!(modes, MODES);
}

#[test]
fn reliable_packets_arrive_once_and_in_order_however_bad_the_link() {
    for seed in 0..5 {
        let mut pair = Pair::new(seed);
        pair.set_conditions(&bad_link().loss(0.25));
        // Whoever loses nine datagrams in a row, which is a matter of chance here, would be given up after 5 s.
        for (node, peer) in [(pair.client, pair.to_server), (pair.server, pair.to_client)] {
            pair.network.with_host(node, |host| {
                host.peer_mut(peer).unwrap().set_timeout(0, secs(60), secs(60));
            });
        }
        for number in 0..500 {
            pair.client_sends((number % 3) as u8, Packet::reliable(payload(number, 200)))
                .unwrap();
            pair.server_sends(0, Packet::reliable(payload(number, 20))).unwrap();
            pair.run_for(ms(5));
        }
        assert!(pair.run_until_quiet(secs(120)), "seed {seed}");
        let received = pair.server_received();
        for channel in 0..3 {
            let of_channel: Vec<_> = received.iter().filter(|(from, _)| *from == channel).cloned().collect();
            let expected: Vec<u32> = (0..500).filter(|number| number % 3 == u32::from(channel)).collect();
            assert_eq!(numbers(&of_channel), expected, "seed {seed} channel {channel}");
        }
        assert_eq!(
            numbers(&pair.client_received()),
            (0..500).collect::<Vec<_>>(),
            "seed {seed}"
        );
    }
}

#[test]
fn unreliable_packets_are_never_late_and_never_twice() {
    let mut pair = Pair::new(7);
    on_a_bad_link(&mut pair);
    for number in 0..2000 {
        pair.client_sends(0, Packet::unreliable(payload(number, 50))).unwrap();
        pair.run_for(ms(3));
    }
    pair.run_for(secs(2));
    let received = numbers(&pair.server_received());
    assert!(received.is_sorted_by(|one, next| one < next), "{received:?}");
    assert!(
        (1000..1990).contains(&received.len()),
        "{} of 2000 arrived",
        received.len()
    );
}

#[test]
fn unreliable_packets_keep_their_place_among_reliable_ones() {
    let mut pair = Pair::new(8);
    on_a_bad_link(&mut pair);
    for number in 0..2000 {
        let mode = if number % 4 == 0 {
            PacketMode::Reliable
        } else {
            PacketMode::Unreliable
        };
        pair.client_sends(0, packet(mode, payload(number, 50))).unwrap();
        pair.run_for(ms(3));
    }
    assert!(pair.run_until_quiet(secs(60)));
    pair.run_for(secs(1));
    let received = numbers(&pair.server_received());
    assert!(received.is_sorted_by(|one, next| one < next), "{received:?}");
    let reliable = received.iter().filter(|number| *number % 4 == 0).count();
    assert_eq!(reliable, 500);
    assert!(received.len() > 1000, "{}", received.len());
}

#[test]
fn unsequenced_packets_come_at_most_once_in_any_order() {
    let mut pair = Pair::new(9);
    on_a_bad_link(&mut pair);
    for number in 0..3000 {
        pair.client_sends(0, Packet::unsequenced(payload(number, 50))).unwrap();
        pair.run_for(ms(2));
    }
    pair.run_for(secs(2));
    let received = numbers(&pair.server_received());
    let different: HashSet<_> = received.iter().collect();
    assert_eq!(different.len(), received.len());
    assert!(!received.is_sorted(), "some overtook others");
    assert!(
        (2500..2900).contains(&received.len()),
        "{} of 3000 arrived",
        received.len()
    );
}

#[test]
fn on_a_perfect_link_nothing_unreliable_is_lost() {
    let mut pair = Pair::new(1);
    for number in 0..1000 {
        pair.client_sends(0, Packet::unreliable(payload(number, 100))).unwrap();
        pair.client_sends(1, Packet::unsequenced(payload(number, 100))).unwrap();
        pair.run_for(ms(10));
    }
    pair.run_for(secs(1));
    let received = pair.server_received();
    for channel in [0, 1] {
        let of_channel: Vec<_> = received.iter().filter(|(from, _)| *from == channel).cloned().collect();
        assert_eq!(numbers(&of_channel), (0..1000).collect::<Vec<_>>());
    }
}

#[test]
fn a_reliable_packet_that_came_early_waits() {
    let (mut probe, remote) = joined();
    assert!(
        deliver(
            &mut probe,
            &remote,
            [reliable(2, "b"), reliable(4, "d"), reliable(3, "c")]
        )
        .is_empty()
    );
    assert_eq!(deliver(&mut probe, &remote, [reliable(1, "a")]), ["a", "b", "c", "d"]);
}

#[test]
fn channels_do_not_wait_for_each_other() {
    let (mut probe, remote) = joined();
    let other = Command::reliable(1, 1, Body::Reliable("other".into()));
    assert_eq!(deliver(&mut probe, &remote, [reliable(2, "b"), other]), ["other"]);
}

#[test]
fn a_duplicate_is_acknowledged_again_and_not_delivered() {
    let (mut probe, remote) = joined();
    for round in 0..3 {
        let datagram = remote.with(&probe, reliable(1, "once"));
        let answers = probe.receive(remote.address, &datagram);
        assert_eq!(acknowledged(&answers), [(0, 1)]);
        assert_eq!(probe.received().len(), usize::from(round == 0));
        probe.advance(ms(10));
    }
}

#[test]
fn an_acknowledgement_returns_the_sent_time_it_answers() {
    let (mut probe, remote) = joined();
    let datagram = remote.datagram().sent_at(0xBEEF).with(reliable(1, "a"));
    let answers = probe.receive(remote.address, &datagram);
    assert_eq!(
        answers[0].datagram.commands[0].body,
        Body::Acknowledge {
            number: 1,
            sent_time: 0xBEEF
        }
    );
}

#[test]
fn an_unreliable_packet_waits_for_the_reliable_one_before_it() {
    let (mut probe, remote) = joined();
    assert!(deliver(&mut probe, &remote, [unreliable(1, 1, "b"), unreliable(1, 2, "c")]).is_empty());
    assert_eq!(deliver(&mut probe, &remote, [reliable(1, "a")]), ["a", "b", "c"]);
}

#[test]
fn waiting_packets_come_in_reliable_and_then_unreliable_order() {
    let (mut probe, remote) = joined();
    let early = [
        unreliable(2, 1, "e"),
        unreliable(1, 2, "c"),
        reliable(2, "d"),
        unreliable(1, 1, "b"),
        unreliable(2, 2, "f"),
    ];
    assert!(deliver(&mut probe, &remote, early).is_empty());
    assert_eq!(
        deliver(&mut probe, &remote, [reliable(1, "a")]),
        ["a", "b", "c", "d", "e", "f"]
    );
}

#[test]
fn an_unreliable_packet_behind_its_reliable_one_is_dropped() {
    let (mut probe, remote) = joined();
    assert_eq!(
        deliver(
            &mut probe,
            &remote,
            [reliable(1, "a"), reliable(2, "b"), unreliable(1, 9, "late")]
        ),
        ["a", "b"]
    );
}

#[test]
fn an_unreliable_number_at_or_below_the_last_is_dropped() {
    let (mut probe, remote) = joined();
    let sent = [
        unreliable(0, 5, "5"),
        unreliable(0, 4, "4"),
        unreliable(0, 5, "5"),
        unreliable(0, 6, "6"),
    ];
    assert_eq!(deliver(&mut probe, &remote, sent), ["5", "6"]);
}

#[test]
fn a_reliable_delivery_begins_the_unreliable_numbers_anew() {
    let (mut probe, remote) = joined();
    let sent = [
        unreliable(0, 9, "a"),
        reliable(1, "b"),
        unreliable(1, 1, "c"),
        unreliable(1, 2, "d"),
    ];
    assert_eq!(deliver(&mut probe, &remote, sent), ["a", "b", "c", "d"]);
}

#[test]
fn what_a_channel_sends_is_numbered_as_the_protocol_says() {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    let modes = [
        PacketMode::Unreliable,
        PacketMode::Unreliable,
        PacketMode::Reliable,
        PacketMode::Unreliable,
        PacketMode::Reliable,
        PacketMode::Unsequenced,
        PacketMode::Unsequenced,
    ];
    let sent = probe.act(|host| {
        for mode in modes {
            host.peer_mut(peer)
                .unwrap()
                .send(2, packet(mode, payload(0, 4)))
                .unwrap();
        }
    });
    let data = payload(0, 4);
    let mut seen: Vec<(bool, bool, u16, Body)> = crate::common::commands(&sent)
        .into_iter()
        .filter(|command| command.payload().is_some())
        .inspect(|command| assert_eq!(command.channel, 2))
        .map(|command| (command.acknowledge, command.unsequenced, command.number, command.body))
        .collect();
    let mut expected = vec![
        (
            false,
            false,
            0,
            Body::Unreliable {
                number: 1,
                data: data.clone(),
            },
        ),
        (
            false,
            false,
            0,
            Body::Unreliable {
                number: 2,
                data: data.clone(),
            },
        ),
        (true, false, 1, Body::Reliable(data.clone())),
        (
            false,
            false,
            1,
            Body::Unreliable {
                number: 1,
                data: data.clone(),
            },
        ),
        (true, false, 2, Body::Reliable(data.clone())),
        (
            false,
            true,
            0,
            Body::Unsequenced {
                group: 1,
                data: data.clone(),
            },
        ),
        (false, true, 0, Body::Unsequenced { group: 2, data }),
    ];
    // In which order they share a datagram is the sender's choice.
    seen.sort_by_key(|command| format!("{command:?}"));
    expected.sort_by_key(|command| format!("{command:?}"));
    assert_eq!(seen, expected);
}

#[test]
fn the_unsequenced_window_is_that_of_the_protocol() {
    let (mut probe, remote) = joined();
    let mut accepts = |group: u16| {
        let command = Command::unsequenced(0, group, "x".into());
        deliver(&mut probe, &remote, [command]).len() == 1
    };
    assert!(accepts(1));
    assert!(!accepts(1), "a duplicate");
    assert!(accepts(3));
    assert!(accepts(2), "order is no matter");
    assert!(!accepts(32_768), "32 windows ahead is too far");
    assert!(
        accepts(32_767),
        "the last within 32 windows, which moves the base to 31744"
    );
    assert!(!accepts(5), "behind the base");
    assert!(!accepts(31_743), "just behind the base");
    assert!(accepts(31_744), "the base itself");
    assert!(!accepts(31_744));
    assert!(accepts(64_511), "ahead of 31744 by 32767");
    assert!(accepts(100), "past the wrap, ahead of 63488");
    assert!(!accepts(64_511), "behind again");
    assert!(accepts(1), "the memory of duplicates was cleared");
}

#[test]
fn a_packet_for_a_channel_that_is_not_there_ends_the_datagram() {
    let (mut probe, remote) = joined();
    let datagram = remote
        .datagram()
        .sent_at(probe.wire_time())
        .with(reliable(1, "a"))
        .with(Command::reliable(4, 1, Body::Reliable("no such channel".into())))
        .with(reliable(2, "lost"));
    let answers = probe.receive(remote.address, &datagram);
    assert_eq!(acknowledged(&answers), [(0, 1)]);
    assert_eq!(probe.received(), ["a"]);
    assert_eq!(deliver(&mut probe, &remote, [reliable(2, "b")]), ["b"]);
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_reason() {
    let mut pair = Pair::with(
        1,
        config(|config| config.max_packet_size = 1000),
        config(|config| config.channel_limit = 3),
    );
    assert_eq!(
        pair.client_sends(3, Packet::reliable("x")),
        Err(SendError::NoSuchChannel { channel: 3, count: 3 })
    );
    assert_eq!(
        pair.client_sends(0, Packet::reliable(payload(0, 1001))),
        Err(SendError::TooLarge {
            size: 1001,
            maximum: 1000
        })
    );
    assert_eq!(pair.client_sends(2, Packet::reliable(payload(0, 1000))), Ok(()));
    let address = pair.network.address(pair.server);
    let fresh = pair.network.with_host(pair.client, |host| {
        let peer = host.connect(address, 1, 0).unwrap();
        host.peer_mut(peer).unwrap().send(0, Packet::reliable("too early"))
    });
    assert_eq!(fresh, Err(SendError::NotConnected));
}

#[test]
fn a_broadcast_reaches_everyone_who_is_connected() {
    let mut network = enet_sim::Network::new(3);
    let server = network.add_host(HostConfig::default());
    let clients: Vec<_> = (0..5).map(|_| network.add_host(HostConfig::default())).collect();
    for &client in &clients {
        network.connect(client, server, 2, 0);
    }
    network.run_for(ms(200));
    for &client in &clients {
        assert_eq!(network.take_events(client).len(), 1);
    }
    let took = network.with_host(server, |host| host.broadcast(1, &Packet::reliable(payload(1, 5000))));
    assert_eq!(took, 5);
    network.run_for(ms(500));
    for &client in &clients {
        let events = network.take_events(client);
        let [
            enet_proto::Event::Received {
                channel: 1, ref packet, ..
            },
        ] = events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(packet.data, payload(1, 5000));
    }
}

#[test]
fn with_checksums_a_corrupting_link_harms_nothing() {
    let checked = || config(|config| config.checksum = true);
    let mut pair = Pair::with(4, checked(), checked());
    pair.set_conditions(&Conditions::default().delay(ms(10)).corruption(0.2));
    for number in 0..300 {
        pair.client_sends(0, Packet::reliable(payload(number, 2000))).unwrap();
        pair.client_sends(1, Packet::unreliable(payload(number, 100))).unwrap();
        pair.run_for(ms(10));
    }
    assert!(pair.run_until_quiet(secs(120)));
    pair.run_for(secs(1));
    let received = pair.server_received();
    let all_right = received
        .iter()
        .all(|(_, packet)| packet.data == payload(number_of(&packet.data), packet.data.len()));
    assert!(all_right);
    let reliable: Vec<_> = received.into_iter().filter(|(channel, _)| *channel == 0).collect();
    assert_eq!(numbers(&reliable), (0..300).collect::<Vec<_>>());
    assert!(pair.network.host(pair.server).statistics().dropped.malformed_datagrams > 10);
}

#[test]
fn one_datagram_at_a_time_does_as_well_as_many() {
    for segments in [1, 2, 64] {
        let mut network = enet_sim::Network::new(2);
        network.set_segments(segments);
        let mut pair = Pair::in_network(network, HostConfig::default(), HostConfig::default());
        for number in 0..50 {
            pair.client_sends(0, Packet::reliable(payload(number, 3000))).unwrap();
        }
        assert!(pair.run_until_quiet(secs(20)));
        assert_eq!(numbers(&pair.server_received()), (0..50).collect::<Vec<_>>());
    }
}
