//! The demo project, without a window: one side stock, the other ours.

use interop_tests::godot::GodotRun;
use interop_tests::peer_ext;

/// Runs the demo with arguments for it.
fn demo(name: &str, arguments: &[(&str, String)]) -> GodotRun {
    peer_ext::start("demo", name, arguments)
}

fn rust(yes: bool) -> (&'static str, String) {
    (if yes { "rust" } else { "stock" }, String::new())
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_demo_is_played_rust_against_stock() {
    for server_is_rust in [true, false] {
        let none = String::new;
        let arguments = [
            ("host", none()),
            ("port", "0".to_owned()),
            rust(server_is_rust),
            ("walk", none()),
        ];
        let mut server = demo("server", &arguments);
        let status = server.expect("hosting", |event| {
            event["event"] == "status" && event["text"].as_str().is_some_and(|text| text.starts_with("hosting"))
        });
        let text = status["text"].as_str().unwrap_or_default();
        assert_eq!(text.contains("RustENet"), server_is_rust, "{text}");
        let port = text.split(' ').nth(3).expect("a port").to_owned();
        let arguments = [
            ("join", "127.0.0.1".to_owned()),
            ("port", port),
            rust(!server_is_rust),
            ("say", "hello all".to_owned()),
        ];
        let mut client = demo("client", &arguments);
        for player in [&mut server, &mut client] {
            player.expect("what the client says", |event| {
                event["event"] == "heard" && event["text"] == "hello all"
            });
        }
    }
}
