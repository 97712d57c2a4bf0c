//! Attacks on a server that has nodes, by calls and by what belongs to them.

use std::io;

use bytes::Bytes;
use enet_tokio::Packet;
use godot_peer::scene::{Arguments, ConfirmPath, MethodId, NO_METHODS, NodeId, NodeReference, Rpc, SimplifyPath};
use godot_variant::binary::encode_arguments;
use godot_variant::{Variant, Vector2};

use super::context::{Context, Outcome};
use crate::game::{self, NODE, Played, Players};
use crate::members::{Joining, Members};
use crate::pace::Pace;
use crate::puppet::Puppet;

/// How many honest players there are.
const PLAYERS: usize = 4;

/// How long their answers may take: most of them, in milliseconds.
const P99: f64 = 50.0;

/// Calls of all kinds, most of which are refused, as fast as one sends them.
pub(super) fn flood(context: &mut Context<'_>) -> io::Result<Outcome> {
    const A_SECOND: f64 = 100_000.0;
    const PER_DATAGRAM: usize = 20;
    let players = Players::join(context.target, PLAYERS)?;
    let calls = kinds();
    let mut puppet = Puppet::join(context.target, 1000, 2)?;
    context.begin();
    let mut pace = Pace::new(A_SECOND / PER_DATAGRAM as f64, context.scale.seconds(10));
    let mut said = 0usize;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            puppet.say(&mut said, PER_DATAGRAM, |number| calls[number % calls.len()].clone());
        }
        puppet.listen(true);
    }
    puppet.leave();
    let played = players.stop();
    Ok(judged(&format!("{said} calls"), &played).memory_kept(context))
}

/// Values that cost most to read for what they are: deep ones, with counts that lie, and many small ones in one.
pub(super) fn costly_values(context: &mut Context<'_>) -> io::Result<Outcome> {
    const CALLS: usize = 1000;
    let players = Players::join(context.target, PLAYERS)?;
    let mut members = Members::join(context.target, Joining::of(1))?;
    if members.count() == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the attacker does not get in"));
    }
    let calls = costly();
    let count = context.scale.count(CALLS);
    let bytes: usize = (0..count).map(|at| calls[at % calls.len()].len()).sum();
    let packets = (0..count).map(move |at| (0, Packet::reliable(calls[at % calls.len()].clone())));
    context.begin();
    let sent = members.run(members.member(0).send_all(packets));
    let lost = members.lost();
    members.leave(usize::MAX);
    let played = players.stop();
    let text = format!(
        "{count} calls of {:.0} MB{}",
        bytes as f64 / 1e6,
        if sent { "" } else { ", not all taken" }
    );
    Ok(judged(&text, &played)
        .at_most("attackers lost", lost as f64, 0.0, "")
        .memory_kept(context))
}

/// Numbers for paths without end, confirmations of numbers that nobody offered, and calls by them.
pub(super) fn paths(context: &mut Context<'_>) -> io::Result<Outcome> {
    const A_SECOND: f64 = 5000.0;
    const LONG: usize = 1000;
    let players = Players::join(context.target, PLAYERS)?;
    let mut puppet = Puppet::join(context.target, 1000, 2)?;
    context.begin();
    let mut pace = Pace::new(A_SECOND, context.scale.seconds(10));
    let mut said = 0usize;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            puppet.say(&mut said, 1, |number| about_paths(number, LONG));
        }
        puppet.listen(true);
    }
    puppet.leave();
    let played = players.stop();
    Ok(judged(&format!("{said} messages about paths"), &played).memory_kept(context))
}

/// What is asked of the server in any case.
fn judged(text: &str, played: &Played) -> Outcome {
    Outcome::new(format!("{text}; {} calls of players answered", played.answers.len()))
        .at_most("players lost", played.lost as f64, 0.0, "")
        .at_most("players unanswered", played.unanswered as f64, 0.0, "")
        .at_least("players answered", played.answers.len() as f64, 1.0, "")
        .at_most("players p99", played.p99(), P99, "ms")
}

fn call(node: impl Into<NodeReference>, method: &str, arguments: Arguments) -> Bytes {
    let method = game::interface().id_of(method).unwrap_or(MethodId(0x8000));
    let rpc = Rpc {
        node: node.into(),
        method,
        arguments,
    };
    rpc.to_bytes()
}

