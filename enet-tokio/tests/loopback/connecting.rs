use std::time::Duration;

use enet_tokio::{Batching, BindError, ConnectError, Endpoint, Packet};

use crate::common::{BOTH, config, echo, payload, within};

#[tokio::test]
async fn nobody_there_is_a_clear_error() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    for batching in BOTH {
        let client = Endpoint::client(config(batching).with_connect_timeout(Duration::from_millis(100))).unwrap();
        let error = within(client.connect(address, 1, 0)).await.unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut { .. }));
        assert_eq!(error.to_string(), format!("{address} did not answer within 0.1 s"));
        assert_eq!(client.statistics().peers, 0);
    }
}

#[tokio::test]
async fn an_address_of_the_other_family_is_a_clear_error() {
    let client = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let error = within(client.connect("[::1]:9", 1, 0)).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongFamily { .. }), "{error}");
}

#[tokio::test]
async fn a_bad_channel_count_is_a_clear_error() {
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    for channels in [0, 256] {
        let error = within(client.connect("127.0.0.1:9", channels, 0)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Protocol(_)), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let first = Endpoint::bind("127.0.0.1:0", config(Batching::Auto)).await.unwrap();
    let error = Endpoint::bind(first.local_addr(), config(Batching::Auto))
        .await
        .unwrap_err();
    assert!(matches!(error, BindError::Bind { .. }));
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot bind to {}: ", first.local_addr())),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_endpoint_takes_no_connections() {
    let passive = Endpoint::client(config(Batching::Auto)).unwrap();
    let address = ("127.0.0.1", passive.local_addr().port());
    let client = Endpoint::client(config(Batching::Auto).with_connect_timeout(Duration::from_millis(100))).unwrap();
    let error = within(client.connect(address, 1, 0)).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_endpoint_does_not_connect() {
    let client = Endpoint::client(config(Batching::Auto)).unwrap();
    within(client.shutdown(0)).await;
    assert!(matches!(
        client.connect("127.0.0.1:9", 1, 0).await,
        Err(ConnectError::Closed)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_talk_at_once() {
    for batching in BOTH {
        let server = Endpoint::bind("127.0.0.1:0", config(batching)).await.unwrap();
        let address = server.local_addr();
        echo(server.clone());
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..200 {
            clients.spawn(async move {
                // Some share an endpoint's life with their connection, each from a port of its own.
                let client = Endpoint::client(config(batching)).unwrap();
                let connection = client.connect(address, 2, number as u32).await.unwrap();
                for round in 0..5 {
                    let data = payload(number * 5 + round, 10 + number * 20);
                    connection.send(1, Packet::reliable(data.clone())).await.unwrap();
                    assert_eq!(connection.recv().await.unwrap().1.data, data);
                }
                connection.disconnect(0).await;
            });
        }
        within(async {
            while let Some(result) = clients.join_next().await {
                result.unwrap();
            }
        })
        .await;
        assert_eq!(server.statistics().host.connections, 200);
    }
}

#[tokio::test]
async fn two_hundred_connections_share_one_endpoint() {
    for batching in BOTH {
        let server = Endpoint::bind("127.0.0.1:0", config(batching)).await.unwrap();
        let address = server.local_addr();
        echo(server.clone());
        let client = Endpoint::client(config(batching)).unwrap();
        let mut connections = Vec::new();
        for number in 0..200 {
            connections.push(within(client.connect(address, 1, number)).await.unwrap());
        }
        for (number, connection) in connections.iter().enumerate() {
            connection
                .send(0, Packet::reliable(payload(number, 3000)))
                .await
                .unwrap();
        }
        for (number, connection) in connections.iter().enumerate() {
            assert_eq!(within(connection.recv()).await.unwrap().1.data, payload(number, 3000));
        }
        drop(connections);
        within(async {
            while client.statistics().peers > 0 || server.statistics().peers > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}
