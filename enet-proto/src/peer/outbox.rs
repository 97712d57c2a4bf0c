//! What waits to be sent to a peer for the first time.
//!
//! Three queues, as reliable packets can be held back by a window while the others pass them; a running number keeps the order
//! in which the program queued them.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::channel::{ITEM_COST, Payload, Position, QueuedReliable};
use crate::queue::{BURST, FEW, shrink};
use crate::time::Time;
use crate::wire;

/// The part of the queue's limit that a slow peer must take in time.
const SLOW_SHARE: u64 = 16;

/// A command of the connection itself.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    Connect(Box<wire::Connect>),
    Disconnect {
        data: u32,
    },
    Ping,
    BandwidthLimit {
        incoming: u32,
        outgoing: u32,
    },
    ThrottleConfigure {
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    },
}

/// An acknowledgement owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    pub(crate) sent_time: u16,
}

impl Acknowledgement {
    pub(crate) fn emit(&self, out: &mut Vec<u8>) {
        wire::emit::acknowledge(out, self.channel, self.sequence, self.sequence, self.sent_time);
    }
}

/// How an unreliable packet travels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnreliableForm {
    /// Sequenced, in one command.
    Whole { after: u16, number: u16 },
    /// Unsequenced, in one command.
    Unsequenced { group: u16 },
    /// Sequenced, in fragments, of which `next` is the next to go.
    Fragments {
        after: u16,
        number: u16,
        count: u32,
        next: u32,
    },
}

#[derive(Debug)]
pub(crate) struct QueuedUnreliable {
    pub(crate) channel: u8,
    pub(crate) data: Bytes,
    pub(crate) form: UnreliableForm,
    /// Whether its bytes are counted in a ledger.
    pub(crate) charged: bool,
    order: u64,
}

#[derive(Debug)]
pub(crate) struct QueuedControl {
    pub(crate) position: Position,
    pub(crate) command: Control,
    order: u64,
}

/// Which queue has what is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Control,
    Reliable,
    Unreliable,
}

/// The queues of one peer.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) acknowledgements: VecDeque<Acknowledgement>,
    /// Those of the datagram before, to be sent once more, and when it left.
    pub(crate) repeats: (Vec<Acknowledgement>, Time),
    pub(crate) control: VecDeque<QueuedControl>,
    pub(crate) reliable: VecDeque<QueuedReliable>,
    pub(crate) unreliable: VecDeque<QueuedUnreliable>,
    order: u64,
    /// Packets that wait in their channel, see [`Outgoing::parked`](crate::channel::Outgoing).
    pub(crate) parked: usize,
    /// Whether the in-flight window has no room for the first reliable packet.
    pub(crate) reliable_blocked: bool,
    /// Bytes of packets queued or unacknowledged, with what their bookkeeping costs.
    held: usize,
    /// What of it is counted in a ledger, as others may hold the same buffers.
    charged: usize,
    /// How many of them have left for good so far.
    released: u64,
    /// Since a packet was refused for want of room.
    full: Option<Full>,
}

/// A queue that was full, and what it takes to prove that the other side is not just slow.
#[derive(Clone, Copy, Debug)]
struct Full {
    until: Time,
    /// What [`Outbox::released`] must have reached by then.
    goal: u64,
}

impl Outbox {
    pub(crate) const fn new() -> Outbox {
        Outbox {
            acknowledgements: VecDeque::new(),
            repeats: (Vec::new(), Time::ZERO),
            control: VecDeque::new(),
            reliable: VecDeque::new(),
            unreliable: VecDeque::new(),
            order: 0,
            parked: 0,
            reliable_blocked: false,
            held: 0,
            charged: 0,
            released: 0,
            full: None,
        }
    }

    /// Whether nothing waits or is remembered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.acknowledgements.is_empty()
            && self.repeats.0.is_empty()
            && !self.has_commands()
            && self.held == 0
            && self.full.is_none()
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    pub(crate) fn push_control(&mut self, position: Position, command: Control) {
        let order = self.next_order();
        self.control.push_back(QueuedControl {
            position,
            command,
            order,
        });
    }

    pub(crate) fn push_reliable(&mut self, channel: u8, first: Position, data: Bytes, count: u32, charged: bool) {
        let order = self.next_order();
        self.hold_packet(data.len(), charged);
        self.reliable.push_back(QueuedReliable {
            channel,
            first,
            data,
            count,
            next: 0,
            charged,
            order,
        });
    }

