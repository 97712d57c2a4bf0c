//! Structs, enums and maps to Variants and back, by serde.
//!
//! ```
//! use godot_variant::serde::{from_variant, to_variant};
//! use godot_variant::Vector2;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Player {
//!     name: String,
//!     at: Vector2,
//!     health: Option<u8>,
//!     #[serde(with = "godot_variant::serde::typed_array")]
//!     scores: Vec<i64>,
//! }
//!
//! let ann = Player { name: "Ann".into(), at: Vector2::new(1.0, 2.0), health: None, scores: vec![7] };
//! let value = to_variant(&ann)?;
//! assert_eq!(value.to_string(), r#"{ "name": "Ann", "at": (1.0, 2.0), "health": <null>, "scores": [7] }"#);
//! assert_eq!(from_variant::<Player>(&value)?, ann);
//! # Ok::<(), godot_variant::serde::Error>(())
//! ```
//!
//! # What becomes what
//!
//! | Rust | Variant |
//! |---|---|
//! | `bool`; `i8` to `i64`, `u8` to `u64` | bool; int. A `u64` beyond 2^63 - 1 is an error |
//! | `f32`, `f64` | float |
//! | `char`, `str`, `String` | String |
//! | `None`, `()`, a struct without fields | null |
//! | `Some(x)`, `struct S(x)` | what `x` becomes |
//! | `Vec`, slices, tuples, arrays, sets, `struct S(x, y)` | Array |
//! | maps | Dictionary, keys of any type |
//! | `struct S { a: x }` | Dictionary with Strings as keys: `{"a": x}` |
//! | `E::Unit` | String: `"Unit"` |
//! | `E::One(x)`, `E::Two(x, y)`, `E::Named { a: x }` | Dictionary: `{"One": x}`, `{"Two": [x, y]}`, `{"Named": {"a": x}}` |
//! | bytes (`serde_bytes`) | `PackedByteArray` |
//! | the types of this crate, [`Variant`] among them | themselves |
//! | with [`packed`] | the packed array of the element's type |
//! | with [`typed_array`], [`typed_dictionary`] | `Array[T]`, `Dictionary[K, V]` |
//!
//! A script's parameter or property that is declared `Array[int]` takes nothing but that, not even an empty plain Array: use
//! [`typed_array`] for it.
//!
//! The other way round a Rust type takes what a parameter declared with its type in GDScript takes ([`DeclaredType`]): an `i64` a
//! float (cut, if it is in range) and a bool, a `String` a `StringName` and a `NodePath`, a [`Vector2`](crate::Vector2) a `Vector2i`.
//! Sequences take all arrays, and vectors as well. Structs take a Dictionary with Strings or names as keys, or an Array of
//! the fields in order. `Option` takes null. Enums take what is in the table, and an int for the variant of that index.
//!
//! # JSON and other formats
//!
//! The types of this crate can be serialised by any format. In one that people read, as JSON, a [`Variant`] is written plainly, for
//! logs and tools: vectors as arrays, names and paths as text, keys of dictionaries as text, floats that are not finite as text,
//! objects as what `str()` writes. Read back it is a Variant of null, bools, numbers, Strings, Arrays and Dictionaries. In a binary
//! format, as postcard, a Variant is its own [binary form](crate::binary) and comes back as it was, but that a null object is nil.

mod de;
mod error;
mod names;
pub mod packed;
mod plain;
mod raw;
mod ser;
pub mod typed_array;
pub mod typed_dictionary;
mod values;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use error::Error;
pub use names::{Packed, Typed};

#[cfg(doc)]
use crate::DeclaredType;
use crate::Variant;

/// The Variant of a value: see [the rules](self).
///
/// # Errors
/// An integer beyond 64 bits with a sign, elements that are not of the type of a typed array, or what the type's own `Serialize`
/// reports.
pub fn to_variant<T: Serialize + ?Sized>(value: &T) -> Result<Variant, Error> {
    value.serialize(ser::ToVariant)
}

/// The value of a Variant: see [the rules](self). Texts can be borrowed.
///
/// # Errors
/// If the type does not take it.
pub fn from_variant<'de, T: Deserialize<'de>>(value: &'de Variant) -> Result<T, Error> {
    T::deserialize(de::FromVariant(Cow::Borrowed(value)))
}
