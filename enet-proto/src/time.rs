//! Time as the protocol sees it: a count of microseconds that the driver passes in.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in time, in microseconds since an epoch that the driver picks.
///
/// The epoch may be anything that never moves, usually the start of the program. The protocol only compares and subtracts
/// times, and puts the low 16 bits of the milliseconds on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The epoch itself.
    pub const ZERO: Time = Time(0);

    /// The end of time, for what is not going to happen.
    pub(crate) const NEVER: Time = Time(u64::MAX);

    /// The point `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Time {
        Time(micros)
    }

    /// The point `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Time {
        Time(millis.saturating_mul(1000))
    }

    /// Whole microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// What a datagram carries as its sent time: the low 16 bits of the milliseconds.
    pub(crate) const fn wire(self) -> u16 {
        self.as_millis() as u16
    }

    /// The latest time not after `self` whose wire form is `wire`, or `None` if that lies more than half the 16-bit range
    /// back, which is how a time in the future looks.
    pub(crate) fn extend_wire(self, wire: u16) -> Option<Time> {
        let age = self.wire().wrapping_sub(wire);
        if age >= 0x8000 {
            return None;
        }
        Some(Time::from_millis(self.as_millis().saturating_sub(u64::from(age))))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(micros(duration)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(micros(duration)))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_time_is_extended_to_the_recent_past() {
        let now = Time::from_millis(0x2_0005);
        assert_eq!(now.extend_wire(0x0005), Some(now));
        assert_eq!(now.extend_wire(0xFFFF), Some(Time::from_millis(0x1_FFFF)));
    }

    #[test]
    fn a_wire_time_ahead_of_now_is_refused() {
        let now = Time::from_millis(0x2_0005);
        assert_eq!(now.extend_wire(0x0006), None);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Time::ZERO - Duration::from_secs(1), Time::ZERO);
        assert_eq!(Time::ZERO.saturating_since(Time::from_millis(5)), Duration::ZERO);
    }
}
