//! What comes out: tables, data and charts.

mod chart;
mod machine;
mod markdown;

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use self::machine::Machine;
use crate::figure::Figure;
use crate::runner::{Outcome, Runs};
use crate::scenario::Scenario;
use crate::targets::{TARGETS, Verdict};

/// Everything that was measured.
pub(crate) struct Report {
    machine: Machine,
    rounds: usize,
    results: Vec<(Scenario, Vec<Runs>)>,
}

impl Report {
    pub(crate) fn new(rounds: usize) -> Report {
        Report {
            machine: Machine::this(),
            rounds,
            results: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, scenario: Scenario, runs: Vec<Runs>) {
        self.results.push((scenario, runs));
    }

    /// The tables.
    pub(crate) fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// Writes `results.md`, `results.json` and the charts.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("results.md"), self.markdown())?;
        fs::write(folder.join("results.json"), serde_json::to_string_pretty(&self.json())?)?;
        chart::draw(self, folder).map_err(io::Error::other)
    }

    /// Whether any run could count its system calls.
    fn counts_syscalls(&self) -> bool {
        let mut runs = self.results.iter().flat_map(|(_, runs)| runs);
        runs.any(|runs| runs.spread(Figure::SyscallsPerMessage).is_some())
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let judge = |(scenario, runs): &(Scenario, Vec<Runs>)| -> Vec<Verdict> {
            let targets = TARGETS.iter().filter(|target| target.concerns(&scenario.id));
            targets.filter_map(|target| target.judge(runs)).collect()
        };
        self.results.iter().flat_map(judge).collect()
    }

    fn json(&self) -> Value {
        let scenarios = self.results.iter().map(|(scenario, runs)| {
            let runs = runs.iter().map(|runs| {
                json!({
                    "pair": runs.pair,
                    "thorough": outcome(&runs.thorough),
                    "timed": runs.timed.iter().map(outcome).collect::<Vec<_>>(),
                })
            });
            json!({
                "id": scenario.id,
                "title": scenario.title,
                "workload": scenario.workload,
                "network": scenario.network,
                "runs": runs.collect::<Vec<_>>(),
            })
        });
        json!({
            "machine": self.machine.json(),
            "rounds": self.rounds,
            "scenarios": scenarios.collect::<Vec<_>>(),
        })
    }
}

fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Measured(figures) => json!(figures),
        Outcome::Unfinished => json!("did not finish"),
        Outcome::Failed(why) => json!(why),
    }
}
