//! The UDP socket: datagrams in and out, as many at a time as the kernel takes.
//!
//! What goes wrong with a datagram is loss, which the protocol is made for: an unreachable network, an interface that is down, a
//! full buffer, a port that nobody listens on. Such errors are counted and never end anything. Only a file descriptor that is no
//! socket any more is the end.

pub(crate) mod address;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod batched;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod buffers;
mod gathered;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod local;
mod log;
#[cfg(target_os = "linux")]
mod multiple;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod offload;
mod outgoing;
mod plain;
mod readiness;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;
use enet_proto::Path;
use socket2::{Domain, Protocol, SockRef, Type};

use self::address::{Family, path};
#[cfg(any(target_os = "linux", target_os = "android"))]
use self::local::Local;
use self::log::ErrorLog;
pub(crate) use self::outgoing::Outgoing;
use self::plain::Plain;
use self::readiness::Io;
use crate::config::{Batching, Config};
use crate::statistics::SocketStatistics;

/// The most payload one IPv4 datagram can have, and so one batch of them.
const MAX_BATCH_BYTES: usize = 65_507;

/// After so many errors in a row nothing is received until the next event: an error that stays must not keep a thread busy.
const MAX_RECEIVE_ERRORS: usize = 16;

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Socket {
    io: Io,
    method: Method,
    /// Where the socket has several addresses.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    local: Option<Local>,
    family: Family,
    local_address: SocketAddr,
    statistics: SocketStatistics,
    log: ErrorLog,
}

/// How datagrams pass to and from the kernel.
#[derive(Debug)]
enum Method {
    Plain(Plain),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Batched(batched::Batched),
}

/// What became of datagrams to send.
#[derive(Debug)]
pub(crate) enum Sent {
    /// Nothing is left of them.
    Done,
    /// The kernel has no room now.
    Blocked,
    /// The socket is unusable.
    Broken(io::Error),
}

/// What one system call is to send.
#[derive(Debug)]
enum Share {
    /// The next datagram.
    Single,
    /// Datagrams to several destinations, up to the next batch of at most so many segments.
    #[cfg(target_os = "linux")]
    Singles(usize),
    /// The next batch.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Batch,
}

impl Socket {
    /// Binds to `address`. The unspecified IPv6 address takes IPv4 as well, and where there is no IPv6 IPv4 alone.
    pub(crate) fn bind(address: SocketAddr, config: &Config) -> io::Result<Socket> {
        let socket = or_ipv4_alone(address, open)?;
        Socket::from_std(socket.into(), config)
    }

    /// Binds to a port that the system picks, for IPv6 and IPv4 if it can be had, else for what there is.
    pub(crate) fn bind_any(config: &Config) -> io::Result<Socket> {
        Socket::bind((Ipv6Addr::UNSPECIFIED, 0).into(), config)
    }

