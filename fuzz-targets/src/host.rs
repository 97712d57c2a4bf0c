//! A host that is fed arbitrary datagrams while a peer is connected, in virtual time.
//!
//! Strangers may send what they like, also with the peer's id and session in it: the peer's connection must not notice, and every
//! packet sent both ways meanwhile arrives. What seems to come from the peer itself may end the connection, as it could be true;
//! then only nothing must break.
//!
//! The input: a byte of settings (low three bits the compression, bit 3 checksums, bit 4 whether the peer's address can be
//! forged), then parcels: a byte of flags, a byte of milliseconds to wait before, the length in two bytes, and the datagram.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::compress::Compression;
use enet_proto::wire::{Header, MAXIMUM_DATAGRAM};
use enet_proto::{Event, HostConfig, Packet, PeerState};
use enet_sim::Pair;

/// Of the settings: checksums are on.
const CHECKSUM: u8 = 1 << 3;
/// Of the settings: the peer's address can be forged.
const FORGERY: u8 = 1 << 4;

/// Of a parcel's flags, the strangers.
const SENDER: u8 = 0x03;
/// Of a parcel's flags: from the peer's address, if it can be forged.
const FROM_PEER: u8 = 1 << 2;
/// Of a parcel's flags: to the client, else to the server.
const TO_CLIENT: u8 = 1 << 3;
/// Of a parcel's flags: with the id and session of the connection in its header.
const WELL_ADDRESSED: u8 = 1 << 4;
/// A peer that does not answer is given up after 30 s.
const PAST_EVERY_TIMEOUT: Duration = Duration::from_secs(40);
/// The bytes before each datagram.
const PARCEL_HEADER: usize = 4;
/// The most parcels that are looked at.
const MOST_PARCELS: usize = 64;

/// Feeds two connected hosts.
///
/// # Panics
/// If the connection suffers from what strangers send.
pub fn run(input: &[u8]) {
    let Some((&settings, parcels)) = input.split_first() else {
        return;
    };
    let forgery = settings & FORGERY != 0;
    let mut pair = connected(settings);
    let addresses = Addresses::of(&mut pair);
    let mut traffic = Traffic::default();
    for parcel in Parcels(parcels).take(MOST_PARCELS) {
        traffic.go_on(&mut pair);
        pair.run_for(Duration::from_millis(parcel.wait.into()));
        let (to, route) = if parcel.flags & TO_CLIENT != 0 {
            (pair.client, &addresses.to_client)
        } else {
            (pair.server, &addresses.to_server)
        };
        let from = if forgery && parcel.flags & FROM_PEER != 0 {
            route.from
        } else {
            stranger(parcel.flags & SENDER)
        };
        let mut datagram = parcel.datagram.to_vec();
        if parcel.flags & WELL_ADDRESSED != 0 {
            route.write_on(&mut datagram);
        }
        pair.network.inject(from, to, datagram);
    }
    if forgery {
        pair.run_for(PAST_EVERY_TIMEOUT);
    } else {
        traffic.go_on(&mut pair);
        traffic.assert_arrived(&mut pair);
    }
    for node in [pair.client, pair.server] {
        assert!(pair.network.take_events(node).len() <= 2 * MOST_PARCELS * MAXIMUM_DATAGRAM);
    }
}

/// Recorded datagrams in parcels: each session's, from strangers and from the peer, with every compression.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let traffic = crate::traffic();
    let mut seeds = Vec::new();
    for (number, session) in traffic.chunks(12).enumerate() {
        let kind = (number % Compression::ALL.len()) as u8;
        let settings = [kind, kind | FORGERY, kind | CHECKSUM, kind | CHECKSUM | FORGERY];
        let mut seed = vec![settings[number % settings.len()]];
        for (place, datagram) in session.iter().enumerate() {
            let flags = place as u8 & SENDER | [FROM_PEER, FROM_PEER | TO_CLIENT][place % 2] | WELL_ADDRESSED;
            seed.extend([flags, 1]);
            seed.extend((datagram.len() as u16).to_le_bytes());
            seed.extend(datagram);
        }
        seeds.push(seed);
    }
    seeds
}

