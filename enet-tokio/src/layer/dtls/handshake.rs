//! One handshake: OpenSSL between the datagrams of the network and the keys of a session.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::OnceLock;

use bytes::Bytes;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslContextBuilder, SslStream};

use super::error::DtlsError;
use super::keys::Keys;
use super::records::{CONTENT_HANDSHAKE, HEADER, Next, Record, Records, records};

/// The largest datagram of a handshake: its messages are cut to fit.
const HANDSHAKE_MTU: u32 = 1280;

/// What may wait for the end of a handshake: the CONNECT and what follows it at once. The protocol repeats what matters.
const MAX_WAITING: usize = 8;

/// How many bytes of records may wait for the keys to open them: a few datagrams that have overtaken the end of the handshake.
const MAX_EARLY: usize = 8 * 1024;

/// The one message of a handshake that is sealed is the last, with 12 bytes in it, a header of 12 and a tag of 16.
const LEAST_SEALED: usize = 40;

/// Datagrams one after the other.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    pub(super) bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Datagrams {
    /// What was appended to the bytes is a datagram, if it is anything.
    pub(super) fn end(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.bytes.len() {
            self.ends.push(self.bytes.len());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes them all out.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Bytes)) {
        if self.ends.is_empty() {
            return;
        }
        let all = Bytes::from(std::mem::take(&mut self.bytes));
        let mut start = 0;
        for end in self.ends.drain(..) {
            each(all.slice(start..end));
            start = end;
        }
    }

    pub(super) fn push(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.end();
    }
}

/// The datagrams of one handshake, on their way to OpenSSL and from it.
#[derive(Debug, Default)]
struct Pipe {
    incoming: Option<Bytes>,
    outgoing: Datagrams,
    next: Next,
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
        self.next.saw(datagram);
        self.outgoing.push(datagram);
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    stream: SslStream<Pipe>,
    is_server: bool,
    /// What is to be sent when there are keys.
    waiting: VecDeque<Bytes>,
    /// Records that came before there are keys to open them.
    early: Vec<u8>,
}

/// What a handshake leaves.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) records: Records,
    /// A server's last datagrams. If they are lost, the client repeats its own.
    pub(super) last: Vec<Bytes>,
    pub(super) waiting: VecDeque<Bytes>,
    pub(super) early: Vec<u8>,
}

impl Handshake {
    /// A client's, which has to be moved once to begin.
    pub(super) fn connecting(mut ssl: Ssl) -> Result<Handshake, ErrorStack> {
        ssl.set_connect_state();
        Handshake::new(ssl, false)
    }

    /// A server's, for a client that has proven by `cookie` that it receives. `first` is how it began: OpenSSL wants to see
    /// the whole exchange, and its own answer to that is dropped, as the client has had it.
    pub(super) fn accepting(context: &SslContext, cookie: &[u8], first: Vec<u8>) -> Result<Handshake, ErrorStack> {
        let mut ssl = Ssl::new(context)?;
        ssl.set_accept_state();
        if let Some(index) = cookie_index() {
            ssl.set_ex_data(index, cookie.to_vec());
        }
        let mut handshake = Handshake::new(ssl, true)?;
        handshake.stream.get_mut().incoming = Some(first.into());
        // It wants the second hello now; whatever else it says shows when that comes.
        let _ = handshake.stream.do_handshake();
        handshake.stream.get_mut().outgoing = Datagrams::default();
        Ok(handshake)
    }

    fn new(mut ssl: Ssl, is_server: bool) -> Result<Handshake, ErrorStack> {
        ssl.set_mtu(HANDSHAKE_MTU)?;
        Ok(Handshake {
            stream: SslStream::new(ssl, Pipe::default())?,
            is_server,
            waiting: VecDeque::new(),
            early: Vec::new(),
        })
    }

    /// Has a datagram sent when there are keys. If too many wait it is lost.
    pub(super) fn wait(&mut self, datagram: &[u8]) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(Bytes::copy_from_slice(datagram));
        }
    }

    /// A datagram came. What is to be sent goes to `out`. True if the handshake is over.
    pub(super) fn feed(&mut self, datagram: &[u8], out: &mut Datagrams) -> Result<bool, DtlsError> {
        let mut own = Vec::new();
        for record in records(datagram) {
            if is_of_handshake(&record) {
                own.extend_from_slice(record.whole);
            } else if record.epoch != 0 && self.early.len() + record.whole.len() <= MAX_EARLY {
                self.early.extend_from_slice(record.whole);
            }
        }
        if own.is_empty() {
            return Ok(false);
        }
        self.stream.get_mut().incoming = Some(own.into());
        let done = self.advance(out);
        // OpenSSL has seen it, or does not want it.
        self.stream.get_mut().incoming = None;
        done
    }

    /// Goes on as far as that is possible: sends what is due again. True if the handshake is over.
    pub(super) fn advance(&mut self, out: &mut Datagrams) -> Result<bool, DtlsError> {
        std::mem::swap(&mut self.stream.get_mut().outgoing, out);
        let result = self.stream.do_handshake();
        std::mem::swap(&mut self.stream.get_mut().outgoing, out);
        match result {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(false),
            Err(error) => Err(DtlsError::of(&error, self.stream.ssl().verify_result(), self.is_server)),
        }
    }

    /// What is left when it is over; `last` was sent just now.
    pub(super) fn finish(&mut self, last: &Datagrams) -> Result<Finish, DtlsError> {
        let keys = Keys::of(self.stream.ssl())?;
        let mut own = Datagrams::default();
        if self.is_server {
            own.bytes.clone_from(&last.bytes);
            own.ends.clone_from(&last.ends);
        }
        let mut last = Vec::new();
        own.drain(|datagram| last.push(datagram));
        Ok(Finish {
            records: Records::new(keys, self.is_server, self.stream.get_ref().next),
            last,
            waiting: std::mem::take(&mut self.waiting),
            early: std::mem::take(&mut self.early),
        })
    }
}

/// Whether a record is one for OpenSSL. One that is said to be sealed and is shorter than any that is would be an error of its own to it, over
/// which it ends the session, and anybody could bring that about.
fn is_of_handshake(record: &Record<'_>) -> bool {
    record.epoch == 0 || record.content == CONTENT_HANDSHAKE && record.whole.len() >= HEADER + LEAST_SEALED
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
