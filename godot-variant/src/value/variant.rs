//! The value of any type.

use super::{
    Aabb, Array, Basis, Color, Dictionary, NodePath, Object, Plane, Projection, Quaternion, Rect2, Rect2i, Rid, Signal,
    StringName, Transform2D, Transform3D, VariantType, Vector2, Vector2i, Vector3, Vector3i, Vector4, Vector4i, key,
};
use crate::binary::{self, DecodeError, EncodeError};

/// Any value of Godot 4. It takes 32 bytes, and what is longer is on the heap.
///
/// `==` compares type and value, floats as Rust does: NaN differs from itself, a `String` from a `StringName`. Keys of
/// dictionaries are compared as Godot does: see [`Dictionary`] and [`is_same`](Variant::is_same).
///
/// `{}` writes it as GDScript's `str()`, [`source`](Variant::source) as `var_to_str()`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Variant {
    /// `null`.
    #[default]
    Nil,
    /// A truth value.
    Bool(bool),
    /// GDScript's `int`.
    Int(i64),
    /// GDScript's `float`.
    Float(f64),
    /// Text.
    String(String),
    /// Two floats.
    Vector2(Vector2),
    /// Two integers.
    Vector2i(Vector2i),
    /// A rectangle.
    Rect2(Rect2),
    /// A rectangle of integers.
    Rect2i(Rect2i),
    /// Three floats.
    Vector3(Vector3),
    /// Three integers.
    Vector3i(Vector3i),
    /// A matrix of 2 by 3.
    Transform2D(Transform2D),
    /// Four floats.
    Vector4(Vector4),
    /// Four integers.
    Vector4i(Vector4i),
    /// A plane.
    Plane(Plane),
    /// A rotation.
    Quaternion(Quaternion),
    /// A box.
    Aabb(Aabb),
    /// A matrix of 3 by 3.
    Basis(Box<Basis>),
    /// A matrix of 3 by 4.
    Transform3D(Box<Transform3D>),
    /// A matrix of 4 by 4.
    Projection(Box<Projection>),
    /// A colour.
    Color(Color),
    /// A name.
    StringName(StringName),
    /// A path to a node or a property.
    NodePath(NodePath),
    /// The number of a resource in a server of the engine.
    Rid(Rid),
    /// An object of the engine.
    Object(Object),
    /// A method of an object. What it refers to does not travel.
    Callable,
    /// A signal of an object.
    Signal(Signal),
    /// Keys and values.
    Dictionary(Dictionary),
    /// Values.
    Array(Array),
    /// Bytes.
    PackedByteArray(Vec<u8>),
    /// Integers of 32 bits.
    PackedInt32Array(Vec<i32>),
    /// Integers of 64 bits.
    PackedInt64Array(Vec<i64>),
    /// Floats of 32 bits.
    PackedFloat32Array(Vec<f32>),
    /// Floats of 64 bits.
    PackedFloat64Array(Vec<f64>),
    /// Strings.
    PackedStringArray(Vec<String>),
    /// Vectors of two.
    PackedVector2Array(Vec<Vector2>),
    /// Vectors of three.
    PackedVector3Array(Vec<Vector3>),
    /// Colours.
    PackedColorArray(Vec<Color>),
    /// Vectors of four.
    PackedVector4Array(Vec<Vector4>),
}

