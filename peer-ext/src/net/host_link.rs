//! One host, that is one socket and its connections, as the game knows it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use enet_proto::HostStatistics;
use enet_proto::compress::Compressor;
use enet_tokio::{BindError, Bytes, Config, DisconnectReason, EventEndpoint, NetworkConditions, Packet, PeerHandle};

use super::encryption::{self, Encryption};
use super::exchange::{Exchange, NetStatistics};
use super::inbox::{Arrival, Freshness};
use super::lock;
use super::names::{Answer, Lookup, locate};
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
    /// How many bytes may be queued for one peer.
    pub(crate) max_queued: usize,
    /// Whether a farewell that anybody could have sent is doubted for a while.
    pub(crate) doubt_disconnects: bool,
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
        peer: Arc<PeerLink>,
        data: u32,
    },
    Disconnected {
        peer: Departing,
    },
    Received {
        peer: Arc<PeerLink>,
        channel: u8,
        packet: Packet,
    },
}

/// A connection that is over, and that scripts may still look at while this is kept.
pub(crate) struct Departing(Arc<PeerLink>);

impl Deref for Departing {
    type Target = Arc<PeerLink>;

    fn deref(&self) -> &Arc<PeerLink> {
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
    local_port: u16,
    max_packet_size: usize,
    max_queued: usize,
    book: Mutex<Book>,
    /// What `pop_statistic` has told of each counter.
    popped: Mutex<[u64; 4]>,
}

/// What a host keeps of its connections.
#[derive(Default)]
struct Book {
    /// None once the host has been closed.
    thread: Option<Arc<NetThread>>,
    /// The network may begin.
    released: bool,
    encrypted: bool,
    channel_limit: usize,
    peers: BTreeMap<u64, Arc<PeerLink>>,
    by_handle: HashMap<PeerHandle, Arc<PeerLink>>,
    next_serial: u64,
    /// Connections that this side ended without an event to come.
    fallen: Vec<Departing>,
    /// Connections that came to nothing, or are over, which is still to be told.
    failed: VecDeque<Departing>,
    errands: Vec<Errand>,
}

impl Book {
    fn new_serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    fn forget(&mut self, peer: &PeerLink) {
        self.peers.remove(&peer.serial());
        if let Some(handle) = peer.handle() {
            self.by_handle.remove(&handle);
        }
    }

