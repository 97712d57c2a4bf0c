//! The throttle: how large a part of the unreliable packets leaves, and of the window is used.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::round_trip::RoundTrip;
use crate::time::Time;
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
    /// Of [`THROTTLE_SCALE`], as the limit and the window's share.
    value: u8,
    limit: u8,
    /// What is left of the window, which is judged once in a round trip.
    window_share: u8,
    /// When it is judged again.
    judgement: Time,
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
            window_share: ALL,
            judgement: Time::ZERO,
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

    /// How much of the window may be used, of [`THROTTLE_SCALE`].
    pub(crate) fn window_share(&self) -> u32 {
        self.window_share.into()
    }

    /// Adapts to a round trip that ended `now`, seen against those of the interval before.
    ///
    /// In C ENet the window shrinks and grows with the throttle. There one moment of delay closes a full window, as hundreds of
    /// commands in it report the same, and after that a few milliseconds of jitter keep it closed, as only round trips that are
    /// shorter than the mean has been raise the throttle. So the window's share is judged once in a round trip, as in TCP: it falls
    /// a step if that was too long, and else it rises. Round trips that have become twice as long are congestion, to which it is as
    /// quick to yield as in C ENet.
    pub(crate) fn adapt(&mut self, now: Time, sample: Duration, round_trip: &RoundTrip) {
        let millis = u32::try_from(sample.as_millis()).unwrap_or(u32::MAX).max(1);
        let [_, _, last, last_variance] = round_trip.in_millis();
        let limit = self.limit();
        let (acceleration, deceleration) = (self.acceleration, self.deceleration);
        let raised = |share: u8| u32::from(share).saturating_add(acceleration).min(limit) as u8;
        let lowered = |share: u8| u32::from(share).saturating_sub(deceleration) as u8;
        let is_judged = now >= self.judgement;
        if is_judged {
            self.judgement = now + sample;
        }
        if last <= last_variance {
            self.value = self.limit;
            self.window_share = self.limit;
        } else if millis <= last {
            self.value = raised(self.value);
            self.window_share = raised(self.window_share);
        } else if millis > last.saturating_add(last_variance.saturating_mul(2)) {
            self.value = lowered(self.value);
            if is_judged || millis > last.saturating_mul(2) {
                self.window_share = lowered(self.window_share);
            }
        } else if is_judged {
            self.window_share = raised(self.window_share);
        }
    }

    /// Sets the most that the value may rise to.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit.min(THROTTLE_SCALE) as u8;
        self.value = self.value.min(self.limit);
        self.window_share = self.window_share.min(self.limit);
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
            throttle.adapt(Time::from_millis(1000), Duration::from_millis(millis), &round_trip);
            (throttle.value(), throttle.window_share())
        };
        assert_eq!(sample(201), (30, 30));
        assert_eq!(sample(150), (30, 30), "within twice the variance nothing changes");
        assert_eq!(sample(100), (32, 32));
    }

    #[test]
    fn the_window_is_judged_once_in_a_round_trip() {
        let mut round_trip = after(100);
        for at in (0..11_000).step_by(100) {
            round_trip.sample(
                Time::from_millis(at),
                Duration::from_millis(100),
                Duration::from_secs(5),
            );
        }
        assert_eq!(round_trip.in_millis()[2..], [100, 1]);
        let mut throttle = Throttle::default();
        let mut sample = |at, millis| {
            throttle.adapt(Time::from_millis(at), Duration::from_millis(millis), &round_trip);
            (throttle.value(), throttle.window_share())
        };
        assert_eq!(sample(1000, 110), (30, 30));
        assert_eq!(sample(1001, 110), (28, 30));
        assert_eq!(sample(1109, 110), (26, 30));
        assert_eq!(sample(1110, 110), (24, 28));
        assert_eq!(sample(1111, 201), (22, 26), "congestion");
        assert_eq!(sample(1219, 102), (22, 26));
        assert_eq!(sample(1220, 102), (22, 28), "no longer than usual");
        assert_eq!(sample(1221, 100), (24, 30));
        assert_eq!(sample(1222, 100), (26, 32));
        assert_eq!(sample(1223, 100), (28, 32));
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
