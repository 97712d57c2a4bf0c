//! What one peer, or everyone, can make a host hold or send.

use std::cell::RefCell;
use std::rc::Rc;

use enet_proto::{DisconnectReason, Event, Host, HostConfig, Packet, PacketMode, SendError};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram, Fragment};
use enet_sim::{Network, Observed, Pair, Probe, Random, Remote, Stage};

use crate::common::{acknowledged, address, bad_link, config, ms, numbers, packet, payload, secs};

fn joined(settings: HostConfig) -> (Probe, Remote) {
    let mut probe = Probe::new(settings);
    let remote = probe.join(
        address(1),
        Connect {
            channels: 255,
            ..Connect::default()
        },
    );
    (probe, remote)
}

fn waiting(probe: &Probe, remote: &Remote) -> usize {
    probe.host.peer(remote.peer).unwrap().waiting_data()
}

#[test]
fn no_datagram_is_above_the_mtu_agreed_on() {
    for (client, server) in [(576, 4096), (4096, 576), (1392, 1000), (4096, 4096)] {
        let mut pair = Pair::with(
            1,
            config(|config| config.mtu = client),
            config(|config| config.mtu = server),
        );
        let longest = Rc::new(RefCell::new(0));
        let seen = longest.clone();
        pair.network.tap(move |observed: &Observed<'_>| {
            let longest = &mut *seen.borrow_mut();
            *longest = observed.datagram.len().max(*longest);
        });
        pair.set_conditions(&bad_link());
        let mut random = Random::new(2);
        for number in 0..300 {
            let mode =
                [PacketMode::Reliable, PacketMode::Unreliable, PacketMode::Unsequenced][random.below(3) as usize];
            let mut packet = packet(mode, payload(number, random.below(6000) as usize));
            packet.unreliable_fragments = random.chance(0.5);
            pair.client_sends(random.below(9) as u8, packet.clone()).unwrap();
            pair.server_sends(random.below(9) as u8, packet).unwrap();
            pair.run_for(ms(10));
        }
        assert!(pair.run_until_quiet(secs(60)));
        let mtu = client.min(server) as usize;
        assert_eq!(
            *longest.borrow(),
            mtu,
            "a full datagram is as long as the MTU of {mtu}, none is longer"
        );
    }
}

/// Hands a fragment of one byte of each of 25 500 packets of 32 MiB to a host, 100 on each of 255 channels.
fn announce(fragment: impl Fn(u16) -> Fragment) -> usize {
    let (mut probe, remote) = joined(HostConfig::default());
    let mut sent = 0;
    for channel in 0..255 {
        for packet in 0..100u16 {
            let command = Command::reliable(channel, packet + 1, Body::Fragment(fragment(packet * 200 + 1)));
            let datagram = remote.with(&probe, command);
            sent += datagram.encode().len();
            probe.receive(remote.address, &datagram);
        }
    }
    assert!(sent < 1_000_000);
    waiting(&probe, &remote)
}

#[test]
fn announced_packets_hold_no_more_than_what_came_of_them() {
    let total = 32 * 1024 * 1024;
    let one = || vec![1u8].into();
    // The first byte; no true sender cuts a packet like that.
    let held = announce(|start| Fragment {
        start,
        count: 150,
        number: 0,
        total,
        offset: 0,
        data: one(),
    });
    assert!(held <= 2 * 1024 * 1024, "{held} bytes held");
    // The last byte of packets cut into pieces of 601, which fits.
    let held = announce(|start| Fragment {
        start,
        count: 55_832,
        number: 55_831,
        total,
        offset: total - 1,
        data: one(),
    });
    assert!(held <= 2 * 1024 * 1024, "{held} bytes held");
}

