//! The recorded sessions below `fixtures/captures`: every datagram is read, and written as it was.

use std::fs;
use std::path::Path;

use enet_proto::compress::Compression;
use fixtures::captures;
use interop_tests::contents::{COMMANDS, Contents, table};

/// What each capture is there for: these commands, and among its datagrams compressed ones and checksums by its name.
const HOLDS: [(&str, &[&str]); 17] = [
    ("c-enet", MODES_AND_BANDWIDTH),
    (
        "c-enet-bandwidth-and-throttle",
        &["BANDWIDTH_LIMIT", "THROTTLE_CONFIGURE"],
    ),
    ("c-enet-checksum", MODES_AND_BANDWIDTH),
    ("c-enet-checksum-range-coder", MODES_AND_BANDWIDTH),
    ("c-enet-disconnects", &["DISCONNECT", "SEND_FRAGMENT"]),
    ("c-enet-loss", &["SEND_RELIABLE", "SEND_FRAGMENT"]),
    ("c-enet-range-coder", MODES_AND_BANDWIDTH),
    ("c-enet-timeout", &["SEND_RELIABLE"]),
    ("godot", MODES),
    ("godot-bandwidth", &["BANDWIDTH_LIMIT"]),
    ("godot-disconnects", &["DISCONNECT"]),
    ("godot-fastlz", MODES),
    ("godot-range-coder", MODES),
    (
        "godot-relayed",
        &["SEND_RELIABLE", "SEND_UNRELIABLE", "SEND_UNSEQUENCED"],
    ),
    ("godot-timeout", &["PING"]),
    ("godot-zlib", MODES),
    ("godot-zstd", MODES),
];

const MODES: &[&str] = &[
    "DISCONNECT",
    "PING",
    "SEND_RELIABLE",
    "SEND_UNRELIABLE",
    "SEND_FRAGMENT",
    "SEND_UNSEQUENCED",
    "SEND_UNRELIABLE_FRAGMENT",
];

const MODES_AND_BANDWIDTH: &[&str] = &[
    "DISCONNECT",
    "PING",
    "SEND_RELIABLE",
    "SEND_UNRELIABLE",
    "SEND_FRAGMENT",
    "SEND_UNSEQUENCED",
    "SEND_UNRELIABLE_FRAGMENT",
    "BANDWIDTH_LIMIT",
];

/// Reading a capture fails if a datagram cannot be parsed, opened or verified, or is not written as it was read.
#[test]
fn every_capture_is_read_to_the_last_byte_and_holds_what_it_is_for() {
    let captures = captures();
    let names: Vec<&str> = captures.iter().map(|capture| capture.name.as_str()).collect();
    assert_eq!(names, HOLDS.map(|(name, _)| name));
    for (capture, (name, commands)) in captures.iter().zip(HOLDS) {
        let contents = Contents::of(capture);
        for command in ["CONNECT", "VERIFY_CONNECT", "ACKNOWLEDGE"].iter().chain(commands) {
            assert!(contents.count(command) > 0, "{name} holds no {command}");
        }
        let is_compressed = Compression::ALL.iter().any(|kind| name.ends_with(kind.name()));
        assert_eq!(contents.compressed > 0, is_compressed, "{name}");
        let checksums = if name.contains("checksum") {
            contents.datagrams
        } else {
            0
        };
        assert_eq!(contents.checksums, checksums, "{name}");
    }
}

#[test]
fn every_command_is_in_a_session_of_c_enet() {
    let contents: Vec<Contents> = captures()
        .iter()
        .filter(|capture| capture.name.starts_with("c-enet"))
        .map(Contents::of)
        .collect();
    for command in COMMANDS {
        assert!(contents.iter().any(|contents| contents.count(command) > 0), "{command}");
    }
}

#[test]
fn the_table_in_the_readme_is_true() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures/README.md");
    let readme = fs::read_to_string(readme).expect("the README is there");
    assert!(readme.ends_with(&table(&captures())));
}
