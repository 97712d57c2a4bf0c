//! Many clients with a socket each, as they are in the world: the load for servers of ENet, the same for all of them.
//!
//! They are of enet-proto, on one thread that waits for all their sockets together.

use std::collections::{BTreeSet, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_proto::{Host, HostConfig, PeerHandle, Time};
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::tokio::{packet, translate};
use super::{ANY_PORT, Event, Mode, Options, Side};

/// How many sockets are heard of in one call.
const BATCH: usize = 256;
const LARGEST_DATAGRAM: usize = 4096;

pub(crate) struct Swarm {
    epoll: OwnedFd,
    epoch: Instant,
    members: Vec<Member>,
    timers: BTreeSet<(Time, usize)>,
    /// Those that have queued something.
    touched: Vec<usize>,
    events: VecDeque<Event<usize, Bytes>>,
    heard: Vec<epoll::Event>,
    outgoing: Vec<u8>,
    channels: usize,
}

struct Member {
    host: Host,
    socket: UdpSocket,
    peer: PeerHandle,
    /// When it is in line for.
    timer: Option<Time>,
    touched: bool,
}

impl Side for Swarm {
    type Peer = usize;
    type Data = Bytes;

    async fn open(options: &Options) -> Swarm {
        assert!(!options.listens, "a swarm has clients only");
        allow_sockets();
        Swarm {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll"),
            epoch: Instant::now(),
            members: Vec::new(),
            timers: BTreeSet::new(),
            touched: Vec::new(),
            events: VecDeque::new(),
            heard: Vec::with_capacity(BATCH),
            outgoing: Vec::new(),
            channels: options.channels,
        }
    }

    fn address(&self) -> SocketAddr {
        ANY_PORT
    }

    fn connect(&mut self, to: SocketAddr) {
        let socket = UdpSocket::bind(ANY_PORT).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let data = epoll::EventData::new_u64(self.members.len() as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN).expect("a socket to watch");
        let mut config = HostConfig::default();
        config.max_peers = 1;
        // As stock clients do.
        config.frugal_pings = false;
        config.accept = false;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("randomness");
        let mut host = Host::new(config, seed, self.now());
        let peer = host.connect(to, self.channels, 0).expect("room for a connection");
        self.members.push(Member {
            host,
            socket,
            peer,
            timer: None,
            touched: false,
        });
        self.touch(self.members.len() - 1);
    }

    fn send(&mut self, peer: usize, mode: Mode, data: &[u8]) -> bool {
        let member = &mut self.members[peer];
        let sent = member
            .host
            .peer_mut(member.peer)
            .is_some_and(|mut peer| peer.send(0, packet(mode, data)).is_ok());
        self.touch(peer);
        sent
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<usize, Bytes>> {
        let deadline = Instant::now() + wait;
        loop {
            while let Some(index) = self.touched.pop() {
                self.members[index].touched = false;
                self.settle(index);
            }
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.wait(left);
            if left.is_zero() && self.touched.is_empty() {
                return self.events.pop_front();
            }
        }
    }
}

impl Swarm {
    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn touch(&mut self, index: usize) {
        let member = &mut self.members[index];
        if !std::mem::replace(&mut member.touched, true) {
            self.touched.push(index);
        }
    }

    /// Waits for sockets and timers, and does what they are for.
    fn wait(&mut self, left: Duration) {
        let now = self.now();
        let due = self.timers.first().map(|(at, _)| at.saturating_since(now));
        let timeout = Timespec::try_from(due.map_or(left, |due| due.min(left))).expect("a short time");
        self.heard.clear();
        // Interrupted or not: what is there is seen the next time.
        let _ = epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.heard),
            Some(&timeout),
        );
        let now = self.now();
        for index in 0..self.heard.len() {
            let member = self.heard[index].data.u64() as usize;
            self.receive(member, now);
        }
        while let Some(&(at, index)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            let member = &mut self.members[index];
            member.timer = None;
            member.host.handle_timeout(now);
            self.touch(index);
        }
    }

    /// One datagram: if there are more, the socket is heard of again.
    fn receive(&mut self, index: usize, now: Time) {
        let mut buffer = [0; LARGEST_DATAGRAM];
        let member = &mut self.members[index];
        if let Ok((length, from)) = member.socket.recv_from(&mut buffer) {
            let datagram = Bytes::copy_from_slice(&buffer[..length]);
            member.host.handle_datagram(now, from, datagram);
            self.touch(index);
        }
    }

    /// Takes everything out of a member's host.
    fn settle(&mut self, index: usize) {
        let now = self.now();
        let member = &mut self.members[index];
        while let Some(event) = member.host.poll_event() {
            self.events.push_back(match translate(event) {
                Event::Connected(_) => Event::Connected(index),
                Event::Disconnected(_) => Event::Disconnected(index),
                Event::Received(_, data) => Event::Received(index, data),
            });
        }
        while let Some(transmit) = member.host.poll_transmit(now, 1, &mut self.outgoing) {
            // What the kernel has no room for is lost, and comes again.
            let _ = member.socket.send_to(&self.outgoing, transmit.destination);
        }
        let due = member.host.poll_timeout();
        if due != member.timer {
            self.timers.extend(due.map(|at| (at, index)));
            if let Some(before) = std::mem::replace(&mut member.timer, due) {
                self.timers.remove(&(before, index));
            }
        }
    }
}

/// Lets the process have as many sockets as the system grants.
pub(super) fn allow_sockets() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // With fewer, the first socket too many says so.
    let _ = setrlimit(Resource::Nofile, raised);
}
