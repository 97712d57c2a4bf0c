//! A server's calls.

use std::fmt::Display;

use bytes::Bytes;
use enet_proto::PeerHandle;
use godot_variant::convert::IntoArguments;

use super::{GodotServer, State};
use crate::calls::{Call, CallError, CallOptions, Heard, InvalidNodePath, Prepared, PreparedPacket, UnknownNode};
use crate::event::{Departure, Received, ServerEvent};
use crate::scene::{Command, Interface, Message, Rpc, System};
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{PeerId, SendError, Target, UnknownTarget};

impl GodotServer {
    /// Adds a node that clients can call, and that the server calls on them: see [`calls`](crate::calls). If it is there already, its
    /// methods are replaced, and its authority stays.
    ///
    /// Once a node was added, calls for the server come as [`ServerEvent::Call`], and those for other nodes are refused. Before, they
    /// come as packets. What clients call on each other is passed on as ever.
    ///
    /// # Errors
    ///
    /// If no node has such a path.
    pub fn add_node(&self, path: &str, interface: &Interface) -> Result<(), InvalidNodePath> {
        let mut state = self.lock();
        let path = state.calls.add_node(path, interface)?;
        let checksum = state.calls.checksum(&path);
        state.scene.set_checksum(path, checksum);
        Ok(())
    }

    /// Takes a node away; whether it was there.
    pub fn remove_node(&self, path: &str) -> bool {
        let mut state = self.lock();
        let removed = state.calls.remove_node(path);
        removed.map(|path| state.scene.set_checksum(path, None)).is_some()
    }

    /// Says who may call methods of the mode "authority" on a node: at first the server, as in Godot. It is not sent to anyone; the
    /// clients set it for themselves.
    ///
    /// # Errors
    ///
    /// If the node was not added.
    pub fn set_authority(&self, path: &str, peer: PeerId) -> Result<(), UnknownNode> {
        self.lock().calls.set_authority(path, peer)
    }

    /// Who has authority over a node.
    #[must_use]
    pub fn authority(&self, path: &str) -> Option<PeerId> {
        self.lock().calls.authority(path)
    }

    /// Calls a method on clients, as `rpc` and `rpc_id`. Channel and mode are the interface's.
    ///
    /// ```no_run
    /// # fn example(server: &godot_peer::GodotServer) -> Result<(), Box<dyn std::error::Error>> {
    /// use godot_peer::Target;
    /// use godot_peer::scene::{Interface, Method};
    ///
    /// server.add_node("Main/Chat", &Interface::new().with("say", Method::authority()))?;
    /// server.call(Target::All, "Main/Chat", "say", ("hi", 3))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the node was not added, or does not have the method; if the arguments cannot be written; or as
    /// [`send`](GodotServer::send).
    pub fn call(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
    ) -> Result<(), CallError> {
        self.call_with(target, node, method, arguments, CallOptions::new())
    }

    /// As [`call`](GodotServer::call), on another channel or in another mode.
    ///
    /// # Errors
    ///
    /// As [`call`](GodotServer::call).
    pub fn call_with(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
        options: CallOptions,
    ) -> Result<(), CallError> {
        let target = target.into();
        let arguments = arguments.into_arguments();
        let mut state = self.lock();
        let state = &mut *state;
        let roster = state.scene.roster();
        let is_known = |id: PeerId| id.is_server() || roster.contains(id);
        if target.named().is_some_and(|id| !is_known(id)) {
            return Err(SendError::from(UnknownTarget(target)).into());
        }
        let receivers: Vec<PeerId> = match target {
            Target::One(id) => vec![id],
            Target::All | Target::AllBut(_) => roster
                .iter()
                .map(|(id, _)| id)
                .filter(|&id| target.includes(id))
                .collect(),
        };
        let Prepared {
            channel,
            mode,
            packets,
            local,
        } = state.calls.call(target, &receivers, node, method, arguments, options)?;
        let is_local = local.is_some();
        state.events.extend(local.map(ServerEvent::Call));
        if is_local {
            self.changed.notify_one();
        }
        Ok(self.send_calls(state, target, (channel, mode), node, packets)?)
    }

    fn send_calls(
        &self,
        state: &mut State,
        target: Target,
        (channel, mode): (TransferChannel, TransferMode),
        node: &str,
        packets: Vec<PreparedPacket>,
    ) -> Result<(), SendError> {
        self.send_with(state, target, channel.enet_channel(mode), |state| {
            state.scene.prepare_for(target);
            // Most receivers get the same buffer, which is counted once.
            let mut counted: Option<(Bytes, Bytes)> = None;
            for PreparedPacket { to, offer, call } in packets {
                if let Some(offer) = offer
                    && state
                        .scene
                        .send_one_of(Target::One(to), to, &Outgoing::system(offer))
                        .is_err()
                {
                    state.calls.offer_lost(to, node);
                }
                let data = match (&counted, target) {
                    (_, Target::One(_)) => call,
                    (Some((plain, charged)), _) if plain.as_ptr() == call.as_ptr() => charged.clone(),
                    _ => {
                        let charged = state.scene.charge(call.clone());
                        counted = Some((call, charged.clone()));
                        charged
                    }
                };
                state
                    .scene
                    .send_one_of(target, to, &Outgoing::new(channel, mode, data))?;
            }
            Ok(())
        })
    }

