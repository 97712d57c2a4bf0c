//! What hosts do, without sockets.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{Event, Host, HostConfig, Packet, PeerHandle, Time};

use super::{Micro, Run};

const MESSAGES: u32 = 900;
const MESSAGE: &[u8] = &[7; 64];
const PEERS: u32 = 1000;
const LARGE: usize = 256 * 1024;
const DATAGRAMS: usize = 64;

pub(super) const SEND: Micro = Micro {
    name: "queue a message",
    operations: MESSAGES,
    prepare: || {
        let mut pair = Pair::connected();
        let messages = messages();
        Box::new(move || {
            pair.queue(messages);
            black_box(&pair);
        }) as Run
    },
};

pub(super) const TRANSMIT: Micro = Micro {
    name: "send a queued message",
    operations: MESSAGES,
    prepare: || {
        let mut pair = Pair::connected();
        pair.queue(messages());
        let mut buffer = Vec::with_capacity(1 << 16);
        Box::new(move || {
            while pair.client.poll_transmit(pair.now, DATAGRAMS, &mut buffer).is_some() {
                black_box(&buffer);
            }
        }) as Run
    },
};

pub(super) const RECEIVE: Micro = Micro {
    name: "receive and acknowledge a message",
    operations: MESSAGES,
    prepare: || {
        let mut pair = Pair::connected();
        pair.queue(messages());
        let datagrams = collect(&mut pair.client, pair.now);
        Box::new(move || {
            for datagram in datagrams {
                pair.server.handle_datagram(pair.now, CLIENT, datagram);
                while let Some(event) = pair.server.poll_event() {
                    black_box(event);
                }
            }
            black_box(collect(&mut pair.server, pair.now));
        }) as Run
    },
};

pub(super) const ACKNOWLEDGE: Micro = Micro {
    name: "take an acknowledgement",
    operations: MESSAGES,
    prepare: || acknowledge(MESSAGES),
};

/// What it costs is not to depend on how many messages are on their way.
pub(super) const ACKNOWLEDGE_FEW: Micro = Micro {
    name: "take an acknowledgement, a tenth as many on their way",
    operations: MESSAGES / 10,
    prepare: || acknowledge(MESSAGES / 10),
};

pub(super) const REASSEMBLE: Micro = Micro {
    name: "put a KiB of fragments together",
    operations: (LARGE / 1024) as u32,
    prepare: || {
        let mut pair = Pair::with(|config| config.max_window = 1 << 20);
        pair.queue([Packet::reliable(vec![7; LARGE])]);
        let datagrams = collect(&mut pair.client, pair.now);
        Box::new(move || {
            for datagram in datagrams {
                pair.server.handle_datagram(pair.now, CLIENT, datagram);
            }
            assert!(matches!(pair.server.poll_event(), Some(Event::Received { .. })));
        }) as Run
    },
};

pub(super) const BROADCAST: Micro = Micro {
    name: "broadcast, for each peer",
    operations: PEERS,
    prepare: || {
        let mut pair = Pair::with_peers(PEERS as usize);
        let mut buffer = Vec::with_capacity(1 << 16);
        Box::new(move || {
            assert_eq!(pair.server.broadcast(0, &Packet::reliable(MESSAGE)), PEERS as usize);
            while pair.server.poll_transmit(pair.now, DATAGRAMS, &mut buffer).is_some() {
                black_box(&buffer);
            }
        }) as Run
    },
};

pub(super) const IDLE: Micro = Micro {
    name: "a second of idling, for each peer",
    operations: PEERS,
    prepare: || idle(PEERS),
};

/// What it costs is hardly to depend on how many peers there are.
pub(super) const IDLE_FEW: Micro = Micro {
    name: "a second of idling, for each peer of a tenth as many",
    operations: PEERS / 10,
    prepare: || idle(PEERS / 10),
};

fn acknowledge(count: u32) -> Run {
    let mut pair = Pair::connected();
    pair.queue(messages().into_iter().take(count as usize));
    for datagram in collect(&mut pair.client, pair.now) {
        pair.server.handle_datagram(pair.now, CLIENT, datagram);
    }
    let answers = collect(&mut pair.server, pair.now);
    Box::new(move || {
        for datagram in answers {
            pair.client.handle_datagram(pair.now, SERVER, datagram);
        }
        let peer = pair.client.peer(pair.peer).expect("a connected peer");
        assert_eq!(peer.queued_data(), 0, "all is acknowledged");
    })
}

fn idle(peers: u32) -> Run {
    let mut pair = Pair::with_peers(peers as usize);
    pair.pass(Duration::from_secs(3));
    Box::new(move || pair.pass(Duration::from_secs(1)))
}

const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2);

/// Small enough for a window.
fn messages() -> Vec<Packet> {
    (0..MESSAGES)
        .map(|_| Packet::reliable(Bytes::copy_from_slice(MESSAGE)))
        .collect()
}

/// Everything a host sends at `now`.
fn collect(host: &mut Host, now: Time) -> Vec<Bytes> {
    let mut buffer = Vec::new();
    std::iter::from_fn(|| {
        host.poll_transmit(now, 1, &mut buffer)?;
        Some(Bytes::copy_from_slice(&buffer))
    })
    .collect()
}

/// Two hosts and an ideal network.
#[derive(Debug)]
struct Pair {
    client: Host,
    server: Host,
    now: Time,
    /// The client's side of the first connection.
    peer: PeerHandle,
}

impl Pair {
    fn connected() -> Pair {
        Pair::with(|_| {})
    }

    fn with_peers(count: usize) -> Pair {
        let mut pair = Pair::connected();
        for _ in 1..count {
            pair.client.connect(SERVER, 2, 0).expect("room for a peer");
            pair.carry(|_| false);
        }
        pair
    }

    fn with(change: fn(&mut HostConfig)) -> Pair {
        let mut config = HostConfig::default();
        change(&mut config);
        let mut client = Host::new(config.clone(), [1; 32], Time::ZERO);
        let server = Host::new(config, [2; 32], Time::ZERO);
        let peer = client.connect(SERVER, 2, 0).expect("room for a peer");
        let mut pair = Pair {
            client,
            server,
            now: Time::from_millis(1),
            peer,
        };
        pair.carry(|event| matches!(event, Event::Connected { .. }));
        // What follows every connection within a second.
        pair.pass(Duration::from_millis(1500));
        pair
    }

    fn queue(&mut self, packets: impl IntoIterator<Item = Packet>) {
        for packet in packets {
            let mut peer = self.client.peer_mut(self.peer).expect("a connected peer");
            peer.send(0, packet).expect("room for a packet");
        }
    }

    /// Carries datagrams until there are none, or an event is as wanted.
    fn carry(&mut self, wanted: impl Fn(&Event) -> bool) {
        loop {
            let (to_server, to_client) = (collect(&mut self.client, self.now), collect(&mut self.server, self.now));
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            to_server
                .into_iter()
                .for_each(|datagram| self.server.handle_datagram(self.now, CLIENT, datagram));
            to_client
                .into_iter()
                .for_each(|datagram| self.client.handle_datagram(self.now, SERVER, datagram));
            while let Some(event) = self.server.poll_event().or_else(|| self.client.poll_event()) {
                if wanted(&event) {
                    return;
                }
            }
        }
    }

    /// Lets time pass, with all that is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.carry(|_| false);
            let due = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = next.max(self.now);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
    }
}
