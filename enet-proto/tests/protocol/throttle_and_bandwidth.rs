//! The throttle, the windows, and how bandwidth is shared.

use std::time::Duration;

use enet_proto::{Host, HostConfig, Packet};
use enet_sim::wire::{Body, Command, Connect};
use enet_sim::{Conditions, Network, Pair, Probe, Remote, StockClient};

use crate::common::{acknowledged, address, commands, config, count_payloads, ms, payload, secs};

fn throttle(host: &Host, remote: &Remote) -> u32 {
    host.peer(remote.peer).unwrap().statistics().packet_throttle
}

/// A connection whose first round trip took 100 ms: the throttle's reference is 100 with a variance of 50.
fn joined() -> (Probe, Remote) {
    let mut probe = Probe::new(HostConfig::default());
    let remote = probe.join_slowly(address(1), Connect::default(), ms(100));
    (probe, remote)
}

/// Has a reliable packet acknowledged after `round_trip`, and nothing else meanwhile.
fn sample(probe: &mut Probe, remote: &Remote, round_trip: Duration) {
    let peer = remote.peer;
    let sent = probe.act(|host| host.peer_mut(peer).unwrap().send(0, Packet::reliable("x")).unwrap());
    let reply = remote.acknowledgements(&sent[..1]);
    probe.advance(round_trip);
    probe.receive(remote.address, &reply);
}

#[test]
fn the_throttle_starts_open() {
    let (probe, remote) = joined();
    let statistics = probe.host.peer(remote.peer).unwrap().statistics();
    assert_eq!((statistics.packet_throttle, statistics.packet_throttle_limit), (32, 32));
    assert_eq!(statistics.packet_throttle_interval, 5000);
    assert_eq!(
        (
            statistics.packet_throttle_acceleration,
            statistics.packet_throttle_deceleration
        ),
        (2, 2)
    );
    assert_eq!(
        (statistics.round_trip_time, statistics.round_trip_time_variance),
        (100, 50)
    );
    assert_eq!(
        (
            statistics.last_round_trip_time,
            statistics.last_round_trip_time_variance
        ),
        (100, 50)
    );
}

#[test]
fn round_trips_move_the_mean_by_an_eighth_and_the_variance_by_a_quarter() {
    let (mut probe, remote) = joined();
    sample(&mut probe, &remote, ms(180));
    let statistics = probe.host.peer(remote.peer).unwrap().statistics();
    // 100 + 80 / 8, and 50 - 50 / 4 + 80 / 4; whole milliseconds cut 12.5 off to 12.
    assert_eq!(statistics.round_trip_time, 110);
    assert!(
        (57..=58).contains(&statistics.round_trip_time_variance),
        "{}",
        statistics.round_trip_time_variance
    );
}

#[test]
fn long_round_trips_lower_the_throttle_by_its_deceleration() {
    let (mut probe, remote) = joined();
    for step in 1..=5 {
        sample(&mut probe, &remote, ms(210));
        assert_eq!(throttle(&probe.host, &remote), 32 - 2 * step);
    }
}

#[test]
fn middling_round_trips_leave_it_and_short_ones_raise_it_to_its_limit() {
    let (mut probe, remote) = joined();
    for _ in 0..3 {
        sample(&mut probe, &remote, ms(250));
    }
    assert_eq!(throttle(&probe.host, &remote), 26);
    sample(&mut probe, &remote, ms(190));
    assert_eq!(
        throttle(&probe.host, &remote),
        26,
        "up to twice the variance above the reference nothing changes"
    );
    for expected in [28, 30, 32, 32] {
        sample(&mut probe, &remote, ms(90));
        assert_eq!(throttle(&probe.host, &remote), expected);
    }
}

#[test]
fn it_never_falls_below_nothing() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Connect {
        throttle_deceleration: 20,
        ..Connect::default()
    };
    let remote = probe.join_slowly(address(1), connect, ms(100));
    for expected in [12, 0, 0] {
        sample(&mut probe, &remote, ms(300));
        assert_eq!(throttle(&probe.host, &remote), expected);
    }
}

#[test]
fn the_reference_is_renewed_after_the_interval() {
    let (mut probe, remote) = joined();
    for _ in 0..10 {
        sample(&mut probe, &remote, ms(300));
    }
    assert!(throttle(&probe.host, &remote) < 20);
    probe.advance_acknowledging(&remote, ms(10));
    for _ in 0..25 {
        sample(&mut probe, &remote, ms(300));
    }
    // By now 300 ms are what the link takes.
    assert!(probe.host.peer(remote.peer).unwrap().statistics().last_round_trip_time > 200);
    assert_eq!(throttle(&probe.host, &remote), 32);
}

