//! Two sides of DTLS without a network between them, for the fuzz targets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_proto::Time;

use super::{Dtls, DtlsClient, DtlsServer, DtlsStatistics};

/// How long two sides may take to finish a handshake in which nothing is lost any more: a resend or two.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that answers handshakes.
    Server,
    /// The one that begins one.
    Client,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        }
    }
}

/// A server, a client, and the datagrams between them.
#[derive(Debug)]
pub struct Duo {
    start: Instant,
    server: Dtls,
    client: Dtls,
    to_server: VecDeque<Bytes>,
    to_client: VecDeque<Bytes>,
    /// What came out at each, decrypted.
    at_server: Vec<Bytes>,
    at_client: Vec<Bytes>,
    /// All that the two have said, and to whom.
    said: Vec<(Side, Bytes)>,
}

fn address(side: Side) -> SocketAddr {
    match side {
        Side::Server => SocketAddr::from(([192, 0, 2, 1], 7777)),
        Side::Client => SocketAddr::from(([198, 51, 100, 1], 4000)),
    }
}

impl Duo {
    /// Two sides that know nothing of each other.
    ///
    /// # Panics
    /// If the system has no randomness.
    #[must_use]
    pub fn new(server: &DtlsServer, client: &DtlsClient) -> Duo {
        let new = |config| Dtls::new(config, Time::ZERO).expect("randomness");
        Duo {
            start: Instant::now(),
            server: new(server.clone().into()),
            client: new(client.clone().into()),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            at_server: Vec::new(),
            at_client: Vec::new(),
            said: Vec::new(),
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// Sends a datagram of the protocol, the client's first of which begins the handshake.
    pub fn send(&mut self, from: Side, datagram: &[u8]) {
        let now = self.now();
        let mut record = Vec::new();
        let (side, to, path) = match from {
            Side::Client => (&mut self.client, &mut self.to_server, address(Side::Server)),
            Side::Server => (&mut self.server, &mut self.to_client, address(Side::Client)),
        };
        side.depart(now, path.into(), [datagram].into_iter(), &mut record);
        if !record.is_empty() {
            let record = Bytes::from(record);
            to.push_back(record.clone());
            self.said.push((from.other(), record));
        }
    }

    /// Hands a side a datagram that seems to be of the other.
    pub fn inject(&mut self, to: Side, datagram: &[u8]) {
        match to {
            Side::Server => self.to_server.push_back(Bytes::copy_from_slice(datagram)),
            Side::Client => self.to_client.push_back(Bytes::copy_from_slice(datagram)),
        }
    }

    /// Hands the server a datagram of a stranger, and returns what it answers.
    pub fn stranger(&mut self, datagram: &[u8]) -> Vec<Bytes> {
        let now = self.now();
        let from = SocketAddr::from(([203, 0, 113, 1], 4000));
        let datagram = Bytes::copy_from_slice(datagram);
        self.server.arrive(now, from.into(), &datagram, &mut |_| {});
        std::iter::from_fn(|| self.server.poll_transmit())
            .map(|(_, datagram)| datagram)
            .collect()
    }

    /// Moves up to so many datagrams; false if none was left.
    pub fn step(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let now = self.now();
            while let Some((_, datagram)) = self.client.poll_transmit() {
                self.said.push((Side::Server, datagram.clone()));
                self.to_server.push_back(datagram);
            }
            while let Some((_, datagram)) = self.server.poll_transmit() {
                self.said.push((Side::Client, datagram.clone()));
                self.to_client.push_back(datagram);
            }
            if let Some(datagram) = self.to_server.pop_front() {
                let from = address(Side::Client);
                let out = &mut self.at_server;
                self.server
                    .arrive(now, from.into(), &datagram, &mut |plain| out.push(plain));
            } else if let Some(datagram) = self.to_client.pop_front() {
                let from = address(Side::Server);
                let out = &mut self.at_client;
                self.client
                    .arrive(now, from.into(), &datagram, &mut |plain| out.push(plain));
            } else {
                return false;
            }
        }
        true
    }

    /// Moves everything, resends included, until both have a session; whether they have.
    pub fn settle(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        loop {
            while self.step(64) {}
            let [server, client] = [self.server.statistics(), self.client.statistics()];
            if server.sessions == 1 && client.sessions == 1 {
                return true;
            }
            if client.in_progress == 0 || Instant::now() > end {
                return false;
            }
            let now = self.now();
            self.client.handle_timeout(now, || [address(Side::Server)].into());
            self.server.handle_timeout(now, || [address(Side::Client)].into());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Takes what has come out at a side.
    pub fn received(&mut self, at: Side) -> Vec<Bytes> {
        std::mem::take(match at {
            Side::Server => &mut self.at_server,
            Side::Client => &mut self.at_client,
        })
    }

    /// All that the two have said to each other, and to whom.
    #[must_use]
    pub fn said(&self) -> &[(Side, Bytes)] {
        &self.said
    }

    /// What a side has done.
    #[must_use]
    pub fn statistics(&self, of: Side) -> DtlsStatistics {
        match of {
            Side::Server => self.server.statistics(),
            Side::Client => self.client.statistics(),
        }
    }
}
