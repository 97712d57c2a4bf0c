//! A figure that a server keeps to.

use std::fmt;

/// A figure and what it has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// What was measured.
    pub what: &'static str,
    /// How much it was; infinite for what did not happen in time.
    pub value: f64,
    /// The most or the least it may be.
    pub limit: f64,
    /// Which of the two.
    pub bound: Bound,
    /// The unit of both.
    pub unit: &'static str,
}

/// On which side of its limit a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It may not be more.
    AtMost,
    /// It may not be less.
    AtLeast,
}

impl Target {
    /// Whether the figure is within the limit. What could not be measured is not.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost => self.value <= self.limit,
            Bound::AtLeast => self.value >= self.limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target {
            what,
            value,
            limit,
            bound,
            unit,
        } = self;
        let sign = match bound {
            Bound::AtMost => '≤',
            Bound::AtLeast => '≥',
        };
        let mark = if self.is_met() { "✓" } else { "✗" };
        write!(f, "{mark} {what} ")?;
        let separator = if unit.is_empty() { "" } else { " " };
        match value.is_infinite() {
            true => write!(f, "never ({sign} {limit}{separator}{unit})"),
            false => write!(f, "{}{separator}{unit} ({sign} {})", Rounded(*value), Rounded(*limit)),
        }
    }
}

/// Whole numbers as they are, others with a digit or two behind the point.
struct Rounded(f64);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.fract() == 0.0 => write!(f, "{value:.0}"),
            value if value.abs() < 1.0 => write!(f, "{value:.2}"),
            value => write!(f, "{value:.1}"),
        }
    }
}

pub(crate) fn at_most(what: &'static str, value: f64, limit: f64, unit: &'static str) -> Target {
    Target {
        what,
        value,
        limit,
        bound: Bound::AtMost,
        unit,
    }
}

pub(crate) fn at_least(what: &'static str, value: f64, limit: f64, unit: &'static str) -> Target {
    Target {
        bound: Bound::AtLeast,
        ..at_most(what, value, limit, unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_up_to_its_limit() {
        let target = |value| at_most("bytes back for each", value, 1.0, "");
        assert!(target(0.0).is_met() && target(1.0).is_met());
        assert!(!target(1.01).is_met() && !target(f64::NAN).is_met());
        let target = |value| at_least("served for", value, 5.0, "s");
        assert!(target(5.0).is_met() && !target(4.9).is_met() && !target(f64::NAN).is_met());
    }

    #[test]
    fn a_target_tells_figure_limit_and_verdict() {
        assert_eq!(
            at_most("healthy p99", 0.31, 5.4, "ms").to_string(),
            "✓ healthy p99 0.31 ms (≤ 5.4)"
        );
        assert_eq!(
            at_least("served for", 70.0, 5.0, "s").to_string(),
            "✓ served for 70 s (≥ 5)"
        );
        assert_eq!(
            at_most("healthy lost", 2.0, 0.0, "").to_string(),
            "✗ healthy lost 2 (≤ 0)"
        );
        assert_eq!(
            at_most("join after", f64::INFINITY, 0.6, "s").to_string(),
            "✗ join after never (≤ 0.6 s)"
        );
    }
}
