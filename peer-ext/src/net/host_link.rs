//! One host, that is one socket and its connections, as the main thread knows it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use enet_proto::HostStatistics;
use enet_proto::compress::Compressor;
use enet_tokio::{BindError, Bytes, Config, EventEndpoint, NetworkConditions, Packet, PeerHandle};

use super::exchange::{Arrival, Exchange, NetStatistics};
use super::names::{Answer, Lookup, parse_address};
use super::peer_link::{Farewell, PeerLink, Why};
use super::thread::NetThread;

/// What a host is made with.
#[derive(Clone, Debug)]
pub(crate) struct HostOptions {
    /// `None`: every address of this machine.
    pub(crate) bind: Option<IpAddr>,
    /// 0: any free one.
    pub(crate) port: u16,
    pub(crate) max_peers: usize,
    /// 1 to 255.
    pub(crate) channel_limit: usize,
    /// Bytes per second, 0 for unlimited.
    pub(crate) in_bandwidth: u32,
    pub(crate) out_bandwidth: u32,
    /// Whether others may connect.
    pub(crate) accept: bool,
}

/// Why there is no host.
#[derive(Debug)]
pub(crate) enum OpenError {
    Thread(io::Error),
    Bind(BindError),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenError::Thread(error) => write!(formatter, "cannot start the network thread: {error}"),
            OpenError::Bind(error) => error.fmt(formatter),
        }
    }
}

/// Something that happened, in the order it did.
pub(crate) enum Happening {
    Connected {
        peer: Rc<PeerLink>,
        data: u32,
    },
    Disconnected {
        peer: Departing,
    },
    Received {
        peer: Rc<PeerLink>,
        channel: u8,
        packet: Packet,
    },
}

/// A connection that is over, and that scripts may still look at while this is kept.
pub(crate) struct Departing(Rc<PeerLink>);

impl Deref for Departing {
    type Target = Rc<PeerLink>;

    fn deref(&self) -> &Rc<PeerLink> {
        &self.0
    }
}

impl Drop for Departing {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// A host. Dropping it ends it as [`destroy`](HostLink::destroy) does.
pub(crate) struct HostLink {
    exchange: Arc<Exchange>,
    /// None once the host has been closed.
    thread: RefCell<Option<Arc<NetThread>>>,
    local_port: u16,
    max_packet_size: usize,
    /// The network may begin.
    released: Cell<bool>,
    channel_limit: Cell<usize>,
    peers: RefCell<BTreeMap<u64, Rc<PeerLink>>>,
    by_handle: RefCell<HashMap<PeerHandle, Rc<PeerLink>>>,
    next_serial: Cell<u64>,
    /// Connections that this side ended without an event to come.
    fallen: RefCell<Vec<Departing>>,
    /// Connections that came to nothing, or are over, which is still to be told.
    failed: RefCell<VecDeque<Departing>>,
    errands: RefCell<Vec<Errand>>,
    /// What `pop_statistic` has told of each counter.
    popped: Cell<[u64; 4]>,
}

/// What is to be done when a name has been looked up.
struct Errand {
    lookup: Lookup,
    port: u16,
    purpose: Purpose,
}

enum Purpose {
    Dial { peer: Rc<PeerLink>, data: u32 },
    Raw(Bytes),
}

impl HostLink {
    /// Opens a socket. Nothing is sent or received before [`begin`](HostLink::begin).
    pub(crate) fn open(options: &HostOptions) -> Result<Rc<HostLink>, OpenError> {
        let thread = NetThread::acquire().map_err(OpenError::Thread)?;
        let config = Config::default().with_held(true).with_host(|host| {
            host.max_peers = options.max_peers;
            host.channel_limit = options.channel_limit;
            host.incoming_bandwidth = options.in_bandwidth;
            host.outgoing_bandwidth = options.out_bandwidth;
            host.accept = options.accept;
        });
        let max_packet_size = config.host.max_packet_size;
        let endpoint = bind(&thread, options, &config).map_err(OpenError::Bind)?;
        let local_port = endpoint.local_addr().port();
        let exchange = Arc::new(Exchange::new(endpoint));
        thread.handle().spawn(exchange.clone().run());
        Ok(Rc::new(HostLink {
            exchange,
            thread: RefCell::new(Some(thread)),
            local_port,
            max_packet_size,
            released: Cell::new(false),
            channel_limit: Cell::new(options.channel_limit),
            peers: RefCell::default(),
            by_handle: RefCell::default(),
            next_serial: Cell::new(0),
            fallen: RefCell::default(),
            failed: RefCell::default(),
            errands: RefCell::default(),
            popped: Cell::default(),
        }))
    }

