//! The examples, as a user runs them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that has nothing to unwrap has failed")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The longest an example may be, so that it can be taken in at a glance.
const MAX_LINES: usize = 40;

/// A running example. It ends with this value at the latest.
struct Example {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Example {
    fn start(name: &str, argument: &str) -> Example {
        let mut child = Command::new(path(name))
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Example { child, output }
    }

    fn line(&mut self) -> String {
        self.output.next().unwrap().unwrap()
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where an example is: it is built into a folder beside that of the tests.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples").join(name)
}

/// Tests that are picked one by one come without the examples, so that these have to be asked for.
fn build() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "test", "--examples", "--manifest-path"])
        .arg(manifest)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn the_echo_client_hears_what_it_said_from_the_echo_server() {
    build();
    let mut server = Example::start("echo_server", "127.0.0.1:0");
    let line = server.line();
    let address = line.strip_prefix("listening on ").unwrap();

    let mut client = Example::start("echo_client", address);
    assert_eq!(client.line(), format!("connected to {address}"));
    let mut input = client.child.stdin.take().unwrap();
    for text in ["hello", "world"] {
        writeln!(input, "{text}").unwrap();
        let answer = client.line();
        assert!(answer.starts_with(&format!("{text} (")), "{answer}");
    }
    drop(input);
    assert!(client.wait().success());

    assert!(server.line().ends_with(" came"));
    let gone = server.line();
    assert!(gone.ends_with(" went: Remote { data: 0 }"), "{gone}");
    kill_process(Pid::from_child(&server.child), Signal::INT).unwrap();
    assert!(server.wait().success());
}

#[test]
fn the_examples_are_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < MAX_LINES, "{} has {lines} lines", path.display());
    }
}
