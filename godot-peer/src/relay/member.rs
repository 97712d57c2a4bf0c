//! A client in the session, as the relay knows it.

use std::collections::VecDeque;

use enet_proto::{Ledger, Time};

use super::lanes::{Lanes, PACKET_COST};
use super::news::{Place, Told};
use super::turns::Allowance;
use crate::Target;
use crate::paths::KnownPaths;
use crate::transfer::Outgoing;

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
    /// It asked late, and was told that the server is done.
    Answered,
    /// Both are done.
    Done,
}

/// A member as a sender.
#[derive(Debug)]
pub(super) struct Sending {
    /// What it has sent and nobody has been given yet.
    pub(super) waiting: VecDeque<(Target, Outgoing)>,
    pub(super) allowance: Allowance,
    /// Its packets, as long as anyone still waits for them.
    pub(super) ledger: Ledger,
    /// How many copies of them are in the lanes of receivers.
    pub(super) copies: usize,
    /// Whether nothing is read from it.
    pub(super) held: bool,
}

/// A member as a receiver.
#[derive(Debug)]
pub(super) struct Receiving {
    /// What its connection takes before it must be asked again, in bytes. Below zero after a packet that was larger.
    pub(super) room: i64,
    /// Whether it is being asked.
    pub(super) asked: bool,
    pub(super) lanes: Lanes,
}

impl Sending {
    pub(super) fn new(now: Time, rate: u32, ledger: Ledger) -> Sending {
        Sending {
            waiting: VecDeque::new(),
            allowance: Allowance::new(now, rate),
            ledger,
            copies: 0,
            held: false,
        }
    }

    /// What the server holds for it.
    pub(super) fn held_data(&self) -> usize {
        self.ledger.held() + (self.copies + self.waiting.len()) * PACKET_COST
    }
}

impl Receiving {
    pub(super) fn new() -> Receiving {
        Receiving {
            room: FIRST_ROOM,
            asked: false,
            lanes: Lanes::default(),
        }
    }
}
