//! The arena, `examples/arena`: a server in Rust that has all of the game, and stock Godots that play.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use godot_peer::scene::{Arguments, MethodId, NodeId, NodeReference, Rpc};
use godot_peer::{Target, TransferChannel, TransferMode};
use godot_variant::Variant;
use godot_variant::binary::encode_arguments;
use interop_tests::driver::LONG;
use interop_tests::godot::{Godot, GodotRun, Guest};
use interop_tests::peer_ext::fixture;
use interop_tests::program::{Program, example};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const WORD: &str = "swordfish";

/// The server, and its port.
fn arena(arguments: &[&str]) -> (Program, String) {
    let arguments = [&["--bind", "127.0.0.1:0", "--word", WORD], arguments].concat();
    let arena = Program::start(&example("arena"), &arguments, &[]);
    let listening = arena.line("listening on ");
    let port = listening.rsplit(':').next().expect("a port").to_owned();
    (arena, port)
}

/// A stock Godot that plays by itself.
fn player(name: &str, port: &str, word: &str) -> GodotRun {
    let arguments =
        [("port", port), ("name", name), ("word", word), ("play", "")].map(|(key, value)| (key, value.to_owned()));
    GodotRun::start(Godot::shared(), &fixture("arena"), name, &arguments)
}

/// Has a player write a line, or quit.
fn order(player: &GodotRun, line: &str) {
    let file = player.folder().join("orders");
    // In one step, as it is read at any time.
    fs::write(file.with_extension("new"), line).expect("a file");
    fs::rename(file.with_extension("new"), file).expect("a file");
}

/// Waits for a state that `is` what is asked for.
#[track_caller]
fn state(player: &mut GodotRun, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    player.expect(what, |event| event["event"] == "state" && is(event))
}

/// Waits until the player sees so many players, and five coins.
#[track_caller]
fn sees(player: &mut GodotRun, count: usize) -> Value {
    state(player, &format!("{count} players"), |state| {
        state["places"].as_object().is_some_and(|places| places.len() == count) && state["coins"] == 5
    })
}

#[track_caller]
fn hears(player: &mut GodotRun, from: &str, text: &str) {
    player.expect(text, |event| {
        event["event"] == "heard" && event["from"] == from && event["text"] == text
    });
}

#[track_caller]
fn is_removed(player: &mut GodotRun, why: &str) {
    player.expect(why, |event| event["event"] == "removed" && event["why"] == why);
    state(player, "the end", |state| {
        state["status"] == why && state["places"].as_object().is_some_and(serde_json::Map::is_empty)
    });
}

