//! Sockets of many addresses.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::loopback::Loopback;

/// The first address that attackers have; healthy peers are at 127.0.0.1.
const FIRST: u32 = 0x7F01_0001;

/// How far their addresses are apart, so that few are of one network.
const STEP: u32 = 67;

/// Sockets that can send to `target`, each with an address of its own, none waiting for anything.
pub(crate) fn many(target: Loopback, count: usize) -> io::Result<Vec<UdpSocket>> {
    (0..).take(count).map(|number| one(target, number)).collect()
}

/// The socket of the attacker of this number.
pub(crate) fn one(target: Loopback, number: u32) -> io::Result<UdpSocket> {
    let socket = bound(number)?;
    socket.connect(target.address())?;
    Ok(socket)
}

/// A socket of the attacker of this number that has no target yet.
pub(crate) fn bound(number: u32) -> io::Result<UdpSocket> {
    let ip = Ipv4Addr::from(FIRST + number * STEP);
    let socket = UdpSocket::bind(SocketAddr::from((ip, 0)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Sends a datagram; whether the kernel has taken it. What it does not take is lost, as anywhere.
pub(crate) fn send(socket: &UdpSocket, datagram: &[u8]) -> bool {
    socket.send(datagram).is_ok()
}

/// What became of many datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// Those that the kernel took.
    pub(crate) datagrams: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Those that it did not take.
    pub(crate) refused: u64,
}

impl Sent {
    /// Sends a datagram and counts it; whether the kernel has taken it.
    pub(crate) fn send(&mut self, socket: &UdpSocket, datagram: &[u8]) -> bool {
        let taken = send(socket, datagram);
        if taken {
            self.datagrams += 1;
            self.bytes += datagram.len() as u64;
        } else {
            self.refused += 1;
        }
        taken
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.bytes as f64 / 1_048_576.0;
        write!(f, "{} datagrams of {mib:.1} MiB", self.datagrams)?;
        if self.refused > 0 {
            write!(f, " ({} more were refused by the system)", self.refused)?;
        }
        Ok(())
    }
}

/// Whether so many sockets can be opened.
///
/// # Errors
/// If the system does not allow it.
pub(crate) fn require(count: usize) -> io::Result<()> {
    // Beside the sockets: standard streams, those of the healthy, what a runtime needs.
    const OTHERS: usize = 200;
    let limit = getrlimit(Resource::Nofile).current;
    match limit {
        Some(limit) if limit < (count + OTHERS) as u64 => Err(io::Error::other(format!(
            "{count} sockets are needed, and {limit} open files are allowed (ulimit -Hn)"
        ))),
        _ => Ok(()),
    }
}

/// Raises the limit of open files to what the system allows, as thousands of clients have thousands of sockets.
pub(crate) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // If not, opening them will tell.
    let _ = setrlimit(Resource::Nofile, raised);
}
