//! A client that leaves and comes again from the same address, while datagrams of its earlier connection are still under way.

use bytes::Bytes;
use enet_proto::{Event, HostConfig, Packet, PacketMode, PeerHandle};
use enet_sim::{Conditions, Network, NodeId};
use proptest::prelude::*;

use crate::common::{config, ms, number_of, packet, payload, secs};

/// The numbers of the packets of the second connection begin here.
const SECOND: u32 = 1000;

/// What is sent in one connection: by whom, on which channel, how, how many bytes.
type Traffic = Vec<(bool, u8, PacketMode, usize)>;

fn traffic() -> impl Strategy<Value = Traffic> {
    let mode = prop_oneof![
        Just(PacketMode::Reliable),
        Just(PacketMode::Unreliable),
        Just(PacketMode::Unsequenced)
    ];
    let size = prop_oneof![4 => 4..300usize, 1 => 1500..8000usize];
    prop::collection::vec((any::<bool>(), 0..2u8, mode, size), 1..30)
}

struct Ends {
    client: NodeId,
    server: NodeId,
    to_server: PeerHandle,
    to_client: PeerHandle,
}

fn connect(network: &mut Network, client: NodeId, server: NodeId) -> Ends {
    let to_server = network.connect(client, server, 2, 0);
    let connected = network.run_until(secs(60), |network| {
        network.event_count(client) > 0 && network.event_count(server) > 0
    });
    assert!(connected, "the client gets in");
    let joined = network.take_events(server);
    let [Event::Connected { peer: to_client, .. }] = joined[..] else {
        panic!("{joined:?}");
    };
    let begun = network.take_events(client);
    assert!(matches!(begun[..], [Event::Connected { .. }]), "{begun:?}");
    Ends {
        client,
        server,
        to_server,
        to_client,
    }
}

/// Sends everything with numbers from `first` on, a millisecond apart; before each, `between` may meddle.
fn send(
    network: &mut Network,
    ends: &Ends,
    traffic: &Traffic,
    first: u32,
    mut between: impl FnMut(&mut Network, usize),
) {
    for (number, &(from_client, channel, mode, size)) in (first..).zip(traffic) {
        between(network, (number - first) as usize);
        let (node, peer) = if from_client {
            (ends.client, ends.to_server)
        } else {
            (ends.server, ends.to_client)
        };
        let packet: Packet = packet(mode, payload(number, size));
        network.with_host(node, |host| {
            let mut peer = host.peer_mut(peer).expect("the connection lasts");
            peer.send(channel, packet).expect("there is room");
        });
        network.run_for(ms(1));
    }
}

/// The packets that a node got; the connection must not have ended.
fn received(network: &mut Network, node: NodeId) -> Vec<Bytes> {
    let events = network.take_events(node).into_iter();
    events
        .map(|event| match event {
            Event::Received { packet, .. } => packet.data,
            other => panic!("{other:?}"),
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_late_from_an_earlier_connection_never_touches_the_next(
        seed: u64,
        // Not so much that a connection of its own could end by it, in ten thousand scenarios.
        loss in 0.0..0.05f64,
        first in traffic(),
        second in traffic(),
        by_server in any::<bool>(),
        // Which datagrams of the first connection arrive once more, and at which step of the second.
        late in prop::collection::vec((any::<prop::sample::Index>(), 0..30usize), 0..60),
    ) {
        let mut network = Network::new(seed);
        let server = network.add_host(config(|config| config.max_peers = 1));
        let client = network.add_host(HostConfig::default());
        let [ideal, lossy] = [0.0, loss].map(|loss| Conditions::default().delay(ms(3)).loss(loss));

        network.record();
        network.set_conditions(ideal.clone());
        let ends = connect(&mut network, client, server);
        network.set_conditions(lossy.clone());
        send(&mut network, &ends, &first, 0, |_, _| {});
        let (node, peer) = if by_server { (server, ends.to_client) } else { (client, ends.to_server) };
        network.with_host(node, |host| host.peer_mut(peer).map(|peer| peer.disconnect(0)));
        // They leave as soon as both know; what is late is still on its way then.
        let over = network.run_until(secs(100), |network| {
            [client, server].iter().all(|node| network.host(*node).peers().count() == 0)
        });
        prop_assert!(over);
        network.take_events(client);
        network.take_events(server);
        let old = network.trace().to_vec();

        network.set_conditions(ideal.clone());
        let ends = connect(&mut network, client, server);
        network.set_conditions(lossy);
        send(&mut network, &ends, &second, SECOND, |network, step| {
            for (which, when) in &late {
                if *when % second.len() == step {
                    let again = &old[which.index(old.len())];
                    let to = if again.to == network.address(server) { server } else { client };
                    network.inject(again.from, to, again.datagram.clone());
                }
            }
        });
        network.set_conditions(ideal);
        network.run_for(secs(30));

        for (node, from_client) in [(server, true), (client, false)] {
            let arrived = received(&mut network, node);
            for data in &arrived {
                prop_assert!(number_of(data) >= SECOND, "{} is of the first connection", number_of(data));
            }
            for (number, &(by_client, _, mode, size)) in (SECOND..).zip(&second) {
                let times = arrived.iter().filter(|data| number_of(data) == number).count();
                if by_client == from_client {
                    prop_assert!(times <= 1 && (times == 1 || mode != PacketMode::Reliable), "{number} came {times} times");
                    prop_assert!(arrived.iter().all(|data| number_of(data) != number || *data == payload(number, size)));
                } else {
                    prop_assert_eq!(times, 0);
                }
            }
            prop_assert_eq!(network.host(node).peers().count(), 1);
        }
    }
}
