//! The links of a network.

use std::collections::HashMap;

use netem::{Conditions, Link, Random};

use crate::network::NodeId;

/// One link for each direction between two nodes, made when first used.
pub(crate) struct Links {
    seed: u64,
    default: Conditions,
    links: HashMap<(NodeId, NodeId), NodeLink>,
}

struct NodeLink {
    link: Link,
    /// Whether its conditions were set for it alone.
    own: bool,
}

impl Links {
    pub(crate) fn new(seed: u64, default: Conditions) -> Links {
        Links {
            seed,
            default,
            links: HashMap::new(),
        }
    }

    /// Sets the conditions of every link that has none of its own.
    pub(crate) fn set_default(&mut self, conditions: Conditions) {
        for link in self.links.values_mut().filter(|link| !link.own) {
            link.link.conditions_mut().clone_from(&conditions);
        }
        self.default = conditions;
    }

    /// Sets the conditions of one link.
    pub(crate) fn set(&mut self, from: NodeId, to: NodeId, conditions: Conditions) {
        let link = self.entry(from, to);
        *link.link.conditions_mut() = conditions;
        link.own = true;
    }

    /// The link from one node to another.
    pub(crate) fn get(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.entry(from, to).link
    }

    fn entry(&mut self, from: NodeId, to: NodeId) -> &mut NodeLink {
        let seed = self.seed ^ (from.index() as u64) << 32 ^ to.index() as u64;
        self.links.entry((from, to)).or_insert_with(|| NodeLink {
            link: Link::new(Random::new(seed).next_u64(), self.default.clone()),
            own: false,
        })
    }
}
