//! The numbers under which this side offers its nodes to each peer.
//!
//! A number is given once in a lifetime and never means another node. One that was not confirmed is not offered again (the peer may
//! have taken it in the meantime, and Godot complains of the same number twice): the node gets a new one.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use crate::PeerId;
use crate::scene::{ConfirmPath, NodeId, NodeReference};

/// The last number that is given out. The one behind it stands for the root when peers are asked for their form.
const LAST: u32 = 0x7fff_fffe;

#[derive(Debug, Default)]
pub(super) struct Offers {
    given: u32,
    /// The number that a node was offered under first; the same for all peers, so that a call to many is one packet.
    numbers: HashMap<Arc<str>, NodeId>,
    peers: HashMap<PeerId, Table>,
}

/// What one peer was offered.
#[derive(Debug, Default)]
struct Table {
    nodes: HashMap<Arc<str>, Offer>,
    ids: HashMap<NodeId, Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    id: NodeId,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The peer has not answered.
    Made,
    Confirmed,
    /// To be made under a new number with the next call.
    Again,
}

/// An offer that a peer has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    pub(super) node: Arc<str>,
    /// It may do so again, which changes nothing.
    pub(super) is_first: bool,
}

/// How a peer is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// By the number.
    Number(NodeId),
    /// By the path, and if there is a number the node is to be offered under it first.
    Path(Option<NodeId>),
}

impl Offers {
    /// How a peer is to be called on a node. What is to be offered counts as offered.
    pub(super) fn name(&mut self, peer: PeerId, path: &Arc<str>) -> Name {
        let known = self.peers.get(&peer).and_then(|table| table.nodes.get(path)).copied();
        let id = match known {
            Some(Offer {
                id,
                state: State::Confirmed,
            }) => return Name::Number(id),
            Some(Offer { state: State::Made, .. }) => return Name::Path(None),
            Some(Offer {
                state: State::Again, ..
            }) => self.next(),
            None => match self.numbers.get(path) {
                Some(id) => Some(*id),
                None => self.next().inspect(|id| {
                    self.numbers.insert(Arc::clone(path), *id);
                }),
            },
        };
        if let Some(id) = id {
            let table = self.peers.entry(peer).or_default();
            table.ids.insert(id, Arc::clone(path));
            let offer = Offer { id, state: State::Made };
            if let Some(former) = table.nodes.insert(Arc::clone(path), offer) {
                table.ids.remove(&former.id);
            }
        }
        Name::Path(id)
    }

    fn next(&mut self) -> Option<NodeId> {
        if self.given == LAST {
            return None;
        }
        self.given += 1;
        NodeId::new(self.given)
    }

    /// A peer confirms. The node, if it was offered to it under that name.
    pub(super) fn confirm(&mut self, peer: PeerId, confirmation: &ConfirmPath) -> Option<Confirmed> {
        let table = self.peers.get_mut(&peer)?;
        let path = match &confirmation.node {
            NodeReference::Id(id) => table.ids.get(id)?,
            NodeReference::Path(path) => path,
        };
        let node = Arc::clone(path);
        let former = mem::replace(&mut table.nodes.get_mut(&node)?.state, State::Confirmed);
        let is_first = former != State::Confirmed;
        Some(Confirmed { node, is_first })
    }

    /// What a peer has not confirmed is to be offered again.
    pub(super) fn make_again(&mut self, peer: PeerId) {
        let table = self.peers.get_mut(&peer);
        let offers = table.into_iter().flat_map(|table| table.nodes.values_mut());
        offers
            .filter(|offer| offer.state == State::Made)
            .for_each(|offer| offer.state = State::Again);
    }

    /// An offer was not sent.
    pub(super) fn withdraw(&mut self, peer: PeerId, path: &str) {
        let table = self.peers.get_mut(&peer);
        if let Some(offer) = table.and_then(|table| table.nodes.get_mut(path)) {
            offer.state = State::Again;
        }
    }

