//! How much peers may call.

use enet_proto::Time;

use crate::bucket::{Bucket, THING};

/// The part of time for which a bucket holds its rate, in seconds.
const BURST_SECONDS: i64 = 2;

/// How much one peer may call, and what follows if it does not call as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLimits {
    /// How many calls in a second; those of two seconds at once. 0 for unlimited. Default 10 000: more than 160 in each of 60 ticks.
    pub calls_per_second: u32,
    /// How many bytes of calls in a second; those of two seconds at once. 0 for unlimited. Default 16 MiB.
    pub bytes_per_second: u32,
    /// How many bytes the arguments of one call may have. Default 1 MiB.
    pub argument_bytes: usize,
    /// In how many containers a value may be. Default 64.
    pub depth: usize,
    /// After how many refused calls a server disconnects the peer, with
    /// [`Departure::BadCalls`](crate::Departure::BadCalls). Default never, as Godot. A client does not look at it.
    pub kick_after: Option<u64>,
}

impl Default for CallLimits {
    fn default() -> CallLimits {
        CallLimits {
            calls_per_second: 10_000,
            bytes_per_second: 16 << 20,
            argument_bytes: 1 << 20,
            depth: godot_variant::binary::DEFAULT_DEPTH,
            kick_after: None,
        }
    }
}

impl CallLimits {
    /// Sets [`calls_per_second`](CallLimits::calls_per_second) and [`bytes_per_second`](CallLimits::bytes_per_second).
    #[must_use]
    pub fn with_rate(mut self, calls_per_second: u32, bytes_per_second: u32) -> CallLimits {
        self.calls_per_second = calls_per_second;
        self.bytes_per_second = bytes_per_second;
        self
    }

    /// Sets [`argument_bytes`](CallLimits::argument_bytes).
    #[must_use]
    pub fn with_argument_bytes(mut self, bytes: usize) -> CallLimits {
        self.argument_bytes = bytes;
        self
    }

    /// Sets [`depth`](CallLimits::depth).
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> CallLimits {
        self.depth = depth;
        self
    }

    /// Sets [`kick_after`](CallLimits::kick_after).
    #[must_use]
    pub fn with_kick_after(mut self, refused: u64) -> CallLimits {
        self.kick_after = Some(refused);
        self
    }
}

/// What one peer may still call.
#[derive(Debug)]
pub(super) struct Allowance {
    calls: Bucket,
    bytes: Bucket,
}

impl Allowance {
    pub(super) fn new(now: Time, limits: &CallLimits) -> Allowance {
        Allowance {
            calls: Bucket::with(burst(limits.calls_per_second), now),
            bytes: Bucket::with(burst(limits.bytes_per_second), now),
        }
    }

    /// Whether it may make a call of so many bytes, which is then counted.
    pub(super) fn take(&mut self, now: Time, limits: &CallLimits, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let has_some = |bucket: &mut Bucket, rate| {
            bucket.fill(now, rate, burst(rate));
            rate == 0 || bucket.level() > 0
        };
        let is_allowed =
            has_some(&mut self.calls, limits.calls_per_second) && has_some(&mut self.bytes, limits.bytes_per_second);
        if is_allowed {
            self.calls.charge(1);
            self.bytes.charge(bytes);
        }
        is_allowed
    }
}

/// What there may be at most of something with this rate.
fn burst(rate: u32) -> i64 {
    i64::from(rate) * THING * BURST_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(allowance: &mut Allowance, now: Time, limits: &CallLimits, bytes: usize) -> usize {
        (0..100_000).take_while(|_| allowance.take(now, limits, bytes)).count()
    }

    #[test]
    fn two_seconds_worth_may_come_at_once_and_then_a_rate() {
        let limits = CallLimits::default().with_rate(100, 0);
        let mut allowance = Allowance::new(Time::ZERO, &limits);
        assert_eq!(taken(&mut allowance, Time::ZERO, &limits, 1 << 30), 200);
        assert_eq!(taken(&mut allowance, Time::from_millis(500), &limits, 1), 50);
        assert_eq!(taken(&mut allowance, Time::from_millis(3_600_000), &limits, 1), 200);
    }

    #[test]
    fn bytes_are_a_rate_of_their_own() {
        let limits = CallLimits::default().with_rate(0, 1000);
        let mut allowance = Allowance::new(Time::ZERO, &limits);
        assert_eq!(taken(&mut allowance, Time::ZERO, &limits, 500), 4);
        // The last one may take more than there is, which is paid back.
        assert_eq!(taken(&mut allowance, Time::from_millis(100), &limits, 1100), 1);
        assert_eq!(taken(&mut allowance, Time::from_millis(1100), &limits, 1), 0);
        assert!(taken(&mut allowance, Time::from_millis(1200), &limits, 100) > 0);
    }
}
