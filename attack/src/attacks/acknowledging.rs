//! Attacks by a peer that acknowledges badly.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_sim::wire::{Body, Command};

use super::context::{Context, Outcome};
use crate::echo::{REFUSALS, pour, refusals_in};
use crate::healthy::Speech;
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::reader::{Appetite, Reader};
use crate::relay;
use crate::server::Process;

/// What a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many acknowledgements a datagram has.
const PER_DATAGRAM: usize = 170;

pub(super) fn unmatched(context: &Context<'_>) -> io::Result<Outcome> {
    context.require_echo()?;
    // Each comes back, and the answers are not acknowledged.
    unmatched_with(context, |_| Bytes::from_static(b"open"))
}

pub(super) fn unmatched_through_a_relay(context: &Context<'_>) -> io::Result<Outcome> {
    context.require_relay()?;
    unmatched_with(context, |id| relay::to(id, b"open"))
}

/// With many messages open that the attacker has had sent to itself.
fn unmatched_with(context: &Context<'_>, message: fn(i32) -> Bytes) -> io::Result<Outcome> {
    let open = context.scale.count(40_000);
    let acks = context.scale.count(1_700_000);
    let channels = open.div_ceil(10_000) as u32;
    let mut puppet = Puppet::join(context.target, 0, channels.max(2))?;
    let message = message(puppet.id());
    let mut pace = Pace::new(open as f64 / 50.0, context.scale.seconds(2).max(Duration::from_secs(1)));
    let mut next = 0;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let messages = (next..open.min(next + 50)).map(|index| {
                let (channel, number) = (index / 10_000, index % 10_000 + 1);
                Command::reliable(channel as u8, number as u16, Body::Reliable(message.clone()))
            });
            let messages: Vec<Command> = messages.collect();
            next += messages.len();
            if !messages.is_empty() {
                puppet.send(messages);
            }
        }
        puppet.stay();
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
    let mut sent = 0;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            sent += PER_DATAGRAM * usize::from(puppet.send(nothing.clone()));
        }
        puppet.stay();
    }
    // It answers when it is through with them.
    let alive = puppet.is_alive(PATIENCE);
    let took = start.elapsed().as_secs_f64();
    let after = context.process.and_then(Process::processor_time);
    puppet.leave();
    let still = if alive { "still connected" } else { "connected no more" };
    let text = format!("{sent} in {took:.1} s by one that is {still}");
    let outcome = match before.zip(after) {
        Some((before, after)) => {
            let each = after.saturating_sub(before).as_secs_f64() * 1e6 / sent as f64;
            let text = format!("{text}, {each:.2} µs of processor time each, all else included");
            Outcome::new(text).at_most("each", each, 0.2, "µs")
        }
        None => Outcome::new(text),
    };
    Ok(match context.speech {
        // It takes less of what is passed on to it than every client must.
        Speech::Relay => outcome,
        _ => outcome.never("attackers lost", !alive),
    })
}

pub(super) fn slow_reader(context: &Context<'_>) -> io::Result<Outcome> {
    const RATE: u32 = 8_000_000;
    const ACKS: f64 = 20.0;
    context.require_echo()?;
    let mut reader = Reader::join(context.target, 0, Appetite::Commands(ACKS))?;
    reader
        .puppet
        .send(vec![Command::reliable(0, 1, Body::Reliable(pour(RATE)))]);
    // Long enough to see when it is given up.
    let end = Instant::now() + context.scale.seconds(75);
    while Instant::now() < end && !reader.is_given_up() {
        reader.read();
    }
    let served = reader.served().as_secs_f64();
    reader.puppet.leave();
    // One that has not been given up and leaves by itself is doubted for as long as its answers took.
    let outcome = match reader.is_given_up() {
        true => Outcome::new("").memory_kept(context),
        false => Outcome::new(""),
    };
    let refused = refusals(context)?;
    let text = format!("served for {served:.1} s, {refused} times there was no room for more");
    Ok(Outcome { text, ..outcome }
        .at_least("served for", served, context.scale.seconds(5).as_secs_f64(), "s")
        .at_most("given up after", served, 70.0, "s")
        .at_least("sender told", refused as f64, 1.0, "times"))
}

/// How many packets the server could not queue, by its own account.
fn refusals(context: &Context<'_>) -> io::Result<u64> {
    let mut puppet = Puppet::join(context.target, 1, 1)?;
    puppet.send(vec![Command::reliable(
        0,
        1,
        Body::Reliable(Bytes::from_static(REFUSALS)),
    )]);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let heard = puppet.listen(true);
        if let Some(count) = heard
            .commands
            .iter()
            .find_map(|command| refusals_in(command.payload()?))
        {
            puppet.leave();
            return Ok(count);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "the server does not tell what it could not queue",
    ))
}
