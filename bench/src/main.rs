//! Measures this ENet side by side with C ENet, other ENet hosts in Rust and QUIC.
//!
//! Every measurement is a process of its own with the server and its clients on threads of their own; all implementations run
//! in turn, several times, and are compared within a turn, so that a machine whose speed drifts does not matter.

mod case;
mod child;
mod choice;
mod figure;
mod instructions;
mod measure;
mod network;
mod report;
mod runner;
mod scenario;
mod side;
mod statistics;
mod targets;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use clap::Parser;

use crate::case::{Case, Implementation};
use crate::measure::heap::Counting;
use crate::report::Report;
use crate::scenario::Effort;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures this ENet side by side with C ENet, other ENet hosts in Rust and QUIC.
///
/// Without arguments it takes about ten minutes; the tables and charts go to target/bench.
#[derive(Debug, Parser)]
struct Arguments {
    /// Everything, with the numbers that the published tables have: an hour or so.
    #[arg(long)]
    full: bool,

    /// Only the scenarios with these names; a word that is no name stands for all whose names contain it.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,

    /// Only these implementations: c, ours, ours-dtls, bare, rusty-enet, tokio-enet, quinn, udp, udp-offload. C is what the others are compared with.
    #[arg(long, value_delimiter = ',', value_parser = parse_implementation)]
    implementations: Vec<Implementation>,

    /// How many times each is timed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Where to put the tables and charts.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,

    /// Names all scenarios, marks those that need --full, and ends.
    #[arg(long)]
    list: bool,

    /// Counts the instructions of the micro-benchmarks with valgrind instead, and fails if they are more than recorded.
    #[arg(long)]
    instructions: bool,

    /// Records the instructions as what to compare with.
    #[arg(long, requires = "instructions")]
    record: bool,

    /// One micro-benchmark, for the process of it.
    #[arg(long = "piece", hide = true)]
    piece: Option<String>,

    /// One measurement, for the process of it.
    #[arg(long = "case", hide = true)]
    case: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match (&arguments.case, &arguments.piece) {
        (Some(case), _) => run_case(case).map(|()| true),
        (None, Some(piece)) => {
            instructions::run_piece(piece);
            Ok(true)
        }
        (None, None) if arguments.instructions => instructions::run(arguments.record),
        (None, None) => run_all(&arguments).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_case(case: &str) -> io::Result<()> {
    let case: Case = serde_json::from_str(case)?;
    println!("{}", serde_json::to_string(&child::run(&case))?);
    Ok(())
}

fn run_all(arguments: &Arguments) -> io::Result<()> {
    if arguments.list {
        choice::list();
        return Ok(());
    }
    let effort = if arguments.full { Effort::Full } else { Effort::Short };
    let scenarios = choice::choose(effort, &arguments.only).map_err(io::Error::other)?;
    let chosen = |implementation| {
        let chosen = &arguments.implementations;
        chosen.is_empty() || chosen.contains(&implementation)
    };
    let mut report = Report::new(arguments.rounds);
    fs::create_dir_all(&arguments.output)?;
    for scenario in scenarios {
        let pairs: Vec<_> = scenario
            .pairs
            .iter()
            .copied()
            .filter(|pair| (chosen(pair.client) || pair.client == Implementation::Swarm) && chosen(pair.server))
            .collect();
        let runs = runner::run(&scenario, &pairs, arguments.rounds);
        report.add(scenario, runs);
        report.write(&arguments.output)?;
    }
    println!("{}", report.markdown());
    Ok(())
}

fn parse_implementation(name: &str) -> Result<Implementation, String> {
    let quoted = serde_json::Value::from(name);
    serde_json::from_value(quoted).map_err(|error| error.to_string())
}