    /// Sends a call as it is. Godot takes channel and mode from the method's annotation: give the same.
    ///
    /// # Errors
    ///
    /// As [`send`](GodotServer::send).
    pub fn send_rpc(
        &self,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        call: &Rpc,
    ) -> Result<(), SendError> {
        self.send(target, channel, mode, call.to_bytes())
    }

    /// Calls a method on clients in the name of another client, `owner`: for the receivers it is the caller, so it may be what
    /// [`call`](GodotServer::call) may not: a method of the mode "authority" on a node that is the owner's. For a server that checks what
    /// clients want and tells the others itself. The owner gets nothing. See [`send_as`](GodotServer::send_as).
    ///
    /// # Errors
    ///
    /// As [`call`](GodotServer::call), and if the owner is not in the session.
    pub fn call_as(
        &self,
        owner: PeerId,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
    ) -> Result<(), CallError> {
        let arguments = arguments.into_arguments();
        let prepared = self
            .lock()
            .calls
            .call_by_path(node, method, arguments, CallOptions::new());
        let (channel, mode, packet) = prepared?;
        Ok(self.send_as(owner, target, channel, mode, packet)?)
    }

    /// Sends a message to clients in the name of another client, `owner`: a RELAY with its id, as if it had sent it and the server
    /// passed it on. It is a capability of every server: clients have to trust theirs. What the owner does not send itself it does not
    /// know of, so a message that needs an answer by the owner (an offer of a path) is not for this. The owner gets nothing.
    ///
    /// Clients whose `server_relay` is off print an error instead.
    ///
    /// # Errors
    ///
    /// As [`send`](GodotServer::send), and if the owner is not in the session.
    pub fn send_as(
        &self,
        owner: PeerId,
        target: impl Into<Target>,
        channel: TransferChannel,
        mode: TransferMode,
        data: impl Into<Bytes>,
    ) -> Result<(), SendError> {
        let target = target.into();
        let data: Bytes = data.into();
        let mut state = self.lock();
        let state = &mut *state;
        let roster = state.scene.roster();
        if !roster.contains(owner) {
            return Err(UnknownTarget(Target::One(owner)).into());
        }
        if !roster.knows(target) || target == Target::One(owner) {
            return Err(UnknownTarget(target).into());
        }
        if data.is_empty() {
            return Ok(());
        }
        let members = roster.iter().map(|(id, _)| id);
        let receivers: Vec<PeerId> = members.filter(|&id| id != owner && target.includes(id)).collect();
        let packet = System::Relay {
            peer: owner.number(),
            packet: data,
        };
        let packet = packet.to_bytes();
        self.send_with(state, target, channel.enet_channel(mode), |state| {
            state.scene.prepare_for(target);
            let packet = match target {
                Target::One(_) => packet,
                Target::All | Target::AllBut(_) => state.scene.charge(packet),
            };
            for to in receivers {
                let outgoing = Outgoing::new(channel, mode, packet.clone());
                state.scene.send_one_of(target, to, &outgoing)?;
            }
            Ok(())
        })
    }

    /// A client has told, by a call of the game, that its scene is there. Nodes that it did not confirm, because it did not have them,
    /// are offered again when they are called. Calls to them carry the path until then, and in any case.
    pub fn scene_ready(&self, peer: PeerId) {
        self.lock().calls.scene_ready(peer);
    }

    /// Counts a call among the refused ones of its sender: the program finds it bad. It may be one too many
    /// ([`CallLimits::kick_after`](crate::CallLimits::kick_after)).
    pub fn refuse(&self, call: &Call, why: impl Display) {
        let mut state = self.lock();
        if state.calls.refuse(call, &why) {
            self.kick(&mut state, call.from);
        }
    }

    /// How many calls of a client were refused.
    #[must_use]
    pub fn refused_calls(&self, peer: PeerId) -> u64 {
        self.lock().calls.refused(peer)
    }

    /// A confirmation is taken at once, everything else when the program asks for its next event.
    pub(super) fn sort(&self, state: &mut State, event: ServerEvent) {
        match &event {
            ServerEvent::Packet(packet) if confirms(state, packet) => return,
            ServerEvent::PeerDisconnected { id, .. } => state.calls.peer_disconnected(*id),
            _ => {}
        }
        state.events.push_back(event);
    }

    /// What the program is told of an event, if anything.
    pub(super) fn hear(&self, state: &mut State, event: ServerEvent) -> Option<ServerEvent> {
        match event {
            ServerEvent::Packet(packet) => match state.calls.packet_received(self.now(), packet) {
                Heard::Packet(packet) => Some(ServerEvent::Packet(packet)),
                Heard::Call(call) => Some(ServerEvent::Call(call)),
                Heard::Refused { from, is_last, .. } => {
                    if is_last {
                        self.kick(state, from);
                    }
                    None
                }
            },
            ServerEvent::PeerDisconnected { id, .. } => {
                state.calls.forget(id);
                Some(event)
            }
            event => Some(event),
        }
    }

    fn kick(&self, state: &mut State, id: PeerId) {
        let key: Option<PeerHandle> = state.scene.roster().key(id);
        if let Some(key) = key {
            self.drop_client(state, key, Departure::BadCalls);
            self.changed.notify_one();
        }
    }
}

fn confirms(state: &mut State, packet: &Received) -> bool {
    Command::of(&packet.data) == Some(Command::ConfirmPath)
        && matches!(packet.message(), Ok(Message::ConfirmPath(confirmation)) if state.calls.confirmed(packet.from, &confirmation))
}
