//! The round trip time of a path, by bare datagrams that are sent back at once.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::side::ANY_PORT;
use crate::statistics::Spread;

/// A pause between two datagrams. It is no multiple of a round trip, so that they meet all of what else is under way.
const PAUSE: Duration = Duration::from_millis(13);
/// A datagram that does not come back for so long is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What sends datagrams back, and what sends them, while something else goes over the same relay.
pub(crate) struct Probe {
    echo: UdpSocket,
    ended: Arc<AtomicBool>,
    threads: Option<(JoinHandle<()>, JoinHandle<Vec<Duration>>)>,
}

impl Probe {
    pub(crate) fn new() -> Probe {
        Probe {
            echo: socket(),
            ended: Arc::default(),
            threads: None,
        }
    }

    /// Who sends datagrams back.
    pub(crate) fn echo(&self) -> SocketAddr {
        self.echo.local_addr().expect("a bound socket")
    }

    /// Begins to send datagrams to `relay`, which hands them to the echo.
    pub(crate) fn start(&mut self, relay: SocketAddr) {
        let echo = self.echo.try_clone().expect("a second handle");
        let (ended, ended_too) = (Arc::clone(&self.ended), Arc::clone(&self.ended));
        self.threads = Some((
            thread::spawn(move || send_back(&echo, &ended)),
            thread::spawn(move || ask(relay, &ended_too)),
        ));
    }

    /// Ends, and tells the median of the round trip times in milliseconds; `None` if there were none.
    pub(crate) fn stop(self) -> Option<f64> {
        self.ended.store(true, Ordering::Release);
        let (echo, times) = self.threads?;
        echo.join().expect("a panic ends the process");
        let times = times.join().expect("a panic ends the process");
        Some(Spread::of(times.iter().map(|time| time.as_secs_f64() * 1e3))?.median)
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(ANY_PORT).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket that waits");
    socket
}

fn send_back(socket: &UdpSocket, ended: &AtomicBool) {
    let mut buffer = [0; 64];
    while !ended.load(Ordering::Acquire) {
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], from);
        }
    }
}

fn ask(relay: SocketAddr, ended: &AtomicBool) -> Vec<Duration> {
    let socket = socket();
    let mut times = Vec::new();
    for number in 0_u64.. {
        if ended.load(Ordering::Acquire) {
            break;
        }
        let begin = Instant::now();
        let mut buffer = [0; 64];
        let sent = socket.send_to(&number.to_le_bytes(), relay);
        let received = sent.and_then(|_| socket.recv(&mut buffer));
        if received.is_ok() && buffer.first_chunk() == Some(&number.to_le_bytes()) {
            times.push(begin.elapsed());
        }
        thread::sleep(PAUSE);
    }
    times
}
