//! The part of a peer that is only there while something is under way.
//!
//! Most peers of a large host are silent: all that happens to them is a ping now and then. What is queued, on its way or half
//! received needs room only meanwhile. So that a ping takes none from the heap, the host keeps a few such parts and lends them.

use std::ops::{Deref, DerefMut};

use super::farewell::Doubt;
use super::outbox::{Acknowledgement, Outbox};
use super::retransmission::Retransmission;
use crate::channel::{Inbox, Numbers, Outgoing};
use crate::time::Time;

/// What a busy peer has.
#[derive(Debug)]
pub(crate) struct Busy {
    pub(crate) outbox: Outbox,
    pub(super) retransmission: Retransmission,
    /// The connection's own commands are numbered and resent like those of a channel.
    pub(super) control: Outgoing,
    pub(crate) inbox: Inbox,
    /// Payload bytes of reliable commands on their way.
    pub(super) in_flight: usize,
    /// Until when acknowledgements are sent a second time.
    pub(super) repeat_until: Option<Time>,
    /// Until when acknowledgements may wait for company.
    pub(super) acknowledge_by: Option<Time>,
    /// A farewell that may be forged.
    pub(super) doubt: Option<Doubt>,
    /// The program wants to know when no more than this is queued.
    pub(crate) room_wanted: Option<usize>,
    /// What the host's total counts for this peer.
    pub(crate) counted: usize,
    /// Packets came or went lately and more are likely to follow: for how many pings more. One alone says little, as who only
    /// sends unreliable packets or only receives pings as well.
    lively: u8,
}

impl Busy {
    const fn new() -> Busy {
        Busy {
            outbox: Outbox::new(),
            retransmission: Retransmission::new(),
            control: Outgoing::new(),
            inbox: Inbox::new(),
            in_flight: 0,
            repeat_until: None,
            acknowledge_by: None,
            doubt: None,
            room_wanted: None,
            counted: 0,
            lively: 0,
        }
    }

    /// Whether reliable commands wait to leave or to be acknowledged.
    pub(super) fn has_unacknowledged(&self) -> bool {
        self.outbox.has_reliable() || self.retransmission.has_sent() || self.retransmission.has_queued()
    }

    /// A packet came or is to go.
    pub(super) fn note_packet(&mut self) {
        self.lively = PINGS_OUTLASTED;
    }

    /// A ping came or was acknowledged: there is not much else.
    pub(super) fn note_ping(&mut self) {
        self.lively = self.lively.saturating_sub(1);
    }

    /// Bytes held in both directions, but for those that are counted in a ledger.
    fn held(&self) -> usize {
        let owed = self.outbox.acknowledgements.len() * size_of::<Acknowledgement>();
        self.inbox.waiting() + self.outbox.own() + owed
    }

    fn is_over(&self, now: Time) -> bool {
        self.control.is_quiet()
            && self.outbox.is_quiet()
            && self.retransmission.is_quiet()
            && self.inbox.is_quiet()
            && self.in_flight == 0
            && self.counted == 0
            && self.doubt.is_none()
            && self.room_wanted.is_none()
            && self.repeat_until.is_none_or(|until| until <= now)
    }

    /// Makes an idle peer's part fit for another one. What is left of it in the heap is small.
    fn renew(&mut self) {
        self.outbox.renew();
        self.retransmission.renew();
        self.control.release();
        self.inbox = Inbox::new();
        self.repeat_until = None;
        self.acknowledge_by = None;
    }
}

/// After so many pings without a packet a peer is idle.
const PINGS_OUTLASTED: u8 = 2;

/// What can be read of a peer that is not busy.
static NOT_BUSY: Busy = Busy::new();

/// The place for the busy part of a peer. To read it needs no part, to write to it makes one.
#[derive(Debug, Default)]
pub(crate) struct BusySlot {
    part: Option<Box<Busy>>,
    /// The number of the connection's own latest command, while there is no part to keep it.
    latest_control: Numbers,
}

impl BusySlot {
    /// Whether there is a part.
    pub(crate) fn is_taken(&self) -> bool {
        self.part.is_some()
    }

    /// Brings a total of what is [held](Busy::held) up to date.
    pub(crate) fn count_held(&mut self, total: &mut usize) {
        if let Some(busy) = &mut self.part {
            let held = busy.held();
            *total = *total + held - busy.counted;
            busy.counted = held;
        }
    }

    /// Puts a part there if there is none.
    #[inline]
    pub(crate) fn lend(&mut self, spare: &mut SpareParts) {
        if self.part.is_none()
            && let Some(mut part) = spare.0.pop()
        {
            part.control.go_on_after(self.latest_control);
            self.part = Some(part);
        }
    }

    /// Gives back the part of a peer for which nothing is under way, and whether there was such a part; `peers` is how many the
    /// host has.
    pub(crate) fn take_back(&mut self, spare: &mut SpareParts, peers: usize, now: Time) -> bool {
        if self.lively > 0 {
            return false;
        }
        let Some(mut part) = self.part.take_if(|part| part.is_over(now)) else {
            return false;
        };
        self.latest_control = part.control.latest();
        if spare.0.len() < peers / PEERS_FOR_A_SPARE_PART + 1 {
            part.renew();
            spare.0.push(part);
        }
        true
    }
}

impl Deref for BusySlot {
    type Target = Busy;

    fn deref(&self) -> &Busy {
        self.part.as_deref().unwrap_or(&NOT_BUSY)
    }
}

impl DerefMut for BusySlot {
    fn deref_mut(&mut self) -> &mut Busy {
        self.part.get_or_insert_with(|| new_part(self.latest_control))
    }
}

#[cold]
#[inline(never)]
fn new_part(latest_control: Numbers) -> Box<Busy> {
    let mut part = Box::new(Busy::new());
    part.control.go_on_after(latest_control);
    part
}

/// Of how many peers one is likely to be busy at a time, if all are idle: a ping takes a few milliseconds of half a second.
const PEERS_FOR_A_SPARE_PART: usize = 64;

/// The parts that a host keeps for peers that become busy.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "the boxes go to the peers and come back")]
pub(crate) struct SpareParts(Vec<Box<Busy>>);

impl SpareParts {
    /// Frees what is more than so many peers may need.
    pub(crate) fn shrink(&mut self, peers: usize) {
        let most = peers / PEERS_FOR_A_SPARE_PART + 1;
        if self.0.len() > most {
            self.0.truncate(most);
            self.0.shrink_to_fit();
        }
    }
}
