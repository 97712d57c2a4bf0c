//! Datagrams on a host's socket that are not ENet's, and connecting to whoever is there.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use interop_tests::driver::LONG;
use interop_tests::side::{Delivery, Event, Kind, Settings, Side};

use crate::common::{Pair, Way, both_ways};

both_ways!(
    a_raw_datagram_leaves_the_hosts_socket_as_it_is,
    what_is_intercepted_is_the_programs_and_the_rest_is_enets,
    a_connection_waits_while_all_is_intercepted,
    a_host_that_dials_everyone_finds_the_one_that_is_there,
);

/// What an intercept that takes queries has seen.
struct Queries {
    taken: Receiver<(SocketAddr, Vec<u8>)>,
    /// Datagrams that it left to ENet.
    passed: Arc<AtomicUsize>,
}

/// A host whose program takes what begins with a word.
fn with_queries(kind: Kind) -> (Side, Queries) {
    let (sender, taken) = mpsc::channel();
    let sender = Mutex::new(sender);
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&passed);
    let side = Side::intercepting(
        kind,
        Settings::default(),
        Arc::new(move |from, datagram: &[u8]| {
            let is_query = datagram.starts_with(b"QUERY");
            if is_query {
                let _ = sender.lock().expect("a sender").send((from, datagram.to_vec()));
            } else {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            is_query
        }),
    );
    (side, Queries { taken, passed })
}

fn a_raw_datagram_leaves_the_hosts_socket_as_it_is(server: Kind) {
    let mut pair = Pair::new(server);
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a port");
    stranger.set_read_timeout(Some(LONG)).expect("a time");
    let to = stranger.local_addr().expect("its number");
    for side in [&pair.server, &pair.client] {
        // Longer than the MTU, and as short as can be.
        for length in [1, 5, 1400, 4000] {
            let datagram: Vec<u8> = (0..length).map(|at: u32| at as u8).collect();
            let sent = datagram.clone();
            side.with(move |host| host.send_raw(to, &sent));
            let mut buffer = [0; 5000];
            let (came, from) = stranger.recv_from(&mut buffer).expect("it comes");
            assert_eq!((&buffer[..came], from), (&datagram[..], side.local_addr()));
        }
    }
    pair.talk();
}

fn what_is_intercepted_is_the_programs_and_the_rest_is_enets(server: Kind) {
    let (server_side, at_server) = with_queries(server);
    let (client, at_client) = with_queries(server.other());
    let mut pair = Pair::of(server_side, client);
    for way in Way::BOTH {
        let queries = match way {
            Way::ToServer => &at_server,
            Way::ToClient => &at_client,
        };
        let (from, _, to, _) = pair.ends(way);
        let (source, target) = (from.local_addr(), to.local_addr());
        from.with(move |host| host.send_raw(target, b"QUERY players"));
        let taken = queries.taken.recv_timeout(LONG).expect("it is seen");
        assert_eq!(taken, (source, b"QUERY players".to_vec()));
        let before = queries.passed.load(Ordering::Relaxed);
        assert!(before > 0, "the handshake was seen and passed on");
        // From the peer's own address, and yet no business of the connection.
        pair.carry(
            way,
            0,
            &Bytes::from_static(b"QUERY is no query here"),
            Delivery::Reliable,
        );
        assert!(queries.passed.load(Ordering::Relaxed) > before);
        assert!(queries.taken.try_recv().is_err());
    }
    pair.talk();
}

fn a_connection_waits_while_all_is_intercepted(server: Kind) {
    let taking = Arc::new(AtomicBool::new(false));
    let (seen, seen_here) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&taking));
    let counter = Arc::clone(&seen);
    let server_side = Side::intercepting(
        server,
        Settings::default(),
        Arc::new(move |_, _: &[u8]| {
            let takes = seen_here.load(Ordering::Relaxed);
            counter.fetch_add(takes.into(), Ordering::Relaxed);
            takes
        }),
    );
    let mut pair = Pair::of(server_side, Side::start(server.other(), Settings::default()));
    taking.store(true, Ordering::Relaxed);
    let data = Bytes::from_static(b"after a while");
    assert!(pair.client.send(pair.home, 0, &data, Delivery::Reliable));
    crate::common::until("a resent packet", || (seen.load(Ordering::Relaxed) >= 3).then_some(()));
    let received = |event: &Event| matches!(event, Event::Received { .. });
    assert_eq!(pair.server.try_expect(std::time::Duration::ZERO, received), None);
    taking.store(false, Ordering::Relaxed);
    assert!(matches!(
        pair.server.expect("packet", received),
        Event::Received { data: came, .. } if came == data
    ));
    pair.talk();
}

/// From a socket that is bound to the loopback interface even this goes no further than that.
fn a_host_that_dials_everyone_finds_the_one_that_is_there(server: Kind) {
    let everywhere = Settings {
        address: Ipv4Addr::UNSPECIFIED,
        ..Settings::default()
    };
    let mut client = Side::start(server.other(), Settings::default());
    let mut server = Side::start(server, everywhere);
    let everyone = SocketAddr::from((Ipv4Addr::BROADCAST, server.local_addr().port()));
    let home = client.connect(everyone, 2, 9);
    assert_eq!(client.connected(), (home, 0));
    let (guest, data) = server.connected();
    assert_eq!(data, 9);
    let mut pair = Pair {
        server,
        client,
        guest,
        home,
    };
    pair.talk();
}
