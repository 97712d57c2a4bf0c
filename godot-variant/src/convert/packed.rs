//! Between arrays and packed arrays.

use super::assign::{cut, cut_to_32, nearest};
use super::color;
use crate::{Array, Color, Variant, VariantType, Vector2, Vector3, Vector4};

/// The elements of a packed array. Nothing if it is none.
pub(super) fn unpacked(value: &Variant) -> Option<Array> {
    use Variant as V;
    Some(match value {
        V::PackedByteArray(values) => values.iter().copied().collect(),
        V::PackedInt32Array(values) => values.iter().copied().collect(),
        V::PackedInt64Array(values) => values.iter().copied().collect(),
        V::PackedFloat32Array(values) => values.iter().copied().collect(),
        V::PackedFloat64Array(values) => values.iter().copied().collect(),
        V::PackedStringArray(values) => values.iter().map(String::as_str).collect(),
        V::PackedVector2Array(values) => values.iter().copied().collect(),
        V::PackedVector3Array(values) => values.iter().copied().collect(),
        V::PackedColorArray(values) => values.iter().copied().collect(),
        V::PackedVector4Array(values) => values.iter().copied().collect(),
        _ => return None,
    })
}

/// A packed array of the elements, each of which gives something: zeros if it is of no fitting type. Nothing if `kind` is none.
pub(super) fn packed(kind: VariantType, array: &Array) -> Option<Variant> {
    use Variant as V;
    use VariantType as T;
    Some(match kind {
        T::PackedByteArray => V::PackedByteArray(array.iter().map(|element| low_byte(short(element))).collect()),
        T::PackedInt32Array => V::PackedInt32Array(array.iter().map(short).collect()),
        T::PackedInt64Array => V::PackedInt64Array(array.iter().map(int).collect()),
        T::PackedFloat32Array => V::PackedFloat32Array(array.iter().map(|element| single(float(element))).collect()),
        T::PackedFloat64Array => V::PackedFloat64Array(array.iter().map(float).collect()),
        T::PackedStringArray => V::PackedStringArray(array.iter().map(ToString::to_string).collect()),
        T::PackedVector2Array => V::PackedVector2Array(array.iter().map(vector2).collect()),
        T::PackedVector3Array => V::PackedVector3Array(array.iter().map(vector3).collect()),
        T::PackedColorArray => V::PackedColorArray(array.iter().map(color).collect()),
        T::PackedVector4Array => V::PackedVector4Array(array.iter().map(vector).map(Vector4::from).collect()),
        _ => return None,
    })
}

fn int(value: &Variant) -> i64 {
    match value {
        Variant::Bool(value) => i64::from(*value),
        Variant::Int(value) => *value,
        Variant::Float(value) => cut(*value),
        Variant::String(text) => digits(text),
        _ => 0,
    }
}

fn short(value: &Variant) -> i32 {
    match value {
        Variant::Float(value) => cut_to_32(*value),
        other => int(other) as i32,
    }
}

fn low_byte(value: i32) -> u8 {
    value.to_le_bytes()[0]
}

fn float(value: &Variant) -> f64 {
    match value {
        Variant::Bool(value) => f64::from(u8::from(*value)),
        Variant::Int(value) => nearest(*value),
        Variant::Float(value) => *value,
        Variant::String(text) => number(text),
        _ => 0.0,
    }
}

fn single(value: f64) -> f32 {
    value as f32
}

/// All digits up to a point, as one number; every sign before them turns it.
fn digits(text: &str) -> i64 {
    let mut negative = false;
    let mut number: i64 = 0;
    for character in text.chars().take_while(|character| *character != '.') {
        match character.to_digit(10) {
            Some(digit) => number = number.wrapping_mul(10).wrapping_add(digit.into()),
            None if number == 0 && character == '-' => negative = !negative,
            None => {}
        }
    }
    if negative { number.wrapping_neg() } else { number }
}

