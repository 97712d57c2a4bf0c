//! Small messages at a rate, and how late they are.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::gather::{accept, connect};
use super::payload::Payload;
use super::ping_pong::quantiles;
use super::{LONG, Part, Stage};
use crate::side::{Event, Mode, Side};

/// How many messages there are.
pub(super) fn count(hertz: f64, seconds: f64) -> usize {
    (hertz * seconds) as usize
}

/// Microseconds since the first call: both ends are in one process.
fn micros() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    EPOCH.get_or_init(Instant::now).elapsed().as_micros() as u64
}

pub(super) async fn receive<S: Side>(side: &mut S, stage: &Stage<'_>, size: usize, count: usize) -> Part {
    let payload = Payload::new(size);
    micros();
    let peer = accept(side).await;
    let mut delays = Vec::with_capacity(count);
    let mut last = 0;
    let meter = stage.meter();
    while delays.len() < count {
        if let Some(Event::Received(_, data)) = side.next(LONG).await {
            let sent = payload.check(data.as_ref(), true);
            assert!(sent >= last, "a message out of order");
            last = sent;
            delays.push(Duration::from_micros(micros().saturating_sub(sent)));
        }
    }
    let usage = meter.stop();
    assert!(side.send(peer, Mode::Reliable, b"done"));
    while !stage.is_finished() {
        side.next(Duration::from_millis(1)).await;
    }
    Part {
        usage,
        messages: count as u64,
        figures: quantiles(&mut delays),
        ..Part::default()
    }
}

pub(super) async fn send<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    to: SocketAddr,
    size: usize,
    hertz: f64,
    count: usize,
) -> Part {
    let mut payload = Payload::new(size);
    let peer = connect(side, to).await;
    let meter = stage.meter();
    let begin = Instant::now();
    let interval = Duration::from_secs_f64(1.0 / hertz);
    let mut sent = 0;
    loop {
        let due = begin + interval * sent as u32;
        let left = due.saturating_duration_since(Instant::now());
        if sent < count && left.is_zero() {
            assert!(side.send(peer, Mode::Reliable, payload.numbered(micros())));
            sent += 1;
            continue;
        }
        let wait = if sent < count { left } else { LONG };
        if let Some(Event::Received(..)) = side.next(wait).await {
            break;
        }
    }
    Part {
        usage: meter.stop(),
        ..Part::default()
    }
}
