//! One encrypted session: OpenSSL between datagrams of the network and datagrams of the protocol.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use enet_proto::{Path, Time};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslContextBuilder, SslStream};

use super::error::DtlsError;

/// The largest datagram of a handshake: its messages are cut to fit.
const HANDSHAKE_MTU: u32 = 1280;

/// The largest record's payload.
const MAX_PLAIN: usize = 16 * 1024;

/// Where decrypted datagrams are put; they are cut from it.
const PLAIN: usize = 64 * 1024;

/// What is shorter is copied, as it may wait for long and would keep the buffer of many others.
const SMALL: usize = 512;

/// What may wait for the end of a handshake: the CONNECT and what follows it at once. The protocol repeats what matters.
const MAX_WAITING: usize = 8;

/// A session, being made or up.
#[derive(Debug)]
pub(super) struct Session {
    stream: SslStream<Pipe>,
    path: Path,
    stage: Stage,
    was_up: bool,
    pub(super) began: Time,
    /// The random number of the ClientHello that began it, at a server.
    pub(super) random: Option<[u8; 32]>,
    /// What is to be sent when it is up.
    waiting: VecDeque<Bytes>,
    /// Since when no peer uses it.
    pub(super) idle_since: Time,
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
    /// It goes on as before.
    Same,
    /// It is up now.
    Up,
    /// It is over.
    Ended(DtlsError),
}

/// The datagrams of one session, on their way to OpenSSL and from it.
#[derive(Debug, Default)]
struct Pipe {
    incoming: Option<Bytes>,
    /// What it sends, one after the other, and where each ends.
    outgoing: Vec<u8>,
    ends: Vec<usize>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(datagram) = self.incoming.take() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(datagram);
        self.ends.push(self.outgoing.len());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// A client's, which has to be moved once to begin.
    pub(super) fn connecting(mut ssl: Ssl, path: Path, now: Time) -> Result<Session, ErrorStack> {
        ssl.set_connect_state();
        Session::new(ssl, path, now, None)
    }

    /// A server's, for a client that has proven by `cookie` that it receives. `first` is how it began: OpenSSL wants to see
    /// the whole exchange, and its own answer to that is dropped, as the client has had it.
    pub(super) fn accepting(
        context: &SslContext,
        cookie: &[u8],
        first: Vec<u8>,
        random: [u8; 32],
        path: Path,
        now: Time,
    ) -> Result<Session, ErrorStack> {
        let mut ssl = Ssl::new(context)?;
        ssl.set_accept_state();
        if let Some(index) = cookie_index() {
            ssl.set_ex_data(index, cookie.to_vec());
        }
        let mut session = Session::new(ssl, path, now, Some(random))?;
        session.stream.get_mut().incoming = Some(first.into());
        // It wants the second hello now; whatever else it says shows when that comes.
        let _ = session.stream.do_handshake();
        let pipe = session.stream.get_mut();
        pipe.outgoing.clear();
        pipe.ends.clear();
        Ok(session)
    }

