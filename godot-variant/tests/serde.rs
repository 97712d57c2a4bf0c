//! Structs, enums, maps and the types of Godot through serde.
#![cfg(feature = "serde")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::Ipv4Addr;

use godot_variant::serde::{Typed, from_variant, to_variant};
use godot_variant::{
    Aabb, Array, Basis, Color, Dictionary, ElementType, NodePath, Object, Plane, Projection, Quaternion, Rect2, Rect2i,
    Rid, Signal, StringName, Transform2D, Transform3D, Variant, VariantType, Vector2, Vector2i, Vector3, Vector3i,
    Vector4, Vector4i,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::any_variant;

fn becomes<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, variant: impl Into<Variant>) {
    let variant = variant.into();
    assert_eq!(to_variant(&value).as_ref(), Ok(&variant), "{value:?}");
    assert_eq!(from_variant::<T>(&variant), Ok(value), "{variant:?}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i64, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Player {
    name: String,
    at: Vector2,
    health: Option<u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Order {
    Stop,
    Say(String),
    Go(i64, i64),
    Aim { at: Vector3, hard: bool },
}

impl Typed for Player {
    const TYPE: VariantType = VariantType::Dictionary;
}

fn player() -> (Player, Dictionary) {
    let player = Player {
        name: "Ann".into(),
        at: Vector2::new(1.0, 2.5),
        health: None,
    };
    let dictionary = Dictionary::from([
        ("name", Variant::from("Ann")),
        ("at", Vector2::new(1.0, 2.5).into()),
        ("health", Variant::Nil),
    ]);
    (player, dictionary)
}

#[test]
fn plain_values_become_what_the_table_says() {
    becomes(true, true);
    becomes(-7i8, -7);
    becomes(7u64, 7);
    becomes(0.1f32, f64::from(0.1f32));
    becomes(0.1f64, 0.1);
    becomes('é', "é");
    becomes("text".to_owned(), "text");
    becomes((), Variant::Nil);
    becomes(Unit, Variant::Nil);
    becomes(None::<i64>, Variant::Nil);
    becomes(Some(3i64), 3);
    becomes(Wrapped(3), 3);
    becomes(vec![1i64, 2], Array::from_iter([1, 2]));
    becomes((1i64, "a".to_owned()), Array::from(vec![1.into(), "a".into()]));
    becomes(Pair(1, "a".into()), Array::from(vec![1.into(), "a".into()]));
    becomes([1.5f64, 2.5], Array::from_iter([1.5, 2.5]));
    becomes(
        BTreeMap::from([(1i64, true), (2, false)]),
        Dictionary::from([(1, true), (2, false)]),
    );
    becomes(Ipv4Addr::LOCALHOST, "127.0.0.1");
    assert!(to_variant(&u64::MAX).is_err());
    assert_eq!(to_variant(&i128::from(i64::MIN)), Ok(i64::MIN.into()));
}

#[test]
fn structs_and_enums_become_dictionaries() {
    let (player, dictionary) = player();
    becomes(player, dictionary);
    becomes(Order::Stop, "Stop");
    becomes(Order::Say("hi".into()), Dictionary::from([("Say", "hi")]));
    becomes(Order::Go(1, 2), Dictionary::from([("Go", Array::from_iter([1, 2]))]));
    let aim = Dictionary::from([
        ("at", Variant::from(Vector3::new(1.0, 2.0, 3.0))),
        ("hard", true.into()),
    ]);
    let order = Order::Aim {
        at: Vector3::new(1.0, 2.0, 3.0),
        hard: true,
    };
    becomes(order, Dictionary::from([("Aim", aim)]));
}

#[test]
fn the_types_of_godot_are_themselves() {
    becomes(Vector2::new(0.1, 2.0), Vector2::new(0.1, 2.0));
    becomes(Vector2i::new(1, 2), Vector2i::new(1, 2));
    becomes(Rect2::from([0.1; 4]), Rect2::from([0.1; 4]));
    becomes(Rect2i::from([1; 4]), Rect2i::from([1; 4]));
    becomes(Vector3::from([0.1; 3]), Vector3::from([0.1; 3]));
    becomes(Vector3i::from([1; 3]), Vector3i::from([1; 3]));
    becomes(Transform2D::from([0.1; 6]), Transform2D::from([0.1; 6]));
    becomes(Vector4::from([0.1; 4]), Vector4::from([0.1; 4]));
    becomes(Vector4i::from([1; 4]), Vector4i::from([1; 4]));
    becomes(Plane::from([0.1; 4]), Plane::from([0.1; 4]));
    becomes(Quaternion::from([0.1; 4]), Quaternion::from([0.1; 4]));
    becomes(Aabb::from([0.1; 6]), Aabb::from([0.1; 6]));
    becomes(Basis::from([0.1; 9]), Basis::from([0.1; 9]));
    becomes(Transform3D::from([0.1; 12]), Transform3D::from([0.1; 12]));
    becomes(Projection::from([0.1; 16]), Projection::from([0.1; 16]));
    becomes(Color::from([0.1; 4]), Color::from([0.1; 4]));
    becomes(StringName::new("name"), StringName::new("name"));
    becomes(NodePath::new("/a/b:c"), NodePath::new("/a/b:c"));
    becomes(Rid(u64::MAX), Rid(u64::MAX));
    becomes(Object::Id(7), Object::Id(7));
    let signal = Signal {
        name: "ready".into(),
        object: 7,
    };
    becomes(signal.clone(), signal);
    let typed = Array::typed_from(VariantType::Int, [1]).expect("an integer");
    becomes(typed.clone(), typed);
    becomes(Dictionary::from([(1, 2)]), Dictionary::from([(1, 2)]));
}

#[test]
fn variants_inside_of_others_are_themselves() {
    let values = vec![Variant::from(StringName::new("n")), Variant::Nil, vec![1i32].into()];
    becomes(values.clone(), Array::from(values.clone()));
    becomes(
        HashMap::from([("a".to_owned(), values[2].clone())]),
        Dictionary::from([("a", vec![1i32])]),
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Declared {
    #[serde(with = "godot_variant::serde::packed")]
    bytes: Vec<u8>,
    #[serde(with = "godot_variant::serde::packed")]
    points: Vec<Vector2>,
    #[serde(with = "godot_variant::serde::packed")]
    texts: Vec<String>,
    #[serde(with = "godot_variant::serde::typed_array")]
    scores: Vec<i64>,
    #[serde(with = "godot_variant::serde::typed_array")]
    players: Vec<Player>,
    #[serde(with = "godot_variant::serde::typed_dictionary")]
    counts: BTreeMap<String, i64>,
}

#[test]
fn packed_and_typed_containers_are_what_scripts_declare() {
    let (player, dictionary) = player();
    let declared = Declared {
        bytes: vec![1, 2],
        points: vec![Vector2::new(1.0, 2.0)],
        texts: vec!["a".into()],
        scores: Vec::new(),
        players: vec![player],
        counts: BTreeMap::from([("a".into(), 1)]),
    };
    let mut counts = Dictionary::typed(VariantType::String, VariantType::Int);
    counts.insert("a", 1).expect("it fits");
    let variant = Dictionary::from([
        ("bytes", Variant::from(vec![1u8, 2])),
        ("points", vec![Vector2::new(1.0, 2.0)].into()),
        ("texts", vec!["a".to_owned()].into()),
        ("scores", Array::typed(VariantType::Int).into()),
        (
            "players",
            Array::typed_from(VariantType::Dictionary, [dictionary])
                .expect("a dictionary")
                .into(),
        ),
        ("counts", counts.into()),
    ]);
    let json = serde_json::to_string(&declared).expect("JSON");
    assert_eq!(serde_json::from_str::<Declared>(&json).expect("JSON"), declared);
    becomes(declared, variant);
}

#[test]
fn types_take_what_declared_types_take() {
    assert_eq!(from_variant(&2.7.into()), Ok(2i64));
    assert_eq!(from_variant(&true.into()), Ok(1u8));
    assert_eq!(from_variant(&3.into()), Ok(3.0f32));
    assert_eq!(from_variant(&0.0.into()), Ok(false));
    assert_eq!(from_variant(&StringName::new("a").into()), Ok("a".to_owned()));
    assert_eq!(from_variant(&NodePath::new("a:b").into()), Ok("a:b".to_owned()));
    assert_eq!(from_variant(&Vector2i::new(1, 2).into()), Ok(Vector2::new(1.0, 2.0)));
    assert_eq!(from_variant(&"a/b".into()), Ok(NodePath::new("a/b")));
    assert_eq!(from_variant(&vec![1i32, 2].into()), Ok(vec![1u8, 2]));
    assert_eq!(from_variant(&Vector2::new(1.0, 2.0).into()), Ok((1.0f32, 2.0f64)));
    assert_eq!(from_variant(&Object::NULL.into()), Ok(None::<String>));
    assert_eq!(from_variant(&0.into()), Ok(Order::Stop));
    assert_eq!(from_variant::<&str>(&"borrowed".into()), Ok("borrowed"));
    let fields = Array::from(vec!["Ann".into(), Vector2i::new(1, 2).into(), 7.into()]);
    let read: Player = from_variant(&fields.into()).expect("fields in order");
    assert_eq!(read.health, Some(7));
    let names: Dictionary = [("name", Variant::from("Ann")), ("at", Vector2::default().into())]
        .map(|(key, value)| (StringName::new(key), value))
        .into();
    assert!(from_variant::<Player>(&names.into()).is_ok());
}

#[test]
fn types_refuse_the_rest() {
    assert!(from_variant::<i64>(&Variant::Nil).is_err());
    assert!(from_variant::<i64>(&"1".into()).is_err());
    assert!(from_variant::<i64>(&f64::NAN.into()).is_err());
    assert!(from_variant::<i64>(&1e300.into()).is_err());
    assert!(from_variant::<u8>(&256.into()).is_err());
    assert!(from_variant::<u8>(&(-1).into()).is_err());
    assert!(from_variant::<String>(&1.into()).is_err());
    assert!(from_variant::<Vector2>(&Vector3::default().into()).is_err());
    assert!(from_variant::<Vector2>(&"x".into()).is_err());
    assert!(from_variant::<Order>(&"Fly".into()).is_err());
    assert!(from_variant::<Order>(&"Say".into()).is_err());
    assert!(from_variant::<Order>(&Dictionary::from([("Stop", 1)]).into()).is_err());
    assert!(from_variant::<Player>(&Dictionary::new().into()).is_err());
    assert!(from_variant::<(i64,)>(&Array::from_iter([1, 2]).into()).is_err());
    let message = from_variant::<Vector2>(&"x".into()).expect_err("text").to_string();
    assert_eq!(message, "invalid type: String, expected Vector2");
}

#[test]
fn json_of_a_variant_is_for_people() {
    let (_, mut dictionary) = player();
    dictionary
        .insert(7, vec![Color::new(1.0, 0.5, 0.0, 1.0)])
        .expect("untyped");
    dictionary.insert(StringName::new("n"), f64::INFINITY).expect("untyped");
    dictionary.insert("o", Object::Id(7)).expect("untyped");
    let json = serde_json::to_string(&Variant::from(dictionary)).expect("JSON");
    let expected =
        r#"{"name":"Ann","at":[1.0,2.5],"health":null,"7":[[1.0,0.5,0.0,1.0]],"n":"inf","o":"<EncodedObjectAsID#7>"}"#;
    assert_eq!(json, expected);
    let back: Variant = serde_json::from_str(r#"{"a": [1, 2.5, null, true, "x"]}"#).expect("JSON");
    let array = Array::from(vec![1.into(), 2.5.into(), Variant::Nil, true.into(), "x".into()]);
    assert_eq!(back, Dictionary::from([("a", array)]).into());
}

proptest! {
    #[test]
    fn a_variant_is_itself_in_a_variant_and_in_postcard(value in any_variant()) {
        let outer = to_variant(&[&value]).expect("a Variant");
        let Variant::Array(array) = &outer else { panic!("an array") };
        prop_assert!(array[0].is_same(&value));
        let [back] = from_variant::<[Variant; 1]>(&outer).expect("a Variant");
        prop_assert!(back.is_same(&value));
        let bytes = postcard::to_allocvec(&value).expect("bytes");
        let back: Variant = postcard::from_bytes(&bytes).expect("a Variant");
        prop_assert!(back.is_same(&value));
        prop_assert!(serde_json::to_string(&value).is_ok());
    }
}

#[test]
fn the_element_type_of_a_typed_array_is_held_to() {
    struct Liar;
    impl Typed for Liar {
        const TYPE: VariantType = VariantType::Int;
    }
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str("no number")
        }
    }
    #[derive(Serialize)]
    struct Lies(#[serde(with = "godot_variant::serde::typed_array")] Vec<Liar>);
    let error = to_variant(&Lies(vec![Liar])).expect_err("text");
    assert_eq!(error.to_string(), "a value of type String is no int");
    let empty = to_variant(&Lies(Vec::new())).expect("an empty array");
    let Variant::Array(array) = empty else {
        panic!("an array")
    };
    assert_eq!(*array.element_type(), ElementType::Builtin(VariantType::Int));
}
