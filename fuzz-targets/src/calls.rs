//! Calls with values, at a server that has nodes: any bytes as packets of a client that may offer, confirm and call what it likes.

use bytes::Bytes;
use enet_proto::{Packet, Time};
use fixtures::scene_vectors;
use godot_peer::calls::{Call, CallLimits, CallOptions, Calls, Heard};
use godot_peer::relay::{Output, SceneServer};
use godot_peer::scene::{
    Arguments, ConfirmPath, Interface, Message, Method, MethodId, NodeId, NodeReference, Parameters, Rpc, RpcMode,
    SimplifyPath,
};
use godot_peer::{PeerId, Received, ServerEvent, Target};
use godot_variant::binary::encode_arguments;
use godot_variant::{DeclaredType, ElementType, Variant, VariantType, Vector2};

use crate::parcels::{Parcels, parcels};

const CHAT: &str = "Main/Chat";
const PLAYER: &str = "Main/Players/1000";

/// Feeds a server packets of one client, in parcels.
///
/// # Panics
/// If a call is taken that its sender may not make, or with arguments that its method does not take; or if another client can no
/// longer call.
pub fn run(input: &[u8]) {
    let mut server = Server::new();
    for (channel, packet) in Parcels(input) {
        for call in server.hear(0, channel, packet) {
            assert_eq!(call.from, id(1000));
            assert_fits(&call);
            assert_heard_again(&call);
        }
        // Answers and offers go on.
        let me = id(1000);
        let spoken = server.calls.call(
            Target::One(me),
            &[me],
            CHAT,
            "say",
            vec!["hi".into(), 1.into()],
            CallOptions::new(),
        );
        assert_eq!(spoken.expect("it is called").packets.len(), 1);
    }
    let statistics = server.calls.statistics();
    let reasons = [
        statistics.unknown,
        statistics.forbidden,
        statistics.bad_arguments,
        statistics.too_many,
    ];
    assert_eq!(statistics.refused, reasons.iter().sum::<u64>());
    assert!(statistics.confirmed <= statistics.offered);

    let healthy = Rpc::new(CHAT, say(), encoded(&["healthy".into(), 3.into()]));
    let calls = server.hear(1, 0, Packet::reliable(healthy.to_bytes()));
    assert!(
        matches!(&calls[..], [call] if call.from == id(2000) && call.is(CHAT, "say")),
        "{calls:?}"
    );
}

/// Calls of all kinds, offers, confirmations; and arguments that a stock Godot sent.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let number = |number| NodeId::new(number).expect("31 bits");
    let offer = |at, path: &str| {
        let offer = SimplifyPath {
            checksum: *b"d41d8cd98f00b204e9800998ecf8427e",
            id: number(at),
            path: path.into(),
        };
        offer.to_bytes().to_vec()
    };
    let confirm = |at| {
        let confirmation = ConfirmPath {
            checksum_matched: true,
            node: NodeReference::Id(number(at)),
        };
        confirmation.to_bytes().to_vec()
    };
    let call = |node: NodeReference, method, arguments: &[Variant]| {
        let rpc = Rpc {
            node,
            method: MethodId(method),
            arguments: encoded(arguments),
        };
        rpc.to_bytes().to_vec()
    };
    let by_path = |path: &str| NodeReference::Path(path.into());
    let mut seeds = vec![
        parcels(&[
            offer(1, CHAT),
            confirm(0x7fff_ffff),
            call(NodeReference::Id(number(1)), say().0, &["text".into(), 2.into()]),
            confirm(1),
        ]),
        parcels(&[
            call(by_path(PLAYER), 0, &[Vector2::new(1.0, 2.0).into()]),
            call(by_path(PLAYER), 1, &[Variant::Nil, vec![1i32, 2].into()]),
            call(by_path("/root/Main/Chat"), 0, &[]),
            call(by_path("../Main"), 0, &[]),
        ]),
        parcels(&[offer(1, "Main/Gone"), offer(1, CHAT), offer(2, "../.."), confirm(7)]),
    ];
    // What a Godot sent to a method, sent to each of ours.
    for (at, vector) in scene_vectors("rpc_arguments").into_iter().enumerate() {
        let data = Bytes::from(vector.bytes);
        let rpc = Rpc::new(CHAT, MethodId(at as u16 % 5), Arguments::Encoded { count: 1, data });
        seeds.push(parcels(&[rpc.to_bytes().to_vec()]));
    }
    seeds
}

fn id(number: i32) -> PeerId {
    PeerId::new(number).expect("an id")
}

