//! What was seen, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use crate::healthy::Latency;
use crate::target::Target;

/// What one attack on one server came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The attack's name.
    pub attack: &'static str,
    /// The server's.
    pub server: String,
    /// What the attacker achieved, in words.
    pub achieved: String,
    /// What the server should have kept to, and whether it did.
    pub targets: Vec<Target>,
    /// The healthy peers before the attack.
    pub quiet: Latency,
    /// The healthy peers during it.
    pub during: Latency,
    /// How many healthy peers lost their connection.
    pub lost: usize,
    /// How long a stock client took to join in the middle of it; `None` if it could not within 3 s.
    pub joined_during: Option<Duration>,
    /// The same after it, within 30 s.
    pub joined_after: Option<Duration>,
    /// The share of one processor that the server used meanwhile, if it could be known.
    pub processor: Option<f64>,
    /// The server's memory before, at most, and after, in bytes.
    pub memory: Option<[u64; 3]>,
}

impl Report {
    /// What the server should have kept to and did not.
    pub fn missed(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| !target.is_met())
    }
}

/// The reports as a table in Markdown.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let mut text = String::from(
        "| attack | server | what came of it | p50 / p99 before | p50 / p99 meanwhile | lost | join meanwhile | join after | CPU | memory before, most, after | targets |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for report in reports {
        let healthy = report.quiet.messages > 0;
        let unless_alone = |text: String| if healthy { text } else { "-".to_owned() };
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            report.attack,
            report.server,
            report.achieved,
            unless_alone(report.quiet.to_string()),
            unless_alone(report.during.to_string()),
            unless_alone(format!("{} of {}", report.lost, crate::healthy::COUNT)),
            unless_alone(joined(report.joined_during)),
            unless_alone(joined(report.joined_after)),
            report
                .processor
                .map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0)),
            report.memory.map_or("-".to_owned(), memory),
            verdict(report),
        );
    }
    text
}

/// That all were met, or which were not.
fn verdict(report: &Report) -> String {
    let missed: Vec<String> = report.missed().map(ToString::to_string).collect();
    match missed[..] {
        [] => format!("all {} met", report.targets.len()),
        _ => missed.join(", "),
    }
}

fn joined(time: Option<Duration>) -> String {
    time.map_or("no".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
}

fn memory([before, most, after]: [u64; 3]) -> String {
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    format!("{:.1}, {:.1}, {:.1} MiB", mib(before), mib(most), mib(after))
}
