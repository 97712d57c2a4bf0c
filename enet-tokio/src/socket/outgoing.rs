//! Datagrams on their way out.

use std::net::SocketAddr;

use bytes::Bytes;
use enet_proto::{Path, Transmit};

use super::gathered::{Batch, Gathered};

/// The datagrams of one [`Transmit`] and how far they have been sent. The buffer is reused for the next ones.
///
/// A single datagram can be put aside, to leave together with those that follow. What was put aside comes first.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) buffer: Vec<u8>,
    /// Where datagrams are sealed into, which then is the buffer.
    #[cfg(feature = "dtls")]
    sealed: Vec<u8>,
    path: Path,
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
            #[cfg(feature = "dtls")]
            sealed: Vec::new(),
            path: nowhere.into(),
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
        self.path = Path {
            remote: transmit.destination,
            local: transmit.source,
        };
        self.segment_size = transmit.segment_size.max(1);
        self.sent = 0;
        self.end = transmit.size.min(self.buffer.len());
    }

    /// Fills the buffer with one datagram.
    pub(crate) fn load(&mut self, path: Path, datagram: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(datagram);
        self.begin(&Transmit {
            destination: path.remote,
            source: path.local,
            segment_size: datagram.len(),
            size: datagram.len(),
        });
    }

    /// Hands out the datagrams of the buffer one by one instead of sending them.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Path, Bytes)) {
        while self.sent < self.end {
            each(self.path, Bytes::copy_from_slice(self.rest().first()));
            self.pass(self.segment_size);
        }
    }

    /// Has `seal` append what is sent in place of the datagrams of the buffer. It may append nothing, or else makes each of them longer
    /// by the same.
    #[cfg(feature = "dtls")]
    pub(crate) fn seal(&mut self, seal: impl FnOnce(Path, std::slice::Chunks<'_, u8>, &mut Vec<u8>)) {
        self.sealed.clear();
        let datagrams = self.buffer[self.sent..self.end].chunks(self.segment_size);
        let count = datagrams.len();
        seal(self.path, datagrams, &mut self.sealed);
        let longer = self.sealed.len().saturating_sub(self.end - self.sent) / count.max(1);
        // One that is alone may be shorter than a segment.
        self.segment_size = (self.segment_size + longer).min(self.sealed.len()).max(1);
        std::mem::swap(&mut self.buffer, &mut self.sealed);
        self.sent = 0;
        self.end = self.buffer.len();
    }

    /// Puts the datagram in the buffer aside. False if it is a batch, or if there is no room.
    pub(crate) fn gather(&mut self) -> bool {
        if self.datagrams() != 1 || !self.has_room(self.end - self.sent) {
            return false;
        }
        self.gathered.push(self.path, &self.buffer[self.sent..self.end]);
        // The buffer is cleared next.
        self.sent = 0;
        self.end = 0;
        true
    }

    /// Whether a datagram of so many bytes can be put aside.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.gathered.has_room(bytes)
    }

    /// Whether datagrams that were put aside are next.
    pub(crate) fn is_gathered(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// Leaves it to the system where what is next is to come from.
    pub(super) fn forget_source(&mut self) {
        if !self.gathered.forget_source() {
            self.path.local = None;
        }
    }

    /// Forgets what has not been sent.
    pub(crate) fn clear(&mut self) {
        self.sent = self.end;
        self.gathered = Gathered::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent == self.end && self.gathered.is_empty()
    }

    /// What is next: of what was put aside, else what is left in the buffer.
    pub(super) fn batch(&self) -> Batch<'_> {
        self.gathered.unsent().next().unwrap_or(self.rest())
    }

    /// The datagrams that are next, up to the first batch of at most `segments`.
    #[cfg(target_os = "linux")]
    pub(super) fn singles(&self, segments: usize) -> impl Iterator<Item = (Path, &[u8])> {
        self.gathered
            .unsent()
            .chain([self.rest()])
            .take_while(move |batch| !batch.fits(segments))
            .flat_map(Batch::singles)
    }

    /// The next `count` datagrams have left, or never will.
    pub(super) fn advance(&mut self, count: usize) {
        let gathered = self.gathered.advance(count);
        self.pass((count - gathered) * self.segment_size);
    }

    /// How many datagrams are unsent in the buffer.
    pub(crate) fn datagrams(&self) -> usize {
        self.rest().len()
    }

    /// What is left in the buffer.
    fn rest(&self) -> Batch<'_> {
        Batch {
            path: self.path,
            segment_size: self.segment_size,
            bytes: &self.buffer[self.sent..self.end],
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.sent = self.end.min(self.sent + bytes);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_stands_alone_leaves_before_the_next_batch() {
        let somewhere = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut outgoing = Outgoing::default();
        for (port, datagram) in [(1, b"a"), (2, b"b"), (3, b"c"), (3, b"d"), (4, b"e")] {
            outgoing.load(somewhere(port).into(), datagram);
            assert!(outgoing.gather());
        }
        outgoing.buffer.clear();
        outgoing.buffer.extend_from_slice(b"fffgg");
        outgoing.begin(&Transmit {
            destination: somewhere(5),
            source: None,
            segment_size: 3,
            size: 5,
        });
        let ports = |outgoing: &Outgoing, segments| {
            let singles = outgoing.singles(segments);
            singles.map(|(path, _)| path.remote.port()).collect::<Vec<_>>()
        };
        assert_eq!(ports(&outgoing, 64), [1, 2]);
        // Without segmentation nothing is better sent as a batch.
        assert_eq!(ports(&outgoing, 1), [1, 2, 3, 3, 4, 5, 5]);
        outgoing.advance(6);
        assert_eq!(ports(&outgoing, 1), [5]);
        assert_eq!(outgoing.batch().first(), b"gg");
        outgoing.advance(1);
        assert!(outgoing.is_empty() && ports(&outgoing, 1).is_empty());
    }
}
