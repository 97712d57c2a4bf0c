//! From one type to another where Godot does so by itself.

use super::{color, packed, rotation};
use crate::{
    Basis, NodePath, Projection, Rect2, Rect2i, Rid, StringName, Transform2D, Transform3D, Variant, VariantType,
    Vector2, Vector2i, Vector3, Vector3i, Vector4, Vector4i,
};

/// The value as a type takes it, or back as it was.
pub(crate) fn assign(kind: VariantType, value: Variant) -> Result<Variant, Variant> {
    if value.variant_type() == kind {
        return Ok(value);
    }
    converted(kind, &value).ok_or(value)
}

/// A value of another type as this one.
fn converted(kind: VariantType, value: &Variant) -> Option<Variant> {
    use Variant as V;
    use VariantType as T;
    Some(match (kind, value) {
        (T::Bool, V::Int(value)) => V::Bool(*value != 0),
        (T::Bool, V::Float(value)) => V::Bool(*value != 0.0),
        (T::Int, V::Bool(value)) => V::Int(i64::from(*value)),
        (T::Int, V::Float(value)) => V::Int(cut(*value)),
        (T::Float, V::Bool(value)) => V::Float(f64::from(u8::from(*value))),
        (T::Float, V::Int(value)) => V::Float(nearest(*value)),
        (T::String, V::StringName(name)) => V::String(name.as_str().to_owned()),
        (T::String, V::NodePath(path)) => V::String(path.to_string()),
        (T::StringName, V::String(text)) => V::StringName(StringName::new(text)),
        (T::NodePath, V::String(text)) => V::NodePath(NodePath::new(text)),
        (T::Vector2, V::Vector2i(value)) => V::Vector2(Vector2::from(<[i32; 2]>::from(*value).map(real))),
        (T::Vector2i, V::Vector2(value)) => V::Vector2i(Vector2i::from(<[f32; 2]>::from(*value).map(cut_short))),
        (T::Rect2, V::Rect2i(value)) => V::Rect2(Rect2::from(<[i32; 4]>::from(*value).map(real))),
        (T::Rect2i, V::Rect2(value)) => V::Rect2i(Rect2i::from(<[f32; 4]>::from(*value).map(cut_short))),
        (T::Vector3, V::Vector3i(value)) => V::Vector3(Vector3::from(<[i32; 3]>::from(*value).map(real))),
        (T::Vector3i, V::Vector3(value)) => V::Vector3i(Vector3i::from(<[f32; 3]>::from(*value).map(cut_short))),
        (T::Vector4, V::Vector4i(value)) => V::Vector4(Vector4::from(<[i32; 4]>::from(*value).map(real))),
        (T::Vector4i, V::Vector4(value)) => V::Vector4i(Vector4i::from(<[f32; 4]>::from(*value).map(cut_short))),
        (T::Transform2D, V::Transform3D(value)) => V::Transform2D(flat(value)),
        (T::Quaternion, V::Basis(value)) => V::Quaternion(rotation::quaternion(value)),
        (T::Basis, V::Quaternion(value)) => V::from(rotation::basis(*value)),
        (T::Transform3D, V::Transform2D(value)) => V::from(raised(*value)),
        (T::Transform3D, V::Quaternion(value)) => V::from(unmoved(rotation::basis(*value))),
        (T::Transform3D, V::Basis(value)) => V::from(unmoved(**value)),
        (T::Transform3D, V::Projection(value)) => V::from(affine(value)),
        (T::Projection, V::Transform3D(value)) => V::from(projection(value)),
        (T::Color, V::Int(value)) => V::Color(color::of_int(*value)),
        (T::Color, V::String(text)) => V::Color(color::of_text(text)),
        // No object that travels has a resource in a server.
        (T::Rid, V::Object(_)) => V::Rid(Rid(0)),
        (T::Object, V::Nil) => V::Nil,
        (T::Array, packed) => V::Array(packed::unpacked(packed)?),
        (kind, V::Array(array)) => packed::packed(kind, array)?,
        _ => return None,
    })
}

/// Towards zero, and the lowest number if it does not fit or is none: as processors do and so Godot does.
pub(super) fn cut(value: f64) -> i64 {
    // 2^63 is the first that is too large.
    if value >= i64::MIN as f64 && value < -(i64::MIN as f64) {
        value as i64
    } else {
        i64::MIN
    }
}

/// The same in 32 bits.
pub(super) fn cut_to_32(value: f64) -> i32 {
    let value = value.trunc();
    if value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX) {
        value as i32
    } else {
        i32::MIN
    }
}

fn cut_short(value: f32) -> i32 {
    cut_to_32(value.into())
}

fn real(value: i32) -> f32 {
    value as f32
}

pub(super) fn nearest(value: i64) -> f64 {
    value as f64
}

fn flat(transform: &Transform3D) -> Transform2D {
    let [x, y, _] = transform.basis.columns();
    Transform2D {
        x: Vector2::new(x.x, x.y),
        y: Vector2::new(y.x, y.y),
        origin: Vector2::new(transform.origin.x, transform.origin.y),
    }
}

fn raised(transform: Transform2D) -> Transform3D {
    let up = |vector: Vector2| Vector3::new(vector.x, vector.y, 0.0);
    Transform3D {
        basis: Basis::from_columns(up(transform.x), up(transform.y), Vector3::new(0.0, 0.0, 1.0)),
        origin: up(transform.origin),
    }
}

fn unmoved(basis: Basis) -> Transform3D {
    Transform3D {
        basis,
        origin: Vector3::default(),
    }
}

fn affine(projection: &Projection) -> Transform3D {
    let short = |column: Vector4| Vector3::new(column.x, column.y, column.z);
    Transform3D {
        basis: Basis::from_columns(short(projection.x), short(projection.y), short(projection.z)),
        origin: short(projection.w),
    }
}

fn projection(transform: &Transform3D) -> Projection {
    let [x, y, z] = transform.basis.columns();
    let long = |column: Vector3, w| Vector4::new(column.x, column.y, column.z, w);
    Projection {
        x: long(x, 0.0),
        y: long(y, 0.0),
        z: long(z, 0.0),
        w: long(transform.origin, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_do_not_fit_are_the_lowest() {
        for value in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e300,
            9_223_372_036_854_775_808.0,
        ] {
            assert_eq!(
                assign(VariantType::Int, Variant::Float(value)),
                Ok(Variant::Int(i64::MIN))
            );
        }
        assert_eq!(assign(VariantType::Int, Variant::Float(-2.7)), Ok(Variant::Int(-2)));
        assert_eq!(cut_to_32(2_147_483_647.9), i32::MAX);
        assert_eq!(cut_to_32(2_147_483_648.0), i32::MIN);
    }

    #[test]
    fn what_is_not_converted_comes_back() {
        let refused = [
            (VariantType::Int, Variant::Nil),
            (VariantType::Int, Variant::from("1")),
            (VariantType::String, Variant::from(1)),
            (VariantType::Vector2, Variant::from("x")),
            (VariantType::Vector3, Variant::from(Vector2::default())),
            (VariantType::PackedInt32Array, Variant::from(vec![1i64])),
            (VariantType::Quaternion, Variant::from(true)),
            (VariantType::Object, Variant::from(1)),
        ];
        for (kind, value) in refused {
            assert_eq!(assign(kind, value.clone()), Err(value), "{kind}");
        }
    }
}