    /// Takes over a socket that is bound. Needs the context of a tokio runtime.
    pub(crate) fn from_std(socket: std::net::UdpSocket, config: &Config) -> io::Result<Socket> {
        socket.set_nonblocking(true)?;
        let options = SockRef::from(&socket);
        // To 255.255.255.255 one connects to whoever is there first; without this the system refuses to send there.
        if socket.local_addr()?.is_ipv4() {
            options.set_broadcast(true)?;
        } else {
            // Systems differ in whether a socket for both families can do it.
            let _ = options.set_broadcast(true);
        }
        // The system grants what it may; a smaller buffer works too.
        let _ = options.set_recv_buffer_size(config.receive_buffer);
        let _ = options.set_send_buffer_size(config.send_buffer);
        let local_address = socket.local_addr()?;
        let family = match local_address.ip() {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(ip) if ip.is_unspecified() && !options.only_v6()? => Family::Dual,
            IpAddr::V6(_) => Family::V6,
        };
        tracing::debug!(
            address = %local_address,
            receive_buffer = options.recv_buffer_size().unwrap_or_default(),
            send_buffer = options.send_buffer_size().unwrap_or_default(),
            "socket bound",
        );
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let local = Local::new(&socket)?;
        let method = Method::choose(&socket, config.batching);
        let io = Io::new(socket)?;
        let statistics = SocketStatistics::default();
        Ok(Socket {
            io,
            method,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            local,
            family,
            local_address,
            statistics,
            log: ErrorLog::default(),
        })
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn statistics(&self) -> SocketStatistics {
        self.statistics
    }

    /// How many datagrams of up to `mtu` bytes to put into one [`Outgoing`].
    pub(crate) fn max_datagrams(&self, mtu: usize) -> usize {
        match &self.method {
            Method::Plain(_) => 1,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Method::Batched(batched) => batched.offload.max_segments().min(MAX_BATCH_BYTES / mtu.max(1)).max(1),
        }
    }

    /// Passes received datagrams to `each` until there are none or about `budget` were. Returns whether it stopped for its
    /// budget; if not, the task will be woken when more comes.
    ///
    /// `ask` looks even if the reactor has not reported anything, as it is late when tasks keep the thread busy.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        ask: bool,
        budget: usize,
        mut each: impl FnMut(Path, Bytes),
    ) -> io::Result<bool> {
        let mut datagrams = 0;
        let mut errors = 0;
        let mut ask = ask;
        loop {
            if !ask && self.io.poll_readable(cx)?.is_pending() {
                return Ok(false);
            }
            if datagrams >= budget {
                return Ok(true);
            }
            let result = self.receive(ask, |path, datagram| {
                datagrams += 1;
                each(path, datagram);
            });
            ask = false;
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.note_receive_error(error)?;
                    errors += 1;
                    if errors == MAX_RECEIVE_ERRORS {
                        self.forget_readiness();
                    }
                }
            }
        }
    }

    /// Passes what is there now to `each`, without asking the reactor; whether there was something.
    pub(crate) fn try_receive(&mut self, mut each: impl FnMut(Path, Bytes)) -> io::Result<bool> {
        let mut came = false;
        let result = self.receive(true, |path, datagram| {
            came = true;
            each(path, datagram);
        });
        match result {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.note_receive_error(error)?,
            _ => {}
        }
        Ok(came)
    }

    /// Counts an error; it comes back if it is the socket's end.
    fn note_receive_error(&mut self, error: io::Error) -> io::Result<()> {
        if is_fatal(&error) {
            return Err(error);
        }
        self.statistics.receive_errors += 1;
        self.log.note("receiving failed", None, &error);
        Ok(())
    }

    /// One system call. `ask` makes it whatever the reactor has reported.
    fn receive(&mut self, ask: bool, mut each: impl FnMut(Path, Bytes)) -> io::Result<()> {
        self.statistics.receive_calls += 1;
        match &mut self.method {
            Method::Plain(plain) => {
                let io = &self.io;
                #[cfg(any(target_os = "linux", target_os = "android"))]
                let local = &self.local;
                let (from, to, datagram) = plain.receive(|buffer| {
                    #[cfg(any(target_os = "linux", target_os = "android"))]
                    if let Some(local) = local {
                        let mut call = || local.receive(io.socket(), buffer);
                        return if ask { call() } else { io.read(call) };
                    }
                    let (length, from) = io.receive(buffer, ask)?;
                    Ok((length, from, None))
                })?;
                each(path(from, to), datagram);
            }
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Method::Batched(batched) => {
                let mut metas = [quinn_udp::RecvMeta::default(); buffers::MAX_READY];
                let io = &self.io;
                let mut count = 0;
                let mut call = || {
                    let received = batched.receive(io.socket(), &mut metas)?;
                    count = received.count;
                    // There is no use in asking again only to hear that there is nothing: the reactor reports what comes later.
                    if received.drained {
                        Err(io::ErrorKind::WouldBlock.into())
                    } else {
                        Ok(())
                    }
                };
                let result = if ask { call() } else { io.read(call) };
                for (index, meta) in metas[..count].iter().enumerate() {
                    let path = path(meta.addr, meta.dst_ip);
                    batched.take(index, meta, |datagram| each(path, datagram));
                }
                result?;
            }
        }
        Ok(())
    }

    /// Waits for the next event of the reactor, whatever it has reported.
    fn forget_readiness(&self) {
        let _ = self.io.read(|| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }

    /// Whether single datagrams to several destinations can leave in one system call.
    pub(crate) fn gathers(&self) -> bool {
        cfg!(target_os = "linux") && !matches!(self.method, Method::Plain(_))
    }

    /// Sends what is left of `outgoing`.
    pub(crate) fn send(&mut self, outgoing: &mut Outgoing) -> Sent {
        // So many are tried one by one, as the kernel has refused them together: some paths and drivers cannot do segmentation, and
        // in a crowd somebody may be out of reach.
        let mut alone: usize = 0;
        while !outgoing.is_empty() {
            let share = if alone > 0 { Share::Single } else { self.share(outgoing) };
            self.statistics.send_calls += 1;
            match self.send_some(outgoing, &share) {
                Ok(sent) => {
                    outgoing.advance(sent);
                    alone = alone.saturating_sub(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.statistics.sends_delayed += 1;
                    return Sent::Blocked;
                }
                Err(error) if is_fatal(&error) => return Sent::Broken(error),
                Err(error) => match share {
                    // The address may have gone from this machine. Whether the datagram is of use without is for its receiver to say.
                    Share::Single if outgoing.batch().path.local.is_some() && is_about_source(&error) => {
                        self.log.note(
                            "cannot send from the address that was asked",
                            Some(outgoing.batch().path.remote),
                            &error,
                        );
                        outgoing.forget_source();
                    }
                    Share::Single => {
                        self.statistics.send_errors += 1;
                        self.log
                            .note("sending failed", Some(outgoing.batch().path.remote), &error);
                        outgoing.advance(1);
                        alone = alone.saturating_sub(1);
                    }
                    // The error is that of the first; the others may well leave.
                    #[cfg(target_os = "linux")]
                    Share::Singles(_) => alone = 1,
                    #[cfg(any(target_os = "linux", target_os = "android"))]
                    Share::Batch => {
                        let batch = outgoing.batch();
                        self.log.note(
                            "a batch was refused and goes out one by one",
                            Some(batch.path.remote),
                            &error,
                        );
                        alone = batch.len();
                    }
                },
            }
        }
        Sent::Done
    }

    /// What of `outgoing` is best sent next in one system call.
    fn share(&self, outgoing: &Outgoing) -> Share {
        match &self.method {
            Method::Plain(_) => Share::Single,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Method::Batched(batched) => {
                let segments = batched.offload.segments();
                if outgoing.batch().fits(segments) {
                    return Share::Batch;
                }
                #[cfg(target_os = "linux")]
                if outgoing.singles(segments).nth(1).is_some() {
                    return Share::Singles(segments);
                }
                Share::Single
            }
        }
    }

    /// One system call for a share of `outgoing`. Returns how many datagrams have left.
    fn send_some(&mut self, outgoing: &Outgoing, share: &Share) -> io::Result<usize> {
        let batch = outgoing.batch();
        let (to, from) = (self.family.for_socket(batch.path.remote), batch.path.local);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let (Share::Batch, Method::Batched(batched)) = (share, &mut self.method) {
            let result = batched.send(self.io.socket(), to, from, &batch);
            batched.offload.tried_batch(&result);
            return result.map(|()| batch.len());
        }
        let result = match share {
            #[cfg(target_os = "linux")]
            Share::Singles(segments) => {
                let datagrams = outgoing.singles(*segments);
                let addressed = datagrams.map(|(path, content)| multiple::Datagram {
                    to: self.family.for_socket(path.remote),
                    from: path.local,
                    content,
                });
                multiple::send(self.io.socket(), addressed)
            }
            // Without the headers that several need.
            _ => self.send_one(batch.first(), to, from).map(|()| 1),
        };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Method::Batched(batched) = &mut self.method {
            batched.offload.tried_singles(&result);
        }
        result
    }

    /// One system call for one datagram.
    fn send_one(&self, datagram: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let (Some(local), Some(from)) = (&self.local, from) {
            return local.send(self.io.socket(), datagram, to, from);
        }
        let _ = from;
        self.io.send(datagram, to)
    }

    /// Whether the kernel has room again; if not, the task will be woken when it has.
    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.io.poll_writable(cx)
    }
}

