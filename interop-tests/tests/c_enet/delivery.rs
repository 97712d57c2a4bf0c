//! What is sent arrives, and how.

use std::time::Duration;

use bytes::Bytes;
use interop_tests::payload::Payload;
use interop_tests::relay::Relay;
use interop_tests::side::{Delivery, Event, Kind, Settings, Side};
use netem::Conditions;

use crate::common::{Pair, Way, both_ways};

both_ways!(
    all_deliveries_of_all_sizes_arrive,
    all_deliveries_arrive_with_a_checksum,
    sizes_around_the_smallest_and_the_largest_mtu_arrive,
    every_channel_carries,
    a_checksum_on_one_side_alone_connects_nobody,
    reliable_packets_stay_in_order_on_each_channel,
    large_packets_cross_each_other,
    a_broadcast_reaches_all,
    damaged_datagrams_are_lost_and_resent,
);

/// Around every size where something changes: empty, a datagram full, fragments full.
fn sizes(settings: Settings) -> Vec<usize> {
    let mtu = usize::from(settings.mtu);
    let fragment = settings.fragment();
    let mut sizes: Vec<usize> = [0, 1, 2, 3].into_iter().chain(mtu - 29..=mtu + 1).collect();
    for full in [2 * fragment, 3 * fragment, 65_536] {
        sizes.extend(full - 1..=full + 1);
    }
    sizes
}

/// Each size in each delivery, both ways; and comes as it should.
#[track_caller]
fn carry_all(pair: &mut Pair, settings: Settings, sizes: impl IntoIterator<Item = usize>) {
    for (seed, size) in (1..).zip(sizes) {
        let data = Payload::new(seed, size).bytes();
        for delivery in Delivery::ALL {
            for way in Way::BOTH {
                let came = pair.carry(way, 1, &data, delivery);
                assert_eq!(
                    came,
                    delivery.arrives(size > settings.fragment()),
                    "{size} bytes {delivery:?} {way:?}"
                );
            }
        }
    }
}

fn all_deliveries_of_all_sizes_arrive(server: Kind) {
    let settings = Settings::default();
    let mut pair = Pair::with(server, settings);
    carry_all(&mut pair, settings, sizes(settings));
    for way in Way::BOTH {
        let data = Payload::new(9, 1 << 20).bytes();
        assert_eq!(pair.carry(way, 0, &data, Delivery::Reliable), Delivery::Reliable);
    }
}

fn all_deliveries_arrive_with_a_checksum(server: Kind) {
    let settings = Settings {
        checksum: true,
        ..Settings::default()
    };
    let mut pair = Pair::with(server, settings);
    carry_all(&mut pair, settings, sizes(settings));
}

fn sizes_around_the_smallest_and_the_largest_mtu_arrive(server: Kind) {
    for mtu in [576, 4096] {
        for checksum in [false, true] {
            let settings = Settings {
                mtu,
                checksum,
                ..Settings::default()
            };
            let fragment = settings.fragment();
            let full = usize::from(mtu);
            let mut pair = Pair::with(server, settings);
            carry_all(
                &mut pair,
                settings,
                [1, fragment - 1, fragment, fragment + 1, full, full + 1, 10 * fragment],
            );
        }
    }
}

fn every_channel_carries(server: Kind) {
    let mut pair = Pair::new(server);
    for channel in 0..255 {
        let data = Payload::new(channel.into(), 10).bytes();
        for way in Way::BOTH {
            let delivery = Delivery::ALL[usize::from(channel) % 3];
            pair.carry(way, channel, &data, delivery);
        }
    }
    for way in Way::BOTH {
        let (from, to, ..) = pair.ends(way);
        assert!(
            !from.send(to, 255, &Bytes::from_static(b"x"), Delivery::Reliable),
            "there is no channel 255"
        );
    }
}

