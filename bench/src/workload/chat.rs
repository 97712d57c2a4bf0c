//! Some talk, at their own pace, and each is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::gather::{come_to_rest, connect_all, gather, idle_until};
use super::payload::Payload;
use super::{LONG, Part, Stage};
use crate::figure::{Figure, Figures};
use crate::measure::heap;
use crate::side::{Event, Mode, Side};

/// How many clients of a host connect at a time.
const TOGETHER: usize = 64;
/// How long answers may take at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often each talks, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// How often a host says what is due.
    pub(super) tick: Duration,
    pub(super) hertz: f64,
    pub(super) seconds: f64,
}

pub(super) async fn answer<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    heap_before: i64,
    peers: usize,
    silence: f64,
    size: usize,
) -> Part {
    let payload = Payload::new(size);
    let begin = Instant::now();
    gather(side, peers).await;
    let mut figures = Figures::from([(Figure::JoinTime, begin.elapsed().as_secs_f64())]);
    come_to_rest(side).await;
    if silence > 0.0 {
        let meter = stage.meter();
        idle_until(side, Instant::now() + Duration::from_secs_f64(silence)).await;
        let usage = meter.stop();
        figures.insert(Figure::IdleServerCpu, usage.cpu() / usage.wall * 1e3);
    }
    stage.note_settled();
    let held = heap() - heap_before;
    let meter = stage.meter();
    let mut answered = 0;
    while !stage.is_finished() {
        match side.next(LONG).await {
            Some(Event::Received(peer, data)) => {
                payload.check(data.as_ref(), true);
                assert!(side.send(peer, Mode::Reliable, data.as_ref()));
                answered += 1;
            }
            Some(Event::Disconnected(_)) => assert!(stage.is_finished(), "a peer was lost"),
            Some(Event::Connected(_)) | None => {}
        }
    }
    Part {
        usage: meter.stop(),
        messages: answered,
        heap: held,
        figures,
    }
}

pub(super) async fn talk<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    heap_before: i64,
    to: SocketAddr,
    (peers, talkers): (usize, usize),
    pace: Pace,
    size: usize,
) -> Part {
    let mut payload = Payload::new(size);
    let peers = connect_all(side, to, peers, TOGETHER).await;
    while !stage.has_settled() {
        side.next(Duration::from_millis(20)).await;
    }
    let held = heap() - heap_before;
    let meter = stage.meter();
    let begin = Instant::now();
    let total = (pace.hertz * pace.seconds * talkers as f64) as u64;
    let interval = 1.0 / (pace.hertz * talkers as f64);
    let (mut sent, mut answered) = (0, 0);
    let mut last_answer = Instant::now();
    while answered < total && last_answer.elapsed() < PATIENCE {
        // Those who talk do so one after the other, evenly.
        let ticks = (begin.elapsed().as_secs_f64() / pace.tick.as_secs_f64()).floor();
        let due = ((ticks * pace.tick.as_secs_f64() / interval) as u64).min(total);
        while sent < due {
            let peer = peers[sent as usize % talkers];
            assert!(
                side.send(peer, Mode::Reliable, payload.numbered(sent)),
                "a peer was lost"
            );
            sent += 1;
        }
        match side.next(pace.tick).await {
            Some(Event::Received(_, data)) => {
                payload.check(data.as_ref(), true);
                answered += 1;
                last_answer = Instant::now();
            }
            Some(Event::Disconnected(_)) => panic!("a peer was lost"),
            Some(Event::Connected(_)) | None => {}
        }
    }
    Part {
        usage: meter.stop(),
        heap: held,
        figures: Figures::from([(Figure::Delivered, 100.0 * answered as f64 / total as f64)]),
        ..Part::default()
    }
}
