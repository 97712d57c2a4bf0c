//! Calls of methods on the server, which a relay cannot carry out: told once for each client and method.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use godot_peer::scene::{Message, Rpc};
use godot_peer::{PeerId, Received};

/// How many methods of a client are told and remembered. More are not worth a line: it has been said.
const METHODS: usize = 32;

/// How much of a node's path is shown.
const PATH_LENGTH: usize = 100;

/// Which methods which clients have called.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// By client, hashes of the path and the method, so that a long path takes no more than a short one.
    told: HashMap<PeerId, HashSet<u64>>,
    hasher: RandomState,
}

impl Calls {
    /// What to say about a packet for the server, if it is a call that nothing was said about yet.
    ///
    /// `rpc()` on a client sends a call to the server as well as to all other clients; the two cannot be told apart here.
    pub(crate) fn note(&mut self, packet: &Received) -> Option<String> {
        let Ok(Message::Rpc(Rpc { method, .. })) = packet.message() else {
            return None;
        };
        let told = self.told.entry(packet.from).or_default();
        let what = self.hasher.hash_one((packet.node_path.as_deref(), method));
        if told.len() >= METHODS || !told.insert(what) {
            return None;
        }
        let node = packet.node_path.as_deref().map_or("an unknown node".to_owned(), shown);
        Some(format!(
            "client {} called method {} of {node} on the server (or on all); a relay runs no scripts",
            packet.from, method.0
        ))
    }

    /// A client has left.
    pub(crate) fn forget(&mut self, id: PeerId) {
        self.told.remove(&id);
    }
}

/// A path without what could spoil a terminal.
fn shown(path: &str) -> String {
    let mut letters = path.chars();
    let mut shown: String = letters
        .by_ref()
        .take(PATH_LENGTH)
        .flat_map(char::escape_debug)
        .collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use godot_peer::scene::{Arguments, MethodId};
    use godot_peer::{TransferChannel, TransferMode};

    use super::*;

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    fn call(from: i32, path: &str, method: u16) -> Received {
        Received {
            from: id(from),
            channel: TransferChannel::ZERO,
            mode: TransferMode::Reliable,
            data: Rpc::new(path, MethodId(method), Arguments::None).to_bytes(),
            node_path: Some(path.into()),
        }
    }

    #[test]
    fn each_client_and_method_is_told_once() {
        let mut calls = Calls::default();
        let line = calls.note(&call(5, "Main", 3)).expect("a line");
        assert_eq!(
            line,
            "client 5 called method 3 of Main on the server (or on all); a relay runs no scripts"
        );
        assert_eq!(calls.note(&call(5, "Main", 3)), None);
        for other in [call(5, "Main", 4), call(5, "Other", 3), call(6, "Main", 3)] {
            assert!(calls.note(&other).is_some());
            assert_eq!(calls.note(&other), None);
        }
        calls.forget(id(5));
        assert!(
            calls.note(&call(5, "Main", 3)).is_some(),
            "the id is of someone else now"
        );
    }

    #[test]
    fn a_client_that_makes_up_methods_gets_few_lines_and_little_memory() {
        let mut calls = Calls::default();
        let lines = (0..10_000).filter_map(|method| calls.note(&call(5, &format!("{method}"), method)));
        assert_eq!(lines.count(), METHODS);
        assert_eq!(calls.told[&id(5)].len(), METHODS);
    }

    #[test]
    fn a_path_is_shown_in_part_and_harmless() {
        assert_eq!(shown("Main/\x1b[2J\n"), "Main/\\u{1b}[2J\\n");
        assert_eq!(shown(&"é".repeat(1000)), "é".repeat(PATH_LENGTH) + "…");
    }

    #[test]
    fn bytes_of_the_program_are_no_call() {
        let mut packet = call(5, "Main", 3);
        packet.data = godot_peer::scene::raw(b"hello");
        assert_eq!(Calls::default().note(&packet), None);
    }
}