#[test]
fn empty_packets_that_came_early_count_for_what_they_cost() {
    let limit = 1 << 20;
    let (mut probe, remote) = joined(config(|config| config.max_waiting_data = limit));
    let mut refused = 0;
    for channel in 0..20 {
        for number in 2..4000 {
            let command = Command::reliable(channel, number, Body::Reliable(Vec::new().into()));
            let datagram = remote.with(&probe, command);
            let answers = probe.receive(remote.address, &datagram);
            refused += usize::from(acknowledged(&answers).is_empty());
        }
    }
    let held = waiting(&probe, &remote);
    assert!(held <= limit + 1000 && held > limit / 2, "{held} bytes held");
    let kept = 20 * 3998 - refused;
    assert!(refused > 10_000 && kept * 32 <= limit, "{kept} empty packets kept");
    // What was acknowledged is delivered once the missing ones come.
    let mut delivered = 0;
    for channel in 0..20 {
        let command = Command::reliable(channel, 1, Body::Reliable(Vec::new().into()));
        let datagram = remote.with(&probe, command);
        probe.receive(remote.address, &datagram);
        delivered += probe.received().len();
    }
    assert!(delivered >= kept, "{delivered} delivered of {kept} acknowledged");
    assert_eq!(waiting(&probe, &remote), 0);
}

#[test]
fn early_packets_in_descending_order_cost_no_more_time() {
    let (mut probe, remote) = joined(HostConfig::default());
    for number in (2..=20_000).rev() {
        let datagram = remote.with(&probe, Command::reliable(0, number, Body::Reliable(Vec::new().into())));
        probe.receive(remote.address, &datagram);
    }
    let datagram = remote.with(&probe, Command::reliable(0, 1, Body::Reliable(Vec::new().into())));
    probe.receive(remote.address, &datagram);
    assert_eq!(probe.received().len(), 20_000);
}

#[test]
fn a_program_that_does_not_receive_stops_the_sender_and_loses_nothing() {
    let limit = 200_000;
    let mut pair = Pair::with(
        1,
        HostConfig::default(),
        config(|config| config.max_waiting_data = limit),
    );
    let peer = pair.to_client;
    pair.network
        .with_host(pair.server, |host| host.peer_mut(peer).unwrap().set_receiving(false));
    for number in 0..1000 {
        pair.client_sends(0, Packet::reliable(payload(number, 1000))).unwrap();
    }
    pair.run_for(secs(4));
    assert!(pair.server_received().is_empty());
    let held = pair.network.host(pair.server).peer(peer).unwrap().waiting_data();
    assert!(held > limit / 2 && held < limit + 10_000, "{held} bytes held");
    pair.network
        .with_host(pair.server, |host| host.peer_mut(peer).unwrap().set_receiving(true));
    assert!(pair.run_until_quiet(secs(60)));
    assert_eq!(numbers(&pair.server_received()), (0..1000).collect::<Vec<_>>());
}

#[test]
fn what_is_held_can_be_taken_one_by_one_and_given_back_in_its_order() {
    let mut pair = Pair::new(1);
    let peer = pair.to_client;
    for number in 0..20 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
    }
    pair.run_for(secs(1));
    let mut received = pair.server_received();
    let late = received.split_off(10);
    let given_back = |host: &mut Host| {
        let mut peer = host.peer_mut(peer).unwrap();
        assert_eq!(peer.take_held(), None);
        peer.set_receiving(false);
        for (channel, packet) in late {
            peer.put_back(channel, packet);
        }
        assert!(peer.waiting_data() >= 1000);
    };
    pair.network.with_host(pair.server, given_back);
    for number in 20..30 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
    }
    pair.run_for(secs(1));
    assert!(pair.server_received().is_empty());
    pair.network.with_host(pair.server, |host| {
        let mut peer = host.peer_mut(peer).unwrap();
        let before = peer.waiting_data();
        received.extend(std::iter::from_fn(|| peer.take_held()).take(15));
        assert!(peer.waiting_data() < before / 2, "what is taken counts no more");
        peer.set_receiving(true);
    });
    received.extend(pair.server_received());
    assert_eq!(numbers(&received), (0..30).collect::<Vec<_>>());
    assert_eq!(pair.network.host(pair.server).peer(peer).unwrap().waiting_data(), 0);
}

