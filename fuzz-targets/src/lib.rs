//! What is fuzzed: functions that take any bytes and panic if what they promise does not hold.
//!
//! `fuzz/` gives them to cargo-fuzz; `tests/smoke.rs` runs each on its seeds and on some thousand variations of them. The seeds
//! are made from the recorded traffic in `fixtures/`.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod calls;
pub mod datagram;
pub mod decompress;
pub mod dtls;
pub mod host;
mod parcels;
pub mod scene;
pub mod variant;

/// A function to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name by which cargo-fuzz knows it.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target {
        name: "datagram",
        run: datagram::run,
        seeds: datagram::seeds,
    },
    Target {
        name: "range_coder",
        run: decompress::range_coder,
        seeds: decompress::range_coder_seeds,
    },
    Target {
        name: "fastlz",
        run: decompress::fastlz,
        seeds: decompress::fastlz_seeds,
    },
    Target {
        name: "zlib",
        run: decompress::zlib,
        seeds: decompress::zlib_seeds,
    },
    Target {
        name: "zstd",
        run: decompress::zstd,
        seeds: decompress::zstd_seeds,
    },
    Target {
        name: "host",
        run: host::run,
        seeds: host::seeds,
    },
    Target {
        name: "dtls_hello",
        run: dtls::hello,
        seeds: dtls::hello_seeds,
    },
    Target {
        name: "dtls_handshake",
        run: dtls::handshake,
        seeds: dtls::seeds,
    },
    Target {
        name: "dtls_records",
        run: dtls::records,
        seeds: dtls::seeds,
    },
    Target {
        name: "scene",
        run: scene::run,
        seeds: scene::seeds,
    },
    Target {
        name: "calls",
        run: calls::run,
        seeds: calls::seeds,
    },
    Target {
        name: "variant",
        run: variant::run,
        seeds: variant::seeds,
    },
];

/// Every recorded datagram.
fn traffic() -> Vec<Vec<u8>> {
    let captured = fixtures::captures().into_iter().flat_map(|capture| capture.datagrams);
    let mut traffic = fixtures::datagram_vectors();
    traffic.extend(captured.map(|datagram| datagram.bytes));
    traffic
}
