use std::net::UdpSocket;

use enet_tokio::{Batching, Endpoint, EventEndpoint, Packet};

use crate::common::{BOTH, Pair, config, payload, within};

#[tokio::test]
async fn an_unreachable_destination_does_not_end_the_endpoint() {
    for batching in BOTH {
        // Bound to the loopback address, it has no way to any other.
        let server = EventEndpoint::bind("127.0.0.1:0", config(batching)).await.unwrap();
        for _ in 0..10 {
            server.send_raw("192.0.2.77:9".parse().unwrap(), "lost");
            server.connect("192.0.2.77:9".parse().unwrap(), 1, 0).unwrap();
        }
        let client = Endpoint::client(config(batching)).unwrap();
        let connection = within(client.connect(server.local_addr(), 1, 0)).await.unwrap();
        connection.send(0, Packet::reliable("still here?")).await.unwrap();
        loop {
            if let enet_tokio::Event::Received { packet, .. } = within(server.next_event()).await.unwrap() {
                assert_eq!(&packet.data[..], b"still here?");
                break;
            }
        }
        assert!(
            server.statistics().socket.send_errors >= 20,
            "{:?}",
            server.statistics()
        );
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_does_not_end_the_endpoint() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for _ in 0..50 {
            pair.server.send_raw(closed, "anybody?");
        }
        pair.server.flush();
        pair.dialled.send(0, Packet::reliable("here")).await.unwrap();
        assert_eq!(&within(pair.accepted.recv()).await.unwrap().1.data[..], b"here");
    }
}

#[tokio::test]
async fn garbage_is_counted_and_nobody_notices() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let before = pair.server.statistics().host;
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sent = 0;
        for index in 0..500 {
            // Never more than the socket's buffer holds, as what is lost cannot be counted.
            let sizes = [0, 1, 2, 7, 48, 1400, 4096, 5000, 60_000];
            stranger
                .send_to(&payload(index, sizes[index % sizes.len()]), pair.server.local_addr())
                .unwrap();
            sent += 1;
            if index % 20 == 0 {
                pair.dialled
                    .send(0, Packet::reliable(payload(index, 100)))
                    .await
                    .unwrap();
                assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, payload(index, 100));
            }
        }
        within(async {
            while pair.server.statistics().host.dropped.total() < before.dropped.total() + sent {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(pair.accepted.close_reason().is_none());
    }
}

#[tokio::test]
async fn a_flood_does_not_starve_a_connection() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let target = pair.server.local_addr();
        let flooding = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let (began, beginning) = std::sync::mpsc::channel();
        let flood = std::thread::spawn({
            let flooding = flooding.clone();
            move || {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                let mut count = 0_u64;
                while flooding.load(std::sync::atomic::Ordering::Relaxed) {
                    count += u64::from(socket.send_to(&[0xAB; 300], target).is_ok());
                    if count == 1 {
                        began.send(()).unwrap();
                    }
                }
                count
            }
        });
        beginning.recv().unwrap();
        for index in 0..100 {
            pair.dialled
                .send(0, Packet::reliable(payload(index, 100)))
                .await
                .unwrap();
            assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, payload(index, 100));
            pair.accepted
                .send(0, Packet::reliable(payload(index, 100)))
                .await
                .unwrap();
            assert_eq!(within(pair.dialled.recv()).await.unwrap().1.data, payload(index, 100));
        }
        flooding.store(false, std::sync::atomic::Ordering::Relaxed);
        assert!(flood.join().unwrap() > 0);
    }
}

#[tokio::test]
async fn a_raw_datagram_goes_out_as_it_is() {
    let endpoint = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let receiver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    endpoint.send_raw(receiver.local_addr().unwrap(), "hole punch");
    let mut buffer = [0; 100];
    let (length, from) = within(receiver.recv_from(&mut buffer)).await.unwrap();
    assert_eq!((&buffer[..length], from), (&b"hole punch"[..], endpoint.local_addr()));
}

