//! Running cases in processes of their own, in turn.

use std::env;
use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, Pair};
use crate::figure::Figures;
use crate::scenario::Scenario;

/// How the process of a case is asked for it.
pub(crate) const CASE_ARGUMENT: &str = "--case";

/// Looking after a process so often costs it nothing.
const LOOK: Duration = Duration::from_millis(20);

/// What became of one run.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Measured(Figures),
    /// It took longer than allowed.
    Unfinished,
    /// It ended by itself, with these words.
    Failed(String),
}

/// The runs of one pair in a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    pub(crate) pair: Pair,
    /// The run that looked closely.
    pub(crate) thorough: Outcome,
    /// Those that were timed, the same number for each pair unless one does not finish.
    pub(crate) timed: Vec<Outcome>,
}

/// Runs a scenario: for each pair once thoroughly, then all pairs in turn, `rounds` times.
pub(crate) fn run(scenario: &Scenario, pairs: &[Pair], rounds: usize) -> Vec<Runs> {
    let mut all: Vec<Runs> = pairs
        .iter()
        .map(|&pair| Runs {
            pair,
            thorough: run_case(scenario, pair, 0, true),
            timed: Vec::new(),
        })
        .collect();
    for round in 0..rounds {
        for runs in &mut all {
            // What stalls once is not waited for again and again.
            let outcome = match runs.timed.last().unwrap_or(&runs.thorough) {
                Outcome::Unfinished => Outcome::Unfinished,
                _ => run_case(scenario, runs.pair, round as u64 + 1, false),
            };
            runs.timed.push(outcome);
        }
    }
    all
}

fn run_case(scenario: &Scenario, pair: Pair, seed: u64, thorough: bool) -> Outcome {
    let case = Case {
        pair,
        workload: scenario.workload_of(pair),
        network: scenario.network,
        seed,
        thorough,
    };
    eprint!("{}: {pair}{} ", scenario.id, if thorough { ", thorough" } else { "" });
    let _ = io::stderr().flush();
    let begin = Instant::now();
    let outcome = spawn(&case).and_then(|child| wait(child, scenario.limit));
    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
    let word = match &outcome {
        Outcome::Measured(_) => "",
        Outcome::Unfinished => "did not finish",
        Outcome::Failed(why) => why,
    };
    eprintln!("({:.1} s) {word}", begin.elapsed().as_secs_f64());
    outcome
}

fn spawn(case: &Case) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .arg(CASE_ARGUMENT)
        .arg(serde_json::to_string(case)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn wait(mut child: Child, limit: Duration) -> io::Result<Outcome> {
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(Outcome::Unfinished);
        }
        thread::sleep(LOOK);
    };
    let (mut output, mut errors) = (String::new(), String::new());
    if let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) {
        stdout.read_to_string(&mut output)?;
        stderr.read_to_string(&mut errors)?;
    }
    if !status.success() {
        let why = errors.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        return Ok(Outcome::Failed(format!("{status}: {why}")));
    }
    Ok(Outcome::Measured(serde_json::from_str(&output)?))
}
