//! What becomes of records that others have a hand in: repeated, forged, late.

use super::*;
use crate::layer::dtls::records::{CONTENT_HANDSHAKE, HEADER, Records, records};

/// A pair whose session is up, and all that its client has sent so far.
fn tapped() -> (Pair, Vec<Bytes>) {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    let mut said = Vec::new();
    pair.send(b"connect");
    while pair.server.statistics().sessions == 0 || pair.client.statistics().sessions == 0 {
        let now = pair.now();
        while let Some((_, datagram)) = pair.client.poll_transmit() {
            said.push(datagram.clone());
            pair.server.arrive(now, pair.address.into(), &datagram, &mut |_| {});
        }
        while let Some((_, datagram)) = pair.server.poll_transmit() {
            pair.client.arrive(now, server_address().into(), &datagram, &mut |_| {});
        }
    }
    pair.step();
    pair.at_server.clear();
    (pair, said)
}

/// The client's record of this data.
fn record(pair: &mut Pair, data: &[u8]) -> Bytes {
    let mut out = Vec::new();
    pair.client
        .depart(pair.now(), server_address().into(), [data].into_iter(), &mut out);
    out.into()
}

#[test]
fn a_record_that_comes_again_is_dropped_and_counted() {
    let (mut pair, _) = tapped();
    let all: Vec<_> = (0..100_u8).map(|number| record(&mut pair, &[number])).collect();
    // In any order within what is remembered.
    let shuffled = (0..100).map(|number| &all[number * 37 % 100]);
    pair.to_server.extend(shuffled.cloned());
    pair.step();
    assert_eq!(pair.at_server.len(), 100);
    let before = pair.server.statistics().dropped;
    pair.to_server.extend(all);
    pair.step();
    assert_eq!(pair.at_server.len(), 100);
    assert_eq!(pair.server.statistics().dropped - before, 100);
}

#[test]
fn a_record_that_overtakes_the_end_of_the_handshake_is_opened_once() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    // Up to the server's end of the handshake, which the client gets and not yet the other way around.
    let now = pair.now();
    for _ in 0..2 {
        while let Some((_, datagram)) = pair.client.poll_transmit() {
            pair.server.arrive(now, pair.address.into(), &datagram, &mut |_| {});
        }
        while let Some((_, datagram)) = pair.server.poll_transmit() {
            pair.client.arrive(now, server_address().into(), &datagram, &mut |_| {});
        }
    }
    while let Some((_, datagram)) = pair.client.poll_transmit() {
        pair.server.arrive(now, pair.address.into(), &datagram, &mut |_| {});
    }
    let (_, end) = pair.server.poll_transmit().expect("the end of the handshake");
    pair.answer(b"early");
    let early = pair.to_client.pop_back().expect("data");
    pair.to_client.extend([early.clone(), early.clone(), end, early]);
    pair.step();
    assert_eq!(pair.at_client, ["early"]);
}

#[test]
fn no_number_and_no_nonce_is_used_twice_from_the_handshake_on() {
    let (mut pair, mut said) = tapped();
    said.extend((0..100_u8).map(|number| record(&mut pair, &[number])));
    let mut numbers = HashSet::new();
    let mut nonces = HashSet::new();
    let mut of_handshake = 0;
    for datagram in &said {
        for sealed in records(datagram).filter(|record| record.epoch == 1) {
            of_handshake += usize::from(sealed.content == CONTENT_HANDSHAKE);
            assert!(numbers.insert(sealed.whole[5..11].to_vec()));
            assert!(nonces.insert(sealed.whole[HEADER..HEADER + 8].to_vec()));
        }
    }
    assert_eq!((of_handshake, numbers.len()), (1, 101));
}

#[test]
fn the_end_of_a_handshake_is_repeated_for_a_client_that_repeats_its_own_and_for_nobody_else() {
    let (mut pair, said) = tapped();
    let is_end =
        |datagram: &&Bytes| records(datagram).any(|record| record.epoch == 1 && record.content == CONTENT_HANDSHAKE);
    let end = said.iter().find(is_end).expect("the end of its handshake").clone();
    let answers = |pair: &mut Pair, datagram: Bytes| {
        let now = pair.now();
        pair.server.arrive(now, pair.address.into(), &datagram, &mut |_| {});
        std::iter::from_fn(|| pair.server.poll_transmit()).count()
    };
    let mut forged = end.to_vec();
    *forged.last_mut().expect("bytes") ^= 1;
    assert_eq!(answers(&mut pair, forged.into()), 0);
    assert_eq!(answers(&mut pair, end.clone()), 1);
    // It was one of a client's own once; from then on it is a repeated record.
    assert_eq!(answers(&mut pair, end), 0);
    assert_eq!(pair.server.statistics().sessions, 1);
}

#[test]
fn an_alert_in_the_clear_does_not_end_a_session() {
    let (mut pair, _) = tapped();
    for (level, alert) in [(1, 0), (2, 0), (2, 40)] {
        let forged = Bytes::from(vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, level, alert]);
        pair.to_server.push_back(forged.clone());
        pair.to_client.push_back(forged);
    }
    pair.send(b"still here");
    pair.step();
    assert_eq!(pair.at_server, ["still here"]);
    assert_eq!(pair.failures, []);
}

#[test]
fn a_session_that_is_up_takes_little_memory_besides_its_keys() {
    let size = size_of::<Session>() + size_of::<Records>();
    assert!(size < 2048, "{size}");
}
