//! The servers that are attacked: they send back what they get, and pour out data to those who ask for it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_tokio::{Config, Event, EventEndpoint, Packet, PeerHandle, SendError};
use interop_tests::cenet;

use crate::memory::{self, Freed};

/// Whose protocol a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Implementation {
    /// enet-tokio, of this repository.
    Ours,
    /// The C library that is installed.
    C,
}

/// A packet that begins so asks for data: the rate follows, in bytes per second.
const POUR: u8 = b'P';

/// The size of the packets that are poured out.
const POURED: usize = 1000;

/// For how long, in seconds.
const POURING: u64 = 40;

/// How often they are.
const TICK: Duration = Duration::from_millis(10);

/// A packet that asks for so many bytes per second.
pub(crate) fn pour(bytes_per_second: u32) -> Bytes {
    let mut request = vec![POUR];
    request.extend_from_slice(&bytes_per_second.to_be_bytes());
    request.into()
}

fn rate_asked_for(packet: &[u8]) -> Option<u32> {
    let (&POUR, rate) = packet.split_first()? else {
        return None;
    };
    rate.try_into().ok().map(u32::from_be_bytes)
}

/// Serves on `address` until the process ends, after printing where, with room for so many peers as far as the protocol allows.
///
/// # Errors
/// If the address cannot be had.
pub fn serve(implementation: Implementation, address: SocketAddrV4, peers: usize) -> io::Result<()> {
    match implementation {
        Implementation::Ours => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(serve_ours(address, peers)),
        Implementation::C => serve_c(address, peers),
    }
}

fn announce(address: std::net::SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{address}")?;
    stdout.flush()
}

async fn serve_ours(address: SocketAddrV4, peers: usize) -> io::Result<()> {
    let config = Config::default().with_host(|host| host.max_peers = peers);
    let server = EventEndpoint::bind(address, config).await.map_err(io::Error::other)?;
    announce(server.local_addr())?;
    let mut freed = Freed::default();
    loop {
        tokio::select! {
            event = server.next_event() => match event {
                Some(Event::Received { peer, channel, packet }) => match rate_asked_for(&packet.data) {
                    Some(rate) => drop(tokio::spawn(pour_out(server.clone(), peer, rate))),
                    // Whoever does not take his answers goes without.
                    None => drop(server.send(peer, channel, packet)),
                },
                Some(Event::Disconnected { .. }) => freed.note(),
                Some(_) => {}
                None => return Ok(()),
            },
            () = freed.due() => memory::give_back(),
        }
    }
}

async fn pour_out(server: EventEndpoint, peer: PeerHandle, rate: u32) {
    let mut debt = Debt::new(rate);
    loop {
        for _ in 0..debt.packets() {
            match server.send(peer, 0, Packet::reliable(vec![7; POURED])) {
                Ok(()) => {}
                // What finds no room is left out.
                Err(SendError::QueueFull { .. }) => break,
                Err(_) => return,
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

fn serve_c(address: SocketAddrV4, peers: usize) -> io::Result<()> {
    let mut host = cenet::Host::new(cenet::Options {
        address: Some(address),
        peers: peers.min(4095),
        ..cenet::Options::default()
    })?;
    announce(host.local_addr())?;
    let mut poured: HashMap<cenet::Peer, Debt> = HashMap::new();
    let mut next = Instant::now();
    loop {
        match host.service(Duration::from_millis(1)) {
            Some(cenet::Event::Received {
                peer,
                channel,
                data,
                flags,
            }) => match rate_asked_for(&data) {
                Some(rate) => drop(poured.insert(peer, Debt::new(rate))),
                None => drop(host.send(peer, channel, &data, flags)),
            },
            Some(cenet::Event::Disconnected { peer, .. }) => drop(poured.remove(&peer)),
            Some(cenet::Event::Connected { .. }) | None => {}
        }
        if next <= Instant::now() {
            next = Instant::now() + TICK;
            for (peer, debt) in &mut poured {
                for _ in 0..debt.packets() {
                    host.send(*peer, 0, &[7; POURED], cenet::Flags::RELIABLE);
                }
            }
        }
    }
}

/// What is owed to one who asked for data.
#[derive(Debug)]
struct Debt {
    since: Instant,
    rate: u32,
    paid: u64,
}

impl Debt {
    fn new(rate: u32) -> Debt {
        Debt {
            since: Instant::now(),
            rate,
            paid: 0,
        }
    }

    /// How many packets are due.
    fn packets(&mut self) -> u64 {
        let seconds = self.since.elapsed().as_secs_f64().min(POURING as f64);
        let owed = (seconds * f64::from(self.rate)) as u64 / POURED as u64;
        let due = owed - self.paid;
        self.paid = owed;
        due
    }
}