fn node() -> NodeReference {
    NodeReference::Path(NODE.into())
}

fn id(number: usize) -> NodeId {
    NodeId::new(number as u32 & 0x7fff_ffff).expect("it has 31 bits")
}

fn encoded(values: &[Variant]) -> Arguments {
    let mut body = Vec::new();
    encode_arguments(values, &mut body).expect("they can be written");
    let count = body.remove(0);
    Arguments::Encoded {
        count,
        data: body.into(),
    }
}

/// A call of each kind: one that is taken, and those that are refused.
fn kinds() -> Vec<Bytes> {
    vec![
        call(node(), "say", encoded(&["hello".into()])),
        call(node(), "anything", encoded(&[1.into(), Variant::Nil])),
        call(node(), "say", encoded(&[1.into()])),
        call(node(), "say", encoded(&[])),
        call(node(), "moved", encoded(&[1.into()])),
        call(node(), "nothing", Arguments::None),
        call(NodeReference::Id(id(7)), "say", encoded(&["hello".into()])),
        call(NodeReference::Path("Nowhere".into()), "say", Arguments::None),
        call(NodeReference::Path("../../Arena".into()), "say", Arguments::None),
        call(
            node(),
            "steer",
            Arguments::Encoded {
                count: 255,
                data: Bytes::from_static(&[0xff; 9]),
            },
        ),
    ]
}

/// Calls that are not, or only just, too large, deep or wrong.
fn costly() -> Vec<Bytes> {
    /// What a call's arguments may have, almost.
    const MOST: usize = 1_000_000;
    /// An array of one element.
    const ONE: [u8; 8] = [28, 0, 0, 0, 1, 0, 0, 0];
    let of = |data: Vec<u8>| {
        let data = Bytes::from(data);
        call(node(), "anything", Arguments::Encoded { count: 1, data })
    };
    let many = |head: [u8; 4], element: &[u8]| {
        let count = ((MOST - 8) / element.len()) as u32;
        let body = element.repeat(count as usize);
        of([&head[..], &count.to_le_bytes(), &body].concat())
    };
    let lying = |kind: u8| of([&[kind, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f][..], &[0; 64]].concat());
    vec![
        // Deeper than anything is read, and just as deep.
        of(ONE.repeat(MOST / ONE.len())),
        of([ONE.repeat(60), vec![0; 4]].concat()),
        // As many of the smallest values as there can be.
        many([28, 0, 0, 0], &[0; 4]),
        many([28, 0, 0, 0], &[28, 0, 0, 0, 0, 0, 0, 0]),
        many([28, 0, 0, 0], &[4, 0, 0, 0, 0, 0, 0, 0]),
        // A dictionary of one key again and again, and of many.
        many([27, 0, 0, 0], &[0; 8]),
        of(dictionary(MOST / 12)),
        lying(28),
        lying(27),
        lying(29),
        lying(34),
        lying(38),
        lying(4),
        call(
            node(),
            "steer",
            encoded(&[1.into(), Vector2::new(f32::NAN, f32::MAX).into()]),
        ),
    ]
}

/// A dictionary with this many keys, without values worth it.
fn dictionary(count: usize) -> Vec<u8> {
    let mut bytes = vec![27, 0, 0, 0];
    bytes.extend((count as u32).to_le_bytes());
    for key in 0..count as u32 {
        bytes.extend([2, 0, 0, 0]);
        bytes.extend(key.to_le_bytes());
        bytes.extend([0; 4]);
    }
    bytes
}

/// A path offered, a confirmation, or a call by a number.
fn about_paths(at: usize, length: usize) -> Bytes {
    let path: String = format!("{at}/").chars().cycle().take(length).collect();
    let offer = |checksum| {
        let path = path.as_str().into();
        SimplifyPath {
            checksum,
            id: id(at),
            path,
        }
        .to_bytes()
    };
    match at % 4 {
        0 => offer(NO_METHODS),
        1 => offer([b'0'; 32]),
        2 => {
            let node = NodeReference::Id(id(at));
            let checksum_matched = false;
            ConfirmPath { checksum_matched, node }.to_bytes()
        }
        _ => call(NodeReference::Id(id(at)), "say", encoded(&["hello".into()])),
    }
}
