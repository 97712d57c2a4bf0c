//! A host on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::host::{Event, Flags, Host, Options, Peer};

/// A host that is served all the time, so that it acknowledges and pings while the test waits for the other side.
///
/// When this value goes, the host does too, without a word to its peers.
#[derive(Debug)]
pub struct Driver {
    orders: Option<Sender<Order>>,
    events: Receiver<Event>,
    /// Events that were passed over.
    kept: Vec<Event>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

type Order = Box<dyn FnOnce(&mut Host) + Send>;

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_secs(60);

impl Driver {
    /// Makes a host and serves it.
    pub fn start(options: Options) -> io::Result<Driver> {
        Ok(Driver::of(Host::new(options)?))
    }

    /// Serves this host.
    #[must_use]
    pub fn of(mut host: Host) -> Driver {
        let address = host.local_addr();
        let (orders, new_orders) = mpsc::channel::<Order>();
        let (new_events, events) = mpsc::channel();
        let thread = thread::spawn(move || {
            loop {
                match new_orders.try_recv() {
                    Ok(order) => order(&mut host),
                    Err(TryRecvError::Empty) => {
                        // The shortest wait there is, as orders cannot interrupt it.
                        if let Some(event) = host.service(Duration::from_millis(1)) {
                            let _ = new_events.send(event);
                        }
                    }
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        });
        Driver {
            orders: Some(orders),
            events,
            kept: Vec::new(),
            address,
            thread: Some(thread),
        }
    }

    /// Where it can be reached on loopback.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Does something with the host on its thread, and returns what came of it.
    ///
    /// # Panics
    /// If the thread has.
    pub fn with<T: Send + 'static>(&self, order: impl FnOnce(&mut Host) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let order: Order = Box::new(move |host| {
            let _ = answer.send(order(host));
        });
        let sent = self.orders.as_ref().and_then(|orders| orders.send(order).ok());
        sent.and_then(|()| answered.recv().ok())
            .expect("the host's thread runs")
    }

    /// Begins a connection.
    ///
    /// # Panics
    /// If no slot is free.
    #[track_caller]
    pub fn connect(&self, to: SocketAddr, channels: usize, data: u32) -> Peer {
        self.with(move |host| host.connect(to, channels, data))
            .expect("a free slot")
    }

    /// Queues and flushes a packet; whether the library took it.
    pub fn send(&self, peer: Peer, channel: u8, data: impl Into<Vec<u8>>, flags: Flags) -> bool {
        let data = data.into();
        self.with(move |host| {
            let taken = host.send(peer, channel, &data, flags);
            host.flush();
            taken
        })
    }

    /// Waits for the next event that `is` what is waited for; others are kept for later.
    pub fn try_expect(&mut self, within: Duration, is: impl Fn(&Event) -> bool) -> Option<Event> {
        if let Some(at) = self.kept.iter().position(&is) {
            return Some(self.kept.remove(at));
        }
        let deadline = Instant::now() + within;
        while let Ok(event) = self
            .events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            if is(&event) {
                return Some(event);
            }
            self.kept.push(event);
        }
        None
    }

    /// As [`try_expect`](Driver::try_expect), for a minute.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn expect(&mut self, what: &str, is: impl Fn(&Event) -> bool) -> Event {
        match self.try_expect(LONG, is) {
            Some(event) => event,
            None => panic!("no {what}; there was {:?}", self.kept),
        }
    }

    /// Waits for the next event, whatever it is.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn next_event(&mut self) -> Event {
        self.expect("event", |_| true)
    }

    /// Waits for a connection; its peer and the data it came with.
    #[track_caller]
    pub fn connected(&mut self) -> (Peer, u32) {
        match self.expect("connection", |event| matches!(event, Event::Connected { .. })) {
            Event::Connected { peer, data } => (peer, data),
            _ => unreachable!("just matched"),
        }
    }

    /// Waits until a peer has gone; the data of its notice.
    #[track_caller]
    pub fn disconnected(&mut self, peer: Peer) -> u32 {
        let gone = |event: &Event| matches!(event, Event::Disconnected { peer: who, .. } if *who == peer);
        match self.expect("disconnection", gone) {
            Event::Disconnected { data, .. } => data,
            _ => unreachable!("just matched"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
