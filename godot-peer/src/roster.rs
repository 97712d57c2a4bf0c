//! Who is in a session: Godot's ids on one side, connections on the other.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::{PeerId, Target};

/// The members of a session as a server or a mesh knows them; `K` is whatever names a connection.
///
/// A client's roster would be the server alone.
#[derive(Clone, Debug)]
pub struct Roster<K> {
    keys: BTreeMap<PeerId, K>,
    ids: HashMap<K, PeerId>,
    refusing: bool,
}

/// Why a connection is not let into the session. It is then reset, without a word, as Godot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// New connections are refused at present.
    #[error("new connections are refused")]
    Refusing,
    /// The number that came with CONNECT is no client's id.
    #[error("{0} is not an id for a client: those go from 2 to 2147483647")]
    InvalidId(u32),
    /// Another member has that id.
    #[error("the id {0} is taken")]
    IdTaken(PeerId),
}

impl<K> Default for Roster<K> {
    fn default() -> Roster<K> {
        Roster {
            keys: BTreeMap::new(),
            ids: HashMap::new(),
            refusing: false,
        }
    }
}

impl<K: Copy + Eq + Hash> Roster<K> {
    /// Admits a new connection under the id it asks for in its CONNECT, or says why not.
    pub fn admit(&mut self, key: K, connect_data: u32) -> Result<PeerId, Refusal> {
        if self.refusing {
            return Err(Refusal::Refusing);
        }
        let id = PeerId::from_connect_data(connect_data).ok_or(Refusal::InvalidId(connect_data))?;
        if self.keys.contains_key(&id) {
            return Err(Refusal::IdTaken(id));
        }
        self.insert(id, key);
        Ok(id)
    }

    /// Puts a connection under an id, as `add_mesh_peer` does; whoever had the id or the key before is out.
    pub fn insert(&mut self, id: PeerId, key: K) {
        if let Some(former) = self.keys.insert(id, key) {
            self.ids.remove(&former);
        }
        match self.ids.entry(key) {
            Entry::Occupied(mut entry) => {
                let former = entry.insert(id);
                if former != id {
                    self.keys.remove(&former);
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(id);
            }
        }
    }

    /// Takes a connection out; its id, if it had been admitted.
    pub fn remove(&mut self, key: K) -> Option<PeerId> {
        let id = self.ids.remove(&key)?;
        self.keys.remove(&id);
        Some(id)
    }

    /// Whether every new connection is refused.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.refusing
    }

    /// Refuses new connections, or lets them in again.
    pub fn set_refusing(&mut self, refusing: bool) {
        self.refusing = refusing;
    }

    /// The connection of a member.
    #[must_use]
    pub fn key(&self, id: PeerId) -> Option<K> {
        self.keys.get(&id).copied()
    }

    /// The id of a connection.
    #[must_use]
    pub fn id(&self, key: K) -> Option<PeerId> {
        self.ids.get(&key).copied()
    }

    /// Whether there is a member with that id.
    #[must_use]
    pub fn contains(&self, id: PeerId) -> bool {
        self.keys.contains_key(&id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All members, by rising id.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, K)> {
        self.keys.iter().map(|(&id, &key)| (id, key))
    }

    /// Whether `put_packet` takes this target: everyone, or a number that names a member.
    #[must_use]
    pub fn knows(&self, target: Target) -> bool {
        target.named().is_none_or(|id| self.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    #[test]
    fn a_client_has_the_id_it_asks_for() {
        let mut roster = Roster::default();
        assert_eq!(roster.admit('a', 7), Ok(id(7)));
        assert_eq!(roster.key(id(7)), Some('a'));
        assert_eq!(roster.id('a'), Some(id(7)));
    }

    #[test]
    fn ids_below_two_and_beyond_the_signed_range_are_refused() {
        let mut roster = Roster::default();
        for data in [0, 1, 1 << 31, u32::MAX] {
            assert_eq!(roster.admit('a', data), Err(Refusal::InvalidId(data)));
        }
        assert!(roster.is_empty());
    }

    #[test]
    fn a_taken_id_is_refused_until_it_is_free() {
        let mut roster = Roster::default();
        assert_eq!(roster.admit('a', 7), Ok(id(7)));
        assert_eq!(roster.admit('b', 7), Err(Refusal::IdTaken(id(7))));
        assert_eq!(roster.remove('b'), None);
        assert_eq!(roster.remove('a'), Some(id(7)));
        assert_eq!(roster.admit('b', 7), Ok(id(7)));
    }

    #[test]
    fn nobody_comes_in_while_refusing() {
        let mut roster = Roster::default();
        roster.set_refusing(true);
        assert_eq!(roster.admit('a', 7), Err(Refusal::Refusing));
        roster.set_refusing(false);
        assert!(roster.admit('a', 7).is_ok());
    }

    #[test]
    fn a_mesh_peer_replaces_the_one_before() {
        let mut roster = Roster::default();
        roster.insert(id(1), 'a');
        roster.insert(id(1), 'b');
        assert_eq!(roster.id('a'), None);
        roster.insert(id(5), 'b');
        assert_eq!(roster.iter().collect::<Vec<_>>(), [(id(5), 'b')]);
    }

    #[test]
    fn a_target_must_name_a_member_even_as_the_exception() {
        let mut roster = Roster::default();
        roster.insert(id(3), 'a');
        assert!(roster.knows(Target::from(0)) && roster.knows(Target::from(3)) && roster.knows(Target::from(-3)));
        assert!(!roster.knows(Target::from(4)) && !roster.knows(Target::from(-4)));
    }
}
