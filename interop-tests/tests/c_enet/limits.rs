//! Bandwidth, throttle, round trip times.

use std::time::Duration;

use bytes::Bytes;
use interop_tests::cenet::Figure;
use interop_tests::payload::Payload;
use interop_tests::side::{Delivery, Kind, Settings, Side};
use netem::Conditions;

use crate::common::{Pair, Way, both_ways, until};

both_ways!(
    throttle_settings_reach_the_other_side,
    bandwidth_limits_are_told,
    bandwidth_limits_of_the_c_library_are_taken,
    packet_loss_is_measured,
    an_incoming_limit_throttles_the_other_side,
    an_own_outgoing_limit_throttles,
    both_sides_measure_the_round_trip,
    pings_keep_an_idle_connection,
    channel_limits_hold_for_later_connections,
);

fn throttle_settings_reach_the_other_side(server: Kind) {
    for way in Way::BOTH {
        let mut pair = Pair::new(server);
        let (from, to_peer, to, from_peer) = pair.ends(way);
        assert_eq!(to.view(from_peer).throttle_settings, (5000, 2, 2));
        from.with(move |host| host.configure_throttle(to_peer, Duration::from_millis(1234), 7, 3));
        until("the new settings", || {
            (to.view(from_peer).throttle_settings == (1234, 7, 3)).then_some(())
        });
        assert_eq!(from.view(to_peer).throttle_settings, (1234, 7, 3));
    }
}

/// What the C side was told, and the window it made of it; then ours limits itself anew.
fn bandwidth_limits_are_told(server: Kind) {
    let pair = Pair::new(server);
    let (ours, c, ours_in_c) = match server {
        Kind::C => (&pair.client, &pair.server, pair.guest),
        Kind::Ours => (&pair.server, &pair.client, pair.home),
    };
    for (incoming, outgoing, window) in [
        (200_000, 100_000, 12288),
        (0, 50_000, 65536),
        (1000, 0, 4096),
        (0, 0, 65536),
    ] {
        ours.with(move |host| host.set_bandwidth_limit(incoming, outgoing));
        let told = move || {
            let figures = c.with(move |host| {
                [Figure::IncomingBandwidth, Figure::OutgoingBandwidth, Figure::Window]
                    .map(|figure| host.figure(ours_in_c, figure))
            });
            (figures == [incoming, outgoing, window]).then_some(())
        };
        until("a limit that was told", told);
    }
}

/// What ours was told when the C side limits itself anew, and the window it made of it.
fn bandwidth_limits_of_the_c_library_are_taken(server: Kind) {
    // The C library shares out its incoming bandwidth among those alone that have told how much they send.
    let told = 10_000_000;
    let pair = Pair::with(server, limited(0, told));
    let (ours, c, c_in_ours) = match server {
        Kind::C => (&pair.client, &pair.server, pair.home),
        Kind::Ours => (&pair.server, &pair.client, pair.guest),
    };
    for (incoming, outgoing, window) in [(200_000, 100_000, 12288), (1000, 0, 4096), (400_000, told, 24576)] {
        c.with(move |host| host.set_bandwidth_limit(incoming, outgoing));
        until("a limit that was taken", || {
            let view = ours.view(c_in_ours);
            (view.bandwidth == (incoming, outgoing) && view.window == window).then_some(())
        });
    }
}

/// Each side finds out for itself what share of its reliable commands came to nothing.
fn packet_loss_is_measured(server: Kind) {
    let loss = 0.1;
    let (mut pair, _relay) = Pair::through(server, 1, Conditions::default().loss(loss));
    let figures = until("a figure of each", || {
        pair.talk();
        let ends = [(&pair.client, pair.home), (&pair.server, pair.guest)];
        let figures = ends.map(|(side, peer)| side.view(peer).packet_loss);
        figures.iter().all(|figure| *figure > 0).then_some(figures)
    });
    // A command or its acknowledgement is lost; and a first interval counts for an eighth.
    let expected = 65536.0 * (1.0 - (1.0 - loss) * (1.0 - loss)) / 8.0;
    for figure in figures {
        let share = f64::from(figure) / expected;
        assert!((0.3..2.0).contains(&share), "{figures:?} of about {expected} each");
    }
}

/// A stream of unreliable packets, for as long as it takes until the throttle's limit falls.
#[track_caller]
fn until_throttled(pair: &mut Pair, way: Way) {
    let data = Payload::new(1, 1000).bytes();
    let (from, to_peer, ..) = pair.ends(way);
    until("a throttle", || {
        let data = data.clone();
        from.with(move |host| {
            for _ in 0..5 {
                host.send(to_peer, 0, &data, Delivery::Unsequenced);
            }
        });
        (from.view(to_peer).throttle_limit < 32).then_some(())
    });
    let view = from.view(to_peer);
    assert!(view.throttle <= view.throttle_limit, "{view:?}");
    // What is reliable passes all the same.
    pair.carry(way, 1, &Bytes::from_static(b"through"), Delivery::Reliable);
}

fn limited(incoming_bandwidth: u32, outgoing_bandwidth: u32) -> Settings {
    Settings {
        incoming_bandwidth,
        outgoing_bandwidth,
        ..Settings::default()
    }
}

fn an_incoming_limit_throttles_the_other_side(server: Kind) {
    let slow = Side::start(server, limited(20_000, 0));
    let mut pair = Pair::of(slow, Side::start(server.other(), limited(0, 1_000_000)));
    until_throttled(&mut pair, Way::ToServer);
}

fn an_own_outgoing_limit_throttles(server: Kind) {
    let slow = Side::start(server, limited(0, 20_000));
    let mut pair = Pair::of(slow, Side::start(server.other(), Settings::default()));
    until_throttled(&mut pair, Way::ToClient);
}

fn both_sides_measure_the_round_trip(server: Kind) {
    let way = Duration::from_millis(40);
    let (mut pair, _relay) = Pair::through(server, 1, Conditions::default().delay(way));
    for _ in 0..5 {
        pair.talk();
    }
    for (side, peer) in [(&pair.client, pair.home), (&pair.server, pair.guest)] {
        let measured = until("a measurement", || {
            side.with(move |host| host.ping(peer));
            let view = side.view(peer);
            (view.round_trip_time < 400).then_some(view.round_trip_time)
        });
        assert!(measured >= 80, "{measured} ms");
    }
}

fn pings_keep_an_idle_connection(server: Kind) {
    let mut pair = Pair::new(server);
    for (side, peer) in [(&pair.client, pair.home), (&pair.server, pair.guest)] {
        side.with(move |host| {
            host.set_ping_interval(peer, Duration::from_millis(50));
            host.set_timeout(peer, 1, Duration::from_millis(300), Duration::from_millis(600));
        });
    }
    assert_eq!(
        pair.client.try_expect(Duration::from_secs(2), |_| true),
        None,
        "nothing happens"
    );
    pair.talk();
}

fn channel_limits_hold_for_later_connections(server: Kind) {
    let mut server_side = Side::start(server, Settings::default());
    let mut client = Side::start(server.other(), Settings::default());
    for limit in [255, 4, 1] {
        server_side.with(move |host| host.set_channel_limit(limit));
        let home = client.connect(server_side.local_addr(), 10, 0);
        client.connected();
        let (guest, _) = server_side.connected();
        let agreed = limit.min(10);
        assert_eq!(
            (client.view(home).channels, server_side.view(guest).channels),
            (agreed, agreed)
        );
    }
}
