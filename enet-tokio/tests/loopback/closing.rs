use std::future::Future;
use std::time::Duration;

use enet_tokio::{Batching, Connection, DisconnectReason, Endpoint, Event, EventEndpoint, Packet, SendError};

use crate::common::{BOTH, Pair, config, payload, within};

/// Receives everything until the end.
async fn drain(connection: &Connection) -> (Vec<enet_tokio::Bytes>, DisconnectReason) {
    let mut packets = Vec::new();
    loop {
        match within(connection.recv()).await {
            Ok((_, packet)) => packets.push(packet.data),
            Err(reason) => return (packets, reason),
        }
    }
}

#[tokio::test]
async fn a_graceful_disconnect_delivers_what_was_queued() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        for index in 0..100 {
            pair.dialled
                .send(0, Packet::reliable(payload(index, 5000)))
                .await
                .unwrap();
        }
        let (reason, (packets, remote)) = tokio::join!(within(pair.dialled.disconnect(42)), drain(&pair.accepted));
        assert_eq!(reason, DisconnectReason::Local);
        assert_eq!(remote, DisconnectReason::Remote { data: 42 });
        assert_eq!(packets.len(), 100);
        assert!(
            packets
                .iter()
                .enumerate()
                .all(|(index, data)| *data == payload(index, 5000))
        );
        assert_eq!(
            pair.dialled.send(0, Packet::reliable("late")).await,
            Err(SendError::NotConnected)
        );
        assert_eq!((pair.client.statistics().peers, pair.server.statistics().peers), (0, 0));
    }
}

#[tokio::test]
async fn dropping_a_connection_delivers_what_was_queued() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        for index in 0..100 {
            pair.dialled
                .send(0, Packet::reliable(payload(index, 5000)))
                .await
                .unwrap();
        }
        drop(pair.dialled);
        let (packets, reason) = drain(&pair.accepted).await;
        assert_eq!((packets.len(), reason), (100, DisconnectReason::Remote { data: 0 }));
    }
}

#[tokio::test]
async fn a_slow_reader_still_gets_all_of_a_graceful_disconnect() {
    for batching in BOTH {
        let pair = Pair::new(config(batching).with_receive_queue(10, 1_000_000)).await;
        for index in 0..200 {
            pair.dialled
                .send(0, Packet::reliable(payload(index, 100)))
                .await
                .unwrap();
        }
        // The other side has confirmed before anything was read.
        assert_eq!(within(pair.dialled.disconnect(1)).await, DisconnectReason::Local);
        let (packets, reason) = drain(&pair.accepted).await;
        assert_eq!((packets.len(), reason), (200, DisconnectReason::Remote { data: 1 }));
    }
}

#[tokio::test]
async fn an_abort_is_told_at_once() {
    let pair = Pair::new(config(Batching::Auto)).await;
    pair.dialled.abort(5);
    assert_eq!(pair.dialled.close_reason(), Some(DisconnectReason::Local));
    assert_eq!(
        within(pair.accepted.closed()).await,
        DisconnectReason::Remote { data: 5 }
    );
    assert_eq!(pair.client.statistics().peers, 0);
}

#[tokio::test]
async fn dropping_a_connection_that_nobody_accepted_is_no_matter() {
    let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let connection = within(client.connect(server.local_addr(), 1, 3)).await.unwrap();
    connection.send(0, Packet::reliable("a last word")).await.unwrap();
    assert_eq!(within(connection.disconnect(0)).await, DisconnectReason::Local);
    // What it sent is there for whoever accepts it afterwards.
    let late = within(server.accept()).await.unwrap();
    assert_eq!(&within(late.recv()).await.unwrap().1.data[..], b"a last word");
    assert!(within(late.recv()).await.is_err());
}

#[tokio::test]
async fn a_shutdown_delivers_and_tells_every_peer() {
    for batching in BOTH {
        let server = Endpoint::bind("127.0.0.1:0", config(batching)).await.unwrap();
        let address = server.local_addr();
        let client = Endpoint::client(config(batching)).unwrap();
        let mut ends = Vec::new();
        for _ in 0..10 {
            let (dialled, accepted) =
                within(async { tokio::join!(client.connect(address, 1, 0), server.accept()) }).await;
            let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
            accepted.send(0, Packet::reliable(payload(1, 20_000))).await.unwrap();
            ends.push((dialled, accepted));
        }
        within(server.shutdown(8)).await;
        for (dialled, accepted) in &ends {
            let (packets, reason) = drain(dialled).await;
            assert_eq!((packets.len(), reason), (1, DisconnectReason::Remote { data: 8 }));
            assert_eq!(within(accepted.closed()).await, DisconnectReason::Local);
        }
        assert!(server.accept().await.is_none());
        // The socket is closed although handles are left.
        std::net::UdpSocket::bind(address).unwrap();
    }
}

