//! A stock Godot that plays.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// The project of the client.
#[must_use]
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/godot/arena")
}

/// A Godot 4 on this machine: the program that `GODOT4_BIN` names, else `godot4` or `godot` on the PATH.
pub async fn find_godot() -> Option<OsString> {
    let named = env::var_os("GODOT4_BIN").filter(|program| !program.is_empty());
    for program in named.into_iter().chain(["godot4".into(), "godot".into()]) {
        let asked = Command::new(&program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .await;
        if asked.is_ok_and(|answer| answer.stdout.starts_with(b"4.")) {
            return Some(program);
        }
    }
    None
}

/// Starts a client that joins the server on that port of this machine, and may kick. It ends with the value.
///
/// # Errors
/// If it cannot be started.
pub fn start(godot: &OsStr, port: u16, word: &str) -> io::Result<Child> {
    Command::new(godot)
        .arg("--path")
        .arg(project())
        .args([
            "--",
            "address=127.0.0.1",
            &format!("port={port}"),
            &format!("word={word}"),
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
