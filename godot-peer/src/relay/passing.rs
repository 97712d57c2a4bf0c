//! Passing packets on: from senders in turn, to receivers as fast as each takes them.
//!
//! A client that sends more than is taken is slowed down: nothing is read from it, so that its window closes. A receiver that
//! takes less than every one must, while there is more for it, has to go.

use std::hash::Hash;
use std::time::Duration;

use enet_proto::{PacketMode, Time};

use super::lanes::{self, Queued};
use super::member::{Member, in_room};
use super::news::{News, Place, Subjects};
use super::telling::Teller;
use super::{Output, SceneServer};
use crate::event::Departure;
use crate::notes::is_worth_a_note;
use crate::transfer::Outgoing;
use crate::{PeerId, SendError, Target};

/// How many packets of one sender may wait for its turn before unreliable ones are dropped and nothing is read from it.
const MOST_WAITING: usize = 256;

/// A sender is slowed down when the server holds this part of the queue's limit for it.
const HELD_SHARE: usize = 4;

/// Less than this is no reason to slow anyone down, in bytes.
const LEAST_HELD: usize = 64 * 1024;

/// The part of the queue's limit that a receiver must take within the time that slow ones are given.
const SLOW_SHARE: usize = 16;

/// A receiver is judged by its part of what it must take after this part of the time.
const HASTE: u32 = 12;

/// How many copies are made of what one that leaves has sent last: it has nothing left to be slowed down by, and no turn that the
/// others could wait for.
const LAST_COPIES: usize = 2048;