#[test]
fn a_throttle_that_a_burst_has_lowered_rises_again_while_idle() {
    let mut network = Network::new(1);
    network.set_conditions(Conditions::default().delay(ms(20)));
    let server = network.add_host(config(|config| config.outgoing_bandwidth = 100_000));
    let client = StockClient::new(network.address(server), Connect::default());
    network.add_raw(client);
    network.run_for(secs(12));
    let (peer, _) = network.host(server).peers().next().unwrap();
    let throttle = |network: &Network| network.host(server).peer(peer).unwrap().statistics().packet_throttle;
    for _ in 0..200 {
        network.with_host(server, |host| {
            for _ in 0..10 {
                host.peer_mut(peer)
                    .unwrap()
                    .send(0, Packet::unreliable(payload(0, 1000)))
                    .unwrap();
            }
        });
        network.run_for(ms(10));
    }
    assert!(throttle(&network) < 8, "{}", throttle(&network));
    // By two with each acknowledgement of a ping, which comes every 540 ms.
    network.run_for(secs(10));
    assert_eq!(throttle(&network), 32);
}

#[test]
fn a_closed_throttle_drops_unreliable_packets_and_no_reliable_ones() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Connect {
        throttle_deceleration: 32,
        ..Connect::default()
    };
    let remote = probe.join_slowly(address(1), connect, ms(100));
    sample(&mut probe, &remote, ms(300));
    assert_eq!(throttle(&probe.host, &remote), 0);
    let peer = remote.peer;
    let mut count = |packet: Packet| {
        let sent = probe.act(|host| {
            for _ in 0..320 {
                host.peer_mut(peer).unwrap().send(0, packet.clone()).unwrap();
            }
        });
        probe.acknowledge_all(&remote, &sent);
        count_payloads(&sent)
    };
    // One of 32 values of the counter passes at 0.
    assert!((1..60).contains(&count(Packet::unreliable(payload(0, 4)))));
    assert!((1..60).contains(&count(Packet::unsequenced(payload(0, 4)))));
    assert_eq!(count(Packet::reliable(Vec::new())), 320);
}

#[test]
fn the_throttle_is_asked_once_for_each_packet_although_few_fit_a_datagram() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Connect {
        throttle_deceleration: 17,
        ..Connect::default()
    };
    let remote = probe.join_slowly(address(1), connect, ms(100));
    sample(&mut probe, &remote, ms(300));
    assert_eq!(throttle(&probe.host, &remote), 15);
    let peer = remote.peer;
    let sent = probe.act(|host| {
        for number in 0..2000 {
            let packet = Packet::unreliable(payload(number, 1300));
            host.peer_mut(peer).unwrap().send(0, packet).unwrap();
        }
    });
    // 16 of 32 draws let a packet pass.
    let passed = count_payloads(&sent);
    assert!((850..1150).contains(&passed), "{passed} of 2000");
}

#[test]
fn a_throttled_packet_takes_all_its_fragments_along() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Connect {
        throttle_deceleration: 16,
        ..Connect::default()
    };
    let remote = probe.join_slowly(address(1), connect, ms(100));
    sample(&mut probe, &remote, ms(300));
    assert_eq!(throttle(&probe.host, &remote), 16);
    let peer = remote.peer;
    let sent = probe.act(|host| {
        for number in 0..200 {
            let packet = Packet::unreliable(payload(number, 3000)).with_unreliable_fragments();
            host.peer_mut(peer).unwrap().send(0, packet).unwrap();
        }
    });
    let mut fragments = std::collections::BTreeMap::<u16, u32>::new();
    for command in commands(&sent) {
        if let Body::UnreliableFragment(fragment) = command.body {
            *fragments.entry(fragment.start).or_default() += 1;
        }
    }
    assert!((60..150).contains(&fragments.len()), "{} of 200", fragments.len());
    assert!(fragments.values().all(|count| *count == 3));
}

#[test]
fn the_window_shrinks_with_the_throttle() {
    let mut probe = Probe::new(HostConfig::default());
    let connect = Connect {
        throttle_deceleration: 16,
        ..Connect::default()
    };
    let remote = probe.join_slowly(address(1), connect, ms(100));
    let peer = remote.peer;
    for expected in [32_768, 1392] {
        sample(&mut probe, &remote, ms(300));
        let sent = probe.act(|host| {
            for number in 0..100 {
                host.peer_mut(peer)
                    .unwrap()
                    .send(1, Packet::reliable(payload(number, 1000)))
                    .unwrap();
            }
        });
        let in_flight: usize = commands(&sent)
            .iter()
            .filter_map(Command::payload)
            .map(bytes::Bytes::len)
            .sum();
        assert!(
            in_flight <= expected && in_flight + 1000 > expected,
            "{in_flight} in flight, {expected} allowed"
        );
        // Start over with an empty queue and the throttle as it is: all of it is acknowledged within the reference.
        let mut fresh = sent;
        while !fresh.is_empty() {
            fresh = probe.acknowledge_all(&remote, &fresh);
        }
        while throttle(&probe.host, &remote) > 16 {
            sample(&mut probe, &remote, ms(300));
        }
    }
}

