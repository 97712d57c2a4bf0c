//! The simulated network.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{Event, Host, HostConfig, PeerHandle, Time};
use netem::{Conditions, DelayQueue, LinkStatistics, Random};

use crate::links::Links;
use crate::node::{Outbox, RawNode};
use crate::observe::{Observed, Stage, Traced};
use crate::since_epoch;

/// How often a node may be woken at one instant before it counts as spinning.
const MOST_WAKES_AT_ONCE: u32 = 1000;

/// A node of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Hosts and raw nodes, and the links between them.
pub struct Network {
    now: Time,
    seed: u64,
    segments: usize,
    receive_batch: usize,
    queue: DelayQueue<Happening>,
    nodes: Vec<Node>,
    addresses: HashMap<SocketAddr, NodeId>,
    links: Links,
    taps: Vec<Tap>,
    filter: Option<Filter>,
    trace: Option<Vec<Traced>>,
    buffer: Vec<u8>,
}

type Tap = Box<dyn FnMut(&Observed<'_>)>;

type Filter = Box<dyn FnMut(&Observed<'_>) -> bool>;

enum Happening {
    Arrival {
        to: NodeId,
        from: SocketAddr,
        datagram: Bytes,
    },
    Wake(NodeId),
}

impl Happening {
    fn is_arrival_at(&self, node: NodeId) -> bool {
        matches!(self, Happening::Arrival { to, .. } if *to == node)
    }
}

struct Node {
    address: SocketAddr,
    kind: Kind,
    down: bool,
    /// The earliest wake-up in the queue; later ones of this node there are stale.
    wake_at: Option<Time>,
    wakes: u64,
    last_wake: Time,
    wakes_at_once: u32,
}

enum Kind {
    Host {
        host: Box<Host>,
        events: VecDeque<(Time, Event)>,
    },
    Raw(Box<dyn RawNode>),
    Removed,
}

impl Network {
    /// An empty network, all of whose chance comes from `seed`. Its links take 10 ms and lose nothing.
    #[must_use]
    pub fn new(seed: u64) -> Network {
        Network {
            now: Time::from_millis(1000),
            seed,
            segments: 8,
            receive_batch: 1,
            queue: DelayQueue::new(),
            nodes: Vec::new(),
            addresses: HashMap::new(),
            links: Links::new(seed, Conditions::default().delay(Duration::from_millis(10))),
            taps: Vec::new(),
            filter: None,
            trace: None,
            buffer: Vec::new(),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Moves the clock of a network in which nothing has happened yet, to have it wrap within a test.
    ///
    /// # Panics
    /// When nodes were added already.
    pub fn start_at(&mut self, time: Time) {
        assert!(self.nodes.is_empty(), "the clock is set before nodes are added");
        self.now = time;
    }

    /// How many datagrams a host may hand over in one transmission; 1 is a machine without segmentation offload.
    pub fn set_segments(&mut self, segments: usize) {
        self.segments = segments;
    }

    /// How many datagrams that have arrived in the same moment a host takes in before it answers. At first it is 1.
    pub fn set_receive_batch(&mut self, datagrams: usize) {
        self.receive_batch = datagrams;
    }

    /// Adds a host at an address of its own.
    pub fn add_host(&mut self, config: HostConfig) -> NodeId {
        self.add_host_at(self.free_address(), config)
    }

    /// Adds a host at a given address.
    pub fn add_host_at(&mut self, address: SocketAddr, config: HostConfig) -> NodeId {
        let host = Host::new(config, self.host_seed(), self.now);
        self.add_existing_host(address, host)
    }

    /// Adds a host that exists already.
    pub fn add_existing_host(&mut self, address: SocketAddr, host: Host) -> NodeId {
        let id = self.add(
            address,
            Kind::Host {
                host: Box::new(host),
                events: VecDeque::new(),
            },
        );
        self.settle(id);
        id
    }

    /// Adds a raw node at an address of its own.
    pub fn add_raw(&mut self, node: impl RawNode) -> NodeId {
        self.add_raw_at(self.free_address(), node)
    }

    /// Adds a raw node at a given address.
    pub fn add_raw_at(&mut self, address: SocketAddr, node: impl RawNode) -> NodeId {
        let id = self.add(address, Kind::Raw(Box::new(node)));
        self.settle(id);
        id
    }

    /// Puts a fresh host where another was, as after a crash and a restart: the old one says no word.
    pub fn restart_host(&mut self, id: NodeId, config: HostConfig) {
        let host = Host::new(config, self.host_seed(), self.now);
        self.nodes[id.0].kind = Kind::Host {
            host: Box::new(host),
            events: VecDeque::new(),
        };
        self.settle(id);
    }

    /// Takes a node away without a word. What is sent to it goes nowhere.
    pub fn remove(&mut self, id: NodeId) {
        self.nodes[id.0].kind = Kind::Removed;
    }

    /// Takes a host out of the network.
    ///
    /// # Panics
    /// When the node is no host.
    pub fn take_host(&mut self, id: NodeId) -> Host {
        match std::mem::replace(&mut self.nodes[id.0].kind, Kind::Removed) {
            Kind::Host { host, .. } => *host,
            _ => panic!("{id:?} is no host"),
        }
    }

    /// A node's address.
    #[must_use]
    pub fn address(&self, id: NodeId) -> SocketAddr {
        self.nodes[id.0].address
    }

    /// A host, to look at.
    ///
    /// # Panics
    /// When the node is no host.
    #[must_use]
    pub fn host(&self, id: NodeId) -> &Host {
        match &self.nodes[id.0].kind {
            Kind::Host { host, .. } => host,
            _ => panic!("{id:?} is no host"),
        }
    }

    /// Does something with a host, and sends what comes of it.
    ///
    /// # Panics
    /// When the node is no host.
    pub fn with_host<R>(&mut self, id: NodeId, action: impl FnOnce(&mut Host) -> R) -> R {
        let Kind::Host { host, .. } = &mut self.nodes[id.0].kind else {
            panic!("{id:?} is no host")
        };
        let result = action(host);
        self.settle(id);
        result
    }

    /// A raw node, to look at.
    ///
    /// # Panics
    /// When the node is not of that type.
    #[must_use]
    pub fn raw<T: RawNode>(&self, id: NodeId) -> &T {
        let Kind::Raw(node) = &self.nodes[id.0].kind else {
            panic!("{id:?} is not raw")
        };
        let node: &dyn Any = node.as_ref();
        node.downcast_ref().expect("a raw node of this type")
    }

    /// Does something with a raw node, and sends what comes of it.
    ///
    /// # Panics
    /// When the node is not of that type.
    pub fn with_raw<T: RawNode, R>(&mut self, id: NodeId, action: impl FnOnce(&mut T, Time, &mut Outbox) -> R) -> R {
        let Kind::Raw(node) = &mut self.nodes[id.0].kind else {
            panic!("{id:?} is not raw")
        };
        let node: &mut dyn Any = node.as_mut();
        let mut outbox = Outbox::default();
        let result = action(
            node.downcast_mut().expect("a raw node of this type"),
            self.now,
            &mut outbox,
        );
        self.send_all(id, outbox);
        self.settle(id);
        result
    }

    /// Dials from one host to another.
    ///
    /// # Panics
    /// When the host refuses.
    pub fn connect(&mut self, from: NodeId, to: NodeId, channels: usize, data: u32) -> PeerHandle {
        let address = self.address(to);
        self.with_host(from, |host| host.connect(address, channels, data))
            .expect("room for a connection")
    }

    /// Takes the events that a host has given since the last call.
    pub fn take_events(&mut self, id: NodeId) -> Vec<Event> {
        self.take_timed_events(id).into_iter().map(|(_, event)| event).collect()
    }

    /// Takes the events that a host has given since the last call, and when.
    ///
    /// # Panics
    /// When the node is no host.
    pub fn take_timed_events(&mut self, id: NodeId) -> Vec<(Time, Event)> {
        match &mut self.nodes[id.0].kind {
            Kind::Host { events, .. } => events.drain(..).collect(),
            _ => panic!("{id:?} is no host"),
        }
    }

    /// How many events of a host wait to be taken.
    #[must_use]
    pub fn event_count(&self, id: NodeId) -> usize {
        match &self.nodes[id.0].kind {
            Kind::Host { events, .. } => events.len(),
            _ => 0,
        }
    }

    /// How often a node's timer went off.
    #[must_use]
    pub fn wakes(&self, id: NodeId) -> u64 {
        self.nodes[id.0].wakes
    }

    /// Sets the conditions of every link that has none of its own.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.links.set_default(conditions);
    }

    /// Sets the conditions of the link in one direction.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, conditions: Conditions) {
        self.links.set(from, to, conditions);
    }

    /// Sets the conditions in both directions.
    pub fn set_links(&mut self, one: NodeId, other: NodeId, conditions: &Conditions) {
        self.set_link(one, other, conditions.clone());
        self.set_link(other, one, conditions.clone());
    }

    /// Cuts the cable between two nodes, in both directions.
    pub fn partition(&mut self, one: NodeId, other: NodeId) {
        self.links.get(one, other).conditions_mut().down = true;
        self.links.get(other, one).conditions_mut().down = true;
    }

    /// Mends the cable between two nodes.
    pub fn heal(&mut self, one: NodeId, other: NodeId) {
        self.links.get(one, other).conditions_mut().down = false;
        self.links.get(other, one).conditions_mut().down = false;
    }

    /// Takes a node off the network, or puts it back. It goes on living.
    pub fn set_down(&mut self, id: NodeId, down: bool) {
        self.nodes[id.0].down = down;
    }

    /// What the link in one direction has done so far.
    pub fn link_statistics(&mut self, from: NodeId, to: NodeId) -> LinkStatistics {
        self.links.get(from, to).statistics()
    }

    /// Shows every datagram to `tap`, as it is sent and as it arrives.
    pub fn tap(&mut self, tap: impl FnMut(&Observed<'_>) + 'static) {
        self.taps.push(Box::new(tap));
    }

    /// Loses every datagram for which `passes` says false as it is sent; in place of an earlier filter.
    pub fn set_filter(&mut self, passes: impl FnMut(&Observed<'_>) -> bool + 'static) {
        self.filter = Some(Box::new(passes));
    }

    /// Keeps every datagram from now on.
    pub fn record(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// What was recorded.
    #[must_use]
    pub fn trace(&self) -> &[Traced] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// Hands a datagram to a node at once, with whatever sender's address.
    pub fn inject(&mut self, from: SocketAddr, to: NodeId, datagram: impl Into<Bytes>) {
        self.arrive(to, from, &datagram.into());
    }

    /// Sends a datagram from a node over the network.
    pub fn send(&mut self, from: NodeId, to: SocketAddr, datagram: impl Into<Bytes>) {
        self.dispatch(from, to, datagram.into());
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let deadline = self.now + duration;
        while self.step(deadline) {}
    }

    /// Lets time pass until `done` holds, at most `within`; tells whether it does.
    pub fn run_until(&mut self, within: Duration, mut done: impl FnMut(&Network) -> bool) -> bool {
        let deadline = self.now + within;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(deadline) {
                return done(self);
            }
        }
    }

    /// Goes on to the next thing that happens by `deadline`; if there is none, goes there and returns false.
    pub fn step(&mut self, deadline: Time) -> bool {
        let due = self.queue.next_at().filter(|at| *at <= since_epoch(deadline));
        let Some(at) = due else {
            self.now = self.now.max(deadline);
            return false;
        };
        self.now = self.now.max(Time::from_micros(at.as_micros() as u64));
        // The node that is taking in datagrams, and how many it has.
        let mut receiving: Option<(NodeId, usize)> = None;
        while let Some(happening) = self.queue.pop_due(at) {
            if let Some((node, _)) = receiving.take_if(|(node, _)| !happening.is_arrival_at(*node)) {
                self.settle(node);
            }
            match happening {
                Happening::Wake(id) => self.wake(id, at),
                Happening::Arrival { to, from, datagram } => {
                    self.hand_over(to, from, &datagram);
                    let received = receiving.map_or(0, |(_, received)| received) + 1;
                    receiving = (received < self.receive_batch).then_some((to, received));
                    if receiving.is_none() {
                        self.settle(to);
                    }
                }
            }
            if receiving.is_none() {
                return true;
            }
        }
        if let Some((node, _)) = receiving {
            self.settle(node);
        }
        true
    }

    fn add(&mut self, address: SocketAddr, kind: Kind) -> NodeId {
        let id = NodeId(self.nodes.len());
        assert!(self.addresses.insert(address, id).is_none(), "{address} is taken");
        self.nodes.push(Node {
            address,
            kind,
            down: false,
            wake_at: None,
            wakes: 0,
            last_wake: Time::ZERO,
            wakes_at_once: 0,
        });
        id
    }

    fn free_address(&self) -> SocketAddr {
        let number = self.nodes.len() as u32;
        SocketAddr::from((Ipv4Addr::from(0x0A00_0001 + number), 7777))
    }

    fn host_seed(&self) -> [u8; 32] {
        let mut random = Random::new(self.seed ^ (self.nodes.len() as u64) << 32 ^ self.now.as_micros());
        random.bytes(32).try_into().expect("32 bytes")
    }

    fn dispatch(&mut self, id: NodeId, to: SocketAddr, datagram: Bytes) {
        let from = self.nodes[id.0].address;
        self.observe(Stage::Sent, from, to, &datagram);
        if let Some(trace) = &mut self.trace {
            trace.push(Traced {
                at: self.now,
                from,
                to,
                datagram: datagram.clone(),
            });
        }
        let Some(&target) = self.addresses.get(&to) else { return };
        if self.nodes[id.0].down || self.nodes[target.0].down {
            return;
        }
        if let Some(passes) = &mut self.filter
            && !passes(&Observed {
                now: self.now,
                stage: Stage::Sent,
                from,
                to,
                datagram: &datagram,
            })
        {
            return;
        }
        let now = since_epoch(self.now);
        for delivery in self.links.get(id, target).transmit(now, datagram) {
            self.queue.push(
                delivery.at,
                Happening::Arrival {
                    to: target,
                    from,
                    datagram: delivery.datagram,
                },
            );
        }
    }

    fn observe(&mut self, stage: Stage, from: SocketAddr, to: SocketAddr, datagram: &Bytes) {
        let observed = Observed {
            now: self.now,
            stage,
            from,
            to,
            datagram,
        };
        for tap in &mut self.taps {
            tap(&observed);
        }
    }

    fn arrive(&mut self, to: NodeId, from: SocketAddr, datagram: &Bytes) {
        self.hand_over(to, from, datagram);
        self.settle(to);
    }

    fn hand_over(&mut self, to: NodeId, from: SocketAddr, datagram: &Bytes) {
        self.observe(Stage::Arrived, from, self.nodes[to.0].address, datagram);
        let mut outbox = Outbox::default();
        match &mut self.nodes[to.0].kind {
            Kind::Host { host, .. } => host.handle_datagram(self.now, from, datagram.clone()),
            Kind::Raw(node) => node.receive(self.now, from, datagram, &mut outbox),
            Kind::Removed => return,
        }
        self.send_all(to, outbox);
    }

    fn wake(&mut self, id: NodeId, at: Duration) {
        let node = &mut self.nodes[id.0];
        if node.wake_at.map(since_epoch) != Some(at) {
            return;
        }
        node.wake_at = None;
        if node.kind.next_wake().is_some_and(|wake| wake <= self.now) {
            node.count_wake(self.now);
            let mut outbox = Outbox::default();
            match &mut node.kind {
                Kind::Host { host, .. } => host.handle_timeout(self.now),
                Kind::Raw(raw) => raw.wake(self.now, &mut outbox),
                Kind::Removed => {}
            }
            self.send_all(id, outbox);
        }
        self.settle(id);
    }

    fn send_all(&mut self, id: NodeId, outbox: Outbox) {
        for (to, datagram) in outbox.datagrams {
            self.dispatch(id, to, datagram);
        }
    }

    /// Sends what a node has to send, keeps its events, and notes when it wants to be woken.
    fn settle(&mut self, id: NodeId) {
        while let Some((to, datagrams)) = self.poll_transmit(id) {
            for datagram in datagrams {
                self.dispatch(id, to, datagram);
            }
        }
        let node = &mut self.nodes[id.0];
        if let Kind::Host { host, events } = &mut node.kind {
            while let Some(event) = host.poll_event() {
                events.push_back((self.now, event));
            }
        }
        let Some(wake) = node.kind.next_wake() else { return };
        let wake = wake.max(self.now);
        // A later time than the one noted is found out when that comes: less to keep in the queue.
        if node.wake_at.is_none_or(|noted| wake < noted) {
            node.wake_at = Some(wake);
            self.queue.push(since_epoch(wake), Happening::Wake(id));
        }
    }

    fn poll_transmit(&mut self, id: NodeId) -> Option<(SocketAddr, Vec<Bytes>)> {
        let Kind::Host { host, .. } = &mut self.nodes[id.0].kind else {
            return None;
        };
        let transmit = host.poll_transmit(self.now, self.segments, &mut self.buffer)?;
        assert_eq!(
            transmit.size,
            self.buffer.len(),
            "the size of a transmission is that of its buffer"
        );
        let all = Bytes::copy_from_slice(&self.buffer);
        if all.is_empty() {
            return Some((transmit.destination, vec![all]));
        }
        let size = transmit.segment_size;
        assert!(size > 0, "segments have a size");
        let mtu = usize::from(host.config().mtu);
        assert!(size <= mtu, "a datagram of {size} bytes is above the MTU of {mtu}");
        let datagrams: Vec<Bytes> = (0..all.len())
            .step_by(size)
            .map(|start| all.slice(start..all.len().min(start + size)))
            .collect();
        assert!(datagrams.len() <= self.segments, "more segments than were asked for");
        Some((transmit.destination, datagrams))
    }
}

impl Kind {
    fn next_wake(&mut self) -> Option<Time> {
        match self {
            Kind::Host { host, .. } => host.poll_timeout(),
            Kind::Raw(node) => node.next_wake(),
            Kind::Removed => None,
        }
    }
}

impl Node {
    fn count_wake(&mut self, now: Time) {
        self.wakes += 1;
        self.wakes_at_once = if self.last_wake == now {
            self.wakes_at_once + 1
        } else {
            1
        };
        self.last_wake = now;
        assert!(
            self.wakes_at_once < MOST_WAKES_AT_ONCE,
            "the timer of {} spins at {now:?}",
            self.address
        );
    }
}
