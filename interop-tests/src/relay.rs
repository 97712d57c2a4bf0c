//! A bad network between real sockets: a UDP relay on loopback.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use netem::{Conditions, DelayQueue, Link};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Carries datagrams between clients, which send to [`local_addr`](Relay::local_addr), and one server. Every client has a
/// socket of its own towards the server, so the server sees as many addresses as there are clients.
///
/// What is lost, delayed, doubled or overtaken is drawn from the seed, in the order in which datagrams arrive here.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    /// A datagram to this makes the thread look whether it is to end.
    wake: UdpSocket,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

/// A datagram that came to the relay, whether or not it went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Since the relay began.
    pub at: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// Whom it is for.
    pub to: SocketAddr,
    /// Its bytes.
    pub datagram: Bytes,
}

#[derive(Debug)]
struct Shared {
    links: [Link; 2],
    record: Option<Vec<Recorded>>,
    ended: bool,
}

/// From clients to the server.
const TO_SERVER: usize = 0;
/// From the server to clients.
const TO_CLIENT: usize = 1;

/// The most a UDP datagram holds.
const BUFFER: usize = 65536;

impl Relay {
    /// Starts a relay to `server`, with the same conditions in both directions.
    pub fn start(server: SocketAddr, seed: u64, conditions: Conditions) -> io::Result<Relay> {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = front.local_addr()?;
        let wake = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let shared = Arc::new(Mutex::new(Shared {
            links: [Link::new(seed, conditions.clone()), Link::new(!seed, conditions)],
            record: None,
            ended: false,
        }));
        let mut carrier = Carrier {
            front,
            server,
            wake: wake.local_addr()?,
            clients: Vec::new(),
            known: HashMap::new(),
            under_way: DelayQueue::new(),
            begin: Instant::now(),
            shared: Arc::clone(&shared),
        };
        let thread = thread::spawn(move || carrier.run());
        Ok(Relay {
            address,
            wake,
            shared,
            thread: Some(thread),
        })
    }

    /// Where clients send to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Changes the conditions of both directions.
    pub fn set_conditions(&self, conditions: &Conditions) {
        for link in &mut lock(&self.shared).links {
            link.conditions_mut().clone_from(conditions);
        }
    }

    /// Changes the conditions on the way to the server alone.
    pub fn set_conditions_to_server(&self, conditions: Conditions) {
        *lock(&self.shared).links[TO_SERVER].conditions_mut() = conditions;
    }

    /// Changes the conditions on the way to the clients alone.
    pub fn set_conditions_to_clients(&self, conditions: Conditions) {
        *lock(&self.shared).links[TO_CLIENT].conditions_mut() = conditions;
    }

    /// Starts to keep every datagram, or anew.
    pub fn record(&self) {
        lock(&self.shared).record = Some(Vec::new());
    }

    /// What was kept since [`record`](Relay::record); keeping ends.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        lock(&self.shared).record.take().unwrap_or_default()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        lock(&self.shared).ended = true;
        let _ = self.wake.send_to(&[], self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Carrier {
    front: UdpSocket,
    server: SocketAddr,
    wake: SocketAddr,
    /// Each client's address and the socket that stands for it towards the server.
    clients: Vec<(SocketAddr, UdpSocket)>,
    known: HashMap<SocketAddr, usize>,
    under_way: DelayQueue<Parcel>,
    begin: Instant,
    shared: Arc<Mutex<Shared>>,
}

struct Parcel {
    client: usize,
    direction: usize,
    datagram: Bytes,
}

impl Carrier {
    fn run(&mut self) {
        let mut buffer = vec![0; BUFFER];
        while !lock(&self.shared).ended {
            self.wait();
            self.take_in(&mut buffer);
            while let Some(parcel) = self.under_way.pop_due(self.begin.elapsed()) {
                self.hand_on(&parcel);
            }
        }
    }

    /// Until something comes or is due.
    fn wait(&self) {
        let due = self
            .under_way
            .next_at()
            .map(|at| at.saturating_sub(self.begin.elapsed()));
        let timeout = due.map(|due| Timespec::try_from(due).expect("a delay that fits"));
        let sockets = self.clients.iter().map(|(_, socket)| socket).chain([&self.front]);
        let mut sockets: Vec<_> = sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        // Interrupted or not: what is there is seen in the next step.
        let _ = poll(&mut sockets, timeout.as_ref());
    }

    fn take_in(&mut self, buffer: &mut [u8]) {
        while let Some((length, from)) = receive(&self.front, buffer) {
            if from != self.wake
                && let Some(client) = self.client(from)
            {
                self.transmit(client, TO_SERVER, &buffer[..length]);
            }
        }
        for client in 0..self.clients.len() {
            while let Some((length, from)) = receive(&self.clients[client].1, buffer) {
                if from == self.server {
                    self.transmit(client, TO_CLIENT, &buffer[..length]);
                }
            }
        }
    }

    /// The number of the client with this address; `None` if there is no socket to be had for a new one.
    fn client(&mut self, address: SocketAddr) -> Option<usize> {
        if let Some(&client) = self.known.get(&address) {
            return Some(client);
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        self.known.insert(address, self.clients.len());
        self.clients.push((address, socket));
        Some(self.clients.len() - 1)
    }

    fn transmit(&mut self, client: usize, direction: usize, datagram: &[u8]) {
        let datagram = Bytes::copy_from_slice(datagram);
        let at = self.begin.elapsed();
        let mut shared = lock(&self.shared);
        if let Some(record) = &mut shared.record {
            let ends = [self.clients[client].0, self.server];
            record.push(Recorded {
                at,
                from: ends[direction],
                to: ends[1 - direction],
                datagram: datagram.clone(),
            });
        }
        for delivery in shared.links[direction].transmit(at, datagram) {
            self.under_way.push(
                delivery.at,
                Parcel {
                    client,
                    direction,
                    datagram: delivery.datagram,
                },
            );
        }
    }

    fn hand_on(&self, parcel: &Parcel) {
        let (address, socket) = &self.clients[parcel.client];
        // A datagram that cannot be sent is one lost.
        let _ = match parcel.direction {
            TO_SERVER => socket.send_to(&parcel.datagram, self.server),
            _ => self.front.send_to(&parcel.datagram, address),
        };
    }
}

/// The next datagram that is there; one that could not be delivered, as the kernel reports on the next call, is no news.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    loop {
        match rustix::net::recvfrom(socket, &mut *buffer, rustix::net::RecvFlags::DONTWAIT) {
            Ok((length, _, from)) => {
                return from
                    .and_then(|from| SocketAddr::try_from(from).ok())
                    .map(|from| (length, from));
            }
            Err(error) if io::Error::from(error).kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
