//! What part of the window is used.
//!
//! In C ENet the window shrinks and grows with the throttle. There one moment of delay closes a full window, as hundreds of commands
//! in it report the same, and after that a few milliseconds of jitter keep it closed, as only round trips that are shorter than
//! the mean has been raise the throttle. Where a queue on the way has become the usual case, nothing shrinks it, however much that
//! queue drops.
//!
//! So here the window is judged once in a round trip, as in TCP: it shrinks by a step if that was too long, by a quarter if that
//! lost too much, and else it grows by a step. Round trips that have become twice as long are congestion, to which it is as quick to
//! yield as C ENet; it is as quick to recover from it, but not beyond where too much was lost.

use std::time::Duration;

use super::throttle::{THROTTLE_SCALE, Throttle, Verdict};
use crate::time::Time;

/// A round trip that loses more than one command in so many loses too much. On a radio link it is one in twenty or fifty.
const MOST_LOST: u32 = 8;

/// So few lost commands say nothing.
const FEW_LOST: u16 = 4;

/// The part of the window of one peer that is used.
#[derive(Debug)]
pub(super) struct WindowShare {
    /// Of [`THROTTLE_SCALE`].
    share: u8,
    /// How far it may recover at once.
    ceiling: u8,
    /// When it is judged again.
    judgement: Time,
    /// Commands since the last judgement that were acknowledged, and that were taken for lost.
    acknowledged: u16,
    lost: u16,
}

impl Default for WindowShare {
    fn default() -> WindowShare {
        WindowShare {
            share: THROTTLE_SCALE as u8,
            ceiling: THROTTLE_SCALE as u8,
            judgement: Time::ZERO,
            acknowledged: 0,
            lost: 0,
        }
    }
}

impl WindowShare {
    /// The part of `window` that may be used.
    pub(super) fn of(&self, window: u32) -> u32 {
        (u64::from(window) * u64::from(self.share) / u64::from(THROTTLE_SCALE)) as u32
    }

    /// A command counts as lost.
    pub(super) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// One that counted as lost was only late.
    pub(super) fn found(&mut self) {
        self.lost = self.lost.saturating_sub(1);
    }

    /// A command was acknowledged `now`, and the `throttle`, by whose steps the share moves, has come to a `verdict` about how long
    /// that took. The next judgement comes a `round_trip` after this one.
    pub(super) fn acknowledged(&mut self, now: Time, round_trip: Duration, verdict: Verdict, throttle: &Throttle) {
        self.acknowledged = self.acknowledged.saturating_add(1);
        let (mut share, mut ceiling) = (u32::from(self.share), u32::from(self.ceiling));
        let is_judged = now >= self.judgement;
        // Whatever the throttle's steps are, what loss has taken comes back.
        let at_least_one = throttle.acceleration.max(1);
        if is_judged {
            if self.loses_too_much() {
                share -= share / 4;
                ceiling = share;
            } else {
                ceiling = ceiling.saturating_add(at_least_one).min(THROTTLE_SCALE);
            }
            self.acknowledged = 0;
            self.lost = 0;
            self.judgement = now + round_trip;
        }
        let step = if is_judged { at_least_one } else { throttle.acceleration };
        let most = ceiling.min(throttle.limit());
        let risen = share.saturating_add(step).min(most);
        let fallen = share.saturating_sub(throttle.deceleration);
        share = match verdict {
            Verdict::Open => most,
            Verdict::Short => risen,
            Verdict::Congested => fallen,
            Verdict::Usual if is_judged => risen,
            Verdict::Long if is_judged => fallen,
            Verdict::Usual | Verdict::Long => share,
        };
        self.share = share.min(throttle.limit()) as u8;
        self.ceiling = ceiling as u8;
    }

    fn loses_too_much(&self) -> bool {
        let all = u32::from(self.acknowledged) + u32::from(self.lost);
        self.lost >= FEW_LOST && u32::from(self.lost) * MOST_LOST > all
    }

