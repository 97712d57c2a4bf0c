//! Sessions of the C library with itself.

use std::time::Duration;

use enet_proto::compress::Compression;
use interop_tests::cenet::{Driver, Event, Figure, Flags, Host, Options, Peer};
use interop_tests::relay::Relay;
use interop_tests::zlib;
use netem::Conditions;

use crate::{Session, relay, text};

pub(crate) const SESSIONS: &[Session] = &[
    ("c-enet", || all_modes(false, Compression::None)),
    ("c-enet-checksum", || all_modes(true, Compression::None)),
    ("c-enet-range-coder", || all_modes(false, Compression::RangeCoder)),
    ("c-enet-checksum-range-coder", || {
        all_modes(true, Compression::RangeCoder)
    }),
    ("c-enet-checksum-fastlz", || all_modes(true, Compression::FastLz)),
    ("c-enet-checksum-zlib", || all_modes(true, Compression::Zlib)),
    ("c-enet-checksum-zstd", || all_modes(true, Compression::Zstd)),
    ("c-enet-disconnects", disconnects),
    ("c-enet-timeout", timeout),
    ("c-enet-bandwidth-and-throttle", bandwidth_and_throttle),
    ("c-enet-loss", loss),
];

/// A host that compresses. ENet's own range coder is the library's, for the other kinds it is given functions.
fn host(options: Options, compression: Compression) -> Host {
    let mut host = Host::new(options).expect("a host");
    match compression {
        Compression::RangeCoder => host.compress_with_range_coder(),
        kind => {
            if let Some((mut compressor, mut opener)) = kind.compressor().zip(kind.compressor()) {
                host.compress_with(
                    move |input, limit| {
                        if kind == Compression::Zlib {
                            return zlib::compress(input, limit);
                        }
                        let mut output = Vec::new();
                        compressor.compress(input, limit, &mut output).then_some(output)
                    },
                    move |input, limit| {
                        let mut output = Vec::new();
                        opener.decompress(input, limit, &mut output).then_some(output)
                    },
                );
            }
        }
    }
    host
}

/// A server and a client that are connected through the relay.
struct Pair {
    server: Driver,
    client: Driver,
    /// The client, as the server knows it.
    guest: Peer,
    /// The server, as the client knows it.
    home: Peer,
    relay: Relay,
}

impl Pair {
    fn connect(server: Options, client: Options, conditions: Conditions) -> Pair {
        Pair::of(
            host(server, Compression::None),
            host(client, Compression::None),
            conditions,
        )
    }

    fn of(server: Host, client: Host, conditions: Conditions) -> Pair {
        let (mut server, mut client) = (Driver::of(server), Driver::of(client));
        let relay = relay(server.local_addr(), conditions);
        let home = client.connect(relay.local_addr(), 4, 0x1234_5678);
        client.connected();
        let (guest, _) = server.connected();
        Pair {
            server,
            client,
            guest,
            home,
            relay,
        }
    }

    /// Sends reliably from each to the other, and waits for it.
    fn exchange(&mut self, channel: u8, size: usize) {
        self.client.send(self.home, channel, text(size), Flags::RELIABLE);
        self.server.expect("packet", is_packet);
        self.server.send(self.guest, channel, text(size), Flags::RELIABLE);
        self.client.expect("packet", is_packet);
    }

    /// Waits until each has nothing reliable under way and has pinged the other.
    fn rest(&mut self) {
        for (host, peer) in [(&self.server, self.guest), (&self.client, self.home)] {
            while host.with(move |host| host.figure(peer, Figure::ReliableInTransit)) > 0 {}
        }
    }
}

fn is_packet(event: &Event) -> bool {
    matches!(event, Event::Received { .. })
}

/// Handshake, all modes in both directions with and without fragments, a ping, and a disconnection.
fn all_modes(checksum: bool, compression: Compression) -> Relay {
    let options = Options {
        checksum,
        ..Options::default()
    };
    let [server, client] = [(); 2].map(|()| host(options, compression));
    let mut pair = Pair::of(server, client, Conditions::default());
    let modes = [
        Flags::RELIABLE,
        Flags::UNRELIABLE,
        Flags::UNSEQUENCED,
        Flags::UNRELIABLE_FRAGMENT,
        Flags::UNSEQUENCED_FRAGMENT,
    ];
    for (channel, flags) in [0, 1, 2, 3, 3].into_iter().zip(modes) {
        // No empty ones: the C range coder crashes on them.
        for size in [1, 100, 1300, 4000] {
            pair.client.send(pair.home, channel, text(size), flags);
            pair.server.send(pair.guest, channel, text(size / 2 + 1), flags);
        }
    }
    pair.exchange(0, 20);
    for (host, peer) in [(&pair.client, pair.home), (&pair.server, pair.guest)] {
        host.with(move |host| {
            host.ping(peer);
            host.flush();
        });
    }
    pair.exchange(1, 20);
    // Each tells the other of its bandwidth within a second of the connection.
    pair.client.with(|host| host.set_bandwidth_limit(0, 100_000));
    let (server, guest) = (&pair.server, pair.guest);
    while server.with(move |host| host.figure(guest, Figure::OutgoingBandwidth)) != 100_000 {}
    pair.rest();
    let home = pair.home;
    pair.client.with(move |host| host.disconnect(home, 7));
    pair.client.disconnected(home);
    pair.server.disconnected(guest);
    pair.relay
}

