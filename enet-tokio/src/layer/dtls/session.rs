//! One encrypted session, from its handshake to its end: between datagrams of the network and datagrams of the protocol.

use bytes::{Bytes, BytesMut};
use enet_proto::{Path, Time};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext};

use super::error::DtlsError;
use super::handshake::{Datagrams, Handshake};
use super::records::{Opened, Records, records};

/// A session, being made or up.
#[derive(Debug)]
pub(super) struct Session {
    state: State,
    path: Path,
    was_up: bool,
    pub(super) began: Time,
    /// The random number of the ClientHello that began it, at a server.
    pub(super) random: Option<[u8; 32]>,
    /// A server's last datagrams of the handshake, which the client may want again.
    last: Vec<Bytes>,
    /// What it has to send besides what it seals.
    outgoing: Datagrams,
    /// Since when no peer uses it.
    pub(super) idle_since: Time,
    /// A connection was asked for over it since data came last.
    asked: bool,
}

#[derive(Debug)]
enum State {
    Handshake(Box<Handshake>),
    Up(Box<Records>),
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Handshake,
    Up,
    Ended,
}

/// What came of a datagram, or of some time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on, or is up now.
    Same,
    /// Nothing in the datagram is of this session, or all of it came before.
    Useless,
    /// It is over.
    Ended(DtlsError),
}

impl Session {
    /// A client's, which has to be moved once to begin.
    pub(super) fn connecting(ssl: Ssl, path: Path, now: Time) -> Result<Session, ErrorStack> {
        Ok(Session::new(Handshake::connecting(ssl)?, path, now, None))
    }

    /// A server's, for a client that has proven by `cookie` that it receives. `first` is how it began.
    pub(super) fn accepting(
        context: &SslContext,
        cookie: &[u8],
        first: Vec<u8>,
        random: [u8; 32],
        path: Path,
        now: Time,
    ) -> Result<Session, ErrorStack> {
        let handshake = Handshake::accepting(context, cookie, first)?;
        Ok(Session::new(handshake, path, now, Some(random)))
    }

    fn new(handshake: Handshake, path: Path, now: Time, random: Option<[u8; 32]>) -> Session {
        Session {
            state: State::Handshake(Box::new(handshake)),
            path,
            was_up: false,
            began: now,
            random,
            last: Vec::new(),
            outgoing: Datagrams::default(),
            idle_since: now,
            asked: false,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.state {
            State::Handshake(_) => Stage::Handshake,
            State::Up(_) => Stage::Up,
            State::Ended => Stage::Ended,
        }
    }

    /// Whether its handshake was finished.
    pub(super) fn was_up(&self) -> bool {
        self.was_up
    }

    /// A datagram came; what it carries goes to `deliver`.
    pub(super) fn feed(&mut self, datagram: &[u8], buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        match &mut self.state {
            State::Handshake(handshake) => {
                let done = handshake.feed(datagram, &mut self.outgoing);
                self.moved(done, buffer, deliver)
            }
            State::Up(_) => self.open(datagram, buffer, deliver),
            State::Ended => Outcome::Useless,
        }
    }

    /// Goes on with the handshake as far as that is possible: sends what is due again.
    pub(super) fn advance(&mut self, buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        let State::Handshake(handshake) = &mut self.state else {
            return Outcome::Same;
        };
        let done = handshake.advance(&mut self.outgoing);
        self.moved(done, buffer, deliver)
    }

    /// The handshake was moved. If it is over its keys are used from now on, and nothing else is left of it.
    fn moved(
        &mut self,
        done: Result<bool, DtlsError>,
        buffer: &mut BytesMut,
        deliver: &mut dyn FnMut(Bytes),
    ) -> Outcome {
        let State::Handshake(handshake) = &mut self.state else {
            return Outcome::Same;
        };
        let finish = match done {
            Ok(false) => return Outcome::Same,
            Ok(true) => handshake.finish(&self.outgoing),
            Err(error) => Err(error),
        };
        let mut finish = match finish {
            Ok(finish) => finish,
            Err(error) => {
                self.state = State::Ended;
                return Outcome::Ended(error);
            }
        };
        self.was_up = true;
        self.last = finish.last;
        for datagram in finish.waiting {
            finish.records.seal(&datagram, &mut self.outgoing.bytes);
            self.outgoing.end();
        }
        self.state = State::Up(Box::new(finish.records));
        match self.open(&finish.early, buffer, deliver) {
            Outcome::Useless => Outcome::Same,
            other => other,
        }
    }

    fn open(&mut self, datagram: &[u8], buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        let State::Up(keys) = &mut self.state else {
            return Outcome::Useless;
        };
        let mut outcome = Outcome::Useless;
        for record in records(datagram) {
            let Some(opened) = keys.open(record, buffer) else {
                continue;
            };
            outcome = Outcome::Same;
            match opened {
                Opened::Data(data) => {
                    self.asked = false;
                    deliver(data);
                }
                Opened::Finished => {
                    for datagram in &self.last {
                        self.outgoing.push(datagram);
                    }
                }
                Opened::Ended(error) => {
                    if error == DtlsError::Closed {
                        self.close();
                    }
                    self.state = State::Ended;
                    return Outcome::Ended(error);
                }
                Opened::Other => {}
            }
        }
        outcome
    }

    /// Appends the records that carry `datagrams` to `out`. If the session is not up yet the datagrams wait, and if too many do they
    /// are lost.
    pub(super) fn seal<'a>(&mut self, datagrams: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Handshake(handshake) => datagrams.for_each(|datagram| handshake.wait(datagram)),
            State::Up(records) if records.has_numbers(datagrams.len()) => {
                datagrams.for_each(|datagram| records.seal(datagram, out));
            }
            State::Up(_) | State::Ended => {}
        }
    }

    /// A connection is asked for over it. True if one was before, and nothing has come back at all: the other side has forgotten the
    /// session, as one that was restarted.
    pub(super) fn asks_again(&mut self) -> bool {
        self.stage() == Stage::Up && std::mem::replace(&mut self.asked, true)
    }

    /// Tells the other side that it is over.
    pub(super) fn close(&mut self) {
        if let State::Up(records) = &mut self.state {
            records.seal_close(&mut self.outgoing.bytes);
            self.outgoing.end();
        }
        self.state = State::Ended;
    }

    pub(super) fn has_to_send(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Hands out what it has to send, except by [`seal`](Session::seal).
    pub(super) fn drain(&mut self, mut each: impl FnMut(Path, Bytes)) {
        let path = self.path;
        self.outgoing.drain(|datagram| each(path, datagram));
    }
}
