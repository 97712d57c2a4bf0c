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
