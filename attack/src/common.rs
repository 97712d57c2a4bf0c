//! What a server that stands an attack keeps to, whichever it is.

use std::time::Duration;

use crate::attacks::{Scenario, Wait};
use crate::report::Report;
use crate::target::{Target, at_most};

/// What every attack has in common: how the healthy fared, who could join, and what memory there was.
pub(crate) fn targets(scenario: &Scenario, report: &Report) -> Vec<Target> {
    let mut targets = vec![at_most("healthy lost", report.lost as f64, 0.0, "")];
    let quiet = report.quiet.p99;
    let limit = match scenario.wait {
        Wait::Hardly => Some((quiet * 2).max(quiet + Duration::from_millis(5))),
        Wait::Longer(time) => Some(quiet + time),
        Wait::Whatever => None,
    };
    if let Some(limit) = limit {
        targets.push(at_most("healthy p99", millis(report.during.p99), millis(limit), "ms"));
    }
    targets.push(at_most("join meanwhile", seconds(report.joined_during), 3.0, "s"));
    targets.push(at_most("join after", seconds(report.joined_after), 0.6, "s"));
    if let (Some([before, most, _]), Some(limit)) = (report.memory, scenario.may_take) {
        let taken = most.saturating_sub(before) as f64 / 1_048_576.0;
        targets.push(at_most("memory taken", taken, limit, "MiB"));
    }
    targets
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn seconds(time: Option<Duration>) -> f64 {
    time.map_or(f64::INFINITY, |time| time.as_secs_f64())
}
