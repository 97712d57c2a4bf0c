//! One message to everybody, round after round.

use std::net::SocketAddr;
use std::time::Duration;

use super::gather::{connect_all, gather, settle};
use super::payload::{NUMBER, Payload, number};
use super::{LONG, Part, Stage};
use crate::figure::{Figure, Figures};
use crate::measure::heap;
use crate::side::{Event, Mode, Side};

/// How many clients connect at a time.
const TOGETHER: usize = 64;

pub(super) async fn spread<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    heap_before: i64,
    peers: usize,
    rounds: usize,
    size: usize,
) -> Part {
    let mut payload = Payload::new(size);
    let peers = gather(side, peers).await;
    assert_eq!(settle(side, stage).await, 0, "a peer was lost");
    let held = heap() - heap_before;
    let meter = stage.meter();
    for round in 0..rounds as u64 {
        let message = payload.numbered(round);
        for &peer in &peers {
            assert!(side.send(peer, Mode::Reliable, message), "a peer was lost");
        }
        loop {
            match side.next(LONG).await {
                Some(Event::Received(_, data)) => {
                    assert_eq!(number(data.as_ref()), round, "another round was done");
                    break;
                }
                Some(Event::Disconnected(_)) => panic!("a peer was lost"),
                Some(Event::Connected(_)) | None => {}
            }
        }
    }
    let usage = meter.stop();
    while !stage.is_finished() {
        side.next(Duration::from_millis(10)).await;
    }
    Part {
        figures: Figures::from([(Figure::TimePerRound, usage.wall / rounds as f64 * 1e3)]),
        usage,
        messages: (rounds * peers.len()) as u64,
        heap: held,
    }
}

pub(super) async fn collect<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    heap_before: i64,
    to: SocketAddr,
    count: usize,
    rounds: usize,
    size: usize,
) -> Part {
    let payload = Payload::new(size);
    let peers = connect_all(side, to, count, TOGETHER).await;
    let mut held = None;
    let mut meter = stage.meter();
    for round in 0..rounds as u64 {
        let mut received = 0;
        while received < count {
            match side.next(LONG).await {
                Some(Event::Received(_, data)) => {
                    let number = payload.check(data.as_ref(), true);
                    assert_eq!(number, round, "a message is missing or out of order");
                    received += 1;
                }
                Some(Event::Disconnected(_)) => panic!("a peer was lost"),
                Some(Event::Connected(_)) | None => {}
            }
            if held.is_none() && stage.has_settled() {
                held = Some(heap() - heap_before);
                meter = stage.meter();
            }
        }
        assert!(side.send(peers[0], Mode::Reliable, &round.to_le_bytes()[..NUMBER]));
    }
    // The last report is still to arrive.
    for _ in 0..10 {
        side.next(Duration::from_millis(20)).await;
    }
    Part {
        usage: meter.stop(),
        heap: held.unwrap_or_default(),
        ..Part::default()
    }
}