fn a_checksum_on_one_side_alone_connects_nobody(server: Kind) {
    for (one, other) in [(true, false), (false, true)] {
        let of = |checksum| Settings {
            checksum,
            ..Settings::default()
        };
        let (mut server, mut client) = (Side::start(server, of(one)), Side::start(server.other(), of(other)));
        let home = client.connect(server.local_addr(), 1, 0);
        client.with(move |host| host.set_timeout(home, 1, Duration::from_millis(300), Duration::from_millis(600)));
        assert_eq!(client.disconnected(home), 0);
        let connected = |event: &Event| matches!(event, Event::Connected { .. });
        assert_eq!(server.try_expect(Duration::ZERO, connected), None);
        assert_eq!(client.try_expect(Duration::ZERO, connected), None);
    }
}

fn reliable_packets_stay_in_order_on_each_channel(server: Kind) {
    const CHANNELS: u8 = 3;
    let mut pair = Pair::new(server);
    for way in Way::BOTH {
        // Some in one piece, some in several.
        let packets: Vec<Bytes> = (0..300)
            .map(|number| Payload::new(number, 37 * number as usize).bytes())
            .collect();
        let (from, to_peer, to, _) = pair.ends(way);
        let sent = packets.clone();
        from.with(move |host| {
            for (channel, data) in (0..CHANNELS).cycle().zip(&sent) {
                assert!(host.send(to_peer, channel, data, Delivery::Reliable));
            }
        });
        for first in 0..CHANNELS {
            for data in packets.iter().skip(first.into()).step_by(CHANNELS.into()) {
                let next = to.expect(
                    "packet",
                    |event| matches!(event, Event::Received { channel, .. } if *channel == first),
                );
                assert!(
                    matches!(&next, Event::Received { data: came, .. } if came == data),
                    "{} bytes are not next",
                    data.len()
                );
            }
        }
    }
}

fn large_packets_cross_each_other(server: Kind) {
    let mut pair = Pair::new(server);
    let packets: Vec<Bytes> = (0..4).map(|seed| Payload::new(seed, 700_000).bytes()).collect();
    for data in &packets {
        assert!(pair.client.send(pair.home, 0, data, Delivery::Reliable));
        assert!(pair.server.send(pair.guest, 0, data, Delivery::Reliable));
    }
    for side in [&mut pair.client, &mut pair.server] {
        for data in &packets {
            let next = side.next_event();
            assert!(matches!(&next, Event::Received { data: came, .. } if came == data));
        }
    }
}

fn a_broadcast_reaches_all(server: Kind) {
    let mut server = Side::start(server, Settings::default());
    let mut clients = [Kind::C, Kind::Ours, Kind::C, Kind::Ours].map(|kind| Side::start(kind, Settings::default()));
    for client in &mut clients {
        client.connect(server.local_addr(), 2, 0);
        client.connected();
        server.connected();
    }
    for (size, delivery) in [
        (100, Delivery::Reliable),
        (100, Delivery::Unsequenced),
        (5000, Delivery::Unreliable),
    ] {
        let data = Payload::new(3, size).bytes();
        let sent = data.clone();
        server.with(move |host| host.broadcast(1, &sent, delivery));
        for client in &mut clients {
            let came = client.next_event();
            assert!(
                matches!(&came, Event::Received { channel: 1, data: came, .. } if *came == data),
                "{came:?}"
            );
        }
    }
}

fn damaged_datagrams_are_lost_and_resent(server: Kind) {
    // Only a checksum tells damage; without one this would change contents.
    let settings = Settings {
        checksum: true,
        ..Settings::default()
    };
    let mut client = Side::start(server.other(), settings);
    let mut server = Side::start(server, settings);
    let conditions = Conditions::default().corruption(0.2);
    let relay = Relay::start(server.local_addr(), 5, conditions).expect("a relay");
    let home = client.connect(relay.local_addr(), 1, 0);
    client.connected();
    let (guest, _) = server.connected();
    let mut pair = Pair {
        server,
        client,
        guest,
        home,
    };
    for seed in 0..40 {
        let data = Payload::new(seed, 2000).bytes();
        for way in Way::BOTH {
            pair.carry(way, 0, &data, Delivery::Reliable);
        }
    }
}
