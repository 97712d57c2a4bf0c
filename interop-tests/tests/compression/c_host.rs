//! A host of ours and one of the C library, which compress alike, with and without checksums.
//!
//! The C library has no compressor but its range coder; for the others it is given ours, so that what is compared is what
//! surrounds them: the bit in the header, the limits, and that the checksum is over what is not compressed.

use std::net::Ipv4Addr;

use bytes::Bytes;
use enet_proto::compress::{Compression, Compressor};
use enet_proto::{Event, HostConfig, Packet, PacketMode};
use interop_tests::cenet::{self, Flags};
use interop_tests::driver::Driver;
use interop_tests::godot::{Mode, until_seen};
use interop_tests::relay::Relay;
use interop_tests::side::Ours;
use netem::Conditions;

use crate::{compressed_both_ways, kinds};

#[test]
fn a_server_of_ours_and_a_c_client_understand_each_other() {
    for kind in kinds() {
        for checksum in [false, true] {
            let (mut ours, mut c) = hosts(kind, checksum);
            let server = ours.with(|host| host.endpoint.local_addr());
            let relay = Relay::start(server, 1, Conditions::default()).expect("a relay");
            relay.record();
            let home = c.connect(relay.local_addr(), 4, 7);
            c.connected();
            let Event::Connected { peer: guest, data: 7 } = ours.next_event() else {
                panic!("no connection");
            };
            carry(&mut ours, guest, &mut c, home);
            let recorded = relay.recorded();
            assert!(
                compressed_both_ways(&recorded, |recorded| recorded.to == server),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_c_server_and_a_client_of_ours_understand_each_other() {
    for kind in kinds() {
        for checksum in [false, true] {
            let (mut ours, mut c) = hosts(kind, checksum);
            let server = c.local_addr();
            let relay = Relay::start(server, 1, Conditions::default()).expect("a relay");
            relay.record();
            let to = relay.local_addr();
            let home = ours
                .with(move |host| host.endpoint.connect(to, 4, 8))
                .expect("a free slot");
            let (guest, 8) = c.connected() else {
                panic!("other data")
            };
            ours.expect("connection", |event| matches!(event, Event::Connected { .. }));
            carry(&mut ours, home, &mut c, guest);
            let recorded = relay.recorded();
            assert!(
                compressed_both_ways(&recorded, |recorded| recorded.to == server),
                "{kind}"
            );
        }
    }
}

/// Sends packets of many sizes and all modes from each to the other.
fn carry(ours: &mut Driver<Ours>, there: enet_proto::PeerHandle, c: &mut cenet::Driver, here: cenet::Peer) {
    // No empty ones: the C range coder crashes on them.
    for (number, size) in [1, 10, 100, 1000, 1400, 5000, 60_000].into_iter().enumerate() {
        let text: Bytes = b"much like before; ".iter().copied().cycle().take(size).collect();
        let noise = netem::Random::new(number as u64).bytes(size);
        for data in [text, noise.into()] {
            for (channel, mode, flags) in [
                (1, PacketMode::Reliable, Flags::RELIABLE),
                (2, PacketMode::Unreliable, Flags::UNRELIABLE_FRAGMENT),
                (3, PacketMode::Unsequenced, Flags::UNSEQUENCED_FRAGMENT),
            ] {
                let pace = match mode {
                    PacketMode::Reliable => Mode::Reliable,
                    PacketMode::Unreliable | PacketMode::Unsequenced => Mode::Unreliable,
                };
                let mut packet = Packet::reliable(data.clone()).with_unreliable_fragments();
                packet.mode = mode;
                until_seen(
                    pace,
                    || {
                        let packet = packet.clone();
                        ours.with(move |host| host.endpoint.send(there, channel, packet))
                            .expect("it is taken");
                    },
                    |wait| {
                        c.try_expect(wait, |event| is_from_ours(event, channel, &data))
                            .is_some()
                    },
                );
                until_seen(
                    pace,
                    || assert!(c.send(here, channel, data.to_vec(), flags)),
                    |wait| {
                        ours.try_expect(wait, |event| is_from_c(event, channel, &data))
                            .is_some()
                    },
                );
            }
        }
    }
}

fn is_from_ours(event: &cenet::Event, on: u8, sent: &Bytes) -> bool {
    matches!(event, cenet::Event::Received { data, channel, .. } if *channel == on && data == sent)
}

fn is_from_c(event: &Event, on: u8, sent: &Bytes) -> bool {
    matches!(event, Event::Received { packet, channel, .. } if *channel == on && packet.data == *sent)
}

fn hosts(kind: Compression, checksum: bool) -> (Driver<Ours>, cenet::Driver) {
    let mut config = HostConfig::default();
    config.compression = kind;
    config.checksum = checksum;
    let ours = Driver::of(Ours::new(Ipv4Addr::LOCALHOST, config, None));

    let options = cenet::Options {
        checksum,
        range_coder: kind == Compression::RangeCoder,
        ..cenet::Options::default()
    };
    let mut c = cenet::Host::new(options).expect("a host of the C library");
    if kind != Compression::RangeCoder {
        let mut compress = compressor(kind);
        let mut decompress = compressor(kind);
        c.compress_with(
            move |input, limit| {
                let mut output = Vec::new();
                compress.compress(input, limit, &mut output).then_some(output)
            },
            move |input, limit| {
                let mut output = Vec::new();
                decompress.decompress(input, limit, &mut output).then_some(output)
            },
        );
    }
    (ours, Driver::of(c))
}

fn compressor(kind: Compression) -> Box<dyn Compressor> {
    kind.compressor().expect("a compressor")
}
