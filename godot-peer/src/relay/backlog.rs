//! What a client has sent to others and nobody has been given yet.

use std::collections::VecDeque;
use std::time::Duration;

use enet_proto::{PacketMode, Time};

use super::lanes::PACKET_COST;
use crate::transfer::Outgoing;
use crate::{PeerId, Target};

/// What may wait for its sender's turn before unreliable packets are left out and nothing is read from it, in bytes with what
/// bookkeeping costs: 4000 small packets, which a game may send at once when it begins.
pub(super) const MOST_WAITING: usize = 1024 * 1024;

/// How long an unreliable packet may wait for its sender's turn; later it is of no use. What may be sent at once fits into this
/// also at the pace at which more may be.
const MOST_DELAY: Duration = Duration::from_millis(250);

/// Room for so many packets stays when there are none.
const KEPT: usize = 8;

/// The packets of one sender, in order.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    packets: VecDeque<Waiting>,
    bytes: usize,
    /// The last one who was given the first packet, by rising id.
    reached: Option<PeerId>,
}

#[derive(Debug)]
struct Waiting {
    target: Target,
    outgoing: Outgoing,
    since: Time,
}

/// A packet, and for whom it still is.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) target: Target,
    pub(super) outgoing: Outgoing,
    /// Those up to this one have it.
    pub(super) reached: Option<PeerId>,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether so much waits that there may not be more. One packet alone is not too much, however large it is.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > MOST_WAITING && self.packets.len() > 1
    }

    /// Whether little enough waits to read on.
    pub(super) fn has_room(&self) -> bool {
        self.bytes <= MOST_WAITING / 2 || self.packets.len() <= 1
    }

    pub(super) fn push(&mut self, now: Time, target: Target, outgoing: Outgoing) {
        self.bytes += cost(&outgoing);
        self.packets.push_back(Waiting {
            target,
            outgoing,
            since: now,
        });
    }

    /// What is to be passed on next.
    pub(super) fn first(&self) -> Option<Part> {
        self.packets.front().map(|first| Part {
            target: first.target,
            outgoing: first.outgoing.clone(),
            reached: self.reached,
        })
    }

    /// Whether the first packet has waited for so long that it is of no use any more.
    pub(super) fn is_stale(&self, now: Time) -> bool {
        self.packets
            .front()
            .is_some_and(|first| first.outgoing.packet.mode != PacketMode::Reliable && first.since + MOST_DELAY < now)
    }

    /// The first packet has been given to those up to `reached`, or to everyone.
    pub(super) fn advance(&mut self, reached: Option<PeerId>) {
        self.reached = reached;
        if reached.is_some() {
            return;
        }
        if let Some(first) = self.packets.pop_front() {
            self.bytes -= cost(&first.outgoing);
        }
        if self.packets.is_empty() && self.packets.capacity() > KEPT {
            self.packets = VecDeque::new();
        }
    }
}

/// What a packet counts for while it waits: its bytes, its buffer and its entry.
fn cost(outgoing: &Outgoing) -> usize {
    outgoing.packet.data.len() + 2 * PACKET_COST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::{TransferChannel, TransferMode};

    fn packet(mode: TransferMode) -> Outgoing {
        Outgoing::new(TransferChannel::ZERO, mode, vec![1; 10])
    }

    #[test]
    fn small_packets_may_be_many_and_large_ones_few() {
        let count = |size: usize| {
            let mut backlog = Backlog::default();
            while !backlog.is_full() {
                let outgoing = Outgoing::new(TransferChannel::ZERO, TransferMode::Unreliable, vec![1; size]);
                backlog.push(Time::ZERO, Target::All, outgoing);
            }
            backlog.len()
        };
        assert!((3500..4500).contains(&count(20)), "{}", count(20));
        assert!((700..900).contains(&count(1000)), "{}", count(1000));
    }

    #[test]
    fn unreliable_packets_become_stale_and_reliable_ones_do_not() {
        let mut backlog = Backlog::default();
        backlog.push(Time::ZERO, Target::All, packet(TransferMode::Unreliable));
        backlog.push(Time::ZERO, Target::All, packet(TransferMode::Reliable));
        assert!(!backlog.is_stale(Time::from_millis(250)));
        assert!(backlog.is_stale(Time::from_millis(251)));
        backlog.advance(None);
        assert!(!backlog.is_stale(Time::from_millis(60_000)));
    }

    #[test]
    fn a_packet_stays_until_everyone_has_it_and_nothing_stays_behind() {
        let mut backlog = Backlog::default();
        for _ in 0..1000 {
            backlog.push(Time::ZERO, Target::All, packet(TransferMode::Reliable));
        }
        let someone = PeerId::new(7);
        backlog.advance(someone);
        assert_eq!(backlog.len(), 1000);
        assert_eq!(backlog.first().and_then(|part| part.reached), someone);
        for left in (0..1000).rev() {
            backlog.advance(None);
            assert_eq!(backlog.len(), left);
        }
        assert_eq!((backlog.bytes, backlog.packets.capacity()), (0, 0));
    }
}