#[test]
fn the_throttle_can_be_configured_and_the_other_side_is_told() {
    let (mut probe, remote) = joined();
    let peer = remote.peer;
    let sent = probe.act(|host| host.peer_mut(peer).unwrap().configure_throttle(secs(1), 5, 7));
    let told = commands(&sent);
    assert_eq!(
        told[0].body,
        Body::ThrottleConfigure {
            interval: 1000,
            acceleration: 5,
            deceleration: 7
        }
    );
    assert!(told[0].acknowledge);
    sample(&mut probe, &remote, ms(300));
    assert_eq!(throttle(&probe.host, &remote), 25);
    sample(&mut probe, &remote, ms(90));
    assert_eq!(throttle(&probe.host, &remote), 30);
}

#[test]
fn a_received_throttle_configuration_is_obeyed() {
    let (mut probe, mut remote) = joined();
    let command = remote.control(Body::ThrottleConfigure {
        interval: 1000,
        acceleration: 3,
        deceleration: 9,
    });
    let datagram = remote.with(&probe, command);
    probe.receive(remote.address, &datagram);
    let statistics = probe.host.peer(remote.peer).unwrap().statistics();
    assert_eq!(statistics.packet_throttle_interval, 1000);
    assert_eq!(
        (
            statistics.packet_throttle_acceleration,
            statistics.packet_throttle_deceleration
        ),
        (3, 9)
    );
    sample(&mut probe, &remote, ms(300));
    assert_eq!(throttle(&probe.host, &remote), 23);
}

#[test]
fn the_window_of_a_server_follows_both_bandwidths() {
    for (own_outgoing, their_incoming, window) in [
        (0, 0, 65_536),
        (131_072, 0, 8192),
        (0, 131_072, 8192),
        (262_144, 131_072, 8192),
        (131_072, 262_144, 8192),
        (1, 0, 4096),
        (u32::MAX, u32::MAX, 65_536),
    ] {
        let mut probe = Probe::new(config(|config| config.outgoing_bandwidth = own_outgoing));
        // What the client offers as window plays no part.
        let connect = Connect {
            incoming_bandwidth: their_incoming,
            window: 5000,
            ..Connect::default()
        };
        let remote = probe.join(address(1), connect);
        let peer = probe.host.peer(remote.peer).unwrap();
        assert_eq!(peer.window(), window, "own {own_outgoing}, theirs {their_incoming}");
    }
}

#[test]
fn a_bandwidth_limit_sets_the_window_anew() {
    let (mut probe, mut remote) = joined();
    for (incoming, window) in [(131_072, 8192), (1, 4096), (0, 65_536), (u32::MAX, 65_536)] {
        let command = remote.control(Body::BandwidthLimit { incoming, outgoing: 77 });
        let datagram = remote.with(&probe, command);
        probe.receive(remote.address, &datagram);
        let peer = probe.host.peer(remote.peer).unwrap();
        assert_eq!((peer.window(), peer.bandwidth()), (window, (incoming, 77)));
    }
}

/// What each of some clients with these outgoing bandwidths is told by a host of such an incoming bandwidth.
fn shares(incoming: u32, clients: &[u32]) -> Vec<u32> {
    let mut probe = Probe::new(config(|config| {
        config.incoming_bandwidth = incoming;
        config.outgoing_bandwidth = 123_456;
    }));
    let remotes: Vec<Remote> = clients
        .iter()
        .zip(1..)
        .map(|(&outgoing_bandwidth, number)| {
            probe.join(
                address(number),
                Connect {
                    outgoing_bandwidth,
                    ..Connect::default()
                },
            )
        })
        .collect();
    let sent = probe.advance(ms(2100));
    let told = |remote: &Remote| {
        let to_it: Vec<_> = sent.iter().filter(|sent| sent.to == remote.address).cloned().collect();
        let limits = commands(&to_it).into_iter().filter_map(|command| match command.body {
            Body::BandwidthLimit { incoming, outgoing } => Some((incoming, outgoing, command.acknowledge)),
            _ => None,
        });
        let (share, outgoing, acknowledge) = limits.last().expect("everyone is told once, within the first seconds");
        assert_eq!((outgoing, acknowledge), (123_456, true));
        share
    };
    remotes.iter().map(told).collect()
}

