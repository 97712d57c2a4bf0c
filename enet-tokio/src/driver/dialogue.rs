//! Finds out whether this endpoint is in a dialogue so quick that it does not pay to sleep until the answer.
//!
//! A turn of a dialogue is one datagram from a peer, a packet of it that the program takes, a packet that the program sends, and
//! one datagram back to that peer. Whatever does not fit in ends the dialogue: a second datagram, another peer, an
//! acknowledgement that nobody answers. So streams, crowds and keep-alives never are one.
//!
//! What a wait would have been without sleeping is not known while both sides sleep, as it takes a system some 5 to 50 µs to wake
//! a thread. So waits that are a few times too long are taken for promising, and a few trials tell the truth.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After so many promising waits in a row the next one is spent looking.
const FIRST_TURNS: u32 = 16;

/// The same after many failures, each of which doubles it.
const MOST_TURNS: u32 = 1024;

/// A wait is promising if it is at most so many times as long as one may look.
const PROMISING: u32 = 4;

/// What looking in vain adds to the doubt. Looking with success takes one off.
const DOUBT: u32 = 4;

/// The doubt at which looking ends.
const TOO_DOUBTFUL: u32 = 10;

/// The dialogue with the peer that was heard last.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// For how long to look; zero for never.
    limit: Duration,
    turn: Turn,
    /// Promising waits in a row.
    turns: u32,
    /// How many there must be.
    required: u32,
    doubt: u32,
}

/// How far a turn has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    None,
    Heard(SocketAddr),
    /// The program has taken a packet.
    Taken(SocketAddr),
    /// It has queued one.
    Answered(SocketAddr),
    /// The answer has left, and the next datagram may come.
    Waiting {
        peer: SocketAddr,
        since: Instant,
        /// Whether it was looked for as long as it may be.
        given_up: bool,
    },
}

impl Dialogue {
    /// `limit` says for how long to look for an answer at most; zero for never.
    pub(super) fn new(limit: Duration) -> Dialogue {
        Dialogue {
            limit,
            turn: Turn::None,
            turns: 0,
            required: FIRST_TURNS,
            doubt: 0,
        }
    }

    /// A datagram has come.
    pub(super) fn heard(&mut self, from: SocketAddr) {
        match self.turn {
            _ if self.limit.is_zero() => return,
            Turn::Waiting { peer, since, .. } if peer == from => self.judge(since.elapsed()),
            _ => self.turns = 0,
        }
        self.turn = Turn::Heard(from);
    }

    /// The program has taken a packet.
    pub(crate) fn taken(&mut self) {
        if let Turn::Heard(peer) = self.turn {
            self.turn = Turn::Taken(peer);
        }
    }

    /// The program has queued a packet.
    pub(crate) fn answered(&mut self) {
        if let Turn::Taken(peer) = self.turn {
            self.turn = Turn::Answered(peer);
        }
    }

    /// So many datagrams have left.
    pub(super) fn said(&mut self, to: SocketAddr, datagrams: usize) {
        self.turn = match self.turn {
            Turn::Answered(peer) if peer == to && datagrams == 1 => Turn::Waiting {
                peer,
                since: Instant::now(),
                given_up: false,
            },
            _ => Turn::None,
        };
    }

    /// Whether the answer to what the program has queued, or has sent already, is worth looking for.
    pub(super) fn is_quick(&self) -> bool {
        let looks = matches!(self.turn, Turn::Answered(_) | Turn::Waiting { given_up: false, .. });
        looks && self.turns >= self.required
    }

    /// Until when to look for the answer to what was sent, if that is worth it.
    pub(super) fn look_until(&self) -> Option<Instant> {
        match self.turn {
            Turn::Waiting { since, .. } if self.is_quick() => since.checked_add(self.limit),
            _ => None,
        }
    }

    /// Nobody looks for the answer any more.
    pub(super) fn give_up(&mut self) {
        if let Turn::Waiting { given_up, .. } = &mut self.turn {
            *given_up = true;
        }
    }

