//! The 39 types by number and name.

use std::fmt;

macro_rules! variant_types {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $text:literal;)*) => {
        /// The type of a [`Variant`](crate::Variant), numbered as on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum VariantType {
            $($(#[$doc])* $name = $id,)*
        }

        impl VariantType {
            /// All types, by number.
            pub const ALL: [VariantType; 39] = [$(VariantType::$name,)*];

            /// The name that GDScript has for it, such as `int` or `Vector2`; `Nil` for nil.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(VariantType::$name => $text,)*
                }
            }
        }
    };
}

variant_types! {
    /// `null`.
    Nil = 0, "Nil";
    /// A truth value.
    Bool = 1, "bool";
    /// A signed number of 64 bits.
    Int = 2, "int";
    /// A floating-point number of 64 bits.
    Float = 3, "float";
    /// Text.
    String = 4, "String";
    /// Two floats.
    Vector2 = 5, "Vector2";
    /// Two integers.
    Vector2i = 6, "Vector2i";
    /// Position and size.
    Rect2 = 7, "Rect2";
    /// Position and size in integers.
    Rect2i = 8, "Rect2i";
    /// Three floats.
    Vector3 = 9, "Vector3";
    /// Three integers.
    Vector3i = 10, "Vector3i";
    /// Two columns and an origin.
    Transform2D = 11, "Transform2D";
    /// Four floats.
    Vector4 = 12, "Vector4";
    /// Four integers.
    Vector4i = 13, "Vector4i";
    /// Normal and distance.
    Plane = 14, "Plane";
    /// A rotation.
    Quaternion = 15, "Quaternion";
    /// Position and size in three dimensions.
    Aabb = 16, "AABB";
    /// A matrix of 3 by 3.
    Basis = 17, "Basis";
    /// A basis and an origin.
    Transform3D = 18, "Transform3D";
    /// A matrix of 4 by 4.
    Projection = 19, "Projection";
    /// Red, green, blue, alpha.
    Color = 20, "Color";
    /// A name.
    StringName = 21, "StringName";
    /// A path to a node or a property.
    NodePath = 22, "NodePath";
    /// The number of a resource in a server of the engine.
    Rid = 23, "RID";
    /// An object of the engine.
    Object = 24, "Object";
    /// A method of an object.
    Callable = 25, "Callable";
    /// A signal of an object.
    Signal = 26, "Signal";
    /// Keys and values.
    Dictionary = 27, "Dictionary";
    /// Values.
    Array = 28, "Array";
    /// Bytes.
    PackedByteArray = 29, "PackedByteArray";
    /// Integers of 32 bits.
    PackedInt32Array = 30, "PackedInt32Array";
    /// Integers of 64 bits.
    PackedInt64Array = 31, "PackedInt64Array";
    /// Floats of 32 bits.
    PackedFloat32Array = 32, "PackedFloat32Array";
    /// Floats of 64 bits.
    PackedFloat64Array = 33, "PackedFloat64Array";
    /// Strings.
    PackedStringArray = 34, "PackedStringArray";
    /// Vectors of two.
    PackedVector2Array = 35, "PackedVector2Array";
    /// Vectors of three.
    PackedVector3Array = 36, "PackedVector3Array";
    /// Colours.
    PackedColorArray = 37, "PackedColorArray";
    /// Vectors of four.
    PackedVector4Array = 38, "PackedVector4Array";
}

impl VariantType {
    /// The number that stands for it on the wire, 0 to 38.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The type of a number.
    #[must_use]
    pub fn from_id(id: u32) -> Option<VariantType> {
        Self::ALL.get(usize::try_from(id).ok()?).copied()
    }
}

/// The name that GDScript has for it.
impl fmt::Display for VariantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