#[track_caller]
fn quits_without_a_complaint(mut player: GodotRun) {
    order(&player, "quit");
    assert!(player.wait().success());
    assert_eq!(player.errors(), [] as [String; 0], "{}", player.name());
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn stock_godots_play_in_an_arena_of_rust() {
    let (mut arena, port) = arena(&["--no-client"]);
    let mut ann = player("Ann", &port, WORD);
    sees(&mut ann, 1);
    let mut others = [player("Bob", &port, ""), player("Eve", &port, "wrong")];
    for player in others.iter_mut().chain([&mut ann]) {
        let before = sees(player, 3);
        // The server moves everyone, and they take coins.
        for who in ["Ann", "Bob", "Eve"] {
            state(player, "moves", |state| {
                !state["places"][who].is_null() && state["places"][who] != before["places"][who]
            });
        }
        state(player, "points", |state| {
            let points = state["points"].as_object().into_iter().flatten();
            points.filter_map(|(_, points)| points.as_i64()).sum::<i64>() >= 3
        });
    }
    let [mut bob, mut eve] = others;
    order(&bob, "héllo");
    for player in [&mut ann, &mut bob, &mut eve] {
        hears(player, "Bob", "héllo");
    }

    // Only one of them has the word.
    order(&eve, "/kick Ann because");
    hears(&mut eve, "", "You may not do that.");
    order(&ann, "/kick Eve because I may");
    is_removed(&mut eve, "You were kicked: because I may");
    for player in [&mut ann, &mut bob] {
        hears(player, "", "Eve has left");
        sees(player, 2);
    }
    quits_without_a_complaint(eve);
    let mut eve = player("Eve", &port, "");
    sees(&mut eve, 3);
    order(&ann, "/ban Eve");
    is_removed(&mut eve, "You were banned.");
    quits_without_a_complaint(eve);
    // All are on one address, but who is in stays in.
    let mut again = player("Eve", &port, "");
    is_removed(&mut again, "You are banned.");
    quits_without_a_complaint(again);

    quits_without_a_complaint(bob);
    hears(&mut ann, "", "Bob has left");
    kill_process(Pid::from_child(arena.child()), Signal::INT).expect("it runs");
    assert!(arena.wait().success());
    state(&mut ann, "the end", |state| state["status"] == "the server has left");
    quits_without_a_complaint(ann);
}

/// What can be called on the node.
const METHODS: [&str; 13] = [
    "ban", "coins", "enter", "heard", "joined", "kick", "left", "moved", "removed", "say", "scores", "steer", "welcome",
];

fn values(values: &[Variant]) -> Arguments {
    let mut body = Vec::new();
    encode_arguments(values, &mut body).expect("they are written");
    Arguments::Encoded {
        count: body[0],
        data: Bytes::from(body.split_off(1)),
    }
}

/// Calls that no player makes.
fn bad_calls() -> Vec<Bytes> {
    let id = |name: &str| MethodId::among(&METHODS, name).expect("one of them");
    let deep = (0..1000).fold(Variant::Nil, |inner, _| Variant::from(vec![inner]));
    // An array that says it has 2^31 - 1 elements.
    let lying = Arguments::Encoded {
        count: 255,
        data: Bytes::from_static(b"\x1c\0\0\0\xff\xff\xff\x7f\0\0\0\0"),
    };
    let say = id("say");
    let mut calls = vec![
        // Wrong numbers and types of arguments.
        Rpc::new("Arena", say, Arguments::None),
        Rpc::new("Arena", say, values(&["a".into(), "b".into()])),
        Rpc::new("Arena", say, values(&[Variant::Nil])),
        Rpc::new("Arena", id("steer"), values(&["left".into()])),
        Rpc::new("Arena", id("kick"), values(&[(1_i64 << 40).into(), "".into()])),
        Rpc::new("Arena", say, values(&[deep])),
        Rpc::new("Arena", say, lying),
        Rpc::new("Arena", say, Arguments::Bytes(vec![7; 1 << 20].into())),
        // What only the server calls, and what nobody has.
        Rpc::new("Arena", id("heard"), values(&[1.into(), "I am the server".into()])),
        Rpc::new("Arena", id("removed"), values(&["all of you".into()])),
        Rpc::new("Arena", MethodId(13), Arguments::None),
        Rpc::new("Arena", MethodId(0x8000), Arguments::None),
        Rpc::new("Arena", MethodId(0xffff), Arguments::None),
    ];
    // Nodes that are not there or not to be reached.
    for path in [
        "Nothing",
        "Arena/Field",
        "/root/Arena",
        "Arena/../Arena",
        "..",
        "",
        ":name",
    ] {
        calls.push(Rpc::new(path, say, values(&["hi".into()])));
    }
    // Numbers that were not offered.
    for number in [0, 1, 77, 0x7fff_fffe] {
        let node = NodeReference::Id(NodeId::new(number).expect("31 bits"));
        calls.push(Rpc {
            node,
            method: say,
            arguments: values(&["hi".into()]),
        });
    }
    let mut packets: Vec<Bytes> = calls.iter().map(Rpc::to_bytes).collect();
    // And all of them cut off at every length, but the large ones.
    let cut: Vec<Bytes> = packets
        .iter()
        .filter(|packet| packet.len() < 100)
        .flat_map(|packet| (1..packet.len()).map(|length| packet.slice(..length)))
        .collect();
    packets.extend(cut);
    packets
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn who_calls_badly_or_too_much_does_not_disturb_the_players() {
    let (arena, port) = arena(&["--no-client", "--log", "warn"]);
    let mut ann = player("Ann", &port, WORD);
    sees(&mut ann, 1);
    let memory = resident(arena.child().id());
    let attacker = Guest::join(port.parse().expect("a port"));
    let packets = bad_calls();
    attacker.client(move |client| {
        for channel in [TransferChannel::ZERO, TransferChannel::MAX] {
            for packet in &packets {
                // All it can do is fill its own connection.
                let _ = client.send(Target::SERVER, channel, TransferMode::Reliable, packet.clone());
            }
        }
    });
    // The number of refused calls does not keep it from playing, but what it says too often nobody hears.
    let method = |name: &str| MethodId::among(&METHODS, name).expect("one of them");
    let call = |name: &str, arguments: &[Variant]| Rpc::new("Arena", method(name), values(arguments)).to_bytes();
    let enter = call("enter", &["Mallory".into(), "".into()]);
    let line = call("say", &["x".repeat(1000).into()]);
    attacker
        .client(move |client| client.send(Target::SERVER, TransferChannel::ZERO, TransferMode::Reliable, enter))
        .expect("it is sent");
    for round in 0..4 {
        let line = line.clone();
        attacker.client(move |client| {
            for _ in 0..2000 {
                let _ = client.send(
                    Target::SERVER,
                    TransferChannel::ZERO,
                    TransferMode::Unreliable,
                    line.clone(),
                );
            }
        });
        // The game goes on meanwhile.
        let own = format!("round {round}");
        order(&ann, &own);
        hears(&mut ann, "Ann", &own);
        let before = sees(&mut ann, 2);
        state(&mut ann, "moves", |state| {
            state["places"]["Ann"] != before["places"]["Ann"]
        });
    }
    let heard = ann.drain(|event| event["event"] == "heard");
    let count = |from: &str| heard.iter().filter(|event| event["from"] == from).count();
    assert!((1..100).contains(&count("Mallory")), "{heard:?}");
    assert_eq!(heard.len(), count("Mallory") + count("Ann") + count(""), "{heard:?}");
    assert_eq!(ann.drain(|event| event["event"] == "removed"), [] as [Value; 0]);
    let grown = resident(arena.child().id()).saturating_sub(memory);
    assert!(grown < 32 << 20, "{grown} bytes");
    drop(attacker);
    quits_without_a_complaint(ann);
}

/// The memory that a process holds, in bytes.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.expect("a number") * 1024
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn one_command_starts_the_server_and_a_client_that_may_kick() {
    // A program in Godot's place, which writes down how it is called.
    let folder = tempfile::tempdir().expect("a folder");
    let godot = folder.path().join("godot");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 4.6.fake && exit\nfor word; do echo \"$word\"; done > \"$0.new\"\nmv \"$0.new\" \"$0.called\"\n";
    fs::write(&godot, script).expect("a file");
    fs::set_permissions(&godot, fs::Permissions::from_mode(0o755)).expect("a program");
    let arguments = ["--bind", "127.0.0.1:0"];
    let arena = Program::start(&example("arena"), &arguments, &[("GODOT4_BIN", &godot)]);
    arena.line("another player:");
    let called = until_there(&godot.with_extension("called"));
    let mut lines = called.lines();
    assert_eq!(lines.next(), Some("--path"));
    let project = Path::new(lines.next().expect("a project"))
        .canonicalize()
        .expect("a folder");
    assert_eq!(project, fixture("arena").canonicalize().expect("a folder"));
    assert_eq!(lines.next(), Some("--"));
    // What it was called with is what a client needs.
    let arguments: Vec<(&str, String)> = lines
        .map(|word| word.split_once('=').expect("an argument"))
        .chain([("name", "Ann"), ("play", "")])
        .map(|(key, value)| (key, value.to_owned()))
        .collect();
    let mut client = GodotRun::start(Godot::shared(), &project, "client", &arguments);
    state(&mut client, "welcome", |state| {
        state["status"] == "you are Ann, and may kick"
    });
    quits_without_a_complaint(client);
}

/// What stands in a file, as soon as there is one.
fn until_there(file: &Path) -> String {
    let deadline = Instant::now() + LONG;
    loop {
        match fs::read_to_string(file) {
            Ok(text) => return text,
            Err(error) => assert!(Instant::now() < deadline, "{}: {error}", file.display()),
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn without_a_godot_the_command_says_what_to_get() {
    let nowhere = Path::new("/nowhere");
    let arguments = ["--bind", "127.0.0.1:0", "--word", WORD];
    let arena = Program::start(
        &example("arena"),
        &arguments,
        &[("GODOT4_BIN", nowhere), ("PATH", nowhere)],
    );
    let listening = arena.line("listening on ");
    arena.line("https://godotengine.org/download");
    let port = listening.rsplit(':').next().expect("a port");
    arena.line(&format!("fixtures/godot/arena -- port={port} name=Ann word={WORD}"));
}