/// How often those who were slowed down are looked at.
const PERIOD: Duration = Duration::from_millis(10);

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// A client's packet for others, which waits for its turn.
    pub(super) fn take_for_others(&mut self, from: PeerId, target: Target, mut outgoing: Outgoing) {
        let Some(member) = self.members.get_mut(&from) else {
            return;
        };
        let sending = &mut member.sending;
        if sending.waiting.len() >= MOST_WAITING && outgoing.packet.mode != PacketMode::Reliable {
            return self.leave_out(from);
        }
        outgoing.packet.data = sending.ledger.charge(outgoing.packet.data);
        sending.waiting.push_back((target, outgoing));
        if sending.waiting.len() == 1 {
            self.turns.enter(from);
        }
        self.restrain(from);
    }

    /// Passes on one packet of the client whose turn it is. False if nobody's is.
    pub(super) fn pass_one(&mut self) -> bool {
        self.turns.wake(self.now);
        let Some(from) = self.turns.current() else {
            self.release();
            return !self.outputs.is_empty();
        };
        let Some(member) = self.members.get_mut(&from) else {
            self.turns.pass_over();
            return true;
        };
        let sending = &mut member.sending;
        if let Err(until) = sending.allowance.check(self.now, self.limits.rate) {
            let before = sending.waiting.len();
            sending
                .waiting
                .retain(|(_, outgoing)| outgoing.packet.mode == PacketMode::Reliable);
            let left_out = before - sending.waiting.len();
            if sending.waiting.is_empty() {
                self.turns.leave(&mut sending.allowance);
            } else {
                self.turns.rest(until);
            }
            (0..left_out).for_each(|_| self.leave_out(from));
            return true;
        }
        let Some((target, outgoing)) = sending.waiting.pop_front() else {
            self.turns.leave(&mut sending.allowance);
            return true;
        };
        let copies = self.distribute(from, target, &outgoing);
        let Some(member) = self.members.get_mut(&from) else {
            return true;
        };
        let sending = &mut member.sending;
        sending.allowance.charge(copies);
        if sending.waiting.is_empty() {
            self.turns.leave(&mut sending.allowance);
        } else {
            self.turns.end_turn(&mut sending.allowance);
        }
        true
    }

    /// Passes on what one that is leaving had sent, as far as its allowance goes and that is not much.
    pub(super) fn pass_last(&mut self, from: PeerId) {
        let mut made = 0;
        while made < LAST_COPIES {
            let Some(member) = self.members.get_mut(&from) else {
                return;
            };
            let sending = &mut member.sending;
            if sending.allowance.check(self.now, self.limits.rate).is_err() {
                return;
            }
            let Some((target, outgoing)) = sending.waiting.pop_front() else {
                return;
            };
            let copies = self.distribute(from, target, &outgoing);
            made += copies.max(1);
            if let Some(member) = self.members.get_mut(&from) {
                member.sending.allowance.charge(copies);
            }
        }
    }

    /// Gives a packet of a client to its receivers, each of which is told first who that is; how many there are.
    fn distribute(&mut self, from: PeerId, target: Target, outgoing: &Outgoing) -> usize {
        let Some(place) = self.members.get(&from).map(|member| member.place) else {
            return 0;
        };
        let may_tell = self.may_tell();
        let minimum = self.minimum();
        let SceneServer {
            now,
            members,
            news,
            outputs,
            statistics,
            ..
        } = self;
        let mut teller = Teller {
            now: *now,
            minimum,
            outputs,
            announced: &mut statistics.announced,
        };
        let (mut receivers, mut waiting, mut unsent, mut told) = (0, 0, 0, 0);
        let mut give = |id: PeerId, member: &mut Member<K>| {
            receivers += 1;
            told += acquaint(news, id, member, (from, place), may_tell, &mut teller);
            let queued = Queued {
                from: Some(from),
                outgoing: outgoing.clone(),
                charged: true,
            };
            match teller.give(member, queued) {
                Given::Sent => {}
                Given::Waits => waiting += 1,
                Given::LeftOut => unsent += 1,
            }
        };
        match target {
            Target::One(id) => {
                if let Some(member) = members.get_mut(&id) {
                    give(id, member);
                }
            }
            Target::All | Target::AllBut(_) => {
                let others = members.iter_mut().filter(|&(&id, _)| id != from && target.includes(id));
                others.for_each(|(&id, member)| give(id, member));
            }
        }
        self.charge_news(told);
        self.copies += waiting;
        if let Some(member) = self.members.get_mut(&from) {
            member.sending.copies += waiting;
        }
        let sent = (receivers - unsent) as u64;
        self.statistics.relayed_out += sent;
        self.statistics.relayed_bytes += sent * outgoing.packet.data.len() as u64;
        (0..unsent).for_each(|_| self.leave_out(from));
        if waiting > 0 {
            self.watch();
            self.restrain(from);
        }
        receivers
    }

    /// Gives a packet of the program to its receivers.
    pub(super) fn give_own(&mut self, target: Target, mut outgoing: Outgoing) -> Result<(), SendError> {
        let charged = !matches!(target, Target::One(_));
        if charged {
            let packet = &mut outgoing.packet;
            packet.data = self.limits.ledger.charge(std::mem::take(&mut packet.data));
        }
        self.give_counted(target, &outgoing, charged)
    }

    /// The same with a packet whose buffer has been counted already, if it is to be.
    pub(super) fn give_counted(&mut self, target: Target, outgoing: &Outgoing, charged: bool) -> Result<(), SendError> {
        let minimum = self.minimum();
        let maximum = self.limits.queue;
        let mut teller = Teller {
            now: self.now,
            minimum,
            outputs: &mut self.outputs,
            announced: &mut self.statistics.announced,
        };
        let (mut unsent, mut overdue) = (0u64, Vec::new());
        let mut give = |member: &mut Member<K>| {
            let queued = Queued {
                from: None,
                outgoing: outgoing.clone(),
                charged,
            };
            let waiting = member.receiving.lanes.waiting(None);
            if waiting > 0 && waiting + queued.cost() > maximum {
                if queued.is_reliable() {
                    overdue.push(member.key);
                } else {
                    unsent += 1;
                }
                return Some(waiting);
            }
            unsent += u64::from(teller.give(member, queued) == Given::LeftOut);
            None
        };
        if let Target::One(id) = target {
            let full = self.members.get_mut(&id).and_then(give);
            self.statistics.unsent += unsent;
            return match full {
                Some(queued) => Err(enet_proto::SendError::QueueFull { queued, maximum }.into()),
                None => {
                    self.watch();
                    Ok(())
                }
            };
        }
        let receivers = self.members.iter_mut().filter(|&(&id, _)| target.includes(id));
        receivers.for_each(|(_, member)| {
            give(member);
        });
        self.statistics.unsent += unsent;
        // They would never know what they have missed.
        for key in overdue {
            self.outputs.push_back(Output::Drop {
                key,
                reason: Departure::TooSlow,
            });
        }
        self.watch();
        Ok(())
    }

    /// A connection has `queued` bytes to send, and may have `most`: more of what waits for it is sent. To be called in answer to
    /// [`Output::Room`], when it has room for something.
    pub fn set_room(&mut self, now: Time, key: K, queued: usize, most: usize) {
        self.advance(now);
        let Some(id) = self.roster.id(key) else { return };
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let receiving = &mut member.receiving;
        receiving.see_queued(queued);
        receiving.room = in_room(most).saturating_sub(in_room(queued));
        receiving.asked = false;
        let mut senders = Vec::new();
        while receiving.room > 0
            && let Some(queued) = receiving.lanes.pop()
        {
            receiving.give(queued.cost());
            senders.extend(queued.from);
            self.outputs.push_back(queued.to(key));
        }
        if receiving.room <= 0 {
            receiving.asked = true;
            self.outputs.push_back(Output::Room(key));
        } else if self.news.concern(&member.told, Subjects::All) {
            self.pace.schedule(now);
        }
        self.copies = self.copies.saturating_sub(senders.len());
        for from in senders {
            // One that has left, and another one with its id, may have fewer.
            if let Some(member) = self.members.get_mut(&from) {
                member.sending.copies = member.sending.copies.saturating_sub(1);
            }
        }
        self.release();
    }

    /// A connection has not taken this [`Output::Send`] for want of room: it is sent again, before all others to it, as soon as
    /// there is [room](Self::set_room).
    pub fn put_back(&mut self, now: Time, output: Output<K>) {
        self.advance(now);
        let Output::Send {
            to,
            outgoing,
            from,
            charged,
        } = output
        else {
            return;
        };
        let minimum = self.minimum();
        let Some(member) = self.roster.id(to).and_then(|id| self.members.get_mut(&id)) else {
            return;
        };
        let mut refused = vec![Queued {
            from,
            outgoing,
            charged,
        }];
        // What was to follow must not overtake it.
        self.outputs.retain(|output| match output {
            Output::Send {
                to: other,
                outgoing,
                from,
                charged,
            } if *other == to => {
                refused.push(Queued {
                    from: *from,
                    outgoing: outgoing.clone(),
                    charged: *charged,
                });
                false
            }
            _ => true,
        });
        member.receiving.refuse(refused.iter().map(Queued::cost).sum());
        let mut senders = Vec::new();
        for queued in refused {
            senders.extend(queued.from);
            member.receiving.lanes.push_first(self.now, minimum, queued);
        }
        self.copies += senders.len();
        for from in senders {
            if let Some(member) = self.members.get_mut(&from) {
                member.sending.copies += 1;
            }
        }
        self.watch();
    }

    /// More than was asked for by [`Output::Release`] waits to be read from a connection.
    pub fn set_held(&mut self, key: K) {
        if let Some(id) = self.roster.id(key)
            && let Some(member) = self.members.get_mut(&id)
        {
            member.sending.held = true;
            self.held.insert(id);
        }
    }

    /// Slows a sender down if the server holds too much for it.
    fn restrain(&mut self, from: PeerId) {
        let most = self.most_held();
        let limit = self.limits.queue.saturating_add(self.limits.packet);
        let Some(member) = self.members.get_mut(&from) else {
            return;
        };
        let sending = &mut member.sending;
        let held_data = sending.held_data();
        if held_data <= most && sending.waiting.len() <= MOST_WAITING {
            return;
        }
        if !sending.held {
            sending.held = true;
            self.held.insert(from);
            self.statistics.held_back += 1;
            self.outputs.push_back(Output::Hold(member.key));
        } else if held_data > limit.max(most.saturating_mul(2)) {
            self.outputs.push_back(Output::Drop {
                key: member.key,
                reason: Departure::TooFast,
            });
        }
    }

    /// Reads on from those for whom the server does not hold much any more.
    pub(super) fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let most = self.most_held();
        let SceneServer {
            held, members, outputs, ..
        } = self;
        held.retain(|id| {
            let Some(member) = members.get_mut(id) else {
                return false;
            };
            let sending = &mut member.sending;
            if sending.held_data() > most / 2 || sending.waiting.len() > MOST_WAITING / 2 {
                return true;
            }
            sending.held = false;
            outputs.push_back(Output::Release {
                key: member.key,
                bytes: most / 2,
            });
            false
        });
    }

    /// What may be queued in a connection at most, in bytes, by what [`set_room`](SceneServer::set_room) is told. Were it more, a
    /// receiver that takes nothing could have all queued for which a sender is slowed down, and nothing would wait for it here.
    #[must_use]
    pub fn most_queued(&self) -> usize {
        self.most_held() / 2
    }

    /// What the server may hold for a sender before it is slowed down.
    fn most_held(&self) -> usize {
        let most = (self.limits.queue / HELD_SHARE).max(LEAST_HELD);
        let half = self.limits.total / 2;
        let copies = self.copies.saturating_mul(lanes::PACKET_COST);
        if self.limits.ledger.held().saturating_add(copies) <= half {
            return most;
        }
        most.min(half / self.members.len().max(1)).max(LEAST_HELD)
    }

    /// What a receiver must take while there is more for it.
    pub(super) fn minimum(&self) -> lanes::Pace {
        let within = self.limits.patience / HASTE;
        let mut bytes = self.limits.queue / SLOW_SHARE / HASTE as usize;
        if self.limits.bandwidth > 0 {
            // No more than half of what there is for each.
            let all = f64::from(self.limits.bandwidth) * within.as_secs_f64();
            bytes = bytes.min((all / 2.0) as usize / self.members.len().max(1)).max(1);
        }
        lanes::Pace { bytes, within }
    }

    /// Some receiver does not take all there is for it.
    fn watch(&mut self) {
        let minimum = self.minimum();
        let first = self.now + minimum.within;
        self.watch_at.get_or_insert(first);
    }

    /// A connection has `queued` bytes to send. To be called in answer to [`Output::Weigh`]; its client may have to go.
    pub fn set_queued(&mut self, key: K, queued: usize) {
        let minimum = self.minimum();
        let id = self.roster.id(key);
        let Some(member) = id.and_then(|id| self.members.get_mut(&id)) else {
            return;
        };
        member.receiving.see_queued(queued);
        if member.receiving.lanes.is_slow(minimum) {
            self.outputs.push_back(Output::Drop {
                key,
                reason: Departure::TooSlow,
            });
        }
    }

    /// Sees which receivers take less than they must: what they have taken of one large packet only their connections know.
    pub(super) fn judge_receivers(&mut self) {
        if self.watch_at.is_none_or(|at| at > self.now) {
            return;
        }
        let minimum = self.minimum();
        self.watch_at = None;
        for member in self.members.values_mut() {
            let lanes = &mut member.receiving.lanes;
            if lanes.end_watch(self.now, minimum) {
                self.outputs.push_back(Output::Weigh(member.key));
            }
            self.watch_at = [self.watch_at, lanes.due()].into_iter().flatten().min();
        }
    }

    /// When something is to be done for senders and receivers, if ever.
    pub(super) fn passing_due(&self) -> Option<Time> {
        let held = (!self.held.is_empty()).then_some(self.looked_at + PERIOD);
        [self.turns.due(), held, self.watch_at].into_iter().flatten().min()
    }

    fn leave_out(&mut self, from: PeerId) {
        self.statistics.unsent += 1;
        if is_worth_a_note(self.statistics.unsent) {
            tracing::debug!(%from, count = self.statistics.unsent, "more than is taken: an unreliable packet is left out");
        }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Sent,
    Waits,
    LeftOut,
}

