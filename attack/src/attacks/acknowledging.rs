//! Attacks by a peer that acknowledges badly.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_sim::wire::{Body, Command};

use super::{Context, Outcome};
use crate::echo::pour;
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::server::Process;

pub(super) fn unmatched(context: &Context<'_>) -> io::Result<Outcome> {
    const PER_DATAGRAM: usize = 170;
    let open = context.scale.count(40_000);
    let acks = context.scale.count(1_700_000);
    let channels = open.div_ceil(10_000) as u32;
    let mut puppet = Puppet::join(context.target, 0, channels)?;
    // Each comes back, and the answers are not acknowledged.
    let mut pace = Pace::new(open as f64 / 50.0, context.scale.seconds(2).max(Duration::from_secs(1)));
    let mut next = 0;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let messages = (next..open.min(next + 50)).map(|index| {
                let (channel, number) = (index / 10_000, index % 10_000 + 1);
                Command::reliable(
                    channel as u8,
                    number as u16,
                    Body::Reliable(Bytes::from_static(b"open")),
                )
            });
            let messages: Vec<Command> = messages.collect();
            next += messages.len();
            if !messages.is_empty() {
                puppet.send(messages);
            }
        }
        puppet.listen(false);
    }
    let datagrams = acks.div_ceil(PER_DATAGRAM);
    let nothing: Vec<Command> = (0..PER_DATAGRAM)
        .map(|index| Command::acknowledgement(0, 60_000 + index as u16, puppet.server_clock()))
        .collect();
    let before = context.process.and_then(Process::processor_time);
    let start = Instant::now();
    let mut pace = Pace::new(
        datagrams as f64 / context.scale.seconds(4).as_secs_f64(),
        context.scale.seconds(4),
    );
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            puppet.send(nothing.clone());
        }
        puppet.listen(false);
    }
    let took = start.elapsed();
    let after = context.process.and_then(Process::processor_time);
    puppet.leave();
    match before.zip(after) {
        Some((before, after)) => {
            let each = after.saturating_sub(before).as_secs_f64() * 1e6 / acks as f64;
            let text = format!(
                "{acks} in {:.1} s, {each:.2} µs of processor time each, all else included",
                took.as_secs_f64()
            );
            Ok(Outcome::new(text).at_most("each", each, 0.2, "µs"))
        }
        None => Ok(Outcome::new(format!("{acks} in {:.1} s", took.as_secs_f64()))),
    }
}

pub(super) fn slow_reader(context: &Context<'_>) -> io::Result<Outcome> {
    const RATE: u32 = 8_000_000;
    const ACKS: f64 = 20.0;
    let mut puppet = Puppet::join(context.target, 0, 2)?;
    puppet.send(vec![Command::reliable(0, 1, Body::Reliable(pour(RATE)))]);
    let start = Instant::now();
    // Long enough to see when it is given up.
    let end = start + context.scale.seconds(75);
    let mut open: VecDeque<Command> = VecDeque::new();
    let mut acknowledged = 0;
    let mut last_heard = start;
    while Instant::now() < end && last_heard.elapsed() < Duration::from_secs(8) {
        let heard = puppet.listen(false);
        if !heard.commands.is_empty() {
            last_heard = Instant::now();
        }
        open.extend(heard.acknowledgements);
        while f64::from(acknowledged) < start.elapsed().as_secs_f64() * ACKS {
            acknowledged += 1;
            if let Some(ack) = open.pop_front() {
                puppet.send(vec![ack]);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let served = (last_heard - start).as_secs_f64();
    puppet.leave();
    Ok(Outcome::new(format!("served for {served:.1} s")).at_most("given up after", served, 70.0, "s"))
}
