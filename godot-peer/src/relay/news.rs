//! Who knows of whom: what each member is still to be told of those who came and went.
//!
//! Members are in the order in which they came, and once more in the order in which each of them spoke first. How far a member has
//! been introduced is a place in either order, not a list: to join, to leave and to be known cost the same however many are still
//! to be introduced to each other. Those who have spoken are introduced first.
//!
//! Who leaves is noted for those who know of it; they are told in that order, and before they are introduced to anyone else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::PeerId;
use crate::scene::System;

/// A place in an order that nobody has.
const NOWHERE: u64 = u64::MAX;

/// How far behind a member may be for all of it to be told at once, in places.
const NEAR: u64 = 32;

/// To pass over so many costs as much as to tell of one.
pub(super) const PASSED_FOR_ONE: usize = 32;

/// So many departures may be remembered for those who are to be told of them.
const MAX_DEPARTURES: usize = 1 << 16;

/// The members in their orders, and who left.
#[derive(Debug, Default)]
pub(super) struct News {
    next: u64,
    /// Behind the last place in each order that anyone ever had.
    came: u64,
    spoke: u64,
    /// By when they came; each with its place among those who have spoken.
    members: BTreeMap<u64, (PeerId, u64)>,
    /// By when they spoke first; each with its place among all.
    spoken: BTreeMap<u64, (PeerId, u64)>,
    departures: VecDeque<Departure>,
    /// How many departures before those are forgotten.
    forgotten: u64,
}

#[derive(Debug)]
struct Departure {
    id: PeerId,
    place: Place,
    message: Bytes,
}

/// Where a member is in the two orders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    came: u64,
    spoke: u64,
}

impl Place {
    pub(super) fn has_spoken(self) -> bool {
        self.spoke != NOWHERE
    }
}

/// How far a member has been told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// It knows those who came before this.
    came: u64,
    /// It knows those who spoke before this.
    spoke: u64,
    /// And these, by when they came.
    early: BTreeSet<u64>,
    /// It knows of so many departures.
    departures: u64,
}

/// Something that a member is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Whom it is about.
    pub(super) about: PeerId,
    pub(super) message: Bytes,
}

/// Of whom to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subjects {
    /// Those who have left, and those who have spoken.
    Spoken,
    /// Everyone.
    All,
}

impl News {
    /// A member comes. It knows nobody yet.
    pub(super) fn join(&mut self, id: PeerId) -> (Place, Told) {
        let came = self.place();
        self.came = came + 1;
        self.members.insert(came, (id, NOWHERE));
        let mut told = Told::default();
        self.forget_all(&mut told);
        (Place { came, spoke: NOWHERE }, told)
    }

    /// A member speaks for the first time.
    pub(super) fn speak(&mut self, id: PeerId, place: &mut Place) {
        place.spoke = self.place();
        self.spoke = place.spoke + 1;
        self.spoken.insert(place.spoke, (id, place.came));
        if let Some((_, spoke)) = self.members.get_mut(&place.came) {
            *spoke = place.spoke;
        }
    }

    /// A member leaves. Those who know it are to be told, others never hear of it.
    pub(super) fn leave(&mut self, id: PeerId, place: Place) {
        self.members.remove(&place.came);
        self.spoken.remove(&place.spoke);
        self.departures.push_back(Departure {
            id,
            place,
            message: System::DelPeer(id).to_bytes(),
        });
    }

    /// Whether a member knows of the one at `place`.
    pub(super) fn knows(&self, told: &Told, place: Place) -> bool {
        place.came < told.came || place.spoke < told.spoke || !told.early.is_empty() && told.early.contains(&place.came)
    }

    /// Whether there is something to tell.
    pub(super) fn concern(&self, told: &Told, subjects: Subjects) -> bool {
        told.departures < self.departed()
            || told.spoke < self.spoke
            || subjects == Subjects::All && told.came < self.came
    }

    /// Whether all there is to tell is little.
    pub(super) fn is_near(&self, told: &Told) -> bool {
        let behind = [
            (self.departed(), told.departures),
            (self.came, told.came),
            (self.spoke, told.spoke),
        ];
        behind.iter().map(|(all, told)| all.saturating_sub(*told)).sum::<u64>() <= NEAR
    }

    /// What to tell a member next, some `most` things. What is told is taken for known. Passing over what it knows counts too, a
    /// little: it is added to `passed`.
    pub(super) fn tell(
        &self,
        own: PeerId,
        told: &mut Told,
        subjects: Subjects,
        most: usize,
        passed: &mut usize,
    ) -> Vec<Item> {
        let mut items = Vec::new();
        let begin = *passed;
        let mut enough = |items: &Vec<Item>| {
            *passed += 1;
            items.len() + (*passed - begin) / PASSED_FOR_ONE >= most
        };
        while let Some(departure) = self.departure(told.departures) {
            if enough(&items) {
                return items;
            }
            if self.knows(told, departure.place) {
                told.early.remove(&departure.place.came);
                items.push(Item {
                    about: departure.id,
                    message: departure.message.clone(),
                });
            }
            told.departures += 1;
        }
        for (&spoke, &(id, came)) in self.spoken.range(told.spoke..) {
            if enough(&items) {
                return items;
            }
            if id != own && came >= told.came && !told.early.contains(&came) {
                items.push(introduction(id));
            }
            told.spoke = spoke + 1;
        }
        // The last of them may have left.
        told.spoke = told.spoke.max(self.spoke);
        if subjects == Subjects::All {
            for (&came, &(id, spoke)) in self.members.range(told.came..) {
                if enough(&items) {
                    return items;
                }
                let known = told.early.remove(&came) || spoke < told.spoke;
                if id != own && !known {
                    items.push(introduction(id));
                }
                told.came = came + 1;
            }
            told.came = told.came.max(self.came);
        }
        items
    }

