//! Every vector of a stock Godot, read and written again.

use fixtures::{SceneVector, scene_vectors};
use godot_variant::binary::{Decoder, Encoder, decode_arguments, encode_arguments};
use godot_variant::{DeclaredType, DecodeError, DecodeOptions, ElementType, EncodeError, Variant, VariantType};

#[test]
fn every_value_is_read_and_written_as_stock_does() {
    let mut seen = 0;
    for vector in scene_vectors("variants") {
        let full = vector.kind == "variant-full";
        if !full && vector.kind != "variant" && vector.kind != "variant-as-id" {
            continue;
        }
        seen += 1;
        let value = read(&vector, full, false).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_type(&vector, &value);
        assert_text(&vector, &value);
        let written = write(full, |encoder| encoder.write(&value));
        assert_eq!(written, vector.bytes, "{} {value}", vector.name);
    }
    assert_eq!(seen, 166);
}

#[test]
fn every_argument_is_read_and_written_as_stock_does() {
    let mut seen = 0;
    for vector in scene_vectors("rpc_arguments") {
        seen += 1;
        let full = vector.kind == "rpc-arg-full";
        let value = read(&vector, full, true).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_type(&vector, &value);
        assert_text(&vector, &value);
        let written = write(full, |encoder| encoder.write_compressed(&value));
        assert_eq!(written, vector.bytes, "{} {value}", vector.name);
    }
    assert_eq!(seen, 166);
}

#[test]
fn what_stock_reads_but_never_writes_is_read_alike() {
    let mut seen = 0;
    for vector in scene_vectors("variants") {
        if vector.kind != "variant-decode" {
            continue;
        }
        seen += 1;
        let mut decoder = Decoder::new(&vector.bytes);
        let value = decoder
            .read()
            .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_type(&vector, &value);
        assert_text(&vector, &value);
        assert_eq!(decoder.left_out() > 0, vector.errors, "{}", vector.name);
    }
    assert_eq!(seen, 39);
}

#[test]
fn what_stock_refuses_is_refused() {
    let mut seen = 0;
    for vector in scene_vectors("variants") {
        if vector.kind != "variant-error" {
            continue;
        }
        seen += 1;
        assert!(Variant::from_bytes(&vector.bytes).is_err(), "{}", vector.name);
    }
    assert_eq!(seen, 29);
}

#[test]
fn declared_types_take_what_they_take_in_stock() {
    let declared = |method: &str| match method {
        "array" => DeclaredType::Array(VariantType::Int.into()),
        "dict" => DeclaredType::Dictionary(VariantType::String.into(), VariantType::Int.into()),
        "float" => VariantType::Float.into(),
        "int" => VariantType::Int.into(),
        "node" => DeclaredType::Class("Node".into()),
        "packed" => VariantType::PackedInt32Array.into(),
        "string" => VariantType::String.into(),
        "string_name" => VariantType::StringName.into(),
        "bool" => VariantType::Bool.into(),
        "vec" => VariantType::Vector2.into(),
        other => panic!("a method {other}"),
    };
    let mut seen = 0;
    for vector in scene_vectors("typed") {
        let Some((method, _)) = vector
            .value
            .split_once('(')
            .filter(|_| vector.name.starts_with("typed_t_"))
        else {
            continue;
        };
        seen += 1;
        let method = method.strip_prefix("t_").expect("t_METHOD(VALUE)");
        // Flags, node, method.
        let body = &vector.bytes[3..];
        let arguments = decode_arguments(body, &DecodeOptions::new()).expect("arguments");
        let mut written = Vec::new();
        encode_arguments(&arguments, &mut written).expect("arguments");
        // An object that is none is written as nil.
        if !arguments.iter().any(Variant::is_null) || vector.name.ends_with("nil") {
            assert_eq!(written, body, "{}", vector.name);
        }
        let [argument] = &arguments[..] else {
            panic!("one argument")
        };
        let declared = declared(method);
        let taken = declared.accepts(argument);
        assert_eq!(taken.is_none(), vector.errors, "{}", vector.name);
        if let Some(taken) = taken {
            assert_eq!(declared.accepts(&taken), Some(taken), "taken once, taken again");
        }
    }
    assert_eq!(seen, 23);
}

