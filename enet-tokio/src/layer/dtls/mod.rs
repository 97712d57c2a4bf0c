//! Encryption as Godot's ENet has it: DTLS 1.2 under the whole host, one session for each address, one ENet datagram a record.
//!
//! A stranger's first ClientHello is answered without keeping anything (`hello`). Only who proves that it receives gets a
//! session; how many may be in the making, altogether and for an address, and how many may begin in a second, is limited. A
//! session ends with the other side's word, or when no peer has used it for some seconds.
//!
//! A handshake is OpenSSL's, behind `handshake` and `settings`. With the keys that it leaves (`keys`) records are sealed and opened here,
//! by the ciphers of ring (`records`).

mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod handshake;
mod hello;
mod keys;
mod records;
mod session;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use enet_proto::wire::{Header, PeerId};
use enet_proto::{Path, Time, site};

pub use error::{DtlsError, DtlsSetupError};
use hello::{ClientHello, Cookies, hello_verify_request};
use session::{Outcome, Session, Stage};
pub use settings::{DtlsClient, DtlsServer, Identity};

/// How often handshakes are looked at, whose messages may be due again: OpenSSL has the time-outs, from one second on.
const HANDSHAKE_TICK: Duration = Duration::from_millis(100);

/// How often it is seen which sessions are in use.
const SWEEP: Duration = Duration::from_secs(1);

/// How long a session is kept that no peer uses: one whose ENet connection is still to come, or has just ended, and whose last
/// messages may have to be repeated. Newer Godots have the same.
const UNUSED: Duration = Duration::from_secs(8);

/// How many handshakes may begin at once after a pause.
const BURST: u32 = 16;

/// The part of the handshakes of a second that one address may begin.
const MOST_OF_ONE: u32 = 4;

/// For how long at least it counts against an address that it has begun a handshake and not finished it.
const OWING: Duration = Duration::from_secs(8);

/// How long a handshake may take before it counts as left: those who come all at once by one address are not to hinder each other.
const PROMPT: Duration = Duration::from_secs(1);

/// How many answers to strangers may wait for the socket. Those beyond are dropped; a client asks again.
const MAX_ANSWERS: usize = 256;

/// What DTLS adds to a datagram at most: the header of the record, an explicit nonce and a tag.
pub(crate) const OVERHEAD: usize = 37;

/// What an endpoint is in DTLS. One that is both answers handshakes, and begins one with whom it dials.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DtlsConfig {
    /// Answers handshakes with these certificates.
    pub server: Option<DtlsServer>,
    /// Begins handshakes, trusting so.
    pub client: Option<DtlsClient>,
}

impl From<DtlsServer> for DtlsConfig {
    fn from(server: DtlsServer) -> DtlsConfig {
        DtlsConfig {
            server: Some(server),
            client: None,
        }
    }
}

impl From<DtlsClient> for DtlsConfig {
    fn from(client: DtlsClient) -> DtlsConfig {
        DtlsConfig {
            server: None,
            client: Some(client),
        }
    }
}

/// What the encryption of an endpoint has done so far, and does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DtlsStatistics {
    /// Handshakes that succeeded.
    pub handshakes: u64,
    /// Handshakes that failed as a certificate was not accepted here.
    pub certificates_refused: u64,
    /// Handshakes that the other side broke off, for example as it does not accept our certificate.
    pub refused_by_others: u64,
    /// Handshakes that were not finished in time.
    pub timed_out: u64,
    /// Handshakes that failed for another reason.
    pub failed: u64,
    /// Handshakes that could not begin as too many were under way, or have begun in this second.
    pub limited: u64,
    /// Each `ClientHello` that was asked to prove that its sender receives.
    pub verified: u64,
    /// Datagrams that are no DTLS, are of no session, are malformed, were not sealed by the other side, or came before.
    pub dropped: u64,
    /// Handshakes under way.
    pub in_progress: usize,
    /// Sessions that are up.
    pub sessions: usize,
    /// Bytes that came in the records of sessions.
    pub received_bytes: u64,
    /// Bytes that left in the records of sessions.
    pub sent_bytes: u64,
}

