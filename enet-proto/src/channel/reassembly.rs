//! Putting the fragments of one packet together.
//!
//! Memory grows with the fragments that came, never with what a header announces, and what is charged is what was asked for, not
//! what is used of it. Fragments of a true sender are all of one
//! length but the last, so one that does not fit that grid is refused and a packet can have no holes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::inbox::{ASSEMBLY_COST, ITEM_COST};
use crate::wire::Fragment;

/// For so many fragments like the first one there is room at first; it doubles from there.
const FIRST_FRAGMENTS: usize = 4;

/// A packet of which fragments are missing.
#[derive(Debug)]
pub(crate) struct Assembly {
    total: usize,
    count: u32,
    fragment_length: usize,
    /// The bytes of the fragments before `next`, all there.
    start: Vec<u8>,
    next: u32,
    /// Fragments after a gap.
    later: BTreeMap<u32, Bytes>,
    /// What the budget was charged for this assembly.
    charged: usize,
}

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It was taken; fragments are still missing.
    Incomplete,
    /// It was there already.
    Again,
    /// It was the last one missing.
    Complete(Bytes),
    /// It does not belong to this packet.
    Mismatch,
}

/// The length that all fragments but the last must have for this one to be a part of its packet; `None` if there is none.
fn grid(fragment: &Fragment) -> Option<usize> {
    let total = fragment.total_length as usize;
    let offset = fragment.offset as usize;
    let length = fragment.payload.len();
    let number = fragment.number as usize;
    let last = (fragment.count as usize).checked_sub(1)?;
    if number > last || length == 0 {
        return None;
    }
    let step = match (number == last, last) {
        (true, 0) => total,
        (true, _) if offset.is_multiple_of(last) => offset / last,
        (true, _) => return None,
        (false, _) => length,
    };
    let expected_offset = number.checked_mul(step)?;
    let last_length = total.checked_sub(last.checked_mul(step)?)?;
    let expected_length = if number == last { last_length } else { step };
    let fits = offset == expected_offset && length == expected_length && last_length > 0 && last_length <= step;
    fits.then_some(step)
}

impl Assembly {
    /// Starts a packet with whichever of its fragments came first, still without its bytes; `None` if it fits no packet.
    pub(crate) fn new(fragment: &Fragment) -> Option<Assembly> {
        Some(Assembly {
            total: fragment.total_length as usize,
            count: fragment.count,
            fragment_length: grid(fragment)?,
            start: Vec::new(),
            next: 0,
            later: BTreeMap::new(),
            charged: ASSEMBLY_COST,
        })
    }

    /// How many reliable numbers the packet takes.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// What the receiving budget was charged for it.
    pub(crate) fn charged(&self) -> usize {
        self.charged
    }

    /// Takes a fragment whose bytes are `data`. There is room for `growth` bytes beyond what it needs.
    pub(crate) fn join(&mut self, fragment: &Fragment, data: &[u8], growth: usize) -> Joined {
        let same = fragment.total_length as usize == self.total
            && fragment.count == self.count
            && grid(fragment) == Some(self.fragment_length);
        if !same {
            return Joined::Mismatch;
        }
        if fragment.number < self.next || self.later.contains_key(&fragment.number) {
            return Joined::Again;
        }
        if fragment.number > self.next {
            self.later.insert(fragment.number, Bytes::copy_from_slice(data));
            self.charged += data.len() + ITEM_COST;
            return Joined::Incomplete;
        }
        self.append(data, growth);
        while let Some(data) = self.later.remove(&self.next) {
            self.charged -= data.len() + ITEM_COST;
            self.append(&data, growth);
        }
        if self.next < self.count {
            return Joined::Incomplete;
        }
        Joined::Complete(Bytes::from(std::mem::take(&mut self.start)))
    }

    fn append(&mut self, data: &[u8], growth: usize) {
        let room = self.start.capacity();
        let needed = self.start.len() + data.len();
        if needed > room {
            let wanted = if room == 0 {
                FIRST_FRAGMENTS * data.len()
            } else {
                2 * room
            };
            let most = needed.saturating_add(growth).min(self.total);
            let capacity = wanted.min(most).max(needed);
            self.start.reserve_exact(capacity - self.start.len());
            self.charged += self.start.capacity() - room;
        }
        self.start.extend_from_slice(data);
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(number: u32, count: u32, total: u32, step: u32) -> Fragment {
        let offset = number * step;
        let length = step.min(total - offset) as usize;
        Fragment {
            start_sequence: 1,
            count,
            number,
            total_length: total,
            offset,
            payload: 0..length,
        }
    }

    fn join(assembly: &mut Assembly, packet: &[u8], fragment: &Fragment) -> Joined {
        let offset = fragment.offset as usize;
        assembly.join(fragment, &packet[offset..offset + fragment.payload.len()], usize::MAX)
    }

    #[test]
    fn fragments_in_any_order_make_the_packet() {
        let packet: Vec<u8> = (0..250).collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let first = fragment(order[0], 3, 250, 100);
            let mut assembly = Assembly::new(&first).unwrap();
            let mut joined = Joined::Incomplete;
            for number in order {
                joined = join(&mut assembly, &packet, &fragment(number, 3, 250, 100));
            }
            assert_eq!(joined, Joined::Complete(Bytes::from(packet.clone())), "order {order:?}");
        }
    }

    #[test]
    fn a_repeated_fragment_changes_nothing() {
        let packet: Vec<u8> = (0..200).collect();
        let mut assembly = Assembly::new(&fragment(1, 2, 200, 100)).unwrap();
        assert_eq!(
            join(&mut assembly, &packet, &fragment(1, 2, 200, 100)),
            Joined::Incomplete
        );
        let charged = assembly.charged();
        assert_eq!(join(&mut assembly, &packet, &fragment(1, 2, 200, 100)), Joined::Again);
        assert_eq!(assembly.charged(), charged);
    }

    #[test]
    fn a_fragment_off_the_grid_is_refused() {
        let overlapping = Fragment {
            start_sequence: 1,
            count: 3,
            number: 1,
            total_length: 250,
            offset: 50,
            payload: 0..100,
        };
        assert!(Assembly::new(&overlapping).is_none());
        let mut assembly = Assembly::new(&fragment(0, 3, 250, 100)).unwrap();
        let other_step = fragment(1, 3, 250, 90);
        assert_eq!(assembly.join(&other_step, &[0; 90], usize::MAX), Joined::Mismatch);
    }

    #[test]
    fn what_is_charged_is_what_is_taken_and_follows_what_came() {
        let (count, step) = (100, 10);
        let packet = vec![7; count as usize * step as usize];
        let mut assembly = Assembly::new(&fragment(0, count, 1000, step)).unwrap();
        for number in 0..count - 1 {
            join(&mut assembly, &packet, &fragment(number, count, 1000, step));
            let came = (number + 1) as usize * step as usize;
            assert_eq!(assembly.charged(), ASSEMBLY_COST + assembly.start.capacity());
            assert!(assembly.start.capacity() <= FIRST_FRAGMENTS * came);
        }
    }

    #[test]
    fn a_header_announcing_32_mib_costs_no_more_than_its_bytes() {
        let huge = fragment(7, 24_601, 32 * 1024 * 1024, 1364);
        let mut assembly = Assembly::new(&huge).unwrap();
        assert_eq!(assembly.join(&huge, &[0; 1364], usize::MAX), Joined::Incomplete);
        assert!(assembly.charged() < 2200);
        assert_eq!(assembly.start.capacity(), 0);
    }
}
