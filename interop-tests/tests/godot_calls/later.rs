//! Nodes that are not there yet when they are called, and come later.

use godot_peer::scene::Method;
use interop_tests::godot::Class::Stock;

use crate::common::{Extra, MAIN, Session, interface};

const LATE: &str = "Main/Late";

fn late() -> godot_peer::scene::Interface {
    interface(&[("ping", Method::any_peer())])
}

/// Has the Godot add the node.
fn add(session: &Session) {
    let id = session.stock[0].id;
    session.ours.call(id, MAIN, "add", ("Late", "res://late.gd"));
    assert_eq!(session.ours.next_of("added").from, id);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_node_that_a_godot_has_only_later_is_called_by_path_and_offered_again() {
    let mut session = Session::at_ours(&[Stock], &Extra::default());
    let (id, server) = (session.stock[0].id, session.ours.id());
    session.ours.add_node(LATE, &late());
    session.ours.call(id, LATE, "ping", (1,));
    add(&session);
    // Main and the node were offered, one was confirmed.
    session.ours.expect("the answer", |calls| calls.confirmed == 1);
    assert_eq!(session.ours.statistics().offered, 2);
    // By path, and not offered under a number that the Godot may have taken.
    session.ours.call(id, LATE, "ping", (2,));
    session.stock[0].expect_heard("ping", 2, server);
    assert_eq!(session.ours.statistics().offered, 2);
    // It said that its scene is there.
    session.ours.server().scene_ready(id);
    for number in 3..6 {
        session.ours.call(id, LATE, "ping", (number,));
        session.stock[0].expect_heard("ping", number, server);
    }
    session.ours.expect("the second answer", |calls| calls.confirmed == 2);
    session.ours.call(id, LATE, "ping", (6,));
    session.stock[0].expect_heard("ping", 6, server);
    assert_eq!(session.ours.statistics().offered, 3);
    // What a Godot prints of an offer and of a call for a node that it does not have.
    let [(_, errors)] = &session.end_with_errors()[..] else {
        panic!("one Godot")
    };
    let expected = [
        "Node not found: \"Main/Late\"",
        "Parameter \"node\" is null.",
        "Node not found: \"Main/Late\"",
        "Failed to get path from RPC: Main/Late.",
        "Requested node was not found.",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:?}");
    for (error, words) in errors.iter().zip(expected) {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_node_that_the_rust_server_has_only_later_is_called_by_a_godot() {
    let session = Session::at_ours(&[Stock], &Extra::default());
    let id = session.stock[0].id;
    add(&session);
    session.ours.have(id, 1, LATE, "ping", (1,));
    session.ours.expect("a refused call", |calls| calls.unknown == 1);
    session.ours.add_node(LATE, &late());
    for number in 2..5 {
        session.ours.have(id, 1, LATE, "ping", (number,));
        let call = session.ours.next_of("ping");
        assert_eq!(call.arguments::<(i64,)>(), Ok((number,)));
        assert!(call.is(LATE, "ping"));
    }
    assert_eq!(session.ours.statistics().refused, 1);
    // It was confirmed all the same, as a Godot would never offer it again; so nothing is printed.
    session.end();
}
