mod foreign;
mod sealed;

use std::collections::VecDeque;
use std::time::Instant;

use fixtures::tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

use super::*;

/// A certificate as Godot makes them: of itself, a CA, with a common name and no other.
struct Certificate {
    certificate: String,
    key: String,
}

impl Certificate {
    /// Valid in these years.
    fn new(years: [i32; 2]) -> Certificate {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "game");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        [parameters.not_before, parameters.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn ecdsa() -> Certificate {
        Certificate::new([2020, 2120])
    }

    fn rsa() -> Certificate {
        Certificate {
            certificate: tls::RSA.certificate.to_owned(),
            key: tls::RSA.key.to_owned(),
        }
    }

    fn server(&self) -> DtlsServer {
        DtlsServer::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).expect("it fits")
    }

    /// A client that trusts it under this name.
    fn client(&self, name: &str) -> DtlsClient {
        let client = DtlsClient::new(name).expect("a name");
        client.with_trusted(self.certificate.as_bytes()).expect("PEM")
    }

    /// A client that trusts it alone.
    fn pinned(&self) -> DtlsClient {
        DtlsClient::pinned(self.certificate.as_bytes()).expect("PEM")
    }
}

fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7777))
}

fn client_address(number: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], number))
}

/// A server and a client, and what is under way between them. OpenSSL looks at the real clock.
struct Pair {
    start: Instant,
    server: Dtls,
    client: Dtls,
    address: SocketAddr,
    to_server: VecDeque<Bytes>,
    to_client: VecDeque<Bytes>,
    at_server: Vec<Bytes>,
    at_client: Vec<Bytes>,
    failures: Vec<DtlsError>,
    /// Datagrams of each direction so far; what becomes of one by its number.
    sent: [usize; 2],
    fate: Box<dyn FnMut(usize, usize) -> Fate>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    /// Behind the one that follows.
    IsOvertaken,
}

impl Fate {
    /// Puts what becomes of a datagram behind those that go on; one that is overtaken comes when they are all there.
    fn befall(self, datagram: Bytes, on: &mut impl Extend<Bytes>, overtaken: &mut Option<Bytes>) {
        match self {
            Fate::Arrives => on.extend([datagram]),
            Fate::IsLost => {}
            Fate::ArrivesTwice => on.extend([datagram.clone(), datagram]),
            Fate::IsOvertaken => *overtaken = Some(datagram),
        }
    }
}

/// What befalls one datagram of a handshake, by its direction and number: each of the first five of both.
fn every_fate() -> impl Iterator<Item = (usize, usize, Fate)> {
    let fates = [Fate::IsLost, Fate::ArrivesTwice, Fate::IsOvertaken];
    let numbers = (0..2).flat_map(|direction| (1..=5).map(move |number| (direction, number)));
    numbers.flat_map(move |(direction, number)| fates.map(|fate| (direction, number, fate)))
}

