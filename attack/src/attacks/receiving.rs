//! Attacks by clients that do not take what others send to them.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use enet_sim::wire::{Body, Command};
use enet_tokio::Packet;

use super::context::{Context, Outcome, wait_until};
use crate::members::{Joining, Members};
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::reader::{Appetite, Reader};
use crate::relay::{self, ALL, FromRelay};
use crate::sockets::Sent;

/// What is sent to one who does not take it, in bytes a second.
const RATE: u32 = 8_000_000;

/// What it is sent in.
const PACKET: [u8; 1000] = [7; 1000];

/// When the server has to have given up one who takes less than every one must, in seconds.
const GIVEN_UP: f64 = 20.0;

/// How long what is sent may take to be where it is to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// One that acknowledges so many commands a second of what another one sends to it.
pub(super) fn slow(context: &Context<'_>, each_second: f64) -> io::Result<Outcome> {
    context.require_relay()?;
    let mut members = Members::all(context.target, Joining::of(2))?;
    let appetite = match each_second {
        0.0 => Appetite::NoData,
        _ => Appetite::Commands(each_second),
    };
    let mut reader = Reader::join(context.target, 100, appetite)?;
    let packet = relay::to(reader.puppet.id(), &PACKET);
    members.spawn(members.member(0).pour(packet, RATE));
    let end = Instant::now() + context.scale.seconds(30);
    while Instant::now() < end && !reader.is_given_up() {
        reader.read();
    }
    // What the sender says to others arrives.
    let greeting = relay::to(members.member(1).id(), b"hello");
    members.spawn(members.member(0).send(1, Packet::reliable(greeting)));
    let heard = wait_until(PATIENCE, || members.member(1).bytes_heard() > 0);
    let lost = members.lost();
    let outcome = judged(context, &mut reader)
        .at_most("senders lost", lost as f64, 0.0, "")
        .never("senders unheard", !heard);
    members.leave(usize::MAX);
    Ok(outcome.memory_kept(context))
}

/// When a reader was given up, and what it was told.
fn judged(context: &Context<'_>, reader: &mut Reader) -> Outcome {
    let served = reader.served().as_secs_f64();
    let given_up = reader.is_given_up();
    if !given_up {
        reader.puppet.leave();
    }
    let told = match reader.farewell {
        Some(number) => format!("and told {number}"),
        None => "without a word".to_owned(),
    };
    if given_up {
        return Outcome::new(format!("given up after {served:.1} s {told}")).at_most(
            "given up after",
            served,
            GIVEN_UP,
            "s",
        );
    }
    let outcome = Outcome::new(format!("not given up for {served:.1} s"));
    // A part of the attack is over before.
    match context.scale.is_whole() {
        true => outcome.at_most("given up after", f64::INFINITY, GIVEN_UP, "s"),
        false => outcome,
    }
}

/// Five fill up one who takes nothing. Then somebody who never did harm says something to all.
pub(super) fn framing(context: &Context<'_>) -> io::Result<Outcome> {
    const FRIENDS: usize = 5;
    const SIZE: usize = 1024 * 1024;
    context.require_relay()?;
    let mut members = Members::all(context.target, Joining::of(FRIENDS + 2))?;
    let mut reader = Reader::join(context.target, 100, Appetite::NoData)?;
    let packet = relay::to(reader.puppet.id(), &PACKET);
    for friend in members.iter().take(FRIENDS) {
        members.spawn(friend.pour(packet.clone(), RATE));
    }
    let start = Instant::now();
    let filled = context.scale.seconds(3).max(Duration::from_secs(1));
    while start.elapsed() < filled && !reader.is_given_up() {
        reader.read();
    }
    let (honest, other) = (members.member(FRIENDS), members.member(FRIENDS + 1));
    let speech = Packet::reliable(relay::to(ALL, &vec![5; SIZE]));
    members.spawn(honest.send(0, speech));
    let end = Instant::now() + context.scale.seconds(30).max(Duration::from_secs(2));
    while Instant::now() < end && !(reader.is_given_up() && other.bytes_heard() >= SIZE as u64) {
        reader.read();
    }
    let missing = (SIZE as u64).saturating_sub(other.bytes_heard());
    let lost = !honest.is_there();
    let outcome = judged(context, &mut reader).never("the honest one lost", lost).at_most(
        "bytes it could not say",
        missing as f64,
        0.0,
        "",
    );
    members.leave(usize::MAX);
    Ok(outcome.memory_kept(context))
}

