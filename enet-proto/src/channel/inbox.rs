//! What one peer has sent and the program has not taken yet, and the limit on it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::config::HostConfig;
use crate::event::Event;
use crate::host::PeerHandle;
use crate::packet::Packet;
use crate::wire;

/// What storing one packet or fragment is counted for beside its bytes: an allocation's header, a tree node's share, the entry.
pub(crate) const ITEM_COST: usize = 128;

/// What a packet in the making is counted for beside its fragments: its own entry, and a tree's first node for those that are
/// early.
pub(crate) const ASSEMBLY_COST: usize = 640;

/// The packets of one peer on their way to the program.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiting: usize,
    limit: usize,
    /// What the limit is reduced to while the host as a whole holds too much.
    share: usize,
    /// Packets of which fragments are missing.
    incomplete: usize,
    max_incomplete: usize,
    /// Room beyond the limit for a packet that is being put together.
    slack: usize,
    receiving: bool,
    held: VecDeque<(u8, Packet)>,
}

impl Inbox {
    pub(crate) fn new(config: &HostConfig) -> Inbox {
        Inbox {
            waiting: 0,
            limit: config.max_waiting_data,
            share: usize::MAX,
            incomplete: 0,
            max_incomplete: config.max_incomplete_packets,
            slack: config.max_packet_size,
            receiving: true,
            held: VecDeque::new(),
        }
    }

    /// Bytes that wait, with what their bookkeeping costs.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Reduces the limit; `usize::MAX` for not at all.
    pub(crate) fn set_share(&mut self, share: usize) {
        self.share = share;
    }

    /// Whether another packet may begin to wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting < self.limit.min(self.share)
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

    /// Whether a packet that has begun may go on growing.
    pub(crate) fn may_grow(&self) -> bool {
        self.waiting < self.limit.saturating_add(self.slack)
    }

    /// Whether what is delivered leaves, so that the next packet in order may come although the others have taken all room.
    pub(crate) fn is_draining(&self) -> bool {
        self.receiving && self.may_grow()
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
        self.release(packet.data.len() + ITEM_COST);
    }

    /// Whether packets become events; if not they are held here. Turning it on makes events of those held.
    pub(crate) fn set_receiving(&mut self, receiving: bool, peer: PeerHandle, events: &mut VecDeque<Event>) {
        self.receiving = receiving;
        if receiving {
            let held = std::mem::take(&mut self.held);
            events.extend(
                held.into_iter()
                    .map(|(channel, packet)| Event::Received { peer, channel, packet }),
            );
        }
    }
}

/// Where a channel puts its packets in their final order.
pub(crate) struct Delivery<'a> {
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) peer: PeerHandle,
    pub(crate) channel: u8,
}

/// While more than this waits, in bytes, packets are freed from the datagrams they came in.
const LOOSE: usize = 64 * 1024;

impl Delivery<'_> {
    pub(crate) fn deliver(&mut self, mut packet: Packet) {
        self.inbox.charge(packet.data.len() + ITEM_COST);
        // What will wait for long must not keep more than it is charged for. Most packets are taken at once, and need no copy.
        let waits = !self.inbox.receiving || self.inbox.waiting > LOOSE;
        if waits && packet.data.len() <= wire::MAXIMUM_DATAGRAM {
            packet.data = Bytes::copy_from_slice(&packet.data);
        }
        if self.inbox.receiving {
            self.events.push_back(Event::Received {
                peer: self.peer,
                channel: self.channel,
                packet,
            });
        } else {
            self.inbox.held.push_back((self.channel, packet));
        }
    }
}
