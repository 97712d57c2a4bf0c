//! For `#[serde(with = "godot_variant::serde::typed_array")]`: a `Vec` as a typed array, such as a `Vec<i64>` as `Array[int]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::{self, Typed};
use super::values::Named;

/// Writes elements as an array of their type; as a sequence where there are no Variants.
///
/// # Errors
/// Those of the serializer, and elements that become Variants of another type.
pub fn serialize<T: Typed + Serialize, S: Serializer>(elements: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(names::of(T::TYPE).array, &Named(elements))
}

/// Reads elements of any array.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Vec::deserialize(deserializer)
}
