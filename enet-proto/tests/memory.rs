//! What a host holds, measured at the allocator. A test binary of its own, so that nothing else allocates meanwhile.
//!
//! The one `unsafe` block is the counting allocator, which hands everything on to the system's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{Host, HostConfig, Packet, Time};
use enet_sim::wire::{Body, Command, Connect, Datagram, NO_PEER};
use enet_sim::{Network, NodeId, Random, StockClient, StockState};

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> isize {
    LIVE.load(Ordering::Relaxed)
}

/// The bytes that `host` holds, found out by dropping it.
fn weigh(host: Host) -> isize {
    let before = live();
    drop(host);
    before - live()
}

fn crowd(count: u32) -> (Network, NodeId, Vec<NodeId>) {
    let mut network = Network::new(1);
    let mut config = HostConfig::default();
    config.max_peers = 20_000;
    let server = network.add_host(config);
    let address = network.address(server);
    let mut random = Random::new(1);
    let clients = (0..count)
        .map(|number| {
            if number % 5 == 0 {
                network.run_for(Duration::from_millis(1));
            }
            let connect_id = random.next_u64() as u32;
            network.add_raw(StockClient::new(
                address,
                Connect {
                    connect_id,
                    ..Connect::default()
                },
            ))
        })
        .collect();
    network.run_for(Duration::from_secs(2));
    (network, server, clients)
}

/// Everyone says something on both channels and is answered, small and large.
fn talk(network: &mut Network, server: NodeId, clients: &[NodeId]) {
    for &client in clients {
        network.with_raw(client, |client: &mut StockClient, now, outbox| {
            for channel in 0..2 {
                client.send_reliable(now, outbox, channel, vec![1; 100]);
                client.send_unreliable(now, outbox, channel, vec![1; 100]);
            }
        });
    }
    network.with_host(server, |host| {
        host.broadcast(0, &Packet::reliable(vec![2; 300]));
        host.broadcast(1, &Packet::unsequenced(vec![2; 300]));
    });
    network.run_for(Duration::from_secs(2));
    network.take_events(server);
}

fn leave(network: &mut Network, server: NodeId, clients: &[NodeId]) {
    for &client in clients {
        network.with_raw(client, |client: &mut StockClient, now, outbox| {
            client.disconnect(now, outbox, 0);
        });
    }
    network.run_for(Duration::from_secs(2));
    assert!(
        clients
            .iter()
            .all(|client| network.raw::<StockClient>(*client).state() == StockState::Left)
    );
    network.take_events(server);
    network.run_for(Duration::from_secs(60));
}

fn ten_thousand_come_and_go() {
    let (mut network, server, clients) = crowd(10_000);
    assert_eq!(network.host(server).peers().count(), 10_000);
    talk(&mut network, server, &clients);
    leave(&mut network, server, &clients);
    assert_eq!(network.host(server).peers().count(), 0);
    let seed = [1; 32];
    let fresh = weigh(Host::new(HostConfig::default(), seed, network.now()));
    let after = weigh(network.take_host(server));
    println!("a fresh host holds {fresh} bytes, one that 10 000 have left holds {after}");
    assert!(
        after <= fresh + (1 << 20),
        "{after} bytes are held by a host without peers, {fresh} by a fresh one"
    );
}

fn an_idle_peer_is_small() {
    let (mut network, server, clients) = crowd(4000);
    talk(&mut network, server, &clients);
    network.run_for(Duration::from_secs(5));
    assert_eq!(network.host(server).peers().count(), 4000);
    let each = weigh(network.take_host(server)) / 4000;
    println!("an idle peer that has used two channels holds {each} bytes");
    assert!(each <= 4096, "{each} bytes for an idle peer with two channels in use");
}

/// Attempts from ever new addresses, each of which sends something after its answer, but never the proof.
fn unproven_connections_have_a_fixed_place() {
    let now = Time::from_millis(1);
    let mut host = Host::new(HostConfig::default(), [1; 32], now);
    let mut buffer = Vec::new();
    for number in 0..60_000u32 {
        let from = SocketAddr::from((Ipv4Addr::from(0x0A00_0000 + number * 256), 4000));
        let connect = Command::control(1, Body::Connect(Connect::default()));
        let datagram = Datagram::to(NO_PEER, 0).sent_at(0).with(connect);
        host.handle_datagram(now, from, datagram.encode());
        let answered = host.poll_transmit(now, 1, &mut buffer).expect("an answer");
        assert_eq!(answered.destination, from);
        let answer = Datagram::parse(&Bytes::copy_from_slice(&buffer)).expect("a datagram");
        let Body::Verify(verify) = answer.commands[0].body else {
            panic!("no VERIFY")
        };
        let early = Datagram::to(verify.peer_id, verify.outgoing_session)
            .sent_at(0)
            .with(Command::reliable(0, 1, Body::Reliable(vec![1; 40].into())));
        host.handle_datagram(now, from, early.encode());
        while host.poll_transmit(now, 1, &mut buffer).is_some() {}
    }
    let table = host.half_open();
    assert_eq!(table, host.config().max_half_open, "it is full");
    let held = weigh(host);
    println!("{table} unproven connections hold {held} bytes");
    assert!(held <= 8 << 20, "{held} bytes for {table} unproven connections");
}

/// Packets of a byte, each in a datagram that is padded to the largest size, for a program that does not take them.
fn small_packets_do_not_keep_large_datagrams() {
    for receiving in [true, false] {
        let now = Time::from_millis(1);
        let mut host = Host::new(HostConfig::default(), [1; 32], now);
        let mut buffer = Vec::new();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
        let connect = Command::control(1, Body::Connect(Connect::default()));
        host.handle_datagram(now, from, Datagram::to(NO_PEER, 0).sent_at(0).with(connect).encode());
        host.poll_transmit(now, 1, &mut buffer).expect("an answer");
        let answer = Datagram::parse(&Bytes::copy_from_slice(&buffer)).expect("a datagram");
        let Body::Verify(verify) = answer.commands[0].body else {
            panic!("no VERIFY")
        };
        let datagram = || Datagram::to(verify.peer_id, verify.outgoing_session);
        let proof = Body::Acknowledge {
            number: answer.commands[0].number,
            sent_time: answer.sent_time.expect("a time"),
        };
        host.handle_datagram(now, from, datagram().with(Command::control(0, proof)).encode());
        let (peer, _) = host.peers().next().expect("a peer");
        host.peer_mut(peer).expect("a peer").set_receiving(receiving);
        for number in 1..=20_000u16 {
            let command = Command::reliable(0, number, Body::Reliable(vec![1].into()));
            let mut padded = datagram().sent_at(0).with(command).encode().to_vec();
            padded.resize(4096, 0);
            host.handle_datagram(now, from, padded.into());
            while host.poll_transmit(now, 1, &mut buffer).is_some() {}
        }
        let said = host.peer(peer).expect("a peer").waiting_data() as isize;
        let held = weigh(host);
        println!("20 000 packets of a byte are counted for {said} bytes and hold {held}");
        assert!(held < 2 * said, "{held} bytes for what is counted as {said}");
    }
}

#[test]
fn memory_follows_the_peers() {
    // One after the other: the allocator counts for all threads.
    an_idle_peer_is_small();
    ten_thousand_come_and_go();
    unproven_connections_have_a_fixed_place();
    small_packets_do_not_keep_large_datagrams();
}
