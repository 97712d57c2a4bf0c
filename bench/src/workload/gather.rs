//! Connecting, one or thousands.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{LONG, Part, Stage};
use crate::figure::{Figure, Figures};
use crate::side::{Event, Side};

/// How many connect at the same time where connecting is not what is measured.
const TOGETHER: usize = 64;
/// Long enough for the commands that follow a connection, which go once a second.
const SETTLING: Duration = Duration::from_millis(1600);

/// The server's only peer.
pub(super) async fn accept<S: Side>(side: &mut S) -> S::Peer {
    gather(side, 1).await[0]
}

/// The client's only peer.
pub(super) async fn connect<S: Side>(side: &mut S, to: SocketAddr) -> S::Peer {
    connect_all(side, to, 1, TOGETHER).await[0]
}

/// The server's peers, once there are so many.
pub(super) async fn gather<S: Side>(side: &mut S, count: usize) -> Vec<S::Peer> {
    let mut peers = Vec::with_capacity(count);
    while peers.len() < count {
        if let Some(Event::Connected(peer)) = side.next(LONG).await {
            peers.push(peer);
        }
    }
    peers
}

/// Connects so many, at most `together` of them at a time.
pub(super) async fn connect_all<S: Side>(side: &mut S, to: SocketAddr, count: usize, together: usize) -> Vec<S::Peer> {
    let mut peers = Vec::with_capacity(count);
    let mut begun = 0;
    while peers.len() < count {
        while begun < count && begun - peers.len() < together {
            side.connect(to);
            begun += 1;
        }
        match side.next(LONG).await {
            Some(Event::Connected(peer)) => peers.push(peer),
            // C gives up when the other side was too busy for long; its program tries again.
            Some(Event::Disconnected(_)) => begun -= 1,
            Some(Event::Received(..)) | None => {}
        }
    }
    peers
}

/// Lets the connections come to rest, and notes what they cost. Returns how many were lost.
pub(super) async fn settle<S: Side>(side: &mut S, stage: &Stage<'_>) -> u32 {
    let lost = come_to_rest(side).await;
    stage.note_settled();
    lost
}

/// Lets the connections come to rest. Returns how many were lost.
pub(super) async fn come_to_rest<S: Side>(side: &mut S) -> u32 {
    idle_for(side, SETTLING).await
}

/// Goes on with nothing to do. Returns how many connections were lost.
pub(super) async fn idle_for<S: Side>(side: &mut S, time: Duration) -> u32 {
    let until = Instant::now() + time;
    let mut lost = 0;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return lost;
        }
        if let Some(Event::Disconnected(_)) = side.next(left).await {
            lost += 1;
        }
    }
}

/// The server of a storm.
pub(super) async fn weather<S: Side>(side: &mut S, stage: &Stage<'_>, count: usize) -> Part {
    let meter = stage.meter();
    gather(side, count).await;
    let usage = meter.stop();
    while !stage.is_finished() {
        side.next(Duration::from_millis(10)).await;
    }
    Part {
        figures: Figures::from([(Figure::CpuPerJoin, usage.cpu() / count as f64 * 1e6)]),
        usage,
        ..Part::default()
    }
}

/// The clients of a storm: all at once.
pub(super) async fn storm<S: Side>(side: &mut S, stage: &Stage<'_>, to: SocketAddr, count: usize) -> Part {
    let meter = stage.meter();
    connect_all(side, to, count, count).await;
    let usage = meter.stop();
    Part {
        figures: Figures::from([(Figure::JoinTime, usage.wall)]),
        usage,
        ..Part::default()
    }
}
