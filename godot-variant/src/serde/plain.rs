//! A Variant as people read it: plain values of JSON and its like.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer, de};

use crate::{Array, Dictionary, Object, Variant};

pub(super) fn serialize<S: Serializer>(value: &Variant, serializer: S) -> Result<S::Ok, S::Error> {
    use Variant as V;
    match value {
        V::Nil | V::Callable | V::Object(Object::Id(0)) => serializer.serialize_unit(),
        V::Bool(value) => serializer.serialize_bool(*value),
        V::Int(value) => serializer.serialize_i64(*value),
        V::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
        V::Float(_) | V::Object(Object::Id(_)) => serializer.collect_str(value),
        V::String(text) => serializer.serialize_str(text),
        V::Vector2(value) => value.serialize(serializer),
        V::Vector2i(value) => value.serialize(serializer),
        V::Rect2(value) => value.serialize(serializer),
        V::Rect2i(value) => value.serialize(serializer),
        V::Vector3(value) => value.serialize(serializer),
        V::Vector3i(value) => value.serialize(serializer),
        V::Transform2D(value) => value.serialize(serializer),
        V::Vector4(value) => value.serialize(serializer),
        V::Vector4i(value) => value.serialize(serializer),
        V::Plane(value) => value.serialize(serializer),
        V::Quaternion(value) => value.serialize(serializer),
        V::Aabb(value) => value.serialize(serializer),
        V::Basis(value) => value.serialize(serializer),
        V::Transform3D(value) => value.serialize(serializer),
        V::Projection(value) => value.serialize(serializer),
        V::Color(value) => value.serialize(serializer),
        V::StringName(name) => serializer.serialize_str(name),
        V::NodePath(path) => serializer.collect_str(path),
        V::Rid(rid) => rid.serialize(serializer),
        V::Object(Object::Full(object)) => {
            let mut map = serializer.serialize_map(Some(object.properties.len() + 1))?;
            map.serialize_entry("class", &object.class)?;
            for (name, value) in &object.properties {
                map.serialize_entry(name, value)?;
            }
            map.end()
        }
        V::Signal(signal) => serializer.serialize_str(&signal.name),
        V::Dictionary(dictionary) => {
            let mut map = serializer.serialize_map(Some(dictionary.len()))?;
            for (key, value) in dictionary {
                map.serialize_entry(&key.to_string(), value)?;
            }
            map.end()
        }
        V::Array(array) => serializer.collect_seq(array),
        V::PackedByteArray(values) => serializer.collect_seq(values),
        V::PackedInt32Array(values) => serializer.collect_seq(values),
        V::PackedInt64Array(values) => serializer.collect_seq(values),
        V::PackedFloat32Array(values) => serializer.collect_seq(values),
        V::PackedFloat64Array(values) => serializer.collect_seq(values),
        V::PackedStringArray(values) => serializer.collect_seq(values),
        V::PackedVector2Array(values) => serializer.collect_seq(values),
        V::PackedVector3Array(values) => serializer.collect_seq(values),
        V::PackedColorArray(values) => serializer.collect_seq(values),
        V::PackedVector4Array(values) => serializer.collect_seq(values),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Variant, D::Error> {
    deserializer.deserialize_any(PlainVisitor)
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Variant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a bool, a number, text, a sequence or a map")
    }

    fn visit_unit<E>(self) -> Result<Variant, E> {
        Ok(Variant::Nil)
    }

    fn visit_none<E>(self) -> Result<Variant, E> {
        Ok(Variant::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Variant, D::Error> {
        deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Variant, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Variant, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Variant, E> {
        let value = i64::try_from(value).map_err(|_| E::custom(format_args!("{value} is beyond an int")))?;
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Variant, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Variant, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Variant, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Variant, E> {
        Ok(bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Variant, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element::<Variant>()? {
            array.push(element);
        }
        Ok(Array::from(array).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Variant, A::Error> {
        let mut dictionary = Dictionary::new();
        while let Some((key, value)) = entries.next_entry::<Variant, Variant>()? {
            dictionary.insert(key, value).map_err(de::Error::custom)?;
        }
        Ok(dictionary.into())
    }
}
