//! Bots at a stock Godot server: one that plays the demo, and many that measure.

use interop_tests::godot::{Godot, GodotRun};
use interop_tests::peer_ext::fixture;
use interop_tests::program::{Program, example};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Runs the demo with the stock class, and reports every second.
fn demo(name: &str, arguments: &[(&str, &str)]) -> GodotRun {
    let arguments: Vec<(&str, String)> = [("stock", ""), ("walk", ""), ("report", "")]
        .into_iter()
        .chain(arguments.iter().copied())
        .map(|(key, value)| (key, value.to_owned()))
        .collect();
    GodotRun::start(Godot::shared(), &fixture("demo"), name, &arguments)
}

/// A demo that hosts, and its address.
fn host(arguments: &[(&str, &str)]) -> (GodotRun, String) {
    let arguments = [&[("host", ""), ("port", "0")], arguments].concat();
    let mut server = demo("server", &arguments);
    let status = server.expect("hosting", |event| {
        event["event"] == "status" && event["text"].as_str().is_some_and(|text| text.starts_with("hosting"))
    });
    let text = status["text"].as_str().unwrap_or_default();
    let port = text.split(' ').nth(3).expect("a port");
    (server, format!("127.0.0.1:{port}"))
}

/// Waits for a report that `is` what is asked for.
#[track_caller]
fn second(player: &mut GodotRun, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    player.expect(what, |event| event["event"] == "second" && is(event))
}

#[track_caller]
fn hears(player: &mut GodotRun, from: i64, text: &str) {
    player.expect(text, |event| {
        event["event"] == "heard" && event["from"] == from && event["text"] == text
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_bot_plays_the_demo_with_stock_godots() {
    let (mut server, address) = host(&[("say", "welcome")]);
    let mut bot = Program::start(&example("bot"), &[&address], &[]);
    let id = bot.line("joined as ").trim_start_matches("joined as ").to_owned();
    let number: i64 = id.parse().expect("an id");
    bot.line("1 says welcome");
    hears(&mut server, number, "I am a bot");
    let (_, port) = address.split_once(':').expect("a port");
    let mut client = demo("client", &[("join", "127.0.0.1"), ("port", port), ("say", "good day")]);
    bot.line(" says good day");
    hears(&mut client, number, "I am a bot");
    for player in [&mut server, &mut client] {
        let before = second(player, "three players", |event| {
            event["places"].as_object().is_some_and(|places| places.len() == 3) && !event["places"][&id].is_null()
        });
        second(player, "the bot moves", |event| {
            !event["places"][&id].is_null() && event["places"][&id] != before["places"][&id]
        });
    }
    kill_process(Pid::from_child(bot.child()), Signal::INT).expect("it runs");
    assert!(bot.wait().success());
    for player in [&mut server, &mut client] {
        second(player, "two players", |event| {
            event["places"].as_object().is_some_and(|places| places.len() == 2)
        });
    }
    assert_eq!(client.errors(), [] as [String; 0]);
    drop(client);
    assert_eq!(server.errors(), [] as [String; 0]);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn many_bots_measure_how_long_a_stock_godot_takes_to_answer() {
    let (server, address) = host(&[]);
    let arguments = [&address, "--bots", "20", "--seconds", "2", "--rate", "20"];
    let mut load = Program::start(&example("load"), &arguments, &[]);
    load.line("20 of 20 joined");
    let answered = load.line("questions were answered; the server dropped 0 bots");
    let numbers: Vec<u32> = answered.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] == numbers[1] && numbers[0] >= 20, "{answered}");
    let times = load.line("answers: 50 % ");
    assert!(!times.contains('-'), "{times}");
    assert!(load.wait().success());
    assert_eq!(server.errors(), [] as [String; 0]);
}
