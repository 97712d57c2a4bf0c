//! Two members call each other without a network between them.

use bytes::Bytes;
use enet_proto::Time;
use godot_variant::{Array, DeclaredType, Variant, VariantType, Vector2};

use super::*;
use crate::event::Received;
use crate::scene::{
    Arguments, Interface, Message, Method, MethodId, NodeReference, Parameters, Rpc, RpcMode, SimplifyPath,
};
use crate::transfer::{TransferChannel, TransferMode};
use crate::{PeerId, Target};

const TWO: PeerId = match PeerId::new(2) {
    Some(id) => id,
    None => panic!("an id"),
};

fn interface() -> Interface {
    let disabled = Method {
        rpc_mode: RpcMode::Disabled,
        ..Method::default()
    };
    Interface::new()
        .with("say", Method::any_peer().with_call_local())
        .with_arguments::<(String, i64)>("say")
        .with("order", Method::authority().in_mode(TransferMode::Unreliable))
        .with("optional", Method::any_peer())
        .with_parameters(
            "optional",
            Parameters::new([VariantType::Int, VariantType::Vector2].map(DeclaredType::from)).with_required(1),
        )
        .with("anything", Method::any_peer())
        .with_node_method("off", disabled)
}

fn member(id: PeerId) -> Calls {
    let mut calls = Calls::new(id, CallLimits::default());
    calls.add_node("Main/Chat", &interface()).expect("a path");
    calls
}

fn packet(from: PeerId, data: Bytes) -> Received {
    Received {
        from,
        channel: TransferChannel::ZERO,
        mode: TransferMode::Reliable,
        data,
        node_path: None,
    }
}

fn rpc(path: &str, method: u16, arguments: Arguments) -> Bytes {
    Rpc::new(path, MethodId(method), arguments).to_bytes()
}

/// What comes of a packet from peer 2 at the server.
fn hear(calls: &mut Calls, data: Bytes) -> Heard {
    calls.packet_received(Time::ZERO, packet(TWO, data))
}

