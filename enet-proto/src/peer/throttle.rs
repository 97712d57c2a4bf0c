//! The throttle: how large a part of the unreliable packets leaves.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::round_trip::RoundTrip;
use crate::wire;

/// All packets pass at this value (ENet's `ENET_PEER_PACKET_THROTTLE_SCALE`).
pub(crate) const THROTTLE_SCALE: u32 = 32;
const ALL: u8 = THROTTLE_SCALE as u8;

/// ENet's `ENET_PEER_PACKET_THROTTLE_INTERVAL`, in milliseconds.
const DEFAULT_INTERVAL: u32 = 5000;

/// ENet's `ENET_PEER_PACKET_THROTTLE_ACCELERATION` and `..._DECELERATION`.
const DEFAULT_STEP: u32 = 2;

/// The throttle of one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttle {
    /// Of [`THROTTLE_SCALE`], as the limit.
    value: u8,
    limit: u8,
    /// The last draw, shown in the statistics.
    counter: u8,
    pub(crate) interval: u32,
    pub(crate) acceleration: u32,
    pub(crate) deceleration: u32,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle {
            value: ALL,
            limit: ALL,
            counter: 0,
            interval: DEFAULT_INTERVAL,
            acceleration: DEFAULT_STEP,
            deceleration: DEFAULT_STEP,
        }
    }
}

impl Throttle {
    pub(crate) fn value(&self) -> u32 {
        self.value.into()
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.into()
    }

    pub(crate) fn counter(&self) -> u32 {
        self.counter.into()
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_millis(u64::from(self.interval))
    }

    /// Adapts to a round trip, seen against those of the interval before.
    pub(super) fn adapt(&mut self, sample: Duration, round_trip: &RoundTrip) -> Verdict {
        let verdict = verdict(sample, round_trip);
        match verdict {
            Verdict::Open => self.value = self.limit,
            Verdict::Short => {
                self.value = self.value().saturating_add(self.acceleration).min(self.limit()) as u8;
            }
            Verdict::Usual => {}
            Verdict::Long | Verdict::Congested => self.value = self.value().saturating_sub(self.deceleration) as u8,
        }
        verdict
    }

    /// Sets the most that the value may rise to.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit.min(THROTTLE_SCALE) as u8;
        self.value = self.value.min(self.limit);
    }

    /// Whether the next unreliable packet is to be dropped.
    ///
    /// C ENet counts up by 7 modulo 32 and drops what is above the throttle; a regular sequence of sends then loses the same
    /// message every time. The same share drawn by chance starves nobody.
    pub(crate) fn drops(&mut self, random: &mut StdRng) -> bool {
        if self.value >= ALL {
            return false;
        }
        self.counter = (random.next_u32() % THROTTLE_SCALE) as u8;
        self.counter > self.value
    }
}

/// What a round trip says about the way, by the measure of ENet but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They vary by as much as they take: nothing.
    Open,
    /// No longer than the shortest mean of the interval before.
    Short,
    /// Longer, but no longer than twice the variance explains.
    Usual,
    /// Longer than that.
    Long,
    /// More than twice as long as well.
    Congested,
}

fn verdict(sample: Duration, round_trip: &RoundTrip) -> Verdict {
    let sample = u32::try_from(sample.as_millis()).unwrap_or(u32::MAX).max(1);
    let [_, _, last, last_variance] = round_trip.in_millis();
    if last <= last_variance {
        Verdict::Open
    } else if sample <= last {
        Verdict::Short
    } else if sample <= last.saturating_add(last_variance.saturating_mul(2)) {
        Verdict::Usual
    } else if sample <= last.saturating_mul(2) {
        Verdict::Long
    } else {
        Verdict::Congested
    }
}

/// The window that a bandwidth in bytes per second warrants, `ceiling` at most.
pub(crate) fn window_for(bandwidth: u32, ceiling: u32) -> u32 {
    if bandwidth == 0 {
        return ceiling;
    }
    // ENET_PEER_WINDOW_SIZE_SCALE is 65536.
    let window = (bandwidth / 65_536).saturating_mul(wire::MINIMUM_WINDOW);
    window.clamp(
        wire::MINIMUM_WINDOW,
        ceiling.clamp(wire::MINIMUM_WINDOW, wire::MAXIMUM_WINDOW),
    )
}

/// The window to send with, between the own outgoing and the other side's incoming bandwidth: the smaller of those that are
/// limited.
pub(crate) fn sending_window(own_outgoing: u32, their_incoming: u32, ceiling: u32) -> u32 {
    let bandwidth = if own_outgoing == 0 || their_incoming == 0 {
        own_outgoing.max(their_incoming)
    } else {
        own_outgoing.min(their_incoming)
    };
    window_for(bandwidth, ceiling)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::time::Time;

    fn after(first: u64) -> RoundTrip {
        let mut round_trip = RoundTrip::default();
        round_trip.sample(Time::ZERO, Duration::from_millis(first), Duration::from_secs(5));
        round_trip
    }

    #[test]
    fn long_round_trips_lower_it_and_short_ones_raise_it() {
        let round_trip = after(100);
        let mut throttle = Throttle::default();
        let mut sample = |millis| {
            let verdict = throttle.adapt(Duration::from_millis(millis), &round_trip);
            (verdict, throttle.value())
        };
        assert_eq!(sample(201), (Verdict::Congested, 30));
        assert_eq!(sample(150), (Verdict::Usual, 30));
        assert_eq!(sample(100), (Verdict::Short, 32));
    }

    #[test]
    fn what_is_too_long_need_not_be_twice_as_long() {
        let mut round_trip = after(100);
        for at in (0..11_000).step_by(100) {
            round_trip.sample(
                Time::from_millis(at),
                Duration::from_millis(100),
                Duration::from_secs(5),
            );
        }
        assert_eq!(round_trip.in_millis()[2..], [100, 1]);
        let verdicts = [100, 102, 103, 200, 201].map(|millis| verdict(Duration::from_millis(millis), &round_trip));
        assert_eq!(
            verdicts,
            [
                Verdict::Short,
                Verdict::Usual,
                Verdict::Long,
                Verdict::Long,
                Verdict::Congested
            ]
        );
    }

    #[test]
    fn at_half_throttle_about_half_of_the_packets_pass() {
        let mut throttle = Throttle {
            value: 15,
            ..Throttle::default()
        };
        let mut random = StdRng::from_seed([7; 32]);
        let dropped = (0..10_000).filter(|_| throttle.drops(&mut random)).count();
        assert!((4600..5400).contains(&dropped), "{dropped}");
    }

    #[test]
    fn windows_follow_the_bandwidth() {
        assert_eq!(window_for(0, 65_536), 65_536);
        assert_eq!(window_for(1, 65_536), 4096);
        assert_eq!(window_for(400_000, 65_536), 24_576);
        assert_eq!(window_for(u32::MAX, 65_536), 65_536);
        assert_eq!(sending_window(400_000, 0, 65_536), 24_576);
        assert_eq!(sending_window(400_000, 100_000, 65_536), 4096);
    }
}
