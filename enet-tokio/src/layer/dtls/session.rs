//! One encrypted session: OpenSSL between datagrams of the network and datagrams of the protocol.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use enet_proto::{Path, Time};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{ErrorCode, Ssl, SslCipherRef, SslContext, SslContextBuilder, SslStream};

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
    /// How many records were read.
    reads: u64,
    /// A connection was asked for over it since a record was read last.
    asked: bool,
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
            reads: 0,
            asked: false,
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
    pub(super) fn feed(
        &mut self,
        mut datagram: Bytes,
        buffer: &mut BytesMut,
        deliver: &mut dyn FnMut(Bytes),
    ) -> Outcome {
        let whole = whole_records(&datagram, self.least());
        if whole.bytes == 0 {
            return Outcome::Same;
        }
        datagram.truncate(whole.bytes);
        self.stream.get_mut().incoming = Some(datagram);
        // It need not be asked for another then.
        let outcome = if self.stage == Stage::Up && whole.count == 1 {
            self.read(buffer, deliver)
        } else {
            self.advance(buffer, deliver)
        };
        // OpenSSL has seen it, or does not want it.
        self.stream.get_mut().incoming = None;
        outcome
    }

    /// How long the payload of a record that was sealed is at least.
    fn least(&self) -> usize {
        let suite = self.stream.ssl().current_cipher().map(SslCipherRef::name);
        match suite {
            // A tag; the others have a nonce as well.
            Some(suite) if suite.contains("CHACHA20") => 16,
            _ => 24,
        }
    }

    /// Goes on as far as that is possible: sends what is due again.
    pub(super) fn advance(&mut self, buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        if self.stage == Stage::Handshake {
            match self.stream.do_handshake() {
                Ok(()) => {
                    self.stage = Stage::Up;
                    self.was_up = true;
                    for datagram in std::mem::take(&mut self.waiting) {
                        self.write(&datagram);
                    }
                }
                Err(error) => return self.failed(&error),
            }
        }
        while self.stage == Stage::Up {
            let waiting = self.reads;
            match self.read(buffer, deliver) {
                Outcome::Same if self.reads == waiting => break,
                Outcome::Same => {}
                ended => return ended,
            }
        }
        Outcome::Same
    }

    /// Reads what one record carries, if there is one.
    fn read(&mut self, buffer: &mut BytesMut, deliver: &mut dyn FnMut(Bytes)) -> Outcome {
        room(buffer);
        match self.stream.ssl_read(buffer) {
            Ok(length) => {
                self.reads += 1;
                self.asked = false;
                deliver(match length < SMALL {
                    true => Bytes::copy_from_slice(&buffer[..length]),
                    false => buffer.split_to(length).freeze(),
                });
                Outcome::Same
            }
            Err(error) => self.failed(&error),
        }
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

    /// A connection is asked for over it. True if one was before, and nothing has come back at all: the other side has forgotten the
    /// session, as one that was restarted.
    pub(super) fn asks_again(&mut self) -> bool {
        self.stage == Stage::Up && std::mem::replace(&mut self.asked, true)
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

/// How much of a datagram is records that can be true, and how many these are.
struct Whole {
    bytes: usize,
    count: usize,
}

/// Looks at the records of a datagram. One that is cut short, or is said to be sealed and is shorter than any that is, ends them: OpenSSL
/// takes the latter for an error of its own and ends the session over it, which anybody could bring about.
fn whole_records(datagram: &[u8], least: usize) -> Whole {
    const HEADER: usize = 13;
    let mut whole = Whole { bytes: 0, count: 0 };
    while let Some(header) = datagram.get(whole.bytes..whole.bytes + HEADER) {
        let length = usize::from(u16::from_be_bytes([header[HEADER - 2], header[HEADER - 1]]));
        let is_sealed = header[3..5] != [0, 0];
        let end = whole.bytes + HEADER + length;
        if datagram.len() < end || (is_sealed && length < least) {
            break;
        }
        whole.bytes = end;
        whole.count += 1;
    }
    whole
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
