//! The calls of one member of a session, without I/O.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use enet_proto::Time;
use godot_variant::binary::encode_arguments;
use godot_variant::{EncodeError, Variant};

use super::call::{Call, CallError, CallOptions, Refused};
use super::judge::{self, Trail};
use super::limits::{Allowance, CallLimits};
use super::node::{InvalidNodePath, Node, UnknownNode, own_path};
use super::offers::{Confirmed, Name, Offers};
use crate::event::Received;
use crate::notes::{is_worth_a_note, shortened};
use crate::scene::{
    Arguments, Command, ConfirmPath, Interface, Message, MethodId, NodeReference, Rpc, RpcMode, SimplifyPath,
};
use crate::transfer::{TransferChannel, TransferMode};
use crate::{PeerId, Target};

/// Of how many peers the conduct is kept, besides the server.
const MAX_CALLERS: usize = 1 << 16;

/// The nodes of one member, and its calls to and from the others.
///
/// ```
/// use enet_proto::Time;
/// use godot_peer::calls::{CallLimits, CallOptions, Calls};
/// use godot_peer::scene::{Interface, Method};
/// use godot_peer::{PeerId, Target};
///
/// let mut calls = Calls::new(PeerId::SERVER, CallLimits::default());
/// calls.add_node("Main/Chat", &Interface::new().with("say", Method::authority()))?;
/// let two = PeerId::new(2).expect("an id");
/// let prepared = calls.call(Target::All, &[two], "Main/Chat", "say", vec!["hi".into()], CallOptions::new())?;
/// assert_eq!(prepared.packets[0].to, two);
/// assert!(prepared.packets[0].offer.is_some(), "it is the first call of this node there");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Calls {
    me: PeerId,
    limits: CallLimits,
    nodes: BTreeMap<Arc<str>, Node>,
    /// Whether the program has ever added a node. If not, packets with calls are its own business.
    is_used: bool,
    offers: Offers,
    callers: HashMap<PeerId, Conduct>,
    statistics: CallStatistics,
}

/// How one peer behaves.
#[derive(Debug)]
struct Conduct {
    allowance: Allowance,
    refused: u64,
}

/// What a member has done with calls, in total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallStatistics {
    /// Calls that were sent, once for each receiver.
    pub sent: u64,
    /// Calls of peers that the program was told of.
    pub taken: u64,
    /// Calls of peers that were refused, the ones below among them.
    pub refused: u64,
    /// Refused: malformed, or for a node or a method that is not there.
    pub unknown: u64,
    /// Refused: the sender may not call the method.
    pub forbidden: u64,
    /// Refused: the arguments do not decode, are too large, or not what the method takes.
    pub bad_arguments: u64,
    /// Refused: more than [`CallLimits`] allow.
    pub too_many: u64,
    /// Nodes offered to a peer.
    pub offered: u64,
    /// Offers confirmed by a peer: calls to it carry the number.
    pub confirmed: u64,
    /// Those of them by a peer that has other methods on the node. Calls may reach the wrong ones there.
    pub unequal: u64,
}

/// What a packet turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// No call, or the program has no nodes: it is for the program as it is.
    Packet(Received),
    /// A call that is to be made.
    Call(Call),
    /// A call that is refused.
    Refused {
        /// Who called.
        from: PeerId,
        /// Why it is refused.
        reason: Refused,
        /// Whether it was one too many: see [`CallLimits::kick_after`].
        is_last: bool,
    },
}

/// A call that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The transfer channel.
    pub channel: TransferChannel,
    /// The transfer mode.
    pub mode: TransferMode,
    /// What each receiver is to get.
    pub packets: Vec<PreparedPacket>,
    /// The call as it is to be made here, if the method is called locally.
    pub local: Option<Call>,
}

/// What one receiver is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedPacket {
    /// The receiver.
    pub to: PeerId,
    /// To be sent before, reliably on channel 0. If that is not possible, [`Calls::offer_lost`] is to be told.
    pub offer: Option<Bytes>,
    /// The call.
    pub call: Bytes,
}

