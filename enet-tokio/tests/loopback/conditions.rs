use std::time::{Duration, Instant};

use enet_tokio::{
    Batching, Conditions, Config, DisconnectReason, Endpoint, Event, EventEndpoint, NetworkConditions, Packet,
};

use crate::common::{BOTH, Pair, config, payload, within};

const MS: Duration = Duration::from_millis(1);

/// A server on an ideal network and a client with `conditions`.
async fn pair(batching: Batching, conditions: NetworkConditions) -> Pair {
    let client = config(batching).with_conditions(conditions);
    Pair::at("127.0.0.1:0", "127.0.0.1", config(batching), client).await
}

/// One message there and back.
async fn exchange(pair: &Pair, index: usize) {
    pair.dialled
        .send(0, Packet::reliable(payload(index, 100)))
        .await
        .unwrap();
    let there = within(pair.accepted.recv()).await.unwrap().1.data;
    assert_eq!(there, payload(index, 100));
    pair.accepted.send(0, Packet::reliable(there)).await.unwrap();
    let back = within(pair.dialled.recv()).await.unwrap().1.data;
    assert_eq!(back, payload(index, 100));
}

#[tokio::test]
async fn a_delay_is_that_of_each_direction() {
    for batching in BOTH {
        let slow = NetworkConditions::default()
            .with_incoming(Conditions::default().delay(40 * MS))
            .with_outgoing(Conditions::default().delay(60 * MS));
        let pair = pair(batching, slow).await;
        let start = Instant::now();
        exchange(&pair, 1).await;
        assert!(start.elapsed() >= 100 * MS, "{:?}", start.elapsed());
        assert!(pair.dialled.round_trip_time() >= 100 * MS);
        assert!(pair.accepted.round_trip_time() >= 100 * MS);
    }
}

#[tokio::test]
async fn conditions_change_while_the_endpoint_runs() {
    for batching in BOTH {
        let pair = pair(batching, NetworkConditions::default()).await;
        exchange(&pair, 1).await;
        let cut = NetworkConditions::both(Conditions::default().down(true));
        pair.client.set_conditions(cut.clone());
        assert_eq!(pair.client.conditions(), cut);
        pair.dialled.send(0, Packet::reliable("late")).await.unwrap();
        let nothing = tokio::time::timeout(100 * MS, pair.accepted.recv()).await;
        assert!(nothing.is_err(), "a cut cable delivers nothing");
        pair.client.set_conditions(NetworkConditions::default());
        assert_eq!(&within(pair.accepted.recv()).await.unwrap().1.data[..], b"late");
        exchange(&pair, 2).await;
        assert!(pair.client.conditions().is_ideal());
    }
}

#[tokio::test]
async fn reliable_packets_stand_every_bad_network() {
    for batching in BOTH {
        let bad = Conditions::default()
            .loss(0.1)
            .delay(MS)
            .jitter(5 * MS)
            .duplication(0.1)
            .reordering(0.1, 5 * MS);
        let pair = pair(batching, NetworkConditions::both(bad).with_seed(11)).await;
        let sender = pair.dialled.clone();
        let sending = tokio::spawn(async move {
            for index in 0..300 {
                sender.send(0, Packet::reliable(payload(index, 2000))).await.unwrap();
            }
        });
        for index in 0..300 {
            assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, payload(index, 2000));
        }
        sending.await.unwrap();
        assert!(pair.dialled.statistics().unwrap().commands_resent > 0);
    }
}

#[tokio::test]
async fn a_bandwidth_holds_in_the_direction_it_is_set_for() {
    let narrow = NetworkConditions::default().with_outgoing(Conditions::default().bandwidth(200_000, 100_000));
    let pair = pair(Batching::Auto, narrow).await;
    let start = Instant::now();
    pair.dialled
        .send(0, Packet::reliable(payload(1, 100_000)))
        .await
        .unwrap();
    within(pair.accepted.recv()).await.unwrap();
    assert!(start.elapsed() >= 450 * MS, "{:?}", start.elapsed());
}

#[tokio::test]
async fn lost_unreliable_packets_stay_lost_and_duplicates_are_recognised() {
    let odd = Conditions::default().loss(0.3).duplication(0.5);
    let conditions = NetworkConditions::default();
    let pair = pair(Batching::Off, conditions.clone()).await;
    pair.client.set_conditions(conditions.with_outgoing(odd).with_seed(3));
    for index in 0..200 {
        pair.dialled
            .send(0, Packet::unsequenced(payload(index, 1300)))
            .await
            .unwrap();
    }
    pair.client.flush();
    pair.client.set_conditions(NetworkConditions::default());
    pair.dialled.send(0, Packet::reliable("end")).await.unwrap();
    let mut received = Vec::new();
    loop {
        let data = within(pair.accepted.recv()).await.unwrap().1.data;
        if data == "end" {
            break;
        }
        received.push(data);
    }
    assert!((100..180).contains(&received.len()), "{} of 200", received.len());
    let mut distinct = received.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), received.len());
}

#[tokio::test]
async fn the_last_words_of_an_endpoint_leave_through_a_bad_network() {
    for batching in BOTH {
        for at_once in [true, false] {
            let slow = NetworkConditions::both(Conditions::default().delay(50 * MS));
            let pair = pair(batching, slow).await;
            pair.dialled.send(0, Packet::reliable("last words")).await.unwrap();
            if at_once {
                pair.client.flush();
                within(pair.client.shutdown_now(7)).await;
            } else {
                within(pair.client.shutdown(7)).await;
            }
            assert_eq!(&within(pair.accepted.recv()).await.unwrap().1.data[..], b"last words");
            assert_eq!(
                within(pair.accepted.recv()).await.unwrap_err(),
                DisconnectReason::Remote { data: 7 }
            );
        }
    }
}

#[tokio::test]
async fn a_server_in_the_event_style_can_have_a_bad_network_too() {
    let server = EventEndpoint::bind("127.0.0.1:0", Config::default()).await.unwrap();
    server.set_conditions(NetworkConditions::both(Conditions::default().delay(20 * MS)));
    let client = Endpoint::client(Config::default()).unwrap();
    let start = Instant::now();
    let connection = within(client.connect(server.local_addr(), 1, 0)).await.unwrap();
    assert!(start.elapsed() >= 40 * MS, "{:?}", start.elapsed());
    let Some(Event::Connected { peer, .. }) = within(server.next_event()).await else {
        panic!()
    };
    assert!(server.inspect(peer, |peer| peer.round_trip_time() >= 40 * MS).unwrap());
    connection.abort(0);
}
