//! Single datagrams for many destinations, gathered to leave in few system calls.

use enet_proto::Path;

/// How many are gathered at most.
pub(super) const MAX_GATHERED: usize = 32;

/// How many bytes they have at most. An endpoint that once had much to tell a crowd keeps as much, so it is not enough for a crowd of
/// large datagrams: these cost more to send anyway.
const MAX_BYTES: usize = 8 * 1024;

/// Datagrams in the order in which they are to leave.
///
/// Those in a row that go to one address, from one of this host, and are equally long make up a batch: behind the address of a proxy, or of a host with many
/// connections to this one, there are many peers.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    batches: Vec<Place>,
    /// How many batches the kernel has taken, or refused for good.
    sent: usize,
    /// How many datagrams were put in.
    datagrams: usize,
}

/// Datagrams for one path, each of `segment_size` bytes but the last, which may be shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) path: Path,
    pub(super) segment_size: usize,
    pub(super) bytes: &'a [u8],
}

/// The unsent part of a batch, by where its bytes are.
#[derive(Debug)]
struct Place {
    path: Path,
    segment_size: usize,
    start: usize,
    end: usize,
}

impl<'a> Batch<'a> {
    /// How many datagrams it has.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_size)
    }

    /// Whether it is several datagrams, and the kernel takes so many as one batch.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn fits(&self, segments: usize) -> bool {
        (2..=segments).contains(&self.len())
    }

    /// The first of them.
    pub(super) fn first(&self) -> &'a [u8] {
        &self.bytes[..self.bytes.len().min(self.segment_size)]
    }

    /// Each of them and its path.
    #[cfg(any(target_os = "linux", test))]
    pub(super) fn singles(self) -> impl Iterator<Item = (Path, &'a [u8])> {
        self.bytes
            .chunks(self.segment_size)
            .map(move |datagram| (self.path, datagram))
    }
}