/// Why an address has no session, or has none any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) address: SocketAddr,
    pub(crate) error: DtlsError,
    /// Whether the session had been up.
    pub(crate) was_up: bool,
}

/// The layer of one endpoint.
#[derive(Debug)]
pub(crate) struct Dtls {
    config: DtlsConfig,
    sessions: HashMap<SocketAddr, Session>,
    making: Making,
    cookies: Cookies,
    /// When the next handshake may begin if handshakes begin evenly. A burst may begin before.
    allowed: Time,
    outbox: VecDeque<(Path, Bytes)>,
    failures: VecDeque<Failure>,
    plain: BytesMut,
    next_tick: Option<Time>,
    next_sweep: Option<Time>,
    statistics: DtlsStatistics,
}

/// The handshakes under way, and whose they are.
#[derive(Debug, Default)]
struct Making {
    total: usize,
    by_site: HashMap<IpAddr, usize>,
    /// How many each has begun in this second; no more entries than may begin in it.
    begun: HashMap<IpAddr, u32>,
    second: Time,
    /// Who has begun one and not finished it, and since when, lately and some time before; no more entries than may begin in that time.
    owing: [HashMap<IpAddr, Time>; 2],
    owing_since: Time,
}

impl Dtls {
    /// Fails if the system has no random numbers.
    pub(crate) fn new(config: DtlsConfig, now: Time) -> Result<Dtls, getrandom::Error> {
        Ok(Dtls {
            config,
            sessions: HashMap::new(),
            making: Making::default(),
            cookies: Cookies::new(now, [secret()?, secret()?]),
            allowed: now,
            outbox: VecDeque::new(),
            failures: VecDeque::new(),
            plain: BytesMut::new(),
            next_tick: None,
            next_sweep: None,
            statistics: DtlsStatistics::default(),
        })
    }

    pub(crate) fn statistics(&self) -> DtlsStatistics {
        DtlsStatistics {
            in_progress: self.making.total,
            sessions: self.sessions.len() - self.making.total,
            ..self.statistics
        }
    }

    /// A datagram came; what it carries goes to `deliver`.
    pub(crate) fn arrive(&mut self, now: Time, path: Path, datagram: &[u8], deliver: &mut dyn FnMut(Bytes)) {
        if self.config.server.is_some() && ClientHello::is_one(datagram) {
            return self.hello(now, path, datagram);
        }
        let from = path.remote;
        let Some(session) = self.sessions.get_mut(&from) else {
            self.statistics.dropped += 1;
            return;
        };
        self.statistics.received_bytes += datagram.len() as u64;
        let before = session.stage();
        match session.feed(datagram, &mut self.plain, deliver) {
            Outcome::Same if before == Stage::Up && !session.has_to_send() => {}
            Outcome::Useless => self.statistics.dropped += 1,
            outcome => self.settle(now, from, before, outcome),
        }
    }

    /// Appends the records that carry `datagrams` to `out`: all of them or none. A first datagram to an address begins a handshake, and
    /// leaves when that is done.
    pub(crate) fn depart<'a, D>(&mut self, now: Time, to: Path, datagrams: D, out: &mut Vec<u8>)
    where
        D: ExactSizeIterator<Item = &'a [u8]> + Clone,
    {
        let before = out.len();
        if self.config.client.is_some()
            && datagrams.clone().any(is_connect)
            && self.sessions.get_mut(&to.remote).is_some_and(Session::asks_again)
        {
            tracing::debug!(address = %to.remote, "what is asked over an encrypted session is not answered: a new one");
            self.forget(to.remote);
        }
        if let Some(session) = self.sessions.get_mut(&to.remote) {
            session.seal(datagrams, out);
        } else if let Some(session) = self.dial(now, to) {
            session.seal(datagrams, out);
        }
        self.statistics.sent_bytes += (out.len() - before) as u64;
    }

