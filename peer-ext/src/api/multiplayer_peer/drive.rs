//! What happens in a session: sending, and `poll`.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use enet_tokio::Bytes;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::prelude::*;
use godot_peer::PeerId;

use super::RustENetMultiplayerPeer;
use super::session::Mode;
use crate::api::connection::report_refused;
use crate::net::{Farewell, Happening, HostLink, PeerLink, SendRefusal};

/// The most bytes of a packet that is not reliable without fragments being lost singly.
const LARGEST_DATAGRAM: usize = 1392;

/// The server, as its clients know it.
const SERVER: i32 = PeerId::SERVER.number();

impl RustENetMultiplayerPeer {
    /// Queues a packet for the target, and wakes the network.
    pub(super) fn send(&self, data: &Bytes) -> Error {
        let Some(session) = self.active() else {
            return Error::ERR_UNCONFIGURED;
        };
        if session.status != ConnectionStatus::CONNECTED {
            godot_error!("The multiplayer peer is not connected yet.");
            return Error::ERR_UNCONFIGURED;
        }
        let Some(receivers) = session.receivers(self.target) else {
            godot_error!("Invalid target peer: {}", self.target);
            return Error::ERR_INVALID_PARAMETER;
        };
        let mode = transfer_mode(self.transfer_mode);
        warn_of_fragments(mode, data.len());
        let channel = enet_channel(self.transfer_channel, mode);
        let packet = mode.packet(data.clone());
        for peer in receivers {
            if peer.send(channel, packet.clone()) == Err(SendRefusal::NoSuchChannel) {
                let channels = peer.channels();
                godot_error!("Unable to send packet on channel {channel}, max channels: {channels}");
            }
        }
        Error::OK
    }

    /// Takes what has come since the last time, and tells of it.
    pub(super) fn drive(&mut self) {
        let Some(session) = self.active() else { return };
        let generation = self.generation;
        let mut hosts: Vec<(i32, Rc<HostLink>)> = session
            .hosts
            .iter()
            .map(|(id, host)| (*id, host.link.clone()))
            .collect();
        for (key, host) in &hosts {
            if self.dismiss_fallen(host, generation).is_none() {
                return;
            }
            if !host.is_open() && !self.lose_host(*key, "was destroyed") {
                return;
            }
        }
        hosts.retain(|(_, host)| host.is_open());
        self.polls += 1;
        for (key, host) in hosts {
            host.begin();
            if !self.take_in(&host, generation) {
                return;
            }
            report_refused(&host);
            if host.is_broken() && !self.lose_host(key, "has failed") {
                return;
            }
        }
    }

    /// Takes what a host has; returns whether the session goes on.
    fn take_in(&mut self, host: &Rc<HostLink>, generation: u64) -> bool {
        let mut put_off = Vec::new();
        // What comes meanwhile has to wait: handlers of signals may send, and be answered, for ever.
        for _ in 0..host.waiting() {
            let happening = match host.next() {
                // What it has sent before has to be read first. The model acknowledges nothing between two polls, so there a
                // departure never comes with the packets before it.
                Some(Happening::Disconnected { peer }) if peer.was_heard_in(self.polls) => {
                    put_off.push(peer);
                    continue;
                }
                Some(happening) => happening,
                None => break,
            };
            if let Happening::Received { peer, .. } = &happening {
                peer.hear_in(self.polls);
            }
            self.handle(happening);
            if self.generation != generation {
                return false;
            }
        }
        host.put_off(put_off);
        true
    }

