//! Handshakes with OpenSSL's own ends, which know nothing of this layer: a client, and a server with cookies of its own.

use std::io::{Read, Write};

use openssl::ssl::{Ssl, SslMethod, SslOptions, SslStream, SslVerifyMode};

use super::*;

/// The datagrams of OpenSSL's end.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<Bytes>,
    outgoing: VecDeque<Bytes>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(datagram) = self.incoming.pop_front() else {
            return Err(std::io::ErrorKind::WouldBlock.into());
        };
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> std::io::Result<usize> {
        self.outgoing.push_back(Bytes::copy_from_slice(datagram));
        Ok(datagram.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Ours and OpenSSL's.
struct Encounter {
    start: Instant,
    ours: Dtls,
    theirs: SslStream<Wire>,
    is_up: bool,
    at_ours: Vec<Bytes>,
    at_theirs: Vec<Vec<u8>>,
    /// From ours, and from theirs.
    sent: [usize; 2],
    fate: (usize, usize, Fate),
}

impl Encounter {
    fn new(ours: DtlsConfig, theirs: Ssl, fate: (usize, usize, Fate)) -> Encounter {
        Encounter {
            start: Instant::now(),
            ours: Dtls::new(ours, Time::ZERO).expect("randomness"),
            theirs: SslStream::new(theirs, Wire::default()).expect("a stream"),
            is_up: false,
            at_ours: Vec::new(),
            at_theirs: Vec::new(),
            sent: [0; 2],
            fate,
        }
    }

    /// Ours, with a client of OpenSSL's that offers these suites.
    fn serving(certificate: &Certificate, suites: &str, fate: (usize, usize, Fate)) -> Encounter {
        let mut context = openssl::ssl::SslContextBuilder::new(SslMethod::dtls()).expect("a context");
        context.set_cipher_list(suites).expect("suites");
        context.set_verify(SslVerifyMode::NONE);
        let mut ssl = Ssl::new(&context.build()).expect("an end");
        ssl.set_connect_state();
        ssl.set_mtu(1400).expect("an MTU");
        Encounter::new(certificate.server().into(), ssl, fate)
    }

    /// Ours, with a server of OpenSSL's that has these suites.
    fn joining(certificate: &Certificate, suites: &str, fate: (usize, usize, Fate)) -> Encounter {
        let mut context = openssl::ssl::SslContextBuilder::new(SslMethod::dtls()).expect("a context");
        context.set_cipher_list(suites).expect("suites");
        let own = openssl::x509::X509::from_pem(certificate.certificate.as_bytes()).expect("a certificate");
        let key = openssl::pkey::PKey::private_key_from_pem(certificate.key.as_bytes()).expect("a key");
        context.set_certificate(&own).expect("a certificate");
        context.set_private_key(&key).expect("a key");
        context.set_options(SslOptions::COOKIE_EXCHANGE | SslOptions::NO_QUERY_MTU);
        context.set_cookie_generate_cb(|_, cookie| {
            cookie[..8].copy_from_slice(b"a cookie");
            Ok(8)
        });
        context.set_cookie_verify_cb(|_, cookie| cookie == b"a cookie");
        let mut ssl = Ssl::new(&context.build()).expect("an end");
        ssl.set_accept_state();
        ssl.set_mtu(1400).expect("an MTU");
        let mut encounter = Encounter::new(certificate.client("game").into(), ssl, fate);
        encounter.send(b"connect");
        encounter
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    fn send(&mut self, datagram: &[u8]) {
        let mut record = Vec::new();
        self.ours
            .depart(self.now(), server_address().into(), [datagram].into_iter(), &mut record);
        if !record.is_empty() {
            self.theirs.get_mut().incoming.push_back(record.into());
        }
    }

    fn fated(&mut self, direction: usize, datagrams: Vec<Bytes>) -> Vec<Bytes> {
        let mut out = Vec::new();
        let mut overtaken = None;
        for datagram in datagrams {
            self.sent[direction] += 1;
            let (which, number, fate) = self.fate;
            let fate = if (which, number) == (direction, self.sent[direction]) {
                fate
            } else {
                Fate::Arrives
            };
            fate.befall(datagram, &mut out, &mut overtaken);
        }
        out.extend(overtaken);
        out
    }

    /// Moves what there is; whether anything was.
    fn step(&mut self) -> bool {
        let now = self.now();
        let from_ours = std::iter::from_fn(|| self.ours.poll_transmit())
            .map(|(_, datagram)| datagram)
            .collect();
        let from_ours = self.fated(0, from_ours);
        self.theirs.get_mut().incoming.extend(from_ours);
        if !self.is_up {
            self.is_up = self.theirs.do_handshake().is_ok();
        }
        let mut buffer = [0; 2048];
        while self.is_up
            && let Ok(length) = self.theirs.ssl_read(&mut buffer)
        {
            self.at_theirs.push(buffer[..length].to_vec());
        }
        let from_theirs = self.theirs.get_mut().outgoing.drain(..).collect();
        let from_theirs = self.fated(1, from_theirs);
        let moved = !from_theirs.is_empty() || !self.theirs.get_ref().incoming.is_empty();
        for datagram in from_theirs {
            self.ours.arrive(now, server_address().into(), &datagram, &mut |plain| {
                self.at_ours.push(plain);
            });
        }
        self.ours.handle_timeout(now, || [server_address()].into());
        moved
    }

    /// Moves both until they have a session.
    fn settle(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.is_done() {
            while self.step() {}
            assert!(Instant::now() < deadline, "{:?}", self.ours.poll_failure());
        }
        while self.step() {}
    }

    fn is_done(&self) -> bool {
        self.is_up && self.ours.statistics().sessions == 1
    }
}

/// OpenSSL's choice.
const ANY_SUITE: &str = "DEFAULT";

/// Nothing befalls any.
const NO_FATE: (usize, usize, Fate) = (9, 9, Fate::Arrives);

fn every_fate_and_none() -> impl Iterator<Item = (usize, usize, Fate)> {
    std::iter::once(NO_FATE).chain(every_fate())
}

fn all_succeed(mut encounters: Vec<Encounter>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !encounters.iter().all(Encounter::is_done) {
        for encounter in &mut encounters {
            while encounter.step() {}
        }
        let open: Vec<_> = encounters.iter().filter(|encounter| !encounter.is_done()).collect();
        let numbers: Vec<_> = open
            .iter()
            .map(|open| (open.fate.0, open.fate.1, open.sent, open.ours.statistics()))
            .collect();
        assert!(Instant::now() < deadline, "{numbers:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    for encounter in &mut encounters {
        encounter.fate = NO_FATE;
        while encounter.step() {}
        encounter.at_theirs.clear();
        encounter.send(b"from ours");
        encounter.theirs.ssl_write(b"from theirs").expect("it is up");
        while encounter.step() {}
        assert_eq!(encounter.at_theirs, [b"from ours"]);
        assert_eq!(encounter.at_ours.last().map(|it| &it[..]), Some(&b"from theirs"[..]));
    }
}

#[test]
fn openssl_s_own_client_gets_in_whichever_datagram_is_lost_or_doubled_or_overtaken() {
    let certificate = Certificate::rsa();
    let meet = |fate| Encounter::serving(&certificate, ANY_SUITE, fate);
    all_succeed(every_fate_and_none().map(meet).collect());
}

#[test]
fn openssl_s_own_server_is_joined_whichever_datagram_is_lost_or_doubled_or_overtaken() {
    let certificate = Certificate::rsa();
    let meet = |fate| Encounter::joining(&certificate, ANY_SUITE, fate);
    all_succeed(every_fate_and_none().map(meet).collect());
}

/// One of each suite, and of each kind of key and role.
fn of_every_suite() -> impl Iterator<Item = (String, Encounter)> {
    let ciphers = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"];
    let certificates = [("RSA", Certificate::rsa()), ("ECDSA", Certificate::ecdsa())];
    certificates.into_iter().flat_map(move |(kind, certificate)| {
        ciphers.into_iter().flat_map(move |cipher| {
            let suite = format!("ECDHE-{kind}-{cipher}");
            [Encounter::serving, Encounter::joining].map(|meet| {
                let mut encounter = meet(&certificate, &suite, NO_FATE);
                encounter.settle();
                let chosen = encounter
                    .theirs
                    .ssl()
                    .current_cipher()
                    .map(openssl::ssl::SslCipherRef::name);
                assert_eq!(chosen, Some(&suite[..]));
                (suite.clone(), encounter)
            })
        })
    })
}

#[test]
fn records_of_every_suite_are_openssl_s_and_the_other_way_around() {
    for (suite, mut encounter) in of_every_suite() {
        encounter.at_theirs.clear();
        let sizes = [1, 511, 512, 1392, 2048];
        for size in sizes {
            let data = vec![size as u8; size];
            encounter.send(&data);
            encounter.theirs.ssl_write(&data).expect("it is up");
        }
        while encounter.step() {}
        let lengths: Vec<_> = encounter.at_theirs.iter().map(Vec::len).collect();
        assert_eq!(lengths, sizes, "{suite}");
        let lengths: Vec<_> = encounter.at_ours.iter().map(Bytes::len).collect();
        assert_eq!(lengths, sizes, "{suite}");
        let is_whole = |data: &[u8]| data.iter().all(|&byte| byte == data.len() as u8);
        assert!(encounter.at_theirs.iter().all(|data| is_whole(data)), "{suite}");
        assert!(encounter.at_ours.iter().all(|data| is_whole(data)), "{suite}");
    }
}

#[test]
fn a_farewell_of_openssl_s_is_understood_and_ours_is_by_it() {
    for (suite, mut encounter) in of_every_suite() {
        encounter.theirs.shutdown().expect("it is up");
        while encounter.step() {}
        let failure = encounter.ours.poll_failure().map(|failure| failure.error);
        assert_eq!(failure, Some(DtlsError::Closed), "{suite}");
    }
    for (suite, mut encounter) in of_every_suite() {
        encounter.ours.close();
        for (_, farewell) in std::iter::from_fn(|| encounter.ours.poll_transmit()) {
            encounter.theirs.get_mut().incoming.push_back(farewell);
        }
        let error = encounter.theirs.ssl_read(&mut [0; 2048]).expect_err("no data");
        assert_eq!(error.code(), openssl::ssl::ErrorCode::ZERO_RETURN, "{suite}: {error}");
    }
}
