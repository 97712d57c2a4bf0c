//! Many datagrams in one system call, on Linux and Android.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use super::buffers::Buffers;
use super::outgoing::Outgoing;

/// How many buffers a socket begins with; it gets more when they fill up.
const FIRST_BUFFERS: usize = 2;

/// How many it gets at most. Each has 64 KiB, and more of them save next to nothing of a system call's cost for each datagram.
const MOST_BUFFERS: usize = 8;
const _: () = assert!(MOST_BUFFERS <= BATCH_SIZE);

/// After so many calls of which none filled a quarter of the buffers, half of them are freed.
const CALLS_TO_SHRINK: u32 = 128;

/// Sends with segmentation offload; receives with `recvmmsg` and receive offload.
#[derive(Debug)]
pub(super) struct Batched {
    state: UdpSocketState,
    buffers: Buffers,
    /// Calls in a row that filled few of them.
    quiet_calls: u32,
}

/// What one system call brought in.
pub(super) struct Received {
    /// The first so many buffers are filled.
    pub(super) count: usize,
    /// Whether the kernel had nothing more at that moment.
    pub(super) drained: bool,
}

impl Batched {
    /// Finds out what the kernel can do, and prepares the socket for it.
    pub(super) fn new(socket: &UdpSocket) -> io::Result<Batched> {
        // The state describes the kernel, not the socket it was made for. Making it sets options that QUIC wants and ENet must
        // not have: forbidden fragmentation above all, as ENet does not look for the MTU of a path and trusts in IP there. So
        // it is made for a socket that is thrown away, and ours keeps the system's defaults.
        let scratch = UdpSocket::bind((socket.local_addr()?.ip(), 0))?;
        let state = UdpSocketState::new((&scratch).into())?;
        if state.gro_segments() > 1 {
            setsockopt(socket, sockopt::UdpGroSegment, &true)?;
        }
        Ok(Batched {
            state,
            buffers: Buffers::new(FIRST_BUFFERS),
            quiet_calls: 0,
        })
    }

    /// How many datagrams the kernel takes at a time.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends `contents`, datagrams of `outgoing`'s segment size.
    pub(super) fn send(
        &self,
        socket: &UdpSocket,
        to: SocketAddr,
        outgoing: &Outgoing,
        contents: &[u8],
    ) -> io::Result<()> {
        if contents.len() <= outgoing.segment_size() {
            // Without the control messages that a batch needs.
            return socket.send_to(contents, to).map(drop);
        }
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: Some(outgoing.segment_size()),
            src_ip: None,
        };
        self.state.try_send(socket.into(), &transmit)
    }

    /// Fills as many buffers as the kernel has datagrams for.
    pub(super) fn receive(&mut self, socket: &UdpSocket, metas: &mut [RecvMeta; BATCH_SIZE]) -> io::Result<Received> {
        let slots = self.buffers.writable();
        let available = slots.len();
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        for (slice, slot) in slices.iter_mut().zip(slots) {
            *slice = IoSliceMut::new(slot);
        }
        let count = self.state.recv(socket.into(), &mut slices[..available], metas)?;
        let drained = count < available;
        if !drained && available < MOST_BUFFERS {
            self.buffers.resize((available * 2).min(MOST_BUFFERS));
        }
        self.quiet_calls = if count * 4 <= available {
            self.quiet_calls + 1
        } else {
            0
        };
        if self.quiet_calls == CALLS_TO_SHRINK {
            self.quiet_calls = 0;
            // The filled ones come first.
            self.buffers.resize((available / 2).max(FIRST_BUFFERS));
        }
        Ok(Received { count, drained })
    }

    /// The datagrams in the buffer at `index`.
    pub(super) fn take(&mut self, index: usize, meta: &RecvMeta, each: impl FnMut(bytes::Bytes)) {
        self.buffers.take(index, meta.len, meta.stride, each);
    }
}