    /// Takes what the next reliable command carries: a packet, or its next fragment of `step` bytes.
    pub(crate) fn take_reliable(&mut self, step: usize) -> Option<Payload> {
        let head = self.reliable.front_mut()?;
        if head.count == 1 {
            return self.reliable.pop_front().map(|packet| Payload::Whole(packet.data));
        }
        let payload = Payload::Fragment {
            packet: head.data.clone(),
            first: head.first.wire(),
            number: head.next,
            count: head.count,
            step: step as u16,
        };
        head.next += 1;
        if head.next == head.count {
            self.reliable.pop_front();
        }
        Some(payload)
    }

    pub(crate) fn push_unreliable(&mut self, channel: u8, data: Bytes, form: UnreliableForm, charged: bool) {
        let order = self.next_order();
        self.hold_packet(data.len(), charged);
        self.unreliable.push_back(QueuedUnreliable {
            channel,
            data,
            form,
            charged,
            order,
        });
    }

    /// The queue to take from: the one whose head was queued first, of those that are not blocked.
    pub(crate) fn next(&self) -> Option<Next> {
        let mut first = None;
        let mut consider = |order: Option<u64>, next| {
            if let Some(order) = order
                && first.is_none_or(|(earliest, _)| order < earliest)
            {
                first = Some((order, next));
            }
        };
        if !self.reliable_blocked {
            consider(self.reliable.front().map(|head| head.order), Next::Reliable);
        }
        consider(self.control.front().map(|head| head.order), Next::Control);
        consider(self.unreliable.front().map(|head| head.order), Next::Unreliable);
        first.map(|(_, next)| next)
    }

    /// Whether any reliable command waits for its first transmission.
    pub(crate) fn has_reliable(&self) -> bool {
        !self.control.is_empty() || !self.reliable.is_empty() || self.parked > 0
    }

    /// Whether anything but acknowledgements waits.
    pub(crate) fn has_commands(&self) -> bool {
        self.has_reliable() || !self.unreliable.is_empty()
    }

    /// Bytes of packets queued or unacknowledged.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// What of it nobody else holds: what would be free without this peer.
    pub(crate) fn own(&self) -> usize {
        self.held - self.charged
    }

    fn hold_packet(&mut self, length: usize, charged: bool) {
        self.held += packet_cost(length);
        if charged {
            self.charged += length;
        }
    }

    /// So many payload bytes of a packet have left for good, the first of them if `begins`.
    pub(crate) fn release_packet(&mut self, length: usize, begins: bool, charged: bool) {
        if charged {
            debug_assert!(self.charged >= length);
            self.charged = self.charged.saturating_sub(length);
        }
        self.release(if begins { packet_cost(length) } else { length });
    }

    /// Something else takes memory.
    pub(crate) fn hold(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Some of what was held has left for good.
    pub(crate) fn release(&mut self, bytes: usize) {
        debug_assert!(self.held >= bytes + self.charged);
        self.held = self.held.saturating_sub(bytes);
        self.released += bytes as u64;
    }

    /// A packet was refused as `limit` bytes are held.
    pub(crate) fn note_full(&mut self, now: Time, limit: usize, patience: Duration) {
        // A queue that is nearly empty is no proof: the packet was too large for it.
        if self.full.is_none() && self.held as u64 >= limit as u64 / SLOW_SHARE {
            self.full = Some(Full {
                until: now + patience,
                goal: self.released + limit as u64 / SLOW_SHARE,
            });
        }
    }

    /// When to see whether a queue that was full has moved.
    pub(crate) fn full_until(&self) -> Option<Time> {
        self.full.map(|full| full.until)
    }

    /// Whether the queue was full too long ago and has hardly moved since.
    pub(crate) fn is_stuck(&mut self, now: Time) -> bool {
        let Some(full) = self.full.filter(|full| full.until <= now) else {
            return false;
        };
        self.full = None;
        self.held > 0 && self.released < full.goal
    }

    /// Drops everything but the acknowledgements that are owed.
    pub(crate) fn clear(&mut self) {
        *self = Outbox {
            acknowledgements: std::mem::take(&mut self.acknowledgements),
            order: self.order,
            ..Outbox::new()
        };
    }

    /// Gives back memory that a burst took.
    pub(crate) fn shrink(&mut self) {
        self.shrink_to(BURST);
    }

    /// Makes a quiet one fit for another peer, to whom pings are all there is to send.
    pub(crate) fn renew(&mut self) {
        self.shrink_to(FEW);
        self.reliable_blocked = false;
    }

    fn shrink_to(&mut self, capacity: usize) {
        shrink(&mut self.acknowledgements, capacity);
        shrink(&mut self.control, capacity);
        shrink(&mut self.reliable, capacity);
        shrink(&mut self.unreliable, capacity);
    }
}

/// What a queued packet of `length` bytes is counted for.
pub(crate) fn packet_cost(length: usize) -> usize {
    length + ITEM_COST
}
