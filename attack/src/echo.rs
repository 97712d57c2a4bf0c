//! Servers that send back what they get, and pour out data to those who ask for it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_tokio::{Compression, Config, Event, EventEndpoint, Packet, PeerHandle, SendError};
use interop_tests::cenet;

use crate::link;
use crate::memory::{self, Freed};
use crate::victim::{Victim, announce};

/// A packet that begins so asks for data: the rate follows, in bytes per second.
const POUR: u8 = b'P';

/// This packet asks how many packets of those the server could not queue as too much waited already; the number comes back behind
/// the first of its letters.
pub(crate) const REFUSALS: &[u8] = b"Q?";

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

/// How many packets the server says it could not queue, if that is what the packet says.
pub(crate) fn refusals_in(packet: &[u8]) -> Option<u64> {
    let (&first, count) = packet.split_first()?;
    (first == REFUSALS[0]).then_some(())?;
    count.try_into().ok().map(u64::from_be_bytes)
}

fn refusals(count: u64) -> Vec<u8> {
    let mut answer = vec![REFUSALS[0]];
    answer.extend_from_slice(&count.to_be_bytes());
    answer
}

fn rate_asked_for(packet: &[u8]) -> Option<u32> {
    let (&POUR, rate) = packet.split_first()? else {
        return None;
    };
    rate.try_into().ok().map(u32::from_be_bytes)
}

pub(crate) async fn serve_ours(address: SocketAddr, victim: Victim) -> io::Result<()> {
    let mut config = Config::default()
        .with_host(|host| {
            host.max_peers = victim.peers;
            host.max_held_data = victim.memory.unwrap_or(host.max_held_data);
        })
        .with_compression(victim.compression);
    if victim.encrypts {
        config = config.with_dtls(link::certificate()?);
    }
    let refused = Arc::new(AtomicU64::new(0));
    let server = EventEndpoint::bind(address, config).await.map_err(io::Error::other)?;
    announce(server.local_addr())?;
    let mut freed = Freed::default();
    loop {
        tokio::select! {
            event = server.next_event() => match event {
                Some(Event::Received { peer, channel, packet }) => {
                    if let Some(rate) = rate_asked_for(&packet.data) {
                        tokio::spawn(pour_out(server.clone(), peer, rate, refused.clone()));
                        continue;
                    }
                    let answer = match &packet.data[..] {
                        REFUSALS => Packet::reliable(refusals(refused.load(Ordering::Relaxed))),
                        _ => packet,
                    };
                    // Whoever does not take his answers goes without.
                    let _ = server.send(peer, channel, answer);
                }
                Some(Event::Disconnected { .. }) => freed.note(),
                Some(_) => {}
                None => return Ok(()),
            },
            () = freed.due() => memory::give_back(),
        }
    }
}

async fn pour_out(server: EventEndpoint, peer: PeerHandle, rate: u32, refused: Arc<AtomicU64>) {
    let mut debt = Debt::new(rate);
    loop {
        for _ in 0..debt.packets() {
            match server.send(peer, 0, Packet::reliable(vec![7; POURED])) {
                Ok(()) => {}
                // What finds no room is left out.
                Err(SendError::QueueFull { .. }) => {
                    refused.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(_) => return,
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

pub(crate) fn serve_c(address: SocketAddrV4, victim: Victim) -> io::Result<()> {
    let range_coder = match victim.compression {
        Compression::None => false,
        Compression::RangeCoder => true,
        compression => return Err(io::Error::other(format!("C ENet has no {compression}"))),
    };
    let mut host = cenet::Host::new(cenet::Options {
        address: Some(address),
        peers: victim.peers.min(4095),
        range_coder,
        ..cenet::Options::default()
    })?;
    announce(host.local_addr())?;
    let mut poured: HashMap<cenet::Peer, Debt> = HashMap::new();
    let mut next = Instant::now();
    let mut refused = 0;
    loop {
        match host.service(Duration::from_millis(1)) {
            Some(cenet::Event::Received {
                peer,
                channel,
                data,
                flags,
            }) => match rate_asked_for(&data) {
                Some(rate) => drop(poured.insert(peer, Debt::new(rate))),
                None if data == REFUSALS => drop(host.send(peer, channel, &refusals(refused), flags)),
                None => drop(host.send(peer, channel, &data, flags)),
            },
            Some(cenet::Event::Disconnected { peer, .. }) => drop(poured.remove(&peer)),
            Some(cenet::Event::Connected { .. }) | None => {}
        }
        if next <= Instant::now() {
            next = Instant::now() + TICK;
            for (peer, debt) in &mut poured {
                for _ in 0..debt.packets() {
                    let taken = host.send(*peer, 0, &[7; POURED], cenet::Flags::RELIABLE);
                    refused += u64::from(!taken);
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
