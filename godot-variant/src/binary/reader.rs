//! Bytes to values.

use super::cursor::Cursor;
use super::error::{DecodeError, DecodeErrorKind};
use super::options::DecodeOptions;
use super::{flags, path};
use crate::{
    Array, Dictionary, ElementType, FullObject, NodePath, Object, Rid, Signal, StringName, TypeMismatch, Variant,
    VariantType,
};

/// The least that a value takes.
const LEAST: usize = 4;

/// Containers begin with room for this many and grow as their elements come: a count alone takes no memory.
const FIRST_ROOM: usize = 16;

/// Reads values one after the other from bytes.
///
/// Whatever the bytes are, it ends with values or an error, in time proportional to their number, and takes no more memory than
/// [allowed](DecodeOptions::memory) for all values together. After an error nothing more can be read in a meaningful way.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    pub(super) cursor: Cursor<'a>,
    options: DecodeOptions,
    /// What may still be taken.
    memory: usize,
    left_out: usize,
}

impl<'a> Decoder<'a> {
    /// With the [default limits](DecodeOptions).
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder::with_options(bytes, DecodeOptions::new())
    }

    /// With limits of one's own.
    #[must_use]
    pub fn with_options(bytes: &'a [u8], options: DecodeOptions) -> Decoder<'a> {
        Decoder {
            cursor: Cursor::new(bytes),
            memory: options.memory,
            options,
            left_out: 0,
        }
    }

    /// Reads a value in the ordinary form.
    ///
    /// # Errors
    /// Whatever a stock Godot refuses, and what goes beyond the limits.
    pub fn read(&mut self) -> Result<Variant, DecodeError> {
        self.value(0)
    }

    /// Where it is in the bytes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.cursor.position()
    }

    /// The bytes that are still to be read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    /// How many elements, or pairs of key and value, were left out so far, because a typed array or dictionary did not take them.
    /// Godot prints an error for each.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Variant, DecodeError> {
        if depth > self.options.depth {
            return Err(self.cursor.error(DecodeErrorKind::TooDeep));
        }
        let start = self.cursor.clone();
        let header = self.cursor.u32()?;
        let id = header & 0xff;
        let kind = VariantType::from_id(id).ok_or_else(|| start.error(DecodeErrorKind::UnknownType(id)))?;
        match kind {
            VariantType::Dictionary => self.dictionary(header, depth),
            VariantType::Array => self.array(header, depth),
            VariantType::Object => self.object(header, depth, &start),
            _ => self.simple(kind, header & flags::WIDE != 0),
        }
    }

    /// What holds no other values.
    #[inline(never)]
    fn simple(&mut self, kind: VariantType, wide: bool) -> Result<Variant, DecodeError> {
        use VariantType as T;
        Ok(match kind {
            T::Nil | T::Dictionary | T::Array | T::Object => Variant::Nil,
            T::Bool => Variant::Bool(self.cursor.u32()? != 0),
            T::Int if wide => Variant::Int(i64::from_le_bytes(self.cursor.array()?)),
            T::Int => Variant::Int(i32::from_le_bytes(self.cursor.array()?).into()),
            T::Float if wide => Variant::Float(f64::from_le_bytes(self.cursor.array()?)),
            T::Float => Variant::Float(f32::from_le_bytes(self.cursor.array()?).into()),
            T::String => Variant::String(self.string()?),
            T::Vector2 => Variant::Vector2(self.reals(wide)?.into()),
            T::Vector2i => Variant::Vector2i(self.integers()?.into()),
            T::Rect2 => Variant::Rect2(self.reals(wide)?.into()),
            T::Rect2i => Variant::Rect2i(self.integers()?.into()),
            T::Vector3 => Variant::Vector3(self.reals(wide)?.into()),
            T::Vector3i => Variant::Vector3i(self.integers()?.into()),
            T::Transform2D => Variant::Transform2D(self.reals(wide)?.into()),
            T::Vector4 => Variant::Vector4(self.reals(wide)?.into()),
            T::Vector4i => Variant::Vector4i(self.integers()?.into()),
            T::Plane => Variant::Plane(self.reals(wide)?.into()),
            T::Quaternion => Variant::Quaternion(self.reals(wide)?.into()),
            T::Aabb => Variant::Aabb(self.reals(wide)?.into()),
            T::Basis => Variant::Basis(self.boxed::<_, 9>(wide)?),
            T::Transform3D => Variant::Transform3D(self.boxed::<_, 12>(wide)?),
            T::Projection => Variant::Projection(self.boxed::<_, 16>(wide)?),
            T::Color => Variant::Color(self.reals(false)?.into()),
            T::StringName => Variant::StringName(self.name()?),
            T::NodePath => Variant::NodePath(self.node_path()?),
            T::Rid => Variant::Rid(Rid(self.cursor.u64()?)),
            T::Callable => Variant::Callable,
            T::Signal => Variant::Signal(Signal {
                name: self.name()?,
                object: self.cursor.u64()?,
            }),
            T::PackedByteArray => {
                let count = self.cursor.count(1)?;
                self.charge(count)?;
                Variant::PackedByteArray(self.cursor.padded_but_at_end(count)?.to_vec())
            }
            T::PackedInt32Array => Variant::PackedInt32Array(self.packed(i32::from_le_bytes)?),
            T::PackedInt64Array => Variant::PackedInt64Array(self.packed(i64::from_le_bytes)?),
            T::PackedFloat32Array => Variant::PackedFloat32Array(self.packed(f32::from_le_bytes)?),
            T::PackedFloat64Array => Variant::PackedFloat64Array(self.packed(f64::from_le_bytes)?),
            T::PackedStringArray => Variant::PackedStringArray(self.strings()?),
            T::PackedVector2Array => Variant::PackedVector2Array(self.packed_reals::<_, 2>(wide)?),
            T::PackedVector3Array => Variant::PackedVector3Array(self.packed_reals::<_, 3>(wide)?),
            T::PackedColorArray => Variant::PackedColorArray(self.packed_reals::<_, 4>(false)?),
            T::PackedVector4Array => Variant::PackedVector4Array(self.packed_reals::<_, 4>(wide)?),
        })
    }

    fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let left = self.memory.checked_sub(bytes);
        self.memory = left.ok_or_else(|| self.cursor.error(DecodeErrorKind::TooMuchMemory))?;
        Ok(())
    }

    /// Components, narrowed if they are wide.
    fn reals<const N: usize>(&mut self, wide: bool) -> Result<[f32; N], DecodeError> {
        let mut reals = [0.0; N];
        if wide {
            for (real, bytes) in reals.iter_mut().zip(self.cursor.take(8 * N)?.as_chunks().0) {
                *real = narrowed(f64::from_le_bytes(*bytes));
            }
        } else {
            for (real, bytes) in reals.iter_mut().zip(self.cursor.take(4 * N)?.as_chunks().0) {
                *real = f32::from_le_bytes(*bytes);
            }
        }
        Ok(reals)
    }

    fn integers<const N: usize>(&mut self) -> Result<[i32; N], DecodeError> {
        let mut integers = [0; N];
        for (integer, bytes) in integers.iter_mut().zip(self.cursor.take(4 * N)?.as_chunks().0) {
            *integer = i32::from_le_bytes(*bytes);
        }
        Ok(integers)
    }

    fn boxed<T: From<[f32; N]>, const N: usize>(&mut self, wide: bool) -> Result<Box<T>, DecodeError> {
        self.charge(size_of::<T>())?;
        Ok(Box::new(self.reals(wide)?.into()))
    }

    fn packed<T, const N: usize>(&mut self, read: fn([u8; N]) -> T) -> Result<Vec<T>, DecodeError> {
        let count = self.cursor.count(N)?;
        self.charge(count * size_of::<T>())?;
        let bytes = self.cursor.take(count * N)?.as_chunks().0;
        Ok(bytes.iter().map(|bytes| read(*bytes)).collect())
    }

    fn packed_reals<T: From<[f32; N]>, const N: usize>(&mut self, wide: bool) -> Result<Vec<T>, DecodeError> {
        let count = self.cursor.count(N * if wide { 8 } else { 4 })?;
        self.charge(count * size_of::<T>())?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(self.reals(wide)?.into());
        }
        Ok(values)
    }

    /// Text in the bytes: up to a NUL, without a byte order mark.
    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.cursor.count(1)?;
        let start = self.cursor.clone();
        let bytes = self.cursor.padded(length)?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or(bytes);
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        std::str::from_utf8(text).map_err(|_| start.error(DecodeErrorKind::Utf8))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        let text = self.text()?;
        self.charge(text.len())?;
        Ok(text.to_owned())
    }

    fn name(&mut self) -> Result<StringName, DecodeError> {
        let text = self.text()?;
        // The text is shared: two counters stand before it.
        self.charge(text.len().next_multiple_of(size_of::<usize>()) + 2 * size_of::<usize>())?;
        Ok(StringName::new(text))
    }

    fn strings(&mut self) -> Result<Vec<String>, DecodeError> {
        let count = self.cursor.u32()?;
        // The one count that may be negative.
        if i32::try_from(count).is_err() {
            return Ok(Vec::new());
        }
        let count = self.cursor.checked(count, LEAST)?;
        self.charge(count * size_of::<String>())?;
        let mut strings = Vec::with_capacity(count);
        for _ in 0..count {
            strings.push(self.string()?);
        }
        Ok(strings)
    }

    fn node_path(&mut self) -> Result<NodePath, DecodeError> {
        let start = self.cursor.clone();
        let names = self.cursor.u32()?;
        if names & path::NEW_FORM == 0 {
            return Err(start.error(DecodeErrorKind::OldNodePath));
        }
        let names = names & !path::NEW_FORM;
        let subnames = self.cursor.u32()?;
        let flags = self.cursor.u32()?;
        let names = self.cursor.checked(names, LEAST)?;
        let more = u32::from(flags & path::ONE_MORE != 0);
        let subnames = subnames.saturating_add(more);
        let subnames = self.cursor.checked(subnames, LEAST)?;
        let Ok(count) = u32::try_from(names + subnames) else {
            return Err(start.error(DecodeErrorKind::Count(u32::MAX)));
        };
        let count = self.cursor.checked(count, LEAST)?;
        self.charge(count * size_of::<StringName>())?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(self.name()?);
        }
        Ok(NodePath::of(parts, names, flags & path::ABSOLUTE != 0))
    }

    /// The type of elements, of which `header` says in two bits how it is written.
    fn element_type(&mut self, header: u32, shift: u32) -> Result<ElementType, DecodeError> {
        let start = self.cursor.clone();
        let element_type = match (header >> shift) & flags::TYPE_MASK {
            0 => return Ok(ElementType::Any),
            1 => {
                let id = self.cursor.u32()?;
                match VariantType::from_id(id) {
                    None => return Err(start.error(DecodeErrorKind::UnknownType(id))),
                    Some(VariantType::Nil) => return Ok(ElementType::Any),
                    Some(VariantType::Object) => ElementType::encoded_object(),
                    Some(kind) => ElementType::Builtin(kind),
                }
            }
            2 => self.class(ElementType::Class)?,
            _ => {
                let path = self.text()?;
                if self.options.full_objects {
                    self.charge(path.len())?;
                    ElementType::Script(path.to_owned())
                } else {
                    ElementType::encoded_object()
                }
            }
        };
        // With the name of the class for objects that came as ids.
        self.charge(2 * size_of::<ElementType>() + 16)?;
        Ok(element_type)
    }

    /// A class: the one of ids where there are no full objects.
    fn class(&mut self, kind: fn(StringName) -> ElementType) -> Result<ElementType, DecodeError> {
        let name = self.name()?;
        Ok(if self.options.full_objects {
            kind(name)
        } else {
            ElementType::encoded_object()
        })
    }

    /// The count of a container, without the bit of an old form.
    fn container_count(&mut self, size: usize) -> Result<usize, DecodeError> {
        let count = self.cursor.u32()? & !(1 << 31);
        self.cursor.checked(count, size)
    }

    #[inline(never)]
    fn array(&mut self, header: u32, depth: usize) -> Result<Variant, DecodeError> {
        let element_type = self.element_type(header, flags::FIRST_TYPE_SHIFT)?;
        let count = self.container_count(LEAST)?;
        let mut array = Array::typed(element_type);
        for at in 0..count {
            let room = array.capacity();
            if array.len() == room {
                let more = (count - at).min(room.max(FIRST_ROOM));
                self.charge(more * size_of::<Variant>())?;
                array.elements_mut().reserve_exact(more);
            }
            let element = self.value(depth + 1)?;
            if array.element_type().is_any() {
                array.elements_mut().push(element);
            } else {
                self.note(&array.push(element));
            }
        }
        Ok(Variant::Array(array))
    }

    #[inline(never)]
    fn dictionary(&mut self, header: u32, depth: usize) -> Result<Variant, DecodeError> {
        let key_type = self.element_type(header, flags::FIRST_TYPE_SHIFT)?;
        let value_type = self.element_type(header, flags::SECOND_TYPE_SHIFT)?;
        let count = self.container_count(2 * LEAST)?;
        self.charge(Dictionary::SIZE)?;
        let mut dictionary = Dictionary::typed(key_type, value_type);
        for at in 0..count {
            let room = dictionary.capacity();
            if dictionary.len() == room {
                let more = (count - at).min(room.max(FIRST_ROOM));
                self.charge(more * Dictionary::ENTRY_SIZE)?;
                dictionary.reserve_exact(more);
            }
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            self.note(&dictionary.insert(key, value));
        }
        Ok(Variant::Dictionary(dictionary))
    }

    fn note<T>(&mut self, taken: &Result<T, TypeMismatch>) {
        if taken.is_err() {
            self.left_out += 1;
        }
    }

    #[inline(never)]
    fn object(&mut self, header: u32, depth: usize, start: &Cursor<'a>) -> Result<Variant, DecodeError> {
        if header & flags::WIDE != 0 {
            return Ok(Variant::Object(Object::Id(self.cursor.u64()?)));
        }
        if !self.options.full_objects {
            return Err(start.error(DecodeErrorKind::ObjectNotAllowed));
        }
        let class = self.string()?;
        if class.is_empty() {
            return Ok(Variant::Object(Object::NULL));
        }
        let count = self.cursor.count(2 * LEAST)?;
        self.charge(size_of::<FullObject>())?;
        let mut properties: Vec<(String, Variant)> = Vec::new();
        for at in 0..count {
            if properties.len() == properties.capacity() {
                let more = (count - at).min(properties.capacity().max(FIRST_ROOM));
                self.charge(more * size_of::<(String, Variant)>())?;
                properties.reserve_exact(more);
            }
            let name = self.string()?;
            properties.push((name, self.value(depth + 1)?));
        }
        Ok(Variant::Object(Object::Full(Box::new(FullObject {
            class,
            properties,
        }))))
    }
}

/// The nearest number of 32 bits, as builds without `precision=double` read it.
fn narrowed(real: f64) -> f32 {
    real as f32
}
