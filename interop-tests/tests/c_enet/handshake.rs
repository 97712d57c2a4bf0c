//! Coming to terms.

use std::time::Duration;

use bytes::Bytes;
use interop_tests::cenet::{Figure, version};
use interop_tests::relay::Relay;
use interop_tests::side::{Delivery, Event, Host, Kind, Settings, Side};
use netem::Conditions;

use crate::common::{Pair, Way, both_ways, until};

both_ways!(
    connect_data_arrives,
    the_smaller_channel_count_holds,
    the_smaller_mtu_holds,
    windows_follow_the_bandwidth_limits,
    a_slot_is_used_again_and_again,
    a_client_connects_several_times_at_once,
    a_handshake_survives_loss,
    an_acknowledgement_of_the_answer_that_is_lost_for_long_costs_no_connection,
    a_full_server_does_not_answer_until_there_is_room,
    peers_from_one_address_are_limited,
    nobody_there_is_found_out,
);

/// A server of a kind and a client of the other.
fn sides(server: Kind, server_settings: Settings, client_settings: Settings) -> (Side, Side) {
    (
        Side::start(server, server_settings),
        Side::start(server.other(), client_settings),
    )
}

fn connect_data_arrives(server: Kind) {
    let (mut server, mut client) = sides(server, Settings::default(), Settings::default());
    for sent in [0, 1, 0x7fff_ffff, u32::MAX] {
        let home = client.connect(server.local_addr(), 1, sent);
        assert_eq!(client.connected(), (home, 0));
        assert_eq!(server.connected().1, sent);
    }
}

fn the_smaller_channel_count_holds(server: Kind) {
    for (limit, asked) in [(255, 255), (255, 1), (1, 255), (3, 2), (2, 2)] {
        let limited = Settings {
            channels: limit,
            ..Settings::default()
        };
        let (mut server, mut client) = sides(server, limited, Settings::default());
        let home = client.connect(server.local_addr(), asked, 0);
        client.connected();
        let (guest, _) = server.connected();
        let agreed = limit.min(asked);
        assert_eq!(
            (client.view(home).channels, server.view(guest).channels),
            (agreed, agreed)
        );
        let last = u8::try_from(agreed - 1).expect("a channel");
        let mut pair = Pair {
            server,
            client,
            guest,
            home,
        };
        for way in Way::BOTH {
            let data = Bytes::from_static(b"on the last one");
            pair.carry(way, last, &data, Delivery::Reliable);
            let (from, to, ..) = pair.ends(way);
            assert!(!from.send(to, last.wrapping_add(1).max(1), &data, Delivery::Reliable));
        }
    }
}

fn the_smaller_mtu_holds(server: Kind) {
    // Servers of the library up to 1.3.17 take what the client offers.
    let takes_all = server == Kind::C && version() < (1, 3, 18);
    for (one, other) in [(1392, 576), (576, 1392), (4096, 1392), (4096, 4096)] {
        let of = |mtu| Settings {
            mtu,
            ..Settings::default()
        };
        let (server, client) = sides(server, of(one), of(other));
        let mut pair = Pair::of(server, client);
        let agreed = u32::from(if takes_all { other } else { one.min(other) });
        assert_eq!(pair.client.view(pair.home).mtu, agreed);
        assert_eq!(pair.server.view(pair.guest).mtu, agreed);
        pair.talk();
    }
}

fn windows_follow_the_bandwidth_limits(server: Kind) {
    // What the C side sends with is what it made of our command, and what we made of its.
    let limited = |incoming_bandwidth, outgoing_bandwidth| Settings {
        incoming_bandwidth,
        outgoing_bandwidth,
        ..Settings::default()
    };
    for (server_limits, client_limits, server_window, client_window) in [
        ((0, 0), (0, 0), 65536, 65536),
        ((300_000, 0), (0, 0), 65536, 16384),
        ((0, 300_000), (0, 0), 16384, 65536),
        ((0, 0), (0, 400_000), 65536, 24576),
        ((0, 0), (140_000, 0), 8192, 65536),
        ((1000, 1000), (1000, 1000), 4096, 4096),
        ((500_000, 0), (0, 400_000), 65536, 24576),
    ] {
        let (own, others) = (
            limited(server_limits.0, server_limits.1),
            limited(client_limits.0, client_limits.1),
        );
        let (mut host, mut client) = sides(server, own, others);
        let home = client.connect(host.local_addr(), 1, 0);
        client.connected();
        let (guest, _) = host.connected();
        let case = format!("{server_limits:?} {client_limits:?}");
        match server {
            Kind::C => assert_eq!(
                host.with(move |host| host.figure(guest, Figure::Window)),
                server_window,
                "{case}"
            ),
            Kind::Ours => assert_eq!(
                client.with(move |host| host.figure(home, Figure::Window)),
                client_window,
                "{case}"
            ),
        }
    }
}

fn a_slot_is_used_again_and_again(server: Kind) {
    let (mut server, mut client) = sides(server, Settings::default(), Settings::default());
    for round in 0..10 {
        let home = client.connect(server.local_addr(), 2, round);
        assert_eq!(client.connected(), (home, 0));
        let (guest, data) = server.connected();
        assert_eq!(data, round);
        let mut pair = Pair {
            server,
            client,
            guest,
            home,
        };
        pair.talk();
        Pair { server, client, .. } = pair;
        if round % 2 == 0 {
            client.with(move |host| host.disconnect(home, 1));
        } else {
            server.with(move |host| host.disconnect(guest, 1));
        }
        let ends = [client.disconnected(home), server.disconnected(guest)];
        assert_eq!(ends.iter().sum::<u32>(), 1, "one side was told");
    }
}

