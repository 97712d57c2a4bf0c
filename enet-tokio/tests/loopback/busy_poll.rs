//! Looking for an answer instead of sleeping: when it is done, and that nothing else suffers.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use enet_tokio::{Batching, Config, DisconnectReason, Event, EventEndpoint, Packet, PeerHandle};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::common::{BOTH, Pair, config, payload, within};

/// Far longer than an answer takes, so that it does not matter how busy the machine is.
const LONG: Duration = Duration::from_secs(20);

/// After fewer turns a dialogue counts as quick.
const TURNS: usize = 100;

/// A client that asks and a server that answers.
struct Talk {
    server: EventEndpoint,
    client: EventEndpoint,
    guest: PeerHandle,
    host: PeerHandle,
}

impl Talk {
    async fn new(config: Config) -> Talk {
        let server = EventEndpoint::bind("127.0.0.1:0", config.clone()).await.unwrap();
        let client = EventEndpoint::client(config).unwrap();
        let host = client.connect(server.local_addr(), 1, 0).unwrap();
        assert!(matches!(
            within(client.next_event()).await,
            Some(Event::Connected { .. })
        ));
        let Some(Event::Connected { peer: guest, .. }) = within(server.next_event()).await else {
            panic!("somebody else came")
        };
        Talk {
            server,
            client,
            guest,
            host,
        }
    }

    /// The server answers `turns` questions, which the client asks after `pause` each.
    async fn turns(&self, turns: usize, pause: Duration) {
        let asking = async {
            for number in 0..turns {
                if !pause.is_zero() {
                    sleep(pause).await;
                }
                let question = Packet::reliable(payload(number, 60));
                self.client.send(self.host, 0, question).unwrap();
                let Some(Event::Received { packet, .. }) = self.client.next_event().await else {
                    panic!("no answer")
                };
                assert_eq!(packet.data, payload(number, 60));
            }
        };
        let answering = async {
            for _ in 0..turns {
                let Some(Event::Received { packet, .. }) = self.server.next_event().await else {
                    panic!("no question")
                };
                self.server.send(self.guest, 0, packet).unwrap();
            }
            // The last answer leaves when the program waits again.
            assert!(self.server.try_next_event().is_none());
        };
        within(async { tokio::join!(asking, answering) }).await;
    }

    fn receive_calls(&self) -> u64 {
        self.client.statistics().socket.receive_calls + self.server.statistics().socket.receive_calls
    }
}

/// Sends back what comes on one side, for `turns` turns.
async fn echo_on(pair: &Pair, turns: usize) {
    let asking = async {
        for number in 0..turns {
            let question = Packet::reliable(payload(number, 60));
            pair.dialled.send(0, question).await.unwrap();
            assert_eq!(pair.dialled.recv().await.unwrap().1.data, payload(number, 60));
        }
    };
    let answering = async {
        for _ in 0..turns {
            let (channel, packet) = pair.accepted.recv().await.unwrap();
            pair.accepted.send(channel, packet).await.unwrap();
        }
        assert!(pair.accepted.try_recv().unwrap().is_none());
    };
    within(async { tokio::join!(asking, answering) }).await;
}

#[tokio::test]
async fn in_a_quick_dialogue_the_answer_is_looked_for() {
    for batching in BOTH {
        let mut calls = Vec::new();
        for busy_poll in [Duration::ZERO, LONG] {
            let talk = Talk::new(config(batching).with_busy_poll(busy_poll)).await;
            let before = talk.receive_calls();
            talk.turns(5 * TURNS, Duration::ZERO).await;
            calls.push(talk.receive_calls() - before);
        }
        assert!(calls[1] > calls[0] + TURNS as u64, "{calls:?} calls");
    }
}

