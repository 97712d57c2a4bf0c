//! What happens in a session: `poll`.
//!
//! Each step is taken under the lock, and told of without it.

use std::sync::Arc;

use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::prelude::*;
use godot_peer::PeerId;

use super::RustENetMultiplayerPeer;
use super::session::{Mode, Session};
use super::state::State;
use crate::api::connection::report_failure;
use crate::api::deferred::let_go_when_idle;
use crate::net::{Departing, Farewell, Happening, HostLink, PeerLink};

/// The server, as its clients know it.
const SERVER: i32 = PeerId::SERVER.number();

/// What has happened in a session.
enum Step {
    /// Nothing more.
    End,
    /// Nothing to tell of.
    Silent,
    Connected(i32),
    Disconnected(Departing),
    PutOff(Departing),
    /// A connection that is not wanted.
    TurnAway(Arc<PeerLink>),
    /// One that a mesh did not ask for.
    Reset(Arc<PeerLink>),
}

impl RustENetMultiplayerPeer {
    /// Takes what has come since the last time, and tells of it.
    pub(super) fn drive(&self, this: &Gd<Self>) {
        let hosts = |session: &mut Session| -> Vec<(i32, Arc<HostLink>)> {
            let hosts = session.hosts.iter();
            hosts.map(|(id, host)| (*id, host.link.clone())).collect()
        };
        let Some(mut hosts) = self.with_session(hosts) else {
            return;
        };
        let generation = self.state().generation;
        for (key, host) in &hosts {
            if !self.dismiss_fallen(this, host, generation) {
                return;
            }
            if !host.is_open() && !self.lose_host(*key, "was destroyed") {
                return;
            }
        }
        hosts.retain(|(_, host)| host.is_open());
        let poll = {
            let mut state = self.state();
            state.polls += 1;
            state.polls
        };
        for (key, host) in hosts {
            host.begin();
            if !self.take_in(this, &host, poll, generation) {
                return;
            }
            if host.is_broken() && !self.lose_host(key, "has failed") {
                return;
            }
        }
    }

    /// Takes what a host has; returns whether the session goes on.
    fn take_in(&self, this: &Gd<Self>, host: &Arc<HostLink>, poll: u64, generation: u64) -> bool {
        let mut put_off = Vec::new();
        // What comes meanwhile has to wait: handlers of signals may send, and be answered, for ever.
        for _ in 0..host.waiting() {
            let step = {
                let mut state = self.state();
                if state.generation != generation {
                    return false;
                }
                state.step(host, poll)
            };
            match step {
                Step::End => break,
                Step::Silent => {}
                Step::Connected(id) => self.tell_connected(this, id),
                Step::Disconnected(peer) => self.disconnected(this, &peer),
                Step::PutOff(peer) => put_off.push(peer),
                Step::TurnAway(peer) => peer.disconnect_now(Farewell::REFUSAL),
                Step::Reset(peer) => peer.reset(),
            }
        }
        host.put_off(put_off);
        self.state().generation == generation
    }

    /// Those who were reset or disconnected at once, by a script, leave now. Returns whether the session goes on.
    fn dismiss_fallen(&self, this: &Gd<Self>, host: &HostLink, generation: u64) -> bool {
        for peer in host.take_fallen() {
            let (id, mode, was_connected, before) = {
                let mut state = self.state();
                let State { session, farewells, .. } = &mut *state;
                let Some(session) = session else { return false };
                let Some(id) = session.member_id(&peer) else { continue };
                farewells.note(id, peer.farewell());
                session.strike(id);
                let before = (session.mode == Mode::Mesh).then(|| session.hosts.remove(&id));
                (id, session.mode, session.status == ConnectionStatus::CONNECTED, before)
            };
            drop(before);
            if was_connected {
                self.tell_disconnected(this, id);
            }
            if self.state().generation != generation {
                return false;
            }
            if mode == Mode::Client {
                self.end();
                return false;
            }
        }
        true
    }