impl Pair {
    fn new(server: DtlsServer, client: DtlsClient) -> Pair {
        Pair {
            start: Instant::now(),
            server: Dtls::new(server.into(), Time::ZERO).expect("randomness"),
            client: Dtls::new(client.into(), Time::ZERO).expect("randomness"),
            address: client_address(1),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            at_server: Vec::new(),
            at_client: Vec::new(),
            failures: Vec::new(),
            sent: [0; 2],
            fate: Box::new(|_, _| Fate::Arrives),
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    fn send(&mut self, datagram: &[u8]) {
        let mut out = Vec::new();
        self.client
            .depart(self.now(), server_address().into(), [datagram].into_iter(), &mut out);
        if !out.is_empty() {
            self.to_server.push_back(out.into());
        }
    }

    fn answer(&mut self, datagram: &[u8]) {
        let mut out = Vec::new();
        self.server
            .depart(self.now(), self.address.into(), [datagram].into_iter(), &mut out);
        if !out.is_empty() {
            self.to_client.push_back(out.into());
        }
    }

    /// Moves everything that can be moved now.
    fn step(&mut self) {
        let now = self.now();
        loop {
            let Pair {
                server,
                client,
                to_server,
                to_client,
                sent,
                fate,
                ..
            } = &mut *self;
            for (direction, from, to) in [(0, client, to_server), (1, server, to_client)] {
                let mut overtaken = None;
                while let Some((_, datagram)) = from.poll_transmit() {
                    sent[direction] += 1;
                    fate(direction, sent[direction]).befall(datagram, to, &mut overtaken);
                }
                to.extend(overtaken);
            }
            if self.to_server.is_empty() && self.to_client.is_empty() {
                break;
            }
            while let Some(datagram) = self.to_server.pop_front() {
                self.server.arrive(now, self.address.into(), &datagram, &mut |plain| {
                    self.at_server.push(plain);
                });
            }
            while let Some(datagram) = self.to_client.pop_front() {
                self.client
                    .arrive(now, server_address().into(), &datagram, &mut |plain| {
                        self.at_client.push(plain);
                    });
            }
        }
        self.client.handle_timeout(now, || [server_address()].into());
        self.server.handle_timeout(now, || [self.address].into());
        self.failures
            .extend(std::iter::from_fn(|| self.client.poll_failure()).map(|failure| failure.error));
    }
}

/// Moves them all until `done` is true of each.
fn run(pairs: &mut [Pair], done: impl Fn(&Pair) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut open = 0;
        for pair in pairs.iter_mut() {
            pair.step();
            open += usize::from(!done(pair));
        }
        if open == 0 {
            return;
        }
        let open: Vec<_> = pairs.iter().enumerate().filter(|(_, pair)| !done(pair)).collect();
        let why = |(number, pair): &(usize, &Pair)| {
            (
                *number,
                pair.sent,
                pair.client.statistics(),
                pair.server.statistics(),
                format!("{:?}", pair.failures),
            )
        };
        assert!(
            Instant::now() < deadline,
            "{:?}",
            open.iter().map(why).collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_waits_for_the_handshake_arrives_after_it_in_both_kinds_of_keys() {
    for certificate in [Certificate::ecdsa(), Certificate::rsa()] {
        let mut pair = Pair::new(certificate.server(), certificate.client("game"));
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server, ["connect"]);
        pair.answer(&[7; 1392]);
        pair.step();
        assert_eq!(pair.at_client, [vec![7; 1392]]);
        assert_eq!(
            (pair.server.statistics().sessions, pair.server.statistics().in_progress),
            (1, 0)
        );
        // The hello, twice, the finish, and what waited.
        assert_eq!(pair.sent[0], 4);
    }
}

#[test]
fn a_record_adds_no_more_than_is_reckoned_with() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    pair.step();
    let mut out = Vec::new();
    pair.client.depart(
        pair.now(),
        server_address().into(),
        [&[1; 1000][..]].into_iter(),
        &mut out,
    );
    assert!(out.len() > 1000 && out.len() <= 1000 + OVERHEAD, "{}", out.len());
    assert!(!out.windows(8).any(|window| window == [1; 8]));
}

#[test]
fn any_one_datagram_of_a_handshake_may_be_lost_or_doubled_or_overtaken() {
    let certificate = Certificate::rsa();
    let mut pairs = Vec::new();
    for (direction, number, fate) in every_fate() {
        let mut pair = Pair::new(certificate.server(), certificate.client("game"));
        pair.fate = Box::new(move |which, sent| {
            if (which, sent) == (direction, number) {
                fate
            } else {
                Fate::Arrives
            }
        });
        pair.send(b"connect");
        pairs.push(pair);
    }
    // What waited for the end can be lost as well; ENet sends it again.
    run(&mut pairs, |pair| {
        pair.server.statistics().sessions == 1 && pair.client.statistics().sessions == 1
    });
    for pair in &mut pairs {
        pair.send(b"again");
        pair.step();
        assert_eq!(pair.at_server.last().map(|datagram| &datagram[..]), Some(&b"again"[..]));
        assert_eq!(pair.failures, []);
    }
}

#[test]
fn why_a_certificate_is_refused_is_said() {
    let game = Certificate::ecdsa();
    let other = Certificate::ecdsa();
    let old = Certificate::new([2020, 2021]);
    let early = Certificate::new([2120, 2121]);
    let fails = |server: &Certificate, client: DtlsClient| {
        let mut pair = Pair::new(server.server(), client);
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server, [] as [Bytes; 0]);
        let [error] = &pair.failures[..] else {
            panic!("{:?}", pair.failures)
        };
        assert_eq!(pair.client.statistics().certificates_refused, 1);
        assert_eq!(
            pair.server.statistics().refused_by_others,
            1,
            "{:?}",
            pair.server.poll_failure()
        );
        error.clone()
    };
    assert!(matches!(fails(&game, other.client("game")), DtlsError::Untrusted(_)));
    assert!(matches!(
        fails(&game, DtlsClient::new("game").expect("a name")),
        DtlsError::Untrusted(_)
    ));
    assert!(matches!(fails(&old, old.client("game")), DtlsError::Expired(_)));
    assert!(matches!(fails(&early, early.client("game")), DtlsError::Expired(_)));
    assert_eq!(fails(&game, game.client("elsewhere")), DtlsError::WrongName);
    assert_eq!(fails(&game, game.client("192.0.2.1")), DtlsError::WrongName);
    assert_eq!(fails(&game, other.pinned()), DtlsError::NotPinned);
}

#[test]
fn a_pinned_certificate_is_trusted_whatever_its_name_and_dates_and_anyone_if_asked_for() {
    let old = Certificate::new([2020, 2021]);
    let pinned = old.pinned();
    for client in [pinned, DtlsClient::dangerously_trusting_anyone()] {
        let mut pair = Pair::new(old.server(), client);
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server, ["connect"]);
    }
}

