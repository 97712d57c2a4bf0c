//! Counters of an endpoint.

use enet_proto::HostStatistics;

/// What an endpoint has done since it was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStatistics {
    /// What the protocol counted: datagrams, bytes, connections, what was dropped and why.
    pub host: HostStatistics,
    /// What the socket counted: system calls and errors.
    pub socket: SocketStatistics,
    /// Peers that are connected, connecting or leaving now.
    pub peers: usize,
    /// Connections in the making: those that have asked, but not proven yet that they receive at their address.
    pub half_open: usize,
    /// What the encryption did; none without one.
    #[cfg(feature = "dtls")]
    pub dtls: Option<crate::DtlsStatistics>,
}

/// System calls and errors of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStatistics {
    /// System calls made to send, each for one datagram or several.
    pub send_calls: u64,
    /// System calls made to receive, those included that brought nothing.
    pub receive_calls: u64,
    /// Datagrams that the system refused to send, and that so were lost: unreachable, interface down, out of buffers.
    pub send_errors: u64,
    /// Errors in receiving.
    pub receive_errors: u64,
    /// How often sending had to wait because the kernel's buffer was full.
    pub sends_delayed: u64,
}
