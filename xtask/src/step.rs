//! One step: a program that is run, and what to do when it fails.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use duct::Expression;

/// What all steps in continuous integration may take together.
const TOTAL: Duration = Duration::from_secs(55 * 60);

/// How `timeout` ends when the time was up; with the second one it had to kill.
const TIME_WAS_UP: [i32; 2] = [124, 137];

/// What holds for every step.
pub(crate) struct Context {
    /// Whether the tests that need Godot are left out.
    pub(crate) without_godot: bool,
    /// In continuous integration: when everything must have ended.
    end: Option<Instant>,
}

impl Context {
    pub(crate) fn new(without_godot: bool) -> Context {
        let unattended = env::var_os("CI").is_some() && succeeds("timeout", &["--version"]);
        Context {
            without_godot: without_godot || env::var("GODOT_INTEROP").is_ok_and(|value| value == "skip"),
            end: unattended.then(|| Instant::now() + TOTAL),
        }
    }

    /// The time that a step with this limit may take; none for people, who can press Ctrl-C.
    fn limit(&self, of_step: Duration) -> Option<Duration> {
        let left = self.end?.saturating_duration_since(Instant::now());
        Some(left.min(of_step).max(Duration::from_secs(1)))
    }
}

/// A program to run.
pub(crate) struct Step {
    name: &'static str,
    command: Vec<String>,
    environment: Vec<(&'static str, String)>,
    limit: Duration,
    advice: &'static str,
}

impl Step {
    pub(crate) fn new(name: &'static str, command: &[&str]) -> Step {
        Step {
            name,
            command: command.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
            limit: Duration::from_secs(5 * 60),
            advice: "",
        }
    }

    /// Runs the cargo that runs this.
    pub(crate) fn cargo(name: &'static str, arguments: &[&str]) -> Step {
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Step::new(name, &[&[cargo.as_str()], arguments].concat())
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Step {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// How long it may take in continuous integration.
    pub(crate) fn minutes(mut self, minutes: u64) -> Step {
        self.limit = Duration::from_secs(minutes * 60);
        self
    }

    /// What to do when it fails.
    pub(crate) fn advice(mut self, advice: &'static str) -> Step {
        self.advice = advice;
        self
    }

    /// Runs it, its output going to the terminal.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let result = self.start(context).run();
        self.check(result).map(drop)
    }

    /// Runs it, its errors going to the terminal, and returns what it printed.
    pub(crate) fn read(self, context: &Context) -> Result<String, Failure> {
        let result = self.start(context).stdout_capture().run();
        let output = self.check(result)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it, and shows each line of its output here also.
    pub(crate) fn watch(self, context: &Context, mut see: impl FnMut(&str)) -> Result<(), Failure> {
        let mut expression = self.start(context);
        if io::stdout().is_terminal() {
            expression = expression.env("CARGO_TERM_COLOR", "always");
        }
        let result = (|| {
            let reader = expression.stderr_to_stdout().reader()?;
            let mut lines = BufReader::new(&reader);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line)? > 0 {
                let text = String::from_utf8_lossy(&line);
                print!("{text}");
                see(text.trim_end());
                line.clear();
            }
            // At the end of its output the reader has waited for the program.
            let output = reader.try_wait()?.cloned();
            output.ok_or_else(|| io::Error::other("it closed its output and went on"))
        })();
        self.check(result).map(drop)
    }

    fn start(&self, context: &Context) -> Expression {
        println!("\n==> {}: {}", self.name, self);
        let mut command = self.command.clone();
        if let Some(limit) = context.limit(self.limit) {
            let seconds = limit.as_secs().to_string();
            // Ends the whole process group, so that no test program is left behind.
            let timeout = ["timeout", "--kill-after=30", &seconds].map(str::to_owned);
            command.splice(0..0, timeout);
        }
        let mut expression = duct::cmd(&command[0], &command[1..]).stdin_null().unchecked();
        if context.without_godot {
            expression = expression.env("GODOT_INTEROP", "skip");
        }
        for (name, value) in &self.environment {
            expression = expression.env(name, value);
        }
        expression
    }

    fn check(&self, result: io::Result<Output>) -> Result<Output, Failure> {
        let reason = match result {
            Ok(output) if output.status.success() => return Ok(output),
            Ok(output) => how(output.status),
            Err(error) => error.to_string(),
        };
        Err(Failure {
            step: self.name,
            reason,
            advice: self.advice.to_owned(),
        })
    }
}

/// The command line.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={value} ")?;
        }
        let program = self.command[0].rsplit(['/', '\\']).next().unwrap_or_default();
        write!(f, "{program}")?;
        self.command[1..].iter().try_for_each(|word| write!(f, " {word}"))
    }
}

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) reason: String,
    pub(crate) advice: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The step \"{}\" failed: {}.", self.step, self.reason)?;
        if self.advice.is_empty() {
            return Ok(());
        }
        write!(f, "\n{}", self.advice)
    }
}

/// Whether a program is there and ends well; shows nothing.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let expression = duct::cmd(program, arguments).stdin_null().stdout_null().stderr_null();
    expression.run().is_ok()
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) if TIME_WAS_UP.contains(&code) => {
            "it took too long and was ended; what began and did not end above hangs".to_owned()
        }
        _ => status.to_string(),
    }
}
