//! A client in the session, as the relay knows it.

use enet_proto::{Ledger, Time};

use super::backlog::Backlog;
use super::lanes::{Lanes, PACKET_COST};
use super::news::{Place, Told};
use super::turns::Allowance;
use crate::paths::KnownPaths;

/// What a connection is supposed to take before it was asked.
const FIRST_ROOM: i64 = 16 * 1024;

#[derive(Debug)]
pub(super) struct Member<K> {
    pub(super) key: K,
    pub(super) paths: KnownPaths,
    pub(super) authentication: Authentication,
    pub(super) place: Place,
    pub(super) told: Told,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
}

/// How far a client that is in the session is with being authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Authentication {
    /// It never asked.
    None,
    /// It began late, and is not done.
    Begun,
    /// Both are done.
    Done,
}

/// A member as a sender.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) backlog: Backlog,
    pub(super) allowance: Allowance,
    /// Its packets, as long as anyone still waits for them.
    pub(super) ledger: Ledger,
    /// How many copies of them are in the lanes of receivers.
    pub(super) copies: usize,
    pub(super) restraint: Restraint,
}

/// Whether a sender is slowed down.
#[derive(Debug)]
pub(super) struct Restraint {
    /// Whether nothing is read from it.
    pub(super) held: bool,
    /// What was read from it again and has not come yet, in bytes.
    pub(super) coming: usize,
    /// What it was lent since it was read from last, in bytes, and when that was, or when more was lent.
    pub(super) lent: usize,
    pub(super) heard: Time,
}

/// A member as a receiver.
#[derive(Debug)]
pub(super) struct Receiving {
    /// What its connection takes before it must be asked again, in bytes. Below zero after a packet that was larger.
    pub(super) room: i64,
    /// Whether it is being asked.
    pub(super) asked: bool,
    /// What would be queued in it if it had taken nothing since that was last seen, in bytes.
    given: i64,
    pub(super) lanes: Lanes,
}

impl Sending {
    pub(super) fn new(now: Time, allowance: Allowance, ledger: Ledger) -> Sending {
        Sending {
            backlog: Backlog::default(),
            allowance,
            ledger,
            copies: 0,
            restraint: Restraint {
                held: false,
                coming: 0,
                lent: 0,
                heard: now,
            },
        }
    }

    /// What the server holds for it.
    pub(super) fn held_data(&self) -> usize {
        self.ledger.held() + (self.copies + self.backlog.len()) * PACKET_COST
    }

    /// Something that it has sent has been read.
    pub(super) fn note_come(&mut self, bytes: usize) {
        let coming = &mut self.restraint.coming;
        *coming = coming.saturating_sub(bytes.saturating_add(PACKET_COST));
    }
}

/// Bytes as they are counted of what a connection has room for.
pub(super) fn in_room(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Receiving {
    pub(super) fn new() -> Receiving {
        Receiving {
            room: FIRST_ROOM,
            asked: false,
            given: 0,
            lanes: Lanes::default(),
        }
    }

    /// So many bytes were given to its connection.
    pub(super) fn give(&mut self, bytes: usize) {
        let bytes = in_room(bytes);
        self.room = self.room.saturating_sub(bytes);
        self.given = self.given.saturating_add(bytes);
    }

    /// So many bytes were not taken by its connection, which takes nothing now.
    pub(super) fn refuse(&mut self, bytes: usize) {
        self.room = 0;
        self.asked = true;
        self.given = self.given.saturating_sub(in_room(bytes));
    }

    /// So many bytes are queued in its connection: the rest was taken.
    pub(super) fn see_queued(&mut self, queued: usize) {
        let queued = in_room(queued);
        let taken = self.given.saturating_sub(queued);
        self.lanes.note_taken(usize::try_from(taken).unwrap_or(0));
        self.given = queued;
    }
}
