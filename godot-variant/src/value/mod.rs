//! The values: what they are and how they are compared.

mod array;
mod dictionary;
mod element_type;
#[cfg(feature = "glam")]
mod glam;
mod key;
mod node_path;
mod object;
mod string_name;
mod variant;
mod variant_type;
mod vectors;

pub use array::{Array, TypeMismatch};
pub use dictionary::{Dictionary, Iter};
pub use element_type::ElementType;
pub(crate) use key::sort;
pub use node_path::NodePath;
pub use object::{FullObject, Object, Rid, Signal};
pub use string_name::StringName;
pub use variant::Variant;
pub use variant_type::VariantType;
pub use vectors::{
    Aabb, Basis, Color, Plane, Projection, Quaternion, Rect2, Rect2i, Transform2D, Transform3D, Vector2, Vector2i,
    Vector3, Vector3i, Vector4, Vector4i,
};