impl Calls {
    /// Of the member with this id, without nodes.
    #[must_use]
    pub fn new(me: PeerId, limits: CallLimits) -> Calls {
        Calls {
            me,
            limits,
            nodes: BTreeMap::new(),
            is_used: false,
            offers: Offers::default(),
            callers: HashMap::new(),
            statistics: CallStatistics::default(),
        }
    }

    /// Adds a node that can be called, and called on peers. If it is there already, its methods are replaced, and its authority stays.
    ///
    /// # Errors
    ///
    /// If no node has such a path.
    pub fn add_node(&mut self, path: &str, interface: &Interface) -> Result<Arc<str>, InvalidNodePath> {
        let path: Arc<str> = own_path(path)?.into();
        self.is_used = true;
        let former = self.nodes.get(&path);
        let authority = former.map_or(PeerId::SERVER, |node| node.authority);
        let node = Node::new(Arc::clone(&path), interface, authority);
        self.nodes.insert(Arc::clone(&path), node);
        Ok(path)
    }

    /// Takes a node away; its path, if it was there.
    pub fn remove_node(&mut self, path: &str) -> Option<Arc<str>> {
        let node = self.nodes.remove(&*own_path(path).ok()?)?;
        self.offers.forget_node(&node.path);
        Some(node.path)
    }

    /// Says who may call methods of the mode "authority" on a node: at first the server, as in Godot. It is not sent to anyone.
    ///
    /// # Errors
    ///
    /// If the node was not added.
    pub fn set_authority(&mut self, path: &str, peer: PeerId) -> Result<(), UnknownNode> {
        let node = own_path(path).ok().and_then(|path| self.nodes.get_mut(&*path));
        node.ok_or_else(|| UnknownNode(path.to_owned()))?.authority = peer;
        Ok(())
    }

    /// Who has authority over a node.
    #[must_use]
    pub fn authority(&self, path: &str) -> Option<PeerId> {
        Some(self.node(path)?.authority)
    }

    /// The checksum of a node's methods.
    #[must_use]
    pub fn checksum(&self, path: &str) -> Option<[u8; 32]> {
        Some(self.node(path)?.checksum)
    }

    fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(&*own_path(path).ok()?)
    }

    /// What has been done so far.
    #[must_use]
    pub fn statistics(&self) -> CallStatistics {
        self.statistics
    }

    /// How many calls of a peer were refused.
    #[must_use]
    pub fn refused(&self, peer: PeerId) -> u64 {
        self.callers.get(&peer).map_or(0, |conduct| conduct.refused)
    }

    /// A call to the peers that `target` stands for, which are `receivers`; they may have this member itself among them.
    ///
    /// # Errors
    ///
    /// If there is no such node or method, or the arguments cannot be written. Nothing is to be sent then.
    pub fn call(
        &mut self,
        target: Target,
        receivers: &[PeerId],
        node: &str,
        method: &str,
        arguments: Vec<Variant>,
        options: CallOptions,
    ) -> Result<Prepared, CallError> {
        let ready = self.ready(node, method, arguments, options)?;
        let is_local = ready.call_local && target.includes(self.me);
        if target == Target::One(self.me) && !is_local {
            return Err(CallError::OnSelf(method.to_owned()));
        }
        // Each form is written once.
        let mut by_path: Option<Bytes> = None;
        let mut by_number: Option<(NodeReference, Bytes)> = None;
        let mut packets = Vec::with_capacity(receivers.len());
        for &to in receivers.iter().filter(|&&to| to != self.me) {
            let (offer, call) = match self.offers.name(to, &ready.path) {
                Name::Number(id) => {
                    let reference = NodeReference::Id(id);
                    let call = match &by_number {
                        Some((written, call)) if *written == reference => call.clone(),
                        _ => ready.write(reference.clone()),
                    };
                    by_number = Some((reference, call.clone()));
                    (None, call)
                }
                Name::Path(id) => {
                    let offer = id.map(|id| SimplifyPath {
                        checksum: ready.checksum,
                        id,
                        path: Arc::clone(&ready.path),
                    });
                    self.statistics.offered += u64::from(offer.is_some());
                    let call = by_path.get_or_insert_with(|| ready.write_by_path());
                    (offer.map(|offer| offer.to_bytes()), call.clone())
                }
            };
            packets.push(PreparedPacket { to, offer, call });
        }
        self.statistics.sent += packets.len() as u64;
        Ok(Prepared {
            channel: ready.channel,
            mode: ready.mode,
            packets,
            local: is_local.then(|| ready.local(self.me)),
        })
    }

    /// A call by path, which everybody understands: the packet, and how it is to be sent.
    ///
    /// # Errors
    ///
    /// As [`call`](Calls::call).
    pub fn call_by_path(
        &mut self,
        node: &str,
        method: &str,
        arguments: Vec<Variant>,
        options: CallOptions,
    ) -> Result<(TransferChannel, TransferMode, Bytes), CallError> {
        let ready = self.ready(node, method, arguments, options)?;
        Ok((ready.channel, ready.mode, ready.write_by_path()))
    }

    fn ready(
        &self,
        path: &str,
        method: &str,
        arguments: Vec<Variant>,
        options: CallOptions,
    ) -> Result<Ready, CallError> {
        let node = self.node(path).ok_or_else(|| UnknownNode(path.to_owned()))?;
        let (id, entry) = node.by_name(method).ok_or_else(|| CallError::UnknownMethod {
            node: path.to_owned(),
            method: method.to_owned(),
        })?;
        if entry.method.rpc_mode == RpcMode::Disabled {
            return Err(CallError::Disabled(method.to_owned()));
        }
        Ok(Ready {
            path: Arc::clone(&node.path),
            checksum: node.checksum,
            method: id,
            name: Arc::clone(&entry.name),
            call_local: entry.method.call_local,
            channel: options.channel.unwrap_or(entry.method.channel),
            mode: options.mode.unwrap_or(entry.method.transfer_mode),
            encoded: encode(&arguments)?,
            arguments,
        })
    }

    /// An offer could not be sent.
    pub fn offer_lost(&mut self, peer: PeerId, node: &str) {
        if let Ok(path) = own_path(node) {
            self.offers.withdraw(peer, &path);
        }
    }

    /// A peer has told, by a call of the game, that its scene is there. Nodes that it did not confirm, because it did not have them,
    /// are offered again when they are called. Until then, and in any case, calls to them carry the path.
    pub fn scene_ready(&mut self, peer: PeerId) {
        self.offers.make_again(peer);
    }

    /// A peer confirms a number. Whether it was offered by the program's calls.
    pub fn confirmed(&mut self, from: PeerId, confirmation: &ConfirmPath) -> bool {
        let Some(Confirmed { node, is_first }) = self.offers.confirm(from, confirmation) else {
            return false;
        };
        if !is_first {
            return true;
        }
        self.statistics.confirmed += 1;
        if !confirmation.checksum_matched {
            self.statistics.unequal += 1;
            if is_worth_a_note(self.statistics.unequal) {
                let count = self.statistics.unequal;
                tracing::debug!(%from, %node, count, "a peer has other methods on a node");
            }
        }
        true
    }

    /// Takes a packet from a peer, which is no message of the session itself.
    pub fn packet_received(&mut self, now: Time, packet: Received) -> Heard {
        if !self.is_used || Command::of(&packet.data) != Some(Command::Rpc) {
            return Heard::Packet(packet);
        }
        let from = packet.from;
        let limits = &self.limits;
        let conduct = conduct(&mut self.callers, now, from, limits);
        let mut trail = Trail::default();
        let judged = match conduct.allowance.take(now, limits, packet.data.len()) {
            true => judge::judge(&self.nodes, limits, &packet, &mut trail),
            false => Err(Refused::TooMany),
        };
        match judged {
            Ok(call) => {
                self.statistics.taken += 1;
                Heard::Call(call)
            }
            Err(reason) => {
                count_refused(&mut self.statistics, from, &trail, &reason);
                let is_last = conduct.is_last(limits);
                Heard::Refused { from, reason, is_last }
            }
        }
    }

    /// The program finds a call bad: it counts as refused. Whether it was one too many of its sender's, if that is still there.
    pub fn refuse(&mut self, call: &Call, why: &dyn Display) -> bool {
        self.statistics.taken = self.statistics.taken.saturating_sub(1);
        let trail = Trail {
            node: Some(Arc::clone(&call.node)),
            method: Some(Arc::clone(&call.method)),
        };
        count_refused(
            &mut self.statistics,
            call.from,
            &trail,
            &Refused::ByProgram(why.to_string()),
        );
        // Nothing is kept of one that has left meanwhile.
        let conduct = self.callers.get_mut(&call.from);
        conduct.is_some_and(|conduct| conduct.is_last(&self.limits))
    }

    /// A peer's connection is gone: what was agreed on with it holds no more.
    pub fn peer_disconnected(&mut self, peer: PeerId) {
        self.offers.forget_peer(peer);
    }

    /// Nothing more comes from a peer that is gone: how it behaved is forgotten.
    pub fn forget(&mut self, peer: PeerId) {
        self.callers.remove(&peer);
    }
}

