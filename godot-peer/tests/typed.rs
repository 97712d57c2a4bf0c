//! `#[godot_rpc]` beside what a stock Godot makes of the same script.
#![cfg(feature = "macros")]
#![allow(clippy::too_many_arguments)]

use godot_peer::scene::{Interface, Method, MethodId, Parameters, RpcMode};
use godot_peer::{Call, MethodCall, PeerId, TransferChannel, TransferMode, godot_rpc};
use godot_variant::{DeclaredType, Dictionary, Variant, VariantType, Vector2, Vector3};

/// What the handlers have been called with.
#[derive(Debug, Default, PartialEq)]
struct Seen(Vec<String>);

#[godot_rpc]
trait Everything {
    #[rpc]
    fn plain(&mut self, from: PeerId);
    #[rpc(any_peer, call_local, unreliable_ordered, channel = 253)]
    fn all(
        &mut self,
        from: PeerId,
        a: i64,
        b: f32,
        c: String,
        d: Vector2,
        e: Option<Vector3>,
        f: Vec<u8>,
        g: bool,
        h: u8,
        i: Variant,
    );
    #[rpc(authority, call_remote, unreliable, channel = 0, name = "interface")]
    fn described(&self, from: PeerId, state: Dictionary);
    #[rpc(reliable)]
    fn r#move(text: &str, times: u16);
    /// Nobody needs to write this one.
    #[rpc(any_peer)]
    fn optional(&mut self, _from: PeerId) {}
}

impl Everything for Seen {
    fn plain(&mut self, from: PeerId) {
        self.0.push(format!("plain {from}"));
    }

    fn all(
        &mut self,
        from: PeerId,
        a: i64,
        b: f32,
        c: String,
        d: Vector2,
        e: Option<Vector3>,
        f: Vec<u8>,
        g: bool,
        h: u8,
        i: Variant,
    ) {
        self.0.push(format!("{from} {a} {b} {c} {d:?} {e:?} {f:?} {g} {h} {i}"));
    }

    fn described(&self, _from: PeerId, state: Dictionary) {
        assert_eq!(state.len(), 1);
    }
}

/// Only called from here: there is nothing to implement but the trait.
#[godot_rpc]
trait Silent {
    #[rpc]
    fn hello(n: i32);
    #[rpc]
    fn say(text: String);
}

/// A call of peer 7.
fn of_seven(method: &str, arguments: Vec<Variant>) -> Call {
    Call {
        from: PeerId::new(7).expect("above zero"),
        node: "Main".into(),
        method: method.into(),
        arguments,
        channel: TransferChannel::ZERO,
        mode: TransferMode::Reliable,
    }
}

fn as_it_comes(made: MethodCall) -> Call {
    of_seven(made.method, made.arguments)
}

fn all_parameters() -> Parameters {
    use VariantType as T;
    let kinds = [
        T::Int,
        T::Float,
        T::String,
        T::Vector2,
        T::Nil,
        T::PackedByteArray,
        T::Bool,
        T::Int,
        T::Nil,
    ];
    Parameters::new(kinds.map(DeclaredType::from))
}

#[test]
fn the_interface_is_that_of_the_script() {
    let any_peer = Method {
        rpc_mode: RpcMode::AnyPeer,
        ..Method::default()
    };
    let expected = Interface::new()
        .with("plain", Method::default())
        .with(
            "all",
            Method {
                rpc_mode: RpcMode::AnyPeer,
                call_local: true,
                transfer_mode: TransferMode::UnreliableOrdered,
                channel: TransferChannel::MAX,
            },
        )
        .with(
            "interface",
            Method {
                transfer_mode: TransferMode::Unreliable,
                ..Method::default()
            },
        )
        .with("move", Method::default())
        .with("optional", any_peer)
        // Of what is handled here, the parameters are known as well.
        .with_arguments::<()>("plain")
        .with_parameters("all", all_parameters())
        .with_arguments::<(Dictionary,)>("interface")
        .with_arguments::<()>("optional");
    assert_eq!(EverythingRpc::interface(), expected);
    assert_eq!(EverythingRpc::interface().id_of("move"), Some(MethodId(2)));
    // Of the same script in a stock Godot.
    assert_eq!(&SilentRpc::interface().checksum(), b"d23147e5f1ac78c5d6f258dde43d6a65");
}

