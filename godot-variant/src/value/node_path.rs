//! Paths to nodes and their properties.

use std::fmt;

use super::StringName;

/// A path to a node, and to a property of it: `../Player:position:x`.
///
/// Names are the parts between slashes, subnames those behind colons. From text, as in Godot: parts between slashes that are
/// empty are left out, so is an empty last subname; an empty subname before another one makes the whole path empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodePath {
    /// The names, then the subnames.
    parts: Box<[StringName]>,
    /// How many of them are names. A path of more of them than this holds does not fit in any message.
    names: u32,
    absolute: bool,
}

impl NodePath {
    /// Reads a path.
    #[must_use]
    pub fn new(text: &str) -> NodePath {
        let (names, subnames) = match text.split_once(':') {
            Some((names, subnames)) => (names, subnames),
            None => (text, ""),
        };
        let mut parts: Vec<StringName> = names
            .split('/')
            .filter(|name| !name.is_empty())
            .map(StringName::new)
            .collect();
        let count = parts.len();
        let subnames = subnames.strip_suffix(':').unwrap_or(subnames);
        if !subnames.is_empty() {
            for subname in subnames.split(':') {
                if subname.is_empty() {
                    return NodePath::default();
                }
                parts.push(StringName::new(subname));
            }
        } else if text.contains("::") {
            return NodePath::default();
        }
        NodePath::of(parts, count, text.starts_with('/'))
    }

    /// Of its parts, which are taken as they are.
    #[must_use]
    pub fn from_parts(
        names: impl IntoIterator<Item = StringName>,
        subnames: impl IntoIterator<Item = StringName>,
        absolute: bool,
    ) -> NodePath {
        let mut parts: Vec<StringName> = names.into_iter().collect();
        let count = parts.len();
        parts.extend(subnames);
        NodePath::of(parts, count, absolute)
    }

    pub(crate) fn of(parts: Vec<StringName>, names: usize, absolute: bool) -> NodePath {
        NodePath {
            parts: parts.into_boxed_slice(),
            names: u32::try_from(names).unwrap_or(u32::MAX),
            absolute,
        }
    }

    /// The parts between slashes.
    #[must_use]
    pub fn names(&self) -> &[StringName] {
        &self.parts[..self.split()]
    }

    /// The parts behind colons.
    #[must_use]
    pub fn subnames(&self) -> &[StringName] {
        &self.parts[self.split()..]
    }

    /// Whether it begins with a slash: from the root of the tree.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.absolute
    }

    /// Whether it is the path of no characters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && !self.absolute
    }

    fn split(&self) -> usize {
        self.parts.len().min(self.names as usize)
    }
}

impl From<&str> for NodePath {
    fn from(text: &str) -> NodePath {
        NodePath::new(text)
    }
}

impl From<NodePath> for String {
    fn from(path: NodePath) -> String {
        path.to_string()
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.absolute {
            f.write_str("/")?;
        }
        for (at, name) in self.names().iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            f.write_str(name)?;
        }
        // A single subname of no characters, which only bytes can hold, is not seen.
        if matches!(self.subnames(), [only] if only.is_empty()) {
            return Ok(());
        }
        for subname in self.subnames() {
            write!(f, ":{subname}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_godot_reads_them() {
        // Text, what it is written as, names, subnames.
        let cases: [(&str, &str, &[&str], &[&str]); 22] = [
            ("", "", &[], &[]),
            ("/", "/", &[], &[]),
            ("//", "/", &[], &[]),
            ("a//b", "a/b", &["a", "b"], &[]),
            ("a/", "a", &["a"], &[]),
            ("/a/", "/a", &["a"], &[]),
            ("a:b/c", "a:b/c", &["a"], &["b/c"]),
            (":", "", &[], &[]),
            ("a:", "a", &["a"], &[]),
            ("a::b", "", &[], &[]),
            ("a:b:", "a:b", &["a"], &["b"]),
            (":a", ":a", &[], &["a"]),
            ("a/b:c/d:e", "a/b:c/d:e", &["a", "b"], &["c/d", "e"]),
            ("/:a", "/:a", &[], &["a"]),
            ("./a", "./a", &[".", "a"], &[]),
            ("a b", "a b", &["a b"], &[]),
            (" a", " a", &[" a"], &[]),
            ("/root/:x", "/root:x", &["root"], &["x"]),
            (":a/b", ":a/b", &[], &["a/b"]),
            ("::", "", &[], &[]),
            ("a/b::c", "", &[], &[]),
            ("/root//x/", "/root/x", &["root", "x"], &[]),
        ];
        for (text, written, names, subnames) in cases {
            let path = NodePath::new(text);
            assert_eq!(path.to_string(), written, "{text:?}");
            assert_eq!(path.names(), names, "{text:?}");
            assert_eq!(path.subnames(), subnames, "{text:?}");
            assert_eq!(path.is_absolute(), written.starts_with('/'), "{text:?}");
            assert_eq!(path.is_empty(), written.is_empty(), "{text:?}");
        }
    }
}
