//! Attacks with blocks that cost much to open.

use std::io;
use std::iter;

use bytes::Bytes;
use enet_tokio::Compression;
use netem::Random;

use super::context::{Context, Outcome};
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::sockets::{self, Sent};

/// Datagrams a second, half of them from strangers.
const RATE: f64 = 4000.0;

/// The most bytes that a block may open to.
const OPENED: usize = 4092;

pub(super) fn costly(context: &Context<'_>) -> io::Result<Outcome> {
    let strangers = sockets::many(context.target, 64)?;
    let peers: Vec<Puppet> = (64..72)
        .map(|number| Puppet::join(context.target, number, 2))
        .collect::<io::Result<_>>()?;
    let blocks = blocks()?;
    let (mut random, mut sent) = (Random::new(3), Sent::default());
    let mut pace = Pace::new(RATE, context.scale.seconds(10));
    let mut peers = peers;
    while let Some(turns) = pace.turns() {
        for turn in 0..turns {
            let peer = &peers[random.below(peers.len() as u64) as usize];
            let block = &blocks[random.below(blocks.len() as u64) as usize];
            let socket = match turn % 2 {
                0 => peer.socket(),
                _ => &strangers[random.below(64) as usize],
            };
            sent.send(socket, &compressed(peer, block));
        }
        for peer in &mut peers {
            peer.listen(true);
        }
    }
    let left = peers.iter_mut().map(Puppet::leave).count();
    Ok(Outcome::new(format!("{left} peers and 64 strangers: {sent}")).memory_kept(context))
}

/// Few bytes that open to many, and many bytes each of which is news to the model.
fn blocks() -> io::Result<Vec<Vec<u8>>> {
    let mut coder = Compression::RangeCoder.compressor().ok_or(io::ErrorKind::Unsupported)?;
    let mut random = Random::new(11);
    // Text-like, so that it gets shorter and still fills the model. No command begins like that: nobody is disconnected by it.
    let varied: Vec<u8> = iter::once(0)
        .chain((1..OPENED).map(|_| random.below(64) as u8))
        .collect();
    [vec![0; OPENED], varied]
        .into_iter()
        .map(|plain| {
            let mut block = Vec::new();
            match coder.compress(&plain, OPENED, &mut block) {
                true => Ok(block),
                false => Err(io::Error::other("a block does not get shorter")),
            }
        })
        .collect()
}

/// A datagram in the name of a peer that holds a block.
fn compressed(peer: &Puppet, block: &[u8]) -> Bytes {
    let mut datagram = peer.datagram(peer.peer_id, peer.session, Vec::new()).to_vec();
    // The flag in the first byte that says so.
    datagram[0] |= 0x40;
    datagram.extend_from_slice(block);
    datagram.into()
}
