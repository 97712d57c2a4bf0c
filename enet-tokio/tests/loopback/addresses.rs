//! Names, texts, and hosts with several addresses.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use enet_tokio::{Batching, BindError, Compression, ConnectError, Endpoint, Event, EventEndpoint, Packet};

use crate::common::{BOTH, Pair, config, within};

#[tokio::test]
async fn an_address_where_nobody_is_holds_up_the_next_one_for_a_quarter_of_a_second_only() {
    let server = Endpoint::bind("[::]:0", config(Batching::Auto)).await.unwrap();
    let port = server.local_addr().port();
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let there = SocketAddr::from(([127, 0, 0, 1], port));
    let addresses = [nobody.local_addr().unwrap(), there];
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let began = Instant::now();
    let (dialled, accepted) =
        within(async { tokio::join!(client.connect(&addresses[..], 1, 0), server.accept()) }).await;
    // One after the other would have been ten seconds.
    let took = began.elapsed();
    assert!(
        (Duration::from_millis(200)..Duration::from_secs(5)).contains(&took),
        "{took:?}"
    );
    assert_eq!(dialled.unwrap().remote_address(), there);
    assert!(accepted.is_some());
    let named = format!("localhost:{port}");
    assert!(within(client.connect(named, 1, 0)).await.is_ok());
}

#[tokio::test]
async fn several_addresses_are_one_connection_and_one_event() {
    let server = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto))
        .await
        .unwrap();
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = EventEndpoint::client(config(Batching::Auto)).unwrap();
    let addresses = [nobody.local_addr().unwrap(), server.local_addr()];
    let peer = client.connect_any(&addresses, 1, 0).unwrap();
    assert_eq!(
        within(client.next_event()).await,
        Some(Event::Connected { peer, data: 0 })
    );
    assert_eq!(
        client.inspect(peer, enet_tokio::Peer::address),
        Some(server.local_addr())
    );
    client.send(peer, 0, Packet::reliable("here")).unwrap();
    assert!(matches!(
        within(server.next_event()).await,
        Some(Event::Connected { .. })
    ));
    assert!(matches!(
        within(server.next_event()).await,
        Some(Event::Received { .. })
    ));
    assert_eq!(client.peers(), [peer]);
}

#[tokio::test]
async fn what_cannot_be_an_address_is_an_error_at_once_that_names_it() {
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    for (address, complaint) in [
        ("127.0.0.1:0", "port 0"),
        ("224.0.0.1:7777", "multicast"),
        ("[ff02::1]:7777", "multicast"),
        ("localhost", "no port"),
        ("enet://localhost:7777", "URL"),
        ("local host:7777", "blank"),
        ("localhost:7777:7777", "colon"),
    ] {
        let error = within(client.connect(address, 1, 0)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Address(_)), "{error}");
        let message = error.to_string();
        assert!(message.contains(address) && message.contains(complaint), "{message}");
    }
    let colon = within(client.connect(("localhost:7777", 7777), 1, 0)).await;
    assert!(matches!(colon, Err(ConnectError::Address(_))), "{colon:?}");
    for (address, complaint) in [
        ("224.0.0.1:7777", "multicast"),
        ("localhost", "no port"),
        ("a b:1", "blank"),
    ] {
        let error = Endpoint::bind(address, config(Batching::Auto)).await.unwrap_err();
        assert!(matches!(error, BindError::Address(_)), "{error}");
        assert!(error.to_string().contains(complaint), "{error}");
    }
    let events = EventEndpoint::client(config(Batching::Auto)).unwrap();
    let nobody = events.connect(([127, 0, 0, 1], 0).into(), 1, 0);
    assert!(matches!(nobody, Err(ConnectError::Address(_))), "{nobody:?}");
    assert!(events.connect_any(&[], 1, 0).is_err());
}

