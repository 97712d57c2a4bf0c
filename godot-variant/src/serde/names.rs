//! The names of newtype structs by which Variants know their own types. Other formats do not look at them.

use crate::{
    Aabb, Basis, Color, NodePath, Plane, Projection, Quaternion, Rect2, Rect2i, Rid, StringName, Transform2D,
    Transform3D, VariantType, Vector2, Vector2i, Vector3, Vector3i, Vector4, Vector4i,
};

/// Any Variant.
pub(super) const VARIANT: &str = "$godot_variant";

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Any Variant, in its binary form.
    Variant,
    /// A value of this type.
    Value(VariantType),
    /// An array of elements of this type.
    ArrayOf(VariantType),
    /// A dictionary with keys of this type.
    Keys(VariantType),
    /// A dictionary with values of this type.
    Values(VariantType),
}

impl Name {
    pub(super) fn parse(name: &str) -> Option<Name> {
        let rest = name.strip_prefix(VARIANT)?;
        let Some((role, kind)) = rest.strip_prefix(':').and_then(|rest| rest.split_once(':')) else {
            return rest.is_empty().then_some(Name::Variant);
        };
        let kind = VariantType::ALL.into_iter().find(|known| known.name() == kind)?;
        Some(match role {
            "value" => Name::Value(kind),
            "array" => Name::ArrayOf(kind),
            "keys" => Name::Keys(kind),
            "values" => Name::Values(kind),
            _ => return None,
        })
    }
}

/// The four names of a type.
pub(super) struct Names {
    pub(super) value: &'static str,
    pub(super) array: &'static str,
    pub(super) keys: &'static str,
    pub(super) values: &'static str,
}

macro_rules! names {
    ($($kind:literal)*) => {
        /// In the order of the types.
        const NAMES: [Names; 39] = [$(
            Names {
                value: concat!("$godot_variant:value:", $kind),
                array: concat!("$godot_variant:array:", $kind),
                keys: concat!("$godot_variant:keys:", $kind),
                values: concat!("$godot_variant:values:", $kind),
            },
        )*];
    };
}

names! {
    "Nil" "bool" "int" "float" "String" "Vector2" "Vector2i" "Rect2" "Rect2i" "Vector3" "Vector3i" "Transform2D" "Vector4"
    "Vector4i" "Plane" "Quaternion" "AABB" "Basis" "Transform3D" "Projection" "Color" "StringName" "NodePath" "RID" "Object"
    "Callable" "Signal" "Dictionary" "Array" "PackedByteArray" "PackedInt32Array" "PackedInt64Array" "PackedFloat32Array"
    "PackedFloat64Array" "PackedStringArray" "PackedVector2Array" "PackedVector3Array" "PackedColorArray" "PackedVector4Array"
}

pub(super) const fn of(kind: VariantType) -> &'static Names {
    &NAMES[kind.id() as usize]
}

/// A type that becomes a Variant of one known type, so that it can be the element of a typed array. Types of one's own can be it:
/// one that derives `Serialize` as a struct is a [`Dictionary`](VariantType::Dictionary).
pub trait Typed {
    /// The type of its Variants.
    const TYPE: VariantType;
}

/// A type of which there is a packed array.
pub trait Packed {
    /// The type of that array.
    const TYPE: VariantType;
}

macro_rules! implement {
    ($trait:ident: $($rust:ty, $kind:ident;)*) => {
        $(
            impl $trait for $rust {
                const TYPE: VariantType = VariantType::$kind;
            }
        )*
    };
}

implement! { Typed:
    bool, Bool;
    i8, Int;
    i16, Int;
    i32, Int;
    i64, Int;
    u8, Int;
    u16, Int;
    u32, Int;
    u64, Int;
    f32, Float;
    f64, Float;
    String, String;
    &str, String;
    Vector2, Vector2;
    Vector2i, Vector2i;
    Rect2, Rect2;
    Rect2i, Rect2i;
    Vector3, Vector3;
    Vector3i, Vector3i;
    Transform2D, Transform2D;
    Vector4, Vector4;
    Vector4i, Vector4i;
    Plane, Plane;
    Quaternion, Quaternion;
    Aabb, Aabb;
    Basis, Basis;
    Transform3D, Transform3D;
    Projection, Projection;
    Color, Color;
    StringName, StringName;
    NodePath, NodePath;
    Rid, Rid;
    crate::Object, Object;
    crate::Signal, Signal;
    crate::Dictionary, Dictionary;
    crate::Array, Array;
}

implement! { Packed:
    u8, PackedByteArray;
    i32, PackedInt32Array;
    i64, PackedInt64Array;
    f32, PackedFloat32Array;
    f64, PackedFloat64Array;
    String, PackedStringArray;
    Vector2, PackedVector2Array;
    Vector3, PackedVector3Array;
    Color, PackedColorArray;
    Vector4, PackedVector4Array;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_types() {
        for kind in VariantType::ALL {
            assert_eq!(Name::parse(of(kind).value), Some(Name::Value(kind)));
            assert_eq!(Name::parse(of(kind).array), Some(Name::ArrayOf(kind)));
            assert_eq!(Name::parse(of(kind).keys), Some(Name::Keys(kind)));
            assert_eq!(Name::parse(of(kind).values), Some(Name::Values(kind)));
        }
        assert_eq!(Name::parse(VARIANT), Some(Name::Variant));
        for other in [
            "Vector2",
            "$godot_variants",
            "$godot_variant:value:x",
            "$godot_variant:x:int",
        ] {
            assert_eq!(Name::parse(other), None);
        }
    }
}
