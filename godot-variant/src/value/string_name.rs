//! Names.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A name: of a method, a property, a node. Copies share the text, as in Godot.
///
/// It equals a [`String`] of the same text as a key of a [`Dictionary`](crate::Dictionary), and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StringName(Arc<str>);

impl StringName {
    /// Of this text.
    #[must_use]
    pub fn new(text: &str) -> StringName {
        StringName(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for StringName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for StringName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for StringName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for StringName {
    fn from(text: &str) -> StringName {
        StringName::new(text)
    }
}

impl From<String> for StringName {
    fn from(text: String) -> StringName {
        StringName(text.into())
    }
}

impl From<StringName> for String {
    fn from(name: StringName) -> String {
        name.as_str().to_owned()
    }
}

impl PartialEq<str> for StringName {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for StringName {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl fmt::Display for StringName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}
