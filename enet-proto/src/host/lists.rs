//! Lists of the entries of a vector, in the order they came.
//!
//! The links are in the entries, so that one can be in several lists, and leaves each of them at no cost wherever it stands.

/// Stands for no entry.
const NONE: u32 = u32::MAX;

/// The neighbours of an entry in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    older: u32,
    newer: u32,
}

impl Links {
    /// Those of an entry that is in no list.
    pub(super) const NONE: Links = Links {
        older: NONE,
        newer: NONE,
    };
}

/// The ends of one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    oldest: u32,
    newest: u32,
}

/// Where the entries have their links for a list.
pub(super) type Of<E> = fn(&mut E) -> &mut Links;

impl Ends {
    /// Those of a list without entries.
    pub(super) const NONE: Ends = Ends {
        oldest: NONE,
        newest: NONE,
    };

    /// The place of the entry that came first.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// The entry at `at` comes last.
    pub(super) fn push<E>(&mut self, entries: &mut [E], links: Of<E>, at: u32) {
        *links(&mut entries[at as usize]) = Links {
            older: self.newest,
            newer: NONE,
        };
        self.set_newer(entries, links, self.newest, at);
        self.newest = at;
    }

    /// The entry at `at` leaves.
    pub(super) fn remove<E>(&mut self, entries: &mut [E], links: Of<E>, at: u32) {
        let Links { older, newer } = *links(&mut entries[at as usize]);
        self.set_newer(entries, links, older, newer);
        self.set_older(entries, links, newer, older);
    }

    /// The entry that is now at `at` was elsewhere before, and its neighbours have to know.
    pub(super) fn moved<E>(&mut self, entries: &mut [E], links: Of<E>, at: u32) {
        let Links { older, newer } = *links(&mut entries[at as usize]);
        self.set_newer(entries, links, older, at);
        self.set_older(entries, links, newer, at);
    }

    fn set_newer<E>(&mut self, entries: &mut [E], links: Of<E>, of: u32, to: u32) {
        match entries.get_mut(of as usize) {
            Some(entry) => links(entry).newer = to,
            None => self.oldest = to,
        }
    }

    fn set_older<E>(&mut self, entries: &mut [E], links: Of<E>, of: u32, to: u32) {
        match entries.get_mut(of as usize) {
            Some(entry) => links(entry).older = to,
            None => self.newest = to,
        }
    }
}
