//! Compressed datagrams that are malformed, or cost more than they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use enet_proto::compress::{Compression, Compressor};
use enet_proto::{Event, HostConfig, Packet};
use enet_sim::wire::{Body, Command, Connect, Datagram, NO_PEER};
use enet_sim::{Pair, Probe, Random};

use crate::common::{address, config, last_of_client, ms, numbers, payload, secs};

/// Two connected hosts that compress, and the first bytes of the client's datagrams as if they were compressed.
fn compressing(kind: Compression, inflation: u32) -> (Pair, [u8; 2]) {
    let settings = || {
        config(|config| {
            config.compression = kind;
            config.max_inflation_per_second = inflation;
        })
    };
    let mut pair = Pair::with(1, settings(), settings());
    pair.network.record();
    pair.run_for(secs(3));
    let last = last_of_client(&pair);
    // Compressed, and without a time.
    let header = [last[0] & 0x3F | 0x40, last[1]];
    (pair, header)
}

fn datagram(header: [u8; 2], block: &[u8]) -> Bytes {
    [&header[..], block].concat().into()
}

fn malformed(pair: &Pair) -> u64 {
    pair.network.host(pair.server).statistics().dropped.malformed_datagrams
}

#[test]
fn a_malformed_block_of_each_kind_is_dropped_counted_and_harms_nobody() {
    for &kind in Compression::ALL {
        let Some(mut compressor) = kind.compressor() else {
            continue;
        };
        let (mut pair, header) = compressing(kind, 2 << 20);
        let client = pair.network.address(pair.client);
        let mut random = Random::new(7);
        let mut bad = vec![Vec::new()];
        while bad.len() < 50 {
            let block = random.bytes(1 + bad.len());
            if !compressor.decompress(&block, 4094, &mut Vec::new()) {
                bad.push(block);
            }
        }
        for (number, block) in bad.iter().enumerate() {
            pair.network.inject(client, pair.server, datagram(header, block));
            assert_eq!(malformed(&pair), number as u64 + 1, "{kind}: {block:?}");
        }
        for number in 0..20 {
            pair.client_sends(0, Packet::reliable(payload(number, 400))).unwrap();
        }
        assert!(pair.run_until_quiet(secs(10)));
        assert_eq!(numbers(&pair.server_received()), (0..20).collect::<Vec<_>>(), "{kind}");
    }
}

/// The block of a kind that opens to 4000 zeros.
fn inflating(kind: Compression) -> Vec<u8> {
    let mut block = Vec::new();
    assert!(kind.compressor().unwrap().compress(&[0; 4000], 4000, &mut block));
    block
}

#[test]
fn tiny_blocks_that_open_to_much_are_opened_so_often_and_no_more() {
    for kind in [Compression::RangeCoder, Compression::FastLz] {
        let (mut pair, header) = compressing(kind, 2 << 20);
        let client = pair.network.address(pair.client);
        let block = inflating(kind);
        let excess = 4000 - 16 * block.len();
        let flood = |pair: &mut Pair| {
            let before = pair.network.host(pair.server).statistics().limits.inflation;
            for _ in 0..5000 {
                pair.network.inject(client, pair.server, datagram(header, &block));
            }
            5000 - (pair.network.host(pair.server).statistics().limits.inflation - before)
        };
        let allowed = (2 << 20) / excess as u64;
        let opened = flood(&mut pair);
        assert!(
            (allowed..=allowed + 1).contains(&opened),
            "{kind}: {opened} were opened"
        );
        pair.run_for(secs(2));
        let opened = flood(&mut pair);
        assert!(
            (allowed..=allowed + 1).contains(&opened),
            "{kind}: {opened} were opened"
        );

        // What is no more than ordinarily compressed passes all the while.
        let mut random = Random::new(3);
        let words: Vec<u8> = (0..200_000).map(|_| b"abcdefgh"[random.below(8) as usize]).collect();
        pair.client_sends(0, Packet::reliable(words.clone())).unwrap();
        let before = pair.network.host(pair.server).statistics().limits.inflation;
        assert!(pair.run_until_quiet(ms(900)), "{kind}");
        assert_eq!(pair.server_received()[0].1.data, words);
        assert_eq!(pair.network.host(pair.server).statistics().limits.inflation, before);
    }
}

#[test]
fn the_allowance_for_inflation_can_be_set() {
    let kind = Compression::RangeCoder;
    let (mut pair, header) = compressing(kind, 10_000);
    let client = pair.network.address(pair.client);
    for _ in 0..100 {
        pair.network
            .inject(client, pair.server, datagram(header, &inflating(kind)));
    }
    let struck = pair.network.host(pair.server).statistics().limits.inflation;
    assert_eq!(struck, 97, "after three of nearly 4000 bytes there is nothing left");
}

