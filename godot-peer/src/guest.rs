//! `SceneMultiplayer`'s part of a client, without I/O: the others in the session, and the way to them through the server.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use enet_proto::Packet;

use crate::event::{ClientEvent, Received};
use crate::paths::{Checksums, KnownPaths, Learned};
use crate::scene::{Command, Message, System};
use crate::transfer::{Outgoing, TransferChannel, TransferMode};
use crate::{PeerId, Target, UnknownTarget};

/// How many others a server can make a client remember.
const MAX_OTHERS: usize = 1 << 20;

/// Of how many of them it keeps node paths; the paths of the others stay whole in their calls.
const MAX_CALLERS: usize = 1024;

/// A client's state machine.
#[derive(Debug)]
pub struct SceneClient {
    others: BTreeSet<PeerId>,
    paths: HashMap<PeerId, KnownPaths>,
    /// Of nodes that the program has.
    checksums: Checksums,
    outputs: VecDeque<ClientOutput>,
    malformed: u64,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// Send a packet to the server.
    Send(Outgoing),
    /// Tell the program.
    Event(ClientEvent),
}

impl SceneClient {
    /// A client that has just been connected.
    #[must_use]
    pub fn new() -> SceneClient {
        SceneClient {
            others: BTreeSet::new(),
            paths: HashMap::new(),
            checksums: Checksums::default(),
            outputs: VecDeque::new(),
            malformed: 0,
        }
    }

    /// The other members: the server, and the clients it told of.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        std::iter::once(PeerId::SERVER).chain(self.others.iter().copied())
    }

    /// Messages dropped because they were malformed or out of place.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// What can be called on a node here has this checksum (see [`Interface::checksum`](crate::scene::Interface::checksum)), or nobody
    /// knows. Peers that offer the node are told whether theirs is the same.
    pub fn set_checksum(&mut self, path: Arc<str>, checksum: Option<[u8; 32]>) {
        self.checksums.set(path, checksum);
    }

    /// The packet that carries a message to its target, as `SceneMultiplayer` sends it: to the server as it is, to others
    /// wrapped for the server to relay. One for all, or all but another client, the server takes as well.
    pub fn route(
        &self,
        target: Target,
        channel: TransferChannel,
        mode: TransferMode,
        data: Bytes,
    ) -> Result<Outgoing, UnknownTarget> {
        if let Target::One(id) = target
            && !id.is_server()
            && !self.others.contains(&id)
        {
            return Err(UnknownTarget(target));
        }
        Ok(Outgoing::new(channel, mode, wrapped(target, data)))
    }

    /// A packet came from the server, on this ENet channel.
    pub fn packet_received(&mut self, channel: u8, packet: Packet) {
        let received = Received {
            from: PeerId::SERVER,
            channel: TransferChannel::from_enet(channel),
            mode: TransferMode::of(&packet),
            data: packet.data,
            node_path: None,
        };
        if Command::of(&received.data) != Some(Command::System) {
            self.take(received);
            return;
        }
        match Message::parse(&received.data) {
            Ok(Message::System(System::AddPeer(id))) => {
                if !id.is_server() && self.others.len() < MAX_OTHERS && self.others.insert(id) {
                    self.event(ClientEvent::PeerConnected { id });
                }
            }
            Ok(Message::System(System::DelPeer(id))) => {
                self.paths.remove(&id);
                if self.others.remove(&id) {
                    self.event(ClientEvent::PeerDisconnected { id });
                }
            }
            Ok(Message::System(System::Relay { peer, packet })) => match PeerId::new(peer) {
                Some(from) if !packet.is_empty() && Command::of(&packet) != Some(Command::System) => {
                    self.take(Received {
                        from,
                        data: packet,
                        ..received
                    });
                }
                _ => self.malformed += 1,
            },
            Ok(Message::System(System::Auth(_))) => self.event(ClientEvent::Packet(received)),
            _ => self.malformed += 1,
        }
    }

    fn take(&mut self, mut received: Received) {
        let from = received.from;
        match Command::of(&received.data) {
            Some(Command::SimplifyPath) => match Message::parse(&received.data) {
                Ok(Message::SimplifyPath(offer)) => {
                    let known = from.is_server() || self.others.contains(&from);
                    let room = self.paths.len() < MAX_CALLERS || self.paths.contains_key(&from);
                    if known && room {
                        match self.paths.entry(from).or_default().learn(&offer, &self.checksums) {
                            Learned::Taken(answer) => self.answer(from, answer),
                            Learned::NoRoom => {}
                            Learned::Used | Learned::Outside => self.malformed += 1,
                        }
                    }
                }
                _ => self.malformed += 1,
            },
            Some(Command::ConfirmPath) => {
                let answers = match Message::parse(&received.data) {
                    Ok(Message::ConfirmPath(confirmation)) => {
                        let paths = self.paths.get_mut(&from);
                        paths.and_then(|paths| paths.confirmed(&confirmation))
                    }
                    _ => None,
                };
                match answers {
                    Some(answers) => self.answer(from, answers),
                    None => self.event(ClientEvent::Packet(received)),
                }
            }
            Some(Command::Rpc) => {
                if let Ok(Message::Rpc(rpc)) = Message::parse(&received.data) {
                    received.node_path = match self.paths.get(&from) {
                        Some(paths) => paths.resolve(&rpc.node),
                        None => KnownPaths::default().resolve(&rpc.node),
                    };
                }
                self.event(ClientEvent::Packet(received));
            }
            _ => self.event(ClientEvent::Packet(received)),
        }
    }

    fn answer(&mut self, to: PeerId, messages: impl IntoIterator<Item = Bytes>) {
        let packets = messages.into_iter().map(|message| wrapped(Target::One(to), message));
        let outgoing = packets.map(|packet| ClientOutput::Send(Outgoing::system(packet)));
        self.outputs.extend(outgoing);
    }

    fn event(&mut self, event: ClientEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }
}

