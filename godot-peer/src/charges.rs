//! Whose packets wait for a receiver that takes them more slowly than they come.
//!
//! A client that sends more than another one takes fills the queue to it, and a reliable packet cannot be left out unnoticed:
//! one of the two has to go. It is the sender, unless the receiver does not take what every receiver must, at the rate it must.
//!
//! How much of a queue is whose is reckoned while there is more than a little in it: what leaves is everybody's in proportion.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use enet_proto::Time;

use crate::PeerId;

/// What the bookkeeping of a queued packet counts for.
const PACKET_COST: usize = 128;

/// The part of a queue that counts as nothing.
const LITTLE: usize = 64;

/// The part of a queue that a receiver must take within the time that slow ones are given.
const SLOW_SHARE: usize = 16;

/// A receiver is judged by its part of what it must take after this part of the time.
const HASTE: f64 = 12.0;

/// Below this the parts are written anew, as numbers lose their precision.
const SMALLEST_SCALE: f64 = 1e-6;

/// The limits of the queue to each receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// What may be queued, in bytes.
    pub(crate) size: usize,
    /// How long a receiver may take for a sixteenth of that while more waits.
    pub(crate) patience: Duration,
}

/// What to do with a packet that one client sends another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is room for it.
    Send,
    /// There is none, and its sender has filled it.
    SenderTooFast,
    /// There is none, and the receiver should have made some.
    ReceiverTooSlow,
}

/// The queues with more than a little in them; `K` is whatever names a connection.
#[derive(Debug)]
pub(crate) struct Charges<K> {
    limits: QueueLimits,
    backlogs: HashMap<K, Backlog>,
}

/// What is in one queue. All parts are to be multiplied by `scale`.
#[derive(Debug)]
struct Backlog {
    since: Time,
    parts: HashMap<PeerId, f64>,
    /// The parts of all, the server's included.
    total: f64,
    scale: f64,
    /// Bytes that have left since.
    taken: f64,
    /// How many parts there may be before those that have left are dropped.
    most_parts: usize,
}

impl<K: Copy + Eq + Hash> Charges<K> {
    pub(crate) fn new(limits: QueueLimits) -> Charges<K> {
        Charges {
            limits,
            backlogs: HashMap::new(),
        }
    }

    /// Judges a packet of `length` bytes while `queued` bytes wait for the receiver, and charges the sender if it is to be sent.
    pub(crate) fn judge(&mut self, now: Time, from: PeerId, to: K, length: usize, queued: usize) -> Verdict {
        let QueueLimits { size, patience } = self.limits;
        let cost = length + PACKET_COST;
        if queued + cost <= size / LITTLE {
            self.backlogs.remove(&to);
            return Verdict::Send;
        }
        // What is left for the others.
        let free = size.checked_sub(queued + cost);
        let cost = cost as f64;
        let backlog = self.backlogs.entry(to).or_insert_with(|| Backlog::new(now));
        backlog.settle(queued as f64);
        let part = backlog.part(from) + cost;
        // So little is nobody's fault.
        let is_little = part <= (size / LITTLE) as f64;
        match free {
            Some(free) if is_little || part <= free as f64 => {
                backlog.add(from, cost);
                return Verdict::Send;
            }
            None if is_little => return Verdict::ReceiverTooSlow,
            _ => {}
        }
        let waited = now.saturating_since(backlog.since).as_secs_f64();
        let due = (size / SLOW_SHARE) as f64 * waited / patience.as_secs_f64();
        if waited * HASTE >= patience.as_secs_f64() && backlog.taken < due {
            Verdict::ReceiverTooSlow
        } else {
            Verdict::SenderTooFast
        }
    }

    /// Says whose fault it is that a packet found no room although there should have been some: the host as a whole holds too
    /// much, or the packet is nearly as large as the queue.
    pub(crate) fn blame(&self, from: PeerId, to: K, length: usize) -> Verdict {
        let part = self.backlogs.get(&to).map_or(0.0, |backlog| backlog.part(from));
        if part + length as f64 > (self.limits.size / LITTLE) as f64 {
            Verdict::SenderTooFast
        } else {
            Verdict::ReceiverTooSlow
        }
    }

    /// A client has left.
    pub(crate) fn forget(&mut self, key: K, id: PeerId) {
        self.backlogs.remove(&key);
        for backlog in self.backlogs.values_mut() {
            backlog.parts.remove(&id);
        }
    }
}

impl Backlog {
    fn new(since: Time) -> Backlog {
        Backlog {
            since,
            parts: HashMap::new(),
            total: 0.0,
            scale: 1.0,
            taken: 0.0,
            most_parts: 64,
        }
    }

    fn part(&self, id: PeerId) -> f64 {
        self.parts.get(&id).map_or(0.0, |part| part * self.scale)
    }

    fn add(&mut self, id: PeerId, cost: f64) {
        *self.parts.entry(id).or_default() += cost / self.scale;
        self.total += cost / self.scale;
        if self.parts.len() > self.most_parts {
            self.rescale();
        }
    }

    /// Brings it to what waits now.
    fn settle(&mut self, queued: f64) {
        let known = self.total * self.scale;
        if queued >= known {
            // The server sends as well.
            self.total += (queued - known) / self.scale;
            return;
        }
        self.taken += known - queued;
        self.scale *= queued / known;
        if self.scale < SMALLEST_SCALE {
            self.rescale();
        }
    }

