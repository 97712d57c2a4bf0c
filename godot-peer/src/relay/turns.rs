//! Senders in turn: what each may have the server do, and whose packet is passed on next.
//!
//! Work is counted in copies, one for each receiver of a packet. Senders take turns of so many copies, so that nobody is held up for
//! longer than a turn of each other one: a packet for more receivers than that is copied in several turns. Over time each has an
//! allowance of copies a second; who has used it up rests until there is some again.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use enet_proto::Time;

use crate::PeerId;
use crate::bucket::{Bucket, THING};

/// What a sender may have copied before the next one's turn.
const TURN: i64 = 256;

/// The part of a second whose allowance may be used at once: 12 500 copies by default, which hold up everybody for some 25 ms.
const BURST: i64 = 20;

/// The part of a second whose allowance a newcomer has, or else to come again would give more.
const FIRST: i64 = 100;

/// How long a sender rests at least. What is passed on then leaves together, in fewer datagrams: at the limit a copy costs a third
/// of what it would if each packet left by itself.
const SHORTEST_REST: Duration = Duration::from_millis(4);

/// The copies that one sender may still have made.
#[derive(Debug)]
pub(super) struct Allowance {
    copies: Bucket,
    /// What is left of its turn.
    turn: i64,
}

impl Allowance {
    /// One that has all that may be used at once.
    pub(super) fn full(now: Time, per_second: u32) -> Allowance {
        Allowance {
            copies: Bucket::with(burst(per_second), now),
            turn: TURN,
        }
    }

    /// A newcomer's, which is taken from `common`: all newcomers together have no more than one that stays.
    pub(super) fn from(common: &mut Allowance, now: Time, per_second: u32) -> Allowance {
        let first = match common.check(now, per_second) {
            Ok(()) => common.copies.level().min(i64::from(per_second) * THING / FIRST),
            Err(_) => 0,
        };
        common.copies.take(first);
        Allowance {
            copies: Bucket::with(first, now),
            turn: TURN,
        }
    }

    /// How many copies are left of its turn.
    pub(super) fn turn(&self) -> usize {
        usize::try_from(self.turn).unwrap_or(0).max(1)
    }

    /// Whether there is some; if not, when there will be.
    pub(super) fn check(&mut self, now: Time, per_second: u32) -> Result<(), Time> {
        if per_second == 0 {
            return Ok(());
        }
        self.copies.fill(now, per_second, burst(per_second));
        let level = self.copies.level();
        if level > 0 {
            return Ok(());
        }
        let wait = Duration::from_micros((-level / i64::from(per_second)).unsigned_abs());
        Err(now + wait.max(SHORTEST_REST))
    }

    pub(super) fn charge(&mut self, copies: usize) {
        let copies = i64::try_from(copies.max(1)).unwrap_or(i64::MAX);
        self.copies.charge(copies);
        self.turn = self.turn.saturating_sub(copies);
    }
}

/// What may be used at once, in parts of a copy.
fn burst(per_second: u32) -> i64 {
    i64::from(per_second) * THING / BURST
}

/// The senders that have something to be passed on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    ring: VecDeque<PeerId>,
    resting: BTreeSet<(Time, PeerId)>,
}

impl Turns {
    /// A sender that had nothing to be passed on has something.
    pub(super) fn enter(&mut self, id: PeerId, allowance: &mut Allowance) {
        allowance.turn = TURN;
        self.ring.push_back(id);
    }

    /// Whose turn it is; [`end_turn`](Turns::end_turn), [`leave`](Turns::leave) or [`rest`](Turns::rest) makes it another one's.
    pub(super) fn current(&self) -> Option<PeerId> {
        self.ring.front().copied()
    }

    /// Whether anybody waits for a turn.
    pub(super) fn is_idle(&self) -> bool {
        self.ring.is_empty()
    }

    /// Goes on with the same sender, or with the next one if its turn is over.
    pub(super) fn end_turn(&mut self, allowance: &mut Allowance) {
        if allowance.turn <= 0 {
            allowance.turn = TURN;
            self.ring.rotate_left(1.min(self.ring.len()));
        }
    }

    /// The current one has nothing more, or is not there any more.
    pub(super) fn leave(&mut self) {
        self.ring.pop_front();
    }

    /// The current one has nothing left to spend until then.
    pub(super) fn rest(&mut self, until: Time) {
        self.resting.extend(self.ring.pop_front().map(|id| (until, id)));
    }

    /// When the next one has rested.
    pub(super) fn due(&self) -> Option<Time> {
        self.resting.first().map(|&(until, _)| until)
    }

    /// Those who have rested come back.
    pub(super) fn wake(&mut self, now: Time) {
        while let Some(&(until, id)) = self.resting.first() {
            if until > now {
                break;
            }
            self.resting.pop_first();
            self.ring.push_back(id);
        }
    }

    /// Takes out one that has left.
    pub(super) fn forget(&mut self, id: PeerId) {
        self.ring.retain(|&other| other != id);
        self.resting.retain(|&(_, other)| other != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_a_rate_and_a_twentieth_of_a_second_at_once() {
        let mut allowance = Allowance::full(Time::ZERO, 1000);
        allowance.charge(50);
        assert_eq!(allowance.check(Time::ZERO, 1000), Err(Time::from_millis(4)));
        assert_eq!(allowance.check(Time::from_millis(1), 1000), Ok(()));
        // More than there is may be spent once, and is waited for.
        allowance.charge(501);
        assert_eq!(allowance.check(Time::from_millis(1), 1000), Err(Time::from_millis(501)));
        assert_eq!(allowance.check(Time::from_millis(502), 1000), Ok(()));
        assert_eq!(allowance.check(Time::ZERO, 0), Ok(()), "none is unlimited");
    }

    #[test]
    fn newcomers_begin_with_little_and_have_no_more_together_than_one_that_stays() {
        let rate = 100_000;
        let mut common = Allowance::full(Time::ZERO, rate);
        let begin = |common: &mut Allowance, now| Allowance::from(common, now, rate).copies.level() / THING;
        assert_eq!(begin(&mut common, Time::ZERO), 1000, "a hundredth of a second's");
        let rest: i64 = (0..10_000).map(|_| begin(&mut common, Time::ZERO)).sum();
        assert_eq!(rest, 4000);
        let second: i64 = (1..=1000).map(|at| begin(&mut common, Time::from_millis(at))).sum();
        assert_eq!(second, 100_000);
        // Whoever stays has as much as everyone after a twentieth of a second.
        let mut newcomer = Allowance::from(&mut common, Time::from_millis(1000), rate);
        assert!(newcomer.check(Time::from_millis(1050), rate).is_ok());
        assert_eq!(newcomer.copies.level() / THING, 5000);
    }

    #[test]
    fn a_turn_is_so_many_copies_however_they_come() {
        let [one, other] = [2, 3].map(|number| PeerId::new(number).expect("an id"));
        let mut turns = Turns::default();
        let mut allowances = [0, 1].map(|_| Allowance::full(Time::ZERO, 0));
        turns.enter(one, &mut allowances[0]);
        turns.enter(other, &mut allowances[1]);
        let mut copies = [0, 0];
        for _ in 0..10_000 {
            let at = usize::from(turns.current() == Some(other));
            // One's packets go to a hundred, the other's to one.
            let count = [100, 1][at].min(allowances[at].turn());
            copies[at] += count;
            allowances[at].charge(count);
            turns.end_turn(&mut allowances[at]);
        }
        let ratio = copies[0] as f64 / copies[1] as f64;
        assert!((0.9..1.1).contains(&ratio), "{copies:?}");
    }
}
