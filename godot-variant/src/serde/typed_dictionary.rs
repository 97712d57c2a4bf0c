//! For `#[serde(with = "godot_variant::serde::typed_dictionary")]`: a map as a typed dictionary, such as a `HashMap<String, i64>`
//! as `Dictionary[String, int]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::{self, Typed};
use super::values::Named;

/// Writes a map as a dictionary with keys and values of their types; as a map where there are no Variants.
///
/// # Errors
/// Those of the serializer, and keys or values that become Variants of another type.
pub fn serialize<M, K, V, S>(map: &M, serializer: S) -> Result<S::Ok, S::Error>
where
    M: Serialize,
    for<'a> &'a M: IntoIterator<Item = (&'a K, &'a V)>,
    K: Typed,
    V: Typed,
    S: Serializer,
{
    serializer.serialize_newtype_struct(
        names::of(K::TYPE).keys,
        &Values {
            map,
            name: names::of(V::TYPE).values,
        },
    )
}

/// Reads a map of any dictionary.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, M: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    M::deserialize(deserializer)
}

struct Values<'a, M> {
    map: &'a M,
    name: &'static str,
}

impl<M: Serialize> Serialize for Values<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(self.name, &Named(self.map))
    }
}
