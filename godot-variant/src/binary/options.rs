//! What is read, and how much of it.

/// As deep as Godot itself reads and writes: a value in this many containers.
pub const MAX_DEPTH: usize = 1024;

/// As deep as a [`Decoder`](crate::binary::Decoder) reads if nothing else is said.
pub const DEFAULT_DEPTH: usize = 64;

/// The memory that one decoder takes at most if nothing else is said, in bytes.
pub const DEFAULT_MEMORY: usize = 64 << 20;

/// What is read, and how much of it.
///
/// By default: 64 levels of containers, 64 MiB of memory, no full objects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct DecodeOptions {
    pub(super) depth: usize,
    pub(super) memory: usize,
    pub(super) full_objects: bool,
}

impl DecodeOptions {
    /// The defaults.
    pub const fn new() -> DecodeOptions {
        DecodeOptions {
            depth: DEFAULT_DEPTH,
            memory: DEFAULT_MEMORY,
            full_objects: false,
        }
    }

    /// In how many containers a value may be: 0 for none. Godot's limit, [`MAX_DEPTH`], is never exceeded; a thread with a small
    /// stack should not go that far.
    pub const fn depth(mut self, levels: usize) -> DecodeOptions {
        self.depth = if levels < MAX_DEPTH { levels } else { MAX_DEPTH };
        self
    }

    /// How much memory all values together may take that one decoder reads, in bytes; capacity counts. What is read takes up to
    /// 15 times as much as its bytes.
    pub const fn memory(mut self, bytes: usize) -> DecodeOptions {
        self.memory = bytes;
        self
    }

    /// Whether objects may come with class and properties, as from `var_to_bytes_with_objects`. They are data here, and nothing
    /// is run; the same bytes run code in a Godot that allows them.
    pub const fn full_objects(mut self, allowed: bool) -> DecodeOptions {
        self.full_objects = allowed;
        self
    }
}

impl Default for DecodeOptions {
    fn default() -> DecodeOptions {
        DecodeOptions::new()
    }
}