#[test]
fn properties_of_a_delta_are_read_and_written() {
    let refused = [
        "property_0_plain [2]",
        "property_0_plain [x]",
        "property_1_plain {a: 1}",
        "property_2_nil",
    ];
    let refused_too = ["property_4_String", "property_5_id 77"];
    let mut seen = 0;
    for vector in scene_vectors("typed") {
        let Some((number, _)) = vector
            .name
            .strip_prefix("property_")
            .and_then(|name| name.split_once('_'))
        else {
            continue;
        };
        seen += 1;
        // Kind, id, which properties, length.
        let state = &vector.bytes[17..];
        let value = Decoder::new(state).read_compressed().expect("a value");
        assert_eq!(write(false, |encoder| encoder.write_compressed(&value)), state);
        let declared: DeclaredType = match number {
            "0" => DeclaredType::Array(VariantType::Int.into()),
            "1" => DeclaredType::Dictionary(VariantType::String.into(), VariantType::Int.into()),
            "2" => VariantType::Int.into(),
            "3" => VariantType::Float.into(),
            "4" => VariantType::Vector2.into(),
            "5" => DeclaredType::Class("Node".into()),
            _ => VariantType::StringName.into(),
        };
        let name = vector.name.as_str();
        let expected = !refused.contains(&name) && !refused_too.contains(&name);
        assert_eq!(declared.accepts(&value).is_some(), expected, "{name}");
    }
    assert_eq!(seen, 12);
}

#[test]
fn objects_without_leave_are_an_error_and_their_classes_that_of_ids() {
    let vectors = scene_vectors("variants");
    let vector = |kind: &str, name: &str| {
        let found = vectors.iter().find(|vector| vector.kind == kind && vector.name == name);
        found.expect("the vector").clone()
    };
    let full = vector("variant-full", "array_with_object");
    assert!(Variant::from_bytes(&full.bytes).is_err());
    let value = read(&full, true, false).expect("an object");
    assert!(value.to_bytes().is_err());
    let typed = vector("variant-full", "array_typed_node_empty");
    let Ok(Variant::Array(array)) = Variant::from_bytes(&typed.bytes) else {
        panic!("an array")
    };
    assert_eq!(*array.element_type(), ElementType::encoded_object());
}

fn read(vector: &SceneVector, full: bool, compressed: bool) -> Result<Variant, DecodeError> {
    let mut decoder = Decoder::with_options(&vector.bytes, DecodeOptions::new().full_objects(full));
    let value = if compressed {
        decoder.read_compressed()?
    } else {
        decoder.read()?
    };
    assert!(decoder.rest().is_empty(), "{}", vector.name);
    Ok(value)
}

fn write(full: bool, write: impl Fn(&mut Encoder<'_>) -> Result<(), EncodeError>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = if full {
        Encoder::with_full_objects(&mut bytes)
    } else {
        Encoder::new(&mut bytes)
    };
    write(&mut encoder).expect("it is written");
    bytes
}

fn assert_type(vector: &SceneVector, value: &Variant) {
    // An object that is none is written as nil.
    if !value.is_null() {
        assert_eq!(
            vector.variant_type,
            Some(value.variant_type().id().into()),
            "{}",
            vector.name
        );
    }
}

/// The vectors have values as `var_to_str` writes them; those with objects have ids of another run.
fn assert_text(vector: &SceneVector, value: &Variant) {
    let elsewhere = vector.value.contains('#') || vector.value.contains("::") || vector.kind.contains("-as-id");
    let elsewhere = elsewhere || vector.kind.contains("-full");
    // The text is of the number before it was narrowed to the least of 32 bits.
    let elsewhere = elsewhere || vector.name == "float_0.0#4";
    if !elsewhere {
        assert_eq!(value.source().to_string(), vector.value, "{}", vector.name);
    }
}