#[test]
fn a_certificate_can_be_replaced_while_sessions_go_on() {
    let [first, second] = [Certificate::ecdsa(), Certificate::ecdsa()];
    let server = first.server();
    let mut pair = Pair::new(server.clone(), first.client("game"));
    pair.send(b"connect");
    pair.step();
    let identity = Identity::from_pem(second.certificate.as_bytes(), second.key.as_bytes()).expect("it fits");
    server.replace(&[identity]).expect("it is good");
    pair.send(b"still here");
    pair.step();
    assert_eq!(pair.at_server, ["connect", "still here"]);
    let mut newcomer = Pair::new(server, second.client("game"));
    newcomer.send(b"connect");
    newcomer.step();
    assert_eq!(newcomer.at_server, ["connect"]);
}

#[test]
fn keys_and_certificates_that_cannot_be_used_are_errors_that_say_so() {
    let [one, other] = [Certificate::ecdsa(), Certificate::ecdsa()];
    let error = |certificates: &[u8], key: &[u8]| DtlsServer::from_pem(certificates, key).expect_err("an error");
    let [certificate, key] = [one.certificate.as_bytes(), one.key.as_bytes()];
    assert_eq!(error(certificate, other.key.as_bytes()), DtlsSetupError::Mismatch);
    assert!(matches!(error(b"nothing", key), DtlsSetupError::Certificate(_)));
    assert!(matches!(error(certificate, b"nothing"), DtlsSetupError::Key(_)));
    assert!(matches!(DtlsClient::new("no name"), Err(DtlsSetupError::Name(_))));
}

