//! A relay that is as exact as the machine allows.
//!
//! A delay counts from the time the kernel took a datagram in, not from the time this thread saw it; shortly before a datagram is due
//! the thread stays awake, and what is due together is sent together. No datagram is early.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use netem::{Conditions, DelayQueue, Link};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::side::ANY_PORT;

/// How long before a datagram is due the thread stays awake: longer than it takes to wake up.
const AWAKE: Duration = Duration::from_micros(120);
/// How long it sleeps at most, so that it sees when it is to end.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
/// The largest UDP payload, which is also the most that receive offload puts together.
const BUFFER: usize = 65_507;
/// Room for everything under way at once.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// Carries datagrams between clients and servers, one client to each server.
pub(crate) struct Relay {
    addresses: Vec<SocketAddr>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts it, with the servers and the conditions, which are those of both directions, for each.
    pub(crate) fn start(seed: u64, routes: &[(SocketAddr, Conditions)]) -> Relay {
        let ended = Arc::new(AtomicBool::new(false));
        let ends = routes.iter().flat_map(|(server, conditions)| {
            let link = |seed| Link::new(seed, conditions.clone());
            [End::open(None, link(seed)), End::open(Some(*server), link(!seed))]
        });
        let ends: Vec<_> = ends.collect();
        let addresses = ends.iter().step_by(2).map(End::address).collect();
        let mut carrier = Carrier {
            ends,
            buffers: vec![vec![0; BUFFER]; BATCH_SIZE],
            batch: Vec::with_capacity(BUFFER),
            under_way: DelayQueue::new(),
            begin: Instant::now(),
        };
        let thread = {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                while !ended.load(Ordering::Acquire) {
                    carrier.turn();
                }
            })
        };
        Relay {
            addresses,
            ended,
            thread: Some(thread),
        }
    }

    /// Where the clients send to, in the order of the servers.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket towards a client, or its neighbour in the list, towards the client's server.
struct End {
    socket: UdpSocket,
    kernel: UdpSocketState,
    /// Whom it sends to: of a client, who sent last.
    other: Option<SocketAddr>,
    /// What becomes of what comes in here.
    link: Link,
    /// When the last datagram came in.
    last: Duration,
}

struct Carrier {
    /// Clients' and servers' in turn.
    ends: Vec<End>,
    buffers: Vec<Vec<u8>>,
    batch: Vec<u8>,
    under_way: DelayQueue<Parcel>,
    begin: Instant,
}

struct Parcel {
    /// Where it leaves.
    end: usize,
    datagram: Bytes,
}

impl End {
    fn open(other: Option<SocketAddr>, link: Link) -> End {
        let socket = UdpSocket::bind(ANY_PORT).expect("a socket");
        let kernel = UdpSocketState::new((&socket).into()).expect("a socket to be set up");
        kernel
            .set_recv_buffer_size((&socket).into(), SOCKET_BUFFER)
            .and_then(|()| kernel.set_send_buffer_size((&socket).into(), SOCKET_BUFFER))
            .expect("a size of a buffer to ask for");
        End {
            socket,
            kernel,
            other,
            link,
            last: Duration::ZERO,
        }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    fn send(&self, batch: &[u8], segment: usize) {
        let Some(destination) = self.other else { return };
        // A datagram that cannot be sent is one lost.
        let _ = self.kernel.try_send(
            (&self.socket).into(),
            &Transmit {
                destination,
                ecn: None,
                contents: batch,
                segment_size: (batch.len() > segment).then_some(segment),
                src_ip: None,
            },
        );
    }
}

impl Carrier {
    fn turn(&mut self) {
        for end in 0..self.ends.len() {
            while self.take_in(end) {}
        }
        self.hand_on();
        let now = self.begin.elapsed();
        let left = self.under_way.next_at().map(|at| at.saturating_sub(now));
        match left {
            Some(left) if left <= AWAKE => {
                while self.under_way.next_at() > Some(self.begin.elapsed()) {
                    std::hint::spin_loop();
                }
            }
            _ => self.sleep(left.map_or(LONGEST_SLEEP, |left| (left - AWAKE).min(LONGEST_SLEEP))),
        }
    }

    fn sleep(&self, time: Duration) {
        let timeout = Timespec::try_from(time).expect("a short time");
        let sockets = self.ends.iter().map(|end| PollFd::new(&end.socket, PollFlags::IN));
        // Interrupted or not: what is there is seen in the next turn.
        let _ = poll(&mut sockets.collect::<Vec<_>>(), Some(&timeout));
    }

    /// Whether there was anything.
    fn take_in(&mut self, index: usize) -> bool {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<_> = self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let end = &mut self.ends[index];
        let Ok(count) = end.kernel.recv((&end.socket).into(), &mut slices, &mut metas) else {
            return false;
        };
        let (now, clock) = (self.begin.elapsed(), SystemTime::now());
        for (buffer, meta) in self.buffers.iter().zip(&metas[..count]) {
            let age = meta.timestamp.and_then(|at| clock.duration_since(UNIX_EPOCH + at).ok());
            let at = now.saturating_sub(age.unwrap_or_default()).max(end.last);
            end.last = at;
            if index.is_multiple_of(2) {
                end.other = Some(meta.addr);
            }
            let together = Bytes::copy_from_slice(&buffer[..meta.len]);
            for start in (0..meta.len).step_by(meta.stride.max(1)) {
                let datagram = together.slice(start..meta.len.min(start + meta.stride));
                for delivery in end.link.transmit(at, datagram) {
                    let parcel = Parcel {
                        end: index ^ 1,
                        datagram: delivery.datagram,
                    };
                    self.under_way.push(delivery.at, parcel);
                }
            }
        }
        true
    }

    /// Sends what is due, in one call what has the same size and destination; the last in a call may be shorter.
    fn hand_on(&mut self) {
        let (mut end, mut segment, mut segments) = (0, 0, 0);
        while let Some(parcel) = self.under_way.pop_due(self.begin.elapsed()) {
            let length = parcel.datagram.len();
            let fits = parcel.end == end
                && self.batch.len() == segments * segment
                && length <= segment
                && self.batch.len() + length <= BUFFER
                && segments < self.ends[end].kernel.max_gso_segments();
            if !fits {
                self.flush(end, segment);
                (end, segment, segments) = (parcel.end, length, 0);
            }
            self.batch.extend_from_slice(&parcel.datagram);
            segments += 1;
        }
        self.flush(end, segment);
    }

    fn flush(&mut self, end: usize, segment: usize) {
        if !self.batch.is_empty() {
            self.ends[end].send(&self.batch, segment);
            self.batch.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive_in_order_and_none_early() {
        const DELAY: Duration = Duration::from_millis(5);
        let server = UdpSocket::bind(ANY_PORT).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let client = UdpSocket::bind(ANY_PORT).unwrap();
        let route = (server.local_addr().unwrap(), Conditions::default().delay(DELAY));
        let relay = Relay::start(1, &[route]);
        let mut sent = Vec::new();
        for number in 0..200_u8 {
            sent.push(Instant::now());
            client.send_to(&[number; 100], relay.addresses()[0]).unwrap();
        }
        for (number, sent) in (0_u8..).zip(sent) {
            let mut buffer = [0; 200];
            assert_eq!(server.recv(&mut buffer).unwrap(), 100);
            assert!(sent.elapsed() >= DELAY, "{number} was early");
            assert_eq!(buffer[..100], [number; 100]);
        }
    }
}