#[test]
fn what_a_peer_sent_before_it_left_is_there_for_a_program_that_did_not_receive() {
    let mut pair = Pair::new(1);
    let (client, server) = (pair.to_client, pair.to_server);
    pair.network
        .with_host(pair.server, |host| host.peer_mut(client).unwrap().set_receiving(false));
    for number in 0..100 {
        pair.client_sends(0, Packet::reliable(payload(number, 100))).unwrap();
    }
    pair.network
        .with_host(pair.client, |host| host.peer_mut(server).unwrap().disconnect_later(7));
    pair.run_for(secs(4));
    let events = pair.network.take_events(pair.server);
    let (last, received) = events.split_last().unwrap();
    assert!(
        matches!(
            last,
            Event::Disconnected {
                reason: DisconnectReason::Remote { data: 7 },
                ..
            }
        ),
        "{last:?}"
    );
    assert_eq!(received.len(), 100);
}

#[test]
fn packets_above_the_maximum_are_refused_on_arrival() {
    let (mut probe, remote) = joined(config(|config| config.max_packet_size = 1000));
    let datagram = remote.with(&probe, Command::reliable(0, 1, Body::Reliable(payload(1, 1001))));
    assert!(acknowledged(&probe.receive(remote.address, &datagram)).is_empty());
    let fragment = Fragment {
        start: 1,
        count: 2,
        number: 0,
        total: 1001,
        offset: 0,
        data: payload(1, 600),
    };
    let datagram = remote.with(&probe, Command::reliable(0, 1, Body::Fragment(fragment)));
    assert!(acknowledged(&probe.receive(remote.address, &datagram)).is_empty());
    assert!(probe.events().is_empty());
    let datagram = remote.with(&probe, Command::reliable(0, 1, Body::Reliable(payload(1, 1000))));
    assert_eq!(acknowledged(&probe.receive(remote.address, &datagram)), [(0, 1)]);
    assert_eq!(probe.received().len(), 1);
}

#[test]
fn the_queue_to_a_peer_that_takes_nothing_is_bounded_and_it_is_dropped() {
    let limit = 100_000;
    let (mut probe, remote) = joined(config(|config| config.max_queued_data = limit));
    let peer = remote.peer;
    let mut refused = None;
    for _ in 0..1000 {
        let result = probe
            .host
            .peer_mut(peer)
            .unwrap()
            .send(0, Packet::reliable(payload(1, 1000)));
        refused = refused.or(result.err());
    }
    let Some(SendError::QueueFull { queued, maximum }) = refused else {
        panic!("{refused:?}")
    };
    assert!(queued <= limit && maximum == limit);
    assert!(probe.host.peer(peer).unwrap().queued_data() <= limit);
    probe.advance(secs(40));
    let ended = Event::Disconnected {
        peer,
        reason: DisconnectReason::TimedOut,
    };
    assert_eq!(probe.events(), [ended]);
}

#[test]
fn one_packet_of_any_allowed_size_fits_an_empty_queue() {
    let mut pair = Pair::with(1, config(|config| config.max_queued_data = 1000), HostConfig::default());
    for number in 0..3 {
        pair.client_sends(0, Packet::reliable(payload(number, 100_000)))
            .unwrap();
        assert!(matches!(
            pair.client_sends(0, Packet::reliable("more")),
            Err(SendError::QueueFull { .. })
        ));
        assert!(pair.run_until_quiet(secs(60)));
    }
    assert_eq!(numbers(&pair.server_received()), [0, 1, 2]);
}

#[test]
fn what_a_peer_held_is_free_when_it_has_left() {
    let (mut probe, mut remote) = joined(HostConfig::default());
    for number in 2..1000 {
        let datagram = remote.with(&probe, Command::reliable(0, number, Body::Reliable(payload(1, 500))));
        probe.receive(remote.address, &datagram);
    }
    assert!(waiting(&probe, &remote) > 499_000);
    let leave = remote.control(Body::Disconnect { data: 0 });
    let datagram = remote.with(&probe, leave);
    probe.receive(remote.address, &datagram);
    assert_eq!(probe.events().len(), 1);
    assert_eq!(probe.host.peers().count(), 0);
}

