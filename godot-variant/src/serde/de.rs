//! Variants to values of Rust.

use std::borrow::Cow;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer, StringDeserializer, U32Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Error;
use super::names::Name;
use super::raw::FromRaw;
use crate::convert::assign;
use crate::{Object, Variant, VariantType};

/// Gives a Variant as what is asked for.
pub(super) struct FromVariant<'de>(pub(super) Cow<'de, Variant>);

impl<'de> FromVariant<'de> {
    fn owned(value: impl Into<Variant>) -> FromVariant<'de> {
        FromVariant(Cow::Owned(value.into()))
    }

    /// As a declared type takes it.
    fn of_kind(self, kind: VariantType, visitor: &dyn serde::de::Expected) -> Result<FromVariant<'de>, Error> {
        if self.0.variant_type() == kind {
            return Ok(self);
        }
        match assign(kind, self.0.into_owned()) {
            Ok(value) => Ok(FromVariant::owned(value)),
            Err(value) => Err(Error::invalid_type(
                Unexpected::Other(value.variant_type().name()),
                visitor,
            )),
        }
    }

    fn int<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Variant::Float(value) = *self.0 {
            // What is cut must fit: Godot gives the lowest number for all that does not.
            if !(value >= i64::MIN as f64 && value < -(i64::MIN as f64)) {
                return Err(Error::invalid_value(Unexpected::Float(value), &visitor));
            }
        }
        self.of_kind(VariantType::Int, &visitor)?.deserialize_any(visitor)
    }

    fn sequence<V: Visitor<'de>, T: IntoDeserializer<'de, Error>>(
        values: impl IntoIterator<Item = T>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut elements = SeqDeserializer::new(values.into_iter());
        let value = visitor.visit_seq(&mut elements)?;
        elements.end()?;
        Ok(value)
    }

    fn values<V: Visitor<'de>, T: Copy + Into<Variant>>(values: &[T], visitor: V) -> Result<V::Value, Error> {
        FromVariant::sequence(values.iter().map(|value| FromVariant::owned(*value)), visitor)
    }

    fn array<V: Visitor<'de>>(array: Cow<'de, [Variant]>, visitor: V) -> Result<V::Value, Error> {
        match array {
            Cow::Borrowed(array) => {
                FromVariant::sequence(array.iter().map(|element| FromVariant(Cow::Borrowed(element))), visitor)
            }
            Cow::Owned(array) => FromVariant::sequence(array.into_iter().map(FromVariant::owned), visitor),
        }
    }

    fn map<V: Visitor<'de>, K, W>(entries: impl Iterator<Item = (K, W)>, visitor: V) -> Result<V::Value, Error>
    where
        K: IntoDeserializer<'de, Error>,
        W: IntoDeserializer<'de, Error>,
    {
        let mut entries = MapDeserializer::new(entries);
        let value = visitor.visit_map(&mut entries)?;
        entries.end()?;
        Ok(value)
    }
}

impl<'de> IntoDeserializer<'de, Error> for FromVariant<'de> {
    type Deserializer = FromVariant<'de>;

    fn into_deserializer(self) -> FromVariant<'de> {
        self
    }
}

