//! Plays the demo, Rust against stock, and takes the screenshot that the READMEs show. Needs Xvfb, and OpenGL where Godot is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use interop_tests::godot::{Godot, GodotRun};
use interop_tests::peer_ext;

/// What the net-graph shows the past of.
const SECONDS: &str = "45";

/// An X server without a screen; it ends with this value.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// Reached by TCP, since Godot may be in a file system of its own.
    fn open() -> Display {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "960x600x24", "-listen", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Xvfb starts (Debian: the package xvfb)");
        let mut number = String::new();
        let mut output = BufReader::new(server.stdout.take().expect("a pipe"));
        output.read_line(&mut number).expect("the number of the display");
        Display {
            server,
            name: format!("127.0.0.1:{}", number.trim()),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn main() {
    let owned = |arguments: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        arguments.iter().map(|&(key, value)| (key, value.to_owned())).collect()
    };
    let display = Display::open();
    let mut server = peer_ext::start(
        "demo",
        "server",
        &owned(&[("rust", ""), ("host", ""), ("port", "0"), ("walk", "")]),
    );
    let port = hosting(&mut server);
    let picture = owned(&[
        ("rust", ""),
        ("bad", ""),
        ("join", "127.0.0.1"),
        ("port", &port),
        ("walk", ""),
        ("say", "I play with RustENetMultiplayerPeer"),
        ("quit_after", SECONDS),
        ("screenshot", "res://screenshot.png"),
    ]);
    let folders = [&peer_ext::fixture("demo"), peer_ext::addon()];
    let mut shown = GodotRun::start_shown(Godot::shared(), &folders, "player", &display.name, &picture);
    joined(&mut shown);
    let mut others = Vec::new();
    for text in ["and I with ENetMultiplayerPeer", "so do I"] {
        let arguments = owned(&[
            ("stock", ""),
            ("join", "127.0.0.1"),
            ("port", &port),
            ("walk", ""),
            ("say", text),
        ]);
        let mut other = peer_ext::start("demo", text, &arguments);
        joined(&mut other);
        others.push(other);
    }
    assert!(shown.wait().success(), "the demo fails");
    let place = peer_ext::workspace().join("peer-ext/screenshot.png");
    fs::copy(shown.folder().join("screenshot.png"), &place).expect("a screenshot");
    println!("{}", place.display());
}

/// The port that the demo says it listens on.
fn hosting(server: &mut GodotRun) -> String {
    let status = server.expect("hosting", |event| {
        event["text"].as_str().is_some_and(|text| text.starts_with("hosting"))
    });
    let text = status["text"].as_str().unwrap_or_default();
    text.split(' ').nth(3).expect("a port").to_owned()
}

fn joined(player: &mut GodotRun) {
    player.expect("joined", |event| {
        event["text"].as_str().is_some_and(|text| text.starts_with("joined"))
    });
}