    /// The next datagram of the layer itself.
    pub(crate) fn poll_transmit(&mut self) -> Option<(Path, Bytes)> {
        self.outbox.pop_front()
    }

    /// Has a datagram sent as it is, for someone who may have no session. It is left out if too many such wait.
    pub(crate) fn send_bare(&mut self, path: Path, datagram: Bytes) {
        if self.outbox.len() < MAX_ANSWERS {
            self.outbox.push_back((path, datagram));
        }
    }

    /// The next news of a session that failed or ended.
    pub(crate) fn poll_failure(&mut self) -> Option<Failure> {
        self.failures.pop_front()
    }

    /// When to call [`handle_timeout`](Dtls::handle_timeout).
    pub(crate) fn next_at(&self) -> Option<Time> {
        [self.next_tick, self.next_sweep].into_iter().flatten().min()
    }

    /// Repeats what is due again, and lets go of sessions whose time is over or that no peer uses: `used` has the
    /// addresses of all peers.
    pub(crate) fn handle_timeout(&mut self, now: Time, used: impl FnOnce() -> HashSet<SocketAddr>) {
        if self.next_tick.is_some_and(|at| at <= now) {
            self.tick(now);
        }
        if self.next_sweep.is_some_and(|at| at <= now) {
            self.sweep(now, &used());
        }
    }

    /// Ends all sessions; the other sides are told by what [`poll_transmit`](Dtls::poll_transmit) has then.
    pub(crate) fn close(&mut self) {
        for mut session in std::mem::take(&mut self.sessions).into_values() {
            session.close();
            session.drain(|path, datagram| self.outbox.push_back((path, datagram)));
        }
        self.making = Making::default();
        self.next_tick = None;
        self.next_sweep = None;
    }

    fn hello(&mut self, now: Time, path: Path, datagram: &[u8]) {
        let from = path.remote;
        let Some(hello) = ClientHello::parse(datagram) else {
            self.statistics.dropped += 1;
            return;
        };
        if self.cookies.are_stale(now)
            && let Ok(key) = secret()
        {
            self.cookies.renew(now, key);
        }
        if !self.cookies.prove(from, &hello) {
            if self.outbox.len() < MAX_ANSWERS {
                let answer = hello_verify_request(&self.cookies.cookie(from, &hello));
                self.outbox.push_back((path, answer.into()));
                self.statistics.verified += 1;
            } else {
                self.statistics.limited += 1;
            }
            return;
        }
        let random = hello.random();
        let repeated = self
            .sessions
            .get(&from)
            .is_some_and(|session| session.random == Some(random));
        if !repeated {
            // Whoever it is receives at this address, so the session that was there is of the past: a client that was restarted.
            let Some(session) = self.admit(now, path, &hello, random) else {
                return;
            };
            self.forget(from);
            self.sessions.insert(from, session);
            self.making.begin(from);
            self.wake(now);
        }
        let Some(session) = self.sessions.get_mut(&from) else {
            return;
        };
        let before = session.stage();
        let outcome = session.feed(datagram, &mut self.plain, &mut |_| {});
        self.settle(now, from, before, outcome);
    }

