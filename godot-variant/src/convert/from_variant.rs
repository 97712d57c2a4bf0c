//! Rust's types of Variants.

use super::{DeclaredType, assign};
use crate::{
    Aabb, Array, Basis, Color, Dictionary, NodePath, Object, Plane, Projection, Quaternion, Rect2, Rect2i, Rid, Signal,
    StringName, Transform2D, Transform3D, Variant, VariantType, Vector2, Vector2i, Vector3, Vector3i, Vector4,
    Vector4i,
};

/// A type that takes a Variant as a parameter of GDScript takes it, converted where Godot converts.
pub trait FromVariant: Sized {
    /// The type that GDScript would declare.
    fn declared() -> DeclaredType;

    /// The value of a Variant.
    ///
    /// # Errors
    /// If it is of a type that is not taken, or a number out of range.
    fn from_variant(value: Variant) -> Result<Self, FromVariantError>;
}

/// A Variant that a type does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FromVariantError {
    /// It is of a type that is not taken.
    #[error("a value of type {found} is no {expected}")]
    Type {
        /// What would be taken.
        expected: DeclaredType,
        /// What was given.
        found: VariantType,
    },
    /// A number that does not fit.
    #[error("{0} is out of range")]
    Range(i64),
}

impl FromVariant for Variant {
    fn declared() -> DeclaredType {
        DeclaredType::Any
    }

    fn from_variant(value: Variant) -> Result<Variant, FromVariantError> {
        Ok(value)
    }
}

/// Null is `None`.
impl<T: FromVariant> FromVariant for Option<T> {
    fn declared() -> DeclaredType {
        DeclaredType::Any
    }

    fn from_variant(value: Variant) -> Result<Option<T>, FromVariantError> {
        if value.is_null() {
            return Ok(None);
        }
        T::from_variant(value).map(Some)
    }
}

macro_rules! from_variant {
    ($($rust:ty: $variant:ident, |$value:ident| $convert:expr;)*) => {
        $(
            impl FromVariant for $rust {
                fn declared() -> DeclaredType {
                    DeclaredType::Builtin(VariantType::$variant)
                }

                fn from_variant(value: Variant) -> Result<$rust, FromVariantError> {
                    match assign(VariantType::$variant, value) {
                        Ok(Variant::$variant($value)) => $convert,
                        Ok(other) | Err(other) => Err(FromVariantError::Type {
                            expected: Self::declared(),
                            found: other.variant_type(),
                        }),
                    }
                }
            }

            impl TryFrom<Variant> for $rust {
                type Error = FromVariantError;

                fn try_from(value: Variant) -> Result<$rust, FromVariantError> {
                    FromVariant::from_variant(value)
                }
            }
        )*
    };
}

from_variant! {
    bool: Bool, |value| Ok(value);
    i64: Int, |value| Ok(value);
    i32: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    i16: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    i8: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    u64: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    u32: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    u16: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    u8: Int, |value| value.try_into().map_err(|_| FromVariantError::Range(value));
    f64: Float, |value| Ok(value);
    f32: Float, |value| Ok(narrowed(value));
    String: String, |value| Ok(value);
    Vector2: Vector2, |value| Ok(value);
    Vector2i: Vector2i, |value| Ok(value);
    Rect2: Rect2, |value| Ok(value);
    Rect2i: Rect2i, |value| Ok(value);
    Vector3: Vector3, |value| Ok(value);
    Vector3i: Vector3i, |value| Ok(value);
    Transform2D: Transform2D, |value| Ok(value);
    Vector4: Vector4, |value| Ok(value);
    Vector4i: Vector4i, |value| Ok(value);
    Plane: Plane, |value| Ok(value);
    Quaternion: Quaternion, |value| Ok(value);
    Aabb: Aabb, |value| Ok(value);
    Basis: Basis, |value| Ok(*value);
    Transform3D: Transform3D, |value| Ok(*value);
    Projection: Projection, |value| Ok(*value);
    Color: Color, |value| Ok(value);
    StringName: StringName, |value| Ok(value);
    NodePath: NodePath, |value| Ok(value);
    Rid: Rid, |value| Ok(value);
    Object: Object, |value| Ok(value);
    Signal: Signal, |value| Ok(value);
    Dictionary: Dictionary, |value| Ok(value);
    Array: Array, |value| Ok(value);
    Vec<u8>: PackedByteArray, |value| Ok(value);
    Vec<i32>: PackedInt32Array, |value| Ok(value);
    Vec<i64>: PackedInt64Array, |value| Ok(value);
    Vec<f32>: PackedFloat32Array, |value| Ok(value);
    Vec<f64>: PackedFloat64Array, |value| Ok(value);
    Vec<String>: PackedStringArray, |value| Ok(value);
    Vec<Vector2>: PackedVector2Array, |value| Ok(value);
    Vec<Vector3>: PackedVector3Array, |value| Ok(value);
    Vec<Color>: PackedColorArray, |value| Ok(value);
    Vec<Vector4>: PackedVector4Array, |value| Ok(value);
}

fn narrowed(value: f64) -> f32 {
    value as f32
}
