//! Connections asked for in the names of others, and by too many at once.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use enet_proto::{Event, HostConfig, Packet};
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram};
use enet_sim::{Conditions, Network, NodeId, Probe, Random, Sent, StockClient};

use crate::common::{address, config, ms, payload};

fn connect_datagram(connect_id: u32) -> Datagram {
    let connect = Connect {
        connect_id,
        ..Connect::default()
    };
    Datagram::connect(0, connect)
}

/// Asks for a connection; returns the datagram that would prove it.
fn ask(probe: &mut Probe, from: SocketAddr, connect_id: u32) -> Option<Datagram> {
    let sent = probe.receive(from, &connect_datagram(connect_id));
    let answer = &sent.first()?.datagram;
    let Body::Verify(verify) = answer.commands[0].body else {
        panic!("{answer:?}")
    };
    let proof = Command::acknowledgement(CONTROL, answer.commands[0].number, answer.sent_time.unwrap());
    Some(Datagram::to(verify.peer_id, verify.outgoing_session).with(proof))
}

/// A server whose table is full of forged attempts, and those who go on forging.
struct Flood {
    network: Network,
    server: NodeId,
    random: Random,
}

impl Flood {
    fn inject(&mut self, from: (u32, u16)) {
        let datagram = connect_datagram(self.random.next_u64() as u32);
        let from = SocketAddr::from((Ipv4Addr::from(from.0), from.1));
        self.network.inject(from, self.server, datagram.encode());
    }

    fn forge_from_anywhere(&mut self) {
        let from = 0x1000_0000 + self.random.below(1 << 26) as u32;
        self.inject((from, 5000));
    }

    /// 10 ms with 20 000 attempts a second from anywhere, and 300 a second from among the neighbours of `victim`.
    fn go_on(&mut self, victim: u32) {
        for _ in 0..10 {
            for _ in 0..20 {
                self.forge_from_anywhere();
            }
            self.network.run_for(ms(1));
        }
        for _ in 0..3 {
            let host = self.random.below(256) as u32;
            let port = 1024 + self.random.below(60_000) as u16;
            self.inject((victim & !0xFF | host, port));
        }
    }

    fn add_client(&mut self, at: u32) {
        let to = self.network.address(self.server);
        let connect = Connect {
            connect_id: self.random.next_u64() as u32,
            ..Connect::default()
        };
        let at = SocketAddr::from((Ipv4Addr::from(at), 7000));
        self.network.add_raw_at(at, StockClient::new(to, connect));
    }
}

#[test]
fn forged_attempts_from_a_client_s_neighbourhood_do_not_keep_it_out() {
    let mut network = Network::new(1);
    network.set_conditions(Conditions::default().delay(ms(50)));
    let server = network.add_host(HostConfig::default());
    let mut flood = Flood {
        network,
        server,
        random: Random::new(1),
    };
    let full = HostConfig::default().max_half_open;
    while flood.network.host(server).half_open() < full {
        flood.forge_from_anywhere();
    }
    let (lone, together, victims) = (0x4000_0000, 0x5000_0000, 0x6000_0000);
    for number in 0..100 {
        flood.add_client(lone + number * 256);
        flood.add_client(together + number);
        flood.add_client(victims + number);
        flood.go_on(victims);
    }
    for _ in 0..20 {
        flood.go_on(victims);
    }
    let count = |first: u32, size: u32| {
        let peers = flood.network.host(server).peers();
        let within = peers.filter(|(_, peer)| match peer.address() {
            SocketAddr::V4(address) => (first..first + size).contains(&u32::from(*address.ip())),
            SocketAddr::V6(_) => false,
        });
        within.count()
    };
    // Within 100 ms some 4 of 100 have to make room for others, and none of the three groups more than that.
    for (who, joined) in [
        ("lone", count(lone, 1 << 24)),
        ("neighbouring", count(together, 256)),
        ("attacked", count(victims, 256)),
    ] {
        assert!(joined >= 90, "{joined} of 100 {who} clients joined");
    }
}

#[test]
fn a_flood_from_one_prefix_makes_room_for_the_others() {
    let mut probe = Probe::new(config(|config| config.max_half_open = 1000));
    for number in 0..1000u32 {
        let from = SocketAddr::from((Ipv4Addr::from(0x1000_0000 + number % 256), 5000 + number as u16));
        assert!(ask(&mut probe, from, number).is_some());
    }
    let waiting: Vec<_> = (0..50).map(|number| (address(number * 256), number)).collect();
    let proofs: Vec<_> = waiting
        .iter()
        .map(|(from, number)| (*from, ask(&mut probe, *from, *number).unwrap()))
        .collect();
    for number in 0..20_000u32 {
        let from = SocketAddr::from((Ipv4Addr::from(0x1000_0000 + number % 256), 9000 + number as u16 % 5000));
        ask(&mut probe, from, 1 << 20 | number);
    }
    for (from, proof) in proofs {
        probe.receive(from, &proof);
    }
    assert_eq!(probe.host.peers().count(), 50);
}

#[test]
fn who_asks_in_the_name_of_a_client_does_not_use_up_its_ids() {
    let mut probe = Probe::new(HostConfig::default());
    for number in 1..20_000 {
        ask(&mut probe, address(1), number);
    }
    assert!(probe.host.half_open() <= 4095);
    let connect = Connect {
        connect_id: 0xFFFF_0000,
        ..Connect::default()
    };
    probe.join(address(1), connect);
}

