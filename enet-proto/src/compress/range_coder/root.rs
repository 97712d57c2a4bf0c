//! The entries of the empty history, which nearly every new byte comes down to: a table instead of a tree.

use super::model::ContextId;

const GROUP: usize = 16;

/// Counts of all values and their sums by groups of [`GROUP`], so that a sum of counts takes 32 additions at most.
pub(super) struct Root {
    counts: [u16; 256],
    groups: [u16; 256 / GROUP],
    /// [`ContextId::ROOT`] for values that have not been seen.
    entries: [ContextId; 256],
}

impl Root {
    pub(super) fn new() -> Root {
        Root {
            counts: [0; 256],
            groups: [0; 256 / GROUP],
            entries: [ContextId::ROOT; 256],
        }
    }

    /// The context that follows this value; [`ContextId::ROOT`] if it has not been seen.
    pub(super) fn entry(&self, value: u8) -> ContextId {
        self.entries[usize::from(value)]
    }

    pub(super) fn set_entry(&mut self, value: u8, entry: ContextId) {
        self.entries[usize::from(value)] = entry;
    }

    /// Raises the count of a value. Returns the sum of the counts of smaller values, and its own as it was before.
    pub(super) fn raise(&mut self, value: u8, by: u16) -> (u16, u16) {
        let value = usize::from(value);
        let group = value / GROUP;
        let groups: u16 = self.groups[..group].iter().sum();
        let values: u16 = self.counts[group * GROUP..value].iter().sum();
        let count = self.counts[value];
        self.counts[value] += by;
        self.groups[group] += by;
        (groups + values, count)
    }

    /// The value at a place among the weights, which are one more than the counts; `None` if the place is beyond all.
    pub(super) fn find(&self, mut position: u16) -> Option<u8> {
        for (group, &sum) in self.groups.iter().enumerate() {
            let weight = sum + GROUP as u16;
            if position < weight {
                let first = group * GROUP;
                let counts = &self.counts[first..first + GROUP];
                let inside = counts.iter().position(|&count| {
                    let found = position <= count;
                    position = position.wrapping_sub(count + 1);
                    found
                });
                return inside.map(|inside| (first + inside) as u8);
            }
            position -= weight;
        }
        None
    }

    /// Halves the counts, rounding up; returns their sum.
    pub(super) fn halve(&mut self) -> u16 {
        for (sum, counts) in self.groups.iter_mut().zip(self.counts.chunks_mut(GROUP)) {
            for count in &mut *counts {
                *count -= *count / 2;
            }
            *sum = counts.iter().sum();
        }
        self.groups.iter().sum()
    }
}
