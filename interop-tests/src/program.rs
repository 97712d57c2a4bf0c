//! Programs of this workspace, built when a test needs them and run in processes of their own.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::driver::LONG;

/// The programs that show how Rust takes part in a Godot game: `arena`, `load`, and the examples of `godot-peer`.
///
/// # Panics
/// If they cannot be built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    // All at once, so that what they need is built once.
    build(
        &[
            "--package",
            "arena",
            "--package",
            "load",
            "--package",
            "godot-peer",
            "--bins",
            "--examples",
        ],
        name,
    )
}

/// Has cargo build programs, with the profile that tests are built with: most of it is there when tests run. The path of the one
/// with this name.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn build(arguments: &[&str], name: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--profile", "test"])
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{arguments:?} cannot be built");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.expect("cargo names what it built")
}

/// A program that runs. It ends with this value; if that is because a test fails, what it has said is printed.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    said: Arc<Said>,
}

/// What a program has said so far, on both pipes.
#[derive(Debug, Default)]
struct Said {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    all: Vec<String>,
    /// Pipes that are at their end, of two.
    closed: usize,
}

impl Program {
    /// Starts a program.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str], environment: &[(&str, &Path)]) -> Program {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let said = Arc::new(Said::default());
        let output: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in output.into_iter().flatten() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    said.change(|lines| lines.all.push(line));
                }
                said.change(|lines| lines.closed += 1);
            });
        }
        Program {
            name: program.display().to_string(),
            child,
            said,
        }
    }

    /// Waits for a line with these words, one of those before included, and returns it.
    ///
    /// # Panics
    /// If none comes within [`LONG`].
    #[track_caller]
    pub fn line(&self, words: &str) -> String {
        let found = self.said.wait(|lines| {
            let line = lines.all.iter().find(|line| line.contains(words)).cloned();
            line.map(Some).or_else(|| (lines.closed == 2).then_some(None))
        });
        found
            .flatten()
            .unwrap_or_else(|| panic!("{} does not say {words:?}", self.name))
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// If it goes on for longer than [`LONG`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let ended = self.said.wait(|lines| (lines.closed == 2).then_some(()));
        assert!(ended.is_some(), "{} does not end", self.name);
        self.child.wait().expect("an exit status")
    }

    /// Its process.
    #[must_use]
    pub fn child(&self) -> &Child {
        &self.child
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("---- what {} said ----\n{}\n----", self.name, lines.all.join("\n"));
        }
    }
}

impl Said {
    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Asks after every change until there is an answer, for [`LONG`].
    fn wait<T>(&self, ask: impl Fn(&Lines) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + LONG;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(answer) = ask(&lines) {
                return Some(answer);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.changed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
