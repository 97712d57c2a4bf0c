//! What all peers together can make a host hold, and how often they may join.

use std::collections::BTreeMap;

use enet_proto::{DisconnectReason, Event, HostConfig, Packet, SendError};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram, Fragment};
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

/// Twenty peers of a host that may hold a megabyte.
fn twenty_joined() -> (Probe, Vec<Remote>) {
    let mut probe = Probe::new(config(|config| config.max_held_data = 1_000_000));
    let remotes = (1..=20).map(|number| probe.join(address(number), Connect::default()));
    let remotes = remotes.collect::<Vec<_>>();
    (probe, remotes)
}

#[test]
fn what_is_sent_to_all_counts_once_until_the_last_has_it() {
    let (mut probe, remotes) = twenty_joined();
    for _ in 0..8 {
        assert_eq!(probe.host.broadcast(0, &Packet::reliable(payload(1, 100_000))), 20);
    }
    let held = probe.host.ledger().held();
    assert!((800_000..810_000).contains(&held), "{held}");
    for remote in &remotes[1..] {
        probe.host.peer_mut(remote.peer).unwrap().reset();
    }
    assert_eq!(probe.host.ledger().held(), held, "one of them still waits for it");
    let queued = probe.host.peer(remotes[0].peer).unwrap().queued_data();
    assert!(queued >= 800_000, "each one's own queue counts it all");
    probe.host.peer_mut(remotes[0].peer).unwrap().reset();
    assert_eq!(probe.host.ledger().held(), 0);
}

#[test]
fn what_others_hold_as_well_is_nobody_s_share_when_all_hold_too_much() {
    let (mut probe, remotes) = twenty_joined();
    assert_eq!(probe.host.broadcast(0, &Packet::reliable(payload(1, 100_000))), 20);
    // One peer alone fills the host.
    let taken = (2..2000)
        .take_while(|number| early(&mut probe, &remotes[0], *number))
        .count();
    assert!(taken < 1000, "{taken}");
    assert!(probe.host.statistics().limits.held_data > 0);
    // Everyone else has twice its share queued, and yet does not pay for it.
    for remote in &remotes[1..] {
        let mut peer = probe.host.peer_mut(remote.peer).unwrap();
        assert_eq!(peer.send(0, Packet::reliable(payload(1, 100))), Ok(()));
    }
}

