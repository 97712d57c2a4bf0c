//! The types of this crate, in any format.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names;
use super::{plain, raw};
use crate::{
    Aabb, Array, Basis, Color, Dictionary, NodePath, Object, Plane, Projection, Quaternion, Rect2, Rect2i, Rid, Signal,
    StringName, Transform2D, Transform3D, Variant, VariantType, Vector2, Vector2i, Vector3, Vector3i, Vector4,
    Vector4i,
};

/// What is inside of a newtype struct: itself.
pub(super) struct Named<T>(pub(super) T);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads what is inside of a newtype struct.
pub(super) struct NamedVisitor<T>(PhantomData<T>);

impl<T> NamedVisitor<T> {
    pub(super) fn new() -> NamedVisitor<T> {
        NamedVisitor(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of Godot")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

macro_rules! components {
    ($($name:ident: [$scalar:ty; $count:literal];)*) => {
        $(
            /// As its components, in the order of the wire.
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let components = <[$scalar; $count]>::from(*self);
                    serializer.serialize_newtype_struct(names::of(VariantType::$name).value, &components)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                    let visitor = NamedVisitor::<[$scalar; $count]>::new();
                    let name = names::of(VariantType::$name).value;
                    deserializer.deserialize_newtype_struct(name, visitor).map($name::from)
                }
            }
        )*
    };
}

components! {
    Vector2: [f32; 2];
    Vector2i: [i32; 2];
    Rect2: [f32; 4];
    Rect2i: [i32; 4];
    Vector3: [f32; 3];
    Vector3i: [i32; 3];
    Transform2D: [f32; 6];
    Vector4: [f32; 4];
    Vector4i: [i32; 4];
    Plane: [f32; 4];
    Quaternion: [f32; 4];
    Aabb: [f32; 6];
    Basis: [f32; 9];
    Transform3D: [f32; 12];
    Projection: [f32; 16];
    Color: [f32; 4];
}

/// As text.
impl Serialize for StringName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::of(VariantType::StringName).value, self.as_str())
    }
}

impl<'de> Deserialize<'de> for StringName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StringName, D::Error> {
        let name = names::of(VariantType::StringName).value;
        let text: String = deserializer.deserialize_newtype_struct(name, NamedVisitor::new())?;
        Ok(text.into())
    }
}

/// As text.
impl Serialize for NodePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::of(VariantType::NodePath).value, &self.to_string())
    }
}

impl<'de> Deserialize<'de> for NodePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NodePath, D::Error> {
        let name = names::of(VariantType::NodePath).value;
        let text: String = deserializer.deserialize_newtype_struct(name, NamedVisitor::new())?;
        Ok(NodePath::new(&text))
    }
}

/// As a number.
impl Serialize for Rid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::of(VariantType::Rid).value, &self.0.cast_signed())
    }
}

impl<'de> Deserialize<'de> for Rid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rid, D::Error> {
        let name = names::of(VariantType::Rid).value;
        let id: i64 = deserializer.deserialize_newtype_struct(name, NamedVisitor::new())?;
        Ok(Rid(id.cast_unsigned()))
    }
}

/// Plainly where people read it, in its binary form elsewhere.
impl Serialize for Variant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::VARIANT, &Inside(self))
    }
}

struct Inside<'a>(&'a Variant);

impl Serialize for Inside<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            plain::serialize(self.0, serializer)
        } else {
            raw::serialize(self.0, serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Variant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Variant, D::Error> {
        deserializer.deserialize_newtype_struct(names::VARIANT, VariantVisitor)
    }
}

struct VariantVisitor;

impl<'de> Visitor<'de> for VariantVisitor {
    type Value = Variant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Variant")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Variant, D::Error> {
        if deserializer.is_human_readable() {
            plain::deserialize(deserializer)
        } else {
            raw::deserialize(deserializer)
        }
    }
}

macro_rules! as_variants {
    ($($name:ident;)*) => {
        $(
            /// As a Variant.
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    Variant::from(self.clone()).serialize(serializer)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                    let value = Variant::deserialize(deserializer)?;
                    value.try_into().map_err(de::Error::custom)
                }
            }
        )*
    };
}

as_variants! {
    Array;
    Dictionary;
    Object;
    Signal;
}
