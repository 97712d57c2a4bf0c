//! What the tests share.

use std::time::{Duration, Instant};

use bytes::Bytes;
use interop_tests::driver::LONG;
use interop_tests::relay::Relay;
use interop_tests::side::{Delivery, Event, Kind, Peer, Settings, Side};
use netem::{Conditions, Random};

/// Makes two tests of each function, which takes the server's implementation; the client is of the other.
macro_rules! both_ways {
    ($($name:ident),* $(,)?) => {
        mod ours_serves {
            $(#[test] fn $name() { super::$name(interop_tests::side::Kind::Ours); })*
        }
        mod ours_joins {
            $(#[test] fn $name() { super::$name(interop_tests::side::Kind::C); })*
        }
    };
}
pub(crate) use both_ways;

/// A server and a client of different implementations, connected.
pub(crate) struct Pair {
    pub(crate) server: Side,
    pub(crate) client: Side,
    /// The client, as the server knows it.
    pub(crate) guest: Peer,
    /// The server, as the client knows it.
    pub(crate) home: Peer,
}

/// One of the two directions of a pair.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    ToServer,
    ToClient,
}

impl Way {
    pub(crate) const BOTH: [Way; 2] = [Way::ToServer, Way::ToClient];
}

impl Pair {
    pub(crate) fn new(server: Kind) -> Pair {
        Pair::with(server, Settings::default())
    }

    /// With all channels that the settings allow.
    pub(crate) fn with(server: Kind, settings: Settings) -> Pair {
        Pair::of(Side::start(server, settings), Side::start(server.other(), settings))
    }

    pub(crate) fn of(mut server: Side, mut client: Side) -> Pair {
        let home = client.connect(server.local_addr(), 255, 77);
        assert_eq!(client.connected(), (home, 0));
        let (guest, data) = server.connected();
        assert_eq!(data, 77);
        Pair {
            server,
            client,
            guest,
            home,
        }
    }

    /// By way of a relay.
    pub(crate) fn through(server: Kind, seed: u64, conditions: Conditions) -> (Pair, Relay) {
        let mut client = Side::start(server.other(), Settings::default());
        let mut server = Side::start(server, Settings::default());
        let relay = Relay::start(server.local_addr(), seed, conditions).expect("a relay");
        let home = client.connect(relay.local_addr(), 255, 0);
        client.connected();
        let (guest, _) = server.connected();
        let pair = Pair {
            server,
            client,
            guest,
            home,
        };
        (pair, relay)
    }

    /// Sender, the receiver as it knows it, receiver, the sender as that knows it.
    pub(crate) fn ends(&mut self, way: Way) -> (&Side, Peer, &mut Side, Peer) {
        match way {
            Way::ToServer => (&self.client, self.home, &mut self.server, self.guest),
            Way::ToClient => (&self.server, self.guest, &mut self.client, self.home),
        }
    }

    /// Sends a packet until it has arrived, once if it is reliable, and returns how it came.
    #[track_caller]
    pub(crate) fn carry(&mut self, way: Way, channel: u8, data: &Bytes, delivery: Delivery) -> Delivery {
        let (from, to_peer, to, from_peer) = self.ends(way);
        let is_it = |event: &Event| {
            matches!(event, Event::Received { peer, channel: on, data: bytes, .. }
                if *peer == from_peer && *on == channel && bytes == data)
        };
        let mut random = Random::new(1);
        let deadline = Instant::now() + LONG;
        assert!(from.send(to_peer, channel, data, delivery), "the packet is taken");
        loop {
            // The throttle drops packets that are not reliable by a fixed pattern, which irregular pauses do not meet for long.
            let wait = match delivery {
                Delivery::Reliable => LONG,
                _ => Duration::from_millis(50) + random.duration(Duration::from_millis(200)),
            };
            if let Some(Event::Received { delivery, .. }) = to.try_expect(wait, is_it) {
                return delivery;
            }
            let size = data.len();
            assert!(
                Instant::now() < deadline,
                "{size} bytes {way:?}, {delivery:?}, do not arrive"
            );
            assert!(from.send(to_peer, channel, data, delivery), "the packet is taken");
        }
    }

    /// Both sides can still talk.
    #[track_caller]
    pub(crate) fn talk(&mut self) {
        for way in Way::BOTH {
            self.carry(way, 0, &Bytes::from_static(b"still here"), Delivery::Reliable);
        }
    }
}

/// Asks again and again, until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} does not come about");
        std::thread::yield_now();
    }
}
