//! Single datagrams for many destinations, gathered to leave in one system call.

use std::net::SocketAddr;

/// How many are gathered at most. The one that comes after them leaves with them.
pub(super) const MAX_GATHERED: usize = 31;

/// How many bytes they have at most. An endpoint that once had much to tell a crowd keeps as much, so it is not enough for a crowd of
/// large datagrams: these cost more to send anyway.
const MAX_BYTES: usize = 8 * 1024;

/// Datagrams in the order in which they are to leave.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// How many of them the kernel has taken, or refused for good.
    sent: usize,
}

#[derive(Debug)]
struct Entry {
    destination: SocketAddr,
    start: usize,
    end: usize,
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.entries.len()
    }

    /// How many are unsent.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.sent
    }

    /// Whether there is room for one more of so many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.entries.len() < MAX_GATHERED && self.bytes.len() + bytes <= MAX_BYTES
    }

    /// Adds a datagram, for which there must be room.
    pub(super) fn push(&mut self, destination: SocketAddr, datagram: &[u8]) {
        if self.entries.capacity() == 0 {
            self.entries.reserve_exact(MAX_GATHERED);
            self.bytes.reserve_exact(MAX_BYTES);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        let end = self.bytes.len();
        self.entries.push(Entry {
            destination,
            start,
            end,
        });
    }

    /// The unsent ones and where they go.
    pub(super) fn unsent(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.entries[self.sent..]
            .iter()
            .map(|entry| (entry.destination, &self.bytes[entry.start..entry.end]))
    }

    /// Forgets the first `count` unsent ones.
    pub(super) fn advance(&mut self, count: usize) {
        self.sent += count.min(self.len());
        if self.is_empty() {
            self.bytes.clear();
            self.entries.clear();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somewhere(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn unsent(gathered: &Gathered) -> Vec<(SocketAddr, Vec<u8>)> {
        gathered
            .unsent()
            .map(|(to, datagram)| (to, datagram.to_vec()))
            .collect()
    }

    #[test]
    fn what_was_put_in_first_comes_out_first() {
        let mut gathered = Gathered::default();
        gathered.push(somewhere(1), b"one");
        gathered.push(somewhere(2), b"");
        gathered.push(somewhere(3), b"three");
        gathered.advance(1);
        let left = [(somewhere(2), b"".to_vec()), (somewhere(3), b"three".to_vec())];
        assert_eq!((gathered.len(), unsent(&gathered)), (2, left.to_vec()));
        gathered.advance(5);
        assert!(gathered.is_empty() && unsent(&gathered).is_empty());
    }

    #[test]
    fn it_holds_so_much_and_never_more() {
        let mut gathered = Gathered::default();
        for size in [1, 1392, MAX_BYTES] {
            while gathered.has_room(size) {
                gathered.push(somewhere(1), &vec![0; size]);
            }
            assert_eq!(gathered.len(), MAX_GATHERED.min(MAX_BYTES / size));
            gathered.advance(gathered.len());
            assert_eq!(
                (gathered.bytes.capacity(), gathered.entries.capacity()),
                (MAX_BYTES, MAX_GATHERED)
            );
        }
        assert!(!gathered.has_room(MAX_BYTES + 1));
    }
}
