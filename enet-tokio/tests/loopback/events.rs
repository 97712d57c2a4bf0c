use enet_tokio::{
    Batching, Config, DisconnectReason, Event, EventEndpoint, Packet, Peer, PeerHandle, PeerState, SendError,
};

use crate::common::{BOTH, config, payload, within};

struct Two {
    server: EventEndpoint,
    client: EventEndpoint,
    /// The client as the server knows it.
    guest: PeerHandle,
    /// The server as the client knows it.
    host: PeerHandle,
}

async fn two(config: Config) -> Two {
    let server = EventEndpoint::bind("127.0.0.1:0", config.clone()).await.unwrap();
    let client = EventEndpoint::client(config).unwrap();
    let host = client.connect(server.local_addr(), 3, 11).unwrap();
    assert_eq!(
        within(client.next_event()).await,
        Some(Event::Connected { peer: host, data: 0 })
    );
    let Some(Event::Connected { peer: guest, data: 11 }) = within(server.next_event()).await else {
        panic!()
    };
    Two {
        server,
        client,
        guest,
        host,
    }
}

#[tokio::test]
async fn events_tell_the_whole_story() {
    for batching in BOTH {
        let Two {
            server,
            client,
            guest,
            host,
        } = two(config(batching)).await;
        client.send(host, 2, Packet::unreliable("hello")).unwrap();
        let Some(Event::Received {
            peer,
            channel: 2,
            packet,
        }) = within(server.next_event()).await
        else {
            panic!()
        };
        assert_eq!((peer, &packet.data[..]), (guest, &b"hello"[..]));
        server.disconnect(guest, 6);
        let reason = DisconnectReason::Remote { data: 6 };
        assert_eq!(
            within(client.next_event()).await,
            Some(Event::Disconnected { peer: host, reason })
        );
        let reason = DisconnectReason::Local;
        assert_eq!(
            within(server.next_event()).await,
            Some(Event::Disconnected { peer: guest, reason })
        );
        assert_eq!(
            client.send(host, 0, Packet::reliable("late")),
            Err(SendError::NotConnected)
        );
    }
}

#[tokio::test]
async fn a_peer_can_be_looked_at() {
    let Two {
        server,
        client,
        guest,
        host,
    } = two(config(Batching::Auto)).await;
    assert_eq!(server.peers(), [guest]);
    assert_eq!(client.inspect(host, Peer::address), Some(server.local_addr()));
    assert_eq!(
        server.inspect(guest, |peer| (peer.state(), peer.channel_count())),
        Some((PeerState::Connected, 3))
    );
    server.reset(guest);
    assert_eq!(server.inspect(guest, Peer::state), None);
    assert!(server.peers().is_empty());
}

#[tokio::test]
async fn a_broadcast_reaches_everybody() {
    let server = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto))
        .await
        .unwrap();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let client = EventEndpoint::client(config(Batching::Auto)).unwrap();
        client.connect(server.local_addr(), 1, 0).unwrap();
        assert!(matches!(
            within(client.next_event()).await,
            Some(Event::Connected { .. })
        ));
        assert!(matches!(
            within(server.next_event()).await,
            Some(Event::Connected { .. })
        ));
        clients.push(client);
    }
    assert_eq!(server.broadcast(0, &Packet::reliable(payload(1, 2000))), 20);
    for client in &clients {
        let Some(Event::Received { packet, .. }) = within(client.next_event()).await else {
            panic!()
        };
        assert_eq!(packet.data, payload(1, 2000));
    }
}