#[test]
fn a_flood_of_connects_does_not_keep_an_honest_client_out() {
    let mut probe = Probe::new(config(|config| config.max_half_open = 1000));
    let mut random = Random::new(1);
    let flood = |probe: &mut Probe, random: &mut Random, count: u32| {
        let (mut inward, mut outward) = (0, 0);
        for _ in 0..count {
            let connect = Connect {
                connect_id: random.next_u64() as u32,
                ..Connect::default()
            };
            let datagram = Datagram::connect(probe.wire_time(), connect);
            let from = address(random.below(1 << 24) as u32);
            inward += datagram.encode().len();
            outward += probe
                .receive(from, &datagram)
                .iter()
                .map(|sent| sent.bytes.len())
                .sum::<usize>();
        }
        assert!(outward <= inward);
    };
    flood(&mut probe, &mut random, 50_000);
    let honest = probe.join_slowly("198.51.100.9:4000".parse().unwrap(), Connect::default(), ms(0));
    flood(&mut probe, &mut random, 50_000);
    assert!(probe.events().is_empty());
    assert_eq!(probe.host.peers().count(), 1);
    let datagram = honest.with(&probe, Command::reliable(0, 1, Body::Reliable("still here".into())));
    probe.receive(honest.address, &datagram);
    assert_eq!(probe.received(), ["still here"]);
    assert!(probe.host.statistics().dropped.evicted_half_open > 90_000);
}

#[test]
fn stock_clients_join_while_connects_pour_in() {
    let mut network = Network::new(1);
    let server = network.add_host(config(|config| config.max_half_open = 2000));
    let mut random = Random::new(1);
    let clients: Vec<_> = (0..20)
        .map(|_| network.add_raw(enet_sim::StockClient::new(network.address(server), Connect::default())))
        .collect();
    // 20 000 a second from changing addresses for three seconds.
    for _ in 0..3000 {
        for _ in 0..20 {
            let connect = Connect {
                connect_id: random.next_u64() as u32,
                ..Connect::default()
            };
            let datagram = Datagram::connect(0, connect);
            network.inject(
                address(0x1000_0000 + random.below(1 << 24) as u32),
                server,
                datagram.encode(),
            );
        }
        network.run_for(ms(1));
    }
    let joined = clients
        .iter()
        .filter(|client| network.raw::<enet_sim::StockClient>(**client).state() == enet_sim::StockState::Connected)
        .count();
    assert_eq!(joined, 20);
    assert_eq!(network.host(server).peers().count(), 20);
}

#[test]
fn completed_handshakes_are_limited_per_address() {
    let mut probe = Probe::new(config(|config| config.duplicate_peers = 10));
    let ip = address(1).ip();
    for port in 1..=10 {
        probe.join((ip, port).into(), Connect::default());
    }
    for port in 11..1000 {
        let datagram = Datagram::connect(0, Connect::default());
        assert!(probe.receive((ip, port).into(), &datagram).is_empty());
    }
    assert_eq!(probe.host.peers().count(), 10);
}

#[test]
fn acks_that_match_nothing_cost_little_and_harm_nothing() {
    let (mut probe, remote) = joined(HostConfig::default());
    let peer = remote.peer;
    probe.act(|host| {
        for number in 0..4000 {
            host.peer_mut(peer)
                .unwrap()
                .send((number % 255) as u8, Packet::reliable(Vec::new()))
                .unwrap();
        }
    });
    let time = probe.wire_time();
    let mut datagram = remote.datagram();
    datagram.commands = (0..170)
        .map(|at| Command::acknowledgement((at % 200) as u8, 30_000 + at, time))
        .collect();
    let bytes = datagram.encode();
    // 1.7 million of them.
    for _ in 0..10_000 {
        probe.receive_bytes(remote.address, bytes.clone());
    }
    assert!(probe.host.statistics().dropped.unmatched_acknowledgements > 0);
    assert!(probe.events().is_empty());
    probe.advance_acknowledging(&remote, secs(20));
    assert_eq!(probe.host.peer(peer).unwrap().queued_data(), 0);
}

