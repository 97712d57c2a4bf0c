//! Values as text, as GDScript writes them: `{}` as `str()`, [`Variant::source`] as `var_to_str()`.

mod escape;
mod number;
mod plain;
mod source;

pub use source::Source;