impl Conduct {
    /// One more of its calls is refused: whether that is one too many.
    fn is_last(&mut self, limits: &CallLimits) -> bool {
        self.refused += 1;
        limits.kick_after == Some(self.refused)
    }
}

fn count_refused(statistics: &mut CallStatistics, from: PeerId, trail: &Trail, reason: &Refused) {
    statistics.refused += 1;
    match reason {
        Refused::TooMany => statistics.too_many += 1,
        Refused::Malformed(_)
        | Refused::UnknownNumber
        | Refused::Path(_)
        | Refused::UnknownNode
        | Refused::UnknownMethod(_) => statistics.unknown += 1,
        Refused::Disabled | Refused::NotAuthority(_) => statistics.forbidden += 1,
        Refused::TooLarge(_)
        | Refused::Undecodable(_)
        | Refused::Count { .. }
        | Refused::Type { .. }
        | Refused::ByProgram(_) => statistics.bad_arguments += 1,
    }
    if is_worth_a_note(statistics.refused) {
        // The sender chooses how long it is.
        let node = trail.node.as_deref().map(shortened);
        let (method, count) = (trail.method.as_deref(), statistics.refused);
        tracing::debug!(%from, node, method, %reason, count, "call refused");
    }
}

/// How a peer behaves. Beyond so many peers, which a server may name to a client that never heard of them, it is the server's
/// doing.
fn conduct<'a>(
    callers: &'a mut HashMap<PeerId, Conduct>,
    now: Time,
    peer: PeerId,
    limits: &CallLimits,
) -> &'a mut Conduct {
    let has_room = callers.len() < MAX_CALLERS || callers.contains_key(&peer);
    let peer = if has_room { peer } else { PeerId::SERVER };
    callers.entry(peer).or_insert_with(|| Conduct {
        allowance: Allowance::new(now, limits),
        refused: 0,
    })
}

/// A call whose receivers are not known yet.
struct Ready {
    path: Arc<str>,
    checksum: [u8; 32],
    method: MethodId,
    name: Arc<str>,
    call_local: bool,
    channel: TransferChannel,
    mode: TransferMode,
    encoded: Arguments,
    arguments: Vec<Variant>,
}

impl Ready {
    fn write(&self, node: NodeReference) -> Bytes {
        let rpc = Rpc {
            node,
            method: self.method,
            arguments: self.encoded.clone(),
        };
        Message::Rpc(rpc).to_bytes()
    }

    fn write_by_path(&self) -> Bytes {
        self.write(NodeReference::Path(Arc::clone(&self.path)))
    }

    fn local(self, me: PeerId) -> Call {
        Call {
            from: me,
            node: self.path,
            method: self.name,
            arguments: self.arguments,
            channel: self.channel,
            mode: self.mode,
        }
    }
}

/// Writes arguments as Godot does. An empty byte array alone would look like no argument at all in Godot's short form, so it is
/// written in the other one.
fn encode(arguments: &[Variant]) -> Result<Arguments, EncodeError> {
    match arguments {
        [] => Ok(Arguments::None),
        [Variant::PackedByteArray(data)] if !data.is_empty() => Ok(Arguments::Bytes(Bytes::copy_from_slice(data))),
        _ => {
            let count = u8::try_from(arguments.len());
            let count = count.map_err(|_| EncodeError::TooManyArguments(arguments.len()))?;
            let mut body = Vec::new();
            encode_arguments(arguments, &mut body)?;
            let data = Bytes::from(body).slice(1..);
            Ok(Arguments::Encoded { count, data })
        }
    }
}