/// The three ways to part, one connection after the other in the same slots.
fn disconnects() -> Relay {
    let mut pair = Pair::connect(Options::default(), Options::default(), Conditions::default());
    let (home, guest) = (pair.home, pair.guest);
    pair.exchange(0, 50);
    pair.client.with(move |host| host.disconnect(home, 1));
    pair.client.disconnected(home);
    pair.server.disconnected(guest);

    let (home, guest) = again(&mut pair);
    pair.client.send(home, 0, text(5000), Flags::RELIABLE);
    pair.client.with(move |host| host.disconnect_later(home, 2));
    pair.server.expect("packet", is_packet);
    pair.client.disconnected(home);
    pair.server.disconnected(guest);

    let (home, guest) = again(&mut pair);
    pair.client.with(move |host| host.disconnect_now(home, 3));
    pair.server.disconnected(guest);

    let (home, guest) = again(&mut pair);
    pair.server.with(move |host| host.disconnect(guest, 4));
    pair.client.disconnected(home);
    pair.server.disconnected(guest);
    pair.relay
}

fn again(pair: &mut Pair) -> (Peer, Peer) {
    let home = pair.client.connect(pair.relay.local_addr(), 4, 0);
    pair.client.connected();
    let (guest, _) = pair.server.connected();
    (home, guest)
}

/// The server falls silent; the client resends until it gives up.
fn timeout() -> Relay {
    let mut pair = Pair::connect(Options::default(), Options::default(), Conditions::default());
    let home = pair.home;
    pair.exchange(0, 50);
    pair.client.with(move |host| {
        let [minimum, maximum] = [1500, 3000].map(Duration::from_millis);
        host.set_timeout(home, 4, minimum, maximum);
    });
    pair.relay.set_conditions_to_clients(Conditions::default().down(true));
    pair.client.send(home, 0, text(200), Flags::RELIABLE);
    pair.client.disconnected(home);
    pair.relay
}

/// Limits from the beginning and changed later, and new settings for the throttle.
fn bandwidth_and_throttle() -> Relay {
    let limited = |incoming, outgoing| Options {
        incoming_bandwidth: incoming,
        outgoing_bandwidth: outgoing,
        ..Options::default()
    };
    let mut pair = Pair::connect(limited(100_000, 50_000), limited(20_000, 10_000), Conditions::default());
    let (home, guest) = (pair.home, pair.guest);
    pair.exchange(0, 3000);
    pair.client.with(move |host| {
        host.configure_throttle(home, Duration::from_millis(1000), 4, 1);
        host.flush();
    });
    while pair
        .server
        .with(move |host| host.figure(guest, Figure::PacketThrottleInterval))
        != 1000
    {}
    pair.server.with(move |host| {
        host.configure_throttle(guest, Duration::from_millis(2000), 1, 3);
        host.flush();
    });
    while pair
        .client
        .with(move |host| host.figure(home, Figure::PacketThrottleInterval))
        != 2000
    {}
    pair.server.with(|host| host.set_bandwidth_limit(30_000, 40_000));
    while pair
        .client
        .with(move |host| host.figure(home, Figure::OutgoingBandwidth))
        != 40_000
    {}
    pair.client.with(|host| host.set_bandwidth_limit(0, 0));
    while pair
        .server
        .with(move |host| host.figure(guest, Figure::OutgoingBandwidth))
        != 0
    {}
    pair.exchange(1, 3000);
    pair.rest();
    pair.relay
}

/// One datagram in five is lost, so that commands come again.
fn loss() -> Relay {
    let conditions = Conditions::default().loss(0.2).delay(Duration::from_millis(2));
    let mut pair = Pair::connect(Options::default(), Options::default(), conditions);
    for size in [10, 1000, 5000, 10_000] {
        pair.exchange(0, size);
    }
    pair.rest();
    pair.relay
}
