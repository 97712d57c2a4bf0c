//! The node paths that other members offer numbers for, and the answers.
//!
//! A Godot sends nothing of a synchronizer whose path was not confirmed, and never offers it again; a call just carries its path
//! for as long. So every offer for a node that cannot be called is confirmed, whether its path is kept or not, and of the others
//! those for which there is room.
//!
//! A Godot 4.2 wants to see the path in the answer, later ones the number. Nothing tells which it is, so before the first answer it
//! is asked: it is offered the root, which every game has, and answers in its own form.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::calls::node_path;
use crate::scene::{ConfirmPath, NO_METHODS, NodeId, NodeReference, SimplifyPath};

/// How much one member's paths may take.
const MAX_BYTES: usize = 64 * 1024;

/// What an entry takes besides the path itself: its part of the table, which is up to twice as large as what is in it, and the
/// head of an allocation.
const ENTRY_COST: usize = 96;

/// How many answers may wait for the member to say which form it wants.
const MAX_WAITING: usize = 16 * 1024;

/// The root of every scene, as an offer calls it.
const ROOT: &str = ".";

/// The number the root is offered under: the last one there is, which no Godot ever comes to.
const ROOT_ID: NodeId = match NodeId::new(0x7fff_ffff) {
    Some(id) => id,
    None => panic!("it has 31 bits"),
};

/// The checksums of the methods of nodes that this side knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checksums {
    nodes: HashMap<Arc<str>, [u8; 32]>,
    is_used: bool,
}

/// The paths of one member.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownPaths {
    paths: HashMap<NodeId, Arc<str>>,
    bytes: usize,
    form: Form,
}

/// What stands in a confirmation.
#[derive(Clone, Debug, Default)]
enum Form {
    /// Nobody has had to know.
    #[default]
    Unknown,
    /// The member was asked; these are to be confirmed then.
    Asked(Vec<(NodeId, bool)>),
    Number,
    /// As in Godot 4.2.
    Path,
}

/// What comes of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// It is known, and to be answered by this message; or by none yet.
    Taken(Option<Bytes>),
    /// There is no room for it, so there is no answer.
    NoRoom,
    /// It leads out of the tree.
    Outside,
    /// The number stands for a path already.
    Used,
}

impl Checksums {
    /// What can be called on a node has this checksum; or nobody knows.
    pub(crate) fn set(&mut self, path: Arc<str>, checksum: Option<[u8; 32]>) {
        match checksum {
            Some(checksum) => self.nodes.insert(path, checksum),
            None => self.nodes.remove(&path),
        };
        self.is_used = true;
    }

    /// Whether the program has, or had, nodes that can be called.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Whether an offer is right about the methods of its node, as far as is known. A path out of the tree is nothing.
    fn judge(&self, offer: &SimplifyPath) -> Option<bool> {
        if !self.is_used {
            return Some(true);
        }
        let path = node_path(&offer.path).ok()?;
        Some(
            self.nodes
                .get(&*path)
                .is_none_or(|checksum| *checksum == offer.checksum),
        )
    }
}

impl KnownPaths {
    /// Takes an offer.
    pub(crate) fn learn(&mut self, offer: &SimplifyPath, checksums: &Checksums) -> Learned {
        if offer.id == ROOT_ID && &*offer.path == ROOT {
            // One like us asks in which form we answer.
            self.form = Form::Number;
            return Learned::Taken(Some(confirm(NodeReference::Id(ROOT_ID), true)));
        }
        let Some(is_equal) = checksums.judge(offer) else {
            return Learned::Outside;
        };
        if self.paths.contains_key(&offer.id) {
            return Learned::Used;
        }
        let cost = offer.path.len() + ENTRY_COST;
        let has_room = self.bytes + cost <= MAX_BYTES;
        if has_room {
            self.bytes += cost;
            self.paths.insert(offer.id, Arc::clone(&offer.path));
        } else if offer.checksum != NO_METHODS {
            return Learned::NoRoom;
        }
        match &mut self.form {
            Form::Number => Learned::Taken(Some(confirm(NodeReference::Id(offer.id), is_equal))),
            Form::Path => Learned::Taken(Some(confirm(NodeReference::Path(Arc::clone(&offer.path)), is_equal))),
            Form::Asked(waiting) if waiting.len() < MAX_WAITING => {
                waiting.push((offer.id, is_equal));
                Learned::Taken(None)
            }
            Form::Asked(_) => Learned::NoRoom,
            Form::Unknown => {
                self.form = Form::Asked(vec![(offer.id, is_equal)]);
                // Nobody knows what can be called on the root of a game, unless the program has it or the member has just said so.
                // It complains of a difference.
                let checksum = match checksums.nodes.get(ROOT) {
                    Some(checksum) => *checksum,
                    None if &*offer.path == ROOT => offer.checksum,
                    None => NO_METHODS,
                };
                Learned::Taken(Some(question(checksum)))
            }
        }
    }