fn refusal(calls: &mut Calls, data: Bytes) -> Refused {
    match hear(calls, data) {
        Heard::Refused { from: TWO, reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// The server calls a method; what peer 2 makes of it.
fn called(method: &str, arguments: Vec<Variant>) -> Heard {
    let (mut server, mut client) = (member(PeerId::SERVER), member(TWO));
    let prepared = server
        .call(
            Target::One(TWO),
            &[TWO],
            "Main/Chat",
            method,
            arguments,
            CallOptions::new(),
        )
        .expect("it is prepared");
    client.packet_received(Time::ZERO, packet(PeerId::SERVER, prepared.packets[0].call.clone()))
}

#[test]
fn values_arrive_as_they_were_given() {
    let lists: [(&str, Vec<Variant>); 5] = [
        ("say", vec!["hi".into(), 3.into()]),
        ("anything", vec![]),
        ("anything", vec![vec![1u8, 2, 3].into()]),
        ("anything", vec![Variant::PackedByteArray(Vec::new())]),
        (
            "anything",
            vec![
                Variant::Nil,
                Vector2::new(3.0, 4.0).into(),
                Array::new().into(),
                0.1.into(),
            ],
        ),
    ];
    for (method, arguments) in lists {
        match called(method, arguments.clone()) {
            Heard::Call(call) => {
                assert!(call.is("Main/Chat", method), "{call:?}");
                assert_eq!((call.from, call.arguments), (PeerId::SERVER, arguments));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn arguments_are_converted_as_the_parameters_say_and_the_last_ones_may_be_left_out() {
    let Heard::Call(call) = called("say", vec![Variant::StringName("hi".into()), 2.9.into()]) else {
        panic!("it is taken");
    };
    assert_eq!(call.arguments::<(String, i64)>(), Ok(("hi".to_owned(), 2)));
    assert!(matches!(called("optional", vec![1.into()]), Heard::Call(_)));
    for (arguments, found) in [(vec![], 0), (vec![1.into(); 3], 3)] {
        match called("optional", arguments) {
            Heard::Refused { reason, .. } => assert_eq!(
                reason,
                Refused::Count {
                    found,
                    least: 1,
                    most: 2
                }
            ),
            other => panic!("{other:?}"),
        }
    }
    match called("optional", vec!["text".into()]) {
        Heard::Refused { reason, .. } => assert_eq!(reason.to_string(), "argument 0 of type String is no int"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_is_offered_once_and_called_by_its_number_when_that_is_confirmed() {
    let mut server = member(PeerId::SERVER);
    let call = |server: &mut Calls| {
        let arguments = vec!["a".into(), 1.into()];
        let prepared = server.call(Target::All, &[TWO], "Main/Chat", "say", arguments, CallOptions::new());
        prepared.expect("it is prepared").packets.remove(0)
    };
    let first = call(&mut server);
    let Ok(Message::SimplifyPath(offer)) = Message::parse(&first.offer.expect("an offer")) else {
        panic!("an offer");
    };
    assert_eq!(
        offer,
        SimplifyPath {
            checksum: interface().checksum(),
            id: offer.id,
            path: "Main/Chat".into()
        }
    );
    assert_eq!(call(&mut server).offer, None);
    let confirmation = crate::scene::ConfirmPath {
        checksum_matched: false,
        node: NodeReference::Id(offer.id),
    };
    assert!(server.confirmed(TWO, &confirmation));
    assert_eq!(server.statistics().unequal, 1);
    // Methods by name: anything, optional, order, say.
    assert!(call(&mut server).call.starts_with(b"\x00\x01\x03\x02"));
    server.peer_disconnected(TWO);
    assert!(call(&mut server).offer.is_some(), "it is a new connection");
}

#[test]
fn who_may_not_call_is_refused() {
    let mut server = member(PeerId::SERVER);
    let none = || Arguments::None;
    assert_eq!(
        refusal(&mut server, rpc("Main/Chat", 2, none())),
        Refused::NotAuthority(PeerId::SERVER)
    );
    server.set_authority("Main/Chat", TWO).expect("it is there");
    assert!(matches!(hear(&mut server, rpc("Main/Chat", 2, none())), Heard::Call(_)));
    server.add_node("Main/Chat", &interface()).expect("a path");
    assert_eq!(server.authority("Main/Chat"), Some(TWO), "it stays");
    assert_eq!(
        refusal(&mut server, rpc("Main/Chat", 0x8000, none())),
        Refused::Disabled
    );
    assert_eq!(server.statistics().forbidden, 2);
    assert_eq!(server.refused(TWO), 2);
}

#[test]
fn what_is_not_there_is_refused() {
    let mut server = member(PeerId::SERVER);
    let none = || Arguments::None;
    assert_eq!(refusal(&mut server, rpc("Main", 0, none())), Refused::UnknownNode);
    assert_eq!(
        refusal(&mut server, rpc("Main/Chat", 4, none())),
        Refused::UnknownMethod(4)
    );
    assert_eq!(
        refusal(&mut server, rpc("../Main/Chat", 0, none())),
        Refused::Path(InvalidNodePath::Upwards)
    );
    assert_eq!(
        refusal(&mut server, rpc("/root/Main/Chat", 0, none())),
        Refused::Path(InvalidNodePath::Absolute)
    );
    assert_eq!(
        refusal(&mut server, Bytes::from_static(b"\x80\x07\x00")),
        Refused::UnknownNumber
    );
    assert!(matches!(
        refusal(&mut server, Bytes::from_static(b"\x00")),
        Refused::Malformed(_)
    ));
    assert_eq!(server.statistics().unknown, 6);
    assert!(matches!(
        hear(&mut server, rpc("./Main//Chat:x", 0, none())),
        Heard::Call(_)
    ));
}

#[test]
fn arguments_that_do_not_decode_make_no_call_with_nulls() {
    let mut server = member(PeerId::SERVER);
    let encoded = |count, data: Vec<u8>| Arguments::Encoded {
        count,
        data: data.into(),
    };
    // A string that is longer than the packet; two arguments of which there is one; an array in an array, 100 times.
    let deep = [28u8, 0, 0, 0, 1, 0, 0, 0].repeat(100);
    for arguments in [
        encoded(1, b"\x04\0\0\0\xff\xff\xff\x7f".to_vec()),
        encoded(2, b"\x02\x01".to_vec()),
        encoded(255, Vec::new()),
        encoded(1, deep),
    ] {
        let reason = refusal(&mut server, rpc("Main/Chat", 0, arguments));
        assert!(matches!(reason, Refused::Undecodable(_)), "{reason:?}");
    }
    let large = Arguments::Bytes(vec![0; (1 << 20) + 1].into());
    assert_eq!(
        refusal(&mut server, rpc("Main/Chat", 0, large)),
        Refused::TooLarge((1 << 20) + 1)
    );
    assert_eq!(server.statistics().bad_arguments, 5);
}

#[test]
fn more_calls_than_allowed_are_refused_and_others_do_not_suffer() {
    let mut server = Calls::new(
        PeerId::SERVER,
        CallLimits::default().with_rate(10, 0).with_kick_after(3),
    );
    server.add_node("Main/Chat", &interface()).expect("a path");
    let call = || rpc("Main/Chat", 0, Arguments::None);
    for _ in 0..20 {
        assert!(matches!(hear(&mut server, call()), Heard::Call(_)));
    }
    let last: Vec<bool> = (0..4)
        .map(|_| match hear(&mut server, call()) {
            Heard::Refused {
                reason: Refused::TooMany,
                is_last,
                ..
            } => is_last,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(last, [false, false, true, false], "the third is one too many, once");
    let three = PeerId::new(3).expect("an id");
    let other = server.packet_received(Time::ZERO, packet(three, call()));
    assert!(matches!(other, Heard::Call(_)));
    let later = server.packet_received(Time::from_millis(1000), packet(TWO, call()));
    assert!(matches!(later, Heard::Call(_)));
}

#[test]
fn a_method_that_is_called_locally_is_called_here_too() {
    let mut server = member(PeerId::SERVER);
    let mut local = |target: Target, receivers: &[PeerId], method: &str| {
        let arguments = vec!["a".into(), 1.into()];
        let prepared = server.call(target, receivers, "Main/Chat", method, arguments, CallOptions::new())?;
        Ok::<_, CallError>((prepared.packets.len(), prepared.local.map(|call| call.from)))
    };
    let me = Some(PeerId::SERVER);
    assert_eq!(local(Target::All, &[TWO], "say"), Ok((1, me)));
    assert_eq!(local(Target::All, &[TWO], "anything"), Ok((1, None)));
    assert_eq!(local(Target::AllBut(PeerId::SERVER), &[TWO], "say"), Ok((1, None)));
    assert_eq!(local(Target::AllBut(TWO), &[], "say"), Ok((0, me)));
    assert_eq!(local(Target::SERVER, &[PeerId::SERVER], "say"), Ok((0, me)));
    assert_eq!(
        local(Target::SERVER, &[PeerId::SERVER], "anything"),
        Err(CallError::OnSelf("anything".to_owned()))
    );
    assert!(matches!(local(Target::All, &[TWO], "off"), Err(CallError::Disabled(_))));
    assert!(matches!(
        local(Target::All, &[TWO], "none"),
        Err(CallError::UnknownMethod { .. })
    ));
}

#[test]
fn a_program_without_nodes_gets_calls_as_they_are() {
    let mut server = Calls::new(PeerId::SERVER, CallLimits::default());
    let data = rpc("Main", 0, Arguments::None);
    assert_eq!(
        hear(&mut server, data.clone()),
        Heard::Packet(packet(TWO, data.clone()))
    );
    server.add_node("Other", &interface()).expect("a path");
    assert!(matches!(hear(&mut server, data.clone()), Heard::Refused { .. }));
    assert!(server.remove_node("Other").is_some());
    assert!(matches!(hear(&mut server, data), Heard::Refused { .. }), "it stays so");
}

#[test]
fn a_call_that_is_refused_after_its_sender_has_left_leaves_nothing_behind() {
    let limits = CallLimits::default().with_kick_after(1);
    let mut calls = Calls::new(PeerId::SERVER, limits);
    calls.add_node("Main/Chat", &interface()).expect("a path");
    let anything = interface().id_of("anything").expect("it is there");
    let Heard::Call(call) = hear(&mut calls, rpc("Main/Chat", anything.0, Arguments::None)) else {
        panic!("it is taken");
    };
    calls.peer_disconnected(TWO);
    calls.forget(TWO);
    assert!(!calls.refuse(&call, &"too late"), "nobody is to be sent away");
    assert_eq!((calls.refused(TWO), calls.statistics().refused), (0, 1));
    // Who comes under this id begins anew.
    let Heard::Call(call) = hear(&mut calls, rpc("Main/Chat", anything.0, Arguments::None)) else {
        panic!("it is taken");
    };
    assert!(calls.refuse(&call, &"bad"));
}
