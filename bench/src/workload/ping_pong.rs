//! There and back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::gather::{accept, connect};
use super::payload::Payload;
use super::{LONG, Part, Stage};
use crate::figure::{Figure, Figures};
use crate::side::{Event, Mode, Side};

/// Round trips that are not counted, until caches and estimates are warm: one part in so many.
const WARM_UP: usize = 20;

pub(super) async fn answer<S: Side>(side: &mut S, stage: &Stage<'_>, size: usize, count: usize) -> Part {
    let payload = Payload::new(size);
    let peer = accept(side).await;
    let warm_up = count / WARM_UP;
    let mut meter = None;
    let mut answered = 0;
    while answered < count + warm_up {
        if let Some(Event::Received(_, data)) = side.next(LONG).await {
            if answered == warm_up {
                meter = Some(stage.meter());
            }
            payload.check(data.as_ref(), true);
            assert!(side.send(peer, Mode::Reliable, data.as_ref()));
            answered += 1;
        }
    }
    while !stage.is_finished() {
        side.next(Duration::from_millis(1)).await;
    }
    Part {
        usage: meter.map(crate::measure::Meter::stop).unwrap_or_default(),
        messages: count as u64,
        ..Part::default()
    }
}

pub(super) async fn ask<S: Side>(side: &mut S, stage: &Stage<'_>, to: SocketAddr, size: usize, count: usize) -> Part {
    let mut payload = Payload::new(size);
    let peer = connect(side, to).await;
    let warm_up = count / WARM_UP;
    let mut times = Vec::with_capacity(count);
    let mut meter = stage.meter();
    for number in 0..warm_up + count {
        if number == warm_up {
            meter = stage.meter();
        }
        let begin = Instant::now();
        assert!(side.send(peer, Mode::Reliable, payload.numbered(number as u64)));
        let answer = loop {
            if let Some(Event::Received(_, data)) = side.next(LONG).await {
                break data;
            }
        };
        if number >= warm_up {
            times.push(begin.elapsed());
        }
        assert_eq!(payload.check(answer.as_ref(), true), number as u64, "another answer");
    }
    let usage = meter.stop();
    let mut figures = quantiles(&mut times);
    figures.insert(Figure::MessagesPerSecond, count as f64 / usage.wall);
    Part {
        usage,
        messages: count as u64,
        figures,
        ..Part::default()
    }
}

/// Median and upper percentiles.
pub(super) fn quantiles(times: &mut [Duration]) -> Figures {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    Figures::from([
        (Figure::Median, at(0.5)),
        (Figure::Percentile99, at(0.99)),
        (Figure::Percentile999, at(0.999)),
    ])
}