    fn judge(&mut self, wait: Duration) {
        let looked = self.turns >= self.required;
        if wait <= self.limit {
            self.turns = self.turns.saturating_add(1);
            self.doubt = self.doubt.saturating_sub(1);
            if self.turns >= self.required + FIRST_TURNS {
                self.required = FIRST_TURNS;
            }
            return;
        }
        if looked {
            self.doubt += DOUBT;
        }
        let promising = wait <= self.limit * PROMISING;
        if promising && self.doubt < TOO_DOUBTFUL {
            self.turns = self.turns.saturating_add(1);
            return;
        }
        self.turns = 0;
        self.doubt = 0;
        if looked {
            self.required = (self.required * 2).min(MOST_TURNS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn turn(dialogue: &mut Dialogue, port: u16) {
        dialogue.heard(peer(port));
        dialogue.taken();
        dialogue.answered();
        dialogue.said(peer(port), 1);
    }

    fn quick(limit: Duration) -> Dialogue {
        let mut dialogue = Dialogue::new(limit);
        (0..=FIRST_TURNS).for_each(|_| turn(&mut dialogue, 1));
        dialogue
    }

    #[test]
    fn a_dialogue_is_quick_after_some_turns() {
        let mut dialogue = Dialogue::new(LIMIT);
        for _ in 0..FIRST_TURNS {
            turn(&mut dialogue, 1);
            assert_eq!(dialogue.look_until(), None);
        }
        turn(&mut dialogue, 1);
        assert!(dialogue.look_until().is_some());
        dialogue.give_up();
        assert_eq!(dialogue.look_until(), None);
        turn(&mut dialogue, 1);
        assert!(dialogue.look_until().is_some(), "giving up is for one answer");
    }

    #[test]
    fn waits_that_are_too_long_make_none() {
        assert!(!quick(Duration::from_nanos(1)).is_quick());
        assert!(!quick(Duration::ZERO).is_quick(), "never means never");
    }

    #[test]
    fn whatever_does_not_fit_in_ends_it() {
        let mut unanswered = quick(LIMIT);
        unanswered.heard(peer(1));
        unanswered.taken();
        unanswered.said(peer(1), 1);
        let mut untaken = quick(LIMIT);
        untaken.heard(peer(1));
        untaken.answered();
        untaken.said(peer(1), 1);
        let mut stream = quick(LIMIT);
        stream.heard(peer(1));
        stream.heard(peer(1));
        let mut long = quick(LIMIT);
        long.heard(peer(1));
        long.taken();
        long.answered();
        long.said(peer(1), 2);
        let mut crowd = quick(LIMIT);
        turn(&mut crowd, 2);
        for dialogue in [&mut unanswered, &mut untaken, &mut stream, &mut long, &mut crowd] {
            turn(dialogue, 1);
            assert!(!dialogue.is_quick());
        }
    }

    #[test]
    fn one_long_wait_ends_it_and_the_next_trial_comes_later() {
        let mut dialogue = quick(LIMIT);
        dialogue.judge(LIMIT * (PROMISING + 1));
        assert!(!dialogue.is_quick());
        (0..=FIRST_TURNS).for_each(|_| turn(&mut dialogue, 1));
        assert!(!dialogue.is_quick());
        (0..2 * FIRST_TURNS).for_each(|_| turn(&mut dialogue, 1));
        assert!(dialogue.is_quick());
        assert_eq!(dialogue.required, FIRST_TURNS, "success makes up for it");
    }

    #[test]
    fn looking_in_vain_ends_after_a_few_times() {
        let mut dialogue = quick(LIMIT);
        for _ in 0..TOO_DOUBTFUL.div_ceil(DOUBT) {
            assert!(dialogue.is_quick());
            dialogue.judge(LIMIT * 2);
        }
        assert!(!dialogue.is_quick());
        for _ in 0..100 * MOST_TURNS {
            dialogue.judge(LIMIT * 2);
        }
        assert_eq!(dialogue.required, MOST_TURNS);
    }
}