#[test]
fn the_incoming_bandwidth_is_shared_evenly() {
    assert_eq!(shares(100_000, &[1_000_000, 1_000_000]), [50_000, 50_000]);
    assert_eq!(shares(90_000, &[90_000, 80_000, 40_000]), [30_000, 30_000, 30_000]);
}

#[test]
fn who_sends_less_than_a_share_keeps_it_and_leaves_the_rest() {
    assert_eq!(shares(100_000, &[10_000, 1_000_000]), [10_000, 90_000]);
    assert_eq!(shares(100_000, &[10_000, 40_000, 1_000_000]), [10_000, 40_000, 50_000]);
    assert_eq!(
        shares(100_000, &[0, 1_000_000]),
        [50_000, 50_000],
        "no limit of its own is more than any share"
    );
}

#[test]
fn without_limits_everyone_is_told_that_there_are_none() {
    assert_eq!(shares(0, &[0, 5000]), [0, 0]);
}

#[test]
fn a_changed_limit_is_told_within_a_second_or_so() {
    let (mut probe, remote) = joined();
    probe.advance_acknowledging(&remote, secs(5));
    probe.act(|host| host.set_bandwidth_limit(70_000, 80_000));
    let sent = probe.advance_acknowledging(&remote, secs(2));
    let told = commands(&sent).into_iter().any(|command| {
        matches!(
            command.body,
            Body::BandwidthLimit {
                incoming: 70_000 | 0,
                outgoing: 80_000
            }
        )
    });
    assert!(told, "{:?}", commands(&sent));
    assert_eq!(probe.host.config().incoming_bandwidth, 70_000);
}

#[test]
fn nobody_is_told_what_has_not_changed() {
    let (mut probe, remote) = joined();
    probe.advance_acknowledging(&remote, secs(5));
    let sent = probe.advance_acknowledging(&remote, secs(60));
    let limits = commands(&sent)
        .iter()
        .filter(|command| matches!(command.body, Body::BandwidthLimit { .. }))
        .count();
    assert_eq!(limits, 0);
}

/// How many bytes a second of unreliable data get through when `offered` bytes a second are sent for some seconds.
fn rate(server: HostConfig, client: HostConfig, offered: usize) -> usize {
    let mut network = Network::new(1);
    let client = network.add_host(client);
    let server = network.add_host(server);
    network.connect(client, server, 1, 0);
    network.run_for(secs(2));
    network.take_events(client);
    for _ in 0..1000 {
        network.with_host(server, |host| {
            host.broadcast(0, &Packet::unreliable(payload(0, offered / 100)))
        });
        network.run_for(ms(10));
    }
    network.take_events(client);
    for _ in 0..1000 {
        network.with_host(server, |host| {
            host.broadcast(0, &Packet::unreliable(payload(0, offered / 100)))
        });
        network.run_for(ms(10));
    }
    network.take_events(client).len() * (offered / 100) / 10
}

#[test]
fn unreliable_data_keeps_to_the_own_outgoing_bandwidth() {
    let limited = config(|config| config.outgoing_bandwidth = 40_000);
    let got = rate(limited, HostConfig::default(), 100_000);
    assert!((25_000..60_000).contains(&got), "{got} bytes a second");
}

#[test]
fn unreliable_data_keeps_to_the_incoming_bandwidth_of_the_other_side() {
    let limited = config(|config| config.incoming_bandwidth = 40_000);
    // Who has no limit of its own is told that it has none.
    let server = config(|config| config.outgoing_bandwidth = 10_000_000);
    let got = rate(server, limited, 100_000);
    assert!((25_000..60_000).contains(&got), "{got} bytes a second");
}

#[test]
fn below_the_limit_nothing_is_dropped() {
    let limited = config(|config| config.outgoing_bandwidth = 150_000);
    assert_eq!(rate(limited, HostConfig::default(), 100_000), 100_000);
}

#[test]
fn packet_loss_is_measured_every_ten_seconds() {
    let mut pair = Pair::new(1);
    pair.set_conditions(&Conditions::default().delay(ms(10)).loss(0.2));
    for number in 0..6000 {
        pair.client_sends(0, Packet::reliable(payload(number, 1200))).unwrap();
        pair.run_for(ms(10));
    }
    let statistics = pair
        .network
        .host(pair.client)
        .peer(pair.to_server)
        .unwrap()
        .statistics();
    let share = f64::from(statistics.packet_loss) / 65_536.0;
    // Losses are seen as resends, of which a lost acknowledgement causes one as well: up to 36 %. The mean starts at 0
    // and takes an eighth of each ten seconds, so after a minute it has come half of the way.
    assert!((0.05..0.36).contains(&share), "{share}");
    assert!(statistics.commands_resent > 500);
}

