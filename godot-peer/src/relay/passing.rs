//! Passing packets on: from senders in turn, to receivers as fast as each takes them.
//!
//! A client that sends more than is taken is slowed down: nothing is read from it, so that its window closes. A receiver that
//! takes less than every one must, while there is more for it, has to go.

use std::hash::Hash;
use std::ops::Bound;
use std::time::Duration;

use enet_proto::{PacketMode, Time};

use super::backlog::Part;
use super::lanes::{self, Queued};
use super::member::{Member, in_room};
use super::news::{News, Place, Subjects};
use super::telling::Teller;
use super::{Output, SceneServer};
use crate::event::Departure;
use crate::notes::is_worth_a_note;
use crate::transfer::Outgoing;
use crate::{PeerId, SendError, Target};

/// A sender is slowed down when the server holds this part of the queue's limit for it.
const HELD_SHARE: usize = 4;

/// Less than this is no reason to slow anyone down, in bytes.
const LEAST_HELD: usize = 64 * 1024;

/// One that was slowed down is read from again when so much has been taken of what the server holds for it, in bytes: twice a second
/// of a receiver that is hardly fast enough. A stock client gives up when it is not acknowledged something for five seconds.
const STEP: usize = 16 * 1024;

/// For no more than this does one that was slowed down hear nothing: who has sent a packet that takes its receiver longer is lent
/// so much room each time. That is half of what a receiver must take by default, and a stock client's window in less than four seconds.
const SILENCE: Duration = Duration::from_millis(100);
const LOAN: usize = 2048;

/// The part of the queue's limit that a receiver must take within the time that slow ones are given.
const SLOW_SHARE: usize = 16;

/// A receiver is judged by its part of what it must take after this part of the time.
const HASTE: u32 = 12;

/// How many copies are made of what one that leaves has sent last: it has nothing left to be slowed down by, and no turn that the
/// others could wait for.
const LAST_COPIES: usize = 2048;

