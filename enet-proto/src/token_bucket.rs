//! A limit on how often something happens.

use crate::time::Time;

/// What one token is counted as, so that a rate per second fills in whole units per microsecond.
const TOKEN: i64 = 1_000_000;

/// Lets a number of things happen per second, and as many at once after a second without any.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    per_second: u32,
    /// Below zero if more was charged than there was.
    level: i64,
    filled: Time,
}

impl TokenBucket {
    pub(crate) fn new(per_second: u32, now: Time) -> TokenBucket {
        TokenBucket {
            per_second,
            level: i64::from(per_second) * TOKEN,
            filled: now,
        }
    }

    /// Whether another one may happen now; if so it is counted.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let enough = self.has_any(now);
        if enough {
            self.charge(1);
        }
        enough
    }

    /// Whether another one may happen now.
    pub(crate) fn has_any(&mut self, now: Time) -> bool {
        self.part(now) >= TOKEN
    }

    /// Whether more than a quarter of what may happen at once is left.
    pub(crate) fn has_plenty(&mut self, now: Time) -> bool {
        self.part(now) > i64::from(self.per_second) * TOKEN / 4
    }

    /// Counts `count` that have happened. What there is no more for has to be waited for later.
    pub(crate) fn charge(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.level = self.level.saturating_sub(count.saturating_mul(TOKEN));
    }

    /// What there is now.
    fn part(&mut self, now: Time) -> i64 {
        let elapsed = i64::try_from(now.saturating_since(self.filled).as_micros()).unwrap_or(i64::MAX);
        let rate = i64::from(self.per_second);
        self.level = elapsed
            .saturating_mul(rate)
            .saturating_add(self.level)
            .min(rate * TOKEN);
        self.filled = now;
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_rest_lets_a_second_s_worth_happen_at_once() {
        let mut bucket = TokenBucket::new(3, Time::ZERO);
        let taken = |bucket: &mut TokenBucket, now| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(&mut bucket, Time::ZERO), 3);
        assert_eq!(taken(&mut bucket, Time::from_millis(334)), 1);
        assert_eq!(taken(&mut bucket, Time::from_millis(60_000)), 3);
    }

    #[test]
    fn what_was_charged_beyond_what_there_was_is_waited_for() {
        let mut bucket = TokenBucket::new(10, Time::ZERO);
        bucket.charge(30);
        assert!(!bucket.has_any(Time::from_millis(2000)));
        assert!(bucket.has_any(Time::from_millis(2100)));
    }
}