#[test]
fn a_stranger_without_a_cookie_costs_nothing_and_gets_no_more_than_it_sent() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    let (_, hello) = pair.client.poll_transmit().expect("a hello");
    for number in 0..1000 {
        pair.server
            .arrive(Time::ZERO, client_address(number).into(), &hello, &mut |_| {});
        while let Some((_, answer)) = pair.server.poll_transmit() {
            assert!(answer.len() <= hello.len());
        }
    }
    let statistics = pair.server.statistics();
    assert_eq!(
        (statistics.verified, statistics.in_progress, statistics.sessions),
        (1000, 0, 0)
    );
    assert_eq!(pair.server.next_at(), None);
}

#[test]
fn answers_to_strangers_do_not_pile_up() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    let (_, hello) = pair.client.poll_transmit().expect("a hello");
    for number in 0..10_000 {
        pair.server
            .arrive(Time::ZERO, client_address(number).into(), &hello, &mut |_| {});
    }
    assert_eq!(std::iter::from_fn(|| pair.server.poll_transmit()).count(), MAX_ANSWERS);
}

/// Some time after the start.
const NOW: Time = Time::from_millis(60_000);

/// A client's second hello, with its cookie, from this address.
fn second_hello(server: &mut Dtls, trust: DtlsClient, address: SocketAddr) -> Bytes {
    let mut client = Dtls::new(trust.into(), Time::ZERO).expect("randomness");
    client.depart(
        Time::ZERO,
        server_address().into(),
        [&b"connect"[..]].into_iter(),
        &mut Vec::new(),
    );
    let (_, hello) = client.poll_transmit().expect("a hello");
    while server.poll_transmit().is_some() {}
    server.arrive(NOW, address.into(), &hello, &mut |_| {});
    let (_, request) = server.poll_transmit().expect("an answer");
    client.arrive(Time::ZERO, server_address().into(), &request, &mut |_| {});
    client.poll_transmit().expect("a second hello").1
}

#[test]
fn handshakes_are_limited_by_address_and_by_second_and_end_by_themselves() {
    let certificate = Certificate::ecdsa();
    let mut config = certificate.server();
    config.max_handshakes_per_address = 10;
    let mut server = Dtls::new(config.into(), Time::ZERO).expect("randomness");
    let trust = certificate.client("game");
    let hello = |server: &mut Dtls, address| {
        let hello = second_hello(server, trust.clone(), address);
        server.arrive(NOW, address.into(), &hello, &mut |_| {});
    };
    for port in 0..12 {
        hello(&mut server, client_address(1000 + port));
    }
    assert_eq!((server.statistics().in_progress, server.statistics().limited), (10, 2));
    for other in 0..20 {
        hello(&mut server, SocketAddr::from(([203, 0, 113, other], 7)));
    }
    // A burst, and no more in the same moment.
    assert_eq!(server.statistics().in_progress, BURST as usize);
    while server.poll_transmit().is_some() {}
    server.handle_timeout(NOW + Duration::from_secs(8), HashSet::new);
    assert_eq!(
        (server.statistics().in_progress, server.statistics().timed_out),
        (0, u64::from(BURST))
    );
    assert!(server.sessions.is_empty() && server.making.by_site.is_empty());
}

#[test]
fn a_burst_may_begin_right_after_the_start() {
    let certificate = Certificate::ecdsa();
    let mut server = Dtls::new(certificate.server().into(), Time::ZERO).expect("randomness");
    let trust = certificate.client("game");
    for number in 0..BURST {
        let address = SocketAddr::from(([203, 0, 113, number as u8], 7));
        let hello = second_hello(&mut server, trust.clone(), address);
        server.arrive(Time::from_millis(1), address.into(), &hello, &mut |_| {});
    }
    let statistics = server.statistics();
    assert_eq!((statistics.in_progress, statistics.limited), (BURST as usize, 0));
}

