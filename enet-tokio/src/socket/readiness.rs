//! A socket and the reactor that tells when it has something.

#[cfg(not(unix))]
pub(super) use other::Io;
#[cfg(unix)]
pub(super) use unix::Io;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A socket of which the reactor watches the receiving side only.
    ///
    /// The kernel reports a UDP socket writable whenever a datagram it sent has been taken by its receiver. A reactor that watches
    /// for it is woken by every answer once more, for nothing. So writability is watched only while sending is blocked, through
    /// a second descriptor of the same socket.
    #[derive(Debug)]
    pub(in super::super) struct Io {
        readable: AsyncFd<UdpSocket>,
        writable: Option<AsyncFd<UdpSocket>>,
    }

    impl Io {
        pub(in super::super) fn new(socket: UdpSocket) -> io::Result<Io> {
            Ok(Io {
                readable: watch(socket, Interest::READABLE)?,
                writable: None,
            })
        }

        pub(in super::super) fn socket(&self) -> &UdpSocket {
            self.readable.get_ref()
        }

        pub(in super::super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let guard = ready!(self.readable.poll_read_ready(cx))?;
            drop(guard);
            Poll::Ready(Ok(()))
        }

        /// Runs `operation`, which tells by [`io::ErrorKind::WouldBlock`] that the socket has nothing more.
        pub(in super::super) fn read<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
            self.readable.try_io(Interest::READABLE, |_| operation())
        }

        /// Receives one datagram. `ask` looks even if the reactor has not reported anything.
        pub(in super::super) fn receive(&self, buffer: &mut [u8], ask: bool) -> io::Result<(usize, SocketAddr)> {
            let mut call = || self.socket().recv_from(buffer);
            if ask { call() } else { self.read(call) }
        }

        pub(in super::super) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
            self.socket().send_to(datagram, to).map(drop)
        }

        pub(in super::super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            if self.writable.is_none() {
                self.writable = self
                    .socket()
                    .try_clone()
                    .and_then(|socket| watch(socket, Interest::WRITABLE))
                    .ok();
            }
            if let Some(writable) = &self.writable {
                let guard = ready!(writable.poll_write_ready(cx));
                drop(guard);
                self.writable = None;
            }
            Poll::Ready(())
        }
    }

    /// Has the reactor of the current runtime watch a socket.
    #[allow(
        unsafe_code,
        reason = "tokio has no safe function for this; the promise it asks for is easily kept"
    )]
    fn watch(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
        // SAFETY: the socket owns its descriptor, which stays open and the same until the socket is dropped, and the `AsyncFd` owns
        // the socket.
        Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;
    use std::net::SocketAddr;
    use std::task::{Context, Poll};

    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    /// A socket as tokio has it.
    #[derive(Debug)]
    pub(in super::super) struct Io(UdpSocket);

    impl Io {
        pub(in super::super) fn new(socket: std::net::UdpSocket) -> io::Result<Io> {
            Ok(Io(UdpSocket::from_std(socket)?))
        }

        pub(in super::super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_recv_ready(cx)
        }

        /// Runs `operation`, which tells by [`io::ErrorKind::WouldBlock`] that the socket has nothing more.
        pub(in super::super) fn read<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
            self.0.try_io(Interest::READABLE, operation)
        }

        /// Receives one datagram, if the reactor has reported one.
        pub(in super::super) fn receive(&self, buffer: &mut [u8], _ask: bool) -> io::Result<(usize, SocketAddr)> {
            self.0.try_recv_from(buffer)
        }

        pub(in super::super) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
            self.0.try_send_to(datagram, to).map(drop)
        }

        pub(in super::super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.0.poll_send_ready(cx).map(drop)
        }
    }
}
