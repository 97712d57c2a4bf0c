use std::net::SocketAddr;

use enet_tokio::{Batching, Endpoint, Packet, PacketMode};

use crate::common::{BOTH, Pair, config, payload, within};

#[tokio::test]
async fn packets_of_every_mode_and_size_arrive_whole() {
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        for mode in [PacketMode::Reliable, PacketMode::Unreliable, PacketMode::Unsequenced] {
            for size in [0, 1, 100, 1300, 1400, 5000, 60_000] {
                let mut packet = Packet::reliable(payload(size, size));
                packet.mode = mode;
                pair.dialled.send(3, packet).await.unwrap();
                let (channel, received) = within(pair.accepted.recv()).await.unwrap();
                assert_eq!(channel, 3);
                assert_eq!(received.data, payload(size, size), "{mode:?} {size}");
            }
        }
    }
}

#[tokio::test]
async fn it_works_over_ipv4_and_ipv6_and_both_at_once() {
    for batching in BOTH {
        for (bind, reach) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.1"),
            ("[::1]:0", "::1"),
            ("[::]:0", "::1"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::ffff:127.0.0.1"),
        ] {
            let pair = Pair::at(bind, reach, config(batching), config(batching)).await;
            let expected = if reach == "::1" { "::1" } else { "127.0.0.1" };
            assert_eq!(pair.accepted.remote_address().ip().to_string(), expected);
            assert_eq!(pair.dialled.remote_address().ip().to_string(), expected);
            assert_eq!(pair.accepted.connect_data(), 99);
            pair.dialled.send(0, Packet::reliable("there")).await.unwrap();
            assert_eq!(&within(pair.accepted.recv()).await.unwrap().1.data[..], b"there");
            pair.accepted.send(0, Packet::reliable("back")).await.unwrap();
            assert_eq!(&within(pair.dialled.recv()).await.unwrap().1.data[..], b"back");
        }
    }
}

#[tokio::test]
async fn the_two_ways_of_io_understand_each_other() {
    for (server, client) in [(Batching::Auto, Batching::Off), (Batching::Off, Batching::Auto)] {
        let pair = Pair::at("127.0.0.1:0", "127.0.0.1", config(server), config(client)).await;
        for index in 0..20 {
            pair.dialled
                .send(0, Packet::reliable(payload(index, 100_000)))
                .await
                .unwrap();
        }
        for index in 0..20 {
            assert_eq!(
                within(pair.accepted.recv()).await.unwrap().1.data,
                payload(index, 100_000)
            );
        }
    }
}

#[tokio::test]
async fn reliable_packets_come_in_order_and_complete() {
    const COUNT: usize = 20_000;
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let sender = pair.dialled.clone();
        let sending = tokio::spawn(async move {
            for index in 0..COUNT {
                sender
                    .send((index % 4) as u8, Packet::reliable(index.to_be_bytes().to_vec()))
                    .await
                    .unwrap();
            }
        });
        let mut next = [0, 1, 2, 3];
        for _ in 0..COUNT {
            let (channel, packet) = within(pair.accepted.recv()).await.unwrap();
            let index = usize::from_be_bytes(packet.data[..].try_into().unwrap());
            assert_eq!(index, next[usize::from(channel)]);
            next[usize::from(channel)] += 4;
        }
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn the_largest_packet_arrives() {
    const SIZE: usize = 32 * 1024 * 1024;
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let data = payload(5, SIZE);
        pair.dialled.send(0, Packet::reliable(data.clone())).await.unwrap();
        let (_, received) = within(pair.accepted.recv()).await.unwrap();
        assert!(received.data == data);
    }
}