#[test]
fn who_guesses_the_secret_gets_few_tries() {
    let mut probe = Probe::new(HostConfig::default());
    let right = ask(&mut probe, address(1), 1).unwrap();
    let Body::Acknowledge { number, sent_time } = right.commands[0].body else {
        panic!("{right:?}")
    };
    for guess in 1..=16u16 {
        let wrong = Command::acknowledgement(CONTROL, number.wrapping_add(guess), sent_time);
        let datagram = Datagram::to(right.peer_id, right.session).with(wrong);
        probe.receive(address(1), &datagram);
    }
    assert_eq!(probe.host.half_open(), 0);
    probe.receive(address(1), &right);
    assert_eq!(probe.host.peers().count(), 0);
}

#[test]
fn who_finds_no_room_uses_up_no_joins() {
    let mut probe = Probe::new(config(|config| {
        config.duplicate_peers = 1;
        config.max_joins_per_second = 2;
    }));
    let crowd = (1..=5).map(|port| SocketAddr::new(address(1).ip(), port));
    let mut proofs: Vec<_> = crowd.map(|from| (from, ask(&mut probe, from, 1).unwrap())).collect();
    proofs.push((address(2), ask(&mut probe, address(2), 1).unwrap()));
    for (from, proof) in proofs {
        probe.receive(from, &proof);
    }
    assert_eq!(probe.host.peers().count(), 2, "one of the crowd, and the other");
    assert_eq!(probe.host.statistics().limits.duplicate_peers, 4);
    assert_eq!(probe.host.statistics().limits.joins_per_second, 0);
}

#[test]
fn a_crowd_that_uses_up_the_joins_leaves_some_to_the_others() {
    let mut probe = Probe::new(config(|config| config.max_joins_per_second = 100));
    let mut lone = 0;
    for round in 0..300u32 {
        for host in 0..4 {
            let from = SocketAddr::from((Ipv4Addr::from(0x1000_0000 + host), 1000 + round as u16));
            if let Some(proof) = ask(&mut probe, from, round) {
                probe.receive(from, &proof);
            }
        }
        if round % 30 == 29 {
            let from = address(256 * round);
            let proof = ask(&mut probe, from, round).unwrap();
            probe.receive(from, &proof);
            lone += probe.host.peers().filter(|(_, peer)| peer.address() == from).count();
        }
        probe.advance(ms(10));
    }
    assert!(lone >= 9, "{lone} of 10 from elsewhere got in");
    assert!(probe.host.statistics().limits.joins_per_second > 500);
}

#[test]
fn a_64_of_ipv6_counts_as_one_address() {
    let mut probe = Probe::new(config(|config| config.duplicate_peers = 2));
    let at =
        |network: u16, host: u16| SocketAddr::from((Ipv6Addr::new(0x2001, 0xDB8, 0, network, 0, 0, 0, host), 5000));
    probe.join(at(1, 1), Connect::default());
    probe.join(at(1, 2), Connect::default());
    assert!(ask(&mut probe, at(1, 3), 1).is_none());
    probe.join(at(2, 1), Connect::default());
    // What a socket for both families shows of IPv4 is IPv4.
    let mapped = |host: u8| SocketAddr::from((Ipv4Addr::new(192, 0, 2, host).to_ipv6_mapped(), 5000));
    for host in 1..5 {
        probe.join(mapped(host), Connect::default());
    }
    assert!(
        probe
            .events()
            .iter()
            .all(|event| matches!(event, Event::Connected { .. }))
    );
}

#[test]
fn one_port_has_so_many_attempts_and_no_more() {
    let mut probe = Probe::new(HostConfig::default());
    for number in 1..20_000 {
        ask(&mut probe, address(1), number);
    }
    assert_eq!(probe.host.half_open(), 1024);
}

#[test]
fn strangers_are_answered_in_turn_with_the_peers_and_never_before_them() {
    let mut probe = Probe::new(HostConfig::default());
    let peers: Vec<_> = (0..10)
        .map(|number| probe.join(address(number), Connect::default()))
        .collect();
    probe.advance(ms(50));
    for number in 100..600 {
        let datagram = connect_datagram(number).encode();
        probe.host.handle_datagram(probe.now(), address(number), datagram);
    }
    for remote in &peers {
        for _ in 0..20 {
            let packet = Packet::reliable(payload(1, 1000));
            probe.host.peer_mut(remote.peer).unwrap().send(0, packet).unwrap();
        }
    }
    let sent = probe.act(|_| {});
    let is_peer = |sent: &Sent| peers.iter().any(|remote| remote.address == sent.to);
    assert!(
        sent.iter().filter(|sent| !is_peer(sent)).count() >= 500,
        "all are answered"
    );
    let mut served = 0;
    let mut strangers = 0;
    for sent in &sent {
        if is_peer(sent) {
            served += 1;
            strangers = 0;
        } else {
            strangers += 1;
            assert!(served >= 10 && served % 10 == 0, "each peer has had a turn, {served}");
            assert!(served == 200 || strangers <= 32, "they have one turn together");
        }
    }
    assert_eq!(served, 200);
}
