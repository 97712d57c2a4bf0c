//! `SceneMultiplayer`'s part of a server, without I/O: who is there, and packets from client to client.
//!
//! The driver tells it of connections and packets, and does what it asks for in [`SceneServer::poll_output`] after each call.
//!
//! A program's packet or a relayed one never overtakes the news of who is there: a receiver that has not been told yet is told
//! first (on the same channel and if both are reliable; Godot promises no more).
//!
//! A newcomer to a large session is introduced to some of the members at once and to the others as its connection takes it
//! ([`SceneServer::introduce`]), or else thousands who come at the same time would have millions of packets queued for them.

mod announcements;
mod lobby;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use bytes::Bytes;
use enet_proto::{Packet, Time};

use crate::event::{Departure, Received, ServerEvent};
use crate::notes::is_worth_a_note;
use crate::paths::{KnownPaths, Learned};
use crate::scene::{Command, Message, System, check_for_others};
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{PeerId, Roster, Target, UnknownTarget};

use announcements::{Announcements, Change, Told};
use lobby::{Lobby, Step, Visitor};

/// How many members a newcomer is introduced to at a time.
const INTRODUCTIONS: usize = 128;

/// A server's state machine; `K` is whatever names a connection.
#[derive(Debug)]
pub struct SceneServer<K> {
    relaying: bool,
    lobby: Lobby<K>,
    roster: Roster<K>,
    guests: HashMap<PeerId, Guest>,
    /// Those who still have [strangers](Guest::strangers), and some who had.
    newcomers: VecDeque<PeerId>,
    announcements: Announcements,
    outputs: VecDeque<Output<K>>,
    statistics: SceneStatistics,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<K> {
    /// Send a packet to a connection.
    Send {
        /// The connection.
        to: K,
        /// The packet.
        outgoing: Outgoing,
        /// The client whose packet is passed on; none for what the server itself sends.
        from: Option<PeerId>,
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
}

#[derive(Debug)]
struct Guest {
    told: Told,
    /// Introduces this one to newcomers.
    introduction: Bytes,
    /// Who was there before and has not been introduced yet.
    strangers: Vec<PeerId>,
    paths: KnownPaths,
    authentication: Authentication,
}

/// How far a client that is in the session is with being authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Authentication {
    /// It never asked.
    None,
    /// It asked late, and was told that the server is done.
    Answered,
    /// Both are done.
    Done,
}

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// A server without clients. If it does not relay, clients learn nothing of each other and all packets go to the program, as
    /// with a bare `ENetMultiplayerPeer`.
    #[must_use]
    pub fn new(relaying: bool) -> SceneServer<K> {
        SceneServer {
            relaying,
            lobby: Lobby::default(),
            roster: Roster::default(),
            guests: HashMap::new(),
            newcomers: VecDeque::new(),
            announcements: Announcements::default(),
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

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output<K>> {
        self.outputs.pop_front()
    }

    /// Whether there is more to do.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.announcements.due(), self.lobby.due()].into_iter().flatten().min()
    }

    /// Lets in who has waited long enough, and tells the clients what has been gathered for them.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((key, visitor)) = self.lobby.take_silent(now) {
            self.let_in(key, visitor, Authentication::None);
        }
        if self.announcements.take_due(now, self.roster.len()) {
            self.tell_all();
        }
    }

    /// A connection is up; the data of its CONNECT is the id it asks for. It is let in a moment later, or, if it asks to be
    /// authenticated, when it is done with that.
    pub fn peer_arrived(&mut self, now: Time, key: K, data: u32) {
        if self.relaying {
            self.lobby.enter(now, key, data);
        } else {
            self.peer_connected(now, key, data);
        }
    }

    /// A connection is up, and let in without more ado; the data of its CONNECT is the id it asks for.
    pub fn peer_connected(&mut self, now: Time, key: K, data: u32) {
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
        let mut strangers = Vec::new();
        if self.relaying {
            strangers.extend(self.roster.iter().map(|(other, _)| other).filter(|&other| other != id));
        }
        self.announce(now, id, true);
        let guest = Guest {
            told: self.announcements.told(),
            introduction: System::AddPeer(id).to_bytes(),
            strangers,
            paths: KnownPaths::default(),
            authentication: Authentication::None,
        };
        self.guests.insert(id, guest);
        if self.introduce_some(id, INTRODUCTIONS) {
            self.newcomers.push_back(id);
        }
        self.outputs.push_back(Output::Event(ServerEvent::PeerConnected { id }));
    }

    /// Whether there may be newcomers that are still to be introduced to members.
    #[must_use]
    pub fn has_newcomers(&self) -> bool {
        !self.newcomers.is_empty()
    }

    /// A newcomer that is still to be introduced to members, each in turn.
    pub fn next_newcomer(&mut self) -> Option<K> {
        while let Some(id) = self.newcomers.pop_front() {
            if self.guests.get(&id).is_some_and(|guest| !guest.strangers.is_empty()) {
                self.newcomers.push_back(id);
                return self.roster.key(id);
            }
        }
        None
    }

    /// Introduces a newcomer to some more members: to be called when its connection has taken what was queued.
    pub fn introduce(&mut self, key: K) {
        if let Some(id) = self.roster.id(key) {
            self.introduce_some(id, INTRODUCTIONS);
        }
    }

    /// A connection is gone. Nothing happens if it had never been let in.
    pub fn peer_disconnected(&mut self, now: Time, key: K, reason: Departure) {
        self.lobby.leave(key);
        let Some(id) = self.roster.remove(key) else { return };
        if self.guests.remove(&id).is_some_and(|guest| !guest.strangers.is_empty()) {
            self.newcomers.retain(|&newcomer| newcomer != id);
        }
        self.announce(now, id, false);
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
        let received = Received {
            from,
            channel: TransferChannel::from_enet(channel),
            mode: TransferMode::of(&packet),
            data: packet.data,
            node_path: None,
        };
        if !self.relaying {
            self.deliver(received);
        } else if Command::of(&received.data) == Some(Command::System) {
            self.system_message(received);
        } else {
            self.take(received);
        }
    }

    /// Sends a packet of the program. An empty one is not sent, as by `put_packet`.
    pub fn send(
        &mut self,
        target: Target,
        channel: TransferChannel,
        mode: TransferMode,
        data: Bytes,
    ) -> Result<(), UnknownTarget> {
        if !self.roster.knows(target) {
            return Err(UnknownTarget(target));
        }
        if !data.is_empty() {
            self.send_to(target, None, &Outgoing::new(channel, mode, data));
        }
        Ok(())
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
                    self.authenticate(key);
                }
                self.let_in(key, visitor, Authentication::Done);
            }
            Step::Asks => self.authenticate(key),
            Step::Stays => {}
            Step::Misplaced => self.statistics.malformed += 1,
        }
        false
    }

    fn let_in(&mut self, key: K, visitor: Visitor, authentication: Authentication) {
        self.peer_connected(visitor.since, key, visitor.data);
        let id = self.roster.id(key);
        if let Some(guest) = id.and_then(|id| self.guests.get_mut(&id)) {
            guest.authentication = authentication;
        }
    }

    /// Tells one who asks that the server is done with authenticating it.
    fn authenticate(&mut self, key: K) {
        self.statistics.authenticated += 1;
        self.push(key, System::Auth(Bytes::new()).to_bytes());
    }

    /// A client that is in the session already begins or ends to authenticate. It has dropped all that came before it has ended, so
    /// it is introduced to everyone anew.
    fn authenticate_late(&mut self, from: PeerId, is_done: bool) {
        let (Some(key), Some(guest)) = (self.roster.key(from), self.guests.get_mut(&from)) else {
            return;
        };
        let before = guest.authentication;
        let after = if is_done {
            Authentication::Done
        } else {
            Authentication::Answered
        };
        guest.authentication = before.max(after);
        if before == Authentication::None {
            self.authenticate(key);
        }
        if is_done && before < Authentication::Done {
            self.introduce_anew(from);
        }
    }

    fn introduce_anew(&mut self, id: PeerId) {
        self.tell(id);
        let others = self.roster.iter().map(|(other, _)| other);
        let others = others.filter(|&other| other != id).collect();
        if let Some(guest) = self.guests.get_mut(&id) {
            let was_newcomer = !guest.strangers.is_empty();
            guest.strangers = others;
            if self.introduce_some(id, INTRODUCTIONS) && !was_newcomer {
                self.newcomers.push_back(id);
            }
        }
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
        let receivers = self.send_to(target, Some(from), &outgoing);
        self.statistics.relayed_out += receivers;
        self.statistics.relayed_bytes += receivers * outgoing.packet.data.len() as u64;

        if !matches!(target, Target::One(_)) && target.includes(PeerId::SERVER) {
            self.take(Received {
                from,
                channel,
                mode,
                data: System::relayed(&outgoing.packet.data),
                node_path: None,
            });
        }
    }

    /// A packet for the server itself, no system message.
    fn take(&mut self, mut received: Received) {
        let guest = self.guests.get_mut(&received.from);
        match (Command::of(&received.data), guest) {
            (Some(Command::SimplifyPath), Some(guest)) => match Message::parse(&received.data) {
                Ok(Message::SimplifyPath(offer)) => match guest.paths.learn(&offer) {
                    Learned::Taken(answer) => self.answer(received.from, answer),
                    Learned::NoRoom => self.statistics.unlearned_paths += 1,
                    Learned::Used => self.malformed(received.from),
                },
                _ => self.malformed(received.from),
            },
            (Some(Command::ConfirmPath), Some(guest)) => {
                let answers = match Message::parse(&received.data) {
                    Ok(Message::ConfirmPath(confirmation)) => guest.paths.confirmed(&confirmation),
                    _ => None,
                };
                match answers {
                    Some(answers) => self.answer(received.from, answers),
                    None => self.deliver(received),
                }
            }
            (Some(Command::Rpc), Some(guest)) => {
                if let Ok(Message::Rpc(rpc)) = Message::parse(&received.data) {
                    received.node_path = guest.paths.resolve(&rpc.node);
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

    /// Queues a packet of a client or, without `from`, of the program for each receiver, who is told first of who came and went;
    /// how many there are. A client that sends to all does not get it itself.
    fn send_to(&mut self, target: Target, from: Option<PeerId>, outgoing: &Outgoing) -> u64 {
        let send = |to| Output::Send {
            to,
            outgoing: outgoing.clone(),
            from,
        };
        if let Target::One(id) = target {
            let Some(key) = self.roster.key(id) else { return 0 };
            self.tell(id);
            self.acquaint(id, from);
            self.outputs.push_back(send(key));
            return 1;
        }
        self.tell_all();
        for at in 0..self.newcomers.len() {
            let id = self.newcomers[at];
            if Some(id) != from && target.includes(id) {
                self.acquaint(id, from);
            }
        }
        let before = self.outputs.len();
        let receivers = self
            .roster
            .iter()
            .filter(|&(id, _)| Some(id) != from && target.includes(id));
        self.outputs.extend(receivers.map(|(_, key)| send(key)));
        (self.outputs.len() - before) as u64
    }

    /// Introduces a newcomer to the client it is about to hear from, or to all before it hears from the program, which may speak of
    /// anyone.
    fn acquaint(&mut self, id: PeerId, from: Option<PeerId>) {
        let Some(from) = from else {
            self.introduce_some(id, usize::MAX);
            return;
        };
        let (Some(key), Some(guest)) = (self.roster.key(id), self.guests.get_mut(&id)) else {
            return;
        };
        if let Some(at) = guest.strangers.iter().position(|&stranger| stranger == from) {
            guest.strangers.swap_remove(at);
            self.introduce_to(key, from);
        }
    }

    /// Introduces a newcomer to so many members at most; whether there are more.
    fn introduce_some(&mut self, id: PeerId, most: usize) -> bool {
        let (Some(key), Some(guest)) = (self.roster.key(id), self.guests.get_mut(&id)) else {
            return false;
        };
        let rest = guest.strangers.len().saturating_sub(most);
        let strangers = guest.strangers.split_off(rest);
        if rest == 0 {
            guest.strangers = Vec::new();
        }
        for stranger in strangers {
            self.introduce_to(key, stranger);
        }
        rest > 0
    }

    fn introduce_to(&mut self, to: K, stranger: PeerId) {
        self.statistics.announced += 1;
        // One who has left is introduced all the same, as the departure is still to be told.
        let message = match self.guests.get(&stranger) {
            Some(guest) => guest.introduction.clone(),
            None => System::AddPeer(stranger).to_bytes(),
        };
        self.push(to, message);
    }

    fn announce(&mut self, now: Time, id: PeerId, joined: bool) {
        if self.relaying && self.announcements.push(now, self.roster.len(), id, joined) {
            self.tell_all();
        }
    }

    fn tell(&mut self, id: PeerId) {
        let (Some(key), Some(guest)) = (self.roster.key(id), self.guests.get_mut(&id)) else {
            return;
        };
        if self.announcements.concern(guest.told) {
            let changes = self.announcements.since(guest.told);
            guest.told = self.announcements.told();
            self.tell_of(id, key, &changes);
        }
    }

    fn tell_all(&mut self) {
        let now_told = self.announcements.told();
        // Most have been told the same.
        let mut last: Option<(Told, Vec<Change>)> = None;
        let members: Vec<(PeerId, K)> = self.roster.iter().collect();
        for (id, key) in members {
            let Some(guest) = self.guests.get_mut(&id) else {
                continue;
            };
            if !self.announcements.concern(guest.told) {
                continue;
            }
            let told = std::mem::replace(&mut guest.told, now_told);
            let changes = match last.take() {
                Some((same, changes)) if same == told => changes,
                _ => self.announcements.since(told),
            };
            self.tell_of(id, key, &changes);
            last = Some((told, changes));
        }
        self.announcements.clear();
    }

    fn tell_of(&mut self, id: PeerId, key: K, changes: &[Change]) {
        for change in changes {
            let strangers = self.guests.get_mut(&id).map(|guest| &mut guest.strangers);
            if let Some(strangers) = strangers
                && !change.joined
                && let Some(at) = strangers.iter().position(|&stranger| stranger == change.id)
            {
                // It was never introduced.
                strangers.swap_remove(at);
                continue;
            }
            self.statistics.announced += 1;
            self.push(key, change.message.clone());
        }
    }

    /// Queues a message of the session itself.
    fn push(&mut self, to: K, message: Bytes) {
        self.outputs.push_back(Output::Send {
            to,
            outgoing: Outgoing::system(message),
            from: None,
        });
    }
}
