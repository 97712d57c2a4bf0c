//! Telling the members who came and who went: at once in a small session, at a bounded rate in a large one.

use std::hash::Hash;
use std::time::Duration;

use enet_proto::Time;

use super::lanes::Queued;
use super::member::Member;
use super::news::{Item, News, PASSED_FOR_ONE, Subjects};
use super::{Output, SceneServer};
use crate::bucket::{Bucket, THING};
use crate::event::Departure;
use crate::transfer::Outgoing;
use crate::{PeerId, Target};

/// Everyone is told of a change, so a session of n members costs n packets for each; they are gathered for this long per member,
/// which bounds the datagrams to 10 000 a second. In a small session nobody notices.
const GATHERING_PER_MEMBER: Duration = Duration::from_micros(100);

/// And for no longer than this.
const MAX_GATHERING: Duration = Duration::from_millis(500);

/// How many things all members together are told in a second, while there is more: one byte in four that 1 Gbit/s takes, and a
/// fifth of a processor. So 4000 members that come at once know each other after 40 s.
const PER_SECOND: u32 = 400_000;

/// What telling one member anything at all counts for, as it costs a datagram and its acknowledgement.
const MEMBER_COST: i64 = 16;

/// What may be told at once after a while without news.
const BURST: i64 = 40_000;

/// What is told without a look at anything else.
const SLICE: i64 = 4096;

/// How many things one member is told before the next one's turn.
const BATCH: usize = 128;

/// How often members are told more when there is more than a second allows.
const PERIOD: Duration = Duration::from_millis(10);

/// When to tell the members, and how much.
#[derive(Debug)]
pub(super) struct Pace {
    due: Option<Time>,
    quiet_until: Time,
    things: Bucket,
    /// Who was told last, of those who hear of members that have spoken, and of the others.
    last: [Option<PeerId>; 2],
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace {
            due: None,
            quiet_until: Time::ZERO,
            things: Bucket::with(BURST * THING, Time::ZERO),
            last: [None; 2],
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    /// Members are to be told at `at`, if not before.
    pub(super) fn schedule(&mut self, at: Time) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn fill(&mut self, now: Time) {
        self.things.fill(now, PER_SECOND, BURST * THING);
    }

    /// How many things may be told now.
    fn available(&self) -> i64 {
        self.things.level() / THING
    }

    fn charge(&mut self, things: i64) {
        self.things.charge(things);
    }
}

/// What one that is told something is told it by.
pub(super) struct Teller<'a, K> {
    pub(super) now: Time,
    pub(super) minimum: super::lanes::Pace,
    pub(super) outputs: &'a mut std::collections::VecDeque<Output<K>>,
    pub(super) announced: &'a mut u64,
}