/// One client sends another all it can, and a third one says something now and then.
pub(super) fn filled_queue(context: &Context<'_>) -> io::Result<Outcome> {
    /// What the receiver takes, in bytes a second.
    const TAKEN: f64 = 1_000_000.0;
    /// The third one's words are known by their length.
    const WORD: usize = 100;
    /// How many of them it says in a second.
    const WORDS: f64 = 20.0;
    /// How long one of them may take, in milliseconds.
    const MAY_TAKE: f64 = 500.0;
    context.require_relay()?;
    let mut members = Members::all(context.target, Joining::of(2))?;
    let mut reader = Reader::join(context.target, 100, Appetite::Bytes(TAKEN))?;
    let to = reader.puppet.id();
    members.spawn(members.member(0).pour(relay::to(to, &PACKET), RATE));
    let start = Instant::now();
    let whole = context.scale.seconds(10).max(Duration::from_secs(1));
    let (mut said, mut took) = (0_u64, Vec::new());
    while start.elapsed() < whole + PATIENCE && !(start.elapsed() > whole && took.len() as u64 == said) {
        let due = (start.elapsed().min(whole).as_secs_f64() * WORDS) as u64;
        if said < due {
            said += 1;
            let mut word = [0; WORD];
            word[..8].copy_from_slice(&(start.elapsed().as_micros() as u64).to_be_bytes());
            let packet = Packet::reliable(relay::to(to, &word));
            members.spawn(members.member(1).send(0, packet));
        }
        for packet in reader.read() {
            if let Some(FromRelay::Bytes(_, bytes)) = FromRelay::read(&packet)
                && bytes.len() == WORD
                && let Some(since) = bytes.first_chunk()
            {
                let since = Duration::from_micros(u64::from_be_bytes(*since));
                took.push(start.elapsed().saturating_sub(since).as_secs_f64() * 1000.0);
            }
        }
    }
    let unheard = said - took.len() as u64;
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied();
    let (median, p99) = (at(0.5).unwrap_or(f64::INFINITY), at(0.99).unwrap_or(f64::INFINITY));
    let lost = members.lost() + usize::from(reader.is_given_up());
    reader.puppet.leave();
    members.leave(usize::MAX);
    let text = format!("another one's words take {median:.0} / {p99:.0} ms to a receiver that takes 1 MB/s");
    Ok(Outcome::new(text)
        .at_most("words p99", p99, MAY_TAKE, "ms")
        .at_most("words unheard", unheard as f64, 0.0, "")
        .at_most("members lost", lost as f64, 0.0, ""))
}

/// Small packets in large datagrams, which a server that keeps the datagram with the packet has to keep as well.
pub(super) fn padded(context: &Context<'_>) -> io::Result<Outcome> {
    const COUNT: usize = 60_000;
    const DATAGRAM: usize = 4090;
    context.require_relay()?;
    let mut sink = Puppet::join(context.target, 100, 2)?;
    let mut sender = Puppet::join(context.target, 101, 2)?;
    let packet = relay::smallest(sink.id());
    let count = context.scale.count(COUNT);
    let mut pace = Pace::new(COUNT as f64 / 8.0, context.scale.seconds(10));
    let (mut sent, mut number) = (Sent::default(), 0);
    while number < count
        && let Some(turns) = pace.turns()
    {
        for _ in 0..turns {
            number += 1;
            let command = Command::reliable(0, number as u16, Body::Reliable(packet.clone()));
            let mut datagram = sender.datagram(sender.peer_id, sender.session, vec![command]).to_vec();
            datagram.resize(DATAGRAM, 0);
            sent.send(sender.socket(), &datagram);
        }
        sender.listen(true);
        sink.stay();
    }
    thread::sleep(Duration::from_millis(200));
    sender.leave();
    sink.leave();
    Ok(Outcome::new(format!("{number} packets of 7 bytes in {sent}")).memory_kept(context))
}