impl Variant {
    /// Its type.
    #[must_use]
    pub fn variant_type(&self) -> VariantType {
        match self {
            Variant::Nil => VariantType::Nil,
            Variant::Bool(_) => VariantType::Bool,
            Variant::Int(_) => VariantType::Int,
            Variant::Float(_) => VariantType::Float,
            Variant::String(_) => VariantType::String,
            Variant::Vector2(_) => VariantType::Vector2,
            Variant::Vector2i(_) => VariantType::Vector2i,
            Variant::Rect2(_) => VariantType::Rect2,
            Variant::Rect2i(_) => VariantType::Rect2i,
            Variant::Vector3(_) => VariantType::Vector3,
            Variant::Vector3i(_) => VariantType::Vector3i,
            Variant::Transform2D(_) => VariantType::Transform2D,
            Variant::Vector4(_) => VariantType::Vector4,
            Variant::Vector4i(_) => VariantType::Vector4i,
            Variant::Plane(_) => VariantType::Plane,
            Variant::Quaternion(_) => VariantType::Quaternion,
            Variant::Aabb(_) => VariantType::Aabb,
            Variant::Basis(_) => VariantType::Basis,
            Variant::Transform3D(_) => VariantType::Transform3D,
            Variant::Projection(_) => VariantType::Projection,
            Variant::Color(_) => VariantType::Color,
            Variant::StringName(_) => VariantType::StringName,
            Variant::NodePath(_) => VariantType::NodePath,
            Variant::Rid(_) => VariantType::Rid,
            Variant::Object(_) => VariantType::Object,
            Variant::Callable => VariantType::Callable,
            Variant::Signal(_) => VariantType::Signal,
            Variant::Dictionary(_) => VariantType::Dictionary,
            Variant::Array(_) => VariantType::Array,
            Variant::PackedByteArray(_) => VariantType::PackedByteArray,
            Variant::PackedInt32Array(_) => VariantType::PackedInt32Array,
            Variant::PackedInt64Array(_) => VariantType::PackedInt64Array,
            Variant::PackedFloat32Array(_) => VariantType::PackedFloat32Array,
            Variant::PackedFloat64Array(_) => VariantType::PackedFloat64Array,
            Variant::PackedStringArray(_) => VariantType::PackedStringArray,
            Variant::PackedVector2Array(_) => VariantType::PackedVector2Array,
            Variant::PackedVector3Array(_) => VariantType::PackedVector3Array,
            Variant::PackedColorArray(_) => VariantType::PackedColorArray,
            Variant::PackedVector4Array(_) => VariantType::PackedVector4Array,
        }
    }

    /// Whether it is null: nil, or an object that is none.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Variant::Nil | Variant::Object(Object::Id(0)))
    }

    /// Whether both are of one type and equal by value, as elements of a key are compared: NaN is the same as NaN, 0.0 as -0.0,
    /// arrays and dictionaries element by element in their order.
    #[must_use]
    pub fn is_same(&self, other: &Variant) -> bool {
        key::same(self, other)
    }

    /// Reads a value in the ordinary form, GDScript's `bytes_to_var`: without full objects, within the
    /// [default limits](crate::DecodeOptions). Bytes behind it are ignored.
    ///
    /// # Errors
    /// Whatever a stock Godot refuses, and what goes beyond the limits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Variant, DecodeError> {
        binary::Decoder::new(bytes).read()
    }

    /// Its ordinary form, GDScript's `var_to_bytes`.
    ///
    /// # Errors
    /// If it holds a full object, is deeper than Godot reads, or has more elements than a count can say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::new();
        binary::Encoder::new(&mut bytes).write(self)?;
        Ok(bytes)
    }
}

macro_rules! from {
    ($($variant:ident($from:ty);)*) => {
        $(
            impl From<$from> for Variant {
                fn from(value: $from) -> Variant {
                    Variant::$variant(value.into())
                }
            }
        )*
    };
}

from! {
    Bool(bool);
    Int(i64);
    Int(i32);
    Int(i16);
    Int(i8);
    Int(u32);
    Int(u16);
    Int(u8);
    Float(f64);
    Float(f32);
    String(String);
    String(&str);
    Vector2(Vector2);
    Vector2i(Vector2i);
    Rect2(Rect2);
    Rect2i(Rect2i);
    Vector3(Vector3);
    Vector3i(Vector3i);
    Transform2D(Transform2D);
    Vector4(Vector4);
    Vector4i(Vector4i);
    Plane(Plane);
    Quaternion(Quaternion);
    Aabb(Aabb);
    Basis(Basis);
    Transform3D(Transform3D);
    Projection(Projection);
    Color(Color);
    StringName(StringName);
    NodePath(NodePath);
    Rid(Rid);
    Object(Object);
    Signal(Signal);
    Dictionary(Dictionary);
    Array(Array);
    Array(Vec<Variant>);
    PackedByteArray(Vec<u8>);
    PackedByteArray(&[u8]);
    PackedInt32Array(Vec<i32>);
    PackedInt64Array(Vec<i64>);
    PackedFloat32Array(Vec<f32>);
    PackedFloat64Array(Vec<f64>);
    PackedStringArray(Vec<String>);
    PackedVector2Array(Vec<Vector2>);
    PackedVector3Array(Vec<Vector3>);
    PackedColorArray(Vec<Color>);
    PackedVector4Array(Vec<Vector4>);
}

impl From<()> for Variant {
    fn from((): ()) -> Variant {
        Variant::Nil
    }
}

/// `None` is nil.
impl<T: Into<Variant>> From<Option<T>> for Variant {
    fn from(value: Option<T>) -> Variant {
        value.map_or(Variant::Nil, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_takes_32_bytes() {
        assert_eq!(size_of::<Variant>(), 32);
    }
}
