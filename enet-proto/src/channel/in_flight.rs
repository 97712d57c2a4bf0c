//! Commands that were sent and are not acknowledged yet.

use std::collections::VecDeque;

use bytes::Bytes;

use super::sequence::Position;
use crate::peer::Control;
use crate::queue::{self, BURST, FEW, shrink};
use crate::time::Time;

/// What a reliable command carries, kept until it is acknowledged.
#[derive(Debug)]
pub(crate) enum Payload {
    /// A command of the connection itself.
    Control(Control),
    /// A packet that fits one command.
    Whole(Bytes),
    /// One fragment of a packet.
    Fragment {
        /// The whole packet; its buffer is shared by all its fragments.
        packet: Bytes,
        /// The number of the packet's first fragment on the wire.
        first: u16,
        number: u32,
        count: u32,
        /// The length of all fragments but the last.
        step: u16,
    },
}

impl Payload {
    /// How many payload bytes it carries.
    pub(crate) fn len(&self) -> usize {
        match self {
            Payload::Control(_) => 0,
            Payload::Whole(data) => data.len(),
            Payload::Fragment {
                packet, number, step, ..
            } => (packet.len() - *number as usize * usize::from(*step)).min(usize::from(*step)),
        }
    }
}

/// A reliable command on its way.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) payload: Payload,
    /// When it was sent last.
    pub(crate) sent: Time,
    /// The number of the datagram it was sent in last; 0 while it waits to be sent again.
    pub(crate) datagram: u64,
    /// How often it was sent.
    pub(crate) attempts: u8,
    /// Whether it was sent twice within what the wire's clock tells apart, so that an acknowledgement may be of either.
    pub(crate) ambiguous: bool,
    /// Whether it was counted as lost.
    pub(crate) counted_lost: bool,
    /// Whether its payload is counted in a ledger.
    pub(crate) charged: bool,
    /// How often its time-out has passed; doubles the next one.
    pub(crate) timeouts: u8,
    /// When it is due again, once it has been resent.
    pub(crate) resend_due: Option<Time>,
}

impl InFlight {
    /// Whether an acknowledgement with this sent time can be of it. What was sent once was sent at one time.
    pub(crate) fn may_have_left_at(&self, sent_time: u16) -> bool {
        self.attempts > 1 || self.sent.wire() == sent_time
    }

    /// How many of its time-outs are beyond what is waited for patiently.
    pub(crate) fn impatience(&self) -> u8 {
        self.timeouts.saturating_sub(PATIENT_TIMEOUTS)
    }
}

/// After so many time-outs of a command the waits double without limit: who leaves it unacknowledged for that long and goes on
/// acknowledging others would otherwise have it sent for ever.
const PATIENT_TIMEOUTS: u8 = 32;

/// A command that was acknowledged.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    pub(crate) position: Position,
    pub(crate) command: InFlight,
    /// How many slots its acknowledgement freed: none as long as an older command is unacknowledged, and then all behind that.
    pub(crate) freed_slots: usize,
}

/// What a command's place takes, in bytes. It is kept until all older ones are acknowledged.
pub(crate) const SLOT_COST: usize = size_of::<Option<InFlight>>();

/// The unacknowledged commands of one channel by their position. Finding one takes constant time.
#[derive(Debug, Default)]
pub(crate) struct InFlightRing {
    /// The position of `slots[0]`, which is never empty while there are slots.
    base: Position,
    slots: VecDeque<Option<InFlight>>,
}

impl InFlightRing {
    pub(crate) const fn new() -> InFlightRing {
        InFlightRing {
            base: Position::START,
            slots: VecDeque::new(),
        }
    }

    /// The oldest unacknowledged position.
    pub(crate) fn oldest(&self) -> Option<Position> {
        (!self.slots.is_empty()).then_some(self.base)
    }

    /// Adds a command, which comes right after the one added last. Returns for how many more there is room now.
    pub(crate) fn push(&mut self, position: Position, command: InFlight) -> usize {
        if self.slots.is_empty() {
            self.base = position;
        }
        debug_assert_eq!(position, self.base + self.slots.len() as u64);
        let room = self.slots.capacity();
        self.slots.push_back(Some(command));
        self.slots.capacity() - room
    }

    pub(crate) fn get_mut(&mut self, position: Position) -> Option<&mut InFlight> {
        let index = self.index(position)?;
        self.slots.get_mut(index)?.as_mut()
    }

    pub(crate) fn get(&self, position: Position) -> Option<&InFlight> {
        let index = self.index(position)?;
        self.slots.get(index)?.as_ref()
    }

    /// Takes out the command that an acknowledgement names by its number on the wire, if it left at that time.
    #[inline]
    pub(crate) fn acknowledge(&mut self, wire: u16, sent_time: u16) -> Option<Acknowledged> {
        let position = self.base.at_or_after(wire);
        let index = self.index(position)?;
        let slot = self.slots.get_mut(index)?;
        let command = slot.take_if(|command| command.may_have_left_at(sent_time))?;
        let before = self.slots.len();
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.base += 1;
        }
        let freed_slots = before - self.slots.len();
        Some(Acknowledged {
            position,
            command,
            freed_slots,
        })
    }

    /// For how many commands there is room.
    pub(crate) fn room(&self) -> usize {
        self.slots.capacity()
    }

    /// Gives back memory, if little of it is used. Returns for how many fewer commands there is room now.
    pub(crate) fn give_back(&mut self) -> usize {
        let room = self.slots.capacity();
        if queue::is_sparse(&self.slots) {
            queue::fit(&mut self.slots, 0);
        }
        room - self.slots.capacity()
    }

    /// The same for a ring that stands alone: it may keep room for a burst.
    pub(crate) fn shrink(&mut self) {
        shrink(&mut self.slots, BURST);
    }

    /// The same for one that is empty and will be for a while.
    pub(crate) fn release(&mut self) {
        shrink(&mut self.slots, FEW);
    }

    /// Drops all commands.
    pub(crate) fn clear(&mut self) {
        self.base += self.slots.len() as u64;
        self.slots = VecDeque::new();
    }

    fn index(&self, position: Position) -> Option<usize> {
        (position >= self.base).then(|| (position - self.base) as usize)
    }
}
