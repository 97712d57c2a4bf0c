//! What comes out: tables, data and charts.

mod chart;
mod machine;
mod markdown;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use self::machine::Machine;
use crate::figure::{Better, Figure};
use crate::runner::{Outcome, Runs};
use crate::scenario::Scenario;
use crate::statistics::base;
use crate::targets::{Bound, TARGETS, Verdict};

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
        let scenarios = self.results.iter().map(|(scenario, all)| {
            let runs = all.iter().map(|runs| {
                json!({
                    "pair": runs.pair,
                    "figures": summary(runs, base(all)),
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
            "targets": self.verdicts().iter().map(verdict).collect::<Vec<_>>(),
            "scenarios": scenarios.collect::<Vec<_>>(),
        })
    }
}

/// Each figure of a pair over all turns, and in relation to C.
fn summary(own: &Runs, c: Option<&Runs>) -> BTreeMap<Figure, Value> {
    let figures = own.figures().into_iter().filter_map(|figure| {
        let ratio = c.and_then(|c| own.ratio(c, figure));
        let value = json!({ "value": own.spread(figure)?, "times-c": ratio });
        Some((figure, value))
    });
    figures.collect()
}

fn verdict(verdict: &Verdict) -> Value {
    let target = verdict.target;
    json!({
        "scenario": target.scenario,
        "pair": target.pair,
        "figure": target.figure,
        "bound": target.bound.value(),
        "in": match target.bound {
            Bound::TimesC(_) => json!("times C"),
            Bound::Times(other, _) => json!(format!("times {}", other.name())),
            Bound::Plain(_) => json!(target.figure.name()),
        },
        "better": match target.figure.better() {
            Better::Less => "less",
            Better::More => "more",
        },
        "value": verdict.value,
        "met": verdict.is_met(),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Measured(figures) => json!(figures),
        Outcome::Unfinished => json!("did not finish"),
        Outcome::Failed(why) => json!(why),
    }
}
