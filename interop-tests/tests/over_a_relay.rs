//! What the README shows to be played over the real `enet serve`, which runs no scripts.

use std::fs;
use std::path::Path;

use interop_tests::enet::Serve;
use interop_tests::godot::{Godot, GodotRun};
use interop_tests::peer_ext::{fixture, workspace};
use interop_tests::program::{Program, example};
use rustix::process::Signal;
use serde_json::Value;

fn player(name: &str, port: u16) -> GodotRun {
    GodotRun::start(
        Godot::shared(),
        &fixture("relayed"),
        name,
        &[("port", port.to_string())],
    )
}

/// Waits for a state in which a player knows the host, itself and so many others, and all things.
fn settled(player: &mut GodotRun, players: usize) -> Value {
    player.expect(&format!("{players} players and all things"), |event| {
        let count = |what: &str| event[what].as_object().map_or(0, serde_json::Map::len);
        event["event"] == "state" && event["host"] != 0 && count("players") == players && count("things") == 3
    })
}

/// Waits until everything that a player sees has moved.
fn sees_all_move(player: &mut GodotRun, players: usize) {
    let before = settled(player, players);
    for what in ["players", "things"] {
        for name in before[what].as_object().into_iter().flatten().map(|(name, _)| name) {
            player.expect(&format!("{name} move"), |event| {
                !event[what][name].is_null() && event[what][name] != before[what][name]
            });
        }
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn one_player_owns_what_belongs_to_nobody_and_another_when_it_leaves() {
    let mut serve = Serve::start(&[]);
    let mut players = vec![player("first", serve.port())];
    let first = settled(&mut players[0], 1);
    assert_eq!(first["host"], first["id"], "alone");
    for name in ["second", "third"] {
        players.push(player(name, serve.port()));
    }
    for player in &mut players {
        assert_eq!(settled(player, 3)["host"], first["id"]);
        sees_all_move(player, 3);
    }
    // What is not reached by the relay is told, in the words of the README.
    serve.logged("on the server (or on all); a relay runs no scripts");

    let names = |state: &Value| -> Vec<String> {
        let things = state["things"].as_object().expect("things");
        things.keys().cloned().collect()
    };
    let old = names(&settled(&mut players[1], 3));
    let mut host = players.remove(0);
    fs::write(host.folder().join("leave"), "").expect("a file");
    assert!(host.wait().success());
    let left = settled(&mut players[0], 2);
    let lowest = left["players"]
        .as_object()
        .expect("players")
        .keys()
        .filter_map(|id| id.parse::<i64>().ok())
        .min();
    for player in &mut players {
        let state = player.expect("another host and its things", |event| {
            event["host"].as_i64() == lowest
                && event["things"]
                    .as_object()
                    .is_some_and(|things| things.len() == 3 && !things.contains_key(&old[0]))
        });
        assert_ne!(names(&state), old);
        sees_all_move(player, 2);
    }
    serve.signal(Signal::INT);
    for player in &mut players {
        player.expect("the end", |event| event["event"] == "alone");
        player.expect("nobody any more", |event| {
            event["players"].as_object().is_some_and(serde_json::Map::is_empty)
        });
        assert_eq!(player.errors(), [] as [String; 0]);
    }
    assert_eq!(host.errors(), [] as [String; 0]);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn players_that_come_at_once_agree_on_a_host() {
    let serve = Serve::start(&[]);
    let mut players: Vec<GodotRun> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| player(name, serve.port()))
        .collect();
    let hosts: Vec<Value> = players
        .iter_mut()
        .map(|player| {
            sees_all_move(player, 4);
            settled(player, 4)["host"].clone()
        })
        .collect();
    assert!(hosts.iter().all(|host| *host == hosts[0]), "{hosts:?}");
    for player in &mut players {
        assert_eq!(player.errors(), [] as [String; 0]);
    }
}

/// Runs a project with a script as the README has it, with the port that is free here.
fn with_port(project: &str, file: &str, name: &str, port: u16) -> GodotRun {
    let script = fs::read_to_string(fixture(project).join(file)).expect("the script");
    let changed = tempfile::tempdir().expect("a folder");
    let script = script.replacen("7777", &port.to_string(), 1);
    fs::write(changed.path().join(file), script).expect("a file");
    GodotRun::start_merged(Godot::shared(), &[&fixture(project), changed.path()], name, &[])
}

fn chatter(name: &str, port: u16) -> GodotRun {
    with_port("chat", "chat.gd", name, port)
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_chat_of_the_readme_is_heard_and_notices_the_end() {
    let serve = Serve::start(&[]);
    let players = [chatter("one", serve.port()), chatter("two", serve.port())];
    for player in &players {
        player.expect_line("joined");
        player.expect_line(" says Hello!");
    }
    serve.signal(Signal::TERM);
    for player in &players {
        player.expect_line("the server has left");
        assert_eq!(player.errors(), [] as [String; 0]);
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_program_of_the_readme_is_called_with_a_vector_and_calls_back_with_a_dictionary() {
    let program = Program::start(&example("find"), &["127.0.0.1:0"], &[]);
    let address = program.line("listening on ");
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    let player = with_port("find", "main.gd", "client", port.expect("a port"));
    player.expect_line("found at (4.0, 4.0)");
    assert_eq!(player.errors(), [] as [String; 0]);
}

#[test]
fn the_readme_shows_the_scripts_that_are_tested() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("the README");
    for script in ["chat/chat.gd", "relayed/game.gd", "find/main.gd"] {
        let text = fs::read_to_string(fixture("").join(Path::new(script))).expect("the script");
        assert!(readme.contains(&format!("```gdscript\n{text}```\n")), "{script}");
    }
    let program = fs::read_to_string(workspace().join("godot-peer/examples/find.rs")).expect("the program");
    let (_, program) = program.split_once("\n\n").expect("what it is, and the program");
    assert!(readme.contains(&format!("```rust,no_run\n{program}```\n")));
}
