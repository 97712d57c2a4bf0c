//! What is sent, to whom, and what becomes of it when there is no room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use enet_tokio::{Bytes, Packet};
use godot::classes::MultiplayerApi;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::prelude::*;

use super::RustENetMultiplayerPeer;
use super::session::Session;
use super::state::State;
use crate::api::connection::give_up;
use crate::api::enums::FullQueue;
use crate::net::{PeerLink, SendRefusal};

/// The most bytes of a packet that is not reliable without fragments being lost singly.
const LARGEST_DATAGRAM: usize = 1392;

/// What became of a packet.
enum Sent {
    Done,
    /// Nobody has it, for want of room for these, or for all.
    Refused {
        full: Vec<Arc<PeerLink>>,
        all: bool,
    },
    TooLarge,
    /// This many channels are there.
    NoSuchChannel(u8, usize),
    InvalidTarget(i32),
    NotConnected,
    NoSession,
}

impl RustENetMultiplayerPeer {
    /// Queues a packet for the target, and wakes the network.
    pub(super) fn send(this: &Gd<Self>, data: &Bytes) -> Error {
        let me = this.bind();
        let mode = transfer_mode(me.state().transfer_mode);
        warn_of_fragments(mode, data.len());
        let packet = mode.packet(data.clone());
        loop {
            let sent = me.state().send(mode, &packet);
            let (full, all) = match sent {
                Sent::Refused { full, all } => (full, all),
                other => return answer(&other, data.len()),
            };
            if mode != godot_peer::TransferMode::Reliable || !Self::gives_up(this) {
                return Error::ERR_BUSY;
            }
            let limit = me.state().options.max_queued;
            for peer in &full {
                give_up(peer, limit);
            }
            if all {
                return Error::ERR_BUSY;
            }
            // The others get it.
        }
    }

    /// Whether those are disconnected who have no room for what has to arrive.
    fn gives_up(this: &Gd<Self>) -> bool {
        let what = this.bind().state().options.full_queue;
        match what {
            FullQueue::AUTO => {
                let handlers = this.get_signal_connection_list("peer_connected");
                let mut handlers = handlers.iter_shared().filter_map(|handler| handler.get("callable"));
                handlers.any(|handler| {
                    let handler = handler.try_to::<Callable>().ok();
                    let object = handler.and_then(|handler| handler.object());
                    object.is_some_and(|object| object.try_cast::<MultiplayerApi>().is_ok())
                })
            }
            what => what == FullQueue::DISCONNECT,
        }
    }
}

impl State {
    fn send(&mut self, mode: godot_peer::TransferMode, packet: &Packet) -> Sent {
        let (target, channel) = (self.target, enet_channel(self.transfer_channel, mode));
        match &self.session {
            None => Sent::NoSession,
            Some(session) if session.status != ConnectionStatus::CONNECTED => Sent::NotConnected,
            Some(session) => send_to(session, target, channel, packet, mode),
        }
    }
}

fn send_to(session: &Session, target: i32, channel: u8, packet: &Packet, mode: godot_peer::TransferMode) -> Sent {
    let receivers = || session.receivers(target).into_iter().flatten();
    if session.receivers(target).is_none() {
        return Sent::InvalidTarget(target);
    }
    let reliable = mode == godot_peer::TransferMode::Reliable;
    if reliable && receivers().nth(1).is_some() {
        // All or none, so that it can be tried again.
        let size = packet.data.len();
        let full: Vec<_> = receivers().filter(|peer| !peer.has_room(size)).cloned().collect();
        if !full.is_empty() {
            let all = full.len() == receivers().count();
            return Sent::Refused { full, all };
        }
    }
    let (mut count, mut full) = (0, Vec::new());
    let mut sent = Sent::Done;
    for peer in receivers() {
        count += 1;
        match peer.send(channel, packet.clone()) {
            // A peer that is leaving does not get it, as in ENet.
            Ok(()) | Err(SendRefusal::NotConnected) => {}
            Err(SendRefusal::NoSuchChannel) => sent = Sent::NoSuchChannel(channel, peer.channels()),
            Err(SendRefusal::TooLarge) => sent = Sent::TooLarge,
            Err(SendRefusal::Full) => full.push(peer.clone()),
        }
    }
    if count > 0 && full.len() == count {
        return Sent::Refused { full, all: true };
    }
    if reliable {
        // Another thread has filled the queue since there was room in it.
        for peer in full {
            peer.give_up();
        }
    }
    sent
}

/// What Godot is told, with a line in its output where something is wrong.
fn answer(sent: &Sent, size: usize) -> Error {
    match *sent {
        Sent::Done => Error::OK,
        Sent::Refused { .. } => Error::ERR_BUSY,
        Sent::TooLarge => {
            godot_error!("Unable to send a packet of {size} bytes: it is too large.");
            Error::ERR_INVALID_PARAMETER
        }
        Sent::NoSuchChannel(channel, channels) => {
            godot_error!("Unable to send packet on channel {channel}, max channels: {channels}");
            // As in the model.
            Error::OK
        }
        Sent::InvalidTarget(target) => {
            godot_error!("Invalid target peer: {target}");
            Error::ERR_INVALID_PARAMETER
        }
        Sent::NotConnected => {
            godot_error!("The multiplayer peer is not connected yet.");
            Error::ERR_UNCONFIGURED
        }
        Sent::NoSession => {
            godot_error!("The multiplayer peer is not active.");
            Error::ERR_UNCONFIGURED
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