impl<K: Copy> Teller<'_, K> {
    /// Sends a packet if its receiver takes it, or else has it wait in its lane.
    fn give(&mut self, member: &mut Member<K>, queued: Queued) -> Given {
        let receiving = &mut member.receiving;
        if receiving.room > 0 && receiving.lanes.is_empty() {
            self.send(member, queued);
            return Given::Sent;
        }
        if !receiving.lanes.admits(queued.from, &queued) {
            return Given::LeftOut;
        }
        receiving.lanes.push(self.now, self.minimum, queued.from, queued);
        Given::Waits
    }
}

/// Tells a receiver what it must know before it gets a packet of `from`: all there is if that is little, or else who that is. What
/// it cost.
fn acquaint<K: Copy>(
    news: &News,
    id: PeerId,
    member: &mut Member<K>,
    from: (PeerId, Place),
    may_tell: bool,
    teller: &mut Teller<'_, K>,
) -> i64 {
    let told = &mut member.told;
    let all = Subjects::All;
    let items = if !news.concern(told, all) {
        return 0;
    } else if may_tell && news.is_near(told) {
        news.tell(id, told, all, usize::MAX, &mut 0)
    } else if !news.knows(told, from.1) {
        news.introduce(told, from.0, from.1)
    } else {
        return 0;
    };
    teller.tell(member, items)
}
