//! Those whose connection is up but who are not in the session yet.
//!
//! A Godot with an `auth_callback` drops whatever comes before both sides have said that they are done, so it must not be told of
//! anyone before. It begins to speak with the datagram that makes the connection; one without a callback says nothing about it. So
//! everyone stays here for a moment. Who says something else, or nothing, is let in. Who asks to be authenticated is let in when it
//! is done, and told then that the server is done as well.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::Time;

use crate::scene::{Message, System};

/// How long it takes to hear whether a newcomer asks to be authenticated. Its first word is in the datagram that makes the
/// connection, so this is the time that a busy server may take between two events. Nobody notices.
const GRACE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Lobby<K> {
    visitors: HashMap<K, Visitor>,
    /// Who is let in if it says nothing, in order; and some who are gone.
    silent: VecDeque<(Time, K)>,
}

/// One who is not in the session yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// When it came.
    pub(super) since: Time,
    /// What its CONNECT said.
    pub(super) data: u32,
    /// Whether it has asked to be authenticated.
    pub(super) is_authenticating: bool,
}

/// What becomes of a visitor that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is let in. What it said is for the session.
    LetIn(Visitor),
    /// It is let in, and has said no more than that it is done.
    Done(Visitor),
    /// It asks to be authenticated, for the first time.
    Asks,
    /// It goes on about it.
    Stays,
    /// This is no time to say that.
    Misplaced,
}

impl<K> Default for Lobby<K> {
    fn default() -> Lobby<K> {
        Lobby {
            visitors: HashMap::new(),
            silent: VecDeque::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Lobby<K> {
    pub(super) fn enter(&mut self, now: Time, key: K, data: u32) {
        let visitor = Visitor {
            since: now,
            data,
            is_authenticating: false,
        };
        self.visitors.insert(key, visitor);
        self.silent.push_back((now + GRACE, key));
    }

    /// A visitor's connection is gone, if there was one.
    pub(super) fn leave(&mut self, key: K) -> Option<Visitor> {
        self.visitors.remove(&key)
    }

    /// When to call [`take_silent`](Self::take_silent).
    pub(super) fn due(&self) -> Option<Time> {
        self.silent.front().map(|&(due, _)| due)
    }

    /// One that said nothing for long enough, and is let in.
    pub(super) fn take_silent(&mut self, now: Time) -> Option<(K, Visitor)> {
        while let Some(&(due, key)) = self.silent.front()
            && due <= now
        {
            self.silent.pop_front();
            let waits = |visitor: &Visitor| !visitor.is_authenticating && visitor.since + GRACE == due;
            if self.visitors.get(&key).is_some_and(waits) {
                return self.visitors.remove(&key).map(|visitor| (key, visitor));
            }
        }
        None
    }

    /// A packet came; nothing if not from a visitor.
    pub(super) fn hear(&mut self, key: K, packet: &Bytes) -> Option<Step> {
        let visitor = self.visitors.get_mut(&key)?;
        let first = !visitor.is_authenticating;
        let Ok(Message::System(System::Auth(word))) = Message::parse(packet) else {
            return Some(if first {
                Step::LetIn(self.visitors.remove(&key)?)
            } else {
                Step::Misplaced
            });
        };
        if word.is_empty() {
            return self.visitors.remove(&key).map(Step::Done);
        }
        visitor.is_authenticating = true;
        Some(if first { Step::Asks } else { Step::Stays })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: Bytes = Bytes::from_static(b"\x07\x00");
    const TOKEN: Bytes = Bytes::from_static(b"\x07\x00token");
    const CALL: Bytes = Bytes::from_static(b"\x80\x01\x03");

    fn lobby() -> Lobby<char> {
        let mut lobby = Lobby::default();
        lobby.enter(Time::ZERO, 'a', 2);
        lobby
    }

    fn visitor(is_authenticating: bool) -> Visitor {
        Visitor {
            since: Time::ZERO,
            data: 2,
            is_authenticating,
        }
    }

    #[test]
    fn who_says_nothing_is_let_in_after_a_moment() {
        let mut lobby = lobby();
        assert_eq!(lobby.take_silent(Time::from_millis(9)), None);
        assert_eq!(lobby.due(), Some(Time::from_millis(10)));
        assert_eq!(lobby.take_silent(Time::from_millis(10)), Some(('a', visitor(false))));
        assert_eq!(lobby.due(), None);
        assert_eq!(lobby.hear('a', &CALL), None);
    }

    #[test]
    fn who_says_something_else_is_let_in_at_once() {
        let mut lobby = lobby();
        assert_eq!(lobby.hear('a', &CALL), Some(Step::LetIn(visitor(false))));
        assert_eq!(lobby.take_silent(Time::from_millis(10)), None);
    }

    #[test]
    fn who_asks_to_be_authenticated_waits_until_it_is_done() {
        let mut lobby = lobby();
        assert_eq!(lobby.hear('a', &TOKEN), Some(Step::Asks));
        assert_eq!(lobby.hear('a', &TOKEN), Some(Step::Stays));
        assert_eq!(lobby.hear('a', &CALL), Some(Step::Misplaced));
        assert_eq!(lobby.take_silent(Time::from_millis(1000)), None);
        assert_eq!(lobby.hear('a', &COMPLETE), Some(Step::Done(visitor(true))));
        assert_eq!(lobby.hear('a', &COMPLETE), None);
    }

    #[test]
    fn who_has_nothing_to_ask_is_done_at_once() {
        assert_eq!(lobby().hear('a', &COMPLETE), Some(Step::Done(visitor(false))));
    }

    #[test]
    fn who_leaves_is_forgotten_also_when_another_comes_on_the_same_connection() {
        let mut lobby = lobby();
        assert_eq!((lobby.leave('a'), lobby.leave('a')), (Some(visitor(false)), None));
        lobby.enter(Time::from_millis(5), 'a', 3);
        assert_eq!(lobby.take_silent(Time::from_millis(10)), None);
        assert!(lobby.take_silent(Time::from_millis(15)).is_some());
        assert!(lobby.visitors.is_empty() && lobby.silent.is_empty());
    }
}