#[tokio::test]
async fn a_name_without_an_address_is_an_error_that_names_it() {
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let error = within(client.connect("nowhere.invalid:7777", 1, 0)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Resolve(_)), "{error}");
    assert!(
        error.to_string().starts_with("cannot resolve \"nowhere.invalid\": "),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_understood_is_told_from_silence() {
    let compressed = config(Batching::Auto).with_compression(Compression::RangeCoder);
    let server = Endpoint::bind("127.0.0.1:0", compressed).await.unwrap();
    let client = Endpoint::client(config(Batching::Auto).with_connect_timeout(Duration::from_millis(300))).unwrap();
    let error = within(client.connect(server.local_addr(), 1, 0)).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotUnderstood { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.starts_with(&server.local_addr().to_string()) && message.contains("compression"),
        "{message}"
    );
}

#[tokio::test]
async fn a_flow_label_or_a_scope_without_meaning_is_no_other_address() {
    let server = Endpoint::bind("[::1]:0", config(Batching::Auto)).await.unwrap();
    let port = server.local_addr().port();
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    for (flow, scope) in [(7, 0), (0, 1), (7, 1)] {
        let odd = SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, flow, scope);
        let (dialled, accepted) = within(async { tokio::join!(client.connect(odd, 1, 0), server.accept()) }).await;
        assert_eq!(dialled.unwrap().remote_address(), server.local_addr());
        assert!(accepted.is_some());
    }
    assert!(within(client.connect(format!("[::1%1]:{port}"), 1, 0)).await.is_ok());
}

#[tokio::test]
async fn a_server_on_all_addresses_answers_from_the_one_that_was_called() {
    for batching in BOTH {
        for (bind, reach) in [
            ("0.0.0.0:0", "127.0.0.2"),
            ("[::]:0", "127.0.0.3"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::1"),
        ] {
            // The client takes answers from the address that it has called only.
            let pair = Pair::at(bind, reach, config(batching), config(batching)).await;
            assert_eq!(pair.dialled.remote_address().ip().to_string(), reach);
            // Single datagrams, batches and a crowd.
            for (size, count) in [(10, 1), (200_000, 3)] {
                for _ in 0..count {
                    pair.accepted.send(0, Packet::reliable(vec![1; size])).await.unwrap();
                }
                for _ in 0..count {
                    assert_eq!(within(pair.dialled.recv()).await.unwrap().1.data.len(), size);
                }
            }
            within(pair.dialled.disconnect(0)).await;
        }
    }
}

#[tokio::test]
async fn a_crowd_that_called_different_addresses_is_answered_from_each() {
    for batching in BOTH {
        let server = EventEndpoint::bind("[::]:0", config(batching)).await.unwrap();
        let port = server.local_addr().port();
        let client = Endpoint::client(config(batching)).unwrap();
        let mut connections = Vec::new();
        for number in 0..24 {
            let called = ["127.0.0.2", "[::1]", "127.0.0.3", "127.0.0.1"][number % 4];
            let called = format!("{called}:{port}");
            let (connection, event) =
                within(async { tokio::join!(client.connect(called, 1, 0), server.next_event()) }).await;
            assert!(matches!(event, Some(Event::Connected { .. })));
            connections.push(connection.unwrap());
        }
        for word in ["one", "two", "three"] {
            assert_eq!(server.broadcast(0, &Packet::reliable(word)), connections.len());
            for connection in &connections {
                assert_eq!(&within(connection.recv()).await.unwrap().1.data[..], word.as_bytes());
            }
        }
        within(server.shutdown(7)).await;
        for connection in &connections {
            assert_eq!(within(connection.closed()).await.data(), 7);
        }
    }
}

#[tokio::test]
async fn what_is_sent_for_an_intercepted_question_leaves_from_the_address_that_was_asked() {
    use enet_tokio::{Intercept, Verdict};

    for batching in BOTH {
        let intercept = Intercept::new(|from, datagram| {
            if datagram.starts_with(b"QUERY") {
                Verdict::Reply(format!("{} at {from}", datagram.len()).into())
            } else {
                Verdict::Pass
            }
        });
        let server = Endpoint::bind("0.0.0.0:0", config(batching).with_intercept(intercept))
            .await
            .unwrap();
        let asked = SocketAddr::from(([127, 0, 0, 2], server.local_addr().port()));
        let browser = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // Its kernel passes on only what comes from there.
        browser.connect(asked).await.unwrap();
        browser.send(b"QUERY players").await.unwrap();
        let mut buffer = [0; 100];
        let length = within(browser.recv(&mut buffer)).await.unwrap();
        let answer = format!("13 at {}", browser.local_addr().unwrap());
        assert_eq!(&buffer[..length], answer.as_bytes());
        let client = Endpoint::client(config(batching)).unwrap();
        assert!(
            within(client.connect(asked, 1, 0)).await.is_ok(),
            "the rest is for ENet"
        );
        assert_eq!(server.statistics().host.dropped.total(), 0, "ENet has not seen it");
    }
}
