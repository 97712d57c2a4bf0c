//! What a stock Godot 4.6.3 wrote, and what it made of what was written for it: `fixtures/vectors/scene`.

use std::fs;

use bytes::Bytes;
use enet_proto::{Packet, Time};
use godot_peer::relay::SceneServer;
use godot_peer::scene::{Interface, Message, Method, RpcMode, System};
use serde_json::Value;

/// The lines of a file, each with its packet.
fn vectors(file: &str) -> Vec<(Value, Bytes)> {
    let path = format!("{}/../fixtures/vectors/scene/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let hex = line["hex"].as_str().expect("a string");
        (line.clone(), bytes(hex))
    });
    lines.collect()
}

fn bytes(hex: &str) -> Bytes {
    let pairs = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| str::from_utf8(pair).expect("digits"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("digits"))
        .collect()
}

/// The packet itself, and the one in it if it is a RELAY.
fn with_relayed(packet: Bytes) -> Vec<Bytes> {
    match Message::parse(&packet) {
        Ok(Message::System(System::Relay { packet: inner, .. })) => vec![packet, inner],
        _ => vec![packet],
    }
}

#[test]
fn whatever_a_stock_godot_writes_is_read_and_written_alike() {
    let mut count = 0;
    for file in ["rpc", "replication", "auth", "walkthrough"] {
        for (line, packet) in vectors(file) {
            for packet in with_relayed(packet) {
                let message = Message::parse(&packet).unwrap_or_else(|error| panic!("{line}: {error}"));
                let written = message.to_bytes();
                // A server that calls several writes a short number in four bytes.
                let is_wide =
                    matches!(message, Message::Rpc(_)) && packet[0] & 0x30 == 0x20 && written.len() < packet.len();
                if is_wide {
                    assert_eq!(Message::parse(&written), Ok(message), "{line}");
                } else {
                    assert_eq!(written, packet, "{line}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 250, "{count}");
}

#[test]
fn checksums_are_those_of_a_stock_godot() {
    let of = |names: &[&str]| {
        let names = names.iter();
        names.fold(Interface::new(), |all, name| all.with(name, Method::default()))
    };
    let main = of(&[
        "Big",
        "_under",
        "from_authority",
        "opt",
        "ordered3",
        "plain",
        "take0",
        "take1",
        "take2",
        "unrel",
        "zz",
    ]);
    let base = of(&["base_only", "overridden", "zoverridden"]);
    let disabled = Method {
        rpc_mode: RpcMode::Disabled,
        ..Method::default()
    };
    let with_node = |of: Interface, names: &[&str]| {
        let names = names.iter();
        names.fold(of, |all, name| all.with_node_method(name, Method::default()))
    };
    let class = with_node(Interface::new(), &["add_to_group", "set_name", "zqueue"]);
    let many: Vec<String> = (0..300).map(|number| format!("m{number:03}")).collect();
    let known = [
        ("Main", main.clone()),
        (".", main.clone()),
        ("Ünï 1", main.clone()),
        ("Heap/N299", main),
        (
            "Main/Child",
            of(&["base_only", "overridden", "zoverridden", "child_only"]),
        ),
        ("Main/Both", with_node(base.clone(), &["base_only", "set_name"])),
        ("Main/Base", base),
        ("Main/Class", class.with_node_method("no_mode", disabled)),
        ("Many", of(&many.iter().map(String::as_str).collect::<Vec<_>>())),
    ];
    let mut seen = Vec::new();
    for (line, packet) in vectors("rpc") {
        for packet in with_relayed(packet) {
            let Ok(Message::SimplifyPath(offer)) = Message::parse(&packet) else {
                continue;
            };
            let own = known.iter().find(|(path, _)| **path == *offer.path);
            let (path, interface) = own.unwrap_or_else(|| panic!("{line}"));
            assert_eq!(interface.checksum(), offer.checksum, "{line}");
            seen.push(*path);
        }
    }
    for (path, _) in &known {
        assert!(seen.contains(path), "{path}");
    }
}

#[test]
fn nothing_that_a_stock_godot_writes_or_takes_is_kept_from_it() {
    let mut server = SceneServer::new(true);
    for (key, data) in [('a', 2), ('b', 3)] {
        server.peer_connected(Time::ZERO, key, data);
    }
    let mut count = 0;
    for file in ["rpc", "replication", "walkthrough", "to_client"] {
        for (line, packet) in vectors(file) {
            let packet = with_relayed(packet).pop().expect("one");
            let is_system = packet.first().is_none_or(|first| first & 7 == 7);
            if is_system || line["errors"] == true {
                continue;
            }
            let before = server.statistics();
            let relay = System::Relay { peer: 3, packet };
            server.packet_received('a', 0, Packet::reliable(relay.to_bytes()));
            while server.poll_output().is_some() {}
            let after = server.statistics();
            assert_eq!(after.unfit, before.unfit, "{line}");
            assert_eq!(after.relayed_in, before.relayed_in + 1, "{line}");
            count += 1;
        }
    }
    assert!(count > 250, "{count}");
}