fn encoded(values: &[Variant]) -> Arguments {
    let mut body = Vec::new();
    encode_arguments(values, &mut body).expect("they are written");
    let count = body.remove(0);
    Arguments::Encoded {
        count,
        data: body.into(),
    }
}

/// What can be called on the chat.
fn chat() -> Interface {
    let disabled = Method {
        rpc_mode: RpcMode::Disabled,
        ..Method::default()
    };
    Interface::new()
        .with("anything", Method::any_peer())
        .with("command", Method::authority())
        .with("lists", Method::any_peer())
        .with_parameters(
            "lists",
            Parameters::new([
                DeclaredType::Array(ElementType::Builtin(VariantType::Int)),
                DeclaredType::Dictionary(ElementType::Any, ElementType::Any),
                DeclaredType::Class("Node".into()),
            ])
            .with_required(0),
        )
        .with("say", Method::any_peer())
        .with_arguments::<(String, i64)>("say")
        .with_node_method("off", disabled)
        .with_node_method("on", Method::any_peer())
}

/// What a player's client may call on it alone.
fn player() -> Interface {
    Interface::new()
        .with("move", Method::authority())
        .with_arguments::<(Vector2,)>("move")
        .with("pick", Method::any_peer())
        .with_arguments::<(Variant, Vec<i32>)>("pick")
}

fn interface(node: &str) -> Interface {
    if node == CHAT { chat() } else { player() }
}

fn say() -> MethodId {
    chat().id_of("say").expect("it is there")
}

struct Server {
    scene: SceneServer<u8>,
    calls: Calls,
}

impl Server {
    fn new() -> Server {
        let mut scene = SceneServer::new(true);
        for (key, id) in [(0u8, 1000), (1, 2000)] {
            scene.peer_connected(Time::ZERO, key, id);
        }
        for node in [CHAT, PLAYER] {
            scene.set_checksum(node.into(), Some(interface(node).checksum()));
        }
        scene.handle_timeout(Time::from_millis(60_000));
        while scene.poll_output().is_some() {}
        Server { scene, calls: callee() }
    }

    /// The calls that come of a packet.
    fn hear(&mut self, key: u8, channel: u8, packet: Packet) -> Vec<Call> {
        self.scene.packet_received(key, channel, packet);
        let mut calls = Vec::new();
        while let Some(output) = self.scene.poll_output() {
            let Output::Event(ServerEvent::Packet(packet)) = output else {
                continue;
            };
            if let Ok(Message::ConfirmPath(confirmation)) = packet.message() {
                self.calls.confirmed(packet.from, &confirmation);
            }
            if let Heard::Call(call) = self.calls.packet_received(Time::ZERO, packet) {
                calls.push(call);
            }
        }
        calls
    }
}

fn callee() -> Calls {
    let mut calls = Calls::new(PeerId::SERVER, CallLimits::default());
    for node in [CHAT, PLAYER] {
        calls.add_node(node, &interface(node)).expect("a path");
    }
    calls.set_authority(PLAYER, id(1000)).expect("it is there");
    calls
}

/// Whoever calls may do so, and the values are of the types that the method takes.
fn assert_fits(call: &Call) {
    assert!([CHAT, PLAYER].contains(&&*call.node), "{call:?}");
    let interface = interface(&call.node);
    let method = interface.method(&call.method).expect("it is one of the node");
    let is_own = &*call.node == PLAYER && call.from == id(1000);
    let may_call = match method.rpc_mode {
        RpcMode::AnyPeer => true,
        RpcMode::Authority => is_own,
        RpcMode::Disabled => false,
    };
    assert!(may_call, "{call:?}");
    let Some(parameters) = interface.parameters(&call.method) else {
        return;
    };
    let (least, most) = (parameters.required(), parameters.types().len());
    assert!((least..=most).contains(&call.arguments.len()), "{call:?}");
    for (declared, value) in parameters.types().iter().zip(&call.arguments) {
        let taken = declared.accepts(value).expect("it is taken");
        assert!(taken.is_same(value), "{declared} takes {value:?} as {taken:?}");
    }
}

/// The same call can be made, and is taken.
fn assert_heard_again(call: &Call) {
    let mut caller = callee();
    let (node, method) = (&*call.node, &*call.method);
    let prepared = caller.call_by_path(node, method, call.arguments.clone(), CallOptions::new());
    let (channel, mode, data) = prepared.expect("what is read is written");
    let packet = Received {
        from: call.from,
        channel,
        mode,
        data,
        node_path: None,
    };
    let heard = callee().packet_received(Time::ZERO, packet);
    assert!(
        matches!(&heard, Heard::Call(again) if again.is(node, method)),
        "{heard:?}"
    );
}
