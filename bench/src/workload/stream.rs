//! One way, as fast as it goes.
//!
//! The receiver tells from time to time how far it is, which bounds how much is under way.

use std::net::SocketAddr;
use std::time::Duration;

use super::gather::{accept, connect};
use super::payload::{NUMBER, Payload, number};
use super::{LONG, Part, Stage};
use crate::figure::{Figure, Figures};
use crate::measure::Usage;
use crate::side::{Event, Mode, Side};

/// Reports in each stretch of what may be under way.
const REPORTS: u64 = 4;
/// The last report has the number of messages received as well.
const LAST_REPORT: usize = 2 * NUMBER;
/// After so long without a report unreliable messages count as lost.
const GIVE_UP: Duration = Duration::from_millis(20);
/// What the sender of unreliable messages sends at the end, reliably.
const END: &[u8] = b"end";

pub(super) async fn receive<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    mode: Mode,
    size: usize,
    count: u64,
    outstanding: u64,
) -> Part {
    let payload = Payload::new(size);
    let thorough = stage.case.thorough;
    let peer = accept(side).await;
    let step = (outstanding / REPORTS).max(1);
    let (mut received, mut next, mut report_at) = (0, 0, step);
    let mut meter = None;
    let usage: Usage = loop {
        let Some(Event::Received(_, data)) = side.next(LONG).await else {
            continue;
        };
        meter.get_or_insert_with(|| stage.meter());
        let data = data.as_ref();
        let ended = if data == END {
            true
        } else {
            let number = payload.check(data, thorough);
            match mode {
                Mode::Reliable => assert_eq!(number, next, "a message is missing or out of order"),
                Mode::Unreliable => assert!(number >= next, "a message came twice or late"),
            }
            received += 1;
            next = number + 1;
            mode == Mode::Reliable && next == count
        };
        if ended {
            let mut report = [0; LAST_REPORT];
            report[..NUMBER].copy_from_slice(&next.to_le_bytes());
            report[NUMBER..].copy_from_slice(&u64::to_le_bytes(received));
            assert!(side.send(peer, Mode::Reliable, &report));
            if let Some(meter) = meter.take() {
                // The report is still to be sent; one message does not matter.
                break meter.stop();
            }
        }
        if next >= report_at {
            report_at = next + step;
            assert!(side.send(peer, Mode::Reliable, &next.to_le_bytes()));
        }
    };
    while !stage.is_finished() {
        side.next(Duration::from_millis(10)).await;
    }
    Part {
        usage,
        messages: received,
        ..Part::default()
    }
}

pub(super) async fn send<S: Side>(
    side: &mut S,
    stage: &Stage<'_>,
    to: SocketAddr,
    mode: Mode,
    size: usize,
    count: u64,
    outstanding: u64,
) -> Part {
    let mut payload = Payload::new(size);
    let peer = connect(side, to).await;
    let meter = stage.meter();
    let (mut sent, mut reported, mut ended) = (0, 0, mode == Mode::Reliable);
    let wait = if mode == Mode::Reliable { LONG } else { GIVE_UP };
    let received = loop {
        while sent < count && sent - reported < outstanding && side.send(peer, mode, payload.numbered(sent)) {
            sent += 1;
        }
        if sent == count && !ended {
            ended = side.send(peer, Mode::Reliable, END);
        }
        match side.next(wait).await {
            Some(Event::Received(_, data)) if data.as_ref().len() == LAST_REPORT => {
                break number(&data.as_ref()[NUMBER..]);
            }
            Some(Event::Received(_, data)) => reported = number(data.as_ref()).max(reported),
            Some(Event::Disconnected(_)) => panic!("the connection was lost"),
            // Bare UDP may have lost the end as well; for the others once more does not matter.
            None if mode == Mode::Unreliable => (reported, ended) = (sent, false),
            Some(Event::Connected(_)) | None => {}
        }
    };
    let usage = meter.stop();
    let bytes_per_second = received as f64 * size as f64 / usage.wall;
    let mebibytes = received as f64 * size as f64 / f64::from(1 << 20);
    let mut figures = Figures::from([
        (Figure::MessagesPerSecond, received as f64 / usage.wall),
        (Figure::MebibytesPerSecond, mebibytes / usage.wall),
        (Figure::Delivered, 100.0 * received as f64 / count as f64),
    ]);
    if let Some(network) = stage.case.network {
        let limit = f64::from(stage.case.pair.window()) / (network.round_trip as f64 / 1e3);
        figures.insert(Figure::ShareOfLimit, 100.0 * bytes_per_second / limit);
    }
    Part {
        usage,
        messages: received,
        figures,
        ..Part::default()
    }
}
