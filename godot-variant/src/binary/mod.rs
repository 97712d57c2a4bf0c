//! The binary form of values: ordinary, as `var_to_bytes` writes it, and compressed, as it stands in calls and in the state of
//! spawned nodes.
//!
//! ```
//! use godot_variant::binary::{decode_arguments, encode_arguments};
//! use godot_variant::{DecodeOptions, Variant};
//!
//! let mut body = Vec::new();
//! encode_arguments(&["hi".into(), 3.into()], &mut body)?;
//! let arguments = decode_arguments(&body, &DecodeOptions::new())?;
//! assert_eq!(arguments, [Variant::from("hi"), Variant::from(3)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arguments;
mod compressed;
mod cursor;
mod error;
mod options;
mod reader;
mod writer;

pub use arguments::{ArgumentError, Arguments, MAX_ARGUMENTS, decode_arguments, encode_arguments};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use options::{DEFAULT_DEPTH, DEFAULT_MEMORY, DecodeOptions, MAX_DEPTH};
pub use reader::Decoder;
pub use writer::Encoder;

/// Bits of the first word, the rest of which is the type's number in the low byte.
mod flags {
    /// Numbers of 64 bits; objects by their id.
    pub(super) const WIDE: u32 = 1 << 16;
    /// How the type of elements or keys is written.
    pub(super) const FIRST_TYPE_SHIFT: u32 = 16;
    /// How the type of values is written.
    pub(super) const SECOND_TYPE_SHIFT: u32 = 18;
    /// Of either, once it is shifted down.
    pub(super) const TYPE_MASK: u32 = 0b11;
}

/// The first two words of a path.
mod path {
    /// In the count of names: the only form there still is.
    pub(super) const NEW_FORM: u32 = 1 << 31;
    /// It begins at the root.
    pub(super) const ABSOLUTE: u32 = 1 << 0;
    /// There is one subname more than the count says. Never written.
    pub(super) const ONE_MORE: u32 = 1 << 1;
}

/// What every string, array of bytes and value is a multiple of.
const ALIGNMENT: usize = 4;