#[tokio::test]
async fn a_shutdown_at_once_tells_every_peer_once() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let address = pair.server.local_addr();
        within(pair.server.shutdown_now(9)).await;
        assert_eq!(
            within(pair.dialled.closed()).await,
            DisconnectReason::Remote { data: 9 }
        );
        assert_eq!(pair.accepted.close_reason(), Some(DisconnectReason::Local));
        std::net::UdpSocket::bind(address).unwrap();
    }
}

#[tokio::test]
async fn connections_outlive_their_endpoint() {
    async fn dial(address: std::net::SocketAddr) -> Connection {
        let client = Endpoint::client(config(Batching::Auto)).unwrap();
        within(client.connect(address, 1, 0)).await.unwrap()
    }
    let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let address = server.local_addr();
    let (dialled, accepted) = within(async { tokio::join!(dial(address), server.accept()) }).await;
    let accepted = accepted.unwrap();
    // One that nobody has accepted when the endpoint goes.
    let late = dial(address).await;
    drop(server);
    assert_eq!(within(late.closed()).await, DisconnectReason::Remote { data: 0 });
    for (from, to) in [(&dialled, &accepted), (&accepted, &dialled)] {
        from.send(0, Packet::reliable("still here")).await.unwrap();
        assert_eq!(&within(to.recv()).await.unwrap().1.data[..], b"still here");
    }
    let client = Endpoint::client(config(Batching::Auto).with_connect_timeout(Duration::from_millis(500))).unwrap();
    assert!(client.connect(address, 1, 0).await.is_err(), "nobody accepts");
    // The other side ends it: that is the end of the endpoint, too, though there is a handle still.
    assert_eq!(within(dialled.disconnect(3)).await, DisconnectReason::Local);
    assert_eq!(within(accepted.closed()).await, DisconnectReason::Remote { data: 3 });
    freed(address).await;
}

