//! Values of Rust to Variants.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::Error;
use super::names::Name;
use super::raw::ToRaw;
use crate::convert::assign;
use crate::{Array, Dictionary, ElementType, Rid, Variant, VariantType};

/// Makes a Variant of what is written to it.
pub(super) struct ToVariant;

/// Elements, and the variant of an enum that they belong to.
pub(super) struct Elements {
    array: Vec<Variant>,
    variant: Option<&'static str>,
}

/// Keys and values, and the variant of an enum that they belong to.
pub(super) struct Entries {
    dictionary: Dictionary,
    key: Option<Variant>,
    variant: Option<&'static str>,
}

impl Serializer for ToVariant {
    type Ok = Variant;
    type Error = Error;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_i8(self, value: i8) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<Variant, Error> {
        int(value)
    }

    fn serialize_u8(self, value: u8) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Variant, Error> {
        int(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<Variant, Error> {
        int(i128::try_from(value).unwrap_or(i128::MAX))
    }

    fn serialize_f32(self, value: f32) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Variant, Error> {
        Ok(value.into())
    }

    fn serialize_char(self, value: char) -> Result<Variant, Error> {
        Ok(value.to_string().into())
    }

    fn serialize_str(self, text: &str) -> Result<Variant, Error> {
        Ok(text.into())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Variant, Error> {
        Ok(bytes.into())
    }

    fn serialize_none(self) -> Result<Variant, Error> {
        Ok(Variant::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Variant, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Variant, Error> {
        Ok(Variant::Nil)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Variant, Error> {
        Ok(Variant::Nil)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Variant, Error> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Variant, Error> {
        match Name::parse(name) {
            None => value.serialize(self),
            Some(Name::Variant) => value.serialize(ToRaw),
            Some(Name::Value(kind)) => of_kind(kind, value.serialize(self)?),
            Some(Name::ArrayOf(kind)) => match value.serialize(self)? {
                Variant::Array(array) => Ok(Array::typed_from(kind, array)?.into()),
                other => Err(unexpected(kind, &other)),
            },
            Some(Name::Keys(kind)) => typed(value.serialize(self)?, |_, values| (kind.into(), values)),
            Some(Name::Values(kind)) => typed(value.serialize(self)?, |keys, _| (keys, kind.into())),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Variant, Error> {
        Ok(Dictionary::from([(variant, value.serialize(self)?)]).into())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements, Error> {
        Ok(Elements::new(length.unwrap_or(0), None))
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements, Error> {
        Ok(Elements::new(length, None))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Elements, Error> {
        Ok(Elements::new(length, None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements, Error> {
        Ok(Elements::new(length, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Error> {
        Ok(Entries::new(None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Error> {
        Ok(Entries::new(None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Error> {
        Ok(Entries::new(Some(variant)))
    }
}

fn int(value: i128) -> Result<Variant, Error> {
    let value = i64::try_from(value).map_err(|_| Error::custom(format_args!("{value} is beyond an int")))?;
    Ok(value.into())
}

fn unexpected(kind: VariantType, value: &Variant) -> Error {
    Error::custom(format_args!("a value of type {} is no {kind}", value.variant_type()))
}

/// The value of a type of this crate, of what it is written as.
fn of_kind(kind: VariantType, inside: Variant) -> Result<Variant, Error> {
    if let (VariantType::Rid, Variant::Int(id)) = (kind, &inside) {
        return Ok(Variant::Rid(Rid(id.cast_unsigned())));
    }
    if let Variant::Array(array) = &inside
        && let Some(value) = of_components(kind, array)
    {
        return Ok(value);
    }
    assign(kind, inside).map_err(|inside| unexpected(kind, &inside))
}

fn of_components(kind: VariantType, array: &Array) -> Option<Variant> {
    use VariantType as T;
    Some(match kind {
        T::Vector2 => Variant::Vector2(reals(array)?.into()),
        T::Vector2i => Variant::Vector2i(integers(array)?.into()),
        T::Rect2 => Variant::Rect2(reals(array)?.into()),
        T::Rect2i => Variant::Rect2i(integers(array)?.into()),
        T::Vector3 => Variant::Vector3(reals(array)?.into()),
        T::Vector3i => Variant::Vector3i(integers(array)?.into()),
        T::Transform2D => Variant::Transform2D(reals(array)?.into()),
        T::Vector4 => Variant::Vector4(reals(array)?.into()),
        T::Vector4i => Variant::Vector4i(integers(array)?.into()),
        T::Plane => Variant::Plane(reals(array)?.into()),
        T::Quaternion => Variant::Quaternion(reals(array)?.into()),
        T::Aabb => Variant::Aabb(reals(array)?.into()),
        T::Basis => Variant::Basis(Box::new(reals::<9>(array)?.into())),
        T::Transform3D => Variant::Transform3D(Box::new(reals::<12>(array)?.into())),
        T::Projection => Variant::Projection(Box::new(reals::<16>(array)?.into())),
        T::Color => Variant::Color(reals(array)?.into()),
        _ => return None,
    })
}

fn reals<const N: usize>(array: &Array) -> Option<[f32; N]> {
    let mut reals = [0.0; N];
    if array.len() != N {
        return None;
    }
    for (real, element) in reals.iter_mut().zip(array) {
        let Variant::Float(value) = element else { return None };
        // It was widened on the way here.
        *real = *value as f32;
    }
    Some(reals)
}

fn integers<const N: usize>(array: &Array) -> Option<[i32; N]> {
    let mut integers = [0; N];
    if array.len() != N {
        return None;
    }
    for (integer, element) in integers.iter_mut().zip(array) {
        let Variant::Int(value) = element else { return None };
        *integer = i32::try_from(*value).ok()?;
    }
    Some(integers)
}

/// The dictionary with other types of keys and values.
fn typed(
    value: Variant,
    types: impl Fn(ElementType, ElementType) -> (ElementType, ElementType),
) -> Result<Variant, Error> {
    let Variant::Dictionary(plain) = value else {
        return Err(unexpected(VariantType::Dictionary, &value));
    };
    let (keys, values) = types(plain.key_type().clone(), plain.value_type().clone());
    let mut dictionary = Dictionary::typed(keys, values);
    for (key, value) in plain {
        dictionary.insert(key, value)?;
    }
    Ok(dictionary.into())
}

impl Elements {
    fn new(length: usize, variant: Option<&'static str>) -> Elements {
        Elements {
            array: Vec::with_capacity(length),
            variant,
        }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.array.push(value.serialize(ToVariant)?);
        Ok(())
    }

    fn finish(self) -> Variant {
        in_variant(self.variant, Array::from(self.array).into())
    }
}

impl Entries {
    fn new(variant: Option<&'static str>) -> Entries {
        Entries {
            dictionary: Dictionary::new(),
            key: None,
            variant,
        }
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.dictionary.insert(name, value.serialize(ToVariant)?)?;
        Ok(())
    }

    fn finish(self) -> Variant {
        in_variant(self.variant, self.dictionary.into())
    }
}

fn in_variant(variant: Option<&'static str>, value: Variant) -> Variant {
    match variant {
        Some(variant) => Dictionary::from([(variant, value)]).into(),
        None => value,
    }
}

impl SerializeSeq for Elements {
    type Ok = Variant;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.push(value)
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}

impl SerializeTuple for Elements {
    type Ok = Variant;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.push(value)
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}

impl SerializeTupleStruct for Elements {
    type Ok = Variant;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.push(value)
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}

impl SerializeTupleVariant for Elements {
    type Ok = Variant;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.push(value)
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}

impl SerializeMap for Entries {
    type Ok = Variant;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(key.serialize(ToVariant)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| Error::custom("a value without a key"))?;
        self.dictionary.insert(key, value.serialize(ToVariant)?)?;
        Ok(())
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}

impl SerializeStruct for Entries {
    type Ok = Variant;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}

impl SerializeStructVariant for Entries {
    type Ok = Variant;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<Variant, Error> {
        Ok(self.finish())
    }
}
