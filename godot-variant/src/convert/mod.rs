//! What a declared type takes: how GDScript converts the arguments of a call and the elements of typed arrays.
//!
//! [`DeclaredType`] is a type as a script declares it. [`FromVariant`] and [`FromArguments`] are the same for Rust's types, and
//! [`IntoArguments`] makes a list of arguments of a tuple:
//!
//! ```
//! use godot_variant::convert::{FromArguments, IntoArguments};
//! use godot_variant::{Variant, Vector2, Vector2i};
//!
//! let sent: Vec<Variant> = ("ann", Vector2i::new(3, 4), 1.5).into_arguments();
//! let (name, at, count) = <(String, Vector2, i64)>::from_arguments(sent)?;
//! assert_eq!((name.as_str(), at, count), ("ann", Vector2::new(3.0, 4.0), 1));
//! # Ok::<(), godot_variant::convert::ArgumentsError>(())
//! ```

mod arguments;
mod assign;
mod color;
mod declared;
mod from_variant;
mod packed;
mod rotation;

pub use arguments::{ArgumentsError, FromArguments, IntoArguments};
pub(crate) use assign::assign;
pub use declared::DeclaredType;
pub use from_variant::{FromVariant, FromVariantError};
