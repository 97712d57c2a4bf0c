//! Types as scripts declare them.

use std::fmt;

use super::assign;
use crate::{Array, ElementType, Object, StringName, Variant, VariantType};

/// The type of a parameter or property, as a GDScript declares it.
///
/// What it takes is what a stock Godot takes in a call: see [`admit`](DeclaredType::admit).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeclaredType {
    /// None, or `Variant`.
    #[default]
    Any,
    /// A built-in type, `Array` and `Dictionary` without element types among them, and `Object`.
    Builtin(VariantType),
    /// `Array[…]`.
    Array(ElementType),
    /// `Dictionary[…, …]`.
    Dictionary(ElementType, ElementType),
    /// A class below `Object`, such as `Node`.
    Class(StringName),
}

/// The classes that an object is of which came as an id.
const ENCODED_OBJECT_CLASSES: [&str; 3] = ["Object", "RefCounted", ElementType::ENCODED_OBJECT];

impl DeclaredType {
    /// The value as this type takes it, or nothing.
    #[must_use]
    pub fn accepts(&self, value: &Variant) -> Option<Variant> {
        self.admit(value.clone()).ok()
    }

    /// The value as this type takes it, converted where Godot converts.
    ///
    /// - `bool`, `int` and `float` take each other; a float is cut towards zero. Nil is none of them.
    /// - `String` takes `StringName` and `NodePath`, both of them take `String`.
    /// - Vectors and rectangles take their kind of integers and the other way round; `Transform2D`, `Transform3D`, `Projection`,
    ///   `Basis` and `Quaternion` each other as far as Godot's constructors do; `Color` takes `int` and `String`.
    /// - `Array` takes every array, packed ones as well, and a packed array takes an `Array`, but no other packed one.
    /// - `Array[int]` takes arrays of exactly this type and packed arrays; if an element of a packed one does not fit it is empty.
    ///   **A plain array is refused, even an empty one**; so is a plain dictionary for `Dictionary[String, int]`.
    /// - Classes take null. An object that came as an id is an `EncodedObjectAsID`, and no `Node`.
    ///
    /// # Errors
    /// The value, unchanged.
    pub fn admit(&self, value: Variant) -> Result<Variant, Variant> {
        match self {
            DeclaredType::Any | DeclaredType::Builtin(VariantType::Nil) => Ok(value),
            DeclaredType::Builtin(kind) => assign(*kind, value),
            DeclaredType::Array(element_type) if element_type.is_any() => assign(VariantType::Array, value),
            DeclaredType::Array(element_type) => typed_array(element_type, value),
            DeclaredType::Dictionary(keys, values) => match &value {
                Variant::Dictionary(dictionary)
                    if is(keys, dictionary.key_type()) && is(values, dictionary.value_type()) =>
                {
                    Ok(value)
                }
                _ => Err(value),
            },
            DeclaredType::Class(class) => match &value {
                Variant::Nil | Variant::Object(Object::Id(0)) => Ok(value),
                Variant::Object(Object::Id(_)) if ENCODED_OBJECT_CLASSES.contains(&class.as_str()) => Ok(value),
                Variant::Object(Object::Full(object)) if class == object.class.as_str() || class == "Object" => {
                    Ok(value)
                }
                _ => Err(value),
            },
        }
    }
}

/// Whether the type of a container is the declared one.
fn is(declared: &ElementType, actual: &ElementType) -> bool {
    match (declared, actual) {
        (declared, actual) if declared.is_any() => actual.is_any(),
        // Both are written as the class of objects that came as ids.
        (ElementType::Builtin(VariantType::Object), ElementType::Class(class)) => class == ElementType::ENCODED_OBJECT,
        (declared, actual) => declared == actual,
    }
}

fn typed_array(element_type: &ElementType, value: Variant) -> Result<Variant, Variant> {
    match value {
        Variant::Array(array) if is(element_type, array.element_type()) => Ok(Variant::Array(array)),
        Variant::Array(_) => Err(value),
        packed => {
            let Variant::Array(elements) = assign(VariantType::Array, packed)? else {
                return Ok(Variant::Array(Array::typed(element_type.clone())));
            };
            let typed = Array::typed_from(element_type.clone(), elements);
            Ok(typed.unwrap_or_else(|_| Array::typed(element_type.clone())).into())
        }
    }
}

impl From<VariantType> for DeclaredType {
    fn from(kind: VariantType) -> DeclaredType {
        match kind {
            VariantType::Nil => DeclaredType::Any,
            kind => DeclaredType::Builtin(kind),
        }
    }
}

/// As GDScript writes it.
impl fmt::Display for DeclaredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeclaredType::Any | DeclaredType::Builtin(VariantType::Nil) => f.write_str("Variant"),
            DeclaredType::Builtin(kind) => kind.fmt(f),
            DeclaredType::Array(element_type) => write!(f, "Array[{element_type}]"),
            DeclaredType::Dictionary(keys, values) => write!(f, "Dictionary[{keys}, {values}]"),
            DeclaredType::Class(class) => class.fmt(f),
        }
    }
}
