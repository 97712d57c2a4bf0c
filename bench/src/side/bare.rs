//! Ours without tokio: the state machine of enet-proto and a socket that the thread waits on.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_proto::{Host, HostConfig, PeerHandle, Time};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::tokio::{packet, translate};
use super::{ANY_PORT, Event, Mode, Options, Side};

/// The largest UDP payload, which is also the most that receive offload puts together.
const BUFFER: usize = 65_507;
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

pub(crate) struct Bare {
    host: Host,
    socket: UdpSocket,
    kernel: UdpSocketState,
    epoch: Instant,
    buffers: Vec<Vec<u8>>,
    outgoing: Vec<u8>,
    /// Datagrams that the kernel had no room for.
    blocked: VecDeque<(SocketAddr, usize, Vec<u8>)>,
    channels: usize,
}

impl Side for Bare {
    type Peer = PeerHandle;
    type Data = Bytes;

    async fn open(options: &Options) -> Bare {
        let socket = UdpSocket::bind(ANY_PORT).expect("a socket");
        let kernel = UdpSocketState::new((&socket).into()).expect("a socket to be set up");
        for result in [
            SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER),
            SockRef::from(&socket).set_send_buffer_size(SOCKET_BUFFER),
        ] {
            result.expect("a size of a buffer to ask for");
        }
        let mut config = HostConfig::default();
        config.max_peers = options.peers;
        // They all come from this machine.
        config.duplicate_peers = options.peers;
        config.channel_limit = options.channels;
        config.accept = options.listens;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("randomness");
        Bare {
            host: Host::new(config, seed, Time::ZERO),
            socket,
            kernel,
            epoch: Instant::now(),
            buffers: vec![vec![0; BUFFER]; BATCH_SIZE],
            outgoing: Vec::new(),
            blocked: VecDeque::new(),
            channels: options.channels,
        }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.host.connect(to, self.channels, 0).expect("room for a connection");
    }

    fn send(&mut self, peer: PeerHandle, mode: Mode, data: &[u8]) -> bool {
        let Some(mut peer) = self.host.peer_mut(peer) else {
            return false;
        };
        peer.send(0, packet(mode, data)).is_ok()
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<PeerHandle, Bytes>> {
        if let Some(event) = self.host.poll_event() {
            return Some(translate(event));
        }
        let deadline = Instant::now() + wait;
        loop {
            self.transmit();
            self.receive();
            let now = self.now();
            if self.host.poll_timeout().is_some_and(|at| at <= now) {
                self.host.handle_timeout(now);
            }
            if let Some(event) = self.host.poll_event() {
                return Some(translate(event));
            }
            self.transmit();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.wait(left);
        }
    }
}

impl Bare {
    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    /// Until something comes, a timer is due, or the kernel has room for what is blocked.
    fn wait(&mut self, left: Duration) {
        let due = self.host.poll_timeout().map(|at| at.saturating_since(self.now()));
        let timeout = due.map_or(left, |due| due.min(left));
        let timeout = Timespec::try_from(timeout).expect("a short time");
        let flags = if self.blocked.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::IN | PollFlags::OUT
        };
        let mut sockets = [PollFd::new(&self.socket, flags)];
        // Interrupted or not: what is there is seen in the next step.
        let _ = poll(&mut sockets, Some(&timeout));
    }

    fn transmit(&mut self) {
        while let Some((to, segment, datagrams)) = self.blocked.front() {
            if self.try_send(*to, *segment, datagrams).is_err() {
                return;
            }
            self.blocked.pop_front();
        }
        let now = self.now();
        let mut outgoing = std::mem::take(&mut self.outgoing);
        while let Some(transmit) = self
            .host
            .poll_transmit(now, self.kernel.max_gso_segments(), &mut outgoing)
        {
            let (to, segment) = (transmit.destination, transmit.segment_size);
            if self.try_send(to, segment, &outgoing).is_err() {
                self.blocked.push_back((to, segment, outgoing.clone()));
                break;
            }
        }
        self.outgoing = outgoing;
    }

    /// Fails only if the kernel has no room; any other failure is a lost datagram.
    fn try_send(&self, to: SocketAddr, segment: usize, contents: &[u8]) -> Result<(), ()> {
        let transmit = quinn_udp::Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: (contents.len() > segment).then_some(segment),
            src_ip: None,
        };
        match self.kernel.try_send((&self.socket).into(), &transmit) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(()),
            _ => Ok(()),
        }
    }

    fn receive(&mut self) {
        let now = self.now();
        loop {
            let mut metas = [RecvMeta::default(); BATCH_SIZE];
            let mut slices: Vec<IoSliceMut<'_>> =
                self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            let Ok(count) = self.kernel.recv((&self.socket).into(), &mut slices, &mut metas) else {
                return;
            };
            for (meta, buffer) in metas[..count].iter().zip(&self.buffers) {
                let batch = Bytes::copy_from_slice(&buffer[..meta.len]);
                for start in (0..meta.len).step_by(meta.stride.max(1)) {
                    let datagram = batch.slice(start..meta.len.min(start + meta.stride));
                    self.host.handle_datagram(now, meta.addr, datagram);
                }
            }
            if count < BATCH_SIZE {
                return;
            }
        }
    }
}