    /// Begins to connect; `None` if there is no room, or Godot looks up too many names already.
    ///
    /// The CONNECT leaves when the network has begun and the name, if it is one, was looked up.
    pub(crate) fn connect(
        self: &Rc<Self>,
        address: &str,
        port: u16,
        channels: usize,
        data: u32,
    ) -> Option<Rc<PeerLink>> {
        let serial = self.new_serial();
        let peer = if let Some(address) = parse_address(address) {
            let address = SocketAddr::new(address, port);
            let peer = self
                .exchange
                .act(|endpoint| endpoint.connect(address, channels, data))
                .ok()?;
            let link = Rc::new(PeerLink::live(self, serial, peer, address, channels));
            self.by_handle.borrow_mut().insert(peer, link.clone());
            link
        } else {
            let lookup = Lookup::begin(address)?;
            let link = Rc::new(PeerLink::resolving(self, serial, port, channels));
            let purpose = Purpose::Dial {
                peer: link.clone(),
                data,
            };
            self.errands.borrow_mut().push(Errand { lookup, port, purpose });
            link
        };
        self.peers.borrow_mut().insert(serial, peer.clone());
        Some(peer)
    }

    /// Lets the network begin, and goes on with names that were looked up.
    pub(crate) fn begin(self: &Rc<Self>) {
        if !self.released.replace(true) {
            self.exchange.endpoint().release();
        }
        if !self.errands.borrow().is_empty() {
            self.run_errands();
        }
    }

    fn run_errands(self: &Rc<Self>) {
        let waiting = self.errands.take();
        for errand in waiting {
            match errand.lookup.answer() {
                Answer::Waiting => self.errands.borrow_mut().push(errand),
                Answer::Found(address) => self.run(errand.purpose, Some(SocketAddr::new(address, errand.port))),
                Answer::NotFound => self.run(errand.purpose, None),
            }
        }
    }

    fn run(&self, purpose: Purpose, address: Option<SocketAddr>) {
        match (purpose, address) {
            (Purpose::Raw(datagram), Some(address)) => {
                self.exchange.act(|endpoint| endpoint.send_raw(address, datagram));
            }
            (Purpose::Raw(_), None) => {}
            (Purpose::Dial { peer, .. }, _) if !peer.is_active() => {}
            (Purpose::Dial { peer, data }, Some(address)) => {
                let dialled = self
                    .exchange
                    .act(|endpoint| endpoint.connect(address, peer.channels(), data));
                match dialled {
                    Ok(handle) => {
                        peer.dialled(self.exchange.endpoint(), handle, address);
                        self.by_handle.borrow_mut().insert(handle, peer);
                    }
                    Err(_) => self.fail(peer, Why::NoAnswer),
                }
            }
            (Purpose::Dial { peer, .. }, None) => self.fail(peer, Why::NoAddress),
        }
    }

    fn fail(&self, peer: Rc<PeerLink>, why: Why) {
        self.forget(&peer);
        peer.end(Farewell { why, data: 0 });
        self.failed.borrow_mut().push_back(Departing(peer));
    }

    /// The next thing that happened.
    pub(crate) fn next(self: &Rc<Self>) -> Option<Happening> {
        if let Some(peer) = self.failed.borrow_mut().pop_front() {
            return Some(Happening::Disconnected { peer });
        }
        // What concerns connections that this side has ended meanwhile is left out.
        while let Some(arrival) = self.exchange.next() {
            match arrival {
                Arrival::Connected {
                    peer,
                    data,
                    address,
                    channels,
                } => {
                    let known = self.find(peer);
                    let link = known.unwrap_or_else(|| {
                        let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
                        self.admit(peer, address.unwrap_or(unknown), channels)
                    });
                    link.established(channels);
                    return Some(Happening::Connected { peer: link, data });
                }
                Arrival::Disconnected { peer, reason } => {
                    if let Some(link) = self.find(peer) {
                        self.forget(&link);
                        link.end(Farewell::new(reason, link.is_connected()));
                        return Some(Happening::Disconnected { peer: Departing(link) });
                    }
                }
                Arrival::Received { peer, channel, packet } => {
                    if let Some(peer) = self.find(peer) {
                        return Some(Happening::Received { peer, channel, packet });
                    }
                }
            }
        }
        if self.exchange.has_ended() && self.is_open() {
            return self.lose_one();
        }
        None
    }

