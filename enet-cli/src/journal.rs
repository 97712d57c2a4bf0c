//! Who came and went, in the log, of which a storm of clients makes no flood.

use std::fmt::Display;
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How many lines there may be in a second.
const LINES: u32 = 100;

/// That second.
const PERIOD: Duration = Duration::from_secs(1);

/// Writes the first lines of a second and sums up the others.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// When the second ends that the counts are of.
    until: Option<Instant>,
    lines: u32,
    joined: u32,
    left: u32,
}

impl Journal {
    /// A client has joined.
    pub(crate) fn joined(&mut self, line: impl Display) {
        if self.has_room() {
            tracing::info!("{line}");
        } else {
            self.joined += 1;
        }
    }

    /// A client has left.
    pub(crate) fn left(&mut self, line: impl Display) {
        if self.has_room() {
            tracing::info!("{line}");
        } else {
            self.left += 1;
        }
    }

    /// Waits until there is something to [sum up](Journal::sum_up); for ever if there is nothing.
    ///
    /// # Cancel safety
    /// Cancel safe: it waits for the same moment when called again.
    pub(crate) async fn due(&self) {
        match self.until {
            Some(until) if self.joined + self.left > 0 => sleep_until(until).await,
            _ => pending().await,
        }
    }

    /// Tells of those who got no line of their own, if there are any.
    pub(crate) fn sum_up(&mut self) {
        let Journal { joined, left, .. } = std::mem::take(self);
        if joined + left > 0 {
            tracing::info!("{joined} more joined and {left} more left, too many for a line each");
        }
    }

    fn has_room(&mut self) -> bool {
        let now = Instant::now();
        if self.until.is_none_or(|until| until <= now) {
            self.sum_up();
            self.until = Some(now + PERIOD);
        }
        self.lines += 1;
        self.lines <= LINES
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
        assert_eq!((journal.joined, journal.left), (20, 5));
        let begun = Instant::now();
        journal.due().await;
        assert_eq!(begun.elapsed(), PERIOD);
        journal.sum_up();
        assert_eq!((journal.lines, journal.joined, journal.left), (0, 0, 0));
        assert!(journal.has_room());
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
        assert_eq!(journal.joined, 0);
    }
}
