//! Telling the members who came and who went, many at a time when many come at once.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::Time;

use crate::PeerId;
use crate::scene::System;

/// Everyone is told of a change, so a session of n members costs n packets for each; they are gathered for this long per member,
/// which bounds the datagrams to 10 000 a second. In a small session nobody notices.
const GATHERING_PER_MEMBER: Duration = Duration::from_micros(100);

/// And for no longer than this.
const MAX_GATHERING: Duration = Duration::from_millis(500);

/// How far a member has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told(u64);

/// The changes that some members have not been told yet.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    log: Vec<Change>,
    /// The position of the log's first entry among all there ever were.
    first: u64,
    quiet_until: Time,
    due: Option<Time>,
}

/// Who came or went, and how that is told.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: PeerId,
    pub(super) joined: bool,
    pub(super) message: Bytes,
}

impl Announcements {
    /// Someone who knows of everything so far.
    pub(super) fn told(&self) -> Told {
        Told(self.first + self.log.len() as u64)
    }

    /// Whether there is something to tell.
    pub(super) fn concern(&self, told: Told) -> bool {
        told != self.told()
    }

    /// Notes a change; true if it is to be told at once, or else [`due`](Self::due) says when.
    pub(super) fn push(&mut self, now: Time, members: usize, id: PeerId, joined: bool) -> bool {
        let message = if joined {
            System::AddPeer(id)
        } else {
            System::DelPeer(id)
        };
        self.log.push(Change {
            id,
            joined,
            message: message.to_bytes(),
        });
        if now < self.quiet_until {
            self.due = Some(self.quiet_until);
            return false;
        }
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        self.quiet_until = now + GATHERING_PER_MEMBER.saturating_mul(members).min(MAX_GATHERING);
        true
    }

    /// When everyone is to be told.
    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    /// Whether it is time to tell everyone; the next changes are gathered anew.
    pub(super) fn take_due(&mut self, now: Time, members: usize) -> bool {
        if self.due.is_none_or(|due| now < due) {
            return false;
        }
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        self.quiet_until = now + GATHERING_PER_MEMBER.saturating_mul(members).min(MAX_GATHERING);
        true
    }

    /// What a member has to be told. Who came and went in between is not mentioned.
    pub(super) fn since(&self, told: Told) -> Vec<Change> {
        let start = usize::try_from(told.0 - self.first).map_or(self.log.len(), |start| start.min(self.log.len()));
        let mut changes: Vec<Option<&Change>> = Vec::with_capacity(self.log.len() - start);
        let mut joined_at = HashMap::new();
        for change in &self.log[start..] {
            if change.joined {
                joined_at.insert(change.id, changes.len());
                changes.push(Some(change));
            } else if let Some(at) = joined_at.remove(&change.id) {
                changes[at] = None;
            } else {
                changes.push(Some(change));
            }
        }
        changes.into_iter().flatten().cloned().collect()
    }

    /// Everyone has been told.
    pub(super) fn clear(&mut self) {
        self.first += self.log.len() as u64;
        self.log.clear();
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    fn told_since(announcements: &Announcements, told: Told) -> Vec<Bytes> {
        let changes = announcements.since(told).into_iter();
        changes.map(|change| change.message).collect()
    }

    fn add(number: i32) -> Bytes {
        System::AddPeer(id(number)).to_bytes()
    }

    fn del(number: i32) -> Bytes {
        System::DelPeer(id(number)).to_bytes()
    }

    #[test]
    fn the_first_change_is_told_at_once_and_the_next_ones_together() {
        let mut announcements = Announcements::default();
        let told = announcements.told();
        assert!(announcements.push(Time::ZERO, 100, id(2), true));
        announcements.clear();
        assert!(!announcements.concern(announcements.told()));

        let soon = Time::from_millis(1);
        assert!(!announcements.push(soon, 100, id(3), true));
        assert!(!announcements.push(soon, 100, id(4), true));
        assert_eq!(announcements.due(), Some(Time::from_millis(10)));
        assert!(!announcements.take_due(soon, 100));
        assert!(announcements.take_due(Time::from_millis(10), 100));
        assert_ne!(told, announcements.told());
        assert_eq!(told_since(&announcements, Told(1)), [add(3), add(4)]);
        announcements.clear();
        assert_eq!(announcements.due(), None);
    }

    #[test]
    fn gathering_never_takes_longer_than_half_a_second() {
        let mut announcements = Announcements::default();
        announcements.push(Time::ZERO, usize::MAX, id(2), true);
        announcements.push(Time::ZERO, usize::MAX, id(3), true);
        assert_eq!(announcements.due(), Some(Time::from_millis(500)));
    }

    #[test]
    fn who_came_and_went_is_not_mentioned_but_a_reused_id_is() {
        let mut announcements = Announcements::default();
        let told = announcements.told();
        for (number, joined) in [(2, true), (3, true), (2, false), (4, false), (4, true), (5, false)] {
            announcements.push(Time::ZERO, 0, id(number), joined);
        }
        assert_eq!(told_since(&announcements, told), [add(3), del(4), add(4), del(5)]);
    }
}
