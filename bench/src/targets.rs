//! What this project has set itself to reach, in relation to C.

use crate::case::{Implementation, Pair};
use crate::figure::{Better, Figure};
use crate::runner::Runs;
use crate::statistics::{Spread, base, of_pair};

/// A bound on a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// How the names of its scenarios begin.
    pub(crate) scenario: &'static str,
    pub(crate) pair: Pair,
    pub(crate) figure: Figure,
    pub(crate) bound: Bound,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// In relation to C to C.
    TimesC(f64),
    /// In relation to another implementation.
    Times(Implementation, f64),
    /// In the figure's unit.
    Plain(f64),
}

/// What became of a target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) target: Target,
    /// Over the turns, and the median decides. `None` if it, or what it is compared with, did not finish.
    pub(crate) value: Option<Spread>,
}

const OURS: Pair = Pair::both(Implementation::Ours);
const DTLS: Pair = Pair::both(Implementation::OursDtls);
const OURS_TO_C: Pair = Pair {
    client: Implementation::Ours,
    server: Implementation::C,
};

const fn times(scenario: &'static str, figure: Figure, bound: f64) -> Target {
    Target {
        scenario,
        pair: OURS,
        figure,
        bound: Bound::TimesC(bound),
    }
}

/// Of a server, with the clients that all servers get.
const fn served(scenario: &'static str, figure: Figure, bound: f64) -> Target {
    Target {
        pair: Pair::serving(Implementation::Ours),
        ..times(scenario, figure, bound)
    }
}

const fn plain(scenario: &'static str, pair: Pair, figure: Figure, bound: f64) -> Target {
    Target {
        scenario,
        pair,
        figure,
        bound: Bound::Plain(bound),
    }
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    times("bulk", Figure::MebibytesPerSecond, 4.0),
    times("bulk", Figure::CpuPerMebibyte, 0.35),
    Target {
        bound: Bound::Times(Implementation::Quinn, 1.0),
        ..times("bulk", Figure::MebibytesPerSecond, 1.0)
    },
    Target {
        pair: OURS_TO_C,
        ..times("bulk", Figure::MebibytesPerSecond, 1.5)
    },
    Target {
        pair: DTLS,
        bound: Bound::Times(Implementation::Ours, 1.5),
        ..times("bulk", Figure::CpuPerMebibyte, 1.5)
    },
    times("small-reliable", Figure::CpuPerMessage, 0.5),
    times("small-reliable", Figure::MessagesPerSecond, 2.0),
    times("ping-pong", Figure::Median, 0.85),
    times("ping-pong", Figure::Percentile99, 0.85),
    times("ping-pong", Figure::CpuPerRoundTrip, 0.65),
    served("fan-out-1000", Figure::ServerCpuPerMessage, 0.65),
    served("few-among", Figure::ServerCpu, 0.25),
    served("idle-4000", Figure::ServerCpu, 0.7),
    times("memory-1000-255", Figure::HeapPerPeer, 0.1),
    times("memory-1000-2", Figure::HeapPerPeer, 1.0),
    plain("loss-2-bulk", OURS, Figure::ShareOfMeasuredLimit, 95.0),
    plain("loss-2-bulk", OURS_TO_C, Figure::ShareOfMeasuredLimit, 95.0),
    plain("loss-5-bulk", OURS, Figure::ShareOfMeasuredLimit, 90.0),
    plain("loss-5-bulk", OURS_TO_C, Figure::ShareOfMeasuredLimit, 90.0),
    times("loss-5-small", Figure::Percentile99, 0.7),
];

impl Target {
    /// Whether it is about this scenario.
    pub(crate) fn concerns(&self, scenario: &str) -> bool {
        let exact = self.scenario.ends_with(|last: char| last.is_ascii_digit());
        if exact {
            scenario == self.scenario
        } else {
            scenario.starts_with(self.scenario)
        }
    }

    pub(crate) fn judge(&self, runs: &[Runs]) -> Option<Verdict> {
        let own = of_pair(runs, self.pair)?;
        let compare = |other| own.ratio(other?, self.figure);
        let value = match self.bound {
            Bound::TimesC(_) => compare(base(runs)),
            Bound::Times(other, _) => compare(of_pair(runs, Pair::both(other))),
            Bound::Plain(_) => own.spread(self.figure),
        };
        Some(Verdict { target: *self, value })
    }
}

impl Verdict {
    pub(crate) fn is_met(&self) -> bool {
        let bound = self.target.bound.value();
        self.value.is_some_and(|value| match self.target.figure.better() {
            Better::Less => value.median <= bound,
            Better::More => value.median >= bound,
        })
    }
}

impl Bound {
    pub(crate) fn value(self) -> f64 {
        match self {
            Bound::TimesC(value) | Bound::Times(_, value) | Bound::Plain(value) => value,
        }
    }
}
