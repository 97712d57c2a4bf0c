//! `SceneMultiplayer`'s part of a server, without I/O: who is there, and packets from client to client.
//!
//! The driver tells it of connections and packets, and does what it asks for in [`SceneServer::poll_output`] after each call.
//!
//! A program's packet or a relayed one never overtakes the news of who is there: a receiver that has not been told yet is told
//! first (on the same channel and if both are reliable; Godot promises no more).

mod announcements;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use bytes::Bytes;
use enet_proto::{Packet, Time};

use crate::event::{Departure, Received, ServerEvent};
use crate::paths::KnownPaths;
use crate::scene::{Command, ConfirmPath, Message, System};
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{PeerId, Roster, Target, UnknownTarget};

use announcements::{Announcements, Told};

/// A server's state machine; `K` is whatever names a connection.
#[derive(Debug)]
pub struct SceneServer<K> {
    relaying: bool,
    roster: Roster<K>,
    guests: HashMap<PeerId, Guest>,
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
}

#[derive(Debug)]
struct Guest {
    told: Told,
    /// Introduces this one to newcomers.
    introduction: Bytes,
    paths: KnownPaths,
}

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// A server without clients. If it does not relay, clients learn nothing of each other and all packets go to the program, as
    /// with a bare `ENetMultiplayerPeer`.
    #[must_use]
    pub fn new(relaying: bool) -> SceneServer<K> {
        SceneServer {
            relaying,
            roster: Roster::default(),
            guests: HashMap::new(),
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
        self.announcements.due()
    }

    /// Tells the clients what has been gathered for them.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.announcements.take_due(now, self.roster.len()) {
            self.tell_all();
        }
    }

    /// A connection is up; the data of its CONNECT is the id it asks for.
    pub fn peer_connected(&mut self, now: Time, key: K, data: u32) {
        let id = match self.roster.admit(key, data) {
            Ok(id) => id,
            Err(refusal) => {
                tracing::debug!(%refusal, "connection refused");
                self.statistics.refused += 1;
                self.outputs.push_back(Output::Reset(key));
                return;
            }
        };
        if self.relaying {
            let others = self.roster.iter().filter(|&(other, _)| other != id);
            for guest in others.filter_map(|(other, _)| self.guests.get(&other)) {
                self.statistics.announced += 1;
                let outgoing = Outgoing::system(guest.introduction.clone());
                self.outputs.push_back(Output::Send { to: key, outgoing });
            }
        }
        self.announce(now, id, true);
        let guest = Guest {
            told: self.announcements.told(),
            introduction: System::AddPeer(id).to_bytes(),
            paths: KnownPaths::default(),
        };
        self.guests.insert(id, guest);
        self.outputs.push_back(Output::Event(ServerEvent::PeerConnected { id }));
    }

    /// A connection is gone. Nothing happens if it had never been let in.
    pub fn peer_disconnected(&mut self, now: Time, key: K, reason: Departure) {
        let Some(id) = self.roster.remove(key) else { return };
        self.guests.remove(&id);
        self.announce(now, id, false);
        self.outputs
            .push_back(Output::Event(ServerEvent::PeerDisconnected { id, reason }));
    }

    /// A packet came, on this ENet channel.
    pub fn packet_received(&mut self, key: K, channel: u8, packet: Packet) {
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

    fn system_message(&mut self, received: Received) {
        match Message::parse(&received.data) {
            Ok(Message::System(System::Relay { peer, packet })) if !packet.is_empty() => {
                // Lets go of the buffer, so that it need not be copied.
                drop(packet);
                self.relay(Target::from(peer), received);
            }
            Ok(Message::System(System::Auth(_))) => self.deliver(received),
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
            tracing::debug!(%from, to = %id, "packet for a peer that is not there");
            self.statistics.unknown_targets += 1;
            return;
        }
        let outgoing = Outgoing::new(channel, mode, System::readdress(data, from.number()));
        let except = match target {
            Target::One(_) => None,
            Target::All | Target::AllBut(_) => Some(from),
        };
        let receivers = self.send_to(target, except, &outgoing);
        self.statistics.relayed_out += receivers;
        self.statistics.relayed_bytes += receivers * outgoing.packet.data.len() as u64;

        if !matches!(target, Target::One(_)) && target.includes(PeerId::SERVER) {
            let data = System::relayed(&outgoing.packet.data);
            if Command::of(&data) == Some(Command::System) {
                // Godot reads these again, relays within relays to any depth; no client has a reason to send one.
                self.malformed(from);
            } else {
                self.take(Received {
                    from,
                    channel,
                    mode,
                    data,
                    node_path: None,
                });
            }
        }
    }

    /// A packet for the server itself, no system message.
    fn take(&mut self, mut received: Received) {
        let guest = self.guests.get_mut(&received.from);
        match (Command::of(&received.data), guest) {
            (Some(Command::SimplifyPath), Some(guest)) => match Message::parse(&received.data) {
                Ok(Message::SimplifyPath(offer)) => {
                    if guest.paths.learn(&offer) {
                        let answer = ConfirmPath {
                            checksum_matched: true,
                            id: offer.id,
                        };
                        let outgoing = Outgoing::system(answer.to_bytes());
                        self.send_to(Target::One(received.from), None, &outgoing);
                    }
                }
                _ => self.malformed(received.from),
            },
            (Some(Command::Rpc), Some(guest)) => {
                if let Ok(Message::Rpc(rpc)) = Message::parse(&received.data) {
                    received.node_path = guest.paths.resolve(&rpc.node);
                }
                self.deliver(received);
            }
            _ => self.deliver(received),
        }
    }

    fn deliver(&mut self, received: Received) {
        self.outputs.push_back(Output::Event(ServerEvent::Packet(received)));
    }

    fn malformed(&mut self, from: PeerId) {
        tracing::debug!(%from, "malformed message");
        self.statistics.malformed += 1;
    }

    /// Queues a packet for each receiver, who is told first of who came and went; how many there are.
    fn send_to(&mut self, target: Target, except: Option<PeerId>, outgoing: &Outgoing) -> u64 {
        if let Target::One(id) = target {
            let Some(key) = self.roster.key(id) else { return 0 };
            self.tell(id);
            self.outputs.push_back(Output::Send {
                to: key,
                outgoing: outgoing.clone(),
            });
            return 1;
        }
        self.tell_all();
        let mut receivers = 0;
        for (id, key) in self.roster.iter() {
            if Some(id) != except && target.includes(id) {
                receivers += 1;
                self.outputs.push_back(Output::Send {
                    to: key,
                    outgoing: outgoing.clone(),
                });
            }
        }
        receivers
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
            let messages = self.announcements.since(guest.told);
            guest.told = self.announcements.told();
            self.queue(key, &messages);
        }
    }

    fn tell_all(&mut self) {
        let now_told = self.announcements.told();
        // Most have been told the same.
        let mut last: Option<(Told, Vec<Bytes>)> = None;
        let members: Vec<(PeerId, K)> = self.roster.iter().collect();
        for (id, key) in members {
            let Some(guest) = self.guests.get_mut(&id) else {
                continue;
            };
            if !self.announcements.concern(guest.told) {
                continue;
            }
            let told = std::mem::replace(&mut guest.told, now_told);
            let messages = match last.take() {
                Some((same, messages)) if same == told => messages,
                _ => self.announcements.since(told),
            };
            self.queue(key, &messages);
            last = Some((told, messages));
        }
        self.announcements.clear();
    }

    fn queue(&mut self, to: K, messages: &[Bytes]) {
        self.statistics.announced += messages.len() as u64;
        for message in messages {
            let outgoing = Outgoing::system(message.clone());
            self.outputs.push_back(Output::Send { to, outgoing });
        }
    }
}
