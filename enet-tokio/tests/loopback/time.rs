//! Long times, with tokio's clock paused: it jumps to the next timer whenever there is nothing to do.

use std::time::Duration;

use enet_tokio::{Batching, ConnectError, DisconnectReason, Endpoint, Packet};
use tokio::time::{Instant, sleep};

use crate::common::{Pair, config};

#[tokio::test(start_paused = true)]
async fn an_idle_connection_lasts() {
    let server = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    let (dialled, accepted) = tokio::join!(client.connect(server.local_addr(), 1, 0), server.accept());
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    sleep(Duration::from_secs(3600)).await;
    dialled.send(0, Packet::reliable("still here")).await.unwrap();
    assert_eq!(&accepted.recv().await.unwrap().1.data[..], b"still here");
    let statistics = client.statistics();
    assert!(statistics.host.datagrams_sent > 3600, "pings were sent");
    assert!(
        statistics.host.datagrams_sent < 5 * 7200,
        "but not many more: {}",
        statistics.host.datagrams_sent
    );
    assert_eq!(dialled.statistics().unwrap().commands_resent, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_there_takes_the_connect_timeout() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = Endpoint::client(config(Batching::Auto).with_connect_timeout(Duration::from_secs(7))).unwrap();
    let before = Instant::now();
    let error = client.connect(nobody.local_addr().unwrap(), 1, 0).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    assert!(
        (Duration::from_secs(7)..Duration::from_secs(8)).contains(&before.elapsed()),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_is_given_up() {
    let (pair, relay) = Pair::relayed(config(Batching::Auto)).await;
    pair.accepted
        .set_timeout(32, Duration::from_secs(2), Duration::from_secs(4));
    relay.cut();
    let before = Instant::now();
    assert_eq!(pair.accepted.recv().await.unwrap_err(), DisconnectReason::TimedOut);
    let after = before.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(6)).contains(&after),
        "{after:?}"
    );
    assert_eq!(pair.accepted.close_reason(), Some(DisconnectReason::TimedOut));
    assert_eq!(pair.server.statistics().peers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_the_dead() {
    let (pair, relay) = Pair::relayed(config(Batching::Auto).with_linger(Duration::from_secs(2))).await;
    pair.accepted
        .send(0, Packet::reliable("nobody will hear this"))
        .await
        .unwrap();
    relay.cut();
    let before = Instant::now();
    pair.server.shutdown(0).await;
    let after = before.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(3)).contains(&after),
        "{after:?}"
    );
    std::net::UdpSocket::bind(pair.server.local_addr()).unwrap();
}