#[tokio::test]
async fn both_styles_look_for_it() {
    for batching in BOTH {
        let mut calls = Vec::new();
        for busy_poll in [Duration::ZERO, LONG] {
            let pair = Pair::new(config(batching).with_busy_poll(busy_poll)).await;
            let count =
                || pair.client.statistics().socket.receive_calls + pair.server.statistics().socket.receive_calls;
            let before = count();
            echo_on(&pair, 5 * TURNS).await;
            calls.push(count() - before);
        }
        assert!(calls[1] > calls[0] + TURNS as u64, "{calls:?} calls");
    }
}

#[tokio::test]
async fn a_slow_dialogue_is_slept_through() {
    let talk = Talk::new(config(Batching::Auto)).await;
    let before = talk.receive_calls();
    talk.turns(TURNS, Duration::from_millis(2)).await;
    let calls = talk.receive_calls() - before;
    // Some four datagrams for each turn, each of which is reported once and heard of at most twice.
    assert!(calls < 10 * TURNS as u64, "{calls} calls");
}

#[tokio::test]
async fn a_stream_that_nobody_answers_is_not_looked_for() {
    let talk = Talk::new(config(Batching::Auto).with_busy_poll(LONG)).await;
    let before = talk.receive_calls();
    let sending = async {
        for number in 0..TURNS {
            let packet = Packet::reliable(payload(number, 60));
            talk.client.send(talk.host, 0, packet).unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    };
    let receiving = async {
        for _ in 0..TURNS {
            assert!(matches!(talk.server.next_event().await, Some(Event::Received { .. })));
        }
    };
    within(async { tokio::join!(sending, receiving) }).await;
    let calls = talk.receive_calls() - before;
    assert!(calls < 10 * TURNS as u64, "{calls} calls");
}

#[tokio::test]
async fn other_tasks_and_timers_go_on_meanwhile_and_a_cancelled_wait_loses_nothing() {
    let talk = Talk::new(config(Batching::Auto).with_busy_poll(LONG)).await;
    talk.turns(TURNS, Duration::ZERO).await;
    talk.client.send(talk.host, 0, Packet::reliable("?")).unwrap();
    for _ in 0..3 {
        tokio::select! {
            event = talk.client.next_event() => panic!("{event:?} out of nothing"),
            () = sleep(Duration::from_millis(1)) => {}
        }
    }
    assert!(matches!(
        within(talk.server.next_event()).await,
        Some(Event::Received { .. })
    ));
    talk.server.send(talk.guest, 0, Packet::reliable("!")).unwrap();
    assert!(matches!(
        within(talk.client.next_event()).await,
        Some(Event::Received { .. })
    ));
}

#[tokio::test]
async fn a_task_that_is_kept_from_looking_holds_up_nothing() {
    let talk = Talk::new(config(Batching::Auto).with_busy_poll(LONG)).await;
    talk.turns(TURNS, Duration::ZERO).await;
    talk.client.send(talk.host, 0, Packet::reliable("?")).unwrap();
    let mut waiting = pin!(talk.client.next_event());
    assert!(
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert!(matches!(
        within(talk.server.next_event()).await,
        Some(Event::Received { .. })
    ));
    // The client has to confirm this, and its task is not polled.
    talk.server.disconnect(talk.guest, 0);
    let Some(Event::Disconnected { reason, .. }) = within(talk.server.next_event()).await else {
        panic!("not confirmed")
    };
    assert_eq!(reason, DisconnectReason::Local);
    assert!(matches!(within(waiting).await, Some(Event::Disconnected { .. })));
}

/// A server in a thread of its own that echoes, and now and then does nothing else until the client says so.
fn absent_minded_server(
    rounds: usize,
    address: oneshot::Sender<SocketAddr>,
    mut go_on: mpsc::UnboundedReceiver<()>,
) -> JoinHandle<()> {
    spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(within(async {
            let server = EventEndpoint::bind("127.0.0.1:0", config(Batching::Auto).with_busy_poll(LONG));
            let server = server.await.unwrap();
            address.send(server.local_addr()).unwrap();
            assert!(matches!(server.next_event().await, Some(Event::Connected { .. })));
            for turn in 1..=rounds * TURNS {
                let Some(Event::Received { peer, packet, .. }) = server.next_event().await else {
                    panic!("no question")
                };
                server.send(peer, 0, packet).unwrap();
                if turn % TURNS == 0 {
                    go_on.recv().await.unwrap();
                }
            }
        }));
    })
}

