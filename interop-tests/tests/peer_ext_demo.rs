//! The demo project, without a window: one side stock, the other ours.

use interop_tests::enet::Serve;
use interop_tests::godot::GodotRun;
use interop_tests::peer_ext;
use serde_json::Value;

/// Runs the demo with arguments for it, a peer of one of the classes, and reports every second.
fn demo(name: &str, rust: bool, arguments: &[(&str, &str)]) -> GodotRun {
    let class = if rust { "rust" } else { "stock" };
    let arguments: Vec<(&str, String)> = [(class, ""), ("walk", ""), ("report", "")]
        .into_iter()
        .chain(arguments.iter().copied())
        .map(|(key, value)| (key, value.to_owned()))
        .collect();
    peer_ext::start("demo", name, &arguments)
}

/// Waits for a report that `is` what is asked for.
fn second(player: &mut GodotRun, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    player.expect(what, |event| event["event"] == "second" && is(event))
}

/// The players that somebody sees.
fn players(second: &Value) -> Vec<String> {
    second["places"]
        .as_object()
        .map(|places| places.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_demo_is_played_rust_against_stock() {
    for server_is_rust in [true, false] {
        let mut server = demo("server", server_is_rust, &[("host", ""), ("port", "0")]);
        let status = server.expect("hosting", |event| {
            event["event"] == "status" && event["text"].as_str().is_some_and(|text| text.starts_with("hosting"))
        });
        let text = status["text"].as_str().unwrap_or_default();
        assert_eq!(text.contains("RustENet"), server_is_rust, "{text}");
        let port = text.split(' ').nth(3).expect("a port").to_owned();
        let arguments = [("join", "127.0.0.1"), ("port", &port), ("say", "hello all")];
        let mut client = demo("client", !server_is_rust, &arguments);
        for player in [&mut server, &mut client] {
            player.expect("what the client says", |event| {
                event["event"] == "heard" && event["text"] == "hello all"
            });
            // Both see two players, who both move.
            let before = second(player, "two players", |event| players(event).len() == 2);
            for who in players(&before) {
                second(player, "move", |event| {
                    !event["places"][&who].is_null() && event["places"][&who] != before["places"][&who]
                });
            }
            // The positions of a player go in each direction, 60 times a second, and the figures do not stand still.
            let shows = |event: &Value, row: &str| event["graph"][row].as_f64().unwrap_or_default();
            let busy = second(player, "traffic", |event| {
                shows(event, "sent") > 0.1 && shows(event, "received") > 0.1 && shows(event, "round trip") > 0.0
            });
            for row in ["sent", "received"] {
                second(player, row, |event| {
                    shows(event, row) > 0.0 && event["graph"][row] != busy["graph"][row]
                });
            }
        }
        // And its figures are those of the session: without it there are none.
        drop(server);
        second(&mut client, "an empty graph", |event| {
            ["sent", "received", "round trip"]
                .iter()
                .all(|row| event["graph"][row] == 0.0)
        });
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_demo_is_played_over_a_relay_that_plays_no_part() {
    let serve = Serve::start(&[]);
    let port = serve.port().to_string();
    let join = |name: &str, rust: bool| demo(name, rust, &[("join", "127.0.0.1"), ("port", &port), ("say", name)]);
    let mut clients = [join("stock", false), join("ours", true)];
    for (at, other) in [(0, "ours"), (1, "stock")] {
        let player = &mut clients[at];
        player.expect("what the other one says", |event| {
            event["event"] == "heard" && event["text"] == other
        });
        let before = second(player, "two players", |event| players(event).len() == 2);
        assert!(!players(&before).contains(&"1".to_owned()), "the relay is no player");
        for who in players(&before) {
            second(player, "move", |event| {
                !event["places"][&who].is_null() && event["places"][&who] != before["places"][&who]
            });
        }
        assert_eq!(player.errors(), [] as [String; 0]);
    }
}
