//! What waits for one receiver: a lane for each sender, served in turn.
//!
//! The queue in the connection itself is kept short, as what is in it has an order. Who sends much fills a lane of its own, and the
//! packets of the others pass it.

use std::collections::VecDeque;
use std::time::Duration;

use enet_proto::{PacketMode, Time};

use super::Output;
use crate::PeerId;
use crate::transfer::Outgoing;

/// What a packet in a lane is counted for beside its bytes; as in the connection's own queue.
pub(super) const PACKET_COST: usize = 128;

/// What a sender may send before the next one's turn, in bytes.
const TURN: i64 = 4096;

/// What may wait in a lane before unreliable packets are left out, in bytes: they would come late.
const MOST_UNRELIABLE: usize = 32 * 1024;

/// The packets that wait for one receiver.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// What was refused by the connection, and what must not overtake it.
    first: VecDeque<Queued>,
    first_bytes: usize,
    ring: VecDeque<Lane>,
    /// What the connection was rid of since the [watch](Watch) began, in bytes.
    taken: usize,
    watch: Option<Watch>,
}

/// A packet on its way to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// The client whose packet it is; none for the server's own.
    pub(super) from: Option<PeerId>,
    pub(super) outgoing: Outgoing,
    /// Whether its buffer is counted in a ledger.
    pub(super) charged: bool,
}

/// The packets of one sender.
#[derive(Debug)]
struct Lane {
    /// None for the server's own.
    from: Option<PeerId>,
    packets: VecDeque<Queued>,
    bytes: usize,
    /// What is left of its turn.
    turn: i64,
}

/// A receiver that does not take all that there is for it.
#[derive(Clone, Copy, Debug)]
struct Watch {
    until: Time,
    /// Its time is over, and how much was taken is asked for.
    is_over: bool,
}

/// What a receiver with packets in its lanes must take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) bytes: usize,
    pub(super) within: Duration,
}

impl Queued {
    /// What it counts for, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.outgoing.packet.data.len() + PACKET_COST
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.outgoing.packet.mode == PacketMode::Reliable
    }

    pub(super) fn to<K>(self, to: K) -> Output<K> {
        let Queued {
            from,
            outgoing,
            charged,
        } = self;
        Output::Send {
            to,
            outgoing,
            from,
            charged,
        }
    }
}

