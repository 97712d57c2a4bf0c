//! Times the encoding and decoding of what calls usually hold: ours, postcard's and bincode's of the same data, and a stock
//! Godot's of the same values, in one run: `cargo bench -p interop-tests --bench variants`.

use std::fmt::Debug;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bincode::config::standard;
use bincode::{Decode, Encode};
use godot_variant::binary::{decode_arguments, encode_arguments};
use godot_variant::convert::{FromArguments, IntoArguments};
use godot_variant::{Array, DecodeOptions, Variant, Vector3};
use interop_tests::godot::{Godot, GodotRun};
use interop_tests::peer_ext::fixture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use serde_json::Value;

const BATCHES: usize = 15;
const BATCH: Duration = Duration::from_millis(20);

/// Nanoseconds.
#[derive(Clone, Copy)]
struct Times {
    encode: f64,
    decode: f64,
}

/// All of one case.
struct Row {
    name: &'static str,
    /// Of an array, in the ordinary form, as Godot's.
    value: Times,
    /// Of the arguments of a call, in the compressed form; to be decoded into a tuple.
    call: Times,
    postcard: Times,
    bincode: Times,
}

fn main() {
    let rows = [
        row(
            "three numbers",
            &(1_i64, -300_i64, 2.5_f64),
            &(1_i64, -300_i64, 2.5_f64),
            &(1_i64, -300_i64, 2.5_f64),
        ),
        row(
            "a Vector3",
            &(Vector3::new(1.5, -2.25, 1000.0),),
            &(1.5_f32, -2.25_f32, 1000_f32),
            &(1.5_f32, -2.25_f32, 1000_f32),
        ),
        row(
            "a short string",
            &("hello there".to_owned(),),
            &("hello there".to_owned(),),
            &("hello there".to_owned(),),
        ),
        row("10 kB of bytes", &(bytes(),), &(ByteBuf::from(bytes()),), &(bytes(),)),
    ];
    let mut godot = GodotRun::start(
        Godot::shared(),
        &fixture("variants"),
        "measure",
        &[("measure", String::new())],
    );
    println!(
        "Nanoseconds to encode / to decode. Godot {}: less its empty loop.\n",
        Godot::shared().version()
    );
    println!("| | value | call | postcard | bincode | Godot | its empty loop | with a call of typeof |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        let theirs = godot.expect(row.name, |event| event["name"] == row.name);
        let number = |key: &str| theirs[key].as_f64().expect("a number");
        let times = Times {
            encode: number("encode") - number("empty"),
            decode: number("decode") - number("empty"),
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {:.0} | {:.0} |",
            row.name,
            pair(row.value),
            pair(row.call),
            pair(row.postcard),
            pair(row.bincode),
            pair(times),
            number("empty"),
            number("call"),
        );
    }
    godot.expect("end", |event: &Value| event["event"] == "done");
}

fn bytes() -> Vec<u8> {
    (0..10_000_u32).map(|i| (i * 31 % 251) as u8).collect()
}

fn pair(times: Times) -> String {
    format!("{:.0} / {:.0}", times.encode, times.decode)
}

fn row<A, P, B>(name: &'static str, arguments: &A, for_postcard: &P, for_bincode: &B) -> Row
where
    A: IntoArguments + FromArguments + Clone + PartialEq + Debug,
    P: Serialize + DeserializeOwned,
    B: Encode + Decode<()>,
{
    let values = arguments.clone().into_arguments();
    let array = Variant::from(Array::from(values.clone()));
    let ordinary = array.to_bytes().expect("it is written");
    let options = DecodeOptions::new();
    let mut body = Vec::new();
    encode_arguments(&values, &mut body).expect("they are written");
    let decode_call = || -> A {
        let values = decode_arguments(black_box(&body), &options).expect("they are read");
        A::from_arguments(values).expect("they fit")
    };
    assert_eq!(decode_call(), *arguments);
    let post = postcard::to_allocvec(for_postcard).expect("it is written");
    let bin = bincode::encode_to_vec(for_bincode, standard()).expect("it is written");
    Row {
        name,
        value: Times {
            encode: time(|| black_box(&array).to_bytes()),
            decode: time(|| Variant::from_bytes(black_box(&ordinary))),
        },
        call: Times {
            encode: time(|| {
                let mut body = Vec::new();
                encode_arguments(black_box(&values), &mut body).map(|()| body)
            }),
            decode: time(decode_call),
        },
        postcard: Times {
            encode: time(|| postcard::to_allocvec(black_box(for_postcard))),
            decode: time(|| postcard::from_bytes::<P>(black_box(&post))),
        },
        bincode: Times {
            encode: time(|| bincode::encode_to_vec(black_box(for_bincode), standard())),
            decode: time(|| bincode::decode_from_slice::<B, _>(black_box(&bin), standard())),
        },
    }
}

/// The median of some batches, in nanoseconds a turn.
fn time<T>(turn: impl Fn() -> T) -> f64 {
    let batch = |turns: u32| {
        let begin = Instant::now();
        for _ in 0..turns {
            black_box(turn());
        }
        begin.elapsed()
    };
    let mut turns = 16;
    while batch(turns) < BATCH {
        turns *= 2;
    }
    let mut times: Vec<f64> = (0..BATCHES)
        .map(|_| batch(turns).as_secs_f64() * 1e9 / f64::from(turns))
        .collect();
    times.sort_by(f64::total_cmp);
    times[BATCHES / 2]
}