/// How often those who were slowed down are looked at, and at most.
const PERIOD: Duration = Duration::from_millis(10);
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// A client's packet for others, which waits for its turn.
    pub(super) fn take_for_others(&mut self, from: PeerId, target: Target, mut outgoing: Outgoing) {
        let Some(member) = self.members.get_mut(&from) else {
            return;
        };
        let sending = &mut member.sending;
        if sending.backlog.is_full() && outgoing.packet.mode != PacketMode::Reliable {
            return self.leave_out(from);
        }
        outgoing.packet.data = sending.ledger.charge(outgoing.packet.data);
        if sending.backlog.is_empty() {
            self.turns.enter(from, &mut sending.allowance);
        }
        sending.backlog.push(self.now, target, outgoing);
        self.restrain(from);
    }

    /// Passes on one packet of the client whose turn it is, or a turn's part of it. False if nobody's is.
    pub(super) fn pass_one(&mut self) -> bool {
        self.turns.wake(self.now);
        let Some(from) = self.turns.current() else {
            if self.now >= self.looked_at + SHORTEST_PERIOD {
                self.release();
            }
            return !self.outputs.is_empty();
        };
        let most = self.most_held();
        let Some(member) = self.members.get_mut(&from) else {
            self.turns.leave();
            return true;
        };
        let sending = &mut member.sending;
        if let Err(until) = sending.allowance.check(self.now, self.limits.rate) {
            self.turns.rest(until);
            return true;
        }
        // What waits for receivers costs more than what was read: one small packet may wait for thousands.
        if sending.copies * lanes::PACKET_COST > most {
            self.turns.rest(self.now + PERIOD);
            return true;
        }
        let Some(part) = sending.backlog.first() else {
            self.turns.leave();
            return true;
        };
        let (copies, reached) = if sending.backlog.is_stale(self.now) {
            self.leave_out(from);
            (0, None)
        } else {
            let most = sending.allowance.turn();
            self.distribute(from, &part, most)
        };
        let Some(member) = self.members.get_mut(&from) else {
            return true;
        };
        let sending = &mut member.sending;
        sending.allowance.charge(copies);
        sending.backlog.advance(reached);
        if sending.backlog.is_empty() {
            self.turns.leave();
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
            let Some(part) = sending.backlog.first() else {
                return;
            };
            let (copies, reached) = self.distribute(from, &part, LAST_COPIES - made);
            made += copies.max(1);
            if let Some(member) = self.members.get_mut(&from) {
                member.sending.allowance.charge(copies);
                member.sending.backlog.advance(reached);
            }
        }
    }

    /// What one that leaves made wait for others stays, but no more of those who have left waits for any of them than one that
    /// stays may have wait. Who leaves and comes again would have the server hold anything else.
    pub(super) fn bury(&mut self, from: PeerId) {
        let most = self.most_held();
        let copies = self.members.get(&from).map_or(0, |member| member.sending.copies);
        if copies == 0 {
            return;
        }
        for member in self.members.values_mut() {
            self.copies -= member.receiving.lanes.leave(from, most);
        }
    }

    /// Gives a packet of a client to its receivers, each of which is told first who that is, to `most` of them. How many were given
    /// it, and the last of them if there may be more.
    fn distribute(&mut self, from: PeerId, part: &Part, most: usize) -> (usize, Option<PeerId>) {
        let Some(place) = self.members.get(&from).map(|member| member.place) else {
            return (0, None);
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
        let outgoing = &part.outgoing;
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
        let mut reached = None;
        match part.target {
            Target::One(id) => {
                if let Some(member) = members.get_mut(&id) {
                    give(id, member);
                }
            }
            Target::All | Target::AllBut(_) => {
                let begin = part.reached.map_or(Bound::Unbounded, Bound::Excluded);
                let others = members.range_mut((begin, Bound::Unbounded));
                let others = others.filter(|&(&id, _)| id != from && part.target.includes(id));
                for (at, (&id, member)) in others.take(most).enumerate() {
                    give(id, member);
                    reached = (at + 1 == most).then_some(id);
                }
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
        (receivers, reached)
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

    /// More than the `bytes` that were asked for by [`Output::Release`] waits to be read from a connection.
    pub fn set_held(&mut self, key: K, bytes: usize) {
        if let Some(id) = self.roster.id(key)
            && let Some(member) = self.members.get_mut(&id)
        {
            let restraint = &mut member.sending.restraint;
            restraint.held = true;
            restraint.coming = bytes;
            self.held.insert(id);
        }
    }

    /// Slows a sender down if the server holds too much for it.
    fn restrain(&mut self, from: PeerId) {
        let most = self.most_held();
        let Some(member) = self.members.get_mut(&from) else {
            return;
        };
        let sending = &mut member.sending;
        let held_data = sending.held_data();
        if held_data <= most && !sending.backlog.is_full() {
            return;
        }
        let restraint = &mut sending.restraint;
        let limit = self.limits.queue.saturating_add(self.limits.packet);
        let limit = limit.max(most.saturating_mul(2)).saturating_add(self.limits.read_ahead);
        if !restraint.held {
            restraint.held = true;
            restraint.heard = self.now;
            restraint.lent = 0;
            self.held.insert(from);
            self.statistics.held_back += 1;
            self.outputs.push_back(Output::Hold(member.key));
        } else if held_data > limit {
            self.outputs.push_back(Output::Drop {
                key: member.key,
                reason: Departure::TooFast,
            });
        }
    }

    /// Reads on from those for whom the server may hold more again, a little at a time, so that they hear something as long as their
    /// receivers take something.
    pub(super) fn release(&mut self) {
        self.looked_at = self.now;
        if self.held.is_empty() {
            return;
        }
        let most = self.most_held();
        let is_short = most < self.most_held_of_plenty();
        let SceneServer {
            now,
            held,
            members,
            outputs,
            limits,
            ..
        } = self;
        held.retain(|id| {
            let Some(member) = members.get_mut(id) else {
                return false;
            };
            let sending = &mut member.sending;
            let room = most.saturating_sub(sending.held_data() + sending.restraint.coming);
            let may_come = room >= STEP.min(most / HELD_SHARE) && sending.backlog.has_room();
            let restraint = &mut sending.restraint;
            if may_come {
                restraint.held = false;
                restraint.lent = 0;
                restraint.heard = *now;
                outputs.push_back(Output::Release {
                    key: member.key,
                    bytes: room,
                });
            } else if *now >= restraint.heard + SILENCE && restraint.lent < limits.packet / 2 && !is_short {
                restraint.lent += LOAN;
                restraint.heard = *now;
                outputs.push_back(Output::Lend {
                    key: member.key,
                    bytes: LOAN,
                });
            }
            !may_come
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
        let most = self.most_held_of_plenty();
        let half = self.limits.total / 2;
        let copies = self.copies.saturating_mul(lanes::PACKET_COST);
        if self.limits.ledger.held().saturating_add(copies) <= half {
            return most;
        }
        most.min(half / self.members.len().max(1)).max(LEAST_HELD)
    }

    /// The same as long as the server does not hold too much altogether.
    fn most_held_of_plenty(&self) -> usize {
        (self.limits.queue / HELD_SHARE).max(LEAST_HELD)
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
    // Nobody is introduced to itself.
    let items = if from.0 == id || !news.concern(told, all) {
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