#[test]
fn calls_are_made_and_taken_with_the_types_of_the_trait() {
    let call = EverythingRpc::all(
        -3,
        0.5,
        "text",
        Vector2::new(1.0, 2.0),
        None,
        vec![1, 2],
        true,
        255,
        Variant::from("x"),
    );
    assert_eq!(call.method, "all");
    let mut seen = Seen::default();
    EverythingRpc::dispatch(&mut seen, as_it_comes(call)).expect("it fits");
    let plain = EverythingRpc::plain();
    assert_eq!(plain, MethodCall::new("plain", ()));
    EverythingRpc::dispatch(&mut seen, as_it_comes(plain)).expect("it fits");
    EverythingRpc::dispatch(&mut seen, of_seven("optional", Vec::new())).expect("it fits");
    let state: Dictionary = [("hp", 3)].into_iter().collect();
    let call = EverythingRpc::described(state);
    assert_eq!(call.method, "interface");
    EverythingRpc::dispatch(&mut seen, as_it_comes(call)).expect("it fits");
    let expected = [
        "7 -3 0.5 text Vector2 { x: 1.0, y: 2.0 } None [1, 2] true 255 x",
        "plain 7",
    ];
    assert_eq!(seen.0, expected);
    assert_eq!(EverythingRpc::r#move("a", 2), MethodCall::new("move", ("a", 2)));
}

#[test]
fn a_handler_may_be_a_trait_object() {
    let mut seen = Seen::default();
    let handler: &mut dyn Everything = &mut seen;
    EverythingRpc::dispatch(handler, of_seven("plain", Vec::new())).expect("it fits");
    assert_eq!(seen.0, ["plain 7"]);
}

#[test]
fn what_does_not_fit_is_no_call() {
    let mut seen = Seen::default();
    let mut refused = |method: &str, arguments: Vec<Variant>| {
        let refused = EverythingRpc::dispatch(&mut seen, of_seven(method, arguments));
        refused.expect_err("it does not fit").to_string()
    };
    let all = |a: Variant, h: Variant| {
        let mut call = EverythingRpc::all(0, 0.0, "", Vector2::default(), None, Vec::new(), true, 0, Variant::Nil);
        call.arguments[0] = a;
        call.arguments[7] = h;
        call.arguments
    };
    assert_eq!(
        refused("nothing", Vec::new()),
        "nothing handles \"nothing\" of \"Main\""
    );
    assert_eq!(
        refused("move", vec!["a".into(), 1.into()]),
        "nothing handles \"move\" of \"Main\""
    );
    assert_eq!(refused("plain", vec![Variant::Nil]), "1 arguments, not 0");
    assert_eq!(refused("all", Vec::new()), "0 arguments, not 9");
    assert_eq!(
        refused("all", all("text".into(), 0.into())),
        "argument 0: a value of type String is no int"
    );
    assert_eq!(
        refused("all", all(0.into(), 256.into())),
        "argument 7: 256 is out of range"
    );
    assert_eq!(seen, Seen::default());
    // As Godot converts.
    EverythingRpc::dispatch(&mut seen, of_seven("all", all(2.9.into(), true.into()))).expect("it fits");
    assert!(seen.0[0].starts_with("7 2 "), "{seen:?}");
    struct Nobody;
    impl Silent for Nobody {}
    SilentRpc::dispatch(&mut Nobody, of_seven("say", vec!["a".into()])).expect_err("it is only called from here");
}