#[test]
fn one_address_that_begins_again_and_again_leaves_handshakes_to_others() {
    let certificate = Certificate::ecdsa();
    let mut config = certificate.server();
    config.max_handshakes_per_second = 40;
    let mut server = Dtls::new(config.into(), Time::ZERO).expect("randomness");
    let trust = certificate.client("game");
    for _ in 0..15 {
        let hello = second_hello(&mut server, trust.clone(), client_address(7));
        server.arrive(NOW, client_address(7).into(), &hello, &mut |_| {});
    }
    assert_eq!(server.statistics().limited, 5);
    let other = SocketAddr::from(([203, 0, 113, 1], 7));
    let hello = second_hello(&mut server, trust, other);
    server.arrive(NOW, other.into(), &hello, &mut |_| {});
    assert_eq!((server.statistics().limited, server.statistics().in_progress), (5, 2));
}

#[test]
fn who_leaves_handshakes_unfinished_leaves_room_for_those_who_do_not() {
    let certificate = Certificate::ecdsa();
    let mut server = Dtls::new(certificate.server().into(), Time::ZERO).expect("randomness");
    let trust = certificate.client("game");
    let address = |number: u32, port: u16| SocketAddr::from(([203, 0, 113, number as u8], port));
    let mut begin = |now: Time, address: SocketAddr| {
        let before = server.statistics().in_progress;
        let hello = second_hello(&mut server, trust.clone(), address);
        server.arrive(now, address.into(), &hello, &mut |_| {});
        server.statistics().in_progress > before
    };
    assert!((0..BURST).all(|number| begin(NOW, address(number, 1))));
    // When as many may begin again, they cannot take it all.
    let later = NOW + PROMPT;
    let again = (0..BURST).filter(|number| begin(later, address(*number, 2))).count();
    let others = (BURST..2 * BURST)
        .filter(|number| begin(later, address(*number, 1)))
        .count();
    assert_eq!((again, others), (BURST as usize / 2, BURST as usize / 2));
}

#[test]
fn when_all_places_are_taken_the_oldest_handshake_makes_room_for_who_has_left_none() {
    let certificate = Certificate::ecdsa();
    let mut config = certificate.server();
    config.max_handshakes = 4;
    let mut server = Dtls::new(config.into(), Time::ZERO).expect("randomness");
    let trust = certificate.client("game");
    let address = |number: u8, port: u16| SocketAddr::from(([203, 0, 113, number], port));
    let mut begin = |now: Time, address: SocketAddr| {
        let hello = second_hello(&mut server, trust.clone(), address);
        server.arrive(now, address.into(), &hello, &mut |_| {});
        let statistics = server.statistics();
        let is_in = server.sessions.contains_key(&address);
        (is_in, statistics.in_progress, statistics.timed_out)
    };
    for number in 0..4 {
        begin(NOW + Duration::from_millis(number.into()), address(number, 1));
    }
    assert_eq!(begin(NOW + PROMPT / 2, address(4, 1)), (false, 4, 0));
    assert_eq!(begin(NOW + PROMPT, address(0, 2)), (false, 4, 0));
    assert_eq!(begin(NOW + PROMPT, address(4, 1)), (true, 4, 1));
    assert!(!server.sessions.contains_key(&address(0, 1)));
}

#[test]
fn who_has_finished_a_handshake_owes_none() {
    let mut making = Making::default();
    making.count(NOW, client_address(1));
    assert!(!making.owes(NOW, client_address(1)));
    assert!(making.owes(NOW + PROMPT, client_address(2)));
    making.count(NOW + OWING, client_address(1));
    assert!(making.owes(NOW + OWING, client_address(1)));
    making.finish(client_address(1));
    assert!(!making.owes(NOW + OWING, client_address(1)));
    making.count(NOW + OWING, client_address(1));
    for other in [OWING * 2, OWING * 3] {
        assert!(making.owes(NOW + other, client_address(1)));
        making.count(NOW + other, server_address());
    }
    assert!(!making.owes(NOW + OWING * 3, client_address(1)));
}

