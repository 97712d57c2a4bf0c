//! What one peer has sent and the program has not taken yet, and the limit on it.

use std::collections::VecDeque;

use crate::config::HostConfig;
use crate::event::Event;
use crate::host::PeerHandle;
use crate::packet::{KeptBuffers, Packet};
use crate::queue;

/// What storing one packet or fragment is counted for beside its bytes: an allocation's header, a tree node's share, the entry.
pub(crate) const ITEM_COST: usize = 128;

/// What a packet in the making is counted for beside its fragments: its own entry, and a tree's first node for those that are
/// early.
pub(crate) const ASSEMBLY_COST: usize = 640;

/// The packets of one peer on their way to the program.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiting: usize,
    /// What of it are events that the program has not polled.
    delivered: usize,
    /// How much may wait.
    room: usize,
    /// How much more, until some of what is held becomes an event.
    lent: usize,
    /// Packets of which fragments are missing.
    incomplete: usize,
    max_incomplete: usize,
    /// Room beyond the limit for a packet that is being put together.
    slack: usize,
    /// How much more the host as a whole may hold: with nothing left there is no such room.
    headroom: usize,
    receiving: bool,
    held: VecDeque<(u8, Packet)>,
}

impl Inbox {
    /// An empty one that takes nothing until it is [told](Self::allow) what it may hold.
    pub(crate) const fn new() -> Inbox {
        Inbox {
            waiting: 0,
            delivered: 0,
            room: 0,
            lent: 0,
            incomplete: 0,
            max_incomplete: 0,
            slack: 0,
            headroom: 0,
            receiving: true,
            held: VecDeque::new(),
        }
    }

    /// Whether nothing waits, and all that comes becomes an event.
    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting == 0 && self.incomplete == 0 && self.receiving
    }

    /// Bytes that wait, with what their bookkeeping costs.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// What of it are events that the program has not polled.
    pub(crate) fn delivered(&self) -> usize {
        self.delivered
    }

    /// Takes over what the host allows now: `room` bytes, and for packets in the making that go beyond them `headroom`.
    pub(crate) fn allow(&mut self, room: usize, headroom: usize, config: &HostConfig) {
        self.room = room;
        self.headroom = headroom;
        self.max_incomplete = config.max_incomplete_packets;
        self.slack = slack(config);
    }

    /// Whether another packet may begin to wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting < self.room.saturating_add(self.lent)
    }

    /// Lets more wait while packets do not become events, until some do.
    pub(crate) fn lend(&mut self, bytes: usize) {
        if !self.receiving {
            self.lent = self.lent.saturating_add(bytes);
        }
    }

    /// Whether another packet may begin to be put together, if there is room.
    pub(crate) fn may_begin(&self) -> bool {
        self.incomplete < self.max_incomplete
    }

    /// A packet begins to be put together.
    pub(crate) fn begin(&mut self) {
        self.incomplete += 1;
    }

    /// A packet that was being put together is complete or given up.
    pub(crate) fn finish(&mut self) {
        debug_assert!(self.incomplete > 0);
        self.incomplete = self.incomplete.saturating_sub(1);
    }

    /// By how much a packet that has begun, and was charged for `own` bytes, may grow beyond what a fragment needs, if it may grow
    /// at all. Beyond the limit one may at a time: the next in order when the program has taken all before it, or one that is
    /// alone.
    pub(crate) fn may_grow(&self, own: usize, is_next: bool) -> Option<usize> {
        let single = is_next && self.receiving && self.delivered == 0 || own == self.waiting;
        let beyond = self.headroom > 0 && self.waiting < self.room.saturating_add(self.slack);
        (self.has_room() || single && beyond).then_some(self.headroom)
    }

    /// Whether the next packet in order may come although others that came too early have taken all room: they wait for it. Of
    /// what the program has not polled there may be as much again.
    pub(crate) fn passes_on(&self) -> bool {
        self.receiving && (self.delivered == 0 || self.delivered < self.room)
    }

    pub(crate) fn charge(&mut self, cost: usize) {
        self.waiting += cost;
    }

    pub(crate) fn release(&mut self, cost: usize) {
        debug_assert!(self.waiting >= cost);
        self.waiting = self.waiting.saturating_sub(cost);
    }

    /// The program has taken `packet`.
    pub(crate) fn taken(&mut self, packet: &Packet) {
        self.release(cost(packet));
        self.delivered -= cost(packet);
    }

    /// Whether packets become events; if not they are held here. Turning it on makes events of those held.
    pub(crate) fn set_receiving(&mut self, receiving: bool, peer: PeerHandle, events: &mut VecDeque<Event>) {
        self.receiving = receiving;
        self.lent = 0;
        if receiving {
            let held = std::mem::take(&mut self.held);
            self.delivered += held.iter().map(|(_, packet)| cost(packet)).sum::<usize>();
            events.extend(
                held.into_iter()
                    .map(|(channel, packet)| Event::Received { peer, channel, packet }),
            );
        }
    }

    /// Makes events of the first of those held, one at least and no more once they count for `bytes`; with none left, of all that
    /// comes. Whether some are left.
    pub(crate) fn release_held(&mut self, bytes: usize, peer: PeerHandle, events: &mut VecDeque<Event>) -> bool {
        let mut released = 0;
        self.lent = 0;
        while let Some((channel, packet)) = self.held.pop_front() {
            released += cost(&packet);
            self.delivered += cost(&packet);
            events.push_back(Event::Received { peer, channel, packet });
            if released >= bytes {
                break;
            }
        }
        self.receiving = self.held.is_empty();
        if self.receiving {
            self.held = VecDeque::new();
        }
        !self.receiving
    }

    /// Keeps a packet of `channel` behind those held.
    pub(crate) fn hold(&mut self, channel: u8, mut packet: Packet) {
        self.charge(cost(&packet));
        packet.detach();
        self.held.push_back((channel, packet));
    }

    /// The first of those held, which the program takes.
    pub(crate) fn take_held(&mut self) -> Option<(u8, Packet)> {
        let (channel, packet) = self.held.pop_front()?;
        queue::shrink(&mut self.held, queue::BURST);
        self.release(cost(&packet));
        Some((channel, packet))
    }
}

/// What a packet counts for while it waits.
pub(crate) fn cost(packet: &Packet) -> usize {
    packet.data.len() + ITEM_COST
}

/// Room beyond the limit for the largest packet in the making.
fn slack(config: &HostConfig) -> usize {
    config.max_packet_size.saturating_add(ITEM_COST + ASSEMBLY_COST)
}

/// Where a channel puts its packets in their final order.
pub(crate) struct Delivery<'a> {
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) events: &'a mut VecDeque<Event>,
    /// The receive buffers that packets in `events` keep.
    pub(crate) kept: &'a mut KeptBuffers,
    pub(crate) peer: PeerHandle,
    pub(crate) channel: u8,
}

/// So many receive buffers may the events of a host keep that wait to be polled. Packets beyond are freed from theirs.
const MOST_BUFFERS: usize = 8;

impl Delivery<'_> {
    pub(crate) fn deliver(&mut self, mut packet: Packet) {
        if !self.inbox.receiving {
            return self.inbox.hold(self.channel, packet);
        }
        self.inbox.charge(cost(&packet));
        if self.events.is_empty() {
            *self.kept = KeptBuffers::new();
        }
        // Most packets are taken at once, and need no copy.
        if self.kept.count_with(&packet) > MOST_BUFFERS {
            packet.detach();
        }
        self.inbox.delivered += cost(&packet);
        self.events.push_back(Event::Received {
            peer: self.peer,
            channel: self.channel,
            packet,
        });
    }
}