impl Lanes {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.ring.is_empty()
    }

    /// Whether something was refused, which all else has to wait for.
    pub(super) fn is_refused(&self) -> bool {
        !self.first.is_empty()
    }

    /// What was refused and waits behind that, in bytes.
    pub(super) fn refused(&self) -> usize {
        self.first_bytes
    }

    /// What waits of one sender, or of the server itself, in bytes.
    pub(super) fn waiting(&self, from: Option<PeerId>) -> usize {
        self.lane(from).map_or(0, |lane| lane.bytes)
    }

    /// Whether a packet may wait: an unreliable one only behind few others of its sender.
    pub(super) fn admits(&self, from: Option<PeerId>, queued: &Queued) -> bool {
        queued.is_reliable() || self.waiting(from) + queued.cost() <= MOST_UNRELIABLE
    }

    /// Has a packet wait in the lane of `from`.
    pub(super) fn push(&mut self, now: Time, pace: Pace, from: Option<PeerId>, queued: Queued) {
        self.begin(now, pace);
        let bytes = queued.cost();
        let at = self.ring.iter().position(|lane| lane.from == from);
        let at = at.unwrap_or_else(|| {
            self.ring.push_back(Lane {
                from,
                packets: VecDeque::new(),
                bytes: 0,
                turn: 0,
            });
            self.ring.len() - 1
        });
        let lane = &mut self.ring[at];
        lane.bytes += bytes;
        lane.packets.push_back(queued);
    }

    /// Takes back what the connection refused, or what comes behind that.
    pub(super) fn push_first(&mut self, now: Time, pace: Pace, queued: Queued) {
        self.begin(now, pace);
        self.first_bytes += queued.cost();
        self.first.push_back(queued);
    }

    /// The next packet, senders in turn.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        let next = match self.first.pop_front() {
            Some(first) => {
                self.first_bytes -= first.cost();
                Some(first)
            }
            None => self.pop_in_turn(),
        };
        if self.is_empty() {
            *self = Lanes::default();
        }
        next
    }

    fn pop_in_turn(&mut self) -> Option<Queued> {
        while self.ring.len() > 1 && self.ring[0].turn <= 0 {
            self.ring[0].turn += TURN;
            self.ring.rotate_left(1);
        }
        let lane = self.ring.front_mut()?;
        let packet = lane.packets.pop_front()?;
        let bytes = packet.cost();
        lane.bytes -= bytes;
        lane.turn = lane.turn.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        if lane.packets.is_empty() {
            self.ring.pop_front();
        }
        Some(packet)
    }

    /// All packets, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.first.iter().chain(self.ring.iter().flat_map(|lane| &lane.packets))
    }

    /// When to see whether the receiver takes what every one must.
    pub(super) fn due(&self) -> Option<Time> {
        self.watch.map(|watch| watch.until)
    }

    /// The receiver has taken so many bytes, of packets that waited here or of those before them.
    pub(super) fn note_taken(&mut self, bytes: usize) {
        if self.watch.is_some() {
            self.taken += bytes;
        }
    }

    /// Whether it is due, so that it is to be seen whether the receiver [is slow](Lanes::is_slow). Begins the next watch.
    pub(super) fn end_watch(&mut self, now: Time, pace: Pace) -> bool {
        let is_over = self.due().is_some_and(|due| due <= now);
        if is_over {
            self.watch = Some(Watch {
                until: now + pace.within,
                is_over,
            });
        }
        is_over
    }

    /// Whether the receiver has taken less than every one must while there was more for it. To be asked once a watch has ended.
    pub(super) fn is_slow(&mut self, pace: Pace) -> bool {
        let Some(watch) = self.watch.as_mut().filter(|watch| watch.is_over) else {
            return false;
        };
        watch.is_over = false;
        std::mem::take(&mut self.taken) < pace.bytes
    }

    fn begin(&mut self, now: Time, pace: Pace) {
        self.watch.get_or_insert(Watch {
            until: now + pace.within,
            is_over: false,
        });
    }

    fn lane(&self, from: Option<PeerId>) -> Option<&Lane> {
        self.ring.iter().find(|lane| lane.from == from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::{TransferChannel, TransferMode};

    const PACE: Pace = Pace {
        bytes: 1000,
        within: Duration::from_secs(5),
    };

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    fn packet(from: i32, mode: TransferMode, size: usize) -> Queued {
        Queued {
            from: Some(id(from)),
            outgoing: Outgoing::new(TransferChannel::ZERO, mode, vec![1; size]),
            charged: true,
        }
    }

    fn push(lanes: &mut Lanes, from: i32, size: usize) {
        let packet = packet(from, TransferMode::Reliable, size);
        lanes.push(Time::ZERO, PACE, packet.from, packet);
    }

    #[test]
    fn who_has_much_to_send_holds_nobody_back() {
        let mut lanes = Lanes::default();
        (0..1000).for_each(|_| push(&mut lanes, 2, 1000));
        (0..10).for_each(|_| push(&mut lanes, 3, 100));
        push(&mut lanes, 4, 1_000_000);
        push(&mut lanes, 4, 100);
        let order: Vec<PeerId> = std::iter::from_fn(|| lanes.pop())
            .filter_map(|queued| queued.from)
            .collect();
        let last = |from| order.iter().rposition(|&other| other == id(from)).expect("it came");
        assert!(last(3) < 20, "the tenth of 3 was number {}", last(3));
        assert!(last(4) > 800, "the large one takes many turns");
        assert_eq!(order.len(), 1012);
        assert!(lanes.is_empty() && lanes.due().is_none());
    }

    #[test]
    fn what_was_refused_comes_first() {
        let mut lanes = Lanes::default();
        push(&mut lanes, 2, 10);
        let refused = packet(3, TransferMode::Reliable, 20);
        lanes.push_first(Time::ZERO, PACE, refused.clone());
        assert!(lanes.is_refused());
        assert_eq!(lanes.pop(), Some(refused));
        assert!(!lanes.is_refused() && !lanes.is_empty());
    }

    #[test]
    fn unreliable_packets_wait_behind_few_others_of_their_sender_only() {
        let unreliable = packet(2, TransferMode::Unreliable, 100);
        let mut lanes = Lanes::default();
        push(&mut lanes, 2, 10_000);
        assert!(lanes.admits(Some(id(2)), &unreliable));
        push(&mut lanes, 2, 30_000);
        assert!(!lanes.admits(Some(id(2)), &unreliable));
        assert!(lanes.admits(Some(id(2)), &packet(2, TransferMode::Reliable, 1_000_000)));
        assert!(lanes.admits(Some(id(3)), &unreliable));
    }

    #[test]
    fn who_takes_less_than_every_one_must_is_slow_and_who_takes_all_there_is_never_is() {
        let mut lanes = Lanes::default();
        (0..100).for_each(|_| push(&mut lanes, 2, 372));
        assert_eq!(lanes.due(), Some(Time::from_millis(5000)));
        assert!(!lanes.end_watch(Time::from_millis(4999), PACE));
        assert!(!lanes.is_slow(PACE), "it is not judged before its time");
        lanes.note_taken(1000);
        assert!(lanes.end_watch(Time::from_millis(5000), PACE));
        assert!(!lanes.is_slow(PACE));
        lanes.note_taken(500);
        assert_eq!(lanes.due(), Some(Time::from_millis(10_000)));
        assert!(lanes.end_watch(Time::from_millis(10_000), PACE));
        assert!(lanes.is_slow(PACE), "each five seconds count for themselves");
        while lanes.pop().is_some() {}
        assert_eq!(lanes.due(), None);
    }
}
