//! Values in both forms, and lists of arguments.

use fixtures::scene_vectors;
use godot_variant::binary::{Decoder, Encoder, decode_arguments, encode_arguments};
use godot_variant::{DecodeOptions, Variant};

/// More than any input of 8 KiB can ask for.
const MEMORY: usize = 1 << 20;

/// Reads the bytes as a value in the ordinary form, in the compressed form, and as arguments of a call. What is read is written and
/// read again, and shown as text.
///
/// # Panics
/// If it is not the same.
pub fn run(input: &[u8]) {
    let options = DecodeOptions::new().memory(MEMORY).full_objects(true);
    if let Ok(value) = Decoder::with_options(input, options.clone()).read() {
        let mut bytes = Vec::new();
        Encoder::with_full_objects(&mut bytes)
            .write(&value)
            .expect("what is read is written");
        let mut decoder = Decoder::with_options(&bytes, DecodeOptions::new().full_objects(true));
        let back = decoder.read().expect("what is written is read");
        assert!(decoder.rest().is_empty());
        // A text that began with two byte order marks loses one each time, a null object becomes nil: the second time it is stable.
        let mut again = Vec::new();
        Encoder::with_full_objects(&mut again)
            .write(&back)
            .expect("what is read is written");
        assert!(again.len() <= bytes.len());
        let shown = format!("{value} {}", value.source());
        assert!(!shown.is_empty());
    }
    let _ = Decoder::with_options(input, options.clone()).read_compressed();
    if let Ok(arguments) = decode_arguments(input, &options.full_objects(false)) {
        let mut body = Vec::new();
        encode_arguments(&arguments, &mut body).expect("what is read is written");
        let back = decode_arguments(&body, &DecodeOptions::new()).expect("what is written is read");
        assert_eq!(back.len(), arguments.len());
    }
}

/// What a stock Godot writes and reads, and the same as one argument.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let values = scene_vectors("variants").into_iter().map(|vector| vector.bytes);
    let arguments = scene_vectors("rpc_arguments")
        .into_iter()
        .map(|vector| [vec![1], vector.bytes].concat());
    let mixed: Vec<Variant> = vec![1.into(), "text".into(), vec![1u8, 2, 3].into(), Variant::Nil];
    let mut body = Vec::new();
    encode_arguments(&mixed, &mut body).expect("they are written");
    values.chain(arguments).chain([body]).collect()
}