    /// A session for a client that receives at its address, within the limits.
    fn admit(&mut self, now: Time, path: Path, hello: &ClientHello<'_>, random: [u8; 32]) -> Option<Session> {
        let server = self.config.server.as_ref()?;
        let first = hello.first()?;
        let full = self.sessions.len() >= server.max_sessions
            || self.making.of(path.remote) >= server.max_handshakes_per_address;
        let per_second = server.max_handshakes_per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        // Never more than a burst ahead. Half of it is for those who have left none unfinished, as they would find nothing if many that
        // finish none took whatever there is.
        let burst = interval * (BURST.min(per_second) - 1);
        let burst = if self.making.owes(now, path.remote) {
            burst / 2
        } else {
            burst
        };
        let early = self.allowed.saturating_since(now) > burst;
        // Most of them are for others, whatever becomes of those that one begins.
        let most = (per_second / MOST_OF_ONE).max(1);
        let limited = full || early || !self.making.may_begin(now, path.remote, most);
        let crowded = self.making.total >= server.max_handshakes;
        let context = server.context();
        if limited || crowded && (self.making.owes(now, path.remote) || !self.end_oldest(now)) {
            self.statistics.limited += 1;
            return None;
        }
        self.allowed = self.allowed.max(now) + interval;
        self.making.count(now, path.remote);
        match Session::accepting(&context, hello.cookie, first, random, path, now) {
            Ok(session) => Some(session),
            Err(error) => {
                self.statistics.failed += 1;
                tracing::debug!(%error, "no session");
                None
            }
        }
    }

    /// Gives up the oldest handshake of those that have begun here and had the time that one takes; whether there was one.
    fn end_oldest(&mut self, now: Time) -> bool {
        let is_slow = |session: &Session| {
            session.stage() == Stage::Handshake
                && session.random.is_some()
                && now.saturating_since(session.began) >= PROMPT
        };
        let slow = self.sessions.iter().filter(|(_, session)| is_slow(session));
        let oldest = slow
            .min_by_key(|(_, session)| session.began)
            .map(|(address, _)| *address);
        if let Some(address) = oldest {
            self.fail(address, DtlsError::TimedOut);
        }
        oldest.is_some()
    }

    fn dial(&mut self, now: Time, to: Path) -> Option<&mut Session> {
        let client = self.config.client.as_ref()?;
        let session = client.connect().and_then(|ssl| Session::connecting(ssl, to, now));
        let mut session = match session {
            Ok(session) => session,
            Err(error) => {
                let error = DtlsError::Other(error.to_string());
                self.failures.push_back(Failure {
                    address: to.remote,
                    error,
                    was_up: false,
                });
                return None;
            }
        };
        let outcome = session.advance(&mut self.plain, &mut |_| {});
        self.sessions.insert(to.remote, session);
        self.making.begin(to.remote);
        self.wake(now);
        self.settle(now, to.remote, Stage::Handshake, outcome);
        self.sessions.get_mut(&to.remote)
    }

    /// What came of moving a session.
    fn settle(&mut self, now: Time, address: SocketAddr, before: Stage, outcome: Outcome) {
        let Some(session) = self.sessions.get_mut(&address) else {
            return;
        };
        session.drain(|path, datagram| self.outbox.push_back((path, datagram)));
        // Also if what came right behind the end of the handshake has ended it again.
        if before == Stage::Handshake && session.was_up() {
            session.idle_since = now;
            self.making.end(address);
            self.making.finish(address);
            self.statistics.handshakes += 1;
        }
        if let Outcome::Ended(error) = outcome {
            self.fail(address, error);
        }
    }

    /// A session is over.
    fn fail(&mut self, address: SocketAddr, error: DtlsError) {
        let was_up = self.sessions.get(&address).is_some_and(Session::was_up);
        self.forget(address);
        if !was_up {
            let counter = match &error {
                DtlsError::Refused(_) | DtlsError::Closed => &mut self.statistics.refused_by_others,
                DtlsError::TimedOut => &mut self.statistics.timed_out,
                error if error.is_of_certificates() => &mut self.statistics.certificates_refused,
                _ => &mut self.statistics.failed,
            };
            *counter += 1;
        }
        self.failures.push_back(Failure { address, error, was_up });
    }

    fn forget(&mut self, address: SocketAddr) {
        if let Some(session) = self.sessions.remove(&address)
            && !session.was_up()
        {
            self.making.end(address);
        }
    }

    fn wake(&mut self, now: Time) {
        self.next_tick.get_or_insert(now + HANDSHAKE_TICK);
        self.next_sweep.get_or_insert(now + SWEEP);
    }

