//! The ways a connection ends.

use std::time::Duration;

use interop_tests::payload::Payload;
use interop_tests::relay::Relay;
use interop_tests::side::{Delivery, Event, Kind, Peer, Settings, Side};
use netem::Conditions;

use crate::common::{Pair, Way, both_ways, until};

both_ways!(
    a_disconnect_is_confirmed,
    a_disconnect_drops_what_is_queued,
    a_later_disconnect_lets_all_arrive_first,
    a_disconnect_at_once_is_noticed,
    both_may_leave_at_a_time,
    a_reset_peer_times_out,
    a_cut_connection_times_out_on_both_sides,
    a_pause_is_no_end,
    an_attempt_can_be_given_up,
    nothing_can_be_sent_after_leaving,
);

const SOON: (u32, Duration, Duration) = (2, Duration::from_millis(200), Duration::from_millis(1000));

/// Short limits and many pings, so that silence is noticed at once.
fn impatient(side: &Side, peer: Peer) {
    side.with(move |host| {
        host.set_ping_interval(peer, Duration::from_millis(50));
        host.set_timeout(peer, SOON.0, SOON.1, SOON.2);
    });
}

fn a_disconnect_is_confirmed(server: Kind) {
    for way in Way::BOTH {
        for data in [0, 1, u32::MAX] {
            let mut pair = Pair::new(server);
            let home = pair.home;
            let guest = pair.guest;
            match way {
                Way::ToServer => pair.client.with(move |host| host.disconnect(home, data)),
                Way::ToClient => pair.server.with(move |host| host.disconnect(guest, data)),
            }
            let (told, own) = match way {
                Way::ToServer => (pair.server.disconnected(guest), pair.client.disconnected(home)),
                Way::ToClient => (pair.client.disconnected(home), pair.server.disconnected(guest)),
            };
            assert_eq!((told, own), (data, 0));
        }
    }
}

fn a_disconnect_drops_what_is_queued(server: Kind) {
    for way in Way::BOTH {
        let mut pair = Pair::new(server);
        let data = Payload::new(1, 8 << 20).bytes();
        let (from, to_peer, to, from_peer) = pair.ends(way);
        from.with(move |host| {
            assert!(host.send(to_peer, 0, &data, Delivery::Reliable));
            host.disconnect(to_peer, 7);
        });
        assert_eq!(to.disconnected(from_peer), 7);
        let received = |event: &Event| matches!(event, Event::Received { .. });
        assert_eq!(to.try_expect(Duration::ZERO, received), None);
    }
}

fn a_later_disconnect_lets_all_arrive_first(server: Kind) {
    for way in Way::BOTH {
        let mut pair = Pair::new(server);
        let packets: Vec<_> = (0..20).map(|seed| Payload::new(seed, 30_000).bytes()).collect();
        let sent = packets.clone();
        let (from, to_peer, to, from_peer) = pair.ends(way);
        from.with(move |host| {
            for data in &sent {
                assert!(host.send(to_peer, 0, data, Delivery::Reliable));
            }
            host.disconnect_later(to_peer, 31);
            assert!(
                !host.send(to_peer, 0, &sent[0], Delivery::Reliable),
                "nothing more is taken"
            );
        });
        for data in packets {
            assert!(matches!(to.next_event(), Event::Received { data: came, .. } if came == data));
        }
        assert_eq!(to.disconnected(from_peer), 31);
        let (left, peer) = match way {
            Way::ToServer => (&mut pair.client, pair.home),
            Way::ToClient => (&mut pair.server, pair.guest),
        };
        assert_eq!(left.disconnected(peer), 0);
    }
}

fn a_disconnect_at_once_is_noticed(server: Kind) {
    for way in Way::BOTH {
        let mut pair = Pair::new(server);
        let (from, to_peer, to, from_peer) = pair.ends(way);
        from.with(move |host| host.disconnect_now(to_peer, 33));
        assert_eq!(from.with(move |host| host.view(to_peer)), None, "it is gone at once");
        assert_eq!(to.disconnected(from_peer), 33);
    }
}

fn both_may_leave_at_a_time(server: Kind) {
    for _ in 0..10 {
        let mut pair = Pair::new(server);
        let (home, guest) = (pair.home, pair.guest);
        pair.client.with(move |host| host.disconnect(home, 1));
        pair.server.with(move |host| host.disconnect(guest, 2));
        // Whoever was quicker, both are rid of each other.
        pair.client.disconnected(home);
        pair.server.disconnected(guest);
    }
}

fn a_reset_peer_times_out(server: Kind) {
    for way in Way::BOTH {
        let mut pair = Pair::new(server);
        let (from, to_peer, to, from_peer) = pair.ends(way);
        impatient(to, from_peer);
        from.with(move |host| host.reset(to_peer));
        assert_eq!(to.disconnected(from_peer), 0);
    }
}

fn a_cut_connection_times_out_on_both_sides(server: Kind) {
    let (mut pair, relay) = Pair::through(server, 1, Conditions::default());
    pair.talk();
    impatient(&pair.client, pair.home);
    impatient(&pair.server, pair.guest);
    relay.set_conditions(&Conditions::default().down(true));
    assert_eq!(pair.client.disconnected(pair.home), 0);
    assert_eq!(pair.server.disconnected(pair.guest), 0);
}

fn a_pause_is_no_end(server: Kind) {
    let (mut pair, relay) = Pair::through(server, 1, Conditions::default());
    pair.talk();
    relay.set_conditions(&Conditions::default().down(true));
    let data = Payload::new(1, 20_000).bytes();
    assert!(pair.client.send(pair.home, 0, &data, Delivery::Reliable));
    assert!(pair.server.send(pair.guest, 0, &data, Delivery::Reliable));
    let gone = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert_eq!(pair.client.try_expect(Duration::from_millis(1500), gone), None);
    relay.set_conditions(&Conditions::default());
    for side in [&mut pair.client, &mut pair.server] {
        assert!(matches!(side.next_event(), Event::Received { data: came, .. } if came == data));
    }
}

fn an_attempt_can_be_given_up(server: Kind) {
    let relay_to = Side::start(server, Settings::default());
    let mut client = Side::start(server.other(), Settings::default());
    let relay = Relay::start(relay_to.local_addr(), 1, Conditions::default().down(true)).expect("a relay");
    let home = client.connect(relay.local_addr(), 1, 0);
    client.with(move |host| host.disconnect(home, 0));
    until("an end without an event", || {
        client.with(move |host| host.view(home)).is_none().then_some(())
    });
    assert_eq!(client.try_expect(Duration::ZERO, |_| true), None);
}

fn nothing_can_be_sent_after_leaving(server: Kind) {
    for way in Way::BOTH {
        let mut pair = Pair::new(server);
        let (from, to_peer, ..) = pair.ends(way);
        let data = Payload::new(1, 10).bytes();
        let taken = from.with(move |host| {
            host.disconnect(to_peer, 0);
            host.send(to_peer, 0, &data, Delivery::Reliable)
        });
        assert!(!taken);
    }
}
