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
        match &mut self.turn {
            Turn::Waiting { given_up, .. } => *given_up = true,
            turn => *turn = Turn::None,
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
