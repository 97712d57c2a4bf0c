//! The recorded sessions below `fixtures/captures`: every datagram is read, and written as it was.

use std::fs;
use std::path::Path;

use enet_proto::compress::Compression;
use fixtures::captures;
use interop_tests::contents::{COMMANDS, Contents, Farewell, Story, table};

/// What each capture is there for: these commands, and among its datagrams compressed ones and checksums by its name.
const HOLDS: [(&str, &[&str]); 20] = [
    ("c-enet", MODES_AND_BANDWIDTH),
    (
        "c-enet-bandwidth-and-throttle",
        &["BANDWIDTH_LIMIT", "THROTTLE_CONFIGURE"],
    ),
    ("c-enet-checksum", MODES_AND_BANDWIDTH),
    ("c-enet-checksum-fastlz", MODES_AND_BANDWIDTH),
    ("c-enet-checksum-range-coder", MODES_AND_BANDWIDTH),
    ("c-enet-checksum-zlib", MODES_AND_BANDWIDTH),
    ("c-enet-checksum-zstd", MODES_AND_BANDWIDTH),
    ("c-enet-disconnects", &["DISCONNECT", "SEND_FRAGMENT"]),
    ("c-enet-loss", &["SEND_RELIABLE", "SEND_FRAGMENT"]),
    ("c-enet-range-coder", MODES_AND_BANDWIDTH),
    ("c-enet-timeout", &["SEND_RELIABLE"]),
    ("godot", MODES),
    (
        "godot-bandwidth-and-throttle",
        &["BANDWIDTH_LIMIT", "THROTTLE_CONFIGURE"],
    ),
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

fn story(name: &str) -> Story {
    let capture = captures().into_iter().find(|capture| capture.name == name);
    Contents::of(&capture.expect("a capture of that name")).story
}

#[test]
fn the_disconnects_are_of_every_kind_each_in_a_session_of_its_own() {
    let by_c = story("c-enet-disconnects");
    // By the client, later, at once, and by the server; those that wait for it have nothing unacknowledged before them.
    let farewells = [(1, true), (2, true), (3, false), (4, true)].map(|(data, acknowledge)| Farewell {
        data,
        acknowledge,
        outstanding: 0,
    });
    assert_eq!((by_c.farewells, by_c.sessions), (farewells.to_vec(), 4));
    let by_godot = story("godot-disconnects");
    // close() of the client, disconnect_peer() and close() of the server.
    let kinds: Vec<bool> = by_godot.farewells.iter().map(|farewell| farewell.acknowledge).collect();
    assert_eq!((kinds, by_godot.sessions), (vec![false, true, false], 3));
}

#[test]
fn what_is_lost_is_resent_and_what_stays_lost_ends_in_silence() {
    let loss = story("c-enet-loss");
    assert!(loss.resent >= 5, "{loss:?}");
    for name in ["c-enet-timeout", "godot-timeout"] {
        let timeout = story(name);
        assert!(timeout.resent > 0 && timeout.unanswered >= 2, "{name}: {timeout:?}");
        assert_eq!(timeout.farewells, [], "{name}");
    }
    // As often as it takes for the time-out to grow beyond its limit.
    assert!(story("c-enet-timeout").most_resent >= 3);
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
