//! Datagrams on their way out.

use std::net::SocketAddr;

use bytes::Bytes;
use enet_proto::Transmit;

/// The datagrams of one [`Transmit`] and how far they have been sent. The buffer is reused for the next ones.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) buffer: Vec<u8>,
    destination: SocketAddr,
    segment_size: usize,
    /// Bytes that the kernel has taken, or refused for good.
    sent: usize,
    end: usize,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Outgoing {
            buffer: Vec::new(),
            destination: nowhere,
            segment_size: 1,
            sent: 0,
            end: 0,
        }
    }
}

impl Outgoing {
    /// The buffer has been filled according to `transmit`.
    pub(crate) fn begin(&mut self, transmit: &Transmit) {
        self.destination = transmit.destination;
        self.segment_size = transmit.segment_size.max(1);
        self.sent = 0;
        self.end = transmit.size.min(self.buffer.len());
    }

    /// Replaces what there was by one datagram.
    pub(crate) fn load(&mut self, destination: SocketAddr, datagram: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(datagram);
        self.begin(&Transmit {
            destination,
            segment_size: datagram.len(),
            size: datagram.len(),
        });
    }

    /// Hands out the datagrams one by one instead of sending them.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(SocketAddr, Bytes)) {
        while !self.is_empty() {
            each(self.destination, Bytes::copy_from_slice(self.first()));
            self.advance(self.segment_size);
        }
    }

    /// Forgets what has not been sent.
    pub(crate) fn clear(&mut self) {
        self.sent = self.end;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent == self.end
    }

    pub(super) fn destination(&self) -> SocketAddr {
        self.destination
    }

    pub(super) fn segment_size(&self) -> usize {
        self.segment_size
    }

    /// Everything unsent.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.sent..self.end]
    }

    /// The next datagram.
    pub(super) fn first(&self) -> &[u8] {
        let rest = self.rest();
        &rest[..rest.len().min(self.segment_size)]
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.sent = self.end.min(self.sent + bytes);
    }

    /// How many datagrams are unsent.
    pub(crate) fn datagrams(&self) -> usize {
        self.rest().len().div_ceil(self.segment_size)
    }
}