    /// Writes the parts anew, without those of which nothing waits any more.
    fn rescale(&mut self) {
        let scale = std::mem::replace(&mut self.scale, 1.0);
        self.total *= scale;
        self.parts.retain(|_, part| {
            *part *= scale;
            // Half a packet is none.
            *part >= (PACKET_COST / 2) as f64
        });
        self.most_parts = self.parts.len() * 2 + 64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 4_000_000;
    const PATIENCE: Duration = Duration::from_secs(60);

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    /// A queue to 'x' of which the receiver takes so many bytes a second.
    struct Queue {
        charges: Charges<char>,
        now: Time,
        queued: usize,
        per_second: usize,
    }

    impl Queue {
        fn taking(per_second: usize) -> Queue {
            let limits = QueueLimits {
                size: SIZE,
                patience: PATIENCE,
            };
            Queue {
                charges: Charges::new(limits),
                now: Time::ZERO,
                queued: 0,
                per_second,
            }
        }

        fn send(&mut self, from: i32, length: usize) -> Verdict {
            let verdict = self.charges.judge(self.now, id(from), 'x', length, self.queued);
            if verdict == Verdict::Send {
                self.queued += length + PACKET_COST;
                assert!(self.queued <= SIZE);
            }
            verdict
        }

        fn pass(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
            self.queued = self.queued.saturating_sub(self.per_second * millis as usize / 1000);
        }

        /// Has some send so many bytes every 10 ms each until one has to go; how long that took.
        fn until_a_fault(&mut self, senders: &[(i32, usize)]) -> (i32, Verdict, Duration) {
            for round in 0..100_000 {
                for &(from, length) in senders {
                    match self.send(from, length) {
                        Verdict::Send => {}
                        verdict => return (from, verdict, Duration::from_millis(round * 10)),
                    }
                }
                self.pass(10);
            }
            panic!("nobody");
        }
    }

    #[test]
    fn who_sends_more_than_is_taken_is_at_fault_and_those_beside_it_are_not() {
        // 1 MB/s, and the others together 40 kB/s, of which 200 kB/s are taken.
        let mut queue = Queue::taking(200_000);
        let (from, verdict, _) = queue.until_a_fault(&[(3, 100), (2, 10_000), (4, 100)]);
        assert_eq!((from, verdict), (2, Verdict::SenderTooFast));
        // There is still room for the others.
        assert_eq!(queue.send(3, 100), Verdict::Send);
    }

    #[test]
    fn one_packet_takes_half_of_a_queue_at_most() {
        let mut queue = Queue::taking(0);
        assert_eq!(queue.send(2, SIZE / 2), Verdict::SenderTooFast);
        assert_eq!(queue.send(2, SIZE / 2 - PACKET_COST), Verdict::Send);
        assert_eq!(queue.send(2, 100), Verdict::SenderTooFast);
        assert_eq!(queue.send(3, 100), Verdict::Send);
    }

    #[test]
    fn several_that_send_too_much_leave_room_for_another() {
        let mut queue = Queue::taking(50_000);
        let fast: Vec<(i32, usize)> = (10..20).map(|from| (from, 5000)).collect();
        let senders: Vec<(i32, usize)> = std::iter::once((2, 10)).chain(fast).collect();
        let (from, verdict, _) = queue.until_a_fault(&senders);
        assert!(from >= 10 && verdict == Verdict::SenderTooFast);
        assert_eq!(queue.send(2, 10), Verdict::Send);
    }

    #[test]
    fn a_receiver_that_takes_less_than_every_one_must_is_at_fault() {
        // A sixteenth in 60 s would be 4 kB/s.
        let mut queue = Queue::taking(500);
        let (_, verdict, took) = queue.until_a_fault(&[(2, 30)]);
        assert_eq!(verdict, Verdict::ReceiverTooSlow);
        assert!(took >= PATIENCE / 12);
    }

    #[test]
    fn a_full_queue_of_many_who_send_little_is_the_fault_of_the_receiver() {
        let mut queue = Queue::taking(0);
        let senders: Vec<(i32, usize)> = (2..500).map(|from| (from, 10)).collect();
        let (_, verdict, _) = queue.until_a_fault(&senders);
        assert_eq!(verdict, Verdict::ReceiverTooSlow);
    }

    #[test]
    fn who_sends_no_more_than_is_taken_never_is_at_fault() {
        let mut queue = Queue::taking(200_000);
        // Of the server.
        queue.queued = SIZE / 2;
        for _ in 0..30_000 {
            assert_eq!(queue.send(2, 1000), Verdict::Send);
            assert_eq!(queue.send(3, 600), Verdict::Send);
            queue.pass(10);
        }
    }

    #[test]
    fn what_has_left_is_forgotten() {
        let mut queue = Queue::taking(1_000_000);
        for round in 0..10_000 {
            queue.queued = SIZE / 8;
            queue.send(2 + round, 0);
        }
        let backlog = queue.charges.backlogs.get(&'x').expect("there is one");
        assert!(backlog.parts.len() < 9000, "{}", backlog.parts.len());
        queue.queued = 0;
        queue.send(2, 0);
        assert!(queue.charges.backlogs.is_empty());
    }
}
