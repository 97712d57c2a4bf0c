//! The way of datagrams between two hosts.

use std::net::{IpAddr, SocketAddr};

/// Where a datagram comes from and where it came to, or the other way around.
///
/// A host with several addresses is asked at one of them, and its answers must come from there: who asked knows no other. So a
/// datagram for a peer leaves from the address that the peer's first one came to.
///
/// A mere [`SocketAddr`] makes a path too, for sockets that have one address or do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The other host's address.
    pub remote: SocketAddr,
    /// This host's address; `None` if it is not known, or for the system to choose.
    pub local: Option<IpAddr>,
}

impl From<SocketAddr> for Path {
    fn from(remote: SocketAddr) -> Path {
        Path { remote, local: None }
    }
}
