//! How often each byte value came after what was before it.
//!
//! A context stands for a history of up to two bytes, the root for the empty one. It holds an entry for each value that was
//! seen after its history, and the entry is at the same time the context of the history one byte longer. So entries and
//! contexts are one kind of node, in one array; the entries of a context are a binary search tree in it, by value. Only the root
//! has a table instead.

use super::root::Root;

/// The longest history, in bytes.
const LONGEST_HISTORY: u8 = 2;
/// The most nodes there are: one byte adds one for each length of history, the empty one included.
const NODES: usize = 4096;
/// With this many nodes the model starts anew.
const NODES_BEFORE_RESET: usize = 4094;
/// What the way to a shorter history weighs more after each use.
const ESCAPE_INCREMENT: u16 = 5;
/// A context with a larger total is rescaled.
const LARGEST_TOTAL: u16 = 0xFF * 0x100;
/// Counts are kept about below this.
const LARGEST_COUNT: u16 = 0xFF;

/// A context, which is also the entry by which a shorter context leads to it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ContextId(u16);

impl ContextId {
    /// Of the empty history. No other context leads to it, so it also stands for "no node" in the trees.
    pub(super) const ROOT: ContextId = ContextId(0);

    /// What a value weighs in this context without having been seen: at the root every value can be had.
    fn unseen_weight(self) -> u16 {
        u16::from(self == ContextId::ROOT)
    }

    /// What a value weighs more each time it is seen.
    fn increment(self) -> u8 {
        if self == ContextId::ROOT { 3 } else { 2 }
    }
}

const NONE: ContextId = ContextId::ROOT;

/// 16 bytes, of which few contexts fill a cache line.
#[derive(Clone, Copy)]
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
    /// All counts in the tree on the left, of the smaller values.
    smaller: u16,
    left: ContextId,
    right: ContextId,
    value: u8,
    count: u8,
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

/// An entry that was counted, and what was known of its value before.
pub(super) struct Observed {
    pub(super) entry: ContextId,
    pub(super) value: u8,
    pub(super) seen: Seen,
}

/// The entries of one value in contexts from long to short.
#[derive(Default)]
pub(super) struct Visit {
    longest: Option<ContextId>,
    last: ContextId,
}

pub(super) struct Model {
    nodes: Box<[Node; NODES]>,
    length: usize,
    root: Root,
    predicted: ContextId,
    history: u8,
}

impl Model {
    pub(super) fn new() -> Model {
        let mut model = Model {
            nodes: Box::new([Node::of(0); NODES]),
            length: 0,
            root: Root::new(),
            predicted: ContextId::ROOT,
            history: 0,
        };
        model.reset();
        model
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.length = 0;
        self.push(Node {
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

    /// Counts a value in a context.
    #[inline]
    pub(super) fn observe(&mut self, context: ContextId, value: u8) -> Observed {
        let (entry, below, count) = self.raise(context, value);
        self.conclude(context, entry, value, below, count)
    }

    /// Counts the value at a place among the weights of a context, escapes not counted; `None` if the place is beyond all.
    #[inline]
    pub(super) fn observe_at(&mut self, context: ContextId, position: u16) -> Option<Observed> {
        if context == ContextId::ROOT {
            return self.root.find(position).map(|value| self.observe(context, value));
        }
        let increment = context.increment();
        let mut below = 0;
        let mut at = self.node(context).entries;
        while at != NONE {
            let entry = self.node_mut(at);
            let start = below + entry.smaller;
            if position < start {
                entry.smaller += u16::from(increment);
                at = entry.left;
            } else if position - start < u16::from(entry.count) {
                let (value, count) = (entry.value, entry.count);
                entry.count += increment;
                return Some(self.conclude(context, at, value, start, count.into()));
            } else {
                below = start + u16::from(entry.count);
                at = entry.right;
            }
        }
        None
    }

    /// Adjusts the weights of a context after one of its counts was raised.
    fn conclude(&mut self, context: ContextId, entry: ContextId, value: u8, below: u16, count: u16) -> Observed {
        let unseen = context.unseen_weight();
        let increment = u16::from(context.increment());
        let node = self.node_mut(context);
        let seen = Seen {
            escapes: node.escapes,
            total: node.total,
            below: below + u16::from(value) * unseen,
            count: count + unseen,
        };
        node.total += increment;
        if seen.count == 0 {
            node.escapes += ESCAPE_INCREMENT;
            node.total += ESCAPE_INCREMENT;
        }
        if count > LARGEST_COUNT - 2 * increment || node.total > LARGEST_TOTAL {
            self.rescale(context);
        }
        Observed { entry, value, seen }
    }

    /// Links an entry to that of the same value in the next longer context, the last one of a visit.
    pub(super) fn link(&mut self, visit: &mut Visit, entry: ContextId) {
        if visit.longest.is_some() {
            self.node_mut(visit.last).shorter = entry;
        } else {
            visit.longest = Some(entry);
        }
        visit.last = entry;
    }

    /// Goes on to the history that the visited value makes longer.
    pub(super) fn advance(&mut self, visit: &Visit) {
        let longest = visit.longest.unwrap_or(ContextId::ROOT);
        if self.length >= NODES_BEFORE_RESET {
            self.reset();
        } else if self.history < LONGEST_HISTORY {
            self.history += 1;
            self.predicted = longest;
        } else {
            self.predicted = self.node(longest).shorter;
        }
    }

    /// Raises the count of a value in a context. Returns its entry, which is made if need be, and as they were before: the sum
    /// of the counts of smaller values, and its own.
    fn raise(&mut self, context: ContextId, value: u8) -> (ContextId, u16, u16) {
        let increment = context.increment();
        if context == ContextId::ROOT {
            let (below, count) = self.root.raise(value, increment.into());
            let mut entry = self.root.entry(value);
            if entry == NONE {
                entry = self.push(Node::of(value));
                self.root.set_entry(value, entry);
            }
            return (entry, below, count);
        }
        let new = ContextId(self.length as u16);
        let mut below = 0;
        let mut link = &mut self.node_mut(context).entries;
        while *link != NONE {
            let at = *link;
            let entry = self.node_mut(at);
            if value < entry.value {
                entry.smaller += u16::from(increment);
                link = &mut self.node_mut(at).left;
            } else if value > entry.value {
                below += entry.smaller + u16::from(entry.count);
                link = &mut self.node_mut(at).right;
            } else {
                let count = entry.count;
                entry.count += increment;
                return (at, below + entry.smaller, count.into());
            }
        }
        *link = new;
        self.push(Node {
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
        let upto = smaller + u16::from(entry.count);
        upto + self.halve(self.node(top).right)
    }

    fn push(&mut self, node: Node) -> ContextId {
        let id = ContextId(self.length as u16);
        *self.node_mut(id) = node;
        self.length += 1;
        id
    }

    // No id is beyond the array; the remainder tells the compiler so.

    fn node(&self, id: ContextId) -> &Node {
        &self.nodes[usize::from(id.0) % NODES]
    }

    fn node_mut(&mut self, id: ContextId) -> &mut Node {
        &mut self.nodes[usize::from(id.0) % NODES]
    }
}

impl Node {
    fn of(value: u8) -> Node {
        Node {
            escapes: 0,
            total: 0,
            entries: NONE,
            shorter: ContextId::ROOT,
            smaller: 0,
            left: NONE,
            right: NONE,
            value,
            count: 0,
        }
    }
}
