//! How long packets may be, how many may come, how much may wait.

use std::time::Duration;

use bytes::Bytes;
use interop_tests::payload::Payload;
use interop_tests::side::{Delivery, Event, Kind, Settings, Side};

use crate::common::{Pair, Way, both_ways};

both_ways!(
    packets_above_the_own_maximum_are_refused,
    packets_above_the_maximum_of_the_other_side_do_not_arrive,
    more_than_may_wait_is_refused_and_comes_again,
    limits_can_be_changed_at_any_time,
);

fn sized(max_packet_size: usize) -> Settings {
    Settings {
        max_packet_size,
        ..Settings::default()
    }
}

/// In one datagram, and in several.
const MAXIMA: [usize; 2] = [1000, 10_000];

fn packets_above_the_own_maximum_are_refused(server: Kind) {
    for maximum in MAXIMA {
        let mut pair = Pair::with(server, sized(maximum));
        for way in Way::BOTH {
            for delivery in Delivery::ALL {
                let (from, to, ..) = pair.ends(way);
                let long = Payload::new(1, maximum + 1).bytes();
                assert!(!from.send(to, 0, &long, delivery), "{maximum} {delivery:?} {way:?}");
                pair.carry(way, 0, &Payload::new(2, maximum).bytes(), delivery);
            }
        }
    }
}

/// Sends what the other side does not take, and then what it does; only the latter comes.
#[track_caller]
fn assert_maximum(pair: &mut Pair, way: Way, maximum: usize) {
    // A reliable one would be resent until the connection ends.
    let long = Payload::new(1, maximum + 1).bytes();
    let full = Payload::new(2, maximum).bytes();
    let (from, to_peer, to, from_peer) = pair.ends(way);
    for _ in 0..3 {
        assert!(from.send(to_peer, 0, &long, Delivery::UnreliableFragments));
    }
    assert!(from.send(to_peer, 0, &full, Delivery::Reliable));
    let expected = Event::Received {
        peer: from_peer,
        channel: 0,
        data: full,
        delivery: Delivery::Reliable,
    };
    assert!(to.next_event() == expected, "the shorter one comes, and alone");
}

fn packets_above_the_maximum_of_the_other_side_do_not_arrive(server: Kind) {
    for maximum in MAXIMA {
        let server_side = Side::start(server, sized(maximum));
        let mut pair = Pair::of(server_side, Side::start(server.other(), Settings::default()));
        assert_maximum(&mut pair, Way::ToServer, maximum);
        pair.talk();
    }
}

fn more_than_may_wait_is_refused_and_comes_again(server: Kind) {
    const PACKETS: u32 = 13;
    const SIZE: usize = 100;
    let little = Settings {
        max_waiting_data: 1000,
        // Ours has room for one more packet that is next in order.
        max_packet_size: SIZE,
        ..Settings::default()
    };
    for way in Way::BOTH {
        let mut pair = Pair::with(server, little);
        let (from, to_peer, to, _) = pair.ends(way);
        // Several in a datagram, of which not all may wait.
        from.with(move |host| {
            for number in 0..PACKETS {
                assert!(host.send(to_peer, 0, &Payload::new(number, SIZE).bytes(), Delivery::Reliable));
            }
            host.flush();
        });
        for number in 0..PACKETS {
            let data = Payload::new(number, SIZE).bytes();
            let next = to.next_event();
            let is_it = matches!(&next, Event::Received { data: came, .. } if *came == data);
            assert!(is_it, "after {number} packets {way:?}: {next:?}");
        }
        // Ours tells that it was so: what it has refused, or what it had to send again.
        let refused = to.with(|host| host.refused());
        let struck = refused.or_else(|| from.with(move |host| host.resent(to_peer)));
        assert!(struck > Some(0), "{way:?}");
        pair.talk();
    }
}

fn limits_can_be_changed_at_any_time(server: Kind) {
    let mut pair = Pair::new(server);
    pair.server.with(|host| host.set_limits(1, 2000));
    assert_maximum(&mut pair, Way::ToServer, 2000);
    let (from, to, ..) = pair.ends(Way::ToClient);
    assert!(!from.send(to, 0, &Payload::new(1, 2001).bytes(), Delivery::Reliable));
    let mut other = Side::start(server.other(), Settings::default());
    let home = other.connect(pair.server.local_addr(), 1, 3);
    let connected = |event: &Event| matches!(event, Event::Connected { .. });
    assert_eq!(other.try_expect(Duration::from_millis(700), connected), None);
    pair.server.with(|host| host.set_limits(2, 3000));
    assert_eq!(other.connected(), (home, 0));
    assert_eq!(pair.server.connected().1, 3);
    assert_maximum(&mut pair, Way::ToServer, 3000);
    pair.carry(Way::ToClient, 0, &Bytes::from(vec![7; 3000]), Delivery::Reliable);
}