#[test]
fn a_session_that_no_peer_uses_ends_and_the_other_side_is_told() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    pair.step();
    pair.server
        .handle_timeout(Time::from_millis(60_000), || [pair.address].into());
    pair.server.handle_timeout(Time::from_millis(67_000), HashSet::new);
    assert_eq!(pair.server.statistics().sessions, 1);
    pair.server.handle_timeout(Time::from_millis(68_000), HashSet::new);
    assert_eq!(pair.server.statistics().sessions, 0);
    pair.step();
    assert_eq!(pair.failures, [DtlsError::Closed]);
    assert_eq!(pair.client.statistics().sessions, 0);
}

#[test]
fn a_client_that_was_restarted_on_its_port_gets_a_new_session() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    pair.step();
    pair.client = Dtls::new(certificate.client("game").into(), Time::ZERO).expect("randomness");
    pair.send(b"again");
    pair.step();
    assert_eq!(pair.at_server, ["connect", "again"]);
    assert_eq!(pair.server.statistics().sessions, 1);
}

/// A CONNECT, as far as this layer looks at it.
const CONNECT: &[u8] = b"\x8f\xff connect";

#[test]
fn a_server_that_forgot_its_session_is_asked_for_a_new_one() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(CONNECT);
    pair.step();
    pair.server = Dtls::new(certificate.server().into(), Time::ZERO).expect("randomness");
    // The first tells that nothing comes back.
    pair.send(CONNECT);
    pair.step();
    assert_eq!((pair.at_server.len(), pair.server.statistics().sessions), (1, 0));
    pair.send(CONNECT);
    pair.step();
    assert_eq!(pair.at_server, [CONNECT, CONNECT]);
    // Whoever is answered keeps the session.
    pair.answer(b"verify");
    pair.step();
    pair.send(CONNECT);
    pair.step();
    assert_eq!(pair.server.statistics().handshakes, 1);
}

#[test]
fn who_vanishes_in_a_handshake_leaves_nothing() {
    let certificate = Certificate::ecdsa();
    for last in 1..=3 {
        let mut pair = Pair::new(certificate.server(), certificate.client("game"));
        pair.fate = Box::new(move |direction, sent| match direction == 0 && sent > last {
            true => Fate::IsLost,
            false => Fate::Arrives,
        });
        pair.send(b"connect");
        pair.step();
        let later = pair.now() + Duration::from_secs(9);
        for second in 0..10 {
            pair.server
                .handle_timeout(later + Duration::from_secs(second), HashSet::new);
        }
        let server = &pair.server;
        assert!(server.sessions.is_empty() && server.making.by_site.is_empty(), "{last}");
        assert_eq!((server.making.total, server.next_at()), (0, None), "{last}");
    }
}

#[test]
fn a_session_that_ends_with_its_handshake_is_no_longer_counted() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    for _ in 0..10 {
        let now = pair.now();
        while let Some((_, datagram)) = pair.client.poll_transmit() {
            pair.server.arrive(now, pair.address.into(), &datagram, &mut |_| {});
        }
        let is_last = pair.server.statistics().sessions == 1;
        while let Some((_, datagram)) = pair.server.poll_transmit() {
            let mut datagram = datagram.to_vec();
            if is_last {
                // The end of the handshake and the farewell arrive together.
                pair.server.close();
                let farewell = std::iter::from_fn(|| pair.server.poll_transmit()).last();
                datagram.extend_from_slice(&farewell.expect("a farewell").1);
            }
            pair.client.arrive(now, server_address().into(), &datagram, &mut |_| {});
        }
        if is_last {
            let statistics = pair.client.statistics();
            assert_eq!(
                (statistics.in_progress, statistics.sessions, statistics.handshakes),
                (0, 0, 1)
            );
            return;
        }
    }
    panic!("the handshake has no end");
}

