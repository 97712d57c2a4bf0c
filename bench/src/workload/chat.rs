//! Some talk, at their own pace, and each is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::gather::{come_to_rest, connect_all, gather, idle_for};
use super::payload::Payload;
use super::{LONG, Part, Stage};
use crate::figure::{Figure, Figures};
use crate::measure::heap;
use crate::side::{Event, Mode, Side};

/// How many clients of a host connect at a time.
const TOGETHER: usize = 64;
/// How long to do nothing at a time.
const SHORT: Duration = Duration::from_millis(20);
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
    let mut lost = come_to_rest(side).await;
    if silence > 0.0 {
        let meter = stage.meter();
        lost += idle_for(side, Duration::from_secs_f64(silence)).await;
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
                answered += u64::from(side.send(peer, Mode::Reliable, data.as_ref()));
            }
            Some(Event::Disconnected(_)) => lost += u32::from(!stage.is_finished()),
            Some(Event::Connected(_)) | None => {}
        }
    }
    let usage = meter.stop();
    figures.insert(Figure::PeersLost, lost.into());
    Part {
        usage,
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
    let mut lost = 0;
    while !stage.has_settled() {
        lost += idle_for(side, SHORT).await;
    }
    let held = heap() - heap_before;
    let meter = stage.meter();
    let begin = Instant::now();
    let total = (pace.hertz * pace.seconds * talkers as f64) as u64;
    let interval = 1.0 / (pace.hertz * talkers as f64);
    let (mut said, mut answered) = (0, 0);
    let mut last_answer = Instant::now();
    while answered < total && last_answer.elapsed() < PATIENCE {
        // Those who talk do so one after the other, evenly.
        let ticks = (begin.elapsed().as_secs_f64() / pace.tick.as_secs_f64()).floor();
        let due = ((ticks * pace.tick.as_secs_f64() / interval) as u64).min(total);
        while said < due {
            let peer = peers[said as usize % talkers];
            // Who was lost, or has no room, says nothing and has no answer: it shows in what was delivered.
            side.send(peer, Mode::Reliable, payload.numbered(said));
            said += 1;
        }
        match side.next(pace.tick).await {
            Some(Event::Received(_, data)) => {
                payload.check(data.as_ref(), true);
                answered += 1;
                last_answer = Instant::now();
            }
            Some(Event::Disconnected(_)) => lost += 1,
            Some(Event::Connected(_)) | None => {}
        }
    }
    Part {
        usage: meter.stop(),
        heap: held,
        figures: Figures::from([
            (Figure::Delivered, 100.0 * answered as f64 / total as f64),
            (Figure::PeersLost, lost.into()),
        ]),
        ..Part::default()
    }
}
