use std::time::Duration;

use enet_tokio::{Batching, Endpoint, Event, EventEndpoint, Packet};
use tokio::time::sleep;

use crate::common::{Pair, config, payload, within};

/// Waits for a future in slices: it is dropped after the first poll, and every millisecond from then on.
macro_rules! in_slices {
    ($make:expr, $cancelled:ident) => {{
        let mut first = true;
        loop {
            tokio::select! {
                biased;
                value = $make => break value,
                () = std::future::ready(()), if first => first = false,
                () = sleep(Duration::from_millis(1)) => {}
            }
            $cancelled += 1;
        }
    }};
}

#[tokio::test]
async fn a_cancelled_recv_loses_nothing() {
    let pair = Pair::new(config(Batching::Auto)).await;
    let sender = pair.dialled.clone();
    let sending = tokio::spawn(async move {
        for index in 0..300 {
            sender.send(0, Packet::reliable(payload(index, 50))).await.unwrap();
            if index % 10 == 0 {
                sleep(Duration::from_millis(2)).await;
            }
        }
    });
    let mut cancelled = 0;
    for index in 0..300 {
        let (_, packet) = within(async { in_slices!(pair.accepted.recv(), cancelled) })
            .await
            .unwrap();
        assert_eq!(packet.data, payload(index, 50));
    }
    assert!(cancelled > 10);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_cancelled_send_has_sent_nothing() {
    let pair = Pair::new(config(Batching::Auto).with_host(|host| host.max_queued_data = 20_000)).await;
    let receiver = pair.accepted.clone();
    let receiving = tokio::spawn(async move {
        for index in 0..500 {
            let (_, packet) = within(receiver.recv()).await.unwrap();
            assert_eq!(packet.data, payload(index, 3000), "each once and in order");
        }
    });
    let mut cancelled = 0;
    for index in 0..500 {
        within(async { in_slices!(pair.dialled.send(0, Packet::reliable(payload(index, 3000))), cancelled) })
            .await
            .unwrap();
    }
    assert!(cancelled > 10);
    receiving.await.unwrap();
}

#[tokio::test]
async fn a_cancelled_accept_loses_no_connection() {
    let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let address = server.local_addr();
    let dialling = tokio::spawn(async move {
        let mut connections = Vec::new();
        for index in 0..30 {
            connections.push(client.connect(address, 1, index).await.unwrap());
            sleep(Duration::from_millis(2)).await;
        }
        (client, connections)
    });
    let mut cancelled = 0;
    for index in 0..30 {
        let connection = within(async { in_slices!(server.accept(), cancelled) }).await.unwrap();
        assert_eq!(connection.connect_data(), index);
    }
    assert!(cancelled > 10);
    dialling.await.unwrap();
}

#[tokio::test]
async fn a_cancelled_next_event_loses_no_event() {
    let server = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto))
        .await
        .unwrap();
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let address = server.local_addr();
    let sending = tokio::spawn(async move {
        let connection = client.connect(address, 1, 0).await.unwrap();
        for index in 0..300 {
            connection.send(0, Packet::reliable(payload(index, 50))).await.unwrap();
            if index % 10 == 0 {
                sleep(Duration::from_millis(2)).await;
            }
        }
        connection.disconnect(7).await;
    });
    let mut cancelled = 0;
    let mut received = 0;
    loop {
        match within(async { in_slices!(server.next_event(), cancelled) })
            .await
            .unwrap()
        {
            Event::Connected { .. } => {}
            Event::Received { packet, .. } => {
                assert_eq!(packet.data, payload(received, 50));
                received += 1;
            }
            Event::Disconnected { reason, .. } => {
                assert_eq!(reason.data(), 7);
                break;
            }
        }
    }
    assert_eq!(received, 300);
    assert!(cancelled > 10);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_cancelled_connect_leaves_nothing_behind() {
    let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let address = server.local_addr();
    for _ in 0..20 {
        tokio::select! {
            biased;
            _ = client.connect(address, 1, 1) => panic!("too fast"),
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(client.statistics().peers, 0);
    // And the endpoint is as good as new.
    let connection = within(client.connect(address, 1, 2)).await.unwrap();
    loop {
        let accepted = within(server.accept()).await.unwrap();
        if accepted.connect_data() == 2 {
            break;
        }
    }
    assert!(connection.close_reason().is_none());
}
