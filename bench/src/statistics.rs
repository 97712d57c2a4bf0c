//! Medians and ratios of several runs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::case::Pair;
use crate::figure::{Figure, Figures};
use crate::runner::{Outcome, Runs};
use crate::workload::Workload;

/// The middle and the ends of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => return None,
            length if length % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Spread {
            median,
            least: values[0],
            most: values[values.len() - 1],
        })
    }
}

impl Runs {
    /// The values of a figure over the runs that tell it.
    pub(crate) fn spread(&self, figure: Figure) -> Option<Spread> {
        Spread::of(self.of_rounds(figure).into_iter().flatten())
    }

    /// The figure in relation to that of `other` in the same round: speed may drift from one round to the next.
    pub(crate) fn ratio(&self, other: &Runs, figure: Figure) -> Option<Spread> {
        let pairs = self.of_rounds(figure).into_iter().zip(other.of_rounds(figure));
        Spread::of(
            pairs
                .filter_map(|(own, other)| Some(own? / other?))
                .filter(|ratio| ratio.is_finite()),
        )
    }

    /// What there are values of.
    pub(crate) fn figures(&self) -> BTreeSet<Figure> {
        let outcomes = self.timed.iter().chain([&self.thorough]);
        let measured = outcomes.filter_map(|outcome| match outcome {
            Outcome::Measured(figures) => Some(figures.keys().copied()),
            Outcome::Unfinished | Outcome::Failed(_) => None,
        });
        measured.flatten().collect()
    }

    fn of_rounds(&self, figure: Figure) -> Vec<Option<f64>> {
        if figure.is_counted() {
            return vec![self.thorough.value(figure)];
        }
        self.timed.iter().map(|outcome| outcome.value(figure)).collect()
    }

    /// Why there are no values, if there are none, when a run of `workload` may take `limit`.
    pub(crate) fn failure(&self, workload: &Workload, limit: Duration) -> Option<String> {
        let seconds = limit.as_secs();
        let slower = workload.mebibytes().map_or_else(String::new, |mebibytes| {
            format!(", so slower than {:.2} MiB/s", mebibytes / limit.as_secs_f64())
        });
        self.timed
            .iter()
            .chain([&self.thorough])
            .find_map(|outcome| match outcome {
                Outcome::Measured(_) => None,
                Outcome::Unfinished => Some(format!("did not finish within {seconds} s{slower}")),
                Outcome::Failed(why) => Some(format!("did not finish: {why}")),
            })
    }
}

impl Outcome {
    fn value(&self, figure: Figure) -> Option<f64> {
        match self {
            Outcome::Measured(figures) => lookup(figures, figure),
            Outcome::Unfinished | Outcome::Failed(_) => None,
        }
    }
}

/// Some figures are others in another unit.
fn lookup(figures: &Figures, figure: Figure) -> Option<f64> {
    match figure {
        Figure::CpuPerRoundTrip => figures.get(&Figure::CpuPerMessage).copied(),
        figure => figures.get(&figure).copied(),
    }
}

/// The runs that others are compared with.
pub(crate) fn base(runs: &[Runs]) -> Option<&Runs> {
    runs.iter().find(|runs| runs.pair.is_base())
}

/// The runs of a pair.
pub(crate) fn of_pair(runs: &[Runs], pair: Pair) -> Option<&Runs> {
    runs.iter().find(|runs| runs.pair == pair)
}