#[test]
fn thousands_come_and_go_and_leave_nothing() {
    let certificate = Certificate::ecdsa();
    let mut config = certificate.server();
    config.max_handshakes_per_second = 1_000_000;
    let mut server = Dtls::new(config.clone().into(), Time::ZERO).expect("randomness");
    let start = Instant::now();
    for number in 0..1000 {
        let mut pair = Pair::new(config.clone(), certificate.client("game"));
        std::mem::swap(&mut pair.server, &mut server);
        pair.start = start;
        pair.address = client_address(number);
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.server.statistics().sessions, 1, "{number}");
        pair.client.close();
        pair.step();
        assert_eq!(pair.server.statistics().sessions, 0, "{number}");
        server = pair.server;
        while server.poll_failure().is_some() {}
    }
    assert!(server.sessions.capacity() < 16 && server.outbox.capacity() < 64);
    assert!(server.making.by_site.capacity() < 16 && server.failures.capacity() < 16);
}

#[test]
fn several_certificates_can_be_offered_and_each_client_gets_the_one_it_can_verify() {
    let [rsa, ecdsa] = [Certificate::rsa(), Certificate::ecdsa()];
    let identity = |certificate: &Certificate| {
        Identity::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).expect("it fits")
    };
    let server = DtlsServer::with_identities(&[identity(&rsa), identity(&ecdsa)]).expect("both");
    // A client says what it can verify; ours can both, and then it is the cheaper one.
    let mut pair = Pair::new(server, ecdsa.client("game"));
    pair.send(b"connect");
    pair.step();
    assert_eq!(pair.at_server, ["connect"]);
}

#[test]
fn of_several_certificates_with_one_kind_of_key_the_name_chooses_and_else_the_first() {
    let made = |name: &str| {
        let certificate = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        Certificate {
            certificate: certificate.cert.pem(),
            key: certificate.signing_key.serialize_pem(),
        }
    };
    let [first, second] = ["first.example", "second.example"].map(made);
    let identities = [&first, &second].map(|certificate| {
        Identity::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).expect("it fits")
    });
    let server = DtlsServer::with_identities(&identities).expect("both");
    let third = first.pinned().with_name("third.example").expect("a name");
    for client in [first.client("first.example"), second.client("SECOND.example"), third] {
        let mut pair = Pair::new(server.clone(), client);
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server, ["connect"], "{:?}", pair.failures);
    }
}

#[test]
fn der_does_as_well_as_pem() {
    let pem = Certificate::ecdsa();
    let der = openssl::x509::X509::from_pem(pem.certificate.as_bytes())
        .and_then(|certificate| certificate.to_der())
        .expect("a certificate");
    let key = openssl::pkey::PKey::private_key_from_pem(pem.key.as_bytes())
        .and_then(|key| key.private_key_to_der())
        .expect("a key");
    let identity = Identity::from_der(&[&der], &key).expect("it fits");
    let server = DtlsServer::with_identities(&[identity]).expect("it serves");
    let trusted = DtlsClient::new("game").and_then(|client| client.with_trusted(&der));
    for client in [trusted, DtlsClient::pinned(&der)] {
        let mut pair = Pair::new(server.clone(), client.expect("a certificate"));
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server, ["connect"]);
    }
}

#[test]
fn a_certificate_can_be_pinned_by_its_digest() {
    let certificate = Certificate::ecdsa();
    let digest = openssl::x509::X509::from_pem(certificate.certificate.as_bytes())
        .and_then(|certificate| certificate.digest(openssl::hash::MessageDigest::sha256()))
        .expect("a digest");
    let mut sha256: [u8; 32] = digest.as_ref().try_into().expect("32 bytes");
    for right in [true, false] {
        let mut pair = Pair::new(certificate.server(), DtlsClient::pinned_sha256(sha256));
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server.len(), usize::from(right));
        assert_eq!(pair.failures.contains(&DtlsError::NotPinned), !right);
        sha256[31] ^= 1;
    }
}