    /// Moves the handshakes.
    fn tick(&mut self, now: Time) {
        let making = |(address, session): (&SocketAddr, &Session)| {
            (session.stage() == Stage::Handshake).then_some((*address, session.began, session.random.is_some()))
        };
        let all: Vec<_> = self.sessions.iter().filter_map(making).collect();
        for (address, began, serving) in all {
            let limit = if serving {
                self.config.server.as_ref().map(|server| server.handshake_timeout)
            } else {
                self.config.client.as_ref().map(|client| client.handshake_timeout)
            };
            if limit.is_none_or(|limit| now.saturating_since(began) >= limit) {
                self.fail(address, DtlsError::TimedOut);
            } else if let Some(session) = self.sessions.get_mut(&address) {
                let outcome = session.advance(&mut self.plain, &mut |_| {});
                self.settle(now, address, Stage::Handshake, outcome);
            }
        }
        self.next_tick = (self.making.total > 0).then(|| now + HANDSHAKE_TICK);
    }

    /// Lets go of what is not used.
    fn sweep(&mut self, now: Time, used: &HashSet<SocketAddr>) {
        let mut unused = Vec::new();
        for (address, session) in &mut self.sessions {
            if session.stage() != Stage::Up {
                continue;
            }
            if used.contains(address) {
                session.idle_since = now;
            } else if now.saturating_since(session.idle_since) >= UNUSED {
                session.close();
                session.drain(|path, datagram| self.outbox.push_back((path, datagram)));
                unused.push(*address);
            }
        }
        for address in unused {
            self.forget(address);
        }
        self.next_sweep = (!self.sessions.is_empty()).then(|| now + SWEEP);
    }
}

impl Making {
    fn begin(&mut self, address: SocketAddr) {
        self.total += 1;
        *self.by_site.entry(site(address.ip())).or_default() += 1;
    }

    fn end(&mut self, address: SocketAddr) {
        self.total -= 1;
        if let Some(count) = self.by_site.get_mut(&site(address.ip())) {
            *count -= 1;
            if *count == 0 {
                self.by_site.remove(&site(address.ip()));
            }
        }
    }

    /// One of the site of `address` begins.
    fn count(&mut self, now: Time, address: SocketAddr) {
        *self.begun.entry(site(address.ip())).or_default() += 1;
        if now.saturating_since(self.owing_since) >= OWING {
            self.owing.swap(0, 1);
            self.owing[0] = HashMap::new();
            self.owing_since = now;
        }
        self.owing[0].entry(site(address.ip())).or_insert(now);
    }

    /// The site of `address` has finished one.
    fn finish(&mut self, address: SocketAddr) {
        for owing in &mut self.owing {
            owing.remove(&site(address.ip()));
        }
    }

    /// Whether the site of `address` has begun handshakes some time ago and finished none since.
    fn owes(&self, now: Time, address: SocketAddr) -> bool {
        let mut begun = self
            .owing
            .iter()
            .filter_map(|owing| owing.get(&site(address.ip())).copied());
        begun.any(|begun| now.saturating_since(begun) >= PROMPT)
    }

    /// Whether another one of the site of `address` may begin now, if each may begin so many in a second.
    fn may_begin(&mut self, now: Time, address: SocketAddr, most: u32) -> bool {
        if now.saturating_since(self.second) >= Duration::from_secs(1) {
            self.begun.clear();
            self.second = now;
        }
        self.begun.get(&site(address.ip())).is_none_or(|begun| *begun < most)
    }

    /// How many there are of the site of `address`.
    fn of(&self, address: SocketAddr) -> usize {
        self.by_site.get(&site(address.ip())).copied().unwrap_or(0)
    }
}

/// Whether a datagram of the protocol asks for a connection: it is for nobody who is known yet.
fn is_connect(datagram: &[u8]) -> bool {
    Header::parse(datagram).is_some_and(|(header, _)| header.peer_id == PeerId::NONE)
}

fn secret() -> Result<[u8; 16], getrandom::Error> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)?;
    Ok(key)
}