    /// The share rises no further than to `limit`.
    pub(super) fn limit(&mut self, limit: u32) {
        self.share = u32::from(self.share).min(limit) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledge(window: &mut WindowShare, at: u64, verdict: Verdict) -> u8 {
        window.acknowledged(
            Time::from_millis(at),
            Duration::from_millis(100),
            verdict,
            &Throttle::default(),
        );
        window.share
    }

    #[test]
    fn it_is_judged_once_in_a_round_trip() {
        let mut window = WindowShare::default();
        let mut at = |at, verdict| acknowledge(&mut window, at, verdict);
        assert_eq!(at(1000, Verdict::Long), 30);
        assert_eq!(at(1001, Verdict::Long), 30);
        assert_eq!(at(1099, Verdict::Long), 30);
        assert_eq!(at(1100, Verdict::Long), 28);
        assert_eq!(at(1199, Verdict::Usual), 28);
        assert_eq!(at(1200, Verdict::Usual), 30);
        assert_eq!(at(1201, Verdict::Usual), 30);
    }

    #[test]
    fn congestion_shrinks_it_at_once_and_short_round_trips_restore_it() {
        let mut window = WindowShare::default();
        let mut at = |at, verdict| acknowledge(&mut window, at, verdict);
        assert_eq!(at(1000, Verdict::Congested), 30);
        assert_eq!(at(1001, Verdict::Congested), 28);
        assert_eq!(at(1002, Verdict::Short), 30);
        assert_eq!(at(1003, Verdict::Short), 32);
        assert_eq!(at(1004, Verdict::Congested), 30);
        assert_eq!(at(1005, Verdict::Open), 32);
    }

    #[test]
    fn too_much_loss_shrinks_it_whatever_the_round_trips_are() {
        let mut window = WindowShare::default();
        acknowledge(&mut window, 1000, Verdict::Short);
        // One in nine is not too much.
        (0..10).for_each(|_| window.lost());
        (0..80).for_each(|_| assert_eq!(acknowledge(&mut window, 1050, Verdict::Short), 32));
        assert_eq!(acknowledge(&mut window, 1100, Verdict::Short), 32);
        (0..20).for_each(|_| window.lost());
        (0..80).for_each(|_| assert_eq!(acknowledge(&mut window, 1150, Verdict::Short), 32));
        assert_eq!(acknowledge(&mut window, 1200, Verdict::Short), 24);
        assert_eq!(
            acknowledge(&mut window, 1201, Verdict::Short),
            24,
            "a step a round trip"
        );
        assert_eq!(acknowledge(&mut window, 1300, Verdict::Short), 26);
        assert_eq!(acknowledge(&mut window, 1301, Verdict::Congested), 24);
        assert_eq!(
            acknowledge(&mut window, 1302, Verdict::Short),
            26,
            "at once, but no further"
        );
        assert_eq!(acknowledge(&mut window, 1303, Verdict::Short), 26);
    }

    #[test]
    fn a_few_losses_say_nothing() {
        let mut window = WindowShare::default();
        acknowledge(&mut window, 1000, Verdict::Usual);
        (0..3).for_each(|_| window.lost());
        assert_eq!(acknowledge(&mut window, 1100, Verdict::Usual), 32);
    }

    #[test]
    fn what_was_only_late_does_not_count() {
        let mut window = WindowShare::default();
        acknowledge(&mut window, 1000, Verdict::Usual);
        (0..20).for_each(|_| window.lost());
        (0..20).for_each(|_| window.found());
        assert_eq!(acknowledge(&mut window, 1100, Verdict::Usual), 32);
    }

    #[test]
    fn a_limit_that_was_lowered_and_raised_again_leaves_nothing_behind() {
        let mut window = WindowShare::default();
        let mut limited = |at, limit, verdict| {
            window.limit(limit);
            let mut throttle = Throttle::default();
            throttle.set_limit(limit);
            window.acknowledged(Time::from_millis(at), Duration::from_millis(100), verdict, &throttle);
            window.share
        };
        assert_eq!(limited(1000, 4, Verdict::Short), 4);
        assert_eq!(limited(1100, 4, Verdict::Usual), 4);
        assert_eq!(limited(1101, 32, Verdict::Short), 6);
        assert_eq!(limited(1102, 32, Verdict::Short), 8);
        assert_eq!(limited(1103, 32, Verdict::Open), 32);
    }

    #[test]
    fn steps_may_be_anything() {
        const EXTREMES: [u32; 2] = [0, u32::MAX];
        for (acceleration, deceleration) in EXTREMES.into_iter().flat_map(|up| EXTREMES.map(|down| (up, down))) {
            let mut throttle = Throttle::default();
            (throttle.acceleration, throttle.deceleration) = (acceleration, deceleration);
            let mut window = WindowShare::default();
            let mut at = 1000;
            let mut turn = |window: &mut WindowShare, verdict| {
                at += 100;
                window.acknowledged(Time::from_millis(at), Duration::from_millis(100), verdict, &throttle);
            };
            for verdict in [Verdict::Short, Verdict::Long, Verdict::Congested, Verdict::Usual] {
                (0..20).for_each(|_| window.lost());
                (0..3).for_each(|_| turn(&mut window, verdict));
            }
            (0..32).for_each(|_| turn(&mut window, Verdict::Usual));
            assert_eq!(window.share, 32, "{acceleration} up and {deceleration} down");
        }
    }
}