/// Blocks that take as long as possible to open, by those who send as many as they can, beside one who sends little.
#[test]
fn who_has_much_opened_shares_it_with_others_like_it_and_not_with_those_who_have_little() {
    const SECONDS: u64 = 5;
    let kind = Compression::RangeCoder;
    let settings = || config(|config| config.compression = kind);
    let mut pair = Pair::with(5, settings(), settings());
    pair.network.record();
    pair.run_for(secs(3));
    let last = last_of_client(&pair);
    let (client, header) = (pair.network.address(pair.client), [last[0] & 0x3F | 0x40, last[1]]);
    let mut random = Random::new(7);
    let plain: Vec<u8> = std::iter::once(0)
        .chain((1..4000).map(|_| random.below(64) as u8))
        .collect();
    let mut block = Vec::new();
    let mut coder = kind.compressor().expect("a coder");
    assert!(coder.compress(&plain, 4000, &mut block));
    // What it had before counts for nothing.
    pair.run_for(secs(2));
    let mut sent = 0;
    for _ in 0..SECONDS * 100 {
        for _ in 0..20 {
            pair.network.inject(client, pair.server, datagram(header, &block));
            sent += 1;
        }
        pair.run_for(ms(10));
    }
    let limits = pair.network.host(pair.server).statistics().limits;
    let opened = (sent - limits.opened) * plain.len() as u64;
    // As much again as in a second was there to begin with.
    let allowed = (SECONDS + 1) * ((4 << 20) + (64 << 10));
    assert!(
        (allowed * 9 / 10..allowed * 11 / 10).contains(&opened),
        "{opened} of {allowed}"
    );
    assert_eq!(limits.inflation, 0);

    // Another one, that says something thirty times a second, loses nothing meanwhile.
    let other = pair.network.add_host(settings());
    let peer = pair.network.connect(other, pair.server, 2, 0);
    pair.run_for(secs(1));
    let before = pair.network.host(pair.server).statistics().limits.opened;
    let mut own = 0;
    for _ in 0..SECONDS * 30 {
        for _ in 0..60 {
            pair.network.inject(client, pair.server, datagram(header, &block));
            own += 1;
        }
        let words = Packet::unreliable(vec![5; 1000]);
        pair.network
            .with_host(other, |host| host.peer_mut(peer).unwrap().send(0, words))
            .unwrap();
        pair.run_for(ms(33));
    }
    assert!(pair.network.host(pair.server).statistics().limits.opened - before < own);
    let is_word = |event: &Event| matches!(event, Event::Received { packet, .. } if packet.data.len() == 1000);
    let heard = pair
        .network
        .take_events(pair.server)
        .iter()
        .filter(|event| is_word(event))
        .count();
    assert_eq!(heard as u64, SECONDS * 30);
}

#[test]
fn of_strangers_no_more_than_a_connect_is_opened() {
    let kind = Compression::RangeCoder;
    let mut probe = Probe::new(config(|config| config.compression = kind));
    for _ in 0..1000 {
        probe.receive_bytes(address(1), datagram([0x4F, 0xFF], &inflating(kind)));
    }
    assert_eq!(probe.host.statistics().dropped.malformed_datagrams, 1000);
}

/// Compresses nothing; opens everything to itself, and counts how often it is asked to.
struct Counting(Arc<AtomicUsize>);

impl Compressor for Counting {
    fn compress(&mut self, _input: &[u8], _limit: usize, _output: &mut Vec<u8>) -> bool {
        false
    }

    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        output.extend_from_slice(input);
        !input.is_empty() && input.len() <= limit
    }
}

#[test]
fn only_what_is_for_a_known_peer_or_may_be_a_connect_is_opened() {
    let opened = Arc::new(AtomicUsize::new(0));
    let mut probe = Probe::new(HostConfig::default());
    probe.host.set_compressor(Some(Box::new(Counting(opened.clone()))));
    let remote = probe.join(address(1), Connect::default());
    let ping = |mut datagram: Datagram| {
        datagram.compressed = true;
        datagram.with(Command::control(9, Body::Ping))
    };
    let mut other_session = remote.datagram();
    other_session.session = (other_session.session + 1) % 4;
    let other_id = Datagram::to((remote.peer_id + 1) % NO_PEER, remote.session);
    for (datagram, from, times) in [
        (remote.datagram(), remote.address, 1),
        (remote.datagram(), address(2), 0),
        (other_session, remote.address, 0),
        (other_id, remote.address, 0),
        (Datagram::to(NO_PEER, 0), address(2), 1),
    ] {
        opened.store(0, Ordering::Relaxed);
        probe.receive(from, &ping(datagram.clone()));
        assert_eq!(opened.load(Ordering::Relaxed), times, "{datagram:?} from {from}");
    }
    let closed = probe.act(|host| host.set_accepting(false));
    assert!(closed.is_empty());
    opened.store(0, Ordering::Relaxed);
    probe.receive(address(2), &ping(Datagram::to(NO_PEER, 0)));
    assert_eq!(
        opened.load(Ordering::Relaxed),
        0,
        "nor is a CONNECT when nobody may connect"
    );
}
