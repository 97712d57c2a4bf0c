//! Any value.

use godot_variant::{Array, Dictionary, ElementType, NodePath, Object, Rid, Signal, StringName, Variant, VariantType};
use proptest::array::uniform;
use proptest::collection::vec;
use proptest::num::{f32, f64};
use proptest::prelude::*;

/// Any value without full objects, three containers deep at most.
pub(crate) fn any_variant() -> impl Strategy<Value = Variant> {
    leaf().prop_recursive(3, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|elements| Array::from(elements).into()),
            vec((inner.clone(), inner), 0..6).prop_map(|entries| entries.into_iter().collect::<Dictionary>().into()),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    // Neither a NUL nor a byte order mark is kept.
    "[^\0\u{feff}]{0,9}"
}

fn leaf() -> impl Strategy<Value = Variant> {
    prop_oneof![numbers(), reals(), texts(), packed(), typed()]
}

fn numbers() -> BoxedStrategy<Variant> {
    prop_oneof![
        Just(Variant::Nil),
        Just(Variant::Callable),
        any::<bool>().prop_map(Variant::from),
        any::<i64>().prop_map(Variant::from),
        (-200..200).prop_map(Variant::from),
        any::<i32>().prop_map(Variant::from),
        f64::ANY.prop_map(Variant::from),
        f32::ANY.prop_map(Variant::from),
        any::<[i32; 2]>().prop_map(|parts| Variant::Vector2i(parts.into())),
        any::<[i32; 3]>().prop_map(|parts| Variant::Vector3i(parts.into())),
        any::<[i32; 4]>().prop_map(|parts| Variant::Vector4i(parts.into())),
        any::<[i32; 4]>().prop_map(|parts| Variant::Rect2i(parts.into())),
        any::<u64>().prop_map(|id| Variant::Rid(Rid(id))),
        (1..u64::MAX).prop_map(|id| Variant::Object(Object::Id(id))),
    ]
    .boxed()
}

fn reals() -> BoxedStrategy<Variant> {
    prop_oneof![
        uniform::<_, 2>(f32::ANY).prop_map(|parts| Variant::Vector2(parts.into())),
        uniform::<_, 3>(f32::ANY).prop_map(|parts| Variant::Vector3(parts.into())),
        uniform::<_, 4>(f32::ANY).prop_map(|parts| Variant::Vector4(parts.into())),
        uniform::<_, 4>(f32::ANY).prop_map(|parts| Variant::Rect2(parts.into())),
        uniform::<_, 4>(f32::ANY).prop_map(|parts| Variant::Plane(parts.into())),
        uniform::<_, 4>(f32::ANY).prop_map(|parts| Variant::Quaternion(parts.into())),
        uniform::<_, 4>(f32::ANY).prop_map(|parts| Variant::Color(parts.into())),
        uniform::<_, 6>(f32::ANY).prop_map(|parts| Variant::Transform2D(parts.into())),
        uniform::<_, 6>(f32::ANY).prop_map(|parts| Variant::Aabb(parts.into())),
        uniform::<_, 9>(f32::ANY).prop_map(|parts| Variant::Basis(Box::new(parts.into()))),
        uniform::<_, 12>(f32::ANY).prop_map(|parts| Variant::Transform3D(Box::new(parts.into()))),
        uniform::<_, 16>(f32::ANY).prop_map(|parts| Variant::Projection(Box::new(parts.into()))),
    ]
    .boxed()
}

fn texts() -> BoxedStrategy<Variant> {
    let names = || vec(text().prop_map(StringName::from), 0..4);
    prop_oneof![
        text().prop_map(Variant::from),
        text().prop_map(|text| StringName::from(text).into()),
        (names(), names(), any::<bool>())
            .prop_map(|(names, subnames, absolute)| NodePath::from_parts(names, subnames, absolute).into()),
        (text(), any::<u64>()).prop_map(|(name, object)| Signal {
            name: name.into(),
            object
        }
        .into()),
    ]
    .boxed()
}

fn packed() -> BoxedStrategy<Variant> {
    prop_oneof![
        vec(any::<u8>(), 0..9).prop_map(Variant::from),
        vec(any::<i32>(), 0..5).prop_map(Variant::from),
        vec(any::<i64>(), 0..5).prop_map(Variant::from),
        vec(f32::ANY, 0..5).prop_map(Variant::from),
        vec(f64::ANY, 0..5).prop_map(Variant::from),
        vec(text(), 0..5).prop_map(Variant::from),
        vec(uniform::<_, 2>(f32::ANY).prop_map(Into::into), 0..4).prop_map(Variant::PackedVector2Array),
        vec(uniform::<_, 3>(f32::ANY).prop_map(Into::into), 0..4).prop_map(Variant::PackedVector3Array),
        vec(uniform::<_, 4>(f32::ANY).prop_map(Into::into), 0..4).prop_map(Variant::PackedVector4Array),
        vec(uniform::<_, 4>(f32::ANY).prop_map(Into::into), 0..4).prop_map(Variant::PackedColorArray),
    ]
    .boxed()
}

fn typed() -> BoxedStrategy<Variant> {
    let objects = || prop_oneof![Just(Variant::Nil), (1..9u64).prop_map(|id| Object::Id(id).into())];
    prop_oneof![
        vec(any::<i64>(), 0..4).prop_map(|elements| typed_array(VariantType::Int, elements)),
        vec(text(), 0..4).prop_map(|elements| typed_array(VariantType::String, elements)),
        vec(objects(), 0..4).prop_map(|elements| typed_array(ElementType::encoded_object(), elements)),
        vec((text(), f64::ANY), 0..4).prop_map(|entries| {
            let mut dictionary = Dictionary::typed(VariantType::String, VariantType::Float);
            for (key, value) in entries {
                dictionary.insert(key, value).expect("it fits");
            }
            dictionary.into()
        }),
        vec((any::<i64>(), objects()), 0..4).prop_map(|entries| {
            let mut dictionary = Dictionary::typed(ElementType::Any, ElementType::encoded_object());
            for (key, value) in entries {
                dictionary.insert(key, value).expect("it fits");
            }
            dictionary.into()
        }),
    ]
    .boxed()
}

fn typed_array<V: Into<Variant>>(element_type: impl Into<ElementType>, elements: Vec<V>) -> Variant {
    Array::typed_from(element_type, elements).expect("they fit").into()
}