    /// Those who were reset or disconnected at once, by a script, leave now. `None` if the session is over with that.
    fn dismiss_fallen(&mut self, host: &HostLink, generation: u64) -> Option<()> {
        for peer in host.take_fallen() {
            let session = self.session.as_mut()?;
            let Some(id) = session.member_id(&peer) else { continue };
            session.strike(id);
            let (mode, was_connected) = (session.mode, session.status == ConnectionStatus::CONNECTED);
            if mode == Mode::Mesh {
                session.hosts.remove(&id);
            }
            self.farewells.note(id, peer.farewell());
            if was_connected {
                self.tell_disconnected(id);
            }
            if self.generation != generation {
                return None;
            }
            if mode == Mode::Client {
                self.end();
                return None;
            }
        }
        Some(())
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Connected { peer, data } => self.connected(peer, data),
            Happening::Disconnected { peer } => self.disconnected(&peer),
            Happening::Received { peer, channel, packet } => {
                if let Some(session) = &mut self.session
                    && let Some(id) = session.member_id(&peer)
                {
                    session.receive(id, channel, packet);
                }
            }
        }
    }

    fn connected(&mut self, peer: Rc<PeerLink>, data: u32) {
        let refusing = self.refusing;
        let Some(session) = &mut self.session else { return };
        match session.mode {
            Mode::Server => {
                let id = PeerId::from_connect_data(data).map(PeerId::number);
                match id.filter(|id| !refusing && !session.members.contains_key(id)) {
                    Some(id) => {
                        session.admit(id, peer);
                        self.tell_connected(id);
                    }
                    None => peer.disconnect_now(Farewell::REFUSAL),
                }
            }
            Mode::Client => {
                session.status = ConnectionStatus::CONNECTED;
                self.tell_connected(SERVER);
            }
            // The one peer of each host was there before.
            Mode::Mesh => peer.reset(),
        }
    }

    fn disconnected(&mut self, peer: &Rc<PeerLink>) {
        let Some(session) = &self.session else { return };
        let Some(id) = session.member_id(peer) else { return };
        let (mode, was_connected) = (session.mode, session.status == ConnectionStatus::CONNECTED);
        let generation = self.generation;
        self.farewells.note(id, peer.farewell());
        // In the handler the peer can still be asked for, and a client is still connected.
        if was_connected {
            self.tell_disconnected(id);
        }
        if self.generation != generation {
            return;
        }
        match mode {
            Mode::Client => self.end(),
            Mode::Server | Mode::Mesh => {
                if let Some(session) = &mut self.session
                    && session.member_id(peer).is_some()
                {
                    session.strike(id);
                    if mode == Mode::Mesh {
                        session.hosts.remove(&id);
                    }
                }
            }
        }
    }

    /// A host whose socket is gone ends; returns whether the session goes on.
    fn lose_host(&mut self, key: i32, how: &str) -> bool {
        godot_error!("The connection of this multiplayer peer {how}.");
        match &mut self.session {
            Some(session) if session.mode == Mode::Mesh => {
                session.hosts.remove(&key);
                true
            }
            _ => {
                self.end();
                false
            }
        }
    }

    /// Asks a member to leave; with `force` it is out at once.
    pub(super) fn dismiss(&mut self, id: i32, force: bool) {
        if self.active().is_none() {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let Some(peer) = session.members.get(&id) else {
            godot_error!("There is no peer {id} to disconnect.");
            return;
        };
        peer.disconnect(0);
        if !force {
            return;
        }
        session.strike(id);
        self.farewells.note(id, Some(Farewell::OURS));
        match session.mode {
            Mode::Client => self.end(),
            Mode::Mesh => {
                if let Some(host) = session.hosts.remove(&id) {
                    host.link.flush();
                }
            }
            Mode::Server => {}
        }
    }

    pub(super) fn tell_connected(&mut self, id: i32) {
        self.tell(|peer| peer.signals().peer_connected().emit(i64::from(id)));
    }

    fn tell_disconnected(&mut self, id: i32) {
        self.tell(|peer| peer.signals().peer_disconnected().emit(i64::from(id)));
    }

    /// Emits a signal. If a handler drops the last reference to this object the session ends; the object itself goes when Godot
    /// is idle, as it is in use here.
    fn tell(&mut self, emit: impl FnOnce(&mut Self)) {
        let mut kept = self.to_gd();
        emit(self);
        if kept.get_reference_count() == 1 {
            self.end();
            kept.run_deferred_gd(drop);
        }
    }
}

fn transfer_mode(mode: TransferMode) -> godot_peer::TransferMode {
    match mode {
        TransferMode::UNRELIABLE => godot_peer::TransferMode::Unreliable,
        TransferMode::UNRELIABLE_ORDERED => godot_peer::TransferMode::UnreliableOrdered,
        _ => godot_peer::TransferMode::Reliable,
    }
}

/// The ENet channel of a transfer channel: those above 0 are one further, in eight bits, as in the model.
fn enet_channel(transfer_channel: i32, mode: godot_peer::TransferMode) -> u8 {
    if transfer_channel > 0 {
        transfer_channel.wrapping_add(1) as u8
    } else {
        godot_peer::TransferChannel::ZERO.enet_channel(mode)
    }
}

/// Says once that a large packet that may be lost is more easily lost.
fn warn_of_fragments(mode: godot_peer::TransferMode, size: usize) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if size > LARGEST_DATAGRAM && mode != godot_peer::TransferMode::Reliable && !WARNED.swap(true, Ordering::Relaxed) {
        godot_warn!(
            "An unreliable packet of {size} bytes is sent: above {LARGEST_DATAGRAM} bytes it travels in parts, and is lost with \
             any of them."
        );
    }
}
