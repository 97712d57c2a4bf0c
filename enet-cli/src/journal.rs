//! Who came and went and what they tried, in the log, of which a storm of clients makes no flood.

use std::fmt::{self, Display};
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How many lines there may be in a second.
pub(crate) const LINES: u32 = 100;

/// That second.
const PERIOD: Duration = Duration::from_secs(1);

/// Writes the first lines of a second and sums up the others.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// When the second ends that the counts are of.
    until: Option<Instant>,
    lines: u32,
    untold: Untold,
}

/// How many got no line of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Untold {
    joined: u32,
    left: u32,
    calls: u32,
}

impl Journal {
    /// A client has joined.
    pub(crate) fn joined(&mut self, line: impl Display) {
        self.write(line, |untold| &mut untold.joined);
    }

    /// A client has left.
    pub(crate) fn left(&mut self, line: impl Display) {
        self.write(line, |untold| &mut untold.left);
    }

    /// A client has called a method of the server.
    pub(crate) fn called(&mut self, line: impl Display) {
        self.write(line, |untold| &mut untold.calls);
    }

    /// Waits until there is something to [sum up](Journal::sum_up); for ever if there is nothing.
    ///
    /// # Cancel safety
    /// Cancel safe: it waits for the same moment when called again.
    pub(crate) async fn due(&self) {
        match self.until {
            Some(until) if self.untold != Untold::default() => sleep_until(until).await,
            _ => pending().await,
        }
    }

    /// Tells of those who got no line of their own, if there are any.
    pub(crate) fn sum_up(&mut self) {
        let Journal { untold, .. } = std::mem::take(self);
        if untold != Untold::default() {
            tracing::info!("{untold}, too many for a line each");
        }
    }

    fn write(&mut self, line: impl Display, counter: fn(&mut Untold) -> &mut u32) {
        let now = Instant::now();
        if self.until.is_none_or(|until| until <= now) {
            self.sum_up();
            self.until = Some(now + PERIOD);
        }
        if self.lines < LINES {
            self.lines += 1;
            tracing::info!("{line}");
        } else {
            *counter(&mut self.untold) += 1;
        }
    }
}

impl Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Untold { joined, left, calls } = self;
        write!(
            f,
            "{joined} more joined, {left} more left, {calls} more calls of the server"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_for_a_second_is_summed_up_after_it() {
        let mut journal = Journal::default();
        for number in 0..LINES + 20 {
            journal.joined(number);
        }
        for number in 0..5 {
            journal.left(number);
        }
        for number in 0..3 {
            journal.called(number);
        }
        let [joined, left, calls] = [20, 5, 3];
        assert_eq!(journal.untold, Untold { joined, left, calls });
        let begun = Instant::now();
        journal.due().await;
        assert_eq!(begun.elapsed(), PERIOD);
        journal.sum_up();
        assert_eq!((journal.lines, journal.untold), (0, Untold::default()));
        journal.joined(0);
        assert_eq!((journal.lines, journal.untold), (1, Untold::default()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_get_a_line_each() {
        let mut journal = Journal::default();
        for _ in 0..10 {
            for number in 0..LINES {
                journal.joined(number);
            }
            tokio::time::advance(PERIOD).await;
        }
        assert_eq!(journal.untold, Untold::default());
    }
}