    /// Introduces one member to another one that does not know it, ahead of others, and tells of all departures before that.
    pub(super) fn introduce(&self, told: &mut Told, id: PeerId, place: Place) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some(departure) = self.departure(told.departures) {
            if self.knows(told, departure.place) {
                told.early.remove(&departure.place.came);
                items.push(Item {
                    about: departure.id,
                    message: departure.message.clone(),
                });
            }
            told.departures += 1;
        }
        told.early.insert(place.came);
        items.push(introduction(id));
        items
    }

    /// A member has lost all that it was told.
    pub(super) fn forget_all(&self, told: &mut Told) {
        *told = Told {
            departures: self.departed(),
            ..Told::default()
        };
    }

    /// Forgets the departures that everyone knows of: those before the least of `told`.
    pub(super) fn forget(&mut self, told: u64) {
        while self.forgotten < told && self.departures.pop_front().is_some() {
            self.forgotten += 1;
        }
        if self.departures.is_empty() {
            self.departures = VecDeque::new();
        }
    }

    /// Whether a member is so far behind that it cannot be waited for.
    pub(super) fn has_lost(&self, told: &Told) -> bool {
        self.departures.len() > MAX_DEPARTURES && told.departures == self.forgotten
    }

    fn departure(&self, number: u64) -> Option<&Departure> {
        let at = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        self.departures.get(at)
    }

    fn departed(&self) -> u64 {
        self.forgotten + self.departures.len() as u64
    }

    fn place(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl Told {
    /// Of how many departures it knows.
    pub(super) fn departures(&self) -> u64 {
        self.departures
    }
}

fn introduction(id: PeerId) -> Item {
    Item {
        about: id,
        message: System::AddPeer(id).to_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = usize::MAX;

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    fn tell(news: &News, own: i32, told: &mut Told, subjects: Subjects, most: usize) -> Vec<Item> {
        news.tell(id(own), told, subjects, most, &mut 0)
    }

    fn add(number: i32) -> Item {
        introduction(id(number))
    }

    fn del(number: i32) -> Item {
        Item {
            about: id(number),
            message: System::DelPeer(id(number)).to_bytes(),
        }
    }

    #[test]
    fn who_came_and_went_is_not_mentioned_but_a_reused_id_is() {
        let mut news = News::default();
        let (_, mut told) = news.join(id(9));
        let [(two, _), (four, _)] = [2, 4].map(|number| news.join(id(number)));
        assert_eq!(tell(&news, 9, &mut told, Subjects::All, MANY), [add(2), add(4)]);
        let (three, _) = news.join(id(3));
        news.leave(id(3), three);
        news.leave(id(4), four);
        news.join(id(4));
        news.leave(id(2), two);
        assert!(news.is_near(&told));
        assert_eq!(tell(&news, 9, &mut told, Subjects::All, MANY), [del(4), del(2), add(4)]);
        assert!(!news.concern(&told, Subjects::All));
    }

    #[test]
    fn those_who_have_spoken_are_introduced_first_and_each_once() {
        let mut news = News::default();
        let places: Vec<Place> = (10..1000).map(|number| news.join(id(number)).0).collect();
        let (_, mut told) = news.join(id(2));
        let speak = |news: &mut News, number: usize| {
            let mut place = places[number - 10];
            news.speak(id(number as i32), &mut place);
            place
        };
        speak(&mut news, 700);
        let five = speak(&mut news, 500);
        assert_eq!(tell(&news, 2, &mut told, Subjects::Spoken, MANY), [add(700), add(500)]);
        assert!(!news.is_near(&told));
        assert!(news.knows(&told, five) && !news.knows(&told, places[0]));
        assert_eq!(news.introduce(&mut told, id(600), places[590]), [add(600)]);
        assert_eq!(tell(&news, 2, &mut told, Subjects::All, 3), [add(10), add(11), add(12)]);
        // One that has been introduced speaks: no news.
        speak(&mut news, 10);
        speak(&mut news, 600);
        assert_eq!(tell(&news, 2, &mut told, Subjects::Spoken, MANY), []);
        let mut rest = Vec::new();
        while news.concern(&told, Subjects::All) {
            rest.extend(tell(&news, 2, &mut told, Subjects::All, 50));
        }
        assert_eq!(rest.len(), 990 - 2 - 1 - 3);
        assert!(told.early.is_empty());
        news.leave(id(500), five);
        assert_eq!(tell(&news, 2, &mut told, Subjects::Spoken, MANY), [del(500)]);
    }

    #[test]
    fn departures_are_forgotten_when_everyone_knows_of_them() {
        let mut news = News::default();
        let (_, mut told) = news.join(id(2));
        let (place, _) = news.join(id(3));
        tell(&news, 2, &mut told, Subjects::All, MANY);
        news.leave(id(3), place);
        news.forget(told.departures());
        assert_eq!(tell(&news, 2, &mut told, Subjects::All, MANY), [del(3)]);
        news.forget(told.departures());
        assert!(news.departures.is_empty());
        assert_eq!(tell(&news, 2, &mut told, Subjects::All, MANY), []);
    }
}
