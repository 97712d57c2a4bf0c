//! How keys are compared: by value, so that every value equals itself, in a way that agrees with their hashes.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use indexmap::Equivalent;

use super::{Object, Variant, VariantType};

/// A key of a dictionary.
#[derive(Clone, Debug)]
pub(crate) struct Key(pub(crate) Variant);

/// A borrowed key to look for.
pub(crate) struct ByKey<'a>(pub(crate) &'a Variant);

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        same_key(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

impl Hash for ByKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.0, state);
    }
}

impl Equivalent<Key> for ByKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        same_key(self.0, &key.0)
    }
}

/// Texts hash as `str` does, so that one can be looked for without an allocation.
impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        text(&key.0) == Some(self)
    }
}

fn text(value: &Variant) -> Option<&str> {
    match value {
        Variant::String(text) => Some(text),
        Variant::StringName(name) => Some(name),
        _ => None,
    }
}

/// Texts are one kind of key; all else is strict.
fn same_key(one: &Variant, other: &Variant) -> bool {
    match (text(one), text(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => same(one, other),
        _ => false,
    }
}

/// Whether two values are the same: of one type, equal by value, NaN equal to itself, and 0.0 to -0.0.
pub(crate) fn same(one: &Variant, other: &Variant) -> bool {
    use Variant as V;
    match (one, other) {
        (V::Float(one), V::Float(other)) => same_float(*one, *other),
        (V::Vector2(one), V::Vector2(other)) => same_reals(<[f32; 2]>::from(*one), (*other).into()),
        (V::Rect2(one), V::Rect2(other)) => same_reals(<[f32; 4]>::from(*one), (*other).into()),
        (V::Vector3(one), V::Vector3(other)) => same_reals(<[f32; 3]>::from(*one), (*other).into()),
        (V::Transform2D(one), V::Transform2D(other)) => same_reals(<[f32; 6]>::from(*one), (*other).into()),
        (V::Vector4(one), V::Vector4(other)) => same_reals(<[f32; 4]>::from(*one), (*other).into()),
        (V::Plane(one), V::Plane(other)) => same_reals(<[f32; 4]>::from(*one), (*other).into()),
        (V::Quaternion(one), V::Quaternion(other)) => same_reals(<[f32; 4]>::from(*one), (*other).into()),
        (V::Aabb(one), V::Aabb(other)) => same_reals(<[f32; 6]>::from(*one), (*other).into()),
        (V::Basis(one), V::Basis(other)) => same_reals(<[f32; 9]>::from(**one), (**other).into()),
        (V::Transform3D(one), V::Transform3D(other)) => same_reals(<[f32; 12]>::from(**one), (**other).into()),
        (V::Projection(one), V::Projection(other)) => same_reals(<[f32; 16]>::from(**one), (**other).into()),
        (V::Color(one), V::Color(other)) => same_reals(<[f32; 4]>::from(*one), (*other).into()),
        (V::PackedFloat32Array(one), V::PackedFloat32Array(other)) => {
            same_each(one, other, |one, other| same_float((*one).into(), (*other).into()))
        }
        (V::PackedFloat64Array(one), V::PackedFloat64Array(other)) => {
            same_each(one, other, |one, other| same_float(*one, *other))
        }
        (V::PackedVector2Array(one), V::PackedVector2Array(other)) => same_each(one, other, |one, other| {
            same_reals(<[f32; 2]>::from(*one), (*other).into())
        }),
        (V::PackedVector3Array(one), V::PackedVector3Array(other)) => same_each(one, other, |one, other| {
            same_reals(<[f32; 3]>::from(*one), (*other).into())
        }),
        (V::PackedVector4Array(one), V::PackedVector4Array(other)) => same_each(one, other, |one, other| {
            same_reals(<[f32; 4]>::from(*one), (*other).into())
        }),
        (V::PackedColorArray(one), V::PackedColorArray(other)) => same_each(one, other, |one, other| {
            same_reals(<[f32; 4]>::from(*one), (*other).into())
        }),
        (V::Array(one), V::Array(other)) => same_each(one, other, same),
        (V::Dictionary(one), V::Dictionary(other)) => {
            let entries = || one.iter().zip(other.iter());
            one.len() == other.len() && entries().all(|(one, other)| same_key(one.0, other.0) && same(one.1, other.1))
        }
        (V::Object(Object::Full(one)), V::Object(Object::Full(other))) => {
            one.class == other.class
                && same_each(&one.properties, &other.properties, |one, other| {
                    one.0 == other.0 && same(&one.1, &other.1)
                })
        }
        _ => one == other,
    }
}

fn same_each<T>(one: &[T], other: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
}

fn same_float(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan())
}

fn same_reals<const N: usize>(one: [f32; N], other: [f32; N]) -> bool {
    same_each(&one, &other, |one, other| same_float((*one).into(), (*other).into()))
}