    /// Takes a confirmation. If it is the answer to the question of the form, these are the messages that waited for it; all others
    /// are for the program.
    pub(crate) fn confirmed(&mut self, confirmation: &ConfirmPath) -> Option<Vec<Bytes>> {
        let Form::Asked(waiting) = &mut self.form else {
            return None;
        };
        let form = match &confirmation.node {
            NodeReference::Id(id) if *id == ROOT_ID => Form::Number,
            NodeReference::Path(path) if &**path == ROOT => Form::Path,
            _ => return None,
        };
        let waiting = std::mem::take(waiting);
        let answer = |(id, is_equal): (NodeId, bool)| {
            let node = match form {
                Form::Path => NodeReference::Path(self.paths.get(&id).cloned()?),
                _ => NodeReference::Id(id),
            };
            Some(confirm(node, is_equal))
        };
        let answers = waiting.into_iter().filter_map(answer).collect();
        self.form = form;
        Some(answers)
    }

    /// The path of the node that is meant, if it is known.
    pub(crate) fn resolve(&self, node: &NodeReference) -> Option<Arc<str>> {
        match node {
            NodeReference::Id(id) => self.paths.get(id).cloned(),
            NodeReference::Path(path) => Some(Arc::clone(path)),
        }
    }
}

fn confirm(node: NodeReference, checksum_matched: bool) -> Bytes {
    let message = ConfirmPath { checksum_matched, node };
    message.to_bytes()
}

