#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod binary;
pub mod convert;
#[cfg(feature = "serde")]
pub mod serde;
mod text;
mod value;

pub use binary::{DecodeError, DecodeOptions, EncodeError};
pub use convert::{DeclaredType, FromVariant, FromVariantError};
pub use text::Source;
pub use value::{
    Aabb, Array, Basis, Color, Dictionary, ElementType, FullObject, Iter, NodePath, Object, Plane, Projection,
    Quaternion, Rect2, Rect2i, Rid, Signal, StringName, Transform2D, Transform3D, TypeMismatch, Variant, VariantType,
    Vector2, Vector2i, Vector3, Vector3i, Vector4, Vector4i,
};