    fn disconnected(&self, this: &Gd<Self>, peer: &Arc<PeerLink>) {
        let (id, mode, was_connected, generation) = {
            let mut state = self.state();
            let State {
                session,
                farewells,
                generation,
                ..
            } = &mut *state;
            let Some(session) = session else { return };
            let Some(id) = session.member_id(peer) else { return };
            farewells.note(id, peer.farewell());
            let was_connected = session.status == ConnectionStatus::CONNECTED;
            (id, session.mode, was_connected, *generation)
        };
        report_failure(peer);
        // In the handler the peer can still be asked for, and a client is still connected.
        if was_connected {
            self.tell_disconnected(this, id);
        }
        let before = {
            let mut state = self.state();
            if state.generation != generation {
                return;
            }
            match (&mut state.session, mode) {
                (Some(session), Mode::Server | Mode::Mesh) if session.member_id(peer).is_some() => {
                    session.strike(id);
                    (mode == Mode::Mesh).then(|| session.hosts.remove(&id))
                }
                _ => None,
            }
        };
        drop(before);
        if mode == Mode::Client {
            self.end();
        }
    }

    /// A host whose socket is gone ends; returns whether the session goes on.
    fn lose_host(&self, key: i32, how: &str) -> bool {
        godot_error!("The connection of this multiplayer peer {how}.");
        let before = {
            let mut state = self.state();
            match &mut state.session {
                Some(session) if session.mode == Mode::Mesh => Some(session.hosts.remove(&key)),
                _ => None,
            }
        };
        let goes_on = before.is_some();
        drop(before);
        if !goes_on {
            self.end();
        }
        goes_on
    }

    /// Asks a member to leave; with `force` it is out at once.
    pub(super) fn dismiss(&self, id: i32, force: bool) {
        let Some(member) = self.with_session(|session| session.members.get(&id).cloned()) else {
            return;
        };
        let Some(peer) = member else {
            godot_error!("There is no peer {id} to disconnect.");
            return;
        };
        peer.disconnect(0);
        if !force {
            return;
        }
        let (mode, before) = {
            let mut state = self.state();
            let State { session, farewells, .. } = &mut *state;
            let Some(session) = session.as_mut().filter(|session| session.member_id(&peer).is_some()) else {
                return;
            };
            session.strike(id);
            farewells.note(id, Some(Farewell::OURS));
            let host = (session.mode == Mode::Mesh).then(|| session.hosts.remove(&id));
            (session.mode, host.flatten())
        };
        if mode == Mode::Client {
            self.end();
        }
        if let Some(host) = before {
            host.link.flush();
        }
    }

    pub(super) fn tell_connected(&self, this: &Gd<Self>, id: i32) {
        this.signals().peer_connected().emit(i64::from(id));
        self.end_if_dropped(this);
    }

    fn tell_disconnected(&self, this: &Gd<Self>, id: i32) {
        this.signals().peer_disconnected().emit(i64::from(id));
        self.end_if_dropped(this);
    }

    /// If a handler has dropped the last reference to this object the session ends; the object itself goes when Godot is idle, as
    /// it is in use here.
    fn end_if_dropped(&self, this: &Gd<Self>) {
        if this.get_reference_count() == 1 {
            self.end();
            let_go_when_idle(this.clone());
        }
    }
}

impl State {
    /// Takes the next thing that a host has, for the session that goes on.
    fn step(&mut self, host: &Arc<HostLink>, poll: u64) -> Step {
        match host.next() {
            None => Step::End,
            // What it has sent before has to be read first. The model acknowledges nothing between two polls, so there a
            // departure never comes with what was before it.
            Some(Happening::Disconnected { peer }) if peer.was_heard_in(poll) => Step::PutOff(peer),
            Some(Happening::Disconnected { peer }) => Step::Disconnected(peer),
            // That it was connected has to be seen as well: the state of this object is looked at between two polls.
            Some(Happening::Connected { peer, data }) => {
                peer.hear_in(poll);
                self.connected(peer, data)
            }
            Some(Happening::Received { peer, channel, packet }) => {
                peer.hear_in(poll);
                if let Some(session) = &mut self.session
                    && let Some(id) = session.member_id(&peer)
                {
                    session.receive(id, channel, packet);
                }
                Step::Silent
            }
        }
    }

    fn connected(&mut self, peer: Arc<PeerLink>, data: u32) -> Step {
        let refusing = self.refusing;
        let Some(session) = &mut self.session else {
            return Step::Silent;
        };
        match session.mode {
            Mode::Server => {
                let id = PeerId::from_connect_data(data).map(PeerId::number);
                match id.filter(|id| !refusing && !session.members.contains_key(id)) {
                    Some(id) => {
                        session.admit(id, peer);
                        Step::Connected(id)
                    }
                    None => Step::TurnAway(peer),
                }
            }
            Mode::Client => {
                session.status = ConnectionStatus::CONNECTED;
                Step::Connected(SERVER)
            }
            // The one peer of each host was there before.
            Mode::Mesh => Step::Reset(peer),
        }
    }
}
