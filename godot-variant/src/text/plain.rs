//! Values as `str()` writes them.

use std::fmt::{self, Display, Formatter};

use super::{escape, number};
use crate::{Array, Color, Dictionary, Object, Quaternion, Variant, Vector2, Vector3, Vector4};

/// As GDScript's `str()`. Of objects the class and the id are written.
impl Display for Variant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use Variant as V;
        match self {
            V::Nil => f.write_str("<null>"),
            V::Bool(value) => Display::fmt(value, f),
            V::Int(value) => Display::fmt(value, f),
            V::Float(value) => number::plain(*value, f),
            V::String(text) => f.write_str(text),
            V::Vector2(value) => value.fmt(f),
            V::Vector2i(value) => integers((*value).into(), f),
            V::Rect2(value) => write!(f, "[P: {}, S: {}]", value.position, value.size),
            V::Rect2i(value) => {
                f.write_str("[P: ")?;
                integers(value.position.into(), f)?;
                f.write_str(", S: ")?;
                integers(value.size.into(), f)?;
                f.write_str("]")
            }
            V::Vector3(value) => value.fmt(f),
            V::Vector3i(value) => integers((*value).into(), f),
            V::Transform2D(value) => write!(f, "[X: {}, Y: {}, O: {}]", value.x, value.y, value.origin),
            V::Vector4(value) => value.fmt(f),
            V::Vector4i(value) => integers((*value).into(), f),
            V::Plane(value) => {
                write!(f, "[N: {}, D: ", value.normal)?;
                number::component(value.d, false, f)?;
                f.write_str("]")
            }
            V::Quaternion(value) => value.fmt(f),
            V::Aabb(value) => write!(f, "[P: {}, S: {}]", value.position, value.size),
            V::Basis(value) => {
                let [x, y, z] = value.columns();
                write!(f, "[X: {x}, Y: {y}, Z: {z}]")
            }
            V::Transform3D(value) => {
                let [x, y, z] = value.basis.columns();
                write!(f, "[X: {x}, Y: {y}, Z: {z}, O: {}]", value.origin)
            }
            V::Projection(value) => write!(f, "[X: {}, Y: {}, Z: {}, W: {}]", value.x, value.y, value.z, value.w),
            V::Color(value) => value.fmt(f),
            V::StringName(name) => f.write_str(name),
            V::NodePath(path) => path.fmt(f),
            V::Rid(rid) => write!(f, "RID({})", rid.0.cast_signed()),
            V::Object(Object::Id(0)) => f.write_str("<Object#null>"),
            V::Object(Object::Id(id)) => write!(f, "<EncodedObjectAsID#{id}>"),
            V::Object(Object::Full(object)) => write!(f, "<{}>", object.class),
            V::Callable => f.write_str("null::null"),
            V::Signal(signal) => write!(f, "null::[signal]{}", signal.name),
            V::Dictionary(dictionary) => dictionary.fmt(f),
            V::Array(array) => array.fmt(f),
            V::PackedByteArray(values) => list(values, f, Display::fmt),
            V::PackedInt32Array(values) => list(values, f, Display::fmt),
            V::PackedInt64Array(values) => list(values, f, Display::fmt),
            V::PackedFloat32Array(values) => list(values, f, |value, f| number::plain((*value).into(), f)),
            V::PackedFloat64Array(values) => list(values, f, |value, f| number::plain(*value, f)),
            V::PackedStringArray(values) => list(values, f, |text, f| escape::quoted(text, f)),
            V::PackedVector2Array(values) => list(values, f, Display::fmt),
            V::PackedVector3Array(values) => list(values, f, Display::fmt),
            V::PackedColorArray(values) => list(values, f, Display::fmt),
            V::PackedVector4Array(values) => list(values, f, Display::fmt),
        }
    }
}

/// As GDScript's `str()`.
impl Display for Array {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(self, f, nested)
    }
}

/// As GDScript's `str()`.
impl Display for Dictionary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        for (at, (key, value)) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            nested(key, f)?;
            f.write_str(": ")?;
            nested(value, f)?;
        }
        f.write_str(" }")
    }
}

