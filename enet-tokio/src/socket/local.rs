//! Which address of this machine a datagram came to, and is to come from, on Linux and Android.
//!
//! A socket that is bound to all addresses answers from the one that the system would choose for a first word, which need not be the
//! one that was asked. So it has the system tell, and says where answers are to come from.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

/// The calls for one datagram together with an address of this machine.
#[derive(Debug)]
pub(super) struct Local {
    state: UdpSocketState,
}

impl Local {
    /// Has the system tell; `None` if the socket has one address only.
    pub(super) fn new(socket: &UdpSocket) -> io::Result<Option<Local>> {
        let bound = socket.local_addr()?.ip();
        if !bound.is_unspecified() {
            return Ok(None);
        }
        match bound {
            IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
        let state = kernel(socket)?;
        Ok(Some(Local { state }))
    }

    /// Receives one datagram: how long it is, where it came from and where to.
    pub(super) fn receive(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> io::Result<(usize, SocketAddr, Option<IpAddr>)> {
        let mut meta = [RecvMeta::default()];
        self.state
            .recv(socket.into(), &mut [IoSliceMut::new(buffer)], &mut meta)?;
        let [meta] = meta;
        Ok((meta.len, meta.addr, meta.dst_ip))
    }

    /// Sends one datagram from an address of this machine.
    pub(super) fn send(&self, socket: &UdpSocket, datagram: &[u8], to: SocketAddr, from: IpAddr) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: datagram,
            segment_size: None,
            src_ip: Some(from),
        };
        self.state.try_send(socket.into(), &transmit)
    }
}

/// What the kernel can do.
///
/// The state describes the kernel, not the socket it was made for. Making it sets options that QUIC wants and ENet must not have:
/// forbidden fragmentation above all, as ENet does not look for the MTU of a path and trusts in IP there. So it is made for a socket
/// that is thrown away, and ours keeps the system's defaults.
pub(super) fn kernel(socket: &UdpSocket) -> io::Result<UdpSocketState> {
    let scratch = UdpSocket::bind((socket.local_addr()?.ip(), 0))?;
    UdpSocketState::new((&scratch).into())
}
