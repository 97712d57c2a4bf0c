//! What waits for one receiver: a lane for each sender, served in turn.
//!
//! The queue in the connection itself is kept short, as what is in it has an order. Who sends much fills a lane of its own, and the
//! packets of the others pass it.

use std::collections::{BTreeMap, VecDeque};
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
    /// By sender; none for the server's own.
    lanes: BTreeMap<Option<PeerId>, Lane>,
    /// Each sender that has a lane, with what is left of its turn.
    ring: VecDeque<(Option<PeerId>, i64)>,
    /// What senders that have left made wait, in bytes.
    left: usize,
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
#[derive(Debug, Default)]
struct Lane {
    packets: VecDeque<Queued>,
    bytes: usize,
    /// What of it is from one that has left, in bytes: the first ones.
    left: usize,
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
        self.lanes.get(&from).map_or(0, |lane| lane.bytes)
    }

    /// Whether a packet may wait: an unreliable one only behind few others of its sender.
    pub(super) fn admits(&self, from: Option<PeerId>, queued: &Queued) -> bool {
        queued.is_reliable() || self.waiting(from) + queued.cost() <= MOST_UNRELIABLE
    }

    /// Has a packet wait in the lane of `from`.
    pub(super) fn push(&mut self, now: Time, pace: Pace, from: Option<PeerId>, queued: Queued) {
        self.begin(now, pace);
        let lane = self.lanes.entry(from).or_insert_with(|| {
            self.ring.push_back((from, TURN));
            Lane::default()
        });
        lane.bytes += queued.cost();
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
        self.next_turn();
        let (from, turn) = self.ring.front_mut()?;
        let lane = self.lanes.get_mut(from)?;
        let packet = lane.packets.pop_front()?;
        let bytes = packet.cost();
        lane.bytes -= bytes;
        let left = lane.left.min(bytes);
        lane.left -= left;
        self.left -= left;
        *turn = turn.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        if lane.packets.is_empty() {
            self.lanes.remove(from);
            self.ring.pop_front();
        }
        Some(packet)
    }

    /// Makes it the turn of one that has something left of it.
    fn next_turn(&mut self) {
        let has_some = |(_, turn): &(Option<PeerId>, i64)| *turn > 0;
        if self.ring.front().is_none_or(has_some) {
            return;
        }
        if !self.ring.iter().any(has_some) {
            // As many rounds as it takes until one has.
            let most = self.ring.iter().map(|(_, turn)| *turn).max().unwrap_or(0);
            let rounds = most.unsigned_abs() / TURN.unsigned_abs();
            let grown = i64::try_from(rounds).unwrap_or(0).saturating_mul(TURN);
            self.ring.iter_mut().for_each(|(_, turn)| *turn += grown);
        }
        while let Some((_, turn)) = self.ring.front_mut().filter(|(_, turn)| *turn <= 0) {
            *turn += TURN;
            self.ring.rotate_left(1);
        }
    }

    /// A sender has left. What it made wait stays, as far as no more than `most` bytes wait of those who have left; how many of its
    /// packets are left out beyond that, the last ones.
    pub(super) fn leave(&mut self, from: PeerId, most: usize) -> usize {
        let Some(lane) = self.lanes.get_mut(&Some(from)) else {
            return 0;
        };
        let before = lane.packets.len();
        while self.left + lane.bytes - lane.left > most
            && lane.bytes > lane.left
            && let Some(last) = lane.packets.pop_back()
        {
            lane.bytes -= last.cost();
        }
        let left_out = before - lane.packets.len();
        self.left += lane.bytes.saturating_sub(lane.left);
        lane.left = lane.bytes;
        if lane.packets.is_empty() {
            self.lanes.remove(&Some(from));
            self.ring.retain(|&(other, _)| other != Some(from));
            if self.is_empty() {
                *self = Lanes::default();
            }
        }
        left_out
    }

    /// All packets, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.first
            .iter()
            .chain(self.lanes.values().flat_map(|lane| &lane.packets))
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
    fn large_packets_of_many_are_passed_over_in_one_step() {
        let mut lanes = Lanes::default();
        for from in 2..1002 {
            (0..2).for_each(|_| push(&mut lanes, from, 1_000_000));
        }
        let begin = std::time::Instant::now();
        let mut counts = BTreeMap::new();
        for at in 0..1001 {
            let from = lanes.pop().and_then(|queued| queued.from).expect("there is more");
            *counts.entry(from).or_insert(0) += 1;
            assert_eq!(counts.len(), (at + 1).min(1000), "each has one before any has two");
        }
        // One round for each 4096 bytes would be 244 000 steps for the last.
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    #[test]
    fn those_who_leave_and_come_again_leave_no_more_behind_than_one() {
        let mut lanes = Lanes::default();
        let mut left_out = 0;
        for round in 0..10 {
            let from = 2 + round % 3;
            (0..10).for_each(|_| push(&mut lanes, from, 872));
            left_out += lanes.leave(id(from), 25_000);
        }
        push(&mut lanes, 9, 872);
        assert_eq!((left_out, lanes.left), (75, 25_000));
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
        assert_eq!(order.len(), 26);
        assert_eq!(lanes.left, 0);
        assert!(lanes.is_empty());
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