/// Inside a container texts are told apart.
fn nested(value: &Variant, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Variant::String(text) => escape::quoted(text, f),
        Variant::StringName(name) => {
            f.write_str("&")?;
            escape::quoted(name, f)
        }
        Variant::NodePath(path) => {
            f.write_str("^")?;
            escape::quoted(&path.to_string(), f)
        }
        other => other.fmt(f),
    }
}

fn list<T>(values: &[T], f: &mut Formatter<'_>, each: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result) -> fmt::Result {
    f.write_str("[")?;
    separated(values, f, each)?;
    f.write_str("]")
}

pub(super) fn separated<T>(
    values: &[T],
    f: &mut Formatter<'_>,
    each: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        each(value, f)?;
    }
    Ok(())
}

fn tuple<T>(values: &[T], f: &mut Formatter<'_>, each: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result) -> fmt::Result {
    f.write_str("(")?;
    separated(values, f, each)?;
    f.write_str(")")
}

fn integers<const N: usize>(values: [i32; N], f: &mut Formatter<'_>) -> fmt::Result {
    tuple(&values, f, Display::fmt)
}

macro_rules! display {
    ($($name:ident, $count:literal, |$value:ident, $f:ident| $write:expr;)*) => {
        $(
            /// As GDScript's `str()`.
            impl Display for $name {
                fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                    tuple(&<[f32; $count]>::from(*self), f, |$value, $f| $write)
                }
            }
        )*
    };
}

display! {
    Vector2, 2, |value, f| number::component(*value, true, f);
    Vector3, 3, |value, f| number::component(*value, true, f);
    Vector4, 4, |value, f| number::component(*value, true, f);
    Quaternion, 4, |value, f| number::component(*value, false, f);
    Color, 4, |value, f| number::color(*value, f);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl Into<Variant>) -> String {
        value.into().to_string()
    }

    #[test]
    fn floats_are_written_as_godot_writes_them() {
        let cases: [(f64, &str); 21] = [
            (1.0, "1.0"),
            (-0.0, "0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (123_456_789_012_345_680.0, "123456789012345680.0"),
            (1e25, "10000000000000000905969664.0"),
            (1e-4, "0.0001"),
            (1e-10, "0.0000000001"),
            (1e-15, "0.0"),
            (1.0 / 3.0, "0.33333333333333"),
            (2.0 / 3.0, "0.66666666666667"),
            (std::f64::consts::PI, "3.14159265358979"),
            (123_456.789, "123456.789"),
            (0.1 + 0.2, "0.3"),
            (0.000_123_456_789, "0.000123456789"),
            (1.000_000_000_000_000_2, "1.0"),
            (16_777_217.0, "16777217.0"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (3.402_823_466_385_288_6e38, "340282346638528859811704183484516925440.0"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn containers_and_vectors_are_written_as_godot_writes_them() {
        assert_eq!(text(Vector2::new(1.0 / 3.0, 123_456.79)), "(0.333333, 123456.8)");
        assert_eq!(
            text(Vector3::new(1e-7, 1e-6, 1e20)),
            "(0.0, 0.000001, 100000002004087734272.0)"
        );
        assert_eq!(text(Quaternion::default()), "(0, 0, 0, 1)");
        assert_eq!(
            text(Quaternion::new(1e-9, -1e-9, 1e20, 1e10)),
            "(0.0, -0.0, 100000002004087734272.0, 10000000000)"
        );
        assert_eq!(text(Vector2::new(3_203_748.0, 3_203_748.3)), "(3203748.0, 3203748)");
        assert_eq!(
            text(Color::new(0.123_456, 1e-5, 123.456_78, -0.5)),
            "(0.1235, 0.0, 123.4568, -0.5)"
        );
        assert_eq!(text(vec![0.1f32]), "[0.10000000149012]");
        assert_eq!(text(Dictionary::new()), "{  }");
        let nested = Array::from(vec!["q\"\n".into(), crate::StringName::new("n").into(), Variant::Nil]);
        assert_eq!(
            text(Dictionary::from([(1, nested)])),
            "{ 1: [\"q\\\"\\n\", &\"n\", <null>] }"
        );
    }
}
