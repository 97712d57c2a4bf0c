//! Datagrams on their way out.

use std::net::SocketAddr;

use bytes::Bytes;
use enet_proto::Transmit;

use super::gathered::Gathered;

/// The datagrams of one [`Transmit`] and how far they have been sent. The buffer is reused for the next ones.
///
/// A single datagram can be put aside, to leave together with those that follow. What was put aside comes first.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) buffer: Vec<u8>,
    destination: SocketAddr,
    segment_size: usize,
    /// Bytes that the kernel has taken, or refused for good.
    sent: usize,
    end: usize,
    gathered: Gathered,
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
            gathered: Gathered::default(),
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

    /// Fills the buffer with one datagram.
    pub(crate) fn load(&mut self, destination: SocketAddr, datagram: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(datagram);
        self.begin(&Transmit {
            destination,
            segment_size: datagram.len(),
            size: datagram.len(),
        });
    }

    /// Hands out the datagrams of the buffer one by one instead of sending them.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(SocketAddr, Bytes)) {
        while self.sent < self.end {
            each(self.destination, Bytes::copy_from_slice(self.first_of_rest()));
            self.pass(self.segment_size);
        }
    }

    /// Puts the datagram in the buffer aside. False if it is a batch, or if there is no room.
    pub(crate) fn gather(&mut self) -> bool {
        if !self.is_single() || !self.gathered.has_room(self.end - self.sent) {
            return false;
        }
        self.gathered.push(self.destination, &self.buffer[self.sent..self.end]);
        // The buffer is cleared next.
        self.sent = 0;
        self.end = 0;
        true
    }

    /// Forgets what has not been sent.
    pub(crate) fn clear(&mut self) {
        self.sent = self.end;
        self.gathered = Gathered::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent == self.end && self.gathered.is_empty()
    }

    /// Where the next datagram goes.
    pub(super) fn destination(&self) -> SocketAddr {
        self.first().0
    }

    pub(super) fn segment_size(&self) -> usize {
        self.segment_size
    }

    /// Everything unsent in the buffer.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.sent..self.end]
    }

    /// The next datagram and where it goes.
    pub(super) fn first(&self) -> (SocketAddr, &[u8]) {
        let gathered = self.gathered.unsent().next();
        gathered.unwrap_or_else(|| (self.destination, self.first_of_rest()))
    }

    /// Whether datagrams that were put aside are next.
    pub(super) fn is_gathered(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// The single datagrams that are next.
    #[cfg(target_os = "linux")]
    pub(super) fn singles(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let last = self.is_single().then(|| (self.destination, self.rest()));
        self.gathered.unsent().chain(last)
    }

    /// The next `count` datagrams have left, or never will.
    pub(super) fn advance(&mut self, count: usize) {
        let gathered = count.min(self.gathered.len());
        if gathered > 0 {
            self.gathered.advance(gathered);
        }
        self.pass((count - gathered) * self.segment_size);
    }

    /// How many datagrams are unsent in the buffer.
    pub(crate) fn datagrams(&self) -> usize {
        self.rest().len().div_ceil(self.segment_size)
    }

    /// Whether the buffer has one datagram left.
    fn is_single(&self) -> bool {
        self.sent < self.end && self.end - self.sent <= self.segment_size
    }

    fn first_of_rest(&self) -> &[u8] {
        let rest = self.rest();
        &rest[..rest.len().min(self.segment_size)]
    }

    fn pass(&mut self, bytes: usize) {
        self.sent = self.end.min(self.sent + bytes);
    }
}