fn connected(settings: u8) -> Pair {
    let kinds = Compression::ALL;
    let mut config = HostConfig::default();
    config.compression = kinds[usize::from(settings & 0x07) % kinds.len()];
    config.checksum = settings & CHECKSUM != 0;
    config.max_waiting_data = 1 << 20;
    Pair::with(1, config.clone(), config)
}

/// What the two hosts say to each other meanwhile.
#[derive(Default)]
struct Traffic {
    /// The packets that each side has sent, if it could.
    sent: Vec<Packet>,
}

impl Traffic {
    /// Sends a packet both ways, each mode in turn. Only forgery may have ended the connection.
    fn go_on(&mut self, pair: &mut Pair) {
        let number = self.sent.len();
        let modes = [Packet::reliable, Packet::unreliable, Packet::unsequenced];
        let packet = modes[number % modes.len()](Bytes::from(format!("healthy {number}")));
        for (node, peer) in [(pair.client, pair.to_server), (pair.server, pair.to_client)] {
            pair.network.with_host(node, |host| {
                // Whether it is taken shows when all must have arrived.
                if let Some(mut peer) = host.peer_mut(peer) {
                    let _ = peer.send(0, packet.clone());
                }
            });
        }
        self.sent.push(packet);
    }

    /// All of them have come, once and in order, as the link is ideal; and nobody else has come in.
    fn assert_arrived(&self, pair: &mut Pair) {
        pair.run_for(Duration::from_secs(1));
        for (node, peer) in [(pair.server, pair.to_client), (pair.client, pair.to_server)] {
            let expected = self.sent.iter().map(|packet| Event::Received {
                peer,
                channel: 0,
                packet: packet.clone(),
            });
            assert_eq!(pair.network.take_events(node), expected.collect::<Vec<_>>());
            assert_eq!(pair.network.host(node).peers().count(), 1);
            let state = pair
                .network
                .host(node)
                .peer(peer)
                .expect("the peer is still there")
                .state();
            assert_eq!(state, PeerState::Connected);
        }
    }
}

/// How each side addresses the other.
struct Addresses {
    to_server: Route,
    to_client: Route,
}

/// What the datagrams of one side to the other have in common.
struct Route {
    from: SocketAddr,
    header: Header,
}

impl Addresses {
    /// Found out by listening.
    fn of(pair: &mut Pair) -> Addresses {
        pair.network.record();
        // Both ping within this time.
        pair.run_for(Duration::from_secs(2));
        let [client, server] = [pair.client, pair.server].map(|node| pair.network.address(node));
        let route = |from: SocketAddr| {
            let mut trace = pair.network.trace().iter();
            let datagram = trace.find(|traced| traced.from == from).expect("it has sent something");
            let (header, _) = Header::parse(&datagram.datagram).expect("a header");
            Route { from, header }
        };
        Addresses {
            to_server: route(client),
            to_client: route(server),
        }
    }
}

impl Route {
    fn write_on(&self, datagram: &mut Vec<u8>) {
        let Some((header, length)) = Header::parse(datagram) else {
            return;
        };
        let mut addressed = Vec::with_capacity(datagram.len());
        let header = Header {
            peer_id: self.header.peer_id,
            session: self.header.session,
            ..header
        };
        header.emit(&mut addressed);
        addressed.extend_from_slice(&datagram[length..]);
        *datagram = addressed;
    }
}

struct Parcel<'a> {
    flags: u8,
    /// In milliseconds.
    wait: u8,
    datagram: &'a [u8],
}

struct Parcels<'a>(&'a [u8]);

impl<'a> Iterator for Parcels<'a> {
    type Item = Parcel<'a>;

    fn next(&mut self) -> Option<Parcel<'a>> {
        let (&[flags, wait, low, high], rest) = self.0.split_first_chunk::<PARCEL_HEADER>()?;
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (datagram, rest) = rest.split_at(length);
        self.0 = rest;
        Some(Parcel { flags, wait, datagram })
    }
}

/// An address where nobody is.
fn stranger(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(203, 0, 113, number), 4000))
}
