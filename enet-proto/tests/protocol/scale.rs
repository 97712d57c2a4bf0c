//! Many clients on one host.

use enet_proto::{Event, HostConfig};
use enet_sim::wire::Connect;
use enet_sim::{Network, NodeId, Probe, Random, StockClient, StockState};

use crate::common::{address, config, ms, secs};

/// Has `count` stock clients join within `spread` ms, all of which call themselves peer 0.
fn join(network: &mut Network, server: NodeId, count: u32, spread: u64) -> Vec<NodeId> {
    let mut random = Random::new(77);
    let address = network.address(server);
    (0..count)
        .map(|number| {
            let connect = Connect {
                connect_id: random.next_u64() as u32,
                data: number,
                ..Connect::default()
            };
            if u64::from(number) % (u64::from(count) / spread + 1) == 0 {
                network.run_for(ms(1));
            }
            network.add_raw(StockClient::new(address, connect))
        })
        .collect()
}

fn count_in(network: &Network, clients: &[NodeId], state: StockState) -> usize {
    clients
        .iter()
        .filter(|client| network.raw::<StockClient>(**client).state() == state)
        .count()
}

#[test]
fn ten_thousand_stock_clients_join_one_host_talk_and_leave() {
    const COUNT: u32 = 10_000;
    let mut network = Network::new(1);
    let server = network.add_host(config(|config| config.max_peers = COUNT as usize));
    let clients = join(&mut network, server, COUNT, 5000);
    network.run_for(secs(2));
    assert_eq!(count_in(&network, &clients, StockState::Connected), COUNT as usize);
    assert_eq!(network.host(server).peers().count(), COUNT as usize);
    let mut joined: Vec<u32> = network
        .take_events(server)
        .into_iter()
        .map(|event| match event {
            Event::Connected { data, .. } => data,
            other => panic!("{other:?}"),
        })
        .collect();
    joined.sort_unstable();
    assert!(joined.into_iter().eq(0..COUNT), "each joined once");
    let ids: std::collections::HashSet<u16> = clients
        .iter()
        .map(|client| network.raw::<StockClient>(*client).peer_id())
        .collect();
    assert!(ids.len() < 4096, "wire ids repeat");

    // Each says something, and each is told something.
    for (number, &client) in clients.iter().enumerate() {
        network.with_raw(client, |client: &mut StockClient, now, outbox| {
            client.send_reliable(now, outbox, 0, (number as u32).to_be_bytes().to_vec());
        });
    }
    network.run_for(ms(200));
    let mut heard = Vec::new();
    for event in network.take_events(server) {
        let Event::Received { peer, packet, .. } = event else {
            panic!("{event:?}")
        };
        heard.push(crate::common::number_of(&packet.data));
        network
            .with_host(server, |host| host.peer_mut(peer).unwrap().send(1, packet))
            .unwrap();
    }
    heard.sort_unstable();
    assert!(heard.into_iter().eq(0..COUNT));
    network.run_for(ms(200));
    for (number, &client) in clients.iter().enumerate() {
        let received = network.raw::<StockClient>(client).received();
        assert_eq!(
            received,
            [(1, (number as u32).to_be_bytes().to_vec().into())],
            "its own words come back"
        );
    }

    for &client in &clients {
        network.with_raw(client, |client: &mut StockClient, now, outbox| {
            client.disconnect(now, outbox, 3);
        });
    }
    network.run_for(secs(1));
    assert_eq!(count_in(&network, &clients, StockState::Left), COUNT as usize);
    let events = network.take_events(server);
    assert_eq!(events.len(), COUNT as usize);
    assert!(
        events
            .iter()
            .all(|event| matches!(event, Event::Disconnected { reason, .. } if reason.data() == 3))
    );
    assert_eq!(network.host(server).peers().count(), 0);
    network.run_for(secs(60));
    assert_eq!(
        network.with_host(server, enet_proto::Host::poll_timeout),
        None,
        "nothing is left to wait for"
    );
}

#[test]
fn four_thousand_clients_join_at_once_over_a_lossy_network() {
    let mut network = Network::new(2);
    network.set_conditions(enet_sim::Conditions::default().delay(ms(20)).jitter(ms(10)).loss(0.05));
    let server = network.add_host(HostConfig::default());
    let clients = join(&mut network, server, 4095, 1);
    network.run_for(secs(10));
    assert_eq!(count_in(&network, &clients, StockState::Connected), 4095);
    network.run_for(secs(10));
    assert_eq!(
        count_in(&network, &clients, StockState::Connected),
        4095,
        "all are still there"
    );
    assert_eq!(network.host(server).peers().count(), 4095);
}

#[test]
fn idle_peers_cost_their_pings_and_no_more() {
    let mut network = Network::new(3);
    let server = network.add_host(HostConfig::default());
    let clients = join(&mut network, server, 1000, 1000);
    network.run_for(secs(5));
    let before = (network.wakes(server), network.host(server).statistics().datagrams_sent);
    network.run_for(secs(10));
    let wakes = network.wakes(server) - before.0;
    let sent = network.host(server).statistics().datagrams_sent - before.1;
    // Two acknowledgements a second to each of them, with which the own pings travel.
    assert!(sent <= 1000 * 21, "{sent} datagrams sent");
    assert!(wakes <= 1000 * 21, "woken {wakes} times");
    assert_eq!(count_in(&network, &clients, StockState::Connected), 1000);
}

#[test]
fn thousands_of_clients_behind_one_address_and_port_all_get_in() {
    const COUNT: u16 = 3500;
    let mut probe = Probe::new(config(|config| {
        config.max_peers = COUNT.into();
        config.duplicate_peers = COUNT.into();
    }));
    let address = address(1);
    for number in 0..COUNT {
        let connect = Connect {
            peer_id: number,
            connect_id: 0x9E37_79B9_u32.wrapping_mul(number.into()),
            ..Connect::default()
        };
        probe.join_slowly(address, connect, ms(0));
    }
    assert_eq!(probe.host.peers().count(), usize::from(COUNT));
    assert_eq!(probe.host.statistics().dropped.total(), 0);
}
