//! Being connected and silent.

use std::net::SocketAddr;
use std::time::Duration;

use super::gather::{connect_all, gather, idle_for, settle};
use super::{Part, Stage};
use crate::figure::{Figure, Figures};
use crate::measure::heap;
use crate::side::Side;

/// How many clients connect at a time.
const TOGETHER: usize = 64;

pub(super) async fn serve<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    heap_before: i64,
    peers: usize,
    seconds: f64,
) -> Part {
    gather(side, peers).await;
    let mut lost = settle(side, stage).await;
    let held = heap() - heap_before;
    let meter = stage.meter();
    lost += idle_for(side, Duration::from_secs_f64(seconds)).await;
    let usage = meter.stop();
    stage.finish();
    Part {
        usage,
        heap: held,
        figures: Figures::from([(Figure::PeersLost, lost.into())]),
        ..Part::default()
    }
}

pub(super) async fn join<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    heap_before: i64,
    to: SocketAddr,
    count: usize,
) -> Part {
    connect_all(side, to, count, TOGETHER).await;
    let mut held = None;
    while !stage.is_finished() {
        side.next(Duration::from_millis(50)).await;
        if held.is_none() && stage.has_settled() {
            held = Some(heap() - heap_before);
        }
    }
    Part {
        heap: held.unwrap_or_default(),
        ..Part::default()
    }
}
