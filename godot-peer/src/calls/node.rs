//! The nodes that a program has, and how they are named.

use std::borrow::Cow;
use std::sync::Arc;

use crate::PeerId;
use crate::scene::{Interface, Method, MethodId, Parameters};

/// The number of the first method that is configured on the node and not in its script.
const NODE_METHODS: u16 = 0x8000;

/// The root itself.
const ROOT: &str = ".";

/// A node that can be called, and is called on others.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) path: Arc<str>,
    pub(super) checksum: [u8; 32],
    /// Who may call methods of the mode "authority".
    pub(super) authority: PeerId,
    /// By their numbers, that is by name.
    script: Vec<Entry>,
    own: Vec<Entry>,
}

/// A method of a node.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) method: Method,
    pub(super) parameters: Option<Parameters>,
}

/// A path that no node of a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNodePath {
    /// It has no name.
    #[error("the path is empty")]
    Empty,
    /// It begins with a slash. Paths are relative to the root of the multiplayer API, which is `/root` in most games.
    #[error("the path is absolute")]
    Absolute,
    /// It has a part `..`.
    #[error("the path leads upwards")]
    Upwards,
    /// It has a character that no name of a node has.
    #[error("no name of a node has the character {0:?}")]
    Character(char),
}

/// The program has no node with this path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no node {0:?}: it was not added")]
pub struct UnknownNode(pub String);

impl Node {
    pub(super) fn new(path: Arc<str>, interface: &Interface, authority: PeerId) -> Node {
        let entry = |(name, method): (&str, &Method)| Entry {
            name: name.into(),
            method: *method,
            parameters: interface.parameters(name).cloned(),
        };
        Node {
            path,
            checksum: interface.checksum(),
            authority,
            script: interface.script_methods().map(entry).collect(),
            own: interface.node_methods().map(entry).collect(),
        }
    }

    /// The method that a number stands for.
    pub(super) fn by_id(&self, id: MethodId) -> Option<&Entry> {
        let list = if id.0 < NODE_METHODS { &self.script } else { &self.own };
        list.get(usize::from(id.0 % NODE_METHODS))
    }

    /// A method by its name, with the number that it is called by.
    pub(super) fn by_name(&self, name: &str) -> Option<(MethodId, &Entry)> {
        let find = |list: &[Entry]| list.binary_search_by(|entry| (*entry.name).cmp(name)).ok();
        let (at, first, list) = match find(&self.script) {
            Some(at) => (at, 0, &self.script),
            None => (find(&self.own)?, NODE_METHODS, &self.own),
        };
        let number = u16::try_from(at).ok().filter(|number| *number < NODE_METHODS)?;
        Some((MethodId(first + number), &list[at]))
    }
}

/// The path of a node as everybody writes it: names between single slashes. As in Godot a part for a property, behind a colon, does
/// not count, and neither do empty parts and `.`.
pub(crate) fn node_path(path: &str) -> Result<Cow<'_, str>, InvalidNodePath> {
    if path.starts_with('/') {
        return Err(InvalidNodePath::Absolute);
    }
    let names = path.split_once(':').map_or(path, |(names, _)| names);
    if names.is_empty() {
        return Err(InvalidNodePath::Empty);
    }
    let mut is_plain = true;
    for part in names.split('/') {
        match part {
            ".." => return Err(InvalidNodePath::Upwards),
            "" | "." => is_plain = false,
            _ => {}
        }
    }
    if is_plain || names == ROOT {
        return Ok(Cow::Borrowed(names));
    }
    let parts: Vec<&str> = names.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok(match parts.is_empty() {
        true => Cow::Borrowed(ROOT),
        false => Cow::Owned(parts.join("/")),
    })
}

/// The path of a node that a program adds.
pub(super) fn own_path(path: &str) -> Result<Cow<'_, str>, InvalidNodePath> {
    match path.chars().find(|character| matches!(character, ':' | '"' | '\0')) {
        Some(character) => Err(InvalidNodePath::Character(character)),
        None => node_path(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_godot_resolves_it_from_the_root() {
        for (path, names) in [
            ("Main", "Main"),
            ("Main/Chat", "Main/Chat"),
            ("./Main//Chat/", "Main/Chat"),
            ("Main/Chat:position:x", "Main/Chat"),
            (".", "."),
            ("./.", "."),
            ("Ünï 1/a.b", "Ünï 1/a.b"),
        ] {
            assert_eq!(node_path(path).as_deref(), Ok(names), "{path}");
        }
    }

    #[test]
    fn a_path_out_of_the_tree_is_refused() {
        for (path, error) in [
            ("", InvalidNodePath::Empty),
            (":position", InvalidNodePath::Empty),
            ("/root/Main", InvalidNodePath::Absolute),
            ("/", InvalidNodePath::Absolute),
            ("..", InvalidNodePath::Upwards),
            ("Main/../../Secret", InvalidNodePath::Upwards),
        ] {
            assert_eq!(node_path(path), Err(error), "{path}");
        }
        assert_eq!(own_path("Main:x"), Err(InvalidNodePath::Character(':')));
    }
}
