//! Whatever a connection carried and however it ended, the memory it took comes back.
#![allow(clippy::unwrap_used, reason = "what does not unwrap fails the test")]

mod counting;

use std::time::Duration;

use bytes::Bytes;
use counting::live;
use enet_proto::compress::Compression;
use enet_proto::{Host, HostConfig, Packet, PacketMode};
use enet_sim::{Conditions, Pair};
use proptest::prelude::*;

/// What a host may keep for the next connection: queues and tables with room for a few, and one buffer for a datagram.
const KEPT: isize = 32 * 1024;

/// The bytes that `host` holds, found out by dropping it.
fn weigh(host: Host) -> isize {
    let before = live();
    drop(host);
    before - live()
}

fn config(compression: Compression, checksum: bool) -> HostConfig {
    let mut config = HostConfig::default();
    config.compression = compression;
    config.checksum = checksum;
    config
}

fn packet() -> impl Strategy<Value = (bool, u8, Packet)> {
    let mode = prop_oneof![
        Just(PacketMode::Reliable),
        Just(PacketMode::Unreliable),
        Just(PacketMode::Unsequenced)
    ];
    let size = prop_oneof![4 => 0..300usize, 2 => 1000..20_000usize, 1 => 20_000..300_000usize];
    (any::<bool>(), any::<u8>(), mode, size, any::<bool>()).prop_map(|(by_client, channel, mode, size, fragments)| {
        let mut packet = Packet::reliable(Bytes::from(vec![1; size]));
        packet.mode = mode;
        packet.unreliable_fragments = fragments;
        (by_client, channel % 255, packet)
    })
}

proptest! {
    #[test]
    fn memory_returns_to_the_baseline(
        seed: u64,
        loss in 0.0..0.3f64,
        compression in prop::sample::select(Compression::ALL),
        checksum in any::<bool>(),
        packets in prop::collection::vec(packet(), 0..60),
        wait in 0..3000u64,
        ending in 0..4,
    ) {
        let settings = || config(compression, checksum);
        let mut pair = Pair::with(seed, settings(), settings());
        pair.set_conditions(&Conditions::default().delay(Duration::from_millis(10)).loss(loss));
        for (by_client, channel, packet) in packets {
            // A connection may have ended by loss alone.
            let (node, peer) = if by_client { (pair.client, pair.to_server) } else { (pair.server, pair.to_client) };
            pair.network.with_host(node, |host| host.peer_mut(peer).map(|mut peer| peer.send(channel, packet)));
            pair.run_for(Duration::from_millis(2));
        }
        pair.run_for(Duration::from_millis(wait));
        let to_server = pair.to_server;
        pair.network.with_host(pair.client, |host| {
            let Some(peer) = host.peer_mut(to_server) else { return };
            match ending {
                0 => peer.disconnect(0),
                1 => peer.disconnect_later(0),
                2 => peer.disconnect_now(0),
                _ => peer.reset(),
            }
        });
        // Far past every time-out, also for what is sent until all has arrived.
        pair.run_for(Duration::from_secs(300));
        for node in [pair.client, pair.server] {
            drop(pair.network.take_events(node));
            let host = pair.network.take_host(node);
            prop_assert_eq!(host.peers().count(), 0);
            let new = weigh(Host::new(settings(), [1; 32], enet_proto::Time::ZERO));
            let used = weigh(host);
            prop_assert!(used <= new + KEPT, "{used} bytes are left, where there were {new}");
        }
    }
}
