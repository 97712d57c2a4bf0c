//! How often each byte value came after what was before it.
//!
//! A context stands for a history of up to two bytes, the root for the empty one. It holds an entry for each value that was
//! seen after its history, and the entry is at the same time the context of the history one byte longer. So entries and
//! contexts are one kind of node, in one array; the entries of a context are a binary search tree in it, by value. Only the root
//! has a table instead.

use super::root::Root;

/// The longest history, in bytes.
const LONGEST_HISTORY: u8 = 2;
/// With this many nodes the model starts anew, so that it never has more than 4096.
const NODES_BEFORE_RESET: usize = 4094;
/// What the way to a shorter history weighs more after each use.
const ESCAPE_INCREMENT: u16 = 5;
/// A context with a larger total is rescaled.
const LARGEST_TOTAL: u16 = 0xFF * 0x100;
/// Counts are kept about below this.
const LARGEST_COUNT: u16 = 0xFF;

/// A context, which is also the entry by which a shorter context leads to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ContextId(u16);

impl ContextId {
    /// Of the empty history. No other context leads to it, so it also stands for "no node" in the trees.
    pub(super) const ROOT: ContextId = ContextId(0);

    /// What a value weighs in this context without having been seen: at the root every value can be had.
    fn unseen_weight(self) -> u16 {
        u16::from(self == ContextId::ROOT)
    }

    /// What a value weighs more each time it is seen.
    fn increment(self) -> u16 {
        if self == ContextId::ROOT { 3 } else { 2 }
    }
}

const NONE: ContextId = ContextId::ROOT;

struct Node {
    // As a context.
    /// The weight of the way to the next shorter history, or of the end of the data at the root.
    escapes: u16,
    /// All weights together.
    total: u16,
    /// The top of the tree of its entries.
    entries: ContextId,
    /// The same history without its oldest byte.
    shorter: ContextId,

    // As an entry.
    value: u8,
    count: u16,
    /// All counts in the tree on the left, of the smaller values.
    smaller: u16,
    left: ContextId,
    right: ContextId,
}

/// What a context knew of a value before it was counted again.
pub(super) struct Seen {
    pub(super) escapes: u16,
    pub(super) total: u16,
    /// The weight of all smaller values.
    pub(super) below: u16,
    /// The weight of the value, 0 for one that is new here.
    pub(super) count: u16,
}

/// The entries of one value in contexts from long to short.
pub(super) struct Visit {
    longest: ContextId,
    last: ContextId,
}

pub(super) struct Model {
    nodes: Vec<Node>,
    root: Root,
    predicted: ContextId,
    history: u8,
}

impl Model {
    pub(super) fn new() -> Model {
        let mut model = Model {
            nodes: Vec::with_capacity(NODES_BEFORE_RESET + usize::from(LONGEST_HISTORY)),
            root: Root::new(),
            predicted: ContextId::ROOT,
            history: 0,
        };
        model.reset();
        model
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.nodes.clear();
        self.nodes.push(Node {
            escapes: 1,
            total: 257,
            ..Node::of(0)
        });
        self.root = Root::new();
        self.predicted = ContextId::ROOT;
        self.history = 0;
    }

    /// The context of the longest history that is known.
    pub(super) fn predicted(&self) -> ContextId {
        self.predicted
    }

    /// The context of the same history without its oldest byte.
    pub(super) fn shorter(&self, context: ContextId) -> ContextId {
        self.node(context).shorter
    }

    /// The weights of leaving a context for a shorter one, and of all in it. Both are 0 in one that has seen nothing; else the
    /// first is smaller than the second.
    pub(super) fn weights(&self, context: ContextId) -> (u16, u16) {
        let context = self.node(context);
        (context.escapes, context.total)
    }

    /// The value at a place among the weights of a context, escapes not counted; `None` if the place is beyond all.
    pub(super) fn find(&self, context: ContextId, position: u16) -> Option<u8> {
        if context == ContextId::ROOT {
            return self.root.find(position);
        }
        let mut below = 0;
        let mut at = self.node(context).entries;
        while at != NONE {
            let entry = self.node(at);
            let start = below + entry.smaller;
            if position < start {
                at = entry.left;
            } else if position - start < entry.count {
                return Some(entry.value);
            } else {
                below = start + entry.count;
                at = entry.right;
            }
        }
        None
    }

