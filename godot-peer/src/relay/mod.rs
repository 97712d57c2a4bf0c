//! `SceneMultiplayer`'s part of a server, without I/O: who is there, and packets from client to client.
//!
//! The driver tells it of connections and packets, and does what it asks for in [`SceneServer::poll_output`] after each call.
//!
//! Work and memory are charged to whoever causes them. Clients take turns, and each may have so many copies made of its packets in a
//! second ([`RelayLimits::rate`]); beyond that unreliable packets are dropped, and reliable ones not read. What a receiver does not
//! take at once waits in a lane for each sender, of which it is given in turn. A sender for whom too much waits is slowed down, as
//! nothing is read from it; a receiver that takes less than every one must has to go.
//!
//! A receiver is told of a client before it gets that one's packets (on the same channel and if both are reliable; Godot promises
//! no more), and of everyone before a packet of the program that is for it alone. Otherwise members are introduced to each other at a
//! bounded rate, those who have spoken first, or else thousands who come at the same time would have millions of packets queued for
//! them. Who has left before it was introduced never is.

mod backlog;
mod each;
mod lanes;
mod lobby;
mod member;
mod news;
mod passing;
mod telling;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{Ledger, Packet, Time, detach};

use crate::event::{Departure, Received, ServerEvent};
use crate::notes::is_worth_a_note;
use crate::paths::{Checksums, KnownPaths, Learned};
use crate::scene::{Command, Message, System, check_for_others};
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{PeerId, Roster, SendError, Target, UnknownTarget};

use lanes::Queued;
use lobby::{Lobby, Step, Visitor};
use member::{Authentication, Member, Receiving, Sending};
use news::News;
use telling::{Pace, Teller};
use turns::{Allowance, Turns};

/// A server's state machine; `K` is whatever names a connection.
#[derive(Debug)]
pub struct SceneServer<K> {
    relaying: bool,
    limits: RelayLimits,
    now: Time,
    lobby: Lobby<K>,
    roster: Roster<K>,
    members: BTreeMap<PeerId, Member<K>>,
    /// Of nodes that the program has.
    checksums: Checksums,
    news: News,
    pace: Pace,
    turns: Turns,
    /// What newcomers may begin with, all together.
    beginnings: Allowance,
    /// How many copies of clients' packets are in the lanes of receivers, also of those who have left.
    copies: usize,
    /// Those from whom nothing is read.
    held: BTreeSet<PeerId>,
    /// When they were looked at last.
    looked_at: Time,
    /// When to see whether receivers take what they must.
    watch_at: Option<Time>,
    outputs: VecDeque<Output<K>>,
    statistics: SceneStatistics,
}

/// What clients may have a server do and hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RelayLimits {
    /// What may wait for one client, in bytes. A sender is slowed down when a quarter of it is held for it, with what bookkeeping
    /// costs. Default 32 MiB, as [`HostConfig::max_queued_data`](enet_proto::HostConfig::max_queued_data).
    pub queue: usize,
    /// The largest packet, in bytes. Default 32 MiB, as [`HostConfig::max_packet_size`](enet_proto::HostConfig::max_packet_size).
    pub packet: usize,
    /// What the server may hold altogether, in bytes. Beyond half of it each sender has an even share of that half, if it is less.
    /// Default 1 GiB, as [`HostConfig::max_held_data`](enet_proto::HostConfig::max_held_data).
    pub total: usize,
    /// A client must take a sixteenth of `queue` in this time while there is more for it; it is judged every twelfth of the time.
    /// Default 60 s, as [`HostConfig::slow_peer_timeout`](enet_proto::HostConfig::slow_peer_timeout): 35 KB/s, judged after 5 s.
    pub patience: Duration,
    /// How many copies of its packets a client may have made in a second: one for each receiver. A twentieth of it at once, but for
    /// newcomers. 0 for unlimited. Default 250 000.
    pub rate: u32,
    /// What the driver may have taken from a client before it reads no more from it, in bytes with what bookkeeping costs: no fault
    /// of the client. Default 8 MiB.
    pub read_ahead: usize,
    /// What the server may send in a second, in bytes; 0 for unlimited, the default. Clients need not take more than their part.
    pub bandwidth: u32,
    /// Counts what is held for the clients.
    pub ledger: Ledger,
}