impl<'de> Deserializer<'de> for FromVariant<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        use Variant as T;
        // What can be borrowed or is taken apart.
        let value = match self.0 {
            Cow::Borrowed(T::String(text)) => return visitor.visit_borrowed_str(text),
            Cow::Borrowed(T::StringName(name)) => return visitor.visit_borrowed_str(name.as_str()),
            Cow::Borrowed(T::Array(array)) => return FromVariant::array(Cow::Borrowed(array), visitor),
            Cow::Borrowed(T::Dictionary(dictionary)) => {
                let borrowed = |value| FromVariant(Cow::Borrowed(value));
                let entries = dictionary.iter().map(|(key, value)| (borrowed(key), borrowed(value)));
                return FromVariant::map(entries, visitor);
            }
            Cow::Owned(T::String(text)) => return visitor.visit_string(text),
            Cow::Owned(T::Array(array)) => return FromVariant::array(Cow::Owned(array.into_vec()), visitor),
            Cow::Owned(T::Dictionary(dictionary)) => {
                let owned = |(key, value)| (FromVariant::owned(key), FromVariant::owned(value));
                return FromVariant::map(dictionary.into_iter().map(owned), visitor);
            }
            ref other => other,
        };
        match &**value {
            T::Nil | T::Callable | T::Object(Object::Id(0)) => visitor.visit_unit(),
            T::Bool(value) => visitor.visit_bool(*value),
            T::Int(value) => visitor.visit_i64(*value),
            T::Float(value) => visitor.visit_f64(*value),
            T::String(text) => visitor.visit_str(text),
            T::StringName(name) => visitor.visit_str(name),
            T::NodePath(path) => visitor.visit_string(path.to_string()),
            T::Vector2(value) => FromVariant::sequence(<[f32; 2]>::from(*value), visitor),
            T::Vector2i(value) => FromVariant::sequence(<[i32; 2]>::from(*value), visitor),
            T::Rect2(value) => FromVariant::sequence(<[f32; 4]>::from(*value), visitor),
            T::Rect2i(value) => FromVariant::sequence(<[i32; 4]>::from(*value), visitor),
            T::Vector3(value) => FromVariant::sequence(<[f32; 3]>::from(*value), visitor),
            T::Vector3i(value) => FromVariant::sequence(<[i32; 3]>::from(*value), visitor),
            T::Transform2D(value) => FromVariant::sequence(<[f32; 6]>::from(*value), visitor),
            T::Vector4(value) => FromVariant::sequence(<[f32; 4]>::from(*value), visitor),
            T::Vector4i(value) => FromVariant::sequence(<[i32; 4]>::from(*value), visitor),
            T::Plane(value) => FromVariant::sequence(<[f32; 4]>::from(*value), visitor),
            T::Quaternion(value) => FromVariant::sequence(<[f32; 4]>::from(*value), visitor),
            T::Aabb(value) => FromVariant::sequence(<[f32; 6]>::from(*value), visitor),
            T::Basis(value) => FromVariant::sequence(<[f32; 9]>::from(**value), visitor),
            T::Transform3D(value) => FromVariant::sequence(<[f32; 12]>::from(**value), visitor),
            T::Projection(value) => FromVariant::sequence(<[f32; 16]>::from(**value), visitor),
            T::Color(value) => FromVariant::sequence(<[f32; 4]>::from(*value), visitor),
            T::Rid(rid) => visitor.visit_i64(rid.0.cast_signed()),
            T::Object(Object::Id(id)) => visitor.visit_u64(*id),
            T::Object(Object::Full(object)) => {
                let entry = |(name, value): &(String, Variant)| (name.clone(), FromVariant::owned(value.clone()));
                FromVariant::map(object.properties.iter().map(entry), visitor)
            }
            T::Signal(signal) => visitor.visit_str(&signal.name),
            T::Dictionary(dictionary) => {
                let owned = |value: &Variant| FromVariant::owned(value.clone());
                FromVariant::map(
                    dictionary.iter().map(|(key, value)| (owned(key), owned(value))),
                    visitor,
                )
            }
            T::Array(array) => FromVariant::array(Cow::Owned(array.to_vec()), visitor),
            T::PackedByteArray(values) => FromVariant::values(values, visitor),
            T::PackedInt32Array(values) => FromVariant::values(values, visitor),
            T::PackedInt64Array(values) => FromVariant::values(values, visitor),
            T::PackedFloat32Array(values) => FromVariant::values(values, visitor),
            T::PackedFloat64Array(values) => FromVariant::values(values, visitor),
            T::PackedStringArray(values) => FromVariant::sequence(values.iter().cloned(), visitor),
            T::PackedVector2Array(values) => FromVariant::values(values, visitor),
            T::PackedVector3Array(values) => FromVariant::values(values, visitor),
            T::PackedColorArray(values) => FromVariant::values(values, visitor),
            T::PackedVector4Array(values) => FromVariant::values(values, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.of_kind(VariantType::Bool, &visitor)?.deserialize_any(visitor)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.of_kind(VariantType::Float, &visitor)?.deserialize_any(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.of_kind(VariantType::Float, &visitor)?.deserialize_any(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Cow::Borrowed(Variant::PackedByteArray(bytes)) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(Variant::PackedByteArray(bytes)) => visitor.visit_byte_buf(bytes),
            other => FromVariant(other).deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match Name::parse(name) {
            Some(Name::Variant) => visitor.visit_newtype_struct(FromRaw::new(&self.0)?),
            Some(Name::Value(kind)) => {
                let expected = kind.name();
                let value = self.of_kind(kind, &expected)?;
                // Written as an int, which does not take a RID otherwise.
                let value = match *value.0 {
                    Variant::Rid(rid) => FromVariant::owned(rid.0.cast_signed()),
                    _ => value,
                };
                visitor.visit_newtype_struct(value)
            }
            Some(Name::ArrayOf(_) | Name::Keys(_) | Name::Values(_)) | None => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &*self.0 {
            Variant::String(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Variant::StringName(name) => visitor.visit_enum(StrDeserializer::new(name)),
            Variant::Int(index) => {
                let index =
                    u32::try_from(*index).map_err(|_| Error::invalid_value(Unexpected::Signed(*index), &visitor))?;
                visitor.visit_enum(U32Deserializer::new(index))
            }
            Variant::Dictionary(dictionary) if dictionary.len() == 1 => visitor.visit_enum(OneEntry(self)),
            other => Err(Error::invalid_type(
                Unexpected::Other(other.variant_type().name()),
                &visitor,
            )),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// A dictionary whose one key is the variant of an enum.
struct OneEntry<'de>(FromVariant<'de>);

impl<'de> EnumAccess<'de> for OneEntry<'de> {
    type Error = Error;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Error> {
        let none = || Error::custom("no variant");
        let (key, value) = match self.0.0 {
            Cow::Borrowed(Variant::Dictionary(dictionary)) => {
                let (key, value) = dictionary.iter().next().ok_or_else(none)?;
                (Cow::Borrowed(key), Cow::Borrowed(value))
            }
            Cow::Owned(Variant::Dictionary(dictionary)) => {
                let (key, value) = dictionary.into_iter().next().ok_or_else(none)?;
                (Cow::Owned(key), Cow::Owned(value))
            }
            _ => return Err(none()),
        };
        let variant = match &*key {
            Variant::String(text) => text.clone(),
            Variant::StringName(name) => name.as_str().to_owned(),
            other => {
                return Err(Error::invalid_type(
                    Unexpected::Other(other.variant_type().name()),
                    &"a variant's name",
                ));
            }
        };
        let variant = seed.deserialize(StringDeserializer::<Error>::new(variant))?;
        Ok((variant, Content(FromVariant(value))))
    }
}

/// What belongs to a variant.
struct Content<'de>(FromVariant<'de>);

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.0.0.is_null() {
            Ok(())
        } else {
            Err(Error::invalid_type(
                Unexpected::NewtypeVariant,
                &"a variant without content",
            ))
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }
}