#[test]
fn held_packets_become_events_bit_by_bit_and_in_order() {
    let (mut probe, remote, _) = two_joined(config(|_| {}));
    probe.events();
    let send = |probe: &mut Probe, number: u16| {
        let body = Body::Reliable(payload(u32::from(number), 1000));
        let datagram = remote.with(probe, Command::reliable(0, number, body));
        probe.receive(remote.address, &datagram);
    };
    let received = |probe: &mut Probe| -> Vec<u32> {
        let events = probe.events().into_iter();
        let packets = events.filter_map(|event| match event {
            Event::Received { packet, .. } => Some(packet.data),
            _ => None,
        });
        packets
            .map(|data| (1..10).find(|&number| data == payload(number, 1000)).unwrap())
            .collect()
    };
    send(&mut probe, 1);
    probe.host.peer_mut(remote.peer).unwrap().set_receiving(false);
    (2..=5).for_each(|number| send(&mut probe, number));
    assert!(probe.host.peer_mut(remote.peer).unwrap().release_held(2000));
    assert_eq!(received(&mut probe), [1, 2, 3]);
    send(&mut probe, 6);
    assert_eq!(received(&mut probe), [], "those before it come first");
    assert!(!probe.host.peer_mut(remote.peer).unwrap().release_held(usize::MAX));
    send(&mut probe, 7);
    assert_eq!(received(&mut probe), [4, 5, 6, 7]);
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

/// Hands in packets of 1000 bytes in order, from number `first` on, until one is refused; how many were taken.
fn fill(probe: &mut Probe, remote: &Remote, first: u16, most: u16) -> u16 {
    for number in first..first + most {
        if !early(probe, remote, number) {
            return number - first;
        }
    }
    most
}

#[test]
fn packets_in_order_that_nobody_polls_are_limited_as_well() {
    for settings in [
        config(|config| config.max_waiting_data = 1 << 20),
        config(|config| config.max_held_data = 1 << 20),
    ] {
        let mut probe = Probe::new(settings);
        let remote = probe.join(address(1), Connect::default());
        let mut first = 1;
        for _ in 0..3 {
            let taken = fill(&mut probe, &remote, first, 20_000);
            assert!((900..=1050).contains(&taken), "{taken} packets were taken");
            first += taken;
            assert_eq!(probe.received().len(), usize::from(taken), "then there is room again");
        }
    }
}

#[test]
fn a_large_packet_does_not_grow_while_those_before_it_are_not_polled() {
    let mut probe = Probe::new(config(|config| config.max_waiting_data = 100_000));
    let remote = probe.join(address(1), Connect::default());
    let before = fill(&mut probe, &remote, 1, 80);
    assert_eq!(before, 80);
    let fragment = |number: u32| Fragment {
        start: before + 1,
        count: 400,
        number,
        total: 400_000,
        offset: number * 1000,
        data: payload(number, 1000),
    };
    let mut taken = 0;
    let give = |probe: &mut Probe, number: u32| {
        let command = Command::reliable(0, before + 1 + number as u16, Body::Fragment(fragment(number)));
        let datagram = remote.with(probe, command);
        !acknowledged(&probe.receive(remote.address, &datagram)).is_empty()
    };
    while taken < 400 && give(&mut probe, taken) {
        taken += 1;
    }
    assert!(taken < 20, "{taken} fragments were taken");
    assert_eq!(probe.received().len(), 80);
    for number in taken..400 {
        assert!(give(&mut probe, number), "now nothing is before it");
    }
    assert_eq!(probe.received()[0].len(), 400_000);
}

#[test]
fn what_the_departed_have_sent_counts_until_it_is_polled() {
    let mut probe = Probe::new(config(|config| {
        config.max_waiting_data = 1 << 20;
        config.max_held_data = 1 << 20;
    }));
    let mut rounds = 0;
    let mut connect = Connect::default();
    loop {
        // As Probe::join, which polls the events.
        connect.connect_id += 1;
        let Some(remote) = join_unpolled(&mut probe, connect) else {
            break;
        };
        fill(&mut probe, &remote, 1, 400);
        let peer = remote.peer;
        probe.act(|host| host.peer_mut(peer).unwrap().disconnect_now(0));
        rounds += 1;
        assert!(rounds < 100, "nobody stops it");
    }
    assert!(probe.host.statistics().limits.held_data > 0);
    let held: usize = probe.events().iter().map(size_of_event).sum();
    assert!(
        (900_000..1_100_000).contains(&held),
        "{held} bytes were held in {rounds} rounds"
    );
    connect.connect_id += 1;
    assert!(join_unpolled(&mut probe, connect).is_some(), "then there is room again");
}

fn size_of_event(event: &Event) -> usize {
    match event {
        Event::Received { packet, .. } => packet.data.len(),
        _ => 0,
    }
}

/// Joins without looking at the events; `None` if the host does not let it in.
fn join_unpolled(probe: &mut Probe, connect: Connect) -> Option<Remote> {
    let ask = Datagram::connect(0, connect);
    let answer = probe.receive(address(1), &ask).remove(0).datagram;
    let Body::Verify(verify) = answer.commands[0].body else {
        panic!("{answer:?}")
    };
    let proof = Command::acknowledgement(CONTROL, answer.commands[0].number, answer.sent_time?);
    probe.receive(
        address(1),
        &Datagram::to(verify.peer_id, verify.outgoing_session).with(proof),
    );
    let (peer, _) = probe.host.peers().next()?;
    Some(Remote {
        address: address(1),
        own_id: connect.peer_id,
        peer_id: verify.peer_id,
        session: verify.outgoing_session,
        incoming_session: verify.incoming_session,
        control: 2,
        connect_id: connect.connect_id,
        peer,
    })
}

#[test]
fn acknowledgements_that_are_not_sent_are_limited() {
    let (mut probe, remote, _) = two_joined(HostConfig::default());
    let mut datagram = remote.datagram().sent_at(probe.wire_time());
    datagram.commands = (0..1000).map(|number| Command::control(number, Body::Ping)).collect();
    let bytes = datagram.encode();
    assert!(bytes.len() <= 4096);
    let now = probe.now();
    for _ in 0..100 {
        probe.host.handle_datagram(now, remote.address, bytes.clone());
    }
    let sent = probe.act(|_| {});
    assert_eq!(acknowledged(&sent).len(), 65_536);
}

#[test]
fn what_came_too_early_keeps_nothing_out_that_it_waits_for() {
    let mut probe = Probe::new(config(|config| config.max_waiting_data = 50_000));
    let remote = probe.join(address(1), Connect::default());
    let kept = (100..1000).filter(|number| early(&mut probe, &remote, *number)).count();
    assert!((40..50).contains(&kept), "{kept} early packets were kept");
    // Nobody polls meanwhile.
    let taken = fill(&mut probe, &remote, 1, 99);
    assert!((40..50).contains(&taken), "{taken} packets in order were taken");
    assert_eq!(probe.received().len(), usize::from(taken));
    assert_eq!(fill(&mut probe, &remote, 1 + taken, 30), 30);
}

#[test]
fn packets_in_the_making_of_all_peers_together_hold_no_more_than_twice_the_total() {
    let mut probe = Probe::new(config(|config| config.max_held_data = 1 << 20));
    let remotes: Vec<_> = (0..4).map(|at| probe.join(address(at), Connect::default())).collect();
    for number in 0..2000u32 {
        for remote in &remotes {
            let fragment = Fragment {
                start: 1,
                count: 30_000,
                number,
                total: 30_000_000,
                offset: number * 1000,
                data: payload(number, 1000),
            };
            let command = Command::reliable(0, 1 + number as u16, Body::Fragment(fragment));
            let datagram = remote.with(&probe, command);
            probe.receive(remote.address, &datagram);
        }
    }
    let held: usize = probe.host.peers().map(|(_, peer)| peer.waiting_data()).sum();
    assert!((1 << 20..(2 << 20) + 4 * 4096).contains(&held), "{held} bytes are held");
    assert!(probe.host.statistics().limits.held_data > 1000);
}
