//! What all peers together can make a host hold, and how often they may join.

use std::collections::BTreeMap;

use enet_proto::{DisconnectReason, Event, HostConfig, Packet, SendError};
use enet_sim::wire::{Body, Command, Connect, Fragment};
use enet_sim::{Network, Probe, Remote, StockClient, StockState};

use crate::common::{acknowledged, address, config, ms, payload, secs};

fn two_joined(settings: HostConfig) -> (Probe, Remote, Remote) {
    let mut probe = Probe::new(settings);
    let one = probe.join(address(1), Connect::default());
    let other = probe.join(address(2), Connect::default());
    (probe, one, other)
}

/// Hands in an early packet of 1000 bytes; true if it was taken.
fn early(probe: &mut Probe, remote: &Remote, number: u16) -> bool {
    let datagram = remote.with(probe, Command::reliable(0, number, Body::Reliable(payload(1, 1000))));
    let answers = probe.receive(remote.address, &datagram);
    acknowledged(&answers).contains(&(0, number))
}

#[test]
fn when_all_hold_too_much_the_heaviest_is_refused_and_the_others_are_not() {
    let (mut probe, greedy, modest) = two_joined(config(|config| config.max_held_data = 100_000));
    let taken = (2..1000).filter(|number| early(&mut probe, &greedy, *number)).count();
    assert!(
        (80..100).contains(&taken),
        "{taken} packets of the greedy one were taken"
    );
    let taken = (2..30).filter(|number| early(&mut probe, &modest, *number)).count();
    assert_eq!(taken, 28, "the other still has its share");
    assert!(probe.host.statistics().limits.held_data > 800);

    // What the others wait for is taken all the same, and then there is room again.
    assert!(early(&mut probe, &greedy, 1));
    probe.events();
    assert!(early(&mut probe, &greedy, 500));
}

#[test]
fn the_total_counts_what_is_queued_as_well() {
    let (mut probe, greedy, modest) = two_joined(config(|config| config.max_held_data = 100_000));
    let mut send = |remote: &Remote| {
        let mut peer = probe.host.peer_mut(remote.peer).unwrap();
        peer.send(0, Packet::reliable(payload(1, 1000)))
    };
    let taken = (0..1000).filter(|_| send(&greedy).is_ok()).count();
    assert!(
        (80..100).contains(&taken),
        "{taken} packets to the greedy one were taken"
    );
    assert!(matches!(
        send(&greedy),
        Err(SendError::QueueFull { maximum: 50_000, .. })
    ));
    assert_eq!((0..30).filter(|_| send(&modest).is_ok()).count(), 30);
}

#[test]
fn packets_in_the_making_are_limited_but_the_next_one_in_order_may_always_begin() {
    let mut probe = Probe::new(config(|config| config.max_incomplete_packets = 10));
    let remote = probe.join(address(1), Connect::default());
    let mut begin = |start: u16| {
        let fragment = Fragment {
            start,
            count: 3,
            number: 0,
            total: 300,
            offset: 0,
            data: payload(1, 100),
        };
        let datagram = remote.with(&probe, Command::reliable(0, start, Body::Fragment(fragment)));
        let answers = probe.receive(remote.address, &datagram);
        acknowledged(&answers).contains(&(0, start))
    };
    assert_eq!(
        (1..100)
            .map(|packet| 1 + packet * 3)
            .filter(|start| begin(*start))
            .count(),
        10
    );
    assert!(begin(1), "all others wait for it");
    assert_eq!(probe.host.statistics().limits.incomplete_packets, 89);
}

#[test]
fn those_who_join_beyond_the_rate_join_later() {
    let mut network = Network::new(1);
    network.set_conditions(enet_sim::Conditions::default().delay(ms(5)));
    let server = network.add_host(config(|config| config.max_joins_per_second = 20));
    let to = network.address(server);
    let clients: Vec<_> = (0..60)
        .map(|number| {
            let connect = Connect {
                connect_id: number,
                ..Connect::default()
            };
            network.add_raw(StockClient::new(to, connect))
        })
        .collect();
    network.run_for(ms(400));
    assert!((20..=28).contains(&network.host(server).peers().count()));
    network.run_for(secs(7));
    assert_eq!(network.host(server).peers().count(), 60);
    assert!(network.host(server).statistics().limits.joins_per_second > 0);
    network.run_for(secs(30));
    let there = |client| network.raw::<StockClient>(client).state() == StockState::Connected;
    assert!(clients.into_iter().all(there));
}

/// A peer that acknowledges what it gets at a rate, while its queue is kept full. How it ended within two minutes.
fn fed_at(bytes_per_second: usize) -> Option<DisconnectReason> {
    let (mut probe, slow, _) = two_joined(config(|config| config.max_queued_data = 16 << 20));
    let chunk = bytes_per_second / 20;
    let mut unconfirmed: BTreeMap<(u8, u16), (u16, usize)> = BTreeMap::new();
    let mut kept = 0;
    for _ in 0..20 * 120 {
        while let Some(mut peer) = probe.host.peer_mut(slow.peer) {
            if peer.send(0, Packet::reliable(payload(1, 1000))).is_err() {
                break;
            }
        }
        for sent in probe.advance(ms(50)).iter().filter(|sent| sent.to == slow.address) {
            let time = sent.datagram.sent_time.unwrap_or_default();
            for command in sent.datagram.commands.iter().filter(|command| command.acknowledge) {
                let size = command.payload().map_or(8, bytes::Bytes::len);
                unconfirmed.insert((command.channel, command.number), (time, size));
            }
        }
        kept += chunk;
        let mut acknowledgements = Vec::new();
        while let Some(entry) = unconfirmed.first_entry()
            && entry.get().1 <= kept
        {
            let (&(channel, number), &(time, size)) = (entry.key(), entry.get());
            kept -= size;
            acknowledgements.push(Command::acknowledgement(channel, number, time));
            entry.remove();
        }
        probe.give(&slow, &acknowledgements);
        for event in probe.events() {
            if let Event::Disconnected { peer, reason } = event
                && peer == slow.peer
            {
                assert_eq!(probe.host.statistics().limits.slow_peers, 1);
                return Some(reason);
            }
        }
    }
    None
}

#[test]
fn who_takes_hardly_anything_of_a_full_queue_is_dropped_and_who_takes_more_is_not() {
    // A sixteenth of 16 MiB in a minute is 17 476 bytes per second.
    assert_eq!(fed_at(8_000), Some(DisconnectReason::TimedOut));
    assert_eq!(fed_at(100_000), None);
}
