//! Many datagrams in one system call, on Linux and Android.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use super::buffers::{Buffers, MAX_READY};
use super::gathered::Batch;
use super::local::kernel;
use super::offload::Offload;

// More the kernel would not be asked to fill.
const _: () = assert!(MAX_READY <= BATCH_SIZE);

/// Sends with segmentation offload; receives with `recvmmsg` and receive offload.
#[derive(Debug)]
pub(super) struct Batched {
    state: UdpSocketState,
    pub(super) offload: Offload,
    buffers: Buffers,
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
        let state = kernel(socket)?;
        if state.gro_segments() > 1 {
            setsockopt(socket, sockopt::UdpGroSegment, &true)?;
        }
        // What `state` makes of refusals is not asked for: it would give up batches for good after one, which anybody can bring about.
        let offload = Offload::new(state.max_gso_segments());
        Ok(Batched {
            state,
            offload,
            buffers: Buffers::new(),
        })
    }

    /// Sends a batch to `to`, which is its destination as the socket has it, from the address `from` of this machine.
    pub(super) fn send(
        &self,
        socket: &UdpSocket,
        to: SocketAddr,
        from: Option<IpAddr>,
        batch: &Batch<'_>,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: batch.bytes,
            segment_size: Some(batch.segment_size),
            src_ip: from,
        };
        self.state.try_send(socket.into(), &transmit)
    }

    /// Fills as many buffers as the kernel has datagrams for.
    pub(super) fn receive(&mut self, socket: &UdpSocket, metas: &mut [RecvMeta; MAX_READY]) -> io::Result<Received> {
        let slots = self.buffers.writable();
        let available = slots.len();
        let mut slices: [IoSliceMut<'_>; MAX_READY] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        for (slice, slot) in slices.iter_mut().zip(slots) {
            *slice = IoSliceMut::new(slot);
        }
        let received = self.state.recv(socket.into(), &mut slices[..available], metas);
        let count = *received.as_ref().unwrap_or(&0);
        let singles = metas[..count].iter().all(|meta| meta.len <= meta.stride);
        self.buffers.fit(count, singles);
        received.map(|count| Received {
            count,
            drained: count < available,
        })
    }

    /// The datagrams in the buffer at `index`.
    pub(super) fn take(&mut self, index: usize, meta: &RecvMeta, each: impl FnMut(bytes::Bytes)) {
        self.buffers.take(index, meta.len, meta.stride, each);
    }
}