    /// Begins to count a value in one context after the other.
    pub(super) fn visit(&self) -> Visit {
        Visit {
            longest: NONE,
            last: NONE,
        }
    }

    /// Counts a value in a context, the next shorter one than at the last call with the same visit. Tells what was known
    /// before.
    pub(super) fn observe(&mut self, visit: &mut Visit, context: ContextId, value: u8) -> Seen {
        let (escapes, total) = self.weights(context);
        let (entry, below, count) = self.count(context, value);
        let unseen = context.unseen_weight();
        let seen = Seen {
            escapes,
            total,
            below: below + u16::from(value) * unseen,
            count: count + unseen,
        };

        let increment = context.increment();
        let node = self.node_mut(context);
        node.total += increment;
        if seen.count == 0 {
            node.escapes += ESCAPE_INCREMENT;
            node.total += ESCAPE_INCREMENT;
        }
        if count > LARGEST_COUNT - 2 * increment || node.total > LARGEST_TOTAL {
            self.rescale(context);
        }

        if visit.longest == NONE {
            visit.longest = entry;
        } else {
            self.node_mut(visit.last).shorter = entry;
        }
        visit.last = entry;
        seen
    }

    /// Goes on to the history that the visited value makes longer.
    pub(super) fn advance(&mut self, visit: &Visit) {
        if self.nodes.len() >= NODES_BEFORE_RESET {
            self.reset();
        } else if self.history < LONGEST_HISTORY {
            self.history += 1;
            self.predicted = visit.longest;
        } else {
            self.predicted = self.node(visit.longest).shorter;
        }
    }

    /// Raises the count of a value in a context. Returns its entry, which is made if need be, and as they were before: the sum
    /// of the counts of smaller values, and its own.
    fn count(&mut self, context: ContextId, value: u8) -> (ContextId, u16, u16) {
        let increment = context.increment();
        let new = ContextId(self.nodes.len() as u16);
        if context == ContextId::ROOT {
            let (below, count) = self.root.counts(value);
            self.root.raise(value, increment);
            let entry = *self.root.entry_mut(value).get_or_insert(new);
            if entry == new {
                self.nodes.push(Node::of(value));
            }
            return (entry, below, count);
        }
        let mut below = 0;
        let mut link = &mut self.node_mut(context).entries;
        while *link != NONE {
            let at = *link;
            let entry = self.node_mut(at);
            if value < entry.value {
                entry.smaller += increment;
                link = &mut self.node_mut(at).left;
            } else if value > entry.value {
                below += entry.smaller + entry.count;
                link = &mut self.node_mut(at).right;
            } else {
                let count = entry.count;
                entry.count += increment;
                return (at, below + entry.smaller, count);
            }
        }
        *link = new;
        self.nodes.push(Node {
            count: increment,
            ..Node::of(value)
        });
        (new, below, 0)
    }

    /// Halves the weights of a context, rounding up.
    fn rescale(&mut self, context: ContextId) {
        let counts = if context == ContextId::ROOT {
            self.root.halve()
        } else {
            self.halve(self.node(context).entries)
        };
        let node = self.node_mut(context);
        node.escapes -= node.escapes / 2;
        node.total = counts + node.escapes + 0x100 * context.unseen_weight();
    }

    /// Halves the counts of a tree, which is at most 256 deep; returns their sum.
    fn halve(&mut self, top: ContextId) -> u16 {
        if top == NONE {
            return 0;
        }
        let smaller = self.halve(self.node(top).left);
        let entry = self.node_mut(top);
        entry.smaller = smaller;
        entry.count -= entry.count / 2;
        let upto = smaller + entry.count;
        upto + self.halve(self.node(top).right)
    }

    fn node(&self, id: ContextId) -> &Node {
        &self.nodes[usize::from(id.0)]
    }

    fn node_mut(&mut self, id: ContextId) -> &mut Node {
        &mut self.nodes[usize::from(id.0)]
    }
}

impl Node {
    fn of(value: u8) -> Node {
        Node {
            escapes: 0,
            total: 0,
            entries: NONE,
            shorter: ContextId::ROOT,
            value,
            count: 0,
            smaller: 0,
            left: NONE,
            right: NONE,
        }
    }
}
