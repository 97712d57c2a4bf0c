//! Values to bytes.

use super::cursor::padding;
use super::error::EncodeError;
use super::options::MAX_DEPTH;
use super::{flags, path};
use crate::{Array, Dictionary, ElementType, FullObject, NodePath, Object, Variant, VariantType};

/// Writes values, one after the other, at the end of a buffer.
///
/// After an error the buffer holds the beginning of the value: [`encode_arguments`](super::encode_arguments) and
/// [`Variant::to_bytes`] leave nothing behind.
#[derive(Debug)]
pub struct Encoder<'a> {
    buffer: &'a mut Vec<u8>,
    full_objects: bool,
}

impl<'a> Encoder<'a> {
    /// Writes as `var_to_bytes` does.
    #[must_use]
    pub fn new(buffer: &'a mut Vec<u8>) -> Encoder<'a> {
        Encoder {
            buffer,
            full_objects: false,
        }
    }

    /// Writes as `var_to_bytes_with_objects` does. The same bytes run code in a Godot that reads them.
    #[must_use]
    pub fn with_full_objects(buffer: &'a mut Vec<u8>) -> Encoder<'a> {
        Encoder {
            buffer,
            full_objects: true,
        }
    }

    /// Writes a value in the ordinary form.
    ///
    /// # Errors
    /// If it holds a full object where they are not allowed, is deeper than Godot reads, or has more elements than a count can say.
    pub fn write(&mut self, value: &Variant) -> Result<(), EncodeError> {
        self.buffer.reserve(likely_size(value));
        self.value(value, 0)
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn value(&mut self, value: &Variant, depth: usize) -> Result<(), EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        match value {
            Variant::Dictionary(dictionary) => self.dictionary(dictionary, depth),
            Variant::Array(array) => self.array(array, depth),
            Variant::Object(Object::Full(object)) => self.full_object(object, depth),
            // As Godot: null has no type.
            Variant::Object(Object::Id(0)) => {
                self.header(VariantType::Nil, 0);
                Ok(())
            }
            Variant::Object(Object::Id(id)) => {
                self.header(VariantType::Object, flags::WIDE);
                self.put(&id.to_le_bytes());
                Ok(())
            }
            Variant::Int(value) => {
                self.int(*value);
                Ok(())
            }
            Variant::Float(value) => {
                self.float(*value);
                Ok(())
            }
            other => {
                self.header(other.variant_type(), 0);
                self.simple(other)
            }
        }
    }

    /// What holds no other values, without its header.
    #[inline(never)]
    fn simple(&mut self, value: &Variant) -> Result<(), EncodeError> {
        use Variant as V;
        match value {
            V::Nil | V::Callable | V::Int(_) | V::Float(_) | V::Object(_) | V::Dictionary(_) | V::Array(_) => {}
            V::Bool(value) => self.u32(u32::from(*value)),
            V::String(text) => self.string(text)?,
            V::Vector2(value) => self.reals(<[f32; 2]>::from(*value)),
            V::Vector2i(value) => self.integers(<[i32; 2]>::from(*value)),
            V::Rect2(value) => self.reals(<[f32; 4]>::from(*value)),
            V::Rect2i(value) => self.integers(<[i32; 4]>::from(*value)),
            V::Vector3(value) => self.reals(<[f32; 3]>::from(*value)),
            V::Vector3i(value) => self.integers(<[i32; 3]>::from(*value)),
            V::Transform2D(value) => self.reals(<[f32; 6]>::from(*value)),
            V::Vector4(value) => self.reals(<[f32; 4]>::from(*value)),
            V::Vector4i(value) => self.integers(<[i32; 4]>::from(*value)),
            V::Plane(value) => self.reals(<[f32; 4]>::from(*value)),
            V::Quaternion(value) => self.reals(<[f32; 4]>::from(*value)),
            V::Aabb(value) => self.reals(<[f32; 6]>::from(*value)),
            V::Basis(value) => self.reals(<[f32; 9]>::from(**value)),
            V::Transform3D(value) => self.reals(<[f32; 12]>::from(**value)),
            V::Projection(value) => self.reals(<[f32; 16]>::from(**value)),
            V::Color(value) => self.reals(<[f32; 4]>::from(*value)),
            V::StringName(name) => self.string(name)?,
            V::NodePath(path) => self.node_path(path)?,
            V::Rid(rid) => self.put(&rid.0.to_le_bytes()),
            V::Signal(signal) => {
                self.string(&signal.name)?;
                self.put(&signal.object.to_le_bytes());
            }
            V::PackedByteArray(bytes) => self.padded(bytes)?,
            V::PackedInt32Array(values) => self.each(values, |value| value.to_le_bytes())?,
            V::PackedInt64Array(values) => self.each(values, |value| value.to_le_bytes())?,
            V::PackedFloat32Array(values) => self.each(values, |value| value.to_le_bytes())?,
            V::PackedFloat64Array(values) => self.each(values, |value| value.to_le_bytes())?,
            V::PackedStringArray(values) => self.strings(values)?,
            V::PackedVector2Array(values) => self.vectors::<_, 2>(values)?,
            V::PackedVector3Array(values) => self.vectors::<_, 3>(values)?,
            V::PackedColorArray(values) => self.vectors::<_, 4>(values)?,
            V::PackedVector4Array(values) => self.vectors::<_, 4>(values)?,
        }
        Ok(())
    }

    fn header(&mut self, kind: VariantType, flags: u32) {
        self.u32(u32::from(kind.id()) | flags);
    }

    fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        let signed = i32::try_from(count).map_err(|_| EncodeError::TooLong(count))?;
        self.put(&signed.to_le_bytes());
        Ok(())
    }

    /// In 32 bits if it fits.
    fn int(&mut self, value: i64) {
        if let Ok(short) = i32::try_from(value) {
            self.header(VariantType::Int, 0);
            self.put(&short.to_le_bytes());
        } else {
            self.header(VariantType::Int, flags::WIDE);
            self.put(&value.to_le_bytes());
        }
    }

    /// In 32 bits if that is an equal number; NaN never is.
    fn float(&mut self, value: f64) {
        let short = value as f32;
        if f64::from(short) == value {
            self.header(VariantType::Float, 0);
            self.put(&short.to_le_bytes());
        } else {
            self.header(VariantType::Float, flags::WIDE);
            self.put(&value.to_le_bytes());
        }
    }

    fn reals<const N: usize>(&mut self, reals: [f32; N]) {
        self.put(reals.map(f32::to_le_bytes).as_flattened());
    }

    fn integers<const N: usize>(&mut self, integers: [i32; N]) {
        self.put(integers.map(i32::to_le_bytes).as_flattened());
    }

    fn each<T, const N: usize>(&mut self, values: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Result<(), EncodeError> {
        self.count(values.len())?;
        self.buffer.reserve(values.len() * N);
        self.buffer.extend(values.iter().flat_map(bytes));
        Ok(())
    }

    fn vectors<T: Copy + Into<[f32; N]>, const N: usize>(&mut self, values: &[T]) -> Result<(), EncodeError> {
        self.count(values.len())?;
        self.buffer.reserve(values.len() * N * size_of::<f32>());
        for value in values {
            self.reals((*value).into());
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), EncodeError> {
        self.padded(text.as_bytes())
    }

    fn padded(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.count(bytes.len())?;
        self.put(bytes);
        self.pad(bytes.len());
        Ok(())
    }

    fn pad(&mut self, length: usize) {
        self.put(&[0; 3][..padding(length)]);
    }

    /// Each with a NUL at its end that counts.
    fn strings(&mut self, strings: &[String]) -> Result<(), EncodeError> {
        self.count(strings.len())?;
        for text in strings {
            let length = text.len() + 1;
            self.count(length)?;
            self.put(text.as_bytes());
            self.put(&[0]);
            self.pad(length);
        }
        Ok(())
    }

    fn node_path(&mut self, path: &NodePath) -> Result<(), EncodeError> {
        let short = |count: usize| i32::try_from(count).map_err(|_| EncodeError::TooLong(count));
        let names = short(path.names().len())?.cast_unsigned();
        let subnames = short(path.subnames().len())?.cast_unsigned();
        self.u32(names | path::NEW_FORM);
        self.u32(subnames);
        self.u32(if path.is_absolute() { path::ABSOLUTE } else { 0 });
        for part in path.names().iter().chain(path.subnames()) {
            self.string(part)?;
        }
        Ok(())
    }

    /// How the type of elements is written; without full objects, all classes are the one of ids.
    fn type_kind(&self, element_type: &ElementType) -> u32 {
        match element_type {
            ElementType::Any | ElementType::Builtin(VariantType::Nil) => 0,
            ElementType::Builtin(VariantType::Object) | ElementType::Class(_) => 2,
            ElementType::Builtin(_) => 1,
            ElementType::Script(_) if self.full_objects => 3,
            ElementType::Script(_) => 2,
        }
    }

    fn element_type(&mut self, element_type: &ElementType) -> Result<(), EncodeError> {
        match element_type {
            ElementType::Any | ElementType::Builtin(VariantType::Nil) => Ok(()),
            ElementType::Builtin(VariantType::Object) if self.full_objects => self.string("Object"),
            ElementType::Builtin(kind) if *kind != VariantType::Object => {
                self.u32(kind.id().into());
                Ok(())
            }
            ElementType::Class(class) if self.full_objects => self.string(class),
            ElementType::Script(path) if self.full_objects => self.string(path),
            _ => self.string(ElementType::ENCODED_OBJECT),
        }
    }

    #[inline(never)]
    fn array(&mut self, array: &Array, depth: usize) -> Result<(), EncodeError> {
        let kind = self.type_kind(array.element_type());
        self.header(VariantType::Array, kind << flags::FIRST_TYPE_SHIFT);
        self.element_type(array.element_type())?;
        self.count(array.len())?;
        for element in array {
            self.value(element, depth + 1)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn dictionary(&mut self, dictionary: &Dictionary, depth: usize) -> Result<(), EncodeError> {
        let keys = self.type_kind(dictionary.key_type()) << flags::FIRST_TYPE_SHIFT;
        let values = self.type_kind(dictionary.value_type()) << flags::SECOND_TYPE_SHIFT;
        self.header(VariantType::Dictionary, keys | values);
        self.element_type(dictionary.key_type())?;
        self.element_type(dictionary.value_type())?;
        self.count(dictionary.len())?;
        for (key, value) in dictionary {
            self.value(key, depth + 1)?;
            self.value(value, depth + 1)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn full_object(&mut self, object: &FullObject, depth: usize) -> Result<(), EncodeError> {
        if !self.full_objects {
            return Err(EncodeError::ObjectNotAllowed);
        }
        self.header(VariantType::Object, 0);
        self.string(&object.class)?;
        if object.class.is_empty() {
            return Ok(());
        }
        self.count(object.properties.len())?;
        for (name, value) in &object.properties {
            self.string(name)?;
            self.value(value, depth + 1)?;
        }
        Ok(())
    }
}

/// About how many bytes a value takes, so that a buffer need not grow step by step. Of an array of a few, its elements are looked
/// at, and nothing deeper.
pub(super) fn likely_size(value: &Variant) -> usize {
    const FEW: usize = 16;
    match value {
        Variant::Array(array) if array.len() <= FEW => FRAME + array.iter().map(own_size).sum::<usize>(),
        other => own_size(other),
    }
}

/// A header, a count and padding.
const FRAME: usize = 12;

/// The same without a look at what is inside.
fn own_size(value: &Variant) -> usize {
    const NUMBER: usize = 12;
    /// A header and four components. Matrices are longer, and rare.
    const VECTOR: usize = 20;
    match value {
        Variant::Nil | Variant::Bool(_) | Variant::Int(_) | Variant::Float(_) | Variant::Object(_) => NUMBER,
        Variant::String(text) => FRAME + text.len(),
        Variant::StringName(name) => FRAME + name.len(),
        Variant::Array(array) => FRAME + array.len() * NUMBER,
        Variant::Dictionary(dictionary) => FRAME + dictionary.len() * 2 * NUMBER,
        // The other packed ones reserve for themselves.
        Variant::PackedByteArray(bytes) => FRAME + bytes.len(),
        _ => VECTOR,
    }
}
