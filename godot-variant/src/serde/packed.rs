//! For `#[serde(with = "godot_variant::serde::packed")]`: a `Vec` as a packed array, such as a `Vec<i32>` as `PackedInt32Array`.

use serde::{Deserialize, Deserializer, Serializer};

use super::names::{self, Packed};
use super::values::{Named, NamedVisitor};

/// Writes elements as the packed array of their type; as a sequence where there are no Variants.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Packed + serde::Serialize, S: Serializer>(
    elements: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(names::of(T::TYPE).value, &Named(elements))
}

/// Reads elements of what a declared packed array takes: itself, or a plain Array.
///
/// # Errors
/// Those of the deserializer, and any other type of packed array.
pub fn deserialize<'de, T: Packed + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_newtype_struct(names::of(T::TYPE).value, NamedVisitor::new())
}
