//! Encrypted sessions that are fed arbitrary datagrams: by strangers before the cookie, in the name of the other side while the two shake
//! hands, and among the records of a session.
//!
//! The input of the latter two is parcels: a byte of flags, the length in two bytes, and the datagram.

use std::sync::OnceLock;

use enet_tokio::fuzzing::{Duo, Side};
use enet_tokio::{DtlsClient, DtlsServer};
use fixtures::tls::{ECDSA, NAME};

/// Of a parcel's flags: to the client, else to the server.
const TO_CLIENT: u8 = 1;
/// Of a parcel's flags, for bits: how many datagrams of the two themselves are moved before.
const STEPS: u8 = 7;
/// The bytes before each datagram.
const PARCEL_HEADER: usize = 3;
/// The most parcels that are looked at.
const MOST_PARCELS: usize = 32;

/// What a stranger sends costs nothing, and is answered by no more than it has sent.
///
/// # Panics
/// If it is not so.
pub fn hello(input: &[u8]) {
    let mut duo = duo();
    let answers = duo.stranger(input);
    assert!(answers.iter().map(bytes::Bytes::len).sum::<usize>() <= input.len());
    let statistics = duo.statistics(Side::Server);
    assert_eq!((statistics.in_progress, statistics.sessions), (0, 0));
    assert_eq!(statistics.handshakes, 0);
}

/// What seems to come from the other side in a handshake may end it, as it could be true. Nothing else comes of it: no data comes out
/// that nobody has sent.
///
/// # Panics
/// If it does.
pub fn handshake(input: &[u8]) {
    let mut duo = duo();
    duo.send(Side::Client, b"connect");
    for parcel in Parcels(input).take(MOST_PARCELS) {
        duo.step(usize::from(parcel.flags >> 1 & STEPS));
        duo.inject(parcel.to(), parcel.datagram);
    }
    while duo.step(64) {}
    for side in [Side::Server, Side::Client] {
        assert!(duo.received(side).iter().all(|datagram| datagram == "connect"));
        assert!(duo.statistics(side).sessions <= 1);
    }
}

/// What is put among the records of a session changes nothing.
///
/// # Panics
/// If it does.
pub fn records(input: &[u8]) {
    let mut duo = duo();
    duo.send(Side::Client, b"connect");
    assert!(duo.settle());
    duo.received(Side::Server);
    for parcel in Parcels(input).take(MOST_PARCELS) {
        duo.inject(parcel.to(), parcel.datagram);
        duo.step(usize::from(parcel.flags >> 1 & STEPS));
    }
    for (from, to) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
        duo.send(from, b"still here");
        while duo.step(64) {}
        assert_eq!(duo.received(to), ["still here"]);
    }
}

/// The first datagrams of handshakes.
#[must_use]
pub fn hello_seeds() -> Vec<Vec<u8>> {
    conversation().into_iter().map(|(_, datagram)| datagram).collect()
}

/// Whole handshakes as parcels, by other keys.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    (0..4)
        .map(|steps| {
            let parcels = conversation();
            parcels.into_iter().fold(Vec::new(), |mut seed, (to, datagram)| {
                seed.push(u8::from(to == Side::Client) | steps << 1);
                seed.extend((datagram.len() as u16).to_le_bytes());
                seed.extend(datagram);
                seed
            })
        })
        .collect()
}

/// What two sides say to each other, and to whom.
fn conversation() -> Vec<(Side, Vec<u8>)> {
    let mut duo = duo();
    duo.send(Side::Client, b"connect");
    assert!(duo.settle());
    duo.send(Side::Client, b"data");
    duo.send(Side::Server, b"data");
    let said = duo.said().iter();
    said.map(|(to, datagram)| (*to, datagram.to_vec())).collect()
}

fn duo() -> Duo {
    static SIDES: OnceLock<(DtlsServer, DtlsClient)> = OnceLock::new();
    let (server, client) = SIDES.get_or_init(|| {
        let server = DtlsServer::from_pem(ECDSA.certificate.as_bytes(), ECDSA.key.as_bytes());
        let client = DtlsClient::new(NAME).and_then(|client| client.with_trusted(ECDSA.certificate.as_bytes()));
        (server.expect("it fits"), client.expect("it is one"))
    });
    Duo::new(server, client)
}

struct Parcel<'a> {
    flags: u8,
    datagram: &'a [u8],
}

impl Parcel<'_> {
    fn to(&self) -> Side {
        if self.flags & TO_CLIENT != 0 {
            Side::Client
        } else {
            Side::Server
        }
    }
}

struct Parcels<'a>(&'a [u8]);

impl<'a> Iterator for Parcels<'a> {
    type Item = Parcel<'a>;

    fn next(&mut self) -> Option<Parcel<'a>> {
        let (&[flags, low, high], rest) = self.0.split_first_chunk::<PARCEL_HEADER>()?;
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (datagram, rest) = rest.split_at(length);
        self.0 = rest;
        Some(Parcel { flags, datagram })
    }
}