impl<K: Copy> Teller<'_, K> {
    /// Queues what a member is told; what it cost.
    pub(super) fn tell(&mut self, member: &mut Member<K>, items: Vec<Item>) -> i64 {
        let mut cost = if items.is_empty() { 0 } else { MEMBER_COST };
        for Item { about, message } in items {
            *self.announced += 1;
            cost += 1;
            let queued = Queued {
                from: None,
                outgoing: Outgoing::system(message),
                charged: false,
            };
            // Behind the last words of the one it is about.
            if member.receiving.lanes.waiting(Some(about)) > 0 {
                let lanes = &mut member.receiving.lanes;
                lanes.push(self.now, self.minimum, Some(about), queued);
            } else {
                self.send(member, queued);
            }
        }
        cost
    }

    /// Has something sent that need not wait in a lane.
    pub(super) fn send(&mut self, member: &mut Member<K>, queued: Queued) {
        let receiving = &mut member.receiving;
        if receiving.lanes.is_refused() {
            return receiving.lanes.push_first(self.now, self.minimum, queued);
        }
        receiving.give(queued.cost());
        self.outputs.push_back(queued.to(member.key));
        if receiving.room <= 0 && !receiving.asked {
            receiving.asked = true;
            self.outputs.push_back(Output::Room(member.key));
        }
    }
}

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// Someone came or went.
    pub(super) fn announce(&mut self) {
        if self.now < self.pace.quiet_until {
            self.pace.schedule(self.pace.quiet_until);
        } else {
            self.pace.schedule(self.now);
            self.spread();
        }
    }

    /// Tells the members what they are to be told now.
    pub(super) fn spread(&mut self) {
        self.pace.fill(self.now);
        self.pace.due = None;
        let available = self.pace.available().min(SLICE);
        let mut left = available;
        for (class, subjects) in [Subjects::Spoken, Subjects::All].into_iter().enumerate() {
            let mut waiting = self.waiting_for_news(subjects);
            // The next one in turn first.
            if let Some(last) = self.pace.last[class] {
                let at = waiting.partition_point(|&id| id <= last);
                waiting.rotate_left(at);
            }
            while left > 0 && !waiting.is_empty() {
                waiting.retain(|&id| {
                    if left <= 0 {
                        return true;
                    }
                    self.pace.last[class] = Some(id);
                    left -= self.tell(id, subjects, BATCH);
                    let member = self.members.get(&id);
                    member.is_some_and(|member| is_to_be_told(&self.news, member, subjects))
                });
            }
        }
        self.pace.charge(available - left);
        if left <= 0 {
            let rest = if self.pace.available() > 0 {
                Duration::ZERO
            } else {
                PERIOD
            };
            self.pace.schedule(self.now + rest);
        }
        let members = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.pace.quiet_until = self.now + GATHERING_PER_MEMBER.saturating_mul(members).min(MAX_GATHERING);
        self.forget_departures();
    }

    /// Who has news to hear, and room for it, by rising id.
    fn waiting_for_news(&self, subjects: Subjects) -> Vec<PeerId> {
        let waiting = self
            .members
            .iter()
            .filter(|(_, member)| is_to_be_told(&self.news, member, subjects));
        waiting.map(|(&id, _)| id).collect()
    }

    fn forget_departures(&mut self) {
        let least = self.members.values().map(|member| member.told.departures()).min();
        self.news.forget(least.unwrap_or(u64::MAX));
        let lost = self.members.values().filter(|member| self.news.has_lost(&member.told));
        let lost: Vec<K> = lost.map(|member| member.key).collect();
        for key in lost {
            self.outputs.push_back(Output::Drop {
                key,
                reason: Departure::TooSlow,
            });
        }
    }

    /// Tells one member some things; what they cost.
    fn tell(&mut self, id: PeerId, subjects: Subjects, most: usize) -> i64 {
        let minimum = self.minimum();
        let Some(member) = self.members.get_mut(&id) else {
            return 0;
        };
        let subjects = if member.place.has_spoken() {
            Subjects::All
        } else {
            subjects
        };
        let mut passed = 0;
        let items = self.news.tell(id, &mut member.told, subjects, most, &mut passed);
        let mut teller = Teller {
            now: self.now,
            minimum,
            outputs: &mut self.outputs,
            announced: &mut self.statistics.announced,
        };
        teller.tell(member, items) + i64::try_from(passed / PASSED_FOR_ONE).unwrap_or(i64::MAX)
    }

    /// Tells a member everything, as the program may speak of anyone.
    pub(super) fn tell_all(&mut self, id: PeerId) {
        let Some(member) = self.members.get(&id) else { return };
        if self.news.concern(&member.told, Subjects::All) {
            let cost = self.tell(id, Subjects::All, usize::MAX);
            self.pace.charge(cost);
        }
    }

    /// Before the program speaks to several: those that are only a little behind are told.
    pub(super) fn tell_near(&mut self, target: Target) {
        let near = self.members.iter().filter(|&(&id, member)| {
            target.includes(id) && self.news.concern(&member.told, Subjects::All) && self.news.is_near(&member.told)
        });
        let near: Vec<PeerId> = near.map(|(&id, _)| id).collect();
        for id in near {
            self.tell_all(id);
        }
    }

    /// Whether there is anything left to spend on news.
    pub(super) fn may_tell(&mut self) -> bool {
        self.pace.fill(self.now);
        self.pace.available() > 0
    }

    /// What was told beside.
    pub(super) fn charge_news(&mut self, cost: i64) {
        self.pace.charge(cost);
    }
}

/// Whether a member has something to hear of and room for it.
fn is_to_be_told<K>(news: &News, member: &Member<K>, subjects: Subjects) -> bool {
    let subjects = if member.place.has_spoken() {
        Subjects::All
    } else {
        subjects
    };
    member.receiving.room > 0 && news.concern(&member.told, subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_told_is_a_rate() {
        let mut pace = Pace::new();
        pace.things = Bucket::with(0, Time::ZERO);
        for micros in 0..10_000 {
            pace.fill(Time::from_micros(micros));
        }
        assert!((3990..=4000).contains(&pace.available()), "{}", pace.available());
        pace.fill(Time::from_millis(1_000_000));
        assert_eq!(pace.available(), BURST);
    }
}
