//! Who pays for a buffer that several queues share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// What the allocation of a charged buffer is counted for beside its bytes.
const BUFFER_COST: usize = 128;

/// Counts the bytes of buffers, each once however many queues share it, from when it is [charged](Ledger::charge) until the last
/// of them lets go of it.
///
/// [`Host::ledger`](crate::Host::ledger) is the one that a host counts as its own. A program that sends for others has
/// [sub-ledgers](Ledger::child) of it, one for each, and so knows what each of them makes the host hold. Clones are the same ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    held: AtomicUsize,
    /// Where it counts as well.
    parent: Option<Ledger>,
}

/// A buffer that counts as long as it is there.
struct Charged {
    data: Bytes,
    ledger: Ledger,
}

impl Ledger {
    /// One of its own, in which nothing is counted yet.
    #[must_use]
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// One of which everything counts in this one as well.
    #[must_use]
    pub fn child(&self) -> Ledger {
        Ledger(Arc::new(Account {
            held: AtomicUsize::new(0),
            parent: Some(self.clone()),
        }))
    }

    /// Bytes of the buffers that are charged and still there, with what each costs beside.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Counts a buffer until its last clone or slice is dropped.
    #[must_use]
    pub fn charge(&self, data: Bytes) -> Bytes {
        self.add(cost(&data));
        Bytes::from_owner(Charged {
            data,
            ledger: self.clone(),
        })
    }

    fn add(&self, bytes: usize) {
        let mut next = Some(self);
        while let Some(ledger) = next {
            ledger.0.held.fetch_add(bytes, Ordering::Relaxed);
            next = ledger.0.parent.as_ref();
        }
    }

    fn subtract(&self, bytes: usize) {
        let mut next = Some(self);
        while let Some(ledger) = next {
            ledger.0.held.fetch_sub(bytes, Ordering::Relaxed);
            next = ledger.0.parent.as_ref();
        }
    }
}

fn cost(data: &Bytes) -> usize {
    data.len() + BUFFER_COST
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        self.ledger.subtract(cost(&self.data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_counts_once_until_the_last_clone_is_dropped() {
        let ledger = Ledger::new();
        let first = ledger.charge(Bytes::from(vec![1; 1000]));
        let others: Vec<Bytes> = (0..10).map(|_| first.clone()).collect();
        assert_eq!(ledger.held(), 1000 + BUFFER_COST);
        drop(first);
        let part = others[0].slice(10..20);
        drop(others);
        assert_eq!(ledger.held(), 1000 + BUFFER_COST);
        drop(part);
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn what_counts_in_a_child_counts_in_its_parent() {
        let host = Ledger::new();
        let (one, other) = (host.child(), host.child());
        let data = one.charge(Bytes::from_static(b"abc"));
        let _data = other.charge(Bytes::from_static(b"de"));
        assert_eq!(one.held(), 3 + BUFFER_COST);
        assert_eq!(host.held(), 3 + 2 + 2 * BUFFER_COST);
        drop(data);
        assert_eq!((one.held(), host.held()), (0, 2 + BUFFER_COST));
    }
}
