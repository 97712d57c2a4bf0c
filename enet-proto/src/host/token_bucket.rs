//! A limit on how often something happens.

use crate::time::Time;

/// What one token is counted as, so that a rate per second fills in whole units per microsecond.
const TOKEN: u64 = 1_000_000;

/// Lets a number of things happen per second, and as many at once after a second without any.
#[derive(Debug)]
pub(super) struct TokenBucket {
    per_second: u32,
    level: u64,
    filled: Time,
}

impl TokenBucket {
    pub(super) fn new(per_second: u32, now: Time) -> TokenBucket {
        TokenBucket {
            per_second,
            level: u64::from(per_second) * TOKEN,
            filled: now,
        }
    }

    /// Whether another one may happen now; if so it is counted.
    pub(super) fn take(&mut self, now: Time) -> bool {
        let elapsed = now.saturating_since(self.filled).as_micros() as u64;
        let rate = u64::from(self.per_second);
        self.level = elapsed
            .saturating_mul(rate)
            .saturating_add(self.level)
            .min(rate * TOKEN);
        self.filled = now;
        let enough = self.level >= TOKEN;
        if enough {
            self.level -= TOKEN;
        }
        enough
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
}
