//! Bare UDP, which is what the machine can do: no order, no repeats, nothing but datagrams.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::{ANY_PORT, Event, Mode, Options, Side};

/// The largest UDP payload, which is also the most that receive offload puts together.
const BUFFER: usize = 65_507;
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// What a client sends first, and the server sends back.
const HELLO: &[u8] = b"hello";

/// A socket that sends and receives datagrams one by one, or, with `OFFLOAD`, many in one call by segmentation and receive offload.
pub(crate) struct Udp<const OFFLOAD: bool> {
    socket: UdpSocket,
    kernel: Option<UdpSocketState>,
    /// Datagrams of one size that are to be sent together.
    batch: Vec<u8>,
    segment: usize,
    to: Option<SocketAddr>,
    buffers: Vec<Vec<u8>>,
    events: VecDeque<Event<SocketAddr, Bytes>>,
}

impl<const OFFLOAD: bool> Side for Udp<OFFLOAD> {
    type Peer = SocketAddr;
    type Data = Bytes;

    async fn open(_: &Options) -> Self {
        let socket = UdpSocket::bind(ANY_PORT).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let kernel = OFFLOAD.then(|| UdpSocketState::new((&socket).into()).expect("a socket to be set up"));
        for result in [
            SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER),
            SockRef::from(&socket).set_send_buffer_size(SOCKET_BUFFER),
        ] {
            result.expect("a size of a buffer to ask for");
        }
        Udp {
            socket,
            kernel,
            batch: Vec::new(),
            segment: 0,
            to: None,
            buffers: vec![vec![0; BUFFER]; if OFFLOAD { BATCH_SIZE } else { 1 }],
            events: VecDeque::new(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.send(to, Mode::Reliable, HELLO);
    }

    fn send(&mut self, peer: SocketAddr, _: Mode, data: &[u8]) -> bool {
        let segments = self.kernel.as_ref().map_or(1, UdpSocketState::max_gso_segments);
        let full = self.batch.len() + data.len() > BUFFER || self.batch.len() >= segments * self.segment;
        if full || data.len() != self.segment || self.to != Some(peer) {
            self.flush();
        }
        (self.to, self.segment) = (Some(peer), data.len());
        self.batch.extend_from_slice(data);
        true
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<SocketAddr, Bytes>> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        self.flush();
        let deadline = Instant::now() + wait;
        loop {
            self.receive();
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.wait(PollFlags::IN, left);
        }
    }
}

impl<const OFFLOAD: bool> Udp<OFFLOAD> {
    fn wait(&self, flags: PollFlags, left: Duration) {
        let timeout = Timespec::try_from(left).expect("a short time");
        // Interrupted or not: what is there is seen in the next step.
        let _ = poll(&mut [PollFd::new(&self.socket, flags)], Some(&timeout));
    }

    /// Waits for room in the kernel: what a program does that only has to send.
    fn flush(&mut self) {
        let Some(to) = self.to else { return };
        while !self.batch.is_empty() {
            let sent = match &self.kernel {
                None => self.socket.send_to(&self.batch, to).map(drop),
                Some(kernel) => kernel.try_send(
                    (&self.socket).into(),
                    &quinn_udp::Transmit {
                        destination: to,
                        ecn: None,
                        contents: &self.batch,
                        segment_size: (self.batch.len() > self.segment).then_some(self.segment),
                        src_ip: None,
                    },
                ),
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(PollFlags::OUT, Duration::from_millis(10));
                }
                sent => {
                    sent.expect("a datagram sent");
                    self.batch.clear();
                }
            }
        }
    }

    fn receive(&mut self) {
        if self.kernel.is_none() {
            if let Ok((length, from)) = self.socket.recv_from(&mut self.buffers[0]) {
                self.take(from, Bytes::copy_from_slice(&self.buffers[0][..length]));
            }
            return;
        }
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let Some(kernel) = &self.kernel else { return };
        let mut slices: Vec<IoSliceMut<'_>> = self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let Ok(count) = kernel.recv((&self.socket).into(), &mut slices, &mut metas) else {
            return;
        };
        for (index, meta) in metas[..count].iter().enumerate() {
            let batch = Bytes::copy_from_slice(&self.buffers[index][..meta.len]);
            for start in (0..meta.len).step_by(meta.stride.max(1)) {
                self.take(meta.addr, batch.slice(start..meta.len.min(start + meta.stride)));
            }
        }
    }

    fn take(&mut self, from: SocketAddr, data: Bytes) {
        if data != HELLO {
            self.events.push_back(Event::Received(from, data));
            return;
        }
        self.events.push_back(Event::Connected(from));
        // The one that was greeted first greets back.
        if self.to.is_none() {
            self.connect(from);
        }
    }
}
