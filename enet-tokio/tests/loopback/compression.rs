use bytes::Bytes;
use enet_tokio::{Batching, Compression, Compressor, Packet};

use crate::common::{Pair, config, within};

const PACKET: usize = 100_000;

fn text() -> Bytes {
    b"the same words again and again; ".repeat(PACKET / 32).into()
}

async fn exchange(pair: &mut Pair) {
    for round in 0..3 {
        pair.dialled.send(round, Packet::reliable(text())).await.unwrap();
        let (channel, packet) = within(pair.accepted.recv()).await.unwrap();
        assert_eq!((channel, packet.data), (round, text()));
        pair.accepted.send(round, Packet::reliable("short")).await.unwrap();
        assert_eq!(&within(pair.dialled.recv()).await.unwrap().1.data[..], b"short");
    }
}

#[tokio::test]
async fn every_kind_saves_bytes() {
    for &kind in Compression::ALL {
        for checksum in [false, true] {
            let config = config(Batching::Auto)
                .with_compression(kind)
                .with_host(|host| host.checksum = checksum);
            let mut pair = Pair::new(config).await;
            exchange(&mut pair).await;
            let sent = pair.client.statistics().host.bytes_sent;
            let plain = 3 * PACKET as u64;
            assert_eq!(sent < plain / 4, kind != Compression::None, "{kind}: {sent} bytes");
            assert_eq!(pair.server.statistics().host.dropped.malformed_datagrams, 0, "{kind}");
        }
    }
}

/// Swaps all bits and leaves one zero in four out, if there are enough of them.
struct ZerosOut;

impl Compressor for ZerosOut {
    fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        let start = output.len();
        for group in input.chunks(7) {
            let mask = (0..group.len()).fold(0, |mask, place| mask | u8::from(group[place] != 0) << place);
            output.push(mask | u8::from(group.len() == 7) << 7);
            if group.len() < 7 {
                output.push(group.len() as u8);
            }
            output.extend(group.iter().filter(|&&value| value != 0).map(|value| !value));
        }
        output.len() - start <= limit
    }

    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        let start = output.len();
        let mut rest = input.iter();
        while let Some(mask) = rest.next() {
            let length = if mask & 1 << 7 != 0 { Some(&7) } else { rest.next() };
            for place in 0..*length.unwrap_or(&0) {
                let value = if mask & 1 << place != 0 { rest.next() } else { Some(&!0) };
                output.push(!value.unwrap_or(&0));
            }
        }
        output.len() - start <= limit
    }
}

#[tokio::test]
async fn a_program_can_bring_its_own() {
    let mut pair = Pair::new(config(Batching::Auto)).await;
    pair.server.set_compressor(Some(Box::new(ZerosOut)));
    pair.client.set_compressor(Some(Box::new(ZerosOut)));
    let zeros = Bytes::from(vec![0; PACKET]);
    pair.dialled.send(0, Packet::reliable(zeros.clone())).await.unwrap();
    assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, zeros);
    assert!(pair.client.statistics().host.bytes_sent < PACKET as u64 / 4);
    exchange(&mut pair).await;
}

/// Sends packets of noise, which are as dear to compress as any, one way; the bytes that left and the commands sent again.
async fn send_noise(pair: &mut Pair, packets: usize, size: usize) -> (u64, u64) {
    let before = pair.client.statistics().host.bytes_sent;
    for number in 0..packets {
        let mut state = number as u64 + 1;
        let noise: Bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        })
        .take(size)
        .collect();
        let send = pair.dialled.send(0, Packet::reliable(noise.clone()));
        let (sent, received) = within(async { tokio::join!(send, pair.accepted.recv()) }).await;
        sent.unwrap();
        assert_eq!(received.unwrap().1.data, noise);
    }
    let sent = pair.client.statistics().host.bytes_sent - before;
    (sent, pair.dialled.statistics().map_or(0, |peer| peer.commands_resent))
}

async fn nothing_is_sent_twice(size: usize) {
    for kind in [Compression::RangeCoder, Compression::Zlib] {
        let mut pair = Pair::new(config(Batching::Auto).with_compression(kind)).await;
        let (sent, again) = send_noise(&mut pair, 3, size).await;
        let all = 3 * size as u64;
        assert!(
            sent < all + all / 10,
            "{kind}: {sent} bytes for {all}, {again} commands again"
        );
    }
}

#[tokio::test]
async fn what_takes_long_to_compress_is_not_sent_twice() {
    nothing_is_sent_twice(200_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_it_by_two_threads() {
    nothing_is_sent_twice(200_000).await;
}