#[test]
fn a_client_that_acknowledges_slowly_holds_no_more_than_its_queue() {
    let limit = 500_000;
    let mut pair = Pair::with(
        1,
        HostConfig::default(),
        config(|config| config.max_queued_data = limit),
    );
    // Twenty commands a second come back.
    let client = pair.network.address(pair.client);
    let mut budget = 0;
    let mut second = 0;
    pair.network.set_filter(move |observed: &Observed<'_>| {
        assert_eq!(observed.stage, Stage::Sent);
        if observed.from != client {
            return true;
        }
        if observed.now.as_millis() / 1000 != second {
            second = observed.now.as_millis() / 1000;
            budget = 20;
        }
        let count = Datagram::parse(observed.datagram).map_or(0, |datagram| datagram.commands.len());
        let passes = budget >= count;
        budget -= if passes { count } else { 0 };
        passes
    });
    let mut told = 0;
    for number in 0..600 {
        for _ in 0..100 {
            if !pair.network.host(pair.server).peers().any(|_| true) {
                break;
            }
            told += usize::from(pair.server_sends(0, Packet::reliable(payload(number, 1000))).is_err());
        }
        let held: usize = pair
            .network
            .host(pair.server)
            .peers()
            .map(|(_, peer)| peer.queued_data())
            .sum();
        assert!(held <= limit);
        pair.run_for(ms(50));
    }
    assert!(told > 1000, "the program was told {told} times");
}

#[test]
fn control_commands_of_others_change_nothing_here() {
    let (mut probe, remote) = joined(HostConfig::default());
    let before = probe.host.peer(remote.peer).unwrap().statistics();
    let forged = [
        Body::Disconnect { data: 1 },
        Body::ThrottleConfigure {
            interval: 1,
            acceleration: 0,
            deceleration: 32,
        },
        Body::BandwidthLimit {
            incoming: 1,
            outgoing: 1,
        },
        Body::Acknowledge {
            number: 1,
            sent_time: probe.wire_time(),
        },
    ];
    let elsewhere = [address(2), (remote.address.ip(), remote.address.port() + 1).into()];
    for from in elsewhere {
        for body in forged.clone() {
            for acknowledge in [true, false] {
                let command = Command {
                    acknowledge,
                    unsequenced: !acknowledge,
                    ..Command::control(1, body.clone())
                };
                assert!(probe.receive(from, &remote.with(&probe, command)).is_empty());
            }
        }
    }
    let peer = probe.host.peer(remote.peer).unwrap();
    let after = peer.statistics();
    assert_eq!(
        (after.packet_throttle_interval, peer.window()),
        (before.packet_throttle_interval, 65_536)
    );
    assert_eq!(probe.host.statistics().dropped.unknown_peer, 16);
    let ping = remote.with(&probe, Command::control(50, Body::Ping));
    assert_eq!(acknowledged(&probe.receive(remote.address, &ping)), [(CONTROL, 50)]);
}

#[test]
fn who_waits_for_room_is_told_once_when_there_is_some() {
    let (mut probe, remote) = joined(HostConfig::default());
    let peer = remote.peer;
    let sent = probe.act(|host| {
        let mut peer = host.peer_mut(peer).unwrap();
        for number in 0..20 {
            peer.send(0, Packet::reliable(payload(number, 1000))).unwrap();
        }
        peer.notify_room(10_000);
    });
    assert_eq!(probe.host.poll_room(), None);
    let acknowledgements = remote.acknowledgements(&sent).commands;
    for (number, acknowledgement) in acknowledgements.iter().enumerate() {
        probe.give(&remote, std::slice::from_ref(acknowledgement));
        let held = probe.host.peer(peer).unwrap().queued_data();
        let told = probe.host.poll_room();
        let first = held <= 10_000 && held + 1200 > 10_000;
        assert_eq!(told, first.then_some(peer), "{held} bytes after {number}");
    }
    probe.act(|host| host.peer_mut(peer).unwrap().notify_room(0));
    assert_eq!(probe.host.poll_room(), Some(peer), "at once if it is so");
}