impl Place {
    fn batch<'a>(&self, bytes: &'a [u8]) -> Batch<'a> {
        Batch {
            path: self.path,
            segment_size: self.segment_size,
            bytes: &bytes[self.start..self.end],
        }
    }

    /// Whether a datagram of so many bytes can be the next: one that is longer, or comes after a shorter one, cannot.
    fn takes(&self, path: Path, bytes: usize) -> bool {
        let is_even = (self.end - self.start).is_multiple_of(self.segment_size);
        self.path == path && bytes <= self.segment_size && is_even
    }
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.batches.len()
    }

    /// Whether there is room for one more of so many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.datagrams < MAX_GATHERED && self.bytes.len() + bytes <= MAX_BYTES
    }

    /// Adds a datagram, which has at least a byte and for which there must be room.
    pub(super) fn push(&mut self, path: Path, datagram: &[u8]) {
        if self.batches.capacity() == 0 {
            self.batches.reserve_exact(MAX_GATHERED);
            self.bytes.reserve_exact(MAX_BYTES);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        let end = self.bytes.len();
        self.datagrams += 1;
        match self.batches.last_mut() {
            Some(last) if last.takes(path, datagram.len()) => last.end = end,
            _ => self.batches.push(Place {
                path,
                segment_size: datagram.len(),
                start,
                end,
            }),
        }
    }

    /// Leaves it to the system where the first unsent datagrams are to come from. False if there are none.
    pub(super) fn forget_source(&mut self) -> bool {
        match self.batches.get_mut(self.sent) {
            Some(first) => {
                first.path.local = None;
                true
            }
            None => false,
        }
    }

    /// What is unsent, batch by batch.
    pub(super) fn unsent(&self) -> impl Iterator<Item = Batch<'_>> {
        self.batches[self.sent..].iter().map(|place| place.batch(&self.bytes))
    }

    /// Forgets the first unsent datagrams, at most `count`. Returns how many these are.
    pub(super) fn advance(&mut self, count: usize) -> usize {
        let mut left = count;
        while left > 0
            && let Some(first) = self.batches.get_mut(self.sent)
        {
            let datagrams = first.batch(&self.bytes).len();
            if datagrams > left {
                first.start += left * first.segment_size;
                return count;
            }
            left -= datagrams;
            self.sent += 1;
        }
        if self.is_empty() {
            self.bytes.clear();
            self.batches.clear();
            self.sent = 0;
            self.datagrams = 0;
        }
        count - left
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn somewhere(port: u16) -> Path {
        SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    /// The unsent ones: the port that each batch goes to, and its datagrams.
    fn unsent(gathered: &Gathered) -> Vec<(u16, Vec<&[u8]>)> {
        gathered
            .unsent()
            .map(|batch| {
                let datagrams = batch.singles().map(|(_, datagram)| datagram).collect();
                (batch.path.remote.port(), datagrams)
            })
            .collect()
    }

    fn gather(datagrams: &[(u16, &[u8])]) -> Gathered {
        let mut gathered = Gathered::default();
        for (port, datagram) in datagrams {
            gathered.push(somewhere(*port), datagram);
        }
        gathered
    }

    #[test]
    fn what_was_put_in_first_comes_out_first() {
        let mut gathered = gather(&[(1, b"one"), (2, b"2"), (3, b"three")]);
        assert_eq!(gathered.advance(1), 1);
        assert_eq!(unsent(&gathered), [(2, vec![&b"2"[..]]), (3, vec![b"three"])]);
        assert_eq!(gathered.advance(5), 2);
        assert!(gathered.is_empty() && unsent(&gathered).is_empty());
    }

    #[test]
    fn equals_in_a_row_for_one_destination_are_a_batch_which_a_shorter_one_ends() {
        let datagrams: [(u16, &[u8]); 9] = [
            (1, b"ab"),
            (1, b"cd"),
            (1, b"e"),
            (1, b"f"),
            (2, b"gh"),
            (2, b"ijk"),
            (1, b"lm"),
            (2, b"no"),
            (2, b"pq"),
        ];
        let mut gathered = gather(&datagrams);
        let batches: [(u16, Vec<&[u8]>); 6] = [
            (1, vec![b"ab", b"cd", b"e"]),
            (1, vec![b"f"]),
            (2, vec![b"gh"]),
            (2, vec![b"ijk"]),
            (1, vec![b"lm"]),
            (2, vec![b"no", b"pq"]),
        ];
        assert_eq!(unsent(&gathered), batches);
        // The kernel took a part of one, and the end of one with the beginning of the next.
        assert_eq!(gathered.advance(1), 1);
        assert_eq!(unsent(&gathered)[0], (1, vec![&b"cd"[..], b"e"]));
        assert_eq!(gathered.advance(3), 3);
        assert_eq!(unsent(&gathered), batches[2..]);
    }

    #[test]
    fn a_batch_leaves_from_one_address() {
        let mut gathered = Gathered::default();
        let from = |last| Path {
            local: Some([127, 0, 0, last].into()),
            ..somewhere(1)
        };
        for path in [from(1), from(1), from(2), somewhere(1)] {
            gathered.push(path, b"ab");
        }
        let paths = |gathered: &Gathered| {
            let batches = gathered.unsent();
            batches.map(|batch| (batch.path, batch.len())).collect::<Vec<_>>()
        };
        assert_eq!(paths(&gathered), [(from(1), 2), (from(2), 1), (somewhere(1), 1)]);
        assert!(gathered.forget_source());
        assert_eq!(paths(&gathered)[..2], [(somewhere(1), 2), (from(2), 1)]);
    }

    #[test]
    fn it_holds_so_much_and_never_more() {
        let mut gathered = Gathered::default();
        for size in [1, 1392, MAX_BYTES] {
            let mut count = 0;
            while gathered.has_room(size) {
                gathered.push(somewhere(count), &vec![0; size]);
                count += 1;
            }
            assert_eq!(usize::from(count), MAX_GATHERED.min(MAX_BYTES / size));
            gathered.advance(count.into());
            assert_eq!(
                (gathered.bytes.capacity(), gathered.batches.capacity()),
                (MAX_BYTES, MAX_GATHERED)
            );
        }
        assert!(!gathered.has_room(MAX_BYTES + 1));
    }
}
