//! What the elements of an array, the keys and the values of a dictionary must be.

use std::fmt;

use super::{StringName, Variant, VariantType};
use crate::convert;

/// What the elements of an [`Array`](crate::Array), or the keys or values of a [`Dictionary`](crate::Dictionary), must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// Anything.
    #[default]
    Any,
    /// Of this type. [`Nil`](VariantType::Nil) means the same as [`Any`](ElementType::Any).
    Builtin(VariantType),
    /// Objects of this native class.
    Class(StringName),
    /// Objects with this script, a `res://` path.
    Script(String),
}

impl ElementType {
    /// The class of every object that came as an id.
    pub(crate) const ENCODED_OBJECT: &str = "EncodedObjectAsID";

    /// The class that objects have that came as ids: what a typed array of any class is read as.
    #[must_use]
    pub fn encoded_object() -> ElementType {
        ElementType::Class(StringName::new(Self::ENCODED_OBJECT))
    }

    /// Whether anything is taken.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self, ElementType::Any | ElementType::Builtin(VariantType::Nil))
    }

    /// The value as this type takes it, converted as Godot converts on assignment; back as it was if it does not.
    ///
    /// Of objects only that they are some is known, not their class.
    ///
    /// # Errors
    /// The value.
    pub fn admit(&self, value: Variant) -> Result<Variant, Variant> {
        match self {
            ElementType::Any | ElementType::Builtin(VariantType::Nil) => Ok(value),
            ElementType::Builtin(kind) => convert::assign(*kind, value),
            ElementType::Class(_) | ElementType::Script(_) => convert::assign(VariantType::Object, value),
        }
    }

    /// How it is kept: nothing for anything.
    pub(crate) fn normal(self) -> Option<Box<ElementType>> {
        (!self.is_any()).then(|| Box::new(self))
    }
}

impl From<VariantType> for ElementType {
    fn from(kind: VariantType) -> ElementType {
        ElementType::Builtin(kind)
    }
}

/// As GDScript writes it between the brackets of `Array[…]`.
impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ElementType::Any | ElementType::Builtin(VariantType::Nil) => f.write_str("Variant"),
            ElementType::Builtin(kind) => f.write_str(kind.name()),
            ElementType::Class(class) => f.write_str(class),
            ElementType::Script(path) => write!(f, "Resource(\"{path}\")"),
        }
    }
}
