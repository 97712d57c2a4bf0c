//! Values as `var_to_str()` writes them: what GDScript reads again.

use std::fmt::{self, Display, Formatter};

use super::plain::separated;
use super::{escape, number};
use crate::{Array, Dictionary, Object, Variant, value};

/// Writes a value as GDScript's `var_to_str()`: see [`Variant::source`].
#[derive(Clone, Copy, Debug)]
pub struct Source<'a>(&'a Variant);

impl Variant {
    /// Writes it as GDScript's `var_to_str()`, which `str_to_var()` reads again. Keys of dictionaries are sorted, as there.
    ///
    /// Objects that came as ids are written as the `EncodedObjectAsID` that Godot makes of them.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        Source(self)
    }
}

impl Display for Source<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use Variant as V;
        let name = self.0.variant_type().name();
        match self.0 {
            V::Nil => f.write_str("null"),
            V::Bool(value) => write!(f, "{value}"),
            V::Int(value) => write!(f, "{value}"),
            V::Float(value) => number::exact(*value, f),
            V::String(text) => escape::quoted_lines(text, f),
            V::Vector2(value) => reals(name, <[f32; 2]>::from(*value), f),
            V::Vector2i(value) => call(name, &<[i32; 2]>::from(*value), f, Display::fmt),
            V::Rect2(value) => reals(name, <[f32; 4]>::from(*value), f),
            V::Rect2i(value) => call(name, &<[i32; 4]>::from(*value), f, Display::fmt),
            V::Vector3(value) => reals(name, <[f32; 3]>::from(*value), f),
            V::Vector3i(value) => call(name, &<[i32; 3]>::from(*value), f, Display::fmt),
            V::Transform2D(value) => reals(name, <[f32; 6]>::from(*value), f),
            V::Vector4(value) => reals(name, <[f32; 4]>::from(*value), f),
            V::Vector4i(value) => call(name, &<[i32; 4]>::from(*value), f, Display::fmt),
            V::Plane(value) => reals(name, <[f32; 4]>::from(*value), f),
            V::Quaternion(value) => reals(name, <[f32; 4]>::from(*value), f),
            V::Aabb(value) => reals(name, <[f32; 6]>::from(*value), f),
            V::Basis(value) => reals(name, <[f32; 9]>::from(**value), f),
            V::Transform3D(value) => reals(name, <[f32; 12]>::from(**value), f),
            V::Projection(value) => reals(name, <[f32; 16]>::from(**value), f),
            V::Color(value) => reals(name, <[f32; 4]>::from(*value), f),
            V::StringName(name) => {
                f.write_str("&")?;
                escape::quoted(name, f)
            }
            V::NodePath(path) => {
                f.write_str("NodePath(")?;
                escape::quoted(&path.to_string(), f)?;
                f.write_str(")")
            }
            V::Rid(rid) if rid.0 == 0 => f.write_str("RID()"),
            V::Rid(rid) => write!(f, "RID({})", rid.0.cast_signed()),
            V::Object(object) => self::object(object, f),
            V::Callable => f.write_str("Callable()"),
            V::Signal(_) => f.write_str("Signal()"),
            V::Dictionary(value) => dictionary(value, f),
            V::Array(value) => array(value, f),
            V::PackedByteArray(values) => call(name, values, f, Display::fmt),
            V::PackedInt32Array(values) => call(name, values, f, Display::fmt),
            V::PackedInt64Array(values) => call(name, values, f, Display::fmt),
            V::PackedFloat32Array(values) => call(name, values, f, |value, f| number::exact_component(*value, f)),
            V::PackedFloat64Array(values) => call(name, values, f, |value, f| number::exact_element(*value, f)),
            V::PackedStringArray(values) => call(name, values, f, |text, f| escape::quoted(text, f)),
            V::PackedVector2Array(values) => vectors::<_, 2>(name, values, f),
            V::PackedVector3Array(values) => vectors::<_, 3>(name, values, f),
            V::PackedColorArray(values) => vectors::<_, 4>(name, values, f),
            V::PackedVector4Array(values) => vectors::<_, 4>(name, values, f),
        }
    }
}

