//! What can be set while an endpoint runs.

use std::time::Duration;

use enet_tokio::{Batching, ConnectError, Endpoint, Event, EventEndpoint, Packet, Peer, SendError};

use crate::common::{Pair, config, payload, within};

#[tokio::test]
async fn a_new_mtu_is_for_the_connections_after_it() {
    let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let client = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto))
        .await
        .unwrap();
    let mut peers = Vec::new();
    for mtu in [1392, 600, 1200] {
        client.set_mtu(mtu);
        let peer = client.connect(server.local_addr(), 1, 0).unwrap();
        within(client.next_event()).await.unwrap();
        peers.push((peer, mtu));
    }
    for (peer, mtu) in peers {
        assert_eq!(client.inspect(peer, Peer::mtu), Some(mtu));
    }
}

#[tokio::test]
async fn a_new_number_of_peers_from_one_address_is_for_newcomers() {
    let pair = Pair::new(config(Batching::Auto)).await;
    pair.server.set_duplicate_peers(1);
    let other = Endpoint::client(config(Batching::Auto).with_connect_timeout(Duration::from_millis(300))).unwrap();
    let address = pair.server.local_addr();
    let refused = within(other.connect(address, 1, 0)).await;
    assert!(matches!(refused, Err(ConnectError::TimedOut { .. })), "{refused:?}");
    assert_eq!(pair.server.statistics().host.limits.duplicate_peers, 1);
    pair.server.set_duplicate_peers(2);
    within(other.connect(address, 1, 0)).await.unwrap();
    assert!(pair.accepted.close_reason().is_none(), "who has come stays");
}

#[tokio::test]
async fn a_new_packet_size_is_for_all_at_once() {
    let pair = Pair::new(config(Batching::Auto)).await;
    for maximum in [1000, 5000] {
        pair.client.set_max_packet_size(maximum);
        let too_long = pair.dialled.send(0, Packet::reliable(payload(1, maximum + 1))).await;
        assert!(matches!(too_long, Err(SendError::TooLarge { .. })), "{too_long:?}");
        let packet = Packet::reliable(payload(2, maximum));
        pair.dialled.send(0, packet.clone()).await.unwrap();
        assert_eq!(within(pair.accepted.recv()).await.unwrap().1, packet);
    }
}

#[tokio::test]
async fn a_new_limit_of_waiting_data_is_for_the_connections_after_it() {
    let server = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto))
        .await
        .unwrap();
    server.set_max_packet_size(1000);
    server.set_max_waiting_data(10_000);
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let dialled = within(client.connect(server.local_addr(), 1, 0)).await.unwrap();
    let Some(Event::Connected { peer, .. }) = within(server.next_event()).await else {
        panic!("not connected");
    };
    server.set_receiving(peer, false);
    for number in 0..100 {
        dialled.send(0, Packet::reliable(payload(number, 1000))).await.unwrap();
    }
    within(async {
        while server.statistics().host.limits.waiting_data == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let waiting = server.inspect(peer, Peer::waiting_data).unwrap();
    assert!((8_000..=12_000).contains(&waiting), "{waiting} bytes wait");
    server.set_receiving(peer, true);
    for number in 0..100 {
        let Some(Event::Received { packet, .. }) = within(server.next_event()).await else {
            panic!("nothing received");
        };
        assert_eq!(packet.data, payload(number, 1000));
    }
}