#[tokio::test]
async fn an_answer_travels_with_the_acknowledgement() {
    const ROUNDS: u64 = 200;
    for batching in BOTH {
        let pair = Pair::new(config(batching)).await;
        let echo = tokio::spawn(async move {
            while let Ok((channel, packet)) = pair.accepted.recv().await {
                pair.accepted.send(channel, packet).await.unwrap();
            }
        });
        let before = pair.client.statistics().host.datagrams_received;
        for round in 0..ROUNDS {
            pair.dialled
                .send(0, Packet::reliable(round.to_be_bytes().to_vec()))
                .await
                .unwrap();
            assert_eq!(
                within(pair.dialled.recv()).await.unwrap().1.data[..],
                round.to_be_bytes()
            );
        }
        let received = pair.client.statistics().host.datagrams_received - before;
        assert!(
            received <= ROUNDS + ROUNDS / 20,
            "{received} datagrams for {ROUNDS} answers"
        );
        echo.abort();
    }
}

#[tokio::test]
async fn packets_sent_together_share_datagrams() {
    const COUNT: usize = 1000;
    let pair = Pair::new(config(Batching::Auto)).await;
    let before = pair.client.statistics();
    for index in 0..COUNT {
        pair.dialled
            .send(0, Packet::reliable(payload(index, 64)))
            .await
            .unwrap();
    }
    for index in 0..COUNT {
        assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, payload(index, 64));
    }
    let after = pair.client.statistics();
    let datagrams = after.host.datagrams_sent - before.host.datagrams_sent;
    assert!(
        datagrams <= COUNT as u64 / 10,
        "{datagrams} datagrams for {COUNT} packets"
    );
    assert!(after.socket.send_calls - before.socket.send_calls <= datagrams);
}

#[tokio::test]
async fn a_crowd_is_told_with_few_system_calls() {
    const CROWD: usize = 40;
    for batching in BOTH {
        let server = Endpoint::bind("[::]:0", config(batching)).await.unwrap();
        let mut crowd = Vec::new();
        for index in 0..CROWD {
            let client = Endpoint::client(config(batching)).unwrap();
            let host = ["127.0.0.1", "::1"][index % 2].parse().unwrap();
            let address = SocketAddr::new(host, server.local_addr().port());
            let (dialled, accepted) =
                within(async { tokio::join!(client.connect(address, 1, 0), server.accept()) }).await;
            crowd.push((client, dialled.unwrap(), accepted.unwrap()));
        }
        for round in 0..10 {
            let before = server.statistics();
            for (index, (_, _, accepted)) in crowd.iter().enumerate() {
                // One in eight hears more than fits in a datagram.
                let size = if index % 8 == 7 { 5000 } else { 64 };
                accepted
                    .try_send(0, Packet::unreliable(payload(index + round, size)))
                    .unwrap();
                accepted
                    .try_send(0, Packet::unreliable(payload(index + round, 10)))
                    .unwrap();
            }
            for (index, (_, dialled, _)) in crowd.iter().enumerate() {
                let size = if index % 8 == 7 { 5000 } else { 64 };
                for size in [size, 10] {
                    assert_eq!(
                        within(dialled.recv()).await.unwrap().1.data,
                        payload(index + round, size)
                    );
                }
            }
            let after = server.statistics();
            let datagrams = after.host.datagrams_sent - before.host.datagrams_sent;
            let calls = after.socket.send_calls - before.socket.send_calls;
            assert!(datagrams >= CROWD as u64);
            if cfg!(target_os = "linux") && batching == Batching::Auto {
                assert!(calls <= datagrams / 3, "{calls} calls for {datagrams} datagrams");
            }
            assert_eq!(after.socket.send_errors, 0);
        }
    }
}

#[tokio::test]
async fn a_flush_sends_without_the_driver() {
    let pair = Pair::new(config(Batching::Auto)).await;
    let before = pair.client.statistics().host.datagrams_sent;
    pair.dialled.try_send(0, Packet::reliable("now")).unwrap();
    pair.dialled.flush();
    // Nothing has been awaited since, so the driver, on this very thread, has not run.
    assert_eq!(pair.client.statistics().host.datagrams_sent, before + 1);
    assert_eq!(&within(pair.accepted.recv()).await.unwrap().1.data[..], b"now");
}