/// Waits until a port can be had again.
async fn freed(address: std::net::SocketAddr) {
    within(async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_endpoint_and_its_connections_delivers_and_tells_every_peer() {
    for batching in BOTH {
        let Pair {
            server,
            client,
            accepted,
            dialled,
        } = Pair::new(config(batching)).await;
        let address = server.local_addr();
        accepted.send(0, Packet::reliable(payload(4, 100_000))).await.unwrap();
        drop(server);
        drop(accepted);
        let (packets, reason) = drain(&dialled).await;
        assert_eq!((packets.len(), reason), (1, DisconnectReason::Remote { data: 0 }));
        // The end of the endpoint follows its last connection; then the port is free, and can be had again.
        freed(address).await;
        drop(client);
    }
}

#[tokio::test]
async fn a_port_can_be_used_again_and_again() {
    let first = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let address = first.local_addr();
    within(first.shutdown(0)).await;
    for _ in 0..20 {
        let server = Endpoint::bind(address, config(Batching::Auto)).await.unwrap();
        let client = Endpoint::client(config(Batching::Auto)).unwrap();
        let (dialled, accepted) = within(async { tokio::join!(client.connect(address, 1, 0), server.accept()) }).await;
        within(async { tokio::join!(server.shutdown(0), client.shutdown(0)) }).await;
        drop((dialled, accepted));
    }
}

#[test]
fn a_runtime_that_goes_down_tells_the_peers() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (doomed, living) = (runtime(), runtime());
    let server = living
        .block_on(Endpoint::bind("127.0.0.1:0", config(Batching::Auto)))
        .unwrap();
    let address = server.local_addr();
    let accepting = living.spawn(async move { (server.accept().await.unwrap(), server) });
    let dialling = doomed.spawn(async move {
        let client = Endpoint::client(config(Batching::Auto)).unwrap();
        (client.connect(address, 1, 0).await.unwrap(), client)
    });
    let both = std::thread::spawn(move || {
        let client = doomed.block_on(dialling).unwrap();
        (doomed, client)
    });
    let (accepted, server) = living.block_on(accepting).unwrap();
    let (doomed, client) = both.join().unwrap();
    drop(doomed);
    assert_eq!(client.0.close_reason(), Some(DisconnectReason::Local));
    assert_eq!(
        living.block_on(within(accepted.closed())),
        DisconnectReason::Remote { data: 0 }
    );
    drop(server);
}

/// Runs `act` in a thread and in a runtime of its own, which goes down as soon as it returns: as after `main`.
fn in_a_program<F: Future<Output = ()>>(threads: bool, act: impl FnOnce() -> F + Send + 'static) {
    let program = std::thread::spawn(move || {
        let mut builder = match threads {
            true => tokio::runtime::Builder::new_multi_thread(),
            false => tokio::runtime::Builder::new_current_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(act());
    });
    program.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_sends_and_returns_has_sent() {
    for batching in BOTH {
        for threads in [false, true] {
            let server = Endpoint::bind("127.0.0.1:0", config(batching)).await.unwrap();
            let address = server.local_addr();
            let program = tokio::task::spawn_blocking(move || {
                in_a_program(threads, move || async move {
                    let client = Endpoint::client(config(batching)).unwrap();
                    let connection = client.connect(address, 1, 0).await.unwrap();
                    for index in 0..3 {
                        connection
                            .send(0, Packet::reliable(payload(index, 5000)))
                            .await
                            .unwrap();
                    }
                });
            });
            let accepted = within(server.accept()).await.unwrap();
            let (packets, reason) = drain(&accepted).await;
            within(program).await.unwrap();
            let sent: Vec<_> = (0..3).map(|index| payload(index, 5000)).collect();
            assert!(packets == sent, "{} packets, threads: {threads}", packets.len());
            assert_eq!(reason, DisconnectReason::Remote { data: 0 });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_that_goes_down_under_its_endpoints_sends_what_is_queued() {
    for threads in [false, true] {
        let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
        let address = server.local_addr();
        let program = tokio::task::spawn_blocking(move || {
            in_a_program(threads, move || async move {
                let client = EventEndpoint::client(config(Batching::Auto)).unwrap();
                let peer = client.connect(address, 1, 0).unwrap();
                let Some(Event::Connected { .. }) = client.next_event().await else {
                    panic!("the server is there")
                };
                client.send(peer, 0, Packet::reliable("a last word")).unwrap();
                // Nothing is dropped before the runtime is.
                std::mem::forget(client);
            });
        });
        let accepted = within(server.accept()).await.unwrap();
        let (packets, reason) = drain(&accepted).await;
        within(program).await.unwrap();
        assert_eq!(packets, ["a last word"]);
        assert_eq!(reason, DisconnectReason::Remote { data: 0 });
    }
}

/// A server is told of each client that comes and leaves as soon as it knows that it is connected.
async fn come_and_go(leave: impl AsyncFn(Endpoint, Connection)) {
    let server = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto))
        .await
        .unwrap();
    for round in 0..20 {
        let client = Endpoint::client(config(Batching::Auto)).unwrap();
        let start = std::time::Instant::now();
        let left = async {
            let connection = client.connect(server.local_addr(), 1, round).await.unwrap();
            leave(client, connection).await;
        };
        let seen = async {
            let Some(Event::Connected { data, .. }) = server.next_event().await else {
                panic!("it has come")
            };
            let Some(Event::Disconnected { reason, .. }) = server.next_event().await else {
                panic!("it has gone")
            };
            (data, reason)
        };
        let (_, seen) = within(async { tokio::join!(left, seen) }).await;
        assert_eq!(seen, (round, DisconnectReason::Remote { data: 7 }));
        // It is not found out by silence.
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_disconnects_as_soon_as_it_is_connected_is_seen_to_come_and_to_go() {
    come_and_go(async |_client, connection: Connection| {
        assert_eq!(connection.disconnect(7).await, DisconnectReason::Local);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shuts_down_as_soon_as_it_is_connected_is_seen_to_come_and_to_go() {
    come_and_go(async |client: Endpoint, _connection| client.shutdown(7).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_aborts_as_soon_as_it_is_connected_is_seen_to_come_and_to_go() {
    come_and_go(async |client: Endpoint, connection: Connection| {
        connection.abort(7);
        client.shutdown_now(7).await;
    })
    .await;
}