#[test]
fn a_throttle_that_is_configured_while_connecting_is_told_once_connected() {
    let mut network = Network::new(1);
    let (server, client) = (
        network.add_host(HostConfig::default()),
        network.add_host(HostConfig::default()),
    );
    let to_server = network.connect(client, server, 2, 0);
    network.with_host(client, |host| {
        host.peer_mut(to_server).unwrap().configure_throttle(secs(1), 5, 7);
    });
    network.run_for(secs(2));
    let (_, to_client) = network.host(server).peers().next().expect("it has connected");
    assert_eq!(to_client.statistics().packet_throttle_interval, 1000);
    let statistics = network.host(client).peer(to_server).unwrap().statistics();
    assert_eq!(
        (
            statistics.packet_throttle_acceleration,
            statistics.packet_throttle_deceleration
        ),
        (5, 7)
    );
}

#[test]
fn bulk_leaves_unreliable_packets_a_part_of_the_way() {
    for (rate, jitter) in [(1_000_000, 5), (1_000_000, 0), (250_000, 5), (250_000, 0)] {
        let mut pair = Pair::new(1);
        let link = Conditions::default()
            .delay(ms(20))
            .jitter(ms(jitter))
            .bandwidth(rate, 1 << 20);
        pair.set_conditions(&link);
        let (mut sent, mut bulk, mut unreliable) = (0, 0, 0);
        for turn in 0..1200 {
            while sent - bulk < 32 {
                pair.client_sends(0, Packet::reliable(payload(0, 16 * 1024))).unwrap();
                sent += 1;
            }
            pair.client_sends(1, Packet::unreliable(payload(turn, 100))).unwrap();
            pair.run_for(ms(16));
            let received = pair.server_received();
            let of_bulk = received.iter().filter(|(channel, _)| *channel == 0).count();
            bulk += of_bulk;
            unreliable += received.len() - of_bulk;
        }
        assert!(
            unreliable > 400,
            "{unreliable} of 1200 over {rate} bytes a second with {jitter} ms of jitter"
        );
    }
}

#[test]
fn the_first_acknowledgement_to_a_stock_client_is_held_back_for_two_frames() {
    let mut probe = Probe::patient(HostConfig::default());
    let remote = probe.join(address(1), Connect::default());
    let reliable = |number| Command::reliable(0, number, Body::Reliable("data".into()));
    let mut early = probe.receive(address(1), &remote.with(&probe, reliable(1)));
    early.extend(probe.advance(ms(20)));
    early.extend(probe.receive(address(1), &remote.with(&probe, reliable(2))));
    // What else is sent does not take it along.
    early.extend(probe.act(|host| {
        let mut peer = host.peer_mut(remote.peer).unwrap();
        peer.send(0, Packet::unreliable("at once")).unwrap();
    }));
    early.extend(probe.advance(ms(12)));
    assert_eq!(count_payloads(&early), 1);
    assert_eq!(acknowledged(&early), []);
    assert_eq!(acknowledged(&probe.advance(ms(1))), [(0, 1), (0, 2)]);
    let at_once = probe.receive(address(1), &remote.with(&probe, reliable(3)));
    assert_eq!(acknowledged(&at_once), [(0, 3)]);
}

#[test]
fn no_other_acknowledgement_is_held_back() {
    let reliable = || Command::reliable(0, 1, Body::Reliable("data".into()));
    // A larger window than stock hosts offer.
    let connect = Connect {
        window: 65_537,
        ..Connect::default()
    };
    let mut probe = Probe::patient(HostConfig::default());
    let remote = probe.join(address(1), connect);
    assert_eq!(
        acknowledged(&probe.receive(address(1), &remote.with(&probe, reliable()))),
        [(0, 1)]
    );
    // A farewell, and what came before it.
    probe.events();
    let mut remote = probe.join(address(2), Connect::default());
    let sent = probe.receive(address(2), &remote.with(&probe, reliable()));
    assert_eq!(acknowledged(&sent), []);
    let farewell = remote.control(Body::Disconnect { data: 0 });
    let number = farewell.number;
    let sent = probe.receive(address(2), &remote.with(&probe, farewell));
    assert_eq!(acknowledged(&sent), [(0, 1), (255, number)]);
}
