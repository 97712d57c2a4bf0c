//! What happens in a recorded session, beyond which commands there are.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddrV4;

use enet_proto::wire::{Body, Command, ConnectId, Header, PeerId, SessionId};
use fixtures::Datagram;

/// What happens in a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Reliable commands that came again.
    pub resent: usize,
    /// The most often that one of them did.
    pub most_resent: usize,
    /// The DISCONNECTs, but for those that came again.
    pub farewells: Vec<Farewell>,
    /// The different sessions that datagrams name.
    pub sessions: usize,
    /// The datagrams at the end that nobody answers.
    pub unanswered: usize,
}

/// A DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The program's number.
    pub data: u32,
    /// Whether it wants an acknowledgement; if not, it is outside of any order too.
    pub acknowledge: bool,
    /// The reliable commands that its sender had no acknowledgement for.
    pub outstanding: usize,
}

/// Who sends to whom.
type Way = (SocketAddrV4, SocketAddrV4);

/// Follows a session.
#[derive(Debug, Default)]
pub(super) struct Teller {
    story: Story,
    /// How often each reliable command of the connection was seen, by channel and number.
    seen: HashMap<Way, HashMap<(u8, u16), usize>>,
    /// Those that were not acknowledged.
    outstanding: HashMap<Way, HashSet<(u8, u16)>>,
    connection: HashMap<Way, ConnectId>,
    sessions: HashSet<SessionId>,
    last: Option<SocketAddrV4>,
}

impl Teller {
    /// A datagram, before its commands.
    pub(super) fn datagram(&mut self, datagram: &Datagram, header: &Header) {
        if header.peer_id != PeerId::NONE {
            self.sessions.insert(header.session);
        }
        if self.last == Some(datagram.from) {
            self.story.unanswered += 1;
        } else {
            self.story.unanswered = 1;
        }
        self.last = Some(datagram.from);
    }

    pub(super) fn command(&mut self, datagram: &Datagram, command: &Command) {
        let (way, back) = ((datagram.from, datagram.to), (datagram.to, datagram.from));
        if let Body::Connect(connect) = &command.body
            && self.connection.insert(way, connect.connect_id) != Some(connect.connect_id)
        {
            for way in [way, back] {
                self.seen.remove(&way);
                self.outstanding.remove(&way);
            }
        }
        let name = (command.channel, command.sequence);
        let mut is_new = true;
        if command.acknowledge {
            let times = self.seen.entry(way).or_default().entry(name).or_default();
            is_new = *times == 0;
            self.story.resent += usize::from(!is_new);
            self.story.most_resent = self.story.most_resent.max(*times);
            *times += 1;
        }
        let outstanding = self.outstanding.entry(way).or_default();
        if let Body::Disconnect { data } = command.body
            && is_new
        {
            self.story.farewells.push(Farewell {
                data,
                acknowledge: command.acknowledge,
                outstanding: outstanding.len(),
            });
        }
        if command.acknowledge && is_new {
            outstanding.insert(name);
        }
        if let Some(outstanding) = self.outstanding.get_mut(&back) {
            match command.body {
                Body::Acknowledge { received_sequence, .. } => {
                    outstanding.remove(&(command.channel, received_sequence));
                }
                // It answers the CONNECT, before which there is nothing.
                Body::VerifyConnect(_) => outstanding.clear(),
                _ => {}
            }
        }
    }

    pub(super) fn told(self) -> Story {
        Story {
            sessions: self.sessions.len(),
            ..self.story
        }
    }
}