impl Method {
    fn choose(socket: &std::net::UdpSocket, batching: Batching) -> Method {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if batching == Batching::Auto {
            match batched::Batched::new(socket) {
                Ok(batched) => return Method::Batched(batched),
                Err(error) => tracing::debug!(%error, "no batched I/O"),
            }
        }
        let _ = (socket, batching);
        Method::Plain(Plain::new())
    }
}

/// A socket that is bound to `address`.
fn open(address: SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// What `open` makes of `address`. If that is all of IPv6 and IPv4, and there is no IPv6, then what it makes of all of IPv4.
fn or_ipv4_alone<S>(address: SocketAddr, open: impl Fn(SocketAddr) -> io::Result<S>) -> io::Result<S> {
    let is_all = address.is_ipv6() && address.ip().is_unspecified();
    match open(address) {
        // IPv4 alone would not be what was asked for if the port is taken, or forbidden.
        Err(error) if is_all && !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            let socket = open((Ipv4Addr::UNSPECIFIED, address.port()).into())?;
            tracing::debug!(%error, "no IPv6 here, bound to IPv4 alone");
            Ok(socket)
        }
        result => result,
    }
}

/// Whether an error can mean that the address is not one of this machine that a datagram was to come from, by what systems say then.
fn is_about_source(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable
    )
}

/// Whether an error says that there is no socket any more.
fn is_fatal(error: &io::Error) -> bool {
    const BAD_DESCRIPTOR: i32 = if cfg!(windows) { 10_038 } else { 9 };
    error.raw_os_error() == Some(BAD_DESCRIPTOR)
}

#[cfg(test)]
mod tests;