impl Default for SceneClient {
    fn default() -> SceneClient {
        SceneClient::new()
    }
}

fn wrapped(target: Target, packet: Bytes) -> Bytes {
    if target == Target::SERVER || packet.is_empty() {
        return packet;
    }
    System::Relay {
        peer: target.number(),
        packet,
    }
    .to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{self, Arguments, ConfirmPath, MethodId, NodeId, NodeReference, Rpc, SimplifyPath};

    fn id(number: i32) -> PeerId {
        PeerId::new(number).expect("an id")
    }

    fn get(client: &mut SceneClient, data: impl Into<Bytes>) -> Vec<ClientOutput> {
        client.packet_received(0, Packet::reliable(data));
        std::iter::from_fn(|| client.poll_output()).collect()
    }

    fn joined(number: i32) -> SceneClient {
        let mut client = SceneClient::new();
        get(&mut client, System::AddPeer(id(number)).to_bytes());
        client
    }

    fn route(client: &SceneClient, target: i32, data: &'static [u8]) -> Result<Bytes, UnknownTarget> {
        let outgoing = client.route(
            Target::from(target),
            TransferChannel::ZERO,
            TransferMode::Reliable,
            Bytes::from_static(data),
        )?;
        Ok(outgoing.packet.data)
    }

    #[test]
    fn the_others_come_and_go() {
        let mut client = SceneClient::new();
        let add = System::AddPeer(id(7)).to_bytes();
        let del = System::DelPeer(id(7)).to_bytes();
        assert_eq!(
            get(&mut client, add.clone()),
            [ClientOutput::Event(ClientEvent::PeerConnected { id: id(7) })]
        );
        assert_eq!(get(&mut client, add), [], "once is enough");
        assert_eq!(client.peers().collect::<Vec<_>>(), [id(1), id(7)]);
        assert_eq!(
            get(&mut client, del.clone()),
            [ClientOutput::Event(ClientEvent::PeerDisconnected { id: id(7) })]
        );
        assert_eq!(get(&mut client, del), []);
    }

    #[test]
    fn the_server_is_reached_directly_and_others_through_it() {
        let client = joined(7);
        assert_eq!(route(&client, 1, b"\x03x").expect("the server"), &b"\x03x"[..]);
        assert_eq!(
            route(&client, 7, b"\x03x").expect("is there"),
            &b"\x07\x03\x07\0\0\0\x03x"[..]
        );
        assert_eq!(route(&client, 0, b"\x03x").expect("all"), &b"\x07\x03\0\0\0\0\x03x"[..]);
        assert_eq!(
            route(&client, -7, b"\x03x").expect("all but"),
            &b"\x07\x03\xf9\xff\xff\xff\x03x"[..]
        );
        assert_eq!(route(&client, 8, b"\x03x"), Err(UnknownTarget(Target::from(8))));
    }

    #[test]
    fn a_relayed_packet_comes_from_its_sender() {
        let mut client = joined(7);
        let relay = System::Relay {
            peer: 7,
            packet: scene::raw(b"hi"),
        };
        let outputs = get(&mut client, relay.to_bytes());
        let [ClientOutput::Event(ClientEvent::Packet(received))] = &outputs[..] else {
            panic!("{outputs:?}");
        };
        assert_eq!(received.from, id(7));
        assert_eq!(received.message(), Ok(Message::Raw(Bytes::from_static(b"hi"))));
    }

    #[test]
    fn a_path_is_confirmed_to_whoever_offered_it_in_its_own_form() {
        let mut client = joined(7);
        let number = NodeId::new(4).expect("31 bits");
        let offer = SimplifyPath {
            checksum: [b'a'; 32],
            id: number,
            path: "Main".into(),
        };
        let send = |packet: Bytes| ClientOutput::Send(Outgoing::system(packet));
        let wrap = |packet: Bytes| System::Relay { peer: 7, packet }.to_bytes();
        let confirm = |node| {
            let message = ConfirmPath {
                checksum_matched: true,
                node,
            };
            message.to_bytes()
        };
        // The question in which form.
        let outputs = get(&mut client, offer.to_bytes());
        let [ClientOutput::Send(question)] = &outputs[..] else {
            panic!("{outputs:?}");
        };
        let question = question.packet.data.clone();
        let Ok(Message::SimplifyPath(root)) = Message::parse(&question) else {
            panic!("{question:?}");
        };
        assert_eq!(&*root.path, ".");
        assert_eq!(get(&mut client, wrap(offer.to_bytes())), [send(wrap(question))]);

        // The server is a later Godot, the other client a 4.2.
        assert_eq!(
            get(&mut client, confirm(NodeReference::Id(root.id))),
            [send(confirm(NodeReference::Id(number)))]
        );
        assert_eq!(
            get(&mut client, wrap(confirm(NodeReference::Path(".".into())))),
            [send(wrap(confirm(NodeReference::Path("Main".into()))))]
        );
        let call = Rpc {
            node: NodeReference::Id(number),
            method: MethodId(0),
            arguments: Arguments::None,
        };
        let outputs = get(&mut client, call.to_bytes());
        let [ClientOutput::Event(ClientEvent::Packet(received))] = &outputs[..] else {
            panic!("{outputs:?}");
        };
        assert_eq!(received.node_path.as_deref(), Some("Main"));
    }

    #[test]
    fn what_makes_no_sense_is_dropped_and_counted() {
        let mut client = joined(7);
        for bad in [
            &b"\x07"[..],
            b"\x07\x09\x01\0\0\0",
            b"\x07\x01\0\0\0\0",
            b"\x07\x03\0\0\0\0\x03x",
            b"\x07\x03\x07\0\0\0",
            b"\x07\x03\x07\0\0\0\x07\x01\x09\0\0\0",
            b"\x01bad",
        ] {
            assert_eq!(get(&mut client, bad), [], "{bad:?}");
        }
        assert_eq!(client.malformed(), 7);
    }
}
