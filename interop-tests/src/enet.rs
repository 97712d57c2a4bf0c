//! The `enet` command as its users run it: the program that cargo built, in a process of its own.

use std::env;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::driver::LONG;
use crate::program::build;

/// The program: the one that `ENET_BIN` names, else the one that cargo builds from this workspace, built now if need be.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match env::var_os("ENET_BIN").filter(|program| !program.is_empty()) {
        Some(program) => program.into(),
        None => build(
            &["--package", "enet-cli", "--features", "dtls", "--bin", "enet"],
            "enet",
        ),
    })
}

/// A running `enet serve`. It ends with this value; if that is because a test fails, its log is printed.
#[derive(Debug)]
pub struct Serve {
    child: Child,
    address: SocketAddr,
    lines: Receiver<String>,
    /// The lines of the log that were read.
    log: Vec<String>,
}

impl Serve {
    /// Starts a server on a free port of loopback, with more arguments.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Serve {
        Serve::with([&["--bind", "127.0.0.1:0"], arguments].concat().as_slice())
    }

    /// Starts a server with these arguments alone.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn with(arguments: &[&str]) -> Serve {
        let mut child = command(arguments).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut first = String::new();
        output.read_line(&mut first).expect("UTF-8");
        let lines = lines_of(child.stderr.take().expect("a pipe"));
        let address = first
            .trim()
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let log: Vec<_> = lines.iter().collect();
            panic!("`enet serve` said {first:?} and logged {log:?}");
        };
        Serve {
            child,
            address,
            lines,
            log: Vec::new(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits for a line of the log with these words, and returns it. Lines are looked at again by the next call.
    ///
    /// # Panics
    /// If there is none within [`LONG`].
    #[track_caller]
    pub fn logged(&mut self, words: &str) -> String {
        let deadline = Instant::now() + LONG;
        let mut seen = 0;
        loop {
            if let Some(line) = self.log[seen..].iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            seen = self.log.len();
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.log.push(line),
                Err(_) => panic!("`enet serve` does not log {words:?}"),
            }
        }
    }

    /// The lines logged so far.
    pub fn log(&mut self) -> &[String] {
        self.log.extend(self.lines.try_iter());
        &self.log
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for it to end by itself, and reads its log to the end.
    ///
    /// # Panics
    /// If it goes on for longer than [`LONG`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.log.push(line),
                // It has closed its log, which it does by ending.
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("`enet serve` does not end"),
            }
        }
        self.child.wait().expect("an exit status")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            self.log.extend(self.lines.iter());
            let log = self.log.iter().fold(String::new(), |mut log, line| {
                let _ = writeln!(log, "{line}");
                log
            });
            eprintln!("---- what `enet serve` logged ----\n{log}----");
        }
    }
}

/// Runs `enet serve` with arguments that it is to refuse, and returns its output.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn refused(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .arg("serve")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
