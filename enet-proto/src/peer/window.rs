//! What part of the window is used.
//!
//! In C ENet the window shrinks and grows with the throttle. There one moment of delay closes a full window, as hundreds of commands
//! in it report the same, and after that a few milliseconds of jitter keep it closed, as only round trips that are shorter than
//! the mean has been raise the throttle. Where a queue on the way has become the usual case, nothing shrinks it, however much that
//! queue drops.
//!
//! So here the window is judged once in a round trip: it shrinks by a step if that was too long, and else it grows by a step. Round trips
//! that have become twice as long are congestion, to which it is as quick to yield as C ENet, and from which it is as quick to recover.
//!
//! And once in some round trips it is judged by its losses. If they are heavy it shrinks by as much as was lost, as what arrived is
//! what the way takes, and it recovers by a step each time they are not. Losses that do not become less by that are not of a queue that
//! overflows, and it grows again unless they become more.

use std::time::Duration;

use super::throttle::{THROTTLE_SCALE, Throttle, Verdict};
use crate::time::Time;

/// Losses are judged once in so many round trips. A receiver acknowledges in one datagram what it had received at a time, which can be the
/// larger part of a window: in a single round trip that one lost datagram looks like heavy loss.
const LOSS_ROUNDS: u8 = 8;

/// Losing a larger part of the commands is heavy, in percent. A radio link loses 5, and as many of the acknowledgements.
const HEAVY_LOSS: u8 = 25;

/// So few lost commands say nothing.
const FEW_LOST: u32 = 4;

/// The part of the window of one peer that is used.
#[derive(Debug)]
pub(super) struct WindowShare {
    /// Of [`THROTTLE_SCALE`].
    share: u8,
    /// How far it may recover at once.
    ceiling: u8,
    /// Round trips since its losses were judged.
    rounds: u8,
    /// When it is judged again.
    judgement: Time,
    /// Commands since its losses were judged that were acknowledged, and that were taken for lost.
    acknowledged: u32,
    lost: u32,
    /// The loss in percent for which it shrank at the last judgement; 0 if it did not.
    shrunk_for: u8,
    /// The loss in percent that shrinking has not lowered.
    incurable: u8,
}

