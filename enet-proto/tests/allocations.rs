//! What two hosts allocate while messages go from one to the other, once they have got going.
#![allow(clippy::unwrap_used, reason = "what does not unwrap fails the test")]

mod counting;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use counting::allocations;
use enet_proto::{Event, Host, HostConfig, Packet, PeerHandle, Time};

/// As a game's frames. A datagram arrives in the next one.
const STEP: Duration = Duration::from_millis(16);
/// Time enough for queues to get as long as they will, for the round trip time to be known and for the throttle to be full.
const WARM_UP: usize = 500;
/// Half a minute: with pings, time-outs that are set and not needed, and rounds of the throttle.
const COUNTED: usize = 2000;
/// Messages in a step.
const BURST: usize = 20;
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2);
const SMALL: &[u8] = &[7; 64];
const LARGE: &[u8] = &[7; 16 * 1024];

#[test]
fn small_reliable_messages_allocate_nothing() {
    assert_eq!(stream(&Packet::reliable(SMALL), BURST), 0);
}

#[test]
fn small_unreliable_messages_allocate_nothing() {
    assert_eq!(stream(&Packet::unreliable(SMALL), BURST), 0);
}

#[test]
fn unsequenced_messages_allocate_nothing() {
    assert_eq!(stream(&Packet::unsequenced(SMALL), BURST), 0);
}

#[test]
fn a_dialogue_allocates_nothing() {
    let mut pair = Pair::connected();
    let packet = Packet::reliable(SMALL);
    pair.client.send(&packet);
    let mut answers = 0;
    let mut answer = |pair: &mut Pair| {
        for end in [&mut pair.client, &mut pair.server] {
            if std::mem::take(&mut end.received) > 0 {
                end.send(&packet);
                answers += 1;
            }
        }
    };
    pair.steps(WARM_UP, &mut answer);
    pair.start_counting();
    pair.steps(COUNTED, &mut answer);
    assert_eq!(answers, WARM_UP + COUNTED - 1, "one in each step");
    assert_eq!(pair.counted(), 0);
}

#[test]
fn a_packet_in_fragments_allocates_its_buffer_as_it_grows_and_a_place_for_it() {
    // 4, 8 and 16 KiB: no more is taken than twice what has come.
    let most = 4 * COUNTED;
    let allocations = stream(&Packet::reliable(LARGE), 1);
    assert!(allocations <= most, "{allocations} for {COUNTED} packets");
}

/// What it allocates to send so many of a packet in each step, after the warm-up.
fn stream(packet: &Packet, burst: usize) -> usize {
    let mut pair = Pair::connected();
    let mut send = |pair: &mut Pair| (0..burst).for_each(|_| pair.client.send(packet));
    pair.steps(WARM_UP, &mut send);
    pair.start_counting();
    let before = pair.server.received;
    pair.steps(COUNTED, &mut send);
    assert_eq!(pair.server.received - before, COUNTED * burst, "all arrive");
    pair.counted()
}

/// A host, and what it allocates itself.
struct End {
    host: Host,
    peer: PeerHandle,
    buffer: Vec<u8>,
    arriving: VecDeque<Bytes>,
    received: usize,
    allocations: usize,
}

/// Two ends and a network that loses nothing.
struct Pair {
    client: End,
    server: End,
    now: Time,
}

impl End {
    fn new(seed: u8) -> End {
        End {
            host: Host::new(HostConfig::default(), [seed; 32], Time::ZERO),
            peer: PeerHandle::default(),
            buffer: Vec::with_capacity(1 << 16),
            arriving: VecDeque::new(),
            received: 0,
            allocations: 0,
        }
    }

    /// Counts what the host allocates in a call.
    fn call<T>(&mut self, call: impl FnOnce(&mut Host) -> T) -> T {
        let before = allocations();
        let result = call(&mut self.host);
        self.allocations += allocations() - before;
        result
    }

    fn send(&mut self, packet: &Packet) {
        let (peer, packet) = (self.peer, packet.clone());
        self.call(|host| host.peer_mut(peer).unwrap().send(0, packet)).unwrap();
    }

    fn step(&mut self, now: Time, other: SocketAddr) {
        for datagram in std::mem::take(&mut self.arriving) {
            self.call(|host| host.handle_datagram(now, other, datagram));
        }
        if self.call(Host::poll_timeout).is_some_and(|due| due <= now) {
            self.call(|host| host.handle_timeout(now));
        }
        while let Some(event) = self.call(Host::poll_event) {
            match event {
                Event::Connected { peer, .. } => self.peer = peer,
                Event::Received { .. } => self.received += 1,
                Event::Disconnected { reason, .. } => panic!("{reason}"),
            }
        }
    }

    /// Puts on its way what there is to send.
    fn transmit(&mut self, now: Time, to: &mut VecDeque<Bytes>) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(transmit) = self.call(|host| host.poll_transmit(now, 64, &mut buffer)) {
            // A buffer with a count of its owners, as a driver's that several datagrams share; to make it is the driver's affair.
            let batch = Bytes::copy_from_slice(&buffer);
            to.extend(
                (0..buffer.len())
                    .step_by(transmit.segment_size)
                    .map(|start| batch.slice(start..buffer.len().min(start + transmit.segment_size))),
            );
        }
        self.buffer = buffer;
    }
}

impl Pair {
    fn connected() -> Pair {
        let mut client = End::new(1);
        client.peer = client.host.connect(SERVER, 2, 0).unwrap();
        let mut pair = Pair {
            client,
            server: End::new(2),
            now: Time::ZERO,
        };
        pair.steps(10, &mut |_| {});
        pair
    }

    fn steps(&mut self, count: usize, each: &mut impl FnMut(&mut Pair)) {
        for _ in 0..count {
            each(self);
            self.client.transmit(self.now, &mut self.server.arriving);
            self.server.transmit(self.now, &mut self.client.arriving);
            self.now += STEP;
            self.client.step(self.now, SERVER);
            self.server.step(self.now, CLIENT);
        }
    }

    fn start_counting(&mut self) {
        self.client.allocations = 0;
        self.server.allocations = 0;
    }

    fn counted(&self) -> usize {
        self.client.allocations + self.server.allocations
    }
}