fn a_client_connects_several_times_at_once(server: Kind) {
    let (mut server, mut client) = sides(server, Settings::default(), Settings::default());
    let mut homes = Vec::new();
    for number in 0..8 {
        homes.push(client.connect(server.local_addr(), 2, number));
    }
    let mut guests = vec![None; homes.len()];
    for _ in &homes {
        client.connected();
        let (guest, number) = server.connected();
        guests[number as usize] = Some(guest);
    }
    for (number, (&home, guest)) in homes.iter().zip(guests).enumerate() {
        let mut pair = Pair {
            server,
            client,
            guest: guest.expect("it is connected"),
            home,
        };
        pair.talk();
        if number == 3 {
            pair.client.with(move |host| host.disconnect(home, 5));
            assert_eq!(pair.server.disconnected(pair.guest), 5);
            assert_eq!(pair.client.disconnected(home), 0);
        }
        Pair { server, client, .. } = pair;
    }
}

fn a_handshake_survives_loss(server: Kind) {
    let conditions = Conditions::default()
        .loss(0.3)
        .delay(Duration::from_millis(2))
        .duplication(0.2);
    for seed in 0..5 {
        let (mut pair, relay) = Pair::through(server, seed, conditions.clone());
        relay.set_conditions(&Conditions::default());
        pair.talk();
        let connected = |event: &Event| matches!(event, Event::Connected { .. });
        assert_eq!(
            pair.server.try_expect(Duration::ZERO, connected),
            None,
            "one connection is one connection"
        );
    }
}

fn an_acknowledgement_of_the_answer_that_is_lost_for_long_costs_no_connection(server: Kind) {
    let (mut server, mut client) = sides(server, Settings::default(), Settings::default());
    let relay = Relay::start(server.local_addr(), 1, Conditions::default()).expect("a relay");
    relay.set_conditions_to_clients(Conditions::default().delay(Duration::from_millis(100)));
    let home = client.connect(relay.local_addr(), 2, 0);
    until("a CONNECT", || {
        (server.with(|host| host.datagrams_received()) > 0).then_some(())
    });
    relay.set_conditions_to_server(Conditions::default().down(true));
    assert_eq!(client.connected(), (home, 0));
    // The server knows nothing of it, and confirms nothing the client sends.
    let gone = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert_eq!(client.try_expect(Duration::from_secs(6), gone), None);
    relay.set_conditions(&Conditions::default());
    let (guest, _) = server.connected();
    let mut pair = Pair {
        server,
        client,
        guest,
        home,
    };
    pair.talk();
}

fn a_full_server_does_not_answer_until_there_is_room(server: Kind) {
    let small = Settings {
        peers: 2,
        ..Settings::default()
    };
    let (mut server, mut client) = sides(server, small, Settings::default());
    let homes = [1, 2].map(|number| client.connect(server.local_addr(), 1, number));
    for _ in homes {
        client.connected();
        server.connected();
    }
    let waiting = client.connect(server.local_addr(), 1, 3);
    let connected = |event: &Event| matches!(event, Event::Connected { .. });
    assert_eq!(client.try_expect(Duration::from_millis(700), connected), None);
    assert_eq!(client.view(waiting).state, 1, "it is connecting");
    client.with(move |host| host.disconnect(homes[0], 0));
    assert_eq!(client.connected(), (waiting, 0));
    assert_eq!(server.connected().1, 3);
}

fn peers_from_one_address_are_limited(server: Kind) {
    let limited = Settings {
        duplicate_peers: 2,
        ..Settings::default()
    };
    let (mut server, mut client) = sides(server, limited, Settings::default());
    for number in 0..2 {
        client.connect(server.local_addr(), 1, number);
        client.connected();
        server.connected();
    }
    client.connect(server.local_addr(), 1, 2);
    let connected = |event: &Event| matches!(event, Event::Connected { .. });
    assert_eq!(client.try_expect(Duration::from_millis(700), connected), None);
}

fn nobody_there_is_found_out(server: Kind) {
    let hole = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let mut client = Side::start(server.other(), Settings::default());
    let home = client.connect(hole.local_addr().expect("its number"), 1, 0);
    client.with(move |host| host.set_timeout(home, 1, Duration::from_millis(100), Duration::from_millis(300)));
    assert_eq!(client.disconnected(home), 0);
}

#[test]
fn a_server_of_ours_that_accepts_nobody_does_not_answer() {
    let (mut server, mut client) = sides(Kind::Ours, Settings::default(), Settings::default());
    let accept = |server: &Side, yes| {
        server.with(move |host| match host {
            Host::Ours(ours) => ours.endpoint.set_accepting(yes),
            Host::C(_) => unreachable!("it is ours"),
        });
    };
    accept(&server, false);
    let relay = Relay::start(server.local_addr(), 1, Conditions::default()).expect("a relay");
    relay.record();
    let home = client.connect(relay.local_addr(), 1, 9);
    let connected = |event: &Event| matches!(event, Event::Connected { .. });
    assert_eq!(client.try_expect(Duration::from_millis(300), connected), None);
    let server_address = server.local_addr();
    assert!(
        relay.recorded().iter().all(|datagram| datagram.to == server_address),
        "nothing came back"
    );
    accept(&server, true);
    assert_eq!(client.connected(), (home, 0));
    assert_eq!(server.connected().1, 9);
}
