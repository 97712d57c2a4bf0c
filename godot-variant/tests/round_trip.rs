//! Any value is written and read again as it was.

mod support;

use godot_variant::binary::{DecodeErrorKind, EncodeError};
use godot_variant::binary::{Decoder, Encoder, MAX_DEPTH, decode_arguments, encode_arguments};
use godot_variant::{Array, DecodeOptions, Dictionary, FullObject, Object, Variant, VariantType};
use proptest::collection::vec;
use proptest::prelude::*;
use support::any_variant;

proptest! {
    #[test]
    fn a_value_comes_back_from_its_ordinary_form(value in any_variant()) {
        let bytes = value.to_bytes().expect("it is written");
        prop_assert_eq!(bytes.len() % 4, 0);
        let mut decoder = Decoder::new(&bytes);
        let back = decoder.read().expect("it is read");
        prop_assert!(back.is_same(&value), "{back:?}");
        prop_assert!(decoder.rest().is_empty());
        prop_assert_eq!(decoder.left_out(), 0);
    }

    #[test]
    fn arguments_come_back_from_their_compressed_form(values in vec(any_variant(), 0..6)) {
        let mut body = vec![0xaa];
        encode_arguments(&values, &mut body).expect("they are written");
        let back = decode_arguments(&body[1..], &DecodeOptions::new()).expect("they are read");
        prop_assert_eq!(back.len(), values.len());
        for (back, value) in back.iter().zip(&values) {
            prop_assert!(back.is_same(value), "{back:?}");
        }
    }

    #[test]
    fn a_value_that_is_cut_off_anywhere_is_refused(value in any_variant()) {
        let bytes = value.to_bytes().expect("it is written");
        for end in 0..bytes.len() {
            // Only an array of bytes at the very end may lack its padding.
            if let Ok(cut) = Variant::from_bytes(&bytes[..end]) {
                prop_assert!(cut.is_same(&value) && bytes.len() - end < 4, "{end} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn no_bytes_take_more_memory_than_allowed_or_panic(bytes in vec(any::<u8>(), 0..200)) {
        let options = DecodeOptions::new().memory(1000).full_objects(true);
        let _ = Decoder::with_options(&bytes, options.clone()).read();
        let _ = Decoder::with_options(&bytes, options.clone()).read_compressed();
        let _ = decode_arguments(&bytes, &options);
    }
}

fn nested(levels: usize) -> Variant {
    (0..levels).fold(Variant::Nil, |inner, _| Array::from(vec![inner]).into())
}

#[test]
fn as_deep_as_stock_is_read_and_written_if_asked_for_and_no_deeper() {
    // Threads of tests have a small stack.
    let work = || {
        let deep = nested(MAX_DEPTH);
        let bytes = deep.to_bytes().expect("stock writes it");
        let all = DecodeOptions::new().depth(usize::MAX);
        assert!(Decoder::with_options(&bytes, all.clone()).read().is_ok());
        let deeper = Array::from(vec![deep]).into();
        assert_eq!(Variant::to_bytes(&deeper), Err(EncodeError::TooDeep));
        let mut one_more = vec![0x1c, 0, 0, 0, 1, 0, 0, 0];
        one_more.extend(bytes);
        let error = Decoder::with_options(&one_more, all)
            .read()
            .expect_err("stock refuses it");
        assert_eq!(error.kind, DecodeErrorKind::TooDeep);
        assert_eq!(error.offset, 8 * (MAX_DEPTH + 1));
    };
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(work);
    thread.expect("a thread").join().expect("it holds");
}

#[test]
fn by_default_64_levels_are_read() {
    assert!(Variant::from_bytes(&nested(64).to_bytes().expect("written")).is_ok());
    assert!(Variant::from_bytes(&nested(65).to_bytes().expect("written")).is_err());
    let flat = DecodeOptions::new().depth(0);
    let bytes = nested(1).to_bytes().expect("written");
    assert!(Decoder::with_options(&bytes, flat).read().is_err());
}

#[test]
fn counts_alone_take_no_memory() {
    // Arrays in arrays, each of which says that it has as many elements as bytes allow.
    let mut bytes = Vec::new();
    for _ in 0..60 {
        bytes.extend([0x1c, 0, 0, 0]);
        bytes.extend(250_000u32.to_le_bytes());
    }
    bytes.resize(1 << 20, 0xff);
    let options = DecodeOptions::new().memory(60 * 16 * 32);
    let error = Decoder::with_options(&bytes, options)
        .read()
        .expect_err("no such elements");
    assert_eq!(error.kind, DecodeErrorKind::UnknownType(0xff));
}

#[test]
fn memory_is_bounded_for_all_arguments_together() {
    let body = |count: usize| {
        let mut body = Vec::new();
        let argument: Variant = vec![0u8; 1000].into();
        encode_arguments(&vec![argument; count], &mut body).expect("written");
        body
    };
    let options = DecodeOptions::new().memory(3000);
    assert!(decode_arguments(&body(3), &options).is_ok());
    let error = decode_arguments(&body(4), &options).expect_err("too much");
    assert_eq!((error.index, error.error.kind), (3, DecodeErrorKind::TooMuchMemory));
}

#[test]
fn what_is_charged_is_near_what_is_taken() {
    // The greediest things that bytes can say, each with how much memory a byte of it may take.
    let nils: Variant = Array::from(vec![Variant::Nil; 1000]).into();
    let empty: Variant = Array::from_iter(vec![Array::new(); 1000]).into();
    let dictionaries: Variant = Array::from_iter((0..1000).map(|at| Dictionary::from([(at, Variant::Nil)]))).into();
    let names: Variant = Array::from_iter(vec![godot_variant::StringName::new(""); 1000]).into();
    for value in [nils, empty, dictionaries, names] {
        let bytes = value.to_bytes().expect("written");
        let options = DecodeOptions::new().memory(bytes.len() * 15);
        assert!(Decoder::with_options(&bytes, options).read().is_ok(), "{}", bytes.len());
    }
}

#[test]
fn arguments_end_with_the_one_that_is_wrong() {
    // Two said, the second of a type that is none.
    let body = [2, 0x81, 0x3f, 0, 0, 0];
    let error = decode_arguments(&body, &DecodeOptions::new()).expect_err("type 63");
    assert_eq!(error.to_string(), "argument 1 of 2: there is no type 63 (byte 2)");
    assert!(decode_arguments(&[], &DecodeOptions::new()).is_err());
    assert_eq!(decode_arguments(&[0, 1, 2], &DecodeOptions::new()), Ok(Vec::new()));
    let mut body = vec![7];
    let many = vec![Variant::Nil; 256];
    assert_eq!(
        encode_arguments(&many, &mut body),
        Err(EncodeError::TooManyArguments(256))
    );
    let full = Object::Full(Box::new(FullObject {
        class: "Node".into(),
        properties: Vec::new(),
    }));
    assert!(encode_arguments(&[1.into(), full.into()], &mut body).is_err());
    assert_eq!(body, [7]);
}

#[test]
fn full_objects_are_data() {
    let object = FullObject {
        class: "Resource".into(),
        properties: vec![("n".into(), 1.into()), ("script".into(), Variant::Nil)],
    };
    let value: Variant = Array::from(vec![Object::Full(Box::new(object)).into()]).into();
    let mut bytes = Vec::new();
    Encoder::with_full_objects(&mut bytes).write(&value).expect("written");
    let options = DecodeOptions::new().full_objects(true);
    let back = Decoder::with_options(&bytes, options).read().expect("read");
    assert_eq!(back, value);
    let Variant::Array(array) = back else {
        panic!("an array")
    };
    let Variant::Object(Object::Full(object)) = &array[0] else {
        panic!("an object")
    };
    assert_eq!(object.property("n"), Some(&Variant::Int(1)));
    assert_eq!(object.property("m"), None);
}

#[test]
fn elements_that_do_not_fit_are_left_out() {
    let mut array = Array::typed(VariantType::Int);
    array.push(1).expect("an integer");
    let mut bytes = Variant::from(array).to_bytes().expect("written");
    // Three elements: a float and a string behind the integer.
    bytes[8] = 3;
    bytes.extend(Variant::from(2.5).to_bytes().expect("written"));
    bytes.extend(Variant::from("x").to_bytes().expect("written"));
    let mut decoder = Decoder::new(&bytes);
    let read = decoder.read().expect("read");
    assert_eq!(
        read,
        Array::typed_from(VariantType::Int, [1, 2]).expect("integers").into()
    );
    assert_eq!(decoder.left_out(), 1);
}
