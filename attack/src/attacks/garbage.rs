//! Attacks with what makes no sense.

use std::io;

use bytes::Bytes;
use enet_sim::wire::{Body, CONTROL, Command, Fragment};
use netem::Random;

use super::context::{Context, Outcome};
use crate::pace::Pace;
use crate::puppet::{Puppet, connect};
use crate::sockets::{self, Sent};

/// Datagrams a second.
const RATE: f64 = 20_000.0;

/// One in so many is empty: 500 a second.
const EMPTY: u64 = 40;

pub(super) fn garbage(context: &Context<'_>) -> io::Result<Outcome> {
    let strangers = sockets::many(context.target, 64)?;
    let mut peers: Vec<Puppet> = (64..72)
        .map(|number| Puppet::join(context.target, number, 4))
        .collect::<io::Result<_>>()?;
    let captures: Vec<Vec<Bytes>> = peers.iter_mut().map(capture).collect();
    let mut random = Random::new(7);
    let mut pace = Pace::new(RATE, context.scale.seconds(17));
    let (mut number, mut sent) = (0_u64, Sent::default());
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let peer = random.below(peers.len() as u64) as usize;
            let datagram = match number {
                number if number % EMPTY == 0 => Vec::new(),
                number if number % 3 == 0 => {
                    let length = random.below(1400) as usize;
                    random.bytes(length)
                }
                _ => mutated(&captures[peer], &mut random),
            };
            let socket = match number % 2 {
                0 => peers[peer].socket(),
                _ => &strangers[random.below(64) as usize],
            };
            sent.send(socket, &datagram);
            number += 1;
        }
        for peer in &mut peers {
            peer.listen(true);
        }
    }
    peers.iter_mut().for_each(Puppet::leave);
    Ok(Outcome::new(format!("noise: {sent}")).memory_kept(context))
}

/// Datagrams of peers that are there whose commands are well formed and make no sense.
pub(super) fn nonsense(context: &Context<'_>) -> io::Result<Outcome> {
    let mut peers: Vec<Puppet> = (0..4)
        .map(|number| Puppet::join(context.target, number, 16))
        .collect::<io::Result<_>>()?;
    let mut random = Random::new(17);
    let mut pace = Pace::new(RATE, context.scale.seconds(10));
    let mut sent = Sent::default();
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let peer = &peers[random.below(4) as usize];
            let commands = (0..=random.below(4)).map(|_| any_command(&mut random)).collect();
            let datagram = peer.datagram(peer.peer_id, peer.session, commands);
            sent.send(peer.socket(), &datagram);
        }
        for peer in &mut peers {
            peer.listen(true);
        }
    }
    peers.iter_mut().for_each(Puppet::leave);
    Ok(Outcome::new(format!("nonsense: {sent}")).memory_kept(context))
}

/// Any command but one that ends the connection.
fn any_command(random: &mut Random) -> Command {
    let number = random.next_u64() as u16;
    let length = random.below(200) as usize;
    let data: Bytes = random.bytes(length).into();
    let fragment = Fragment {
        start: random.next_u64() as u16,
        count: random.below(1 << 16) as u32,
        number: random.below(1 << 8) as u32,
        total: random.below(1 << 26) as u32,
        offset: random.below(1 << 16) as u32,
        data: data.clone(),
    };
    let body = match random.below(8) {
        0 => Body::Reliable(data),
        1 => Body::Unreliable { number, data },
        2 => Body::Fragment(fragment),
        3 => Body::UnreliableFragment(fragment),
        4 => Body::Unsequenced { group: number, data },
        5 => Body::Acknowledge {
            number,
            sent_time: random.next_u64() as u16,
        },
        6 => Body::BandwidthLimit {
            incoming: random.next_u64() as u32,
            outgoing: random.next_u64() as u32,
        },
        _ => Body::Ping,
    };
    Command {
        acknowledge: random.below(2) == 0,
        unsequenced: random.below(8) == 0,
        // Those that it has, some that it has not, and that of the connection itself.
        channel: match random.below(20) {
            0 => CONTROL,
            channel => channel as u8,
        },
        number: random.next_u64() as u16,
        body,
    }
}

/// One datagram of every kind that a client may send in its session.
fn capture(peer: &mut Puppet) -> Vec<Bytes> {
    let fragment = |number| Fragment {
        start: 3,
        count: 3,
        number,
        total: 30,
        offset: number * 10,
        data: vec![1; 10].into(),
    };
    let control = peer.control_number();
    let session: Vec<Vec<Command>> = vec![
        connect(1, 77, 4),
        vec![Command::acknowledgement(0xFF, 1, peer.clock())],
        vec![Command::control(control, Body::Ping)],
        vec![
            Command::reliable(0, 1, Body::Reliable(vec![2; 100].into())),
            Command::reliable(0, 2, Body::Reliable(Bytes::new())),
        ],
        (0..3)
            .map(|number| Command::reliable(0, 3 + number as u16, Body::Fragment(fragment(number))))
            .collect(),
        vec![Command::unreliable(
            1,
            0,
            Body::Unreliable {
                number: 1,
                data: vec![3; 50].into(),
            },
        )],
        (0..3)
            .map(|number| Command::unreliable(2, 0, Body::UnreliableFragment(fragment(number))))
            .collect(),
        vec![Command::unsequenced(1, 1, vec![4; 50].into())],
        vec![Command::control(
            control,
            Body::BandwidthLimit {
                incoming: 0,
                outgoing: 0,
            },
        )],
        vec![Command::control(
            control,
            Body::ThrottleConfigure {
                interval: 5000,
                acceleration: 2,
                deceleration: 2,
            },
        )],
        vec![Command::control(control, Body::Disconnect { data: 1 })],
    ];
    session
        .into_iter()
        .map(|commands| peer.datagram(peer.peer_id, peer.session, commands))
        .collect()
}

/// One of them with a few bytes changed, cut off or added.
fn mutated(captures: &[Bytes], random: &mut Random) -> Vec<u8> {
    let mut datagram = captures[random.below(captures.len() as u64) as usize].to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(datagram.len() as u64) as usize;
        match random.below(6) {
            0 => datagram.truncate(at.max(1)),
            1 => {
                let length = random.below(40) as usize;
                datagram.extend(random.bytes(length));
            }
            _ => datagram[at] = random.next_u64() as u8,
        }
    }
    datagram
}
