use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use enet_tokio::{Packet, SendError};

use crate::common::{BOTH, Pair, config, payload, within};

/// Polls a future once.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn sending_waits_while_the_queue_is_full_and_goes_on_when_it_empties() {
    for batching in BOTH {
        let pair = Pair::new(config(batching).with_host(|host| host.max_queued_data = 100_000)).await;
        let mut sent = 0;
        while pair
            .dialled
            .try_send(0, Packet::reliable(payload(sent, 10_000)))
            .is_ok()
        {
            sent += 1;
        }
        assert!(
            (5..=10).contains(&sent),
            "{sent} packets of 10 kB went into a queue of 100 kB"
        );
        let refused = pair
            .dialled
            .try_send(0, Packet::reliable(payload(77, 10_000)))
            .unwrap_err();
        assert!(matches!(refused.error, SendError::QueueFull { .. }));
        assert_eq!(refused.packet.data, payload(77, 10_000), "the packet comes back");

        let mut waiting = Box::pin(pair.dialled.send(0, Packet::reliable(payload(sent, 10_000))));
        assert!(poll_once(waiting.as_mut()).await.is_none());
        within(waiting).await.unwrap();
        for index in 0..=sent {
            assert_eq!(
                within(pair.accepted.recv()).await.unwrap().1.data,
                payload(index, 10_000)
            );
        }
    }
}

#[tokio::test]
async fn much_more_than_the_queue_holds_gets_through() {
    for batching in BOTH {
        let small = config(batching)
            .with_host(|host| host.max_queued_data = 50_000)
            .with_receive_queue(16, 20_000);
        let pair = Pair::new(small).await;
        let sender = pair.dialled.clone();
        let sending = tokio::spawn(async move {
            for index in 0..2000 {
                sender
                    .send(0, Packet::reliable(payload(index, 1 + index % 3000)))
                    .await
                    .unwrap();
            }
        });
        for index in 0..2000 {
            assert_eq!(
                within(pair.accepted.recv()).await.unwrap().1.data,
                payload(index, 1 + index % 3000)
            );
        }
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn a_packet_larger_than_the_queue_goes_alone() {
    let pair = Pair::new(config(enet_tokio::Batching::Auto).with_host(|host| host.max_queued_data = 10_000)).await;
    for index in 0..3 {
        within(pair.dialled.send(0, Packet::reliable(payload(index, 100_000))))
            .await
            .unwrap();
    }
    for index in 0..3 {
        assert_eq!(
            within(pair.accepted.recv()).await.unwrap().1.data,
            payload(index, 100_000)
        );
    }
}

#[tokio::test]
async fn a_slow_reader_holds_up_only_its_own_peer() {
    for batching in BOTH {
        let small = config(batching)
            .with_receive_queue(10, 100_000)
            .with_host(|host| {
                host.max_waiting_data = 100_000;
                host.max_queued_data = 200_000;
            })
            .with_linger(Duration::from_millis(50));
        let pair = Pair::new(small).await;
        // This one is never read, so its sender has to wait in the end.
        let stuck = pair.dialled.clone();
        let mut filling = Box::pin(async move {
            loop {
                stuck.send(0, Packet::reliable(payload(0, 1000))).await.unwrap();
            }
        });
        let address = pair.server.local_addr();
        let exchange = async {
            let (other, accepted) = tokio::join!(pair.client.connect(address, 1, 0), pair.server.accept());
            let (other, accepted) = (other.unwrap(), accepted.unwrap());
            for index in 0..500 {
                other.send(0, Packet::reliable(payload(index, 500))).await.unwrap();
                assert_eq!(accepted.recv().await.unwrap().1.data, payload(index, 500));
            }
        };
        tokio::select! {
            () = &mut filling => {}
            () = within(exchange) => {}
        }
        let waiting = pair.accepted.statistics().unwrap().bytes_waiting;
        assert!(
            waiting <= 110_000,
            "{waiting} bytes wait for a reader that does not read"
        );
        // What was taken is not lost.
        for _ in 0..100 {
            let (_, packet) = within(async {
                tokio::select! {
                    () = &mut filling => unreachable!(),
                    received = pair.accepted.recv() => received.unwrap(),
                }
            })
            .await;
            assert_eq!(packet.data, payload(0, 1000));
        }
    }
}

#[tokio::test]
async fn a_reader_that_goes_on_and_stops_again_lets_no_more_wait_than_the_limits() {
    for batching in BOTH {
        let small = config(batching).with_receive_queue(10, 100_000).with_host(|host| {
            host.max_waiting_data = 100_000;
            host.doubt_disconnects = false;
        });
        let pair = Pair::new(small).await;
        for index in 0..1000 {
            pair.dialled
                .send(0, Packet::reliable(payload(index, 1000)))
                .await
                .unwrap();
        }
        let mut next = 0;
        for reads in [40, 0] {
            let arrived = || pair.server.statistics().host.datagrams_received;
            let before = arrived();
            // With another datagram what there was to hand out has been.
            within(async {
                while arrived() == before || pair.accepted.statistics().unwrap().bytes_waiting < 100_000 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            for _ in 0..reads {
                assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, payload(next, 1000));
                next += 1;
            }
        }
        pair.dialled.abort(0);
        within(pair.accepted.closed()).await;
        let mut waited = 0;
        while let Ok((_, packet)) = within(pair.accepted.recv()).await {
            assert_eq!(packet.data, payload(next + waited, 1000));
            waited += 1;
        }
        // Of what waits some came too early, and ends with the connection.
        assert!((1..=95).contains(&waited), "{waited} packets of 1000 bytes waited");
    }
}