    /// A connection is over, which is still to be told.
    fn fail(&mut self, peer: Arc<PeerLink>, why: Why) {
        self.forget(&peer);
        peer.end(Farewell { why, data: 0 });
        self.failed.push_back(Departing(peer));
    }
}

/// What is to be done when a name has been looked up.
struct Errand {
    lookup: Lookup,
    port: u16,
    purpose: Purpose,
}

enum Purpose {
    Dial { peer: Arc<PeerLink>, data: u32 },
    Raw(Bytes),
}

impl HostLink {
    /// Opens a socket. Nothing is sent or received before [`begin`](HostLink::begin).
    pub(crate) fn open(options: &HostOptions) -> Result<Arc<HostLink>, OpenError> {
        let thread = NetThread::acquire().map_err(OpenError::Thread)?;
        let config = Config::default().with_held(true).with_host(|host| {
            host.max_peers = options.max_peers;
            host.channel_limit = options.channel_limit;
            host.incoming_bandwidth = options.in_bandwidth;
            host.outgoing_bandwidth = options.out_bandwidth;
            host.accept = options.accept;
            host.max_queued_data = options.max_queued;
            host.doubt_disconnects = options.doubt_disconnects;
        });
        let max_packet_size = config.host.max_packet_size;
        let endpoint = bind(&thread, options, &config).map_err(OpenError::Bind)?;
        let local_port = endpoint.local_addr().port();
        let exchange = Arc::new(Exchange::new(endpoint));
        thread.handle().spawn(exchange.clone().run());
        Ok(Arc::new(HostLink {
            exchange,
            local_port,
            max_packet_size,
            max_queued: options.max_queued,
            book: Mutex::new(Book {
                thread: Some(thread),
                channel_limit: options.channel_limit,
                ..Book::default()
            }),
            popped: Mutex::default(),
        }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// Begins to connect; `None` if there is no room, or Godot looks up too many names already.
    ///
    /// The CONNECT leaves when the network has begun and the name, if it is one, was looked up.
    pub(crate) fn connect(
        self: &Arc<Self>,
        name: &str,
        port: u16,
        channels: usize,
        data: u32,
    ) -> Option<Arc<PeerLink>> {
        if let Some(address) = locate(name, port) {
            let mut book = self.book();
            let dialled = self.exchange.act(|endpoint| endpoint.connect(address, channels, data));
            return Some(self.admit(&mut book, (dialled.ok()?, true), address, channels));
        }
        let lookup = Lookup::begin(name)?;
        let mut book = self.book();
        let serial = book.new_serial();
        let peer = Arc::new(PeerLink::resolving(self, serial, name, port, channels));
        let purpose = Purpose::Dial {
            peer: peer.clone(),
            data,
        };
        book.errands.push(Errand { lookup, port, purpose });
        book.peers.insert(serial, peer.clone());
        Some(peer)
    }

    /// Lets the network begin, and goes on with names that were looked up.
    pub(crate) fn begin(&self) {
        let mut book = self.book();
        let was_released = mem::replace(&mut book.released, true);
        let errands = mem::take(&mut book.errands);
        drop(book);
        if !was_released {
            self.exchange.endpoint().release();
        }
        for errand in errands {
            let addresses = match errand.lookup.answer() {
                Answer::Waiting => {
                    self.book().errands.push(errand);
                    continue;
                }
                Answer::Found(found) => found.into_iter().map(|ip| SocketAddr::new(ip, errand.port)).collect(),
                Answer::NotFound => Vec::new(),
            };
            self.run(errand.purpose, &addresses);
        }
    }

    /// Runs an errand of which the addresses are known: of a connection all of them are tried.
    fn run(&self, purpose: Purpose, addresses: &[SocketAddr]) {
        match (purpose, addresses.first()) {
            (Purpose::Raw(datagram), Some(address)) => {
                self.exchange.act(|endpoint| endpoint.send_raw(*address, datagram));
            }
            (Purpose::Raw(_), None) => {}
            (Purpose::Dial { peer, .. }, _) if !peer.is_active() => {}
            (Purpose::Dial { peer, data }, Some(first)) => {
                let mut book = self.book();
                let dialled = self
                    .exchange
                    .act(|endpoint| endpoint.connect_any(addresses, peer.channels(), data));
                match dialled {
                    Ok(handle) => {
                        peer.dialled(self.exchange.endpoint(), handle, *first);
                        book.by_handle.insert(handle, peer);
                    }
                    Err(_) => book.fail(peer, Why::NoAnswer),
                }
            }
            (Purpose::Dial { peer, .. }, None) => self.book().fail(peer, Why::NoAddress),
        }
    }

    /// The next thing that happened.
    pub(crate) fn next(self: &Arc<Self>) -> Option<Happening> {
        // Until what came has been entered, nobody else may take what follows.
        let mut book = self.book();
        if let Some(peer) = book.failed.pop_front() {
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
                    let known = book.by_handle.get(&peer).cloned();
                    let link = known.unwrap_or_else(|| {
                        let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
                        self.admit(&mut book, (peer, false), address.unwrap_or(unknown), channels)
                    });
                    link.established(address, channels);
                    return Some(Happening::Connected { peer: link, data });
                }
                Arrival::Disconnected { peer, reason } => {
                    if let Some(link) = book.by_handle.get(&peer).cloned() {
                        book.forget(&link);
                        let lost = reason == DisconnectReason::Unreachable;
                        let failure = || encryption::failure(self.exchange.endpoint(), peer, link.is_connected());
                        match lost.then(failure).flatten() {
                            Some(failure) => link.end_encrypted(failure),
                            None => link.end(Farewell::new(reason, link.is_connected())),
                        }
                        return Some(Happening::Disconnected { peer: Departing(link) });
                    }
                }
                Arrival::GivenUp { peer } => {
                    if let Some(link) = book.by_handle.get(&peer).cloned() {
                        book.forget(&link);
                        link.end(Farewell {
                            why: Why::TooSlow,
                            data: 0,
                        });
                        return Some(Happening::Disconnected { peer: Departing(link) });
                    }
                }
                Arrival::Received { peer, channel, packet } => {
                    if let Some(peer) = book.by_handle.get(&peer).cloned() {
                        return Some(Happening::Received { peer, channel, packet });
                    }
                }
            }
        }
        if self.exchange.has_ended() && book.thread.is_some() {
            // The network is broken: the connections go one by one.
            let (_, peer) = book.peers.pop_first()?;
            book.forget(&peer);
            let why = Why::NetworkFailed;
            peer.end(Farewell { why, data: 0 });
            return Some(Happening::Disconnected { peer: Departing(peer) });
        }
        None
    }

    /// Whether the network has failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.exchange.has_ended() && self.is_open()
    }

    /// Enters a connection that the network has: one that came in, or one that this side asked for.
    fn admit(
        self: &Arc<Self>,
        book: &mut Book,
        (peer, outgoing): (PeerHandle, bool),
        address: SocketAddr,
        channels: usize,
    ) -> Arc<PeerLink> {
        let serial = book.new_serial();
        let link = Arc::new(PeerLink::live(self, serial, (peer, outgoing), address, channels));
        book.peers.insert(serial, link.clone());
        book.by_handle.insert(peer, link.clone());
        link
    }

    /// A connection was ended by this side, without an event to come.
    pub(super) fn fell(&self, serial: u64, handle: Option<PeerHandle>) {
        let mut book = self.book();
        if let Some(handle) = handle {
            book.by_handle.remove(&handle);
        }
        let peer = book.peers.remove(&serial);
        book.fallen.extend(peer.map(Departing));
    }

    /// A connection is over, which is still to be told.
    pub(super) fn lose(&self, peer: &Arc<PeerLink>, why: Why) {
        let mut book = self.book();
        if book.peers.contains_key(&peer.serial()) {
            book.fail(peer.clone(), why);
        }
    }

