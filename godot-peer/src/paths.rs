//! The node paths that other members have given numbers to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scene::{NodeId, NodeReference, SimplifyPath};

/// How much one member's paths may take. Beyond it new ones are not confirmed, and calls go on carrying them whole.
const MAX_BYTES: usize = 64 * 1024;

/// What an entry costs besides the path itself, roughly.
const ENTRY_COST: usize = 64;

/// The paths of one member.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownPaths {
    paths: HashMap<NodeId, Arc<str>>,
    bytes: usize,
}

impl KnownPaths {
    /// Keeps a path; false if there is no room for it.
    pub(crate) fn learn(&mut self, offer: &SimplifyPath) -> bool {
        let cost = offer.path.len() + ENTRY_COST;
        let former = self.paths.get(&offer.id).map_or(0, |path| path.len() + ENTRY_COST);
        let bytes = self.bytes - former + cost;
        if bytes > MAX_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.paths.insert(offer.id, Arc::clone(&offer.path));
        true
    }

    /// The path of the node that is meant, if it is known.
    pub(crate) fn resolve(&self, node: &NodeReference) -> Option<Arc<str>> {
        match node {
            NodeReference::Id(id) => self.paths.get(id).cloned(),
            NodeReference::Path(path) => Some(Arc::clone(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(id: u32, path: &str) -> SimplifyPath {
        SimplifyPath {
            checksum: [b'0'; 32],
            id: NodeId::new(id).expect("31 bits"),
            path: path.into(),
        }
    }

    fn node(id: u32) -> NodeReference {
        NodeReference::Id(NodeId::new(id).expect("31 bits"))
    }

    #[test]
    fn a_number_stands_for_the_path_last_offered() {
        let mut paths = KnownPaths::default();
        assert_eq!(paths.resolve(&node(1)), None);
        assert!(paths.learn(&offer(1, "A")));
        assert!(paths.learn(&offer(1, "B")));
        assert_eq!(paths.resolve(&node(1)).as_deref(), Some("B"));
    }

    #[test]
    fn no_member_makes_us_keep_more_than_its_share() {
        let mut paths = KnownPaths::default();
        let long = "x".repeat(1000);
        let kept = (0..1000).filter(|&id| paths.learn(&offer(id, &long))).count();
        assert_eq!(kept, MAX_BYTES / (1000 + ENTRY_COST));
        assert!(paths.learn(&offer(0, "short")), "a known number may change");
    }
}