fn question(checksum: [u8; 32]) -> Bytes {
    let offer = SimplifyPath {
        checksum,
        id: ROOT_ID,
        path: ROOT.into(),
    };
    offer.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [u8; 32] = [b'0'; 32];

    fn offer(checksum: [u8; 32], id: u32, path: &str) -> SimplifyPath {
        SimplifyPath {
            checksum,
            id: NodeId::new(id).expect("31 bits"),
            path: path.into(),
        }
    }

    impl KnownPaths {
        /// Takes an offer where no node is known.
        fn hear(&mut self, offer: &SimplifyPath) -> Learned {
            self.learn(offer, &Checksums::default())
        }
    }

    fn confirm(node: NodeReference) -> Bytes {
        super::confirm(node, true)
    }

    fn node(id: u32) -> NodeReference {
        NodeReference::Id(NodeId::new(id).expect("31 bits"))
    }

    fn confirmation(node: NodeReference) -> ConfirmPath {
        ConfirmPath {
            checksum_matched: true,
            node,
        }
    }

    /// Of a member that has answered the question.
    fn of(answer: NodeReference) -> KnownPaths {
        let mut paths = KnownPaths::default();
        assert_eq!(
            paths.hear(&offer(NO_METHODS, 0, "first")),
            Learned::Taken(Some(question(NO_METHODS)))
        );
        assert!(paths.confirmed(&confirmation(answer)).is_some());
        paths
    }

    #[test]
    fn a_number_that_was_used_stands_for_its_path_for_good() {
        let mut paths = of(NodeReference::Id(ROOT_ID));
        assert_eq!(paths.resolve(&node(1)), None);
        assert_eq!(
            paths.hear(&offer(METHODS, 1, "A")),
            Learned::Taken(Some(confirm(node(1))))
        );
        for path in ["B", "A"] {
            assert_eq!(paths.hear(&offer(METHODS, 1, path)), Learned::Used);
        }
        assert_eq!(paths.resolve(&node(1)).as_deref(), Some("A"));
    }

    #[test]
    fn no_member_makes_us_keep_more_than_its_share_and_yet_no_synchronizer_goes_unanswered() {
        let mut paths = of(NodeReference::Id(ROOT_ID));
        let long = "x".repeat(1000);
        let answer = |id| Learned::Taken(Some(confirm(node(id))));
        let kept = (1..1000)
            .filter(|&id| paths.hear(&offer(METHODS, id, &long)) == answer(id))
            .count();
        assert_eq!(kept, (MAX_BYTES - "first".len() - ENTRY_COST) / (1000 + ENTRY_COST));
        assert_eq!(paths.hear(&offer(METHODS, 1000, &long)), Learned::NoRoom);
        for id in 2000..40_000 {
            assert_eq!(paths.hear(&offer(NO_METHODS, id, &long)), answer(id));
        }
        assert!(paths.bytes <= MAX_BYTES);
        assert_eq!(
            paths.resolve(&node(1)).as_deref(),
            Some(&*long),
            "nothing known is lost"
        );
        assert_eq!(paths.resolve(&node(2000)), None);
    }

    #[test]
    fn what_is_offered_before_the_form_is_known_is_confirmed_when_it_is() {
        for (answer, answers) in [
            (NodeReference::Id(ROOT_ID), [node(1), node(2)]),
            (
                NodeReference::Path(ROOT.into()),
                [NodeReference::Path("A/B".into()), NodeReference::Path("C".into())],
            ),
        ] {
            let mut paths = KnownPaths::default();
            assert_eq!(
                paths.hear(&offer(METHODS, 1, "A/B")),
                Learned::Taken(Some(question(NO_METHODS)))
            );
            assert_eq!(paths.hear(&offer(NO_METHODS, 2, "C")), Learned::Taken(None));
            assert_eq!(paths.confirmed(&confirmation(node(7))), None, "of the program's own");
            assert_eq!(
                paths.confirmed(&confirmation(answer.clone())),
                Some(answers.map(confirm).to_vec())
            );
            assert_eq!(paths.confirmed(&confirmation(answer)), None, "once");
        }
    }

    #[test]
    fn a_root_with_methods_is_asked_for_by_the_checksum_that_its_game_gave() {
        let mut paths = KnownPaths::default();
        assert_eq!(
            paths.hear(&offer(METHODS, 1, ROOT)),
            Learned::Taken(Some(question(METHODS)))
        );
        assert_eq!(
            paths.confirmed(&confirmation(NodeReference::Id(ROOT_ID))),
            Some(vec![confirm(node(1))])
        );
    }

    #[test]
    fn a_godot_4_2_gets_paths_back() {
        let mut paths = of(NodeReference::Path(ROOT.into()));
        assert_eq!(
            paths.hear(&offer(METHODS, 1, "Main/Chat")),
            Learned::Taken(Some(Bytes::from_static(b"\x02\x01Main/Chat\0")))
        );
    }

    #[test]
    fn answers_that_wait_are_bounded() {
        let mut paths = KnownPaths::default();
        let outcomes = (0..100_000).map(|id| paths.hear(&offer(NO_METHODS, id, "Long/Path/Of/A/Node")));
        let taken = outcomes.filter(|outcome| matches!(outcome, Learned::Taken(_))).count();
        assert_eq!(taken, MAX_WAITING);
        assert!(paths.bytes <= MAX_BYTES);
    }

    #[test]
    fn two_that_ask_each_other_both_get_an_answer() {
        let (mut one, mut other) = (KnownPaths::default(), KnownPaths::default());
        assert_eq!(
            one.hear(&offer(METHODS, 1, "A")),
            Learned::Taken(Some(question(NO_METHODS)))
        );
        assert_eq!(
            other.hear(&offer(NO_METHODS, ROOT_ID.number(), ROOT)),
            Learned::Taken(Some(confirm(NodeReference::Id(ROOT_ID))))
        );
        assert_eq!(
            one.confirmed(&confirmation(NodeReference::Id(ROOT_ID))),
            Some(vec![confirm(node(1))])
        );
        assert_eq!(
            other.hear(&offer(METHODS, 1, "A")),
            Learned::Taken(Some(confirm(node(1)))),
            "and is known to take numbers"
        );
    }
    #[test]
    fn a_node_that_is_known_is_confirmed_with_whether_its_methods_are_the_same() {
        let mut checksums = Checksums::default();
        checksums.set("Main".into(), Some(METHODS));
        let mut paths = of(NodeReference::Id(ROOT_ID));
        let mut learn = |checksum, id, path| paths.learn(&offer(checksum, id, path), &checksums);
        let answer = |id, is_equal| Learned::Taken(Some(super::confirm(node(id), is_equal)));
        assert_eq!(learn(METHODS, 1, "Main"), answer(1, true));
        assert_eq!(learn(NO_METHODS, 2, "Main"), answer(2, false));
        assert_eq!(learn(NO_METHODS, 3, "./Main"), answer(3, false));
        assert_eq!(learn(NO_METHODS, 4, "Other"), answer(4, true), "nobody knows");
        assert_eq!(learn(METHODS, 5, "Main/../../Secret"), Learned::Outside);
        assert_eq!(learn(METHODS, 5, "/root/Main"), Learned::Outside);
        checksums.set("Main".into(), None);
        assert_eq!(paths.learn(&offer(NO_METHODS, 5, "Main"), &checksums), answer(5, true));
    }

    #[test]
    fn what_waits_for_the_form_is_answered_as_it_was_judged() {
        let mut checksums = Checksums::default();
        checksums.set(ROOT.into(), Some([b'7'; 32]));
        checksums.set("Main".into(), Some(METHODS));
        let mut paths = KnownPaths::default();
        assert_eq!(
            paths.learn(&offer(NO_METHODS, 1, "Main"), &checksums),
            Learned::Taken(Some(question([b'7'; 32]))),
            "the root of the program is offered with its own methods"
        );
        assert_eq!(
            paths.confirmed(&confirmation(NodeReference::Id(ROOT_ID))),
            Some(vec![super::confirm(node(1), false)])
        );
    }
}
