//! What a multiplayer peer has while it is active.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use enet_tokio::{Bytes, Packet};
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot_peer::TransferChannel;

use crate::api::RustENetConnection;
use crate::net::{Farewell, Held, HostLink, PeerLink};

/// How many departures are remembered.
const REMEMBERED: usize = 4096;

/// The part this peer has in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Server,
    Client,
    Mesh,
}

/// A session: its hosts, its members and what they have sent.
pub(super) struct Session {
    pub(super) mode: Mode,
    pub(super) id: i32,
    pub(super) status: ConnectionStatus,
    /// One as server and client, under its own id; in a mesh one for each member, under the member's.
    pub(super) hosts: BTreeMap<i32, SessionHost>,
    pub(super) members: BTreeMap<i32, Arc<PeerLink>>,
    pub(super) packets: VecDeque<Received>,
}

/// A host and what scripts see of it.
pub(super) struct SessionHost {
    pub(super) link: Arc<HostLink>,
    pub(super) object: Held<RustENetConnection>,
}

/// A packet that was not taken yet.
pub(super) struct Received {
    pub(super) from: i32,
    pub(super) channel: i32,
    pub(super) mode: TransferMode,
    pub(super) data: Bytes,
}

impl Session {
    pub(super) fn new(mode: Mode, id: i32, status: ConnectionStatus) -> Session {
        Session {
            mode,
            id,
            status,
            hosts: BTreeMap::new(),
            members: BTreeMap::new(),
            packets: VecDeque::new(),
        }
    }

    /// Makes a connection a member.
    pub(super) fn admit(&mut self, id: i32, peer: Arc<PeerLink>) {
        peer.set_id(id);
        self.members.insert(id, peer);
    }

    /// Strikes a member out; what it is to the network does not change.
    pub(super) fn strike(&mut self, id: i32) -> Option<Arc<PeerLink>> {
        let peer = self.members.remove(&id)?;
        peer.set_id(0);
        Some(peer)
    }

    /// The id of a connection, if it is a member.
    pub(super) fn member_id(&self, peer: &Arc<PeerLink>) -> Option<i32> {
        let id = peer.id();
        self.members
            .get(&id)
            .filter(|member| Arc::ptr_eq(member, peer))
            .map(|_| id)
    }

    /// Keeps a packet until it is asked for.
    pub(super) fn receive(&mut self, from: i32, channel: u8, packet: Packet) {
        self.packets.push_back(Received {
            from,
            channel: i32::from(TransferChannel::from_enet(channel).number()),
            mode: match godot_peer::TransferMode::of(&packet) {
                godot_peer::TransferMode::Reliable => TransferMode::RELIABLE,
                godot_peer::TransferMode::UnreliableOrdered => TransferMode::UNRELIABLE_ORDERED,
                godot_peer::TransferMode::Unreliable => TransferMode::UNRELIABLE,
            },
            data: packet.data,
        });
    }

    /// Whom a packet for this target goes to; `None` if the target names nobody.
    ///
    /// A client's only member is the server, whom its packets always go to.
    pub(super) fn receivers(&self, target: i32) -> Option<impl Iterator<Item = &Arc<PeerLink>>> {
        let named = i32::try_from(target.unsigned_abs()).unwrap_or(i32::MAX);
        if named != 0 && !self.members.contains_key(&named) {
            return None;
        }
        let all = self.mode == Mode::Client;
        let goes_to = move |id: i32| match target {
            _ if all => true,
            0 => true,
            1.. => id == named,
            _ => id != named,
        };
        // Found rather than looked for: most packets are for one.
        let (first, last) = if target > 0 && !all {
            (named, named)
        } else {
            (i32::MIN, i32::MAX)
        };
        let members = self.members.range(first..=last);
        Some(members.filter(move |(id, _)| goes_to(**id)).map(|(_, peer)| peer))
    }

    pub(super) fn host(&self) -> Option<&SessionHost> {
        match self.mode {
            Mode::Server | Mode::Client => self.hosts.get(&self.id),
            Mode::Mesh => None,
        }
    }
}

/// Why those went who are gone, for those who ask later.
#[derive(Debug, Default)]
pub(super) struct Farewells(VecDeque<(i32, Farewell)>);

impl Farewells {
    pub(super) fn note(&mut self, id: i32, farewell: Option<Farewell>) {
        let Some(farewell) = farewell else { return };
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((id, farewell));
    }

    /// How the last one who had this id went.
    pub(super) fn of(&self, id: i32) -> Option<Farewell> {
        let last = self.0.iter().rev().find(|(gone, _)| *gone == id);
        last.map(|(_, farewell)| *farewell)
    }
}