/// The number that the text begins with; 0 if it begins with none.
fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let longest = (1..=text.len())
        .rev()
        .filter(|end| text.is_char_boundary(*end))
        .find_map(|end| {
            let start = &text[..end];
            start
                .ends_with(|character: char| character.is_ascii_digit() || character == '.')
                .then_some(start)?
                .parse()
                .ok()
        });
    longest.unwrap_or(0.0)
}

/// The components of a vector, those it does not have as zero.
fn vector(value: &Variant) -> [f32; 4] {
    let short = |[x, y]: [f32; 2]| [x, y, 0.0, 0.0];
    let middle = |[x, y, z]: [f32; 3]| [x, y, z, 0.0];
    match value {
        Variant::Vector2(value) => short((*value).into()),
        Variant::Vector2i(value) => short(<[i32; 2]>::from(*value).map(|part| part as f32)),
        Variant::Vector3(value) => middle((*value).into()),
        Variant::Vector3i(value) => middle(<[i32; 3]>::from(*value).map(|part| part as f32)),
        Variant::Vector4(value) => (*value).into(),
        Variant::Vector4i(value) => <[i32; 4]>::from(*value).map(|part| part as f32),
        _ => [0.0; 4],
    }
}

fn vector2(value: &Variant) -> Vector2 {
    let [x, y, ..] = vector(value);
    Vector2::new(x, y)
}

fn vector3(value: &Variant) -> Vector3 {
    let [x, y, z, _] = vector(value);
    Vector3::new(x, y, z)
}

fn color(value: &Variant) -> Color {
    match value {
        Variant::Color(color) => *color,
        Variant::Int(value) => color::of_int(*value),
        Variant::String(text) => color::of_text(text),
        _ => Color::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_give_what_they_give_in_godot() {
        let array = Array::from(vec![
            1.into(),
            "two".into(),
            Variant::from(crate::StringName::new("sn")),
            3.0.into(),
            Variant::Nil,
            true.into(),
            300.into(),
            (-1).into(),
            1e10.into(),
        ]);
        let packed = |kind| packed(kind, &array);
        let bytes: Vec<u8> = vec![1, 0, 0, 3, 0, 1, 44, 255, 0];
        assert_eq!(packed(VariantType::PackedByteArray), Some(bytes.into()));
        let ints = vec![1, 0, 0, 3, 0, 1, 300, -1, i32::MIN];
        assert_eq!(packed(VariantType::PackedInt32Array), Some(ints.into()));
        let texts = ["1", "two", "sn", "3.0", "<null>", "true", "300", "-1", "10000000000.0"];
        let texts = texts.map(str::to_owned).to_vec();
        assert_eq!(packed(VariantType::PackedStringArray), Some(texts.into()));
        assert_eq!(packed(VariantType::Int), None);
    }

    #[test]
    fn texts_are_numbers_as_far_as_they_begin_with_one() {
        let cases = [
            ("12", 12, 12.0),
            ("1a2", 12, 1.0),
            ("-5", -5, -5.0),
            ("--5", 5, 0.0),
            ("5.9", 5, 5.9),
            (" 7", 7, 7.0),
            ("1e3", 13, 1000.0),
            ("0x10", 10, 0.0),
            ("+3", 3, 3.0),
            ("abc", 0, 0.0),
            ("-", 0, 0.0),
            ("1_000", 1000, 1.0),
            ("", 0, 0.0),
        ];
        for (text, int, float) in cases {
            assert_eq!(digits(text), int, "{text}");
            assert!((number(text) - float).abs() < f64::EPSILON, "{text}");
        }
    }

    #[test]
    fn vectors_lose_or_gain_components() {
        let array = Array::from(vec![
            Vector2::new(1.0, 2.0).into(),
            crate::Vector4i::new(5, 6, 7, 8).into(),
            3.into(),
        ]);
        let expected = vec![
            Vector3::new(1.0, 2.0, 0.0),
            Vector3::new(5.0, 6.0, 7.0),
            Vector3::default(),
        ];
        assert_eq!(packed(VariantType::PackedVector3Array, &array), Some(expected.into()));
    }
}
