//! Strangers and insiders who flood an encrypted server, and the players meanwhile.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use enet_tokio::{Config, DtlsClient, DtlsServer, DtlsStatistics, Endpoint, Event, EventEndpoint, Packet};
use fixtures::tls;

use crate::common::within;

/// How long a flood goes on.
const FLOOD: Duration = Duration::from_secs(2);

/// Datagrams in a row, after which the flood rests for a millisecond.
const BURST: usize = 20;

/// How long a message to the server and back may take meanwhile, however busy this machine is.
const PATIENCE: Duration = Duration::from_secs(2);

/// A ClientHello of DTLS 1.2 that offers ECDHE with AES-128-GCM on X25519 and P-256: the first, or the one with a cookie.
fn client_hello(random: u32, cookie: &[u8]) -> Vec<u8> {
    let number = u8::from(!cookie.is_empty());
    let mut body = vec![0xfe, 0xfd];
    for _ in 0..8 {
        body.extend(random.to_be_bytes());
    }
    // No session.
    body.push(0);
    body.push(cookie.len() as u8);
    body.extend_from_slice(cookie);
    // Suites, no compression, extensions: groups, signatures, the form of points.
    body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    body.extend([0, 26, 0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4]);
    body.extend([0, 11, 0, 2, 1, 0]);
    let length = (body.len() as u32).to_be_bytes();
    let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, number];
    datagram.extend((body.len() as u16 + 12).to_be_bytes());
    datagram.push(1);
    datagram.extend_from_slice(&length[1..]);
    datagram.extend([0, number, 0, 0, 0]);
    datagram.extend_from_slice(&length[1..]);
    datagram.extend(body);
    datagram
}

/// The cookie in an answer that asks for it.
fn cookie_in(answer: &[u8]) -> Option<&[u8]> {
    let is_request = answer.first() == Some(&22) && answer.get(13) == Some(&3);
    let length = usize::from(*answer.get(27).filter(|_| is_request)?);
    answer.get(28..28 + length)
}

/// Like a record of data that was sealed.
fn record(number: u32) -> Vec<u8> {
    let mut record = vec![23, 0xfe, 0xfd, 0, 1, 0, 0];
    record.extend(number.to_be_bytes());
    record.extend([0, 100]);
    record.extend([number as u8; 100]);
    record
}

/// Sockets of many addresses.
fn attackers(server: SocketAddr) -> Vec<UdpSocket> {
    let socket = |number: u8| {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 9, number, 1), 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    (0..64).map(socket).collect()
}

fn encrypted() -> (Config, Config) {
    let server = DtlsServer::from_pem(tls::ECDSA.certificate.as_bytes(), tls::ECDSA.key.as_bytes());
    let client = DtlsClient::pinned(tls::ECDSA.certificate.as_bytes());
    (
        Config::default().with_dtls(server.unwrap()),
        Config::default().with_dtls(client.unwrap()),
    )
}

/// Has `flood` called again and again while a player talks, and returns what the server says then. The player is answered all the
/// time, and another one gets in afterwards.
async fn endures(mut flood: impl FnMut(SocketAddr, u32) + Send + 'static) -> DtlsStatistics {
    let (server_config, client_config) = encrypted();
    let server = EventEndpoint::bind("127.0.0.1:0", server_config).await.unwrap();
    let address = server.local_addr();
    let echo = server.clone();
    tokio::spawn(async move {
        while let Some(event) = echo.next_event().await {
            if let Event::Received { peer, channel, packet } = event {
                let _ = echo.send(peer, channel, packet);
            }
        }
    });
    let endpoint = Endpoint::client(client_config.clone()).unwrap();
    let player = within(endpoint.connect(address, 1, 0)).await.unwrap();
    let end = Instant::now() + FLOOD;
    let flooding = thread::spawn(move || {
        let mut number = 0;
        while Instant::now() < end {
            for _ in 0..BURST {
                flood(address, number);
                number += 1;
            }
            thread::sleep(Duration::from_millis(1));
        }
        number
    });
    let mut answered = 0_u32;
    while Instant::now() < end {
        player
            .send(0, Packet::reliable(answered.to_be_bytes().to_vec()))
            .await
            .unwrap();
        let (_, packet) = tokio::time::timeout(PATIENCE, player.recv()).await.unwrap().unwrap();
        assert_eq!(packet.data, &answered.to_be_bytes()[..]);
        answered += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(flooding.join().unwrap() > 1000 && answered > 10);
    let statistics = server.statistics().dtls.unwrap();
    let other = Endpoint::client(client_config).unwrap();
    within(other.connect(address, 1, 0)).await.unwrap();
    statistics
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hellos_without_a_cookie_take_no_place() {
    let mut sockets = Vec::new();
    let statistics = endures(move |server, number| {
        if sockets.is_empty() {
            sockets = attackers(server);
        }
        let _ = sockets[number as usize % sockets.len()].send(&client_hello(number, &[]));
    })
    .await;
    assert_eq!(
        (statistics.in_progress, statistics.sessions, statistics.handshakes),
        (0, 1, 1)
    );
    assert!(statistics.verified > 100, "{statistics:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_are_begun_and_left_are_limited() {
    let mut sockets = Vec::new();
    let mut buffer = [0; 2048];
    let statistics = endures(move |server, number| {
        if sockets.is_empty() {
            sockets = attackers(server);
        }
        let socket = &sockets[number as usize % sockets.len()];
        while let Ok(length) = socket.recv(&mut buffer) {
            if let Some(cookie) = cookie_in(&buffer[..length]) {
                let _ = socket.send(&client_hello(7, cookie));
            }
        }
        let _ = socket.send(&client_hello(7, &[]));
    })
    .await;
    let limits = encrypted().0.dtls.unwrap().server.unwrap();
    assert!(statistics.in_progress > 10, "{statistics:?}");
    assert!(statistics.in_progress <= limits.max_handshakes, "{statistics:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_nobody_has_sealed_are_dropped() {
    let mut sockets = Vec::new();
    let statistics = endures(move |server, number| {
        if sockets.is_empty() {
            sockets = attackers(server);
        }
        let _ = sockets[number as usize % sockets.len()].send(&record(number));
    })
    .await;
    assert_eq!(
        (statistics.in_progress, statistics.sessions, statistics.handshakes),
        (0, 1, 1)
    );
    assert!(statistics.dropped > 100, "{statistics:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insider_s_bad_records_harm_nobody() {
    let (_, client) = encrypted();
    let insider = EventEndpoint::client(client).unwrap();
    let mut joined = false;
    let statistics = endures(move |server, number| {
        if !std::mem::replace(&mut joined, true) {
            insider.connect(server, 1, 0).unwrap();
        }
        insider.send_raw(server, record(number));
    })
    .await;
    assert!(
        statistics.sessions >= 1 && statistics.in_progress <= 1,
        "{statistics:?}"
    );
}