    fn new(mut ssl: Ssl, path: Path, now: Time, random: Option<[u8; 32]>) -> Result<Session, ErrorStack> {
        ssl.set_mtu(HANDSHAKE_MTU)?;
        Ok(Session {
            stream: SslStream::new(ssl, Pipe::default())?,
            path,
            stage: Stage::Handshake,
            was_up: false,
            began: now,
            random,
            waiting: VecDeque::new(),
            idle_since: now,
        })
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether its handshake was finished.
    pub(super) fn was_up(&self) -> bool {
        self.was_up
    }

    /// A datagram came; what it carries goes to `deliver`.
    pub(super) fn feed(&mut self, datagram: Bytes, buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        self.stream.get_mut().incoming = Some(datagram);
        let outcome = self.advance(buffer, deliver);
        // OpenSSL has seen it, or does not want it.
        self.stream.get_mut().incoming = None;
        outcome
    }

    /// Goes on as far as that is possible: sends what is due again.
    pub(super) fn advance(&mut self, buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        let mut outcome = Outcome::Same;
        if self.stage == Stage::Handshake {
            match self.stream.do_handshake() {
                Ok(()) => {
                    self.stage = Stage::Up;
                    self.was_up = true;
                    outcome = Outcome::Up;
                    for datagram in std::mem::take(&mut self.waiting) {
                        self.write(&datagram);
                    }
                }
                Err(error) => return self.failed(&error),
            }
        }
        while self.stage == Stage::Up {
            room(buffer);
            match self.stream.ssl_read(buffer) {
                Ok(length) if length < SMALL => deliver(Bytes::copy_from_slice(&buffer[..length])),
                Ok(length) => deliver(buffer.split_to(length).freeze()),
                Err(error) => match self.failed(&error) {
                    Outcome::Same => break,
                    ended => return ended,
                },
            }
        }
        outcome
    }

    /// Appends the record that carries `datagram` to `out`. If the session is not up yet the datagram waits, and if too many do it
    /// is lost.
    pub(super) fn seal(&mut self, datagram: &[u8], out: &mut Vec<u8>) {
        match self.stage {
            Stage::Handshake if self.waiting.len() < MAX_WAITING => {
                self.waiting.push_back(Bytes::copy_from_slice(datagram));
            }
            Stage::Handshake | Stage::Ended => {}
            Stage::Up => {
                let pipe = self.stream.get_mut();
                debug_assert!(pipe.outgoing.is_empty());
                std::mem::swap(&mut pipe.outgoing, out);
                self.write(datagram);
                let pipe = self.stream.get_mut();
                std::mem::swap(&mut pipe.outgoing, out);
                pipe.ends.clear();
            }
        }
    }

    /// Tells the other side that it is over.
    pub(super) fn close(&mut self) {
        if self.stage == Stage::Up {
            // It is over whether or not it can be told.
            let _ = self.stream.shutdown();
        }
        self.stage = Stage::Ended;
    }

    /// Hands out what it has to send, except by [`seal`](Session::seal).
    pub(super) fn drain(&mut self, mut each: impl FnMut(Path, Bytes)) {
        let pipe = self.stream.get_mut();
        if pipe.ends.is_empty() {
            return;
        }
        let all = Bytes::from(std::mem::take(&mut pipe.outgoing));
        let mut start = 0;
        for end in pipe.ends.drain(..) {
            each(self.path, all.slice(start..end));
            start = end;
        }
    }

    fn write(&mut self, datagram: &[u8]) {
        // The pipe takes everything; a session that cannot write tells so when it is read.
        let _ = self.stream.ssl_write(datagram);
    }

    fn failed(&mut self, error: &openssl::ssl::Error) -> Outcome {
        if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) {
            return Outcome::Same;
        }
        let error = DtlsError::of(error, self.stream.ssl().verify_result(), self.random.is_some());
        self.close();
        Outcome::Ended(error)
    }
}

/// Makes room for the largest record.
fn room(plain: &mut BytesMut) {
    if plain.len() < MAX_PLAIN {
        *plain = BytesMut::zeroed(PLAIN);
    }
}

/// Has OpenSSL take the cookie that was checked already for right, and no other.
pub(super) fn set_cookie_callbacks(builder: &mut SslContextBuilder) {
    builder.set_cookie_generate_cb(|ssl, cookie| {
        let wanted = cookie_index().and_then(|index| ssl.ex_data(index));
        let Some(wanted) = wanted.filter(|wanted| wanted.len() <= cookie.len()) else {
            return Err(ErrorStack::get());
        };
        cookie[..wanted.len()].copy_from_slice(wanted);
        Ok(wanted.len())
    });
    builder.set_cookie_verify_cb(|ssl, cookie| {
        let wanted = cookie_index().and_then(|index| ssl.ex_data(index));
        wanted.is_some_and(|wanted| wanted == cookie)
    });
}

/// Where a session's object of OpenSSL keeps the cookie.
fn cookie_index() -> Option<Index<Ssl, Vec<u8>>> {
    static INDEX: OnceLock<Option<Index<Ssl, Vec<u8>>>> = OnceLock::new();
    *INDEX.get_or_init(|| Ssl::new_ex_index().ok())
}