#[test]
fn an_address_is_a_name_where_addresses_belong_or_as_the_only_name() {
    let named = |common: &str, others: &[&str]| {
        let others: Vec<_> = others.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(others).expect("names");
        parameters.distinguished_name.push(DnType::CommonName, common);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    };
    for (certificate, address, trusted) in [
        (named("game", &["192.0.2.1"]), "192.0.2.1", true),
        (named("192.0.2.1", &[]), "192.0.2.1", true),
        (named("192.0.2.1", &[]), "192.0.2.2", false),
        (named("192.0.2.1", &["192.0.2.2"]), "192.0.2.1", false),
        (named("game", &["2001:db8::1"]), "2001:db8::1", true),
    ] {
        let mut pair = Pair::new(certificate.server(), certificate.client(address));
        pair.send(b"connect");
        pair.step();
        assert_eq!(
            pair.at_server.len(),
            usize::from(trusted),
            "{address}: {:?}",
            pair.failures
        );
    }
}

#[test]
fn any_name_will_do_only_if_asked_for_and_trust_is_needed_all_the_same() {
    let [game, other] = [Certificate::ecdsa(), Certificate::ecdsa()];
    for (trusted, works) in [(&game, true), (&other, false)] {
        let client = trusted.client("elsewhere").dangerously_trusting_any_name();
        let mut pair = Pair::new(game.server(), client);
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server.len(), usize::from(works));
    }
}

/// The environment says what the system trusts, so this looks from a process of its own.
#[test]
fn what_the_system_trusts_is_trusted_if_nothing_else_is_said() {
    const NAME: &str = "SSL_CERT_FILE";
    const OWN: &str = "DTLS_TEST_OF_ROOTS";
    if std::env::var_os(OWN).is_some() {
        let client = DtlsClient::new("game").expect("a name");
        let mut pair = Pair::new(Certificate::rsa().server(), client);
        pair.send(b"connect");
        pair.step();
        assert_eq!(pair.at_server, ["connect"], "{:?}", pair.failures);
        return;
    }
    let folder = std::env::temp_dir().join(format!("dtls-roots-{}", std::process::id()));
    std::fs::write(&folder, tls::RSA.certificate).expect("a file");
    let status = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "layer::dtls::tests::what_the_system_trusts_is_trusted_if_nothing_else_is_said",
        ])
        .env(NAME, &folder)
        .env(OWN, "1")
        .env_remove("SSL_CERT_DIR")
        .stdout(std::process::Stdio::null())
        .status();
    std::fs::remove_file(&folder).expect("it is there");
    assert!(status.expect("it starts").success());
}

#[test]
fn nonsense_in_a_session_changes_nothing() {
    let certificate = Certificate::ecdsa();
    let mut pair = Pair::new(certificate.server(), certificate.client("game"));
    pair.send(b"connect");
    pair.step();
    let mut record = Vec::new();
    pair.client.depart(
        pair.now(),
        server_address().into(),
        [&b"data"[..]].into_iter(),
        &mut record,
    );
    for at in 0..record.len() {
        let mut bad = record.clone();
        bad[at] ^= 0x55;
        pair.to_server.push_back(bad.into());
    }
    for length in 0..record.len() {
        pair.to_server.push_back(Bytes::copy_from_slice(&record[..length]));
        // Whole, but shorter than it says, and than any can be.
        if length >= 13 {
            let mut short = record[..length].to_vec();
            short[11..13].copy_from_slice(&((length - 13) as u16).to_be_bytes());
            pair.to_server.push_back(short.clone().into());
            pair.to_client.push_back(short.into());
        }
    }
    pair.step();
    assert_eq!(pair.failures, []);
    assert_eq!(pair.at_server, ["connect"]);
    pair.to_server.push_back(record.into());
    pair.step();
    assert_eq!(pair.at_server, ["connect", "data"]);
}