    /// The network is broken: the connections go one by one.
    fn lose_one(&self) -> Option<Happening> {
        let (_, peer) = self.peers.borrow_mut().pop_first()?;
        self.forget(&peer);
        let why = Why::NetworkFailed;
        peer.end(Farewell { why, data: 0 });
        Some(Happening::Disconnected { peer: Departing(peer) })
    }

    /// Whether the network goes on.
    pub(crate) fn is_broken(&self) -> bool {
        self.exchange.has_ended() && self.is_open()
    }

    fn admit(self: &Rc<Self>, peer: PeerHandle, address: SocketAddr, channels: usize) -> Rc<PeerLink> {
        let serial = self.new_serial();
        let link = Rc::new(PeerLink::live(self, serial, peer, address, channels));
        self.peers.borrow_mut().insert(serial, link.clone());
        self.by_handle.borrow_mut().insert(peer, link.clone());
        link
    }

    fn find(&self, peer: PeerHandle) -> Option<Rc<PeerLink>> {
        self.by_handle.borrow().get(&peer).cloned()
    }

    fn forget(&self, peer: &PeerLink) {
        self.peers.borrow_mut().remove(&peer.serial());
        if let Some(handle) = peer.handle() {
            self.by_handle.borrow_mut().remove(&handle);
        }
    }

    /// A connection was ended by this side, without an event to come.
    pub(super) fn fell(&self, serial: u64, handle: Option<PeerHandle>) {
        if let Some(handle) = handle {
            self.by_handle.borrow_mut().remove(&handle);
        }
        let peer = self.peers.borrow_mut().remove(&serial);
        self.fallen.borrow_mut().extend(peer.map(Departing));
    }

    /// Takes the connections that this side has ended without an event.
    pub(crate) fn take_fallen(&self) -> Vec<Departing> {
        self.fallen.take()
    }

    /// Puts departures back, to be told of next.
    pub(crate) fn put_off(&self, peers: Vec<Departing>) {
        let mut failed = self.failed.borrow_mut();
        for peer in peers.into_iter().rev() {
            failed.push_front(peer);
        }
    }

    /// How many things have happened that were not taken yet, about.
    pub(crate) fn waiting(&self) -> usize {
        let lost = if self.is_broken() { self.peers.borrow().len() } else { 0 };
        self.exchange.waiting() + self.failed.borrow().len() + lost
    }

    /// Waits, for a time at most, until something has happened.
    pub(crate) fn wait(&self, timeout: Duration) {
        if self.failed.borrow().is_empty() {
            self.exchange.wait(timeout);
        }
    }

    /// Whether names are being looked up.
    pub(crate) fn is_looking_up(&self) -> bool {
        !self.errands.borrow().is_empty()
    }

    /// All connections, those that ended without an event included until they were taken.
    pub(crate) fn peers(&self) -> Vec<Rc<PeerLink>> {
        let fallen = self.fallen.borrow();
        let mut all: Vec<_> = fallen.iter().map(|peer| Rc::clone(peer)).collect();
        all.extend(self.peers.borrow().values().cloned());
        all
    }

    pub(crate) fn is_open(&self) -> bool {
        self.thread.borrow().is_some()
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.local_port
    }

    pub(crate) fn max_packet_size(&self) -> usize {
        self.max_packet_size
    }

    pub(crate) fn channel_limit(&self) -> usize {
        self.channel_limit.get()
    }

    pub(crate) fn set_channel_limit(&self, limit: usize) {
        self.channel_limit.set(limit);
        self.exchange.act(|endpoint| endpoint.set_channel_limit(limit));
    }

    pub(crate) fn set_bandwidth_limit(&self, incoming: u32, outgoing: u32) {
        self.exchange
            .act(|endpoint| endpoint.set_bandwidth_limit(incoming, outgoing));
    }

    /// Puts a bad network between this host and all others.
    pub(crate) fn set_conditions(&self, conditions: NetworkConditions) {
        self.exchange.act(|endpoint| endpoint.set_conditions(conditions));
    }

    pub(crate) fn set_compressor(&self, compressor: Option<Box<dyn Compressor>>) {
        self.exchange.act(|endpoint| endpoint.set_compressor(compressor));
    }