    /// A peer's connection is gone, and its table with it.
    pub(super) fn forget_peer(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    /// A node is gone. If it comes back it is offered anew, as by Godot.
    pub(super) fn forget_node(&mut self, path: &str) {
        self.numbers.remove(path);
        for table in self.peers.values_mut() {
            if let Some(offer) = table.nodes.remove(path) {
                table.ids.remove(&offer.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    fn id(number: u32) -> NodeId {
        NodeId::new(number).expect("31 bits")
    }

    fn confirmation(node: NodeReference) -> ConfirmPath {
        ConfirmPath {
            checksum_matched: true,
            node,
        }
    }

    #[test]
    fn a_node_has_one_number_and_each_peer_its_own_table() {
        let mut offers = Offers::default();
        let (chat, game): (Arc<str>, Arc<str>) = ("Chat".into(), "Game".into());
        assert_eq!(offers.name(peer(2), &chat), Name::Path(Some(id(1))));
        assert_eq!(offers.name(peer(2), &chat), Name::Path(None), "offered once");
        assert_eq!(offers.name(peer(3), &game), Name::Path(Some(id(2))));
        assert_eq!(offers.name(peer(3), &chat), Name::Path(Some(id(1))));
        let first = |is_first| {
            let node = Arc::clone(&chat);
            Some(Confirmed { node, is_first })
        };
        let confirmed = offers.confirm(peer(2), &confirmation(NodeReference::Id(id(1))));
        assert_eq!(confirmed, first(true));
        let confirmed = offers.confirm(peer(2), &confirmation(NodeReference::Id(id(1))));
        assert_eq!(confirmed, first(false), "it says so again");
        assert_eq!(offers.name(peer(2), &chat), Name::Number(id(1)));
        assert_eq!(offers.name(peer(3), &chat), Name::Path(None));
        // A Godot 4.2 answers with the path.
        let confirmed = offers.confirm(peer(3), &confirmation(NodeReference::Path("Chat".into())));
        assert_eq!(confirmed, first(true));
        assert_eq!(offers.name(peer(3), &chat), Name::Number(id(1)));
    }

    #[test]
    fn what_was_not_offered_to_a_peer_is_not_confirmed_by_it() {
        let mut offers = Offers::default();
        let chat: Arc<str> = "Chat".into();
        offers.name(peer(2), &chat);
        for (from, node) in [(2, 2), (3, 1)] {
            assert_eq!(
                offers.confirm(peer(from), &confirmation(NodeReference::Id(id(node)))),
                None
            );
        }
        assert_eq!(offers.name(peer(2), &chat), Name::Path(None));
    }

    #[test]
    fn what_a_peer_did_not_have_is_offered_again_under_a_new_number() {
        let mut offers = Offers::default();
        let (chat, game): (Arc<str>, Arc<str>) = ("Chat".into(), "Game".into());
        offers.name(peer(2), &chat);
        offers.name(peer(2), &game);
        offers.confirm(peer(2), &confirmation(NodeReference::Id(id(2))));
        offers.make_again(peer(2));
        assert_eq!(
            offers.name(peer(2), &game),
            Name::Number(id(2)),
            "what is confirmed stays"
        );
        assert_eq!(offers.name(peer(2), &chat), Name::Path(Some(id(3))));
        assert_eq!(offers.name(peer(2), &chat), Name::Path(None));
        assert!(
            offers
                .confirm(peer(2), &confirmation(NodeReference::Id(id(3))))
                .is_some()
        );
        assert_eq!(offers.name(peer(2), &chat), Name::Number(id(3)));
        offers.withdraw(peer(2), "Chat");
        assert_eq!(offers.name(peer(2), &chat), Name::Path(Some(id(4))));
    }

    #[test]
    fn a_node_that_comes_back_and_a_peer_that_comes_back_are_new() {
        let mut offers = Offers::default();
        let chat: Arc<str> = "Chat".into();
        offers.name(peer(2), &chat);
        offers.confirm(peer(2), &confirmation(NodeReference::Id(id(1))));
        offers.forget_node("Chat");
        assert_eq!(offers.name(peer(2), &chat), Name::Path(Some(id(2))));
        offers.confirm(peer(2), &confirmation(NodeReference::Id(id(2))));
        offers.forget_peer(peer(2));
        assert_eq!(offers.name(peer(2), &chat), Name::Path(Some(id(2))));
        offers.given = LAST;
        offers.forget_node("Chat");
        assert_eq!(offers.name(peer(2), &chat), Name::Path(None), "no number is left");
    }
}