#[tokio::test]
async fn statistics_count_what_happens() {
    let pair = Pair::new(config(Batching::Auto)).await;
    pair.dialled
        .send(0, Packet::reliable(payload(0, 10_000)))
        .await
        .unwrap();
    within(pair.accepted.recv()).await.unwrap();
    // The acknowledgement leaves when the program has had its turn.
    within(async {
        while pair.accepted.statistics().is_some_and(|peer| peer.datagrams_sent == 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let server = pair.server.statistics();
    assert_eq!((server.peers, server.host.connections), (1, 1));
    assert!(server.host.bytes_received > 10_000 && server.host.datagrams_received >= 8);
    assert!(server.socket.receive_calls > 0 && server.socket.send_calls > 0);
    assert_eq!(
        (
            server.socket.send_errors,
            server.socket.receive_errors,
            server.host.dropped.total()
        ),
        (0, 0, 0)
    );
    let peer = pair.accepted.statistics().unwrap();
    assert!(peer.bytes_received > 10_000 && peer.datagrams_sent > 0);
}

#[tokio::test]
async fn a_server_that_starts_late_is_found_though_its_port_refused_at_first() {
    for batching in BOTH {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // The kernel tells only connected sockets of it.
        socket.connect(closed).unwrap();
        let client = EventEndpoint::from_socket(socket, config(batching)).unwrap();
        client.connect(closed, 1, 0).unwrap();
        client.flush();
        for _ in 0..50 {
            client.send_raw(closed, "anybody?");
        }
        client.flush();
        let server = Endpoint::bind(closed, config(batching)).await.unwrap();
        let accepted = within(server.accept()).await.unwrap();
        assert!(matches!(
            within(client.next_event()).await,
            Some(enet_tokio::Event::Connected { .. })
        ));
        let socket = client.statistics().socket;
        assert!(socket.send_errors + socket.receive_errors > 0, "{socket:?}");
        assert!(accepted.close_reason().is_none());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_endpoint_that_cannot_send_keeps_the_time_and_goes_on_when_it_can() {
    use std::io::Read;
    use std::time::Duration;

    // On the loopback interface the buffer of a UDP socket is never full; that of a stream which poses as one is, while its
    // other end does not read.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let end = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut other, _) = listener.accept().unwrap();
    let posing = UdpSocket::from(std::os::fd::OwnedFd::from(end));
    let to = other.local_addr().unwrap();
    let settings = config(Batching::Off).with_socket_buffers(4096, 4096);
    let endpoint = EventEndpoint::from_socket(posing, settings).unwrap();

    let peer = endpoint.connect(to, 1, 0).unwrap();
    endpoint.set_timeout(peer, 1, Duration::from_millis(200), Duration::from_millis(400));
    endpoint.flush();
    for _ in 0..8000 {
        endpoint.send_raw(to, payload(1, 1000));
    }
    endpoint.send_raw(to, "the last");
    within(async {
        while endpoint.statistics().socket.sends_delayed == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let calls = endpoint.statistics().socket.send_calls;
    assert!(matches!(
        within(endpoint.next_event()).await,
        Some(enet_tokio::Event::Disconnected { .. })
    ));
    let calls = endpoint.statistics().socket.send_calls - calls;
    assert!(calls < 200, "{calls} attempts while there was no room");

    let reader = tokio::task::spawn_blocking(move || {
        let mut tail = Vec::new();
        while !tail.ends_with(b"the last") {
            let mut part = [0; 65536];
            let length = other.read(&mut part).unwrap();
            assert!(length > 0, "the endpoint has closed");
            tail.extend_from_slice(&part[..length]);
            tail.drain(..tail.len().saturating_sub(8));
        }
    });
    within(reader).await.unwrap();
    assert!(!endpoint.has_ended());
    assert_eq!(endpoint.statistics().socket.send_errors, 0);
}