#[tokio::test]
async fn what_was_found_by_looking_is_answered_although_the_program_turns_to_other_things() {
    const ROUNDS: usize = 40;
    let (address, bound) = oneshot::channel();
    let (go_on, told) = mpsc::unbounded_channel();
    let server = absent_minded_server(ROUNDS, address, told);
    let client = EventEndpoint::client(config(Batching::Auto)).unwrap();
    let host = client.connect(within(bound).await.unwrap(), 1, 0).unwrap();
    assert!(matches!(
        within(client.next_event()).await,
        Some(Event::Connected { .. })
    ));
    let mut last_waits = Vec::new();
    for turn in 1..=ROUNDS * TURNS {
        let asked = Instant::now();
        client.send(host, 0, Packet::unreliable("?")).unwrap();
        assert!(matches!(
            within(client.next_event()).await,
            Some(Event::Received { .. })
        ));
        if turn % TURNS == 0 {
            last_waits.push(asked.elapsed());
            go_on.send(()).unwrap();
        }
    }
    server.join().unwrap();
    // Else it leaves with the next ping, after up to half a second, whenever the reactor has not noticed the question.
    let late = last_waits.iter().filter(|wait| **wait > Duration::from_millis(100));
    assert!(late.count() <= ROUNDS / 10, "{last_waits:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_shut_down_is_looked_at_no_more() {
    let talk = Talk::new(config(Batching::Auto).with_busy_poll(LONG)).await;
    talk.turns(TURNS, Duration::ZERO).await;
    talk.client.send(talk.host, 0, Packet::reliable("?")).unwrap();
    let waiting = async {
        while let Some(event) = talk.client.next_event().await {
            assert!(matches!(event, Event::Disconnected { .. }));
        }
    };
    let server = async { while talk.server.next_event().await.is_some() {} };
    tokio::select! {
        ((), ()) = within(async { tokio::join!(waiting, talk.client.shutdown(0)) }) => {}
        () = server => panic!("the server is there"),
    }
}

#[tokio::test]
async fn several_tasks_get_what_is_theirs() {
    let pair = Pair::new(config(Batching::Auto).with_busy_poll(LONG)).await;
    let (dialled, accepted) = within(async {
        tokio::join!(
            pair.client.connect(pair.server.local_addr(), 1, 0),
            pair.server.accept()
        )
    })
    .await;
    let second = Pair {
        server: pair.server.clone(),
        client: pair.client.clone(),
        accepted: accepted.unwrap(),
        dialled: dialled.unwrap(),
    };
    echo_on(&pair, TURNS).await;
    tokio::join!(echo_on(&pair, TURNS), echo_on(&second, TURNS));
    // One is looked for while the other is silent, and hears nonetheless.
    echo_on(&pair, TURNS).await;
    pair.dialled.send(0, Packet::reliable("?")).await.unwrap();
    let mut looking = pin!(pair.dialled.recv());
    assert!(
        looking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    second.accepted.send(0, Packet::reliable("!")).await.unwrap();
    assert_eq!(&within(second.dialled.recv()).await.unwrap().1.data[..], b"!");
    assert_eq!(
        looking.as_mut().poll(&mut Context::from_waker(Waker::noop())),
        Poll::Pending
    );
}

#[tokio::test(start_paused = true)]
async fn paused_time_does_not_stop_a_dialogue() {
    let talk = Talk::new(config(Batching::Auto)).await;
    talk.turns(5 * TURNS, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_several_threads_nothing_is_looked_for() {
    let talk = Talk::new(config(Batching::Auto).with_busy_poll(LONG)).await;
    let before = talk.receive_calls();
    talk.turns(5 * TURNS, Duration::ZERO).await;
    let calls = talk.receive_calls() - before;
    assert!(calls < 5 * 10 * TURNS as u64, "{calls} calls");
}