impl Default for RelayLimits {
    fn default() -> RelayLimits {
        RelayLimits {
            queue: 32 * 1024 * 1024,
            packet: 32 * 1024 * 1024,
            total: 1024 * 1024 * 1024,
            patience: Duration::from_secs(60),
            rate: 250_000,
            read_ahead: 8 * 1024 * 1024,
            bandwidth: 0,
            ledger: Ledger::new(),
        }
    }
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<K> {
    /// Send a packet to a connection. If that has no room for it, it goes back by [`SceneServer::put_back`].
    Send {
        /// The connection.
        to: K,
        /// The packet.
        outgoing: Outgoing,
        /// The client whose packet is passed on; none for what the server itself sends.
        from: Option<PeerId>,
        /// Whether its buffer is counted in [`RelayLimits::ledger`].
        charged: bool,
    },
    /// Call [`SceneServer::set_room`] when no more than half of what may be queued for a connection is.
    Room(K),
    /// Call [`SceneServer::set_queued`].
    Weigh(K),
    /// Read nothing more from a connection, so that the other side has to wait.
    Hold(K),
    /// Read on from a connection, so many bytes; if there are more, call [`SceneServer::set_held`].
    Release {
        /// The connection.
        key: K,
        /// How many bytes.
        bytes: usize,
    },
    /// Let a connection from which nothing is read have so many bytes more wait than it may, until something is read.
    Lend {
        /// The connection.
        key: K,
        /// How many bytes.
        bytes: usize,
    },
    /// Disconnect a client, and call [`SceneServer::peer_disconnected`].
    Drop {
        /// The connection.
        key: K,
        /// Why it has to go.
        reason: Departure,
    },
    /// Drop a connection without a word: it is not let in.
    Reset(K),
    /// Tell the program.
    Event(ServerEvent),
}

/// What a server has done with packets, in total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SceneStatistics {
    /// Packets that came from a client for others.
    pub relayed_in: u64,
    /// How often these were sent on: once for each receiver.
    pub relayed_out: u64,
    /// Bytes sent on.
    pub relayed_bytes: u64,
    /// Packets for a client that is not there; they are dropped.
    pub unknown_targets: u64,
    /// Malformed system messages and those that a client has no business to send; they are dropped.
    pub malformed: u64,
    /// Connections that were not let in.
    pub refused: u64,
    /// Packets sent to tell of others who came or went.
    pub announced: u64,
    /// Packets from a client for others that a stock Godot crashes of or has no use for: a SPAWN whose lengths lie, a system
    /// message. They are dropped.
    pub unfit: u64,
    /// Numbers offered for node paths that were not confirmed, as there is no room for more of that client's paths. Its calls go
    /// on carrying them.
    pub unlearned_paths: u64,
    /// Clients that asked to be authenticated.
    pub authenticated: u64,
    /// Unreliable packets left out, as their sender had more sent on than it may, or a receiver did not take them: once for each
    /// receiver that was known.
    pub unsent: u64,
    /// How often a client was slowed down, as it sent more than was taken.
    pub held_back: u64,
}

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// A server without clients, with default limits. If it does not relay, clients learn nothing of each other and all packets go to
    /// the program, as with a bare `ENetMultiplayerPeer`; once a node of the program [has a checksum](SceneServer::set_checksum), all but
    /// the numbers that clients offer for paths, which are answered.
    #[must_use]
    pub fn new(relaying: bool) -> SceneServer<K> {
        SceneServer::with_limits(relaying, RelayLimits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(relaying: bool, limits: RelayLimits) -> SceneServer<K> {
        SceneServer {
            relaying,
            beginnings: Allowance::full(Time::ZERO, limits.rate),
            limits,
            now: Time::ZERO,
            lobby: Lobby::default(),
            roster: Roster::default(),
            members: BTreeMap::new(),
            checksums: Checksums::default(),
            news: News::default(),
            pace: Pace::new(),
            turns: Turns::default(),
            copies: 0,
            held: BTreeSet::new(),
            looked_at: Time::ZERO,
            watch_at: None,
            outputs: VecDeque::new(),
            statistics: SceneStatistics::default(),
        }
    }

    /// Who is there.
    #[must_use]
    pub fn roster(&self) -> &Roster<K> {
        &self.roster
    }

    /// What has been done so far.
    #[must_use]
    pub fn statistics(&self) -> SceneStatistics {
        self.statistics
    }

    /// Refuses new connections, or lets them in again.
    pub fn set_refusing(&mut self, refusing: bool) {
        self.roster.set_refusing(refusing);
    }

    /// What to do next. Packets of clients are passed on here, each client's in turn: a driver that has other things to see to may
    /// stop after some and come back.
    pub fn poll_output(&mut self) -> Option<Output<K>> {
        while self.outputs.is_empty() && self.pass_one() {}
        self.outputs.pop_front()
    }

    /// The same, but for packets of clients that wait for their turn.
    pub fn poll_ready(&mut self) -> Option<Output<K>> {
        self.outputs.pop_front()
    }

    /// Whether there is more to do now.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty() || !self.turns.is_idle()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.lobby.due(), self.pace.due(), self.passing_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Says what time it is, and does what is due: who has waited long enough is let in, members are told of others, senders that
    /// were slowed down or have used up what they may go on, receivers are judged.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        while let Some((key, visitor)) = self.lobby.take_silent(now) {
            self.let_in(key, visitor, Authentication::None);
        }
        if self.pace.due().is_some_and(|due| due <= self.now) {
            self.spread();
        }
        self.turns.wake(self.now);
        self.release();
        self.judge_receivers();
    }

    /// A connection is up; the data of its CONNECT is the id it asks for. It is let in a moment later, or, if it asks to be
    /// authenticated, when it is done with that.
    pub fn peer_arrived(&mut self, now: Time, key: K, data: u32) {
        self.advance(now);
        if self.relaying {
            self.lobby.enter(now, key, data);
        } else {
            self.peer_connected(now, key, data);
        }
    }

    /// A connection is up, and let in without more ado; the data of its CONNECT is the id it asks for.
    pub fn peer_connected(&mut self, now: Time, key: K, data: u32) {
        self.advance(now);
        let id = match self.roster.admit(key, data) {
            Ok(id) => id,
            Err(refusal) => {
                self.statistics.refused += 1;
                if is_worth_a_note(self.statistics.refused) {
                    tracing::debug!(%refusal, count = self.statistics.refused, "connection refused");
                }
                self.outputs.push_back(Output::Reset(key));
                return;
            }
        };
        let (place, told) = self.news.join(id);
        let allowance = Allowance::from(&mut self.beginnings, self.now, self.limits.rate);
        let member = Member {
            key,
            paths: KnownPaths::default(),
            authentication: Authentication::None,
            place,
            told,
            sending: Sending::new(self.now, allowance, self.limits.ledger.child()),
            receiving: Receiving::new(),
        };
        self.members.insert(id, member);
        if self.relaying {
            self.announce();
        }
        self.outputs.push_back(Output::Event(ServerEvent::PeerConnected { id }));
    }

    /// A connection is gone. Nothing happens if it had never been let in.
    pub fn peer_disconnected(&mut self, now: Time, key: K, reason: Departure) {
        self.advance(now);
        if let Some(visitor) = self.lobby.leave(key) {
            return self.leave_at_once(key, visitor, reason);
        }
        let Some(id) = self.roster.id(key) else { return };
        self.pass_last(id);
        self.bury(id);
        self.roster.remove(key);
        self.turns.forget(id);
        self.held.remove(&id);
        if let Some(member) = self.members.remove(&id) {
            self.news.leave(id, member.place);
            for from in member.receiving.lanes.iter().filter_map(|queued| queued.from) {
                self.copies = self.copies.saturating_sub(1);
                if let Some(sender) = self.members.get_mut(&from) {
                    sender.sending.copies = sender.sending.copies.saturating_sub(1);
                }
            }
        }
        // What was not sent yet has nowhere to go.
        self.outputs.retain(|output| !output.concerns(key));
        if self.relaying {
            self.announce();
        }
        self.outputs
            .push_back(Output::Event(ServerEvent::PeerDisconnected { id, reason }));
    }

    /// A packet came, on this ENet channel.
    pub fn packet_received(&mut self, key: K, channel: u8, packet: Packet) {
        if let Some(step) = self.lobby.hear(key, &packet.data)
            && !self.receive(key, step)
        {
            return;
        }
        let Some(from) = self.roster.id(key) else { return };
        if let Some(member) = self.members.get_mut(&from) {
            member.sending.note_come(packet.data.len());
            if !member.place.has_spoken() {
                self.news.speak(from, &mut member.place);
            }
        }
        let received = Received {
            from,
            channel: TransferChannel::from_enet(channel),
            mode: TransferMode::of(&packet),
            data: packet.data,
            node_path: None,
        };
        match Command::of(&received.data) {
            Some(Command::System) if self.relaying => self.system_message(received),
            // Without nodes nor relay it may be anything of the program's.
            _ if self.relaying || self.checksums.is_used() => self.take(received),
            _ => self.deliver(received),
        }
    }

    /// Sends a packet of the program. An empty one is not sent, as by `put_packet`.
    ///
    /// # Errors
    ///
    /// If no client has the id that is named, or, for a single client, if too much waits for it already.
    pub fn send(
        &mut self,
        target: Target,
        channel: TransferChannel,
        mode: TransferMode,
        data: Bytes,
    ) -> Result<(), SendError> {
        if !self.roster.knows(target) {
            return Err(UnknownTarget(target).into());
        }
        if data.is_empty() {
            return Ok(());
        }
        match target {
            _ if !self.relaying => {}
            Target::One(id) => self.tell_all(id),
            Target::All | Target::AllBut(_) => self.tell_near(target),
        }
        // It may be a part of what was received.
        self.give_own(target, Outgoing::new(channel, mode, detach(data)))
    }

    /// A visitor is gone. If nothing kept it out the program hears that it came and went; others never knew.
    fn leave_at_once(&mut self, key: K, visitor: Visitor, reason: Departure) {
        if visitor.is_authenticating {
            return;
        }
        if let Ok(id) = self.roster.admit(key, visitor.data) {
            self.roster.remove(key);
            let events = [
                ServerEvent::PeerConnected { id },
                ServerEvent::PeerDisconnected { id, reason },
            ];
            self.outputs.extend(events.map(Output::Event));
        }
    }

    /// Does what a visitor's word leads to. Whether that is yet to be read.
    fn receive(&mut self, key: K, step: Step) -> bool {
        match step {
            Step::LetIn(visitor) => {
                self.let_in(key, visitor, Authentication::None);
                return true;
            }
            Step::Done(visitor) => {
                if !visitor.is_authenticating {
                    self.statistics.authenticated += 1;
                }
                self.complete_authentication(key);
                self.let_in(key, visitor, Authentication::Done);
            }
            Step::Asks => self.statistics.authenticated += 1,
            Step::Stays => {}
            Step::Misplaced => self.statistics.malformed += 1,
        }
        false
    }

    fn let_in(&mut self, key: K, visitor: Visitor, authentication: Authentication) {
        self.peer_connected(visitor.since, key, visitor.data);
        let id = self.roster.id(key);
        if let Some(member) = id.and_then(|id| self.members.get_mut(&id)) {
            member.authentication = authentication;
        }
    }

    /// Tells one who is done with authentication that the server is done too. Not before: a Godot that has heard it refuses to
    /// send more data.
    fn complete_authentication(&mut self, key: K) {
        self.push(key, System::Auth(Bytes::new()).to_bytes());
    }

    /// A client that is in the session already begins or ends to authenticate. It has dropped all that came before it has ended, so
    /// it is introduced to everyone anew.
    fn authenticate_late(&mut self, from: PeerId, is_done: bool) {
        let Some(member) = self.members.get_mut(&from) else {
            return;
        };
        let key = member.key;
        let before = member.authentication;
        let after = if is_done {
            Authentication::Done
        } else {
            Authentication::Begun
        };
        member.authentication = before.max(after);
        if before == Authentication::None {
            self.statistics.authenticated += 1;
        }
        if is_done && before < Authentication::Done {
            self.news.forget_all(&mut member.told);
            self.pace.schedule(self.now);
            self.complete_authentication(key);
        }
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    fn system_message(&mut self, received: Received) {
        match Message::parse(&received.data) {
            Ok(Message::System(System::Relay { peer, packet })) if !packet.is_empty() => {
                if let Err(reason) = check_for_others(&packet) {
                    self.statistics.unfit += 1;
                    if is_worth_a_note(self.statistics.unfit) {
                        let count = self.statistics.unfit;
                        tracing::debug!(from = %received.from, %reason, count, "not passed on");
                    }
                    return;
                }
                // Lets go of the buffer, so that it need not be copied.
                drop(packet);
                self.relay(Target::from(peer), received);
            }
            Ok(Message::System(System::Auth(word))) => self.authenticate_late(received.from, word.is_empty()),
            _ => self.malformed(received.from),
        }
    }

    fn relay(&mut self, target: Target, received: Received) {
        self.statistics.relayed_in += 1;
        let Received {
            from,
            channel,
            mode,
            data,
            ..
        } = received;
        if let Target::One(id) = target
            && !self.roster.contains(id)
        {
            // It may just have left.
            self.statistics.unknown_targets += 1;
            if is_worth_a_note(self.statistics.unknown_targets) {
                let count = self.statistics.unknown_targets;
                tracing::debug!(%from, to = %id, count, "packet for a peer that is not there");
            }
            return;
        }
        let outgoing = Outgoing::new(channel, mode, System::readdress(data, from.number()));
        let data = outgoing.packet.data.clone();
        self.take_for_others(from, target, outgoing);
        // Its packets to the server itself do not wait for their turn either.
        if !matches!(target, Target::One(_)) && target.includes(PeerId::SERVER) {
            self.take(Received {
                from,
                channel,
                mode,
                data: System::relayed(&data),
                node_path: None,
            });
        }
    }

    /// A packet for the server itself, no system message.
    fn take(&mut self, mut received: Received) {
        let member = self.members.get_mut(&received.from);
        match (Command::of(&received.data), member) {
            (Some(Command::SimplifyPath), Some(member)) => match Message::parse(&received.data) {
                Ok(Message::SimplifyPath(offer)) => match member.paths.learn(&offer, &self.checksums) {
                    Learned::Taken(answer) => self.answer(received.from, answer),
                    Learned::NoRoom => self.statistics.unlearned_paths += 1,
                    Learned::Used | Learned::Outside => self.malformed(received.from),
                },
                _ => self.malformed(received.from),
            },
            (Some(Command::ConfirmPath), Some(member)) => {
                let answers = match Message::parse(&received.data) {
                    Ok(Message::ConfirmPath(confirmation)) => member.paths.confirmed(&confirmation),
                    _ => None,
                };
                match answers {
                    Some(answers) => self.answer(received.from, answers),
                    None => self.deliver(received),
                }
            }
            (Some(Command::Rpc), Some(member)) => {
                if let Ok(Message::Rpc(rpc)) = Message::parse(&received.data) {
                    received.node_path = member.paths.resolve(&rpc.node);
                }
                self.deliver(received);
            }
            _ => self.deliver(received),
        }
    }

    fn answer(&mut self, to: PeerId, messages: impl IntoIterator<Item = Bytes>) {
        let Some(key) = self.roster.key(to) else { return };
        for message in messages {
            self.push(key, message);
        }
    }

    fn deliver(&mut self, received: Received) {
        self.outputs.push_back(Output::Event(ServerEvent::Packet(received)));
    }

    fn malformed(&mut self, from: PeerId) {
        self.statistics.malformed += 1;
        if is_worth_a_note(self.statistics.malformed) {
            tracing::debug!(%from, count = self.statistics.malformed, "malformed message");
        }
    }

    /// Queues a message of the session itself.
    fn push(&mut self, to: K, message: Bytes) {
        let minimum = self.minimum();
        let queued = Queued {
            from: None,
            outgoing: Outgoing::system(message),
            charged: false,
        };
        let Some(member) = self.roster.id(to).and_then(|id| self.members.get_mut(&id)) else {
            // A visitor.
            return self.outputs.push_back(queued.to(to));
        };
        let mut teller = Teller {
            now: self.now,
            minimum,
            outputs: &mut self.outputs,
            announced: &mut self.statistics.announced,
        };
        teller.send(member, queued);
        // It asks, and does not take the answers.
        if member.receiving.lanes.refused() > self.limits.queue {
            let reason = Departure::TooSlow;
            self.outputs.push_back(Output::Drop { key: to, reason });
        }
    }
}

impl<K: Copy + Eq> Output<K> {
    /// Whether it is about that connection, and for nothing once it is gone.
    fn concerns(&self, key: K) -> bool {
        match self {
            Output::Send { to, .. } => *to == key,
            Output::Room(other)
            | Output::Weigh(other)
            | Output::Hold(other)
            | Output::Release { key: other, .. }
            | Output::Lend { key: other, .. }
            | Output::Drop { key: other, .. } => *other == key,
            Output::Reset(_) | Output::Event(_) => false,
        }
    }
}