    /// Takes the connections that this side has ended without an event.
    pub(crate) fn take_fallen(&self) -> Vec<Departing> {
        mem::take(&mut self.book().fallen)
    }

    /// Puts departures back, to be told of next.
    pub(crate) fn put_off(&self, peers: Vec<Departing>) {
        let mut book = self.book();
        for peer in peers.into_iter().rev() {
            book.failed.push_front(peer);
        }
    }

    /// How many things have happened that were not taken yet, about.
    pub(crate) fn waiting(&self) -> usize {
        let broken = self.is_broken();
        let book = self.book();
        let lost = if broken { book.peers.len() } else { 0 };
        self.exchange.waiting() + book.failed.len() + lost
    }

    /// Waits, for a time at most, until something has happened.
    pub(crate) fn wait(&self, timeout: Duration) {
        let told = self.book().failed.is_empty();
        if told {
            self.exchange.wait(timeout);
        }
    }

    /// Whether names are being looked up.
    pub(crate) fn is_looking_up(&self) -> bool {
        !self.book().errands.is_empty()
    }

    /// All connections, those that ended without an event included until they were taken.
    pub(crate) fn peers(&self) -> Vec<Arc<PeerLink>> {
        let book = self.book();
        let fallen = book.fallen.iter().map(|peer| Arc::clone(peer));
        fallen.chain(book.peers.values().cloned()).collect()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.book().thread.is_some()
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.local_port
    }

    pub(crate) fn max_packet_size(&self) -> usize {
        self.max_packet_size
    }

    /// How many bytes may be queued for one peer.
    pub(crate) fn max_queued(&self) -> usize {
        self.max_queued
    }

    pub(crate) fn channel_limit(&self) -> usize {
        self.book().channel_limit
    }

    pub(crate) fn set_channel_limit(&self, limit: usize) {
        self.book().channel_limit = limit;
        self.exchange.act(|endpoint| endpoint.set_channel_limit(limit));
    }

    pub(crate) fn set_bandwidth_limit(&self, incoming: u32, outgoing: u32) {
        self.exchange
            .act(|endpoint| endpoint.set_bandwidth_limit(incoming, outgoing));
    }

    /// Sets which unreliable packets are worth handing over.
    pub(crate) fn set_freshness(&self, freshness: Freshness) {
        self.exchange.set_freshness(freshness);
    }

    /// Puts a bad network between this host and all others.
    pub(crate) fn set_conditions(&self, conditions: NetworkConditions) {
        self.exchange.act(|endpoint| endpoint.set_conditions(conditions));
    }

    pub(crate) fn set_compressor(&self, compressor: Option<Box<dyn Compressor>>) {
        self.exchange.act(|endpoint| endpoint.set_compressor(compressor));
    }

    /// Has the host encrypt; false if it does already, or cannot.
    pub(crate) fn encrypt(&self, encryption: Encryption) -> bool {
        if mem::replace(&mut self.book().encrypted, true) {
            return false;
        }
        self.exchange.act(|endpoint| encryption.apply(endpoint))
    }

    pub(crate) fn set_accepting(&self, accepting: bool) {
        self.exchange.act(|endpoint| endpoint.set_accepting(accepting));
    }

    /// Sends what is queued before it returns.
    pub(crate) fn flush(&self) {
        self.book().released = true;
        self.exchange.act(flush_all);
    }

    /// Sends a bare datagram; `false` if the name cannot be looked up now.
    pub(crate) fn send_raw(&self, address: &str, port: u16, datagram: Bytes) -> bool {
        if let Some(address) = locate(address, port) {
            self.run(Purpose::Raw(datagram), &[address]);
            // A CONNECT that waits for the network to begin goes on waiting: scripts may not be done with the settings that hold
            // for it. The datagram waits with it.
            let may_begin = {
                let book = self.book();
                book.released || book.peers.is_empty()
            };
            if may_begin {
                self.flush();
            }
            return true;
        }
        let Some(lookup) = Lookup::begin(address) else {
            return false;
        };
        let purpose = Purpose::Raw(datagram);
        self.book().errands.push(Errand { lookup, port, purpose });
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
        let mut popped = lock(&self.popped);
        // Another thread may have asked with later counts.
        let grown = counts[index].saturating_sub(popped[index]);
        popped[index] += grown;
        grown
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Ends the host: what is queued is sent as far as that needs no waiting, every peer is told once, the socket is closed.
    pub(crate) fn close(&self) {
        self.finish(|endpoint| endpoint.close_now(0));
        drop(self.take_fallen());
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
        let mut book = self.book();
        let Some(thread) = book.thread.take() else { return };
        let errands = mem::take(&mut book.errands);
        book.by_handle.clear();
        let failed = mem::take(&mut book.failed);
        book.fallen.extend(failed);
        let peers = mem::take(&mut book.peers);
        for peer in peers.into_values() {
            peer.end(Farewell::OURS);
            book.fallen.push(Departing(peer));
        }
        drop(book);
        self.exchange.act(end);
        drop((errands, thread));
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
