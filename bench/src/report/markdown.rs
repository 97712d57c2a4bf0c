//! The tables.

use std::fmt::Write;

use super::Report;
use crate::figure::{Better, Figure};
use crate::runner::Runs;
use crate::scenario::Scenario;
use crate::statistics::{Spread, base};
use crate::targets::{Bound, Verdict};

pub(super) fn render(report: &Report) -> String {
    let mut text = format!(
        "Measured on: {}. Each {} times, in turn.\n",
        report.machine, report.rounds
    );
    text += "In each cell: median (least – most), and in bold the median of the ratios to C ENet within a turn.\n";
    if !report.counts_syscalls() {
        text += "System calls were not counted: the kernel lets root do so once `mount -t tracefs nodev /sys/kernel/tracing` was done.\n";
    }
    let verdicts = report.verdicts();
    if !verdicts.is_empty() {
        text += "\n## Targets\n\nThe median decides; in brackets is what the turns had.\n\n";
        text += &targets(&verdicts);
    }
    for (scenario, runs) in &report.results {
        text += &table(scenario, runs);
    }
    text
}

fn targets(verdicts: &[Verdict]) -> String {
    let mut text = String::from("| scenario | who | figure | target | measured | |\n|---|---|---|---|---|---|\n");
    for verdict in verdicts {
        let target = verdict.target;
        let sign = match target.figure.better() {
            Better::Less => "≤",
            Better::More => "≥",
        };
        let bound = match target.bound {
            Bound::TimesC(bound) => format!("{sign} {bound} × C"),
            Bound::Times(other, bound) => format!("{sign} {bound} × {}", other.name()),
            Bound::Plain(bound) => format!("{sign} {bound}"),
        };
        let value = verdict.value.map_or_else(|| "–".to_owned(), spread);
        let met = if verdict.is_met() { "met" } else { "**not met**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {bound} | {value} | {met} |",
            target.scenario,
            target.pair,
            target.figure.name(),
        );
    }
    text
}

fn table(scenario: &Scenario, runs: &[Runs]) -> String {
    let mut text = format!("\n## {}\n\n`{}`\n\n| |", scenario.title, scenario.id);
    for figure in &scenario.shows {
        let _ = write!(text, " {} |", figure.name());
    }
    text += "\n|---|";
    text += &"---|".repeat(scenario.shows.len());
    text += "\n";
    let c = base(runs);
    for own in runs {
        let _ = write!(text, "| {} |", own.pair);
        for &figure in &scenario.shows {
            let _ = write!(text, " {} |", cell(own, c, figure));
        }
        text += "\n";
    }
    for own in runs {
        if let Some(why) = own.failure(&scenario.workload_of(own.pair), scenario.limit) {
            let _ = writeln!(text, "\n{}: {why}.", own.pair);
        }
    }
    text
}

fn cell(own: &Runs, c: Option<&Runs>, figure: Figure) -> String {
    let Some(value) = own.spread(figure) else {
        return "–".to_owned();
    };
    let mut text = spread(value);
    let ratio = c.filter(|c| c.pair != own.pair).and_then(|c| own.ratio(c, figure));
    if let Some(ratio) = ratio {
        let _ = write!(text, " **{}×**", short(ratio.median));
    }
    text
}

/// The median, and the ends if they are others.
fn spread(Spread { median, least, most }: Spread) -> String {
    if short(least) == short(most) {
        return short(median);
    }
    format!("{} ({} – {})", short(median), short(least), short(most))
}

/// A number with some three digits that count.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e7 => format!("{:.1} M", value / 1e6),
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        0.0 => "0".into(),
        size if size >= 0.095 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