fn call<T>(
    name: &str,
    values: &[T],
    f: &mut Formatter<'_>,
    each: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{name}(")?;
    separated(values, f, each)?;
    f.write_str(")")
}

fn reals<const N: usize>(name: &str, values: [f32; N], f: &mut Formatter<'_>) -> fmt::Result {
    call(name, &values, f, |value, f| number::exact_component(*value, f))
}

fn vectors<T: Copy + Into<[f32; N]>, const N: usize>(name: &str, values: &[T], f: &mut Formatter<'_>) -> fmt::Result {
    call(name, values, f, |value, f| {
        separated(&(*value).into(), f, |value, f| number::exact_component(*value, f))
    })
}

fn array(array: &Array, f: &mut Formatter<'_>) -> fmt::Result {
    let typed = !array.element_type().is_any();
    if typed {
        write!(f, "Array[{}](", array.element_type())?;
    }
    f.write_str("[")?;
    separated(array, f, |element, f| element.source().fmt(f))?;
    f.write_str(if typed { "])" } else { "]" })
}

fn dictionary(dictionary: &Dictionary, f: &mut Formatter<'_>) -> fmt::Result {
    let typed = dictionary.is_typed();
    if typed {
        write!(f, "Dictionary[{}, {}](", dictionary.key_type(), dictionary.value_type())?;
    }
    if dictionary.is_empty() {
        f.write_str("{}")?;
    } else {
        let mut entries: Vec<(&Variant, &Variant)> = dictionary.iter().collect();
        value::sort(&mut entries);
        for (at, (key, value)) in entries.into_iter().enumerate() {
            let before = if at == 0 { "{\n" } else { ",\n" };
            write!(f, "{before}{}: {}", key.source(), value.source())?;
        }
        f.write_str("\n}")?;
    }
    f.write_str(if typed { ")" } else { "" })
}

/// Class and properties, and the end of a line behind them.
fn object(object: &Object, f: &mut Formatter<'_>) -> fmt::Result {
    match object {
        Object::Id(0) => f.write_str("null"),
        Object::Id(id) => {
            let id = id.cast_signed();
            writeln!(f, "Object(EncodedObjectAsID,\"object_id\":{id},\"script\":null)")
        }
        Object::Full(object) => {
            write!(f, "Object({}", object.class)?;
            for (name, value) in &object.properties {
                write!(f, ",\"{name}\":{}", value.source())?;
            }
            f.write_str(")\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StringName, VariantType, Vector2, Vector2i, Vector3};

    fn source(value: impl Into<Variant>) -> String {
        value.into().source().to_string()
    }

    #[test]
    fn floats_are_written_with_the_fewest_digits() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "0.0"),
            (1e14, "100000000000000.0"),
            (1e15, "1e+15"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e300, "1e+300"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-123.456, "-123.456"),
            (f64::NEG_INFINITY, "inf_neg"),
        ];
        for (value, expected) in cases {
            assert_eq!(source(value), expected);
        }
        assert_eq!(
            source(Vector2::new(1_234_567_890.0, 1e14)),
            "Vector2(1234567900, 100000000000000)"
        );
        assert_eq!(
            source(Vector3::new(1.0 / 3.0, 0.000_123_456_79, -0.5)),
            "Vector3(0.33333334, 0.00012345679, -0.5)"
        );
        assert_eq!(source(0.1f32), "0.1");
        assert_eq!(source(vec![1.0, 0.1]), "PackedFloat64Array(1, 0.1)");
    }

    #[test]
    fn types_of_containers_are_written() {
        let array = Array::typed_from(VariantType::Int, [1, 2]).expect("integers");
        assert_eq!(source(array), "Array[int]([1, 2])");
        let dictionary = Dictionary::typed(VariantType::String, crate::ElementType::Any);
        assert_eq!(source(dictionary), "Dictionary[String, Variant]({})");
    }

    #[test]
    fn keys_are_sorted() {
        let dictionary: Dictionary = [
            Variant::from(2),
            1.5.into(),
            true.into(),
            "b".into(),
            StringName::new("a").into(),
            "A".into(),
            Variant::Nil,
            10.into(),
            [2].into_iter().collect::<Array>().into(),
            [1, 5].into_iter().collect::<Array>().into(),
        ]
        .into_iter()
        .map(|key| (key, 0))
        .collect();
        assert_eq!(
            source(dictionary),
            "{\nnull: 0,\ntrue: 0,\n2: 0,\n10: 0,\n1.5: 0,\n\"A\": 0,\n&\"a\": 0,\n\"b\": 0,\n[1, 5]: 0,\n[2]: 0\n}"
        );
        let apart: Dictionary = [
            Variant::from("b"),
            StringName::new("a").into(),
            Vector2i::new(1, 2).into(),
            3.into(),
        ]
        .into_iter()
        .map(|key| (key, 0))
        .collect();
        assert_eq!(source(apart), "{\n3: 0,\n\"b\": 0,\nVector2i(1, 2): 0,\n&\"a\": 0\n}");
    }
}
