//! A Variant in its binary form, and the one pair of serializers that sees it in the midst of Variants.

use std::fmt;

use serde::de::{self, Visitor};
use serde::ser::{self, Impossible};
use serde::{Deserializer, Serializer, forward_to_deserialize_any};

use super::Error;
use crate::DecodeOptions;
use crate::Variant;
use crate::binary::{Decoder, Encoder, MAX_DEPTH};

pub(super) fn serialize<S: Serializer>(value: &Variant, serializer: S) -> Result<S::Ok, S::Error> {
    let bytes = encode(value).map_err(ser::Error::custom)?;
    serializer.serialize_bytes(&bytes)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Variant, D::Error> {
    deserializer.deserialize_bytes(BytesVisitor)
}

fn encode(value: &Variant) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    Encoder::with_full_objects(&mut bytes).write(value)?;
    Ok(bytes)
}

fn decode(bytes: &[u8], options: DecodeOptions) -> Result<Variant, Error> {
    Ok(Decoder::with_options(bytes, options.full_objects(true)).read()?)
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Variant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the binary form of a Variant")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Variant, E> {
        decode(bytes, DecodeOptions::new()).map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut bytes: A) -> Result<Variant, A::Error> {
        let mut collected = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            collected.push(byte);
        }
        self.visit_bytes(&collected)
    }
}

/// Takes the bytes that a Variant writes, and gives the Variant.
pub(super) struct ToRaw;

impl Serializer for ToRaw {
    type Ok = Variant;
    type Error = Error;
    type SerializeSeq = Impossible<Variant, Error>;
    type SerializeTuple = Impossible<Variant, Error>;
    type SerializeTupleStruct = Impossible<Variant, Error>;
    type SerializeTupleVariant = Impossible<Variant, Error>;
    type SerializeMap = Impossible<Variant, Error>;
    type SerializeStruct = Impossible<Variant, Error>;
    type SerializeStructVariant = Impossible<Variant, Error>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Variant, Error> {
        // They were written just now, by this program.
        decode(bytes, DecodeOptions::new().depth(MAX_DEPTH).memory(usize::MAX))
    }

    fn serialize_bool(self, _: bool) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_i8(self, _: i8) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_i16(self, _: i16) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_i32(self, _: i32) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_i64(self, _: i64) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_u8(self, _: u8) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_u16(self, _: u16) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_u32(self, _: u32) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_u64(self, _: u64) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_f32(self, _: f32) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_f64(self, _: f64) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_char(self, _: char) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_str(self, _: &str) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_none(self) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_some<T: ?Sized>(self, _: &T) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_unit(self) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_newtype_struct<T: ?Sized>(self, _: &'static str, _: &T) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_newtype_variant<T: ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Variant, Error> {
        Err(no_bytes())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Error> {
        Err(no_bytes())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        Err(no_bytes())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        Err(no_bytes())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(no_bytes())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Error> {
        Err(no_bytes())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Error> {
        Err(no_bytes())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(no_bytes())
    }
}

fn no_bytes() -> Error {
    ser::Error::custom("a Variant is written as bytes")
}

/// Gives a Variant as the bytes that it reads.
pub(super) struct FromRaw(Vec<u8>);

impl FromRaw {
    pub(super) fn new(value: &Variant) -> Result<FromRaw, Error> {
        encode(value).map(FromRaw)
    }
}

impl<'de> Deserializer<'de> for FromRaw {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_byte_buf(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}