impl Default for WindowShare {
    fn default() -> WindowShare {
        WindowShare {
            share: THROTTLE_SCALE as u8,
            ceiling: THROTTLE_SCALE as u8,
            rounds: 0,
            judgement: Time::ZERO,
            acknowledged: 0,
            lost: 0,
            shrunk_for: 0,
            incurable: 0,
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
        // Whatever the throttle's steps are, what a judgement has taken comes back.
        let at_least_one = throttle.acceleration.max(1);
        let is_judged = now >= self.judgement;
        if is_judged {
            self.judgement = now + round_trip;
            self.rounds += 1;
            if self.rounds >= LOSS_ROUNDS {
                self.judge_losses(at_least_one);
            }
        }
        let share = u32::from(self.share);
        let step = if is_judged { at_least_one } else { throttle.acceleration };
        let most = u32::from(self.ceiling).min(throttle.limit());
        let risen = share.saturating_add(step).min(most);
        let fallen = share.saturating_sub(throttle.deceleration);
        let share = match verdict {
            Verdict::Open => most,
            Verdict::Short => risen,
            Verdict::Congested => fallen,
            Verdict::Usual if is_judged => risen,
            Verdict::Long if is_judged => fallen,
            Verdict::Usual | Verdict::Long => share,
        };
        self.share = share.min(throttle.limit()) as u8;
    }

    fn judge_losses(&mut self, step: u32) {
        let (acknowledged, lost) = (u64::from(self.acknowledged), u64::from(self.lost));
        let percent = (lost * 100 / (acknowledged + lost)) as u8;
        let is_heavy = self.lost >= FEW_LOST && percent > HEAVY_LOSS;
        if !is_heavy {
            self.incurable = 0;
        } else if self.shrunk_for > 0 && u32::from(percent) * 4 >= u32::from(self.shrunk_for) * 3 {
            self.incurable = percent;
        }
        self.shrunk_for = 0;
        if is_heavy && u32::from(percent) * 4 > u32::from(self.incurable) * 5 {
            self.share = (u32::from(self.share) * u32::from(100 - percent) / 100) as u8;
            self.ceiling = self.share;
            self.shrunk_for = percent;
        } else {
            self.ceiling = u32::from(self.ceiling).saturating_add(step).min(THROTTLE_SCALE) as u8;
        }
        self.rounds = 0;
        self.acknowledged = 0;
        self.lost = 0;
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

    /// Passes the round trips until losses are judged, of which the first one has these, and tells the share.
    fn lose(window: &mut WindowShare, at: u64, acknowledged: u32, lost: u32) -> u8 {
        (0..lost).for_each(|_| window.lost());
        (LOSS_ROUNDS.into()..acknowledged).for_each(|_| {
            acknowledge(window, at, Verdict::Short);
        });
        let before = window.share;
        for round in 0..u64::from(LOSS_ROUNDS) {
            assert_eq!(window.share, before);
            acknowledge(window, at + 100 * round, Verdict::Usual);
        }
        window.share
    }

    #[test]
    fn heavy_loss_shrinks_it_to_what_arrives_whatever_the_round_trips_are() {
        let mut window = WindowShare::default();
        assert_eq!(lose(&mut window, 1000, 300, 100), 32, "one in four is not heavy");
        assert_eq!(lose(&mut window, 2000, 250, 150), 20);
        assert_eq!(
            acknowledge(&mut window, 2701, Verdict::Open),
            20,
            "it is the most there is now"
        );
        assert_eq!(lose(&mut window, 3000, 350, 50), 22, "a step for each judgement");
        assert_eq!(acknowledge(&mut window, 3701, Verdict::Congested), 20);
        assert_eq!(
            acknowledge(&mut window, 3702, Verdict::Short),
            22,
            "at once, but no further"
        );
        assert_eq!(acknowledge(&mut window, 3703, Verdict::Short), 22);
    }

    #[test]
    fn where_nearly_all_is_lost_nearly_nothing_is_used_and_it_comes_back() {
        let mut window = WindowShare::default();
        assert_eq!(lose(&mut window, 1000, 8, 1000), 0);
        for judgement in 1..=16 {
            let share = lose(&mut window, 1000 + 1000 * u64::from(judgement), 8, 0);
            assert_eq!(share, 2 * judgement);
        }
    }

    #[test]
    fn losses_that_shrinking_does_not_lower_let_it_grow_until_they_become_more() {
        let mut window = WindowShare::default();
        let mut at = 0;
        let mut lose = |lost| {
            at += 1000;
            lose(&mut window, at, 100 - lost, lost)
        };
        assert_eq!([lose(40), lose(38), lose(40), lose(38)], [19, 21, 23, 25]);
        assert_eq!(lose(60), 10, "they became more");
        assert_eq!([lose(30), lose(20)], [12, 14], "and less again");
    }

    #[test]
    fn a_few_losses_say_nothing() {
        let mut window = WindowShare::default();
        assert_eq!(lose(&mut window, 1000, 8, 3), 32);
        assert_eq!(lose(&mut window, 2000, 8, 4), 21);
    }

    #[test]
    fn what_was_only_late_does_not_count() {
        let mut window = WindowShare::default();
        (0..20).for_each(|_| window.lost());
        (0..20).for_each(|_| window.found());
        assert_eq!(lose(&mut window, 1000, 20, 0), 32);
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
                (0..LOSS_ROUNDS).for_each(|_| turn(&mut window, verdict));
            }
            (0..32 * u32::from(LOSS_ROUNDS)).for_each(|_| turn(&mut window, Verdict::Usual));
            assert_eq!(window.share, 32, "{acceleration} up and {deceleration} down");
        }
    }
}