    pub(crate) fn set_accepting(&self, accepting: bool) {
        self.exchange.act(|endpoint| endpoint.set_accepting(accepting));
    }

    /// Sends what is queued before it returns.
    pub(crate) fn flush(&self) {
        self.released.set(true);
        self.exchange.act(flush_all);
    }

    /// Sends a bare datagram; `false` if the name cannot be looked up now.
    pub(crate) fn send_raw(&self, address: &str, port: u16, datagram: Bytes) -> bool {
        if let Some(address) = parse_address(address) {
            self.run(Purpose::Raw(datagram), Some(SocketAddr::new(address, port)));
            // A CONNECT that waits for the network to begin goes on waiting: scripts may not be done with the settings that hold
            // for it. The datagram waits with it.
            if self.released.get() || self.peers.borrow().is_empty() {
                self.flush();
            }
            return true;
        }
        let Some(lookup) = Lookup::begin(address) else {
            return false;
        };
        let purpose = Purpose::Raw(datagram);
        self.errands.borrow_mut().push(Errand { lookup, port, purpose });
        true
    }

    /// Counters of the network: of datagrams and bytes.
    pub(crate) fn counters(&self) -> HostStatistics {
        self.exchange.endpoint().statistics().host
    }

    /// Queue lengths.
    pub(crate) fn statistics(&self) -> NetStatistics {
        self.exchange.statistics()
    }

    /// By how much counter `index` (bytes sent, datagrams sent, bytes received, datagrams received) has grown since this was
    /// asked last.
    pub(crate) fn pop_statistic(&self, index: usize) -> u64 {
        let counters = self.counters();
        let counts = [
            counters.bytes_sent,
            counters.datagrams_sent,
            counters.bytes_received,
            counters.datagrams_received,
        ];
        let mut popped = self.popped.get();
        let grown = counts[index] - popped[index];
        popped[index] = counts[index];
        self.popped.set(popped);
        grown
    }

    /// How many packets were not sent as their peer's queue was full, since this was asked last.
    pub(crate) fn take_refused(&self) -> u64 {
        self.exchange.take_refused()
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Ends the host: what is queued is sent as far as that needs no waiting, every peer is told once, the socket is closed.
    pub(crate) fn close(&self) {
        self.finish(|endpoint| endpoint.close_now(0));
        self.fallen.take();
    }

    /// Ends the host without a word to anybody. Its connections have fallen then.
    pub(crate) fn destroy(&self) {
        self.finish(|endpoint| {
            for peer in endpoint.peers() {
                endpoint.reset(peer);
            }
            endpoint.close_now(0);
        });
    }

    fn finish(&self, end: impl FnOnce(&EventEndpoint)) {
        let Some(thread) = self.thread.take() else { return };
        self.exchange.act(end);
        self.errands.take();
        self.by_handle.take();
        let failed = self.failed.take();
        let peers = self.peers.take();
        let mut fallen = self.fallen.borrow_mut();
        fallen.extend(failed);
        for peer in peers.into_values() {
            peer.end(Farewell::OURS);
            fallen.push(Departing(peer));
        }
        drop(fallen);
        drop(thread);
    }

    fn new_serial(&self) -> u64 {
        let serial = self.next_serial.get();
        self.next_serial.set(serial + 1);
        serial
    }
}

impl Drop for HostLink {
    fn drop(&mut self) {
        self.destroy();
    }
}

/// Sends all that can be sent without waiting. One flush of an endpoint leaves the rest to its task.
pub(super) fn flush_all(endpoint: &EventEndpoint) {
    let sent = || endpoint.statistics().host.datagrams_sent;
    loop {
        let before = sent();
        endpoint.flush();
        if sent() == before {
            return;
        }
    }
}

fn bind(thread: &NetThread, options: &HostOptions, config: &Config) -> Result<EventEndpoint, BindError> {
    let at = |address| {
        let address = SocketAddr::new(address, options.port);
        thread.handle().block_on(EventEndpoint::bind(address, config.clone()))
    };
    match options.bind {
        Some(address) => at(address),
        None => at(Ipv6Addr::UNSPECIFIED.into()).or_else(|error| match &error {
            // The port is taken: IPv4 alone would not be what was asked for.
            BindError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Err(error),
            _ => at(Ipv4Addr::UNSPECIFIED.into()),
        }),
    }
}
