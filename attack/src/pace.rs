//! So many a second, for so long.

use std::time::{Duration, Instant};

/// Gives the turns of a steady rate.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    end: Instant,
    per_second: f64,
    given: u64,
}

impl Pace {
    pub(crate) fn new(per_second: f64, duration: Duration) -> Pace {
        let start = Instant::now();
        Pace {
            start,
            end: start + duration,
            per_second,
            given: 0,
        }
    }

    /// Waits until it is time, for about a millisecond's worth of turns; `None` when the time is over. One that fell behind by
    /// more than that does not catch up, so that it never sends a burst.
    pub(crate) fn turns(&mut self) -> Option<u64> {
        loop {
            let now = Instant::now();
            if now >= self.end {
                return None;
            }
            let owed = ((now - self.start).as_secs_f64() * self.per_second) as u64;
            let turns = owed.saturating_sub(self.given);
            if turns > 0 {
                self.given = owed;
                return Some(turns.min((self.per_second * 0.02) as u64 + 1));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