#[tokio::test]
async fn without_events_nothing_waits() {
    let Two {
        server, client, host, ..
    } = two(config(Batching::Auto)).await;
    assert_eq!(server.try_next_event(), None);
    client.send(host, 0, Packet::reliable("x")).unwrap();
    within(async {
        while server.try_next_event().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_that_takes_no_events_holds_a_bounded_amount_and_loses_nothing() {
    let small = config(Batching::Auto)
        .with_receive_queue(50, 1_000_000)
        .with_host(|host| {
            host.max_waiting_data = 100_000;
        });
    let Two {
        server,
        client,
        guest,
        host,
    } = two(small).await;
    for index in 0..1000 {
        client.send(host, 0, Packet::reliable(payload(index, 1000))).unwrap();
    }
    within(async {
        while server.inspect(guest, Peer::waiting_data).unwrap() < 90_000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for index in 0..1000 {
        let Some(Event::Received { packet, .. }) = within(server.next_event()).await else {
            panic!()
        };
        assert_eq!(packet.data, payload(index, 1000));
    }
}

#[tokio::test]
async fn after_a_shutdown_come_the_last_events_and_then_none() {
    let Two {
        server,
        client,
        guest,
        host,
    } = two(config(Batching::Auto)).await;
    client.send(host, 0, Packet::reliable("last")).unwrap();
    within(client.shutdown(3)).await;
    assert!(matches!(
        within(client.next_event()).await,
        Some(Event::Disconnected { .. })
    ));
    assert_eq!(within(client.next_event()).await, None);
    assert!(client.has_ended());
    assert!(matches!(
        within(server.next_event()).await,
        Some(Event::Received { .. })
    ));
    let reason = DisconnectReason::Remote { data: 3 };
    assert_eq!(
        within(server.next_event()).await,
        Some(Event::Disconnected { peer: guest, reason })
    );
}

#[tokio::test]
async fn a_held_endpoint_is_silent_until_it_is_released() {
    for batching in BOTH {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = EventEndpoint::client(config(batching).with_held(true)).unwrap();
        let first = client.connect(server.local_addr().unwrap(), 3, 11).unwrap();
        // Gives the driver its turns.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.statistics().host.datagrams_sent, 0);
        assert_eq!(client.inspect(first, Peer::state), Some(PeerState::Connecting));
        client.release();
        let mut datagram = [0; 2048];
        let size = within(server.recv(&mut datagram)).await.unwrap();
        assert_eq!(size, 52, "a CONNECT");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_endpoint_that_is_closed_now_has_said_all_and_freed_its_port_on_return() {
    for batching in BOTH {
        let Two {
            server,
            client,
            guest,
            host,
        } = two(config(batching)).await;
        let address = server.local_addr();
        server.send(guest, 0, Packet::reliable("last words")).unwrap();
        server.close_now(9);
        assert!(server.has_ended());
        let again = EventEndpoint::bind(address, config(batching)).await.unwrap();
        drop(again);
        let Some(Event::Received { packet, .. }) = within(client.next_event()).await else {
            panic!()
        };
        assert_eq!(&packet.data[..], b"last words");
        let reason = DisconnectReason::Remote { data: 9 };
        assert_eq!(
            within(client.next_event()).await,
            Some(Event::Disconnected { peer: host, reason })
        );
        assert_eq!(within(server.next_event()).await, None);
    }
}

#[tokio::test]
async fn what_is_queued_in_numbers_leaves_before_its_sender_waits() {
    for batching in BOTH {
        let Two {
            server,
            client,
            guest,
            host,
        } = two(config(batching)).await;
        // All in one thread: nothing but the sender itself can have sent it.
        let before = client.statistics().host.bytes_sent;
        for _ in 0..400 {
            client.send(host, 0, Packet::reliable(payload(1, 64))).unwrap();
        }
        let sent = client.statistics().host.bytes_sent - before;
        assert!(
            (12 * 1024..400 * 70).contains(&sent),
            "{sent} bytes, and the last of them wait for more"
        );
        // Who answers one by one what it is sent does not let the other side wait for the last answer either.
        let mut taken = 0;
        let mut ahead = false;
        while taken < 400 {
            let Some(Event::Received { packet, .. }) = within(server.next_event()).await else {
                panic!()
            };
            taken += 1;
            server.send(guest, 0, packet).unwrap();
            if taken % 32 == 0 {
                let sent = server.statistics().host.datagrams_sent;
                while server
                    .try_next_event()
                    .is_some_and(|event| matches!(event, Event::Received { .. }))
                {
                    taken += 1;
                    server.send(guest, 0, Packet::reliable("an answer")).unwrap();
                }
                ahead |= server.statistics().host.datagrams_sent > sent;
            }
        }
        assert!(ahead, "answers leave while there is more to take");
        for _ in 0..400 {
            assert!(matches!(
                within(client.next_event()).await,
                Some(Event::Received { .. })
            ));
        }
    }
}

#[tokio::test]
async fn a_few_words_leave_together_when_their_sender_waits() {
    let Two { client, host, .. } = two(config(Batching::Auto)).await;
    let before = client.statistics().host.datagrams_sent;
    for _ in 0..100 {
        client.send(host, 0, Packet::reliable(payload(1, 10))).unwrap();
    }
    assert_eq!(client.statistics().host.datagrams_sent, before);
}
