//! Round trip time and its variance.
//!
//! Kept in microseconds inside: in whole milliseconds, as C ENet has them, they stick at a few milliseconds on a fast network.

use std::time::Duration;

use crate::time::Time;

/// What is assumed before anything was measured (ENet's `ENET_PEER_DEFAULT_ROUND_TRIP_TIME`).
const DEFAULT_ROUND_TRIP_TIME: u32 = 500_000;

/// The least room a time-out leaves beyond the round trip time. Acknowledgements of programs that serve the network once a
/// frame come in bursts, which a variance of microseconds would take for losses.
pub(super) const LEAST_TIMEOUT_MARGIN: Duration = Duration::from_millis(10);

/// How long a resend waits at most, once the round trip time is known and below it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The estimates for one peer. All in microseconds, of which 32 bits hold more than an hour.
#[derive(Debug)]
pub(crate) struct RoundTrip {
    mean: u32,
    variance: u32,
    lowest: u32,
    highest_variance: u32,
    /// The lowest mean and the highest variance of the throttle interval before this one.
    last: u32,
    last_variance: u32,
    interval_began: Time,
    sampled: bool,
}

impl Default for RoundTrip {
    fn default() -> RoundTrip {
        RoundTrip {
            mean: DEFAULT_ROUND_TRIP_TIME,
            variance: 0,
            sampled: false,
            lowest: DEFAULT_ROUND_TRIP_TIME,
            highest_variance: 0,
            last: DEFAULT_ROUND_TRIP_TIME,
            last_variance: 0,
            interval_began: Time::ZERO,
        }
    }
}

impl RoundTrip {
    /// Whether anything was measured yet.
    pub(crate) fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// Takes a measurement.
    pub(crate) fn sample(&mut self, now: Time, sample: Duration, throttle_interval: Duration) {
        let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX).max(1);
        if self.sampled {
            self.variance -= self.variance / 4;
            if sample >= self.mean {
                self.variance += (sample - self.mean) / 4;
                self.mean += (sample - self.mean) / 8;
            } else {
                self.variance += (self.mean - sample) / 4;
                self.mean -= (self.mean - sample) / 8;
            }
        } else {
            self.mean = sample;
            self.variance = sample.div_ceil(2);
        }
        self.lowest = self.lowest.min(self.mean);
        self.highest_variance = self.highest_variance.max(self.variance);
        if !self.sampled || now.saturating_since(self.interval_began) >= throttle_interval {
            self.last = self.lowest;
            self.last_variance = self.highest_variance.max(1);
            self.lowest = self.mean;
            self.highest_variance = self.variance;
            self.interval_began = now;
        }
        self.sampled = true;
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_micros(self.mean.into())
    }

    /// How long to wait for an acknowledgement before the first resend.
    pub(crate) fn timeout(&self) -> Duration {
        let margin = Duration::from_micros(4 * u64::from(self.variance));
        let least = if self.sampled {
            LEAST_TIMEOUT_MARGIN
        } else {
            Duration::ZERO
        };
        self.mean() + margin.max(least)
    }

    /// The most that the doubling of time-outs leads to. Without it a line that was cut for some seconds would be given up
    /// although it works again, for want of anything sent meanwhile.
    pub(crate) fn longest_wait(&self) -> Duration {
        if self.sampled {
            LONGEST_WAIT.max(self.timeout())
        } else {
            Duration::MAX
        }
    }

    /// Mean, variance, last mean, last variance in milliseconds, as ENet counts them.
    pub(crate) fn in_millis(&self) -> [u32; 4] {
        let at_least_one = u32::from(self.sampled);
        [
            millis(self.mean).max(1),
            millis(self.variance).max(at_least_one),
            millis(self.last).max(1),
            millis(self.last_variance).max(at_least_one),
        ]
    }

    /// When the present throttle interval began, if it has.
    pub(crate) fn interval_began(&self) -> Option<Time> {
        self.sampled.then_some(self.interval_began)
    }
}

/// Rounded up, so that what is below a millisecond does not vanish.
fn millis(micros: u32) -> u32 {
    micros.div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    fn sample(round_trip: &mut RoundTrip, at: u64, millis: u64) {
        round_trip.sample(Time::from_millis(at), Duration::from_millis(millis), INTERVAL);
    }

    #[test]
    fn the_first_sample_replaces_the_default() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.in_millis(), [500, 0, 500, 0]);
        sample(&mut round_trip, 100, 40);
        assert_eq!(round_trip.in_millis(), [40, 20, 40, 20]);
        assert_eq!(round_trip.timeout(), Duration::from_millis(120));
    }

    #[test]
    fn later_samples_move_the_mean_by_an_eighth() {
        let mut round_trip = RoundTrip::default();
        sample(&mut round_trip, 100, 40);
        sample(&mut round_trip, 200, 80);
        assert_eq!(round_trip.mean(), Duration::from_millis(45));
        assert_eq!(round_trip.in_millis()[1], 25);
    }

    #[test]
    fn the_reference_is_renewed_when_the_interval_has_passed() {
        let mut round_trip = RoundTrip::default();
        sample(&mut round_trip, 0, 40);
        sample(&mut round_trip, 100, 400);
        assert_eq!(round_trip.in_millis()[2], 40);
        sample(&mut round_trip, 5000, 400);
        assert_eq!(round_trip.in_millis()[2], 40, "the lowest of the interval that ended");
        assert_eq!(round_trip.in_millis()[3], 158);
    }

    #[test]
    fn on_a_fast_network_the_mean_comes_down_to_microseconds() {
        let mut round_trip = RoundTrip::default();
        sample(&mut round_trip, 0, 20);
        for at in 0..200 {
            round_trip.sample(Time::from_millis(at), Duration::from_micros(50), INTERVAL);
        }
        assert!(round_trip.mean() < Duration::from_micros(100));
    }
}