fn hash<H: Hasher>(value: &Variant, state: &mut H) {
    use Variant as V;
    if let Some(text) = text(value) {
        return text.hash(state);
    }
    value.variant_type().hash(state);
    match value {
        V::Nil | V::Callable | V::String(_) | V::StringName(_) => {}
        V::Bool(value) => value.hash(state),
        V::Int(value) => value.hash(state),
        V::Float(value) => hash_float(*value, state),
        V::Vector2(value) => hash_reals(<[f32; 2]>::from(*value), state),
        V::Vector2i(value) => value.hash(state),
        V::Rect2(value) => hash_reals(<[f32; 4]>::from(*value), state),
        V::Rect2i(value) => value.hash(state),
        V::Vector3(value) => hash_reals(<[f32; 3]>::from(*value), state),
        V::Vector3i(value) => value.hash(state),
        V::Transform2D(value) => hash_reals(<[f32; 6]>::from(*value), state),
        V::Vector4(value) => hash_reals(<[f32; 4]>::from(*value), state),
        V::Vector4i(value) => value.hash(state),
        V::Plane(value) => hash_reals(<[f32; 4]>::from(*value), state),
        V::Quaternion(value) => hash_reals(<[f32; 4]>::from(*value), state),
        V::Aabb(value) => hash_reals(<[f32; 6]>::from(*value), state),
        V::Basis(value) => hash_reals(<[f32; 9]>::from(**value), state),
        V::Transform3D(value) => hash_reals(<[f32; 12]>::from(**value), state),
        V::Projection(value) => hash_reals(<[f32; 16]>::from(**value), state),
        V::Color(value) => hash_reals(<[f32; 4]>::from(*value), state),
        V::NodePath(value) => value.hash(state),
        V::Rid(value) => value.hash(state),
        V::Object(Object::Id(id)) => id.hash(state),
        V::Object(Object::Full(object)) => object.class.hash(state),
        V::Signal(value) => value.hash(state),
        V::Dictionary(value) => {
            value.len().hash(state);
            for (key, value) in value {
                hash(key, state);
                hash(value, state);
            }
        }
        V::Array(value) => {
            value.len().hash(state);
            for element in value {
                hash(element, state);
            }
        }
        V::PackedByteArray(value) => value.hash(state),
        V::PackedInt32Array(value) => value.hash(state),
        V::PackedInt64Array(value) => value.hash(state),
        V::PackedFloat32Array(value) => value.iter().for_each(|value| hash_float((*value).into(), state)),
        V::PackedFloat64Array(value) => value.iter().for_each(|value| hash_float(*value, state)),
        V::PackedStringArray(value) => value.hash(state),
        V::PackedVector2Array(value) => value
            .iter()
            .for_each(|value| hash_reals(<[f32; 2]>::from(*value), state)),
        V::PackedVector3Array(value) => value
            .iter()
            .for_each(|value| hash_reals(<[f32; 3]>::from(*value), state)),
        V::PackedVector4Array(value) => value
            .iter()
            .for_each(|value| hash_reals(<[f32; 4]>::from(*value), state)),
        V::PackedColorArray(value) => value
            .iter()
            .for_each(|value| hash_reals(<[f32; 4]>::from(*value), state)),
    }
}

/// Equal ones alike: both zeros, all NaNs.
fn hash_float<H: Hasher>(value: f64, state: &mut H) {
    let plain = if value == 0.0 {
        0.0
    } else if value.is_nan() {
        f64::NAN
    } else {
        value
    };
    plain.to_bits().hash(state);
}

fn hash_reals<const N: usize, H: Hasher>(values: [f32; N], state: &mut H) {
    values.into_iter().for_each(|value| hash_float(value.into(), state));
}

/// The keys as `var_to_str` sorts them: by type, then by value within one type, as far as Godot has an order there.
pub(crate) fn sort<T>(entries: &mut [(&Variant, T)]) {
    // Names stand among texts. In Godot a name also stands behind all types with a lower number, which is no order if there are
    // such types and texts: then names are behind them.
    let between = VariantType::Vector2..VariantType::StringName;
    let apart = entries.iter().any(|(key, _)| between.contains(&key.variant_type()));
    entries.sort_by(|(one, _), (other, _)| compare(one, other, apart));
}

fn compare(one: &Variant, other: &Variant, apart: bool) -> Ordering {
    use Variant as V;
    let rank = |value: &Variant| match value.variant_type() {
        VariantType::StringName if !apart => VariantType::String,
        kind => kind,
    };
    let order = rank(one).cmp(&rank(other));
    order.then_with(|| match (one, other) {
        (V::Bool(one), V::Bool(other)) => one.cmp(other),
        (V::Int(one), V::Int(other)) => one.cmp(other),
        (V::Float(one), V::Float(other)) => compare_float(*one, *other),
        (V::Vector2(one), V::Vector2(other)) => compare_reals(<[f32; 2]>::from(*one), (*other).into()),
        (V::Vector2i(one), V::Vector2i(other)) => <[i32; 2]>::from(*one).cmp(&(*other).into()),
        (V::Vector3(one), V::Vector3(other)) => compare_reals(<[f32; 3]>::from(*one), (*other).into()),
        (V::Vector3i(one), V::Vector3i(other)) => <[i32; 3]>::from(*one).cmp(&(*other).into()),
        (V::Vector4(one), V::Vector4(other)) => compare_reals(<[f32; 4]>::from(*one), (*other).into()),
        (V::Vector4i(one), V::Vector4i(other)) => <[i32; 4]>::from(*one).cmp(&(*other).into()),
        (V::Rid(one), V::Rid(other)) => one.cmp(other),
        (V::Array(one), V::Array(other)) => {
            let mut pairs = one
                .iter()
                .zip(other.iter())
                .map(|(one, other)| compare(one, other, apart));
            let first = pairs.find(|order| order.is_ne());
            first.unwrap_or_else(|| one.len().cmp(&other.len()))
        }
        _ => text(one).cmp(&text(other)),
    })
}

/// An order of all floats, both zeros equal.
fn compare_float(one: f64, other: f64) -> Ordering {
    (one + 0.0).total_cmp(&(other + 0.0))
}

fn compare_reals<const N: usize>(one: [f32; N], other: [f32; N]) -> Ordering {
    let mut pairs = one
        .into_iter()
        .zip(other)
        .map(|(one, other)| compare_float(one.into(), other.into()));
    pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
