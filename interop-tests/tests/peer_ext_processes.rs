//! The extension and stock Godot in sessions of several processes, in any mix: these can be killed, quit, stall and change scenes.

use std::thread;
use std::time::Duration;

use interop_tests::godot::{Call, Class, Mode, Player};
use serde_json::{Value, json};

use Class::{Rust, Stock};

/// The classes of a server and its clients. The first cast proves what is expected of the others.
const CASTS: [(Class, [Class; 2]); 5] = [
    (Stock, [Stock, Stock]),
    (Rust, [Stock, Stock]),
    (Stock, [Rust, Stock]),
    (Rust, [Stock, Rust]),
    (Rust, [Rust, Rust]),
];

/// When a peer that does not answer is given up: limit, least and most milliseconds.
const SOON: [i64; 3] = [1, 500, 1000];
/// While these tests last, it is not given up.
const NEVER: [i64; 3] = [32, 3_600_000, 3_600_000];

/// How long a process stalls.
const STALL: Duration = Duration::from_secs(20);

struct Session {
    server: Player,
    clients: Vec<Player>,
}

/// Plays with each cast in turn, and prints a row of the matrix.
fn with_all_casts(what: &str, timeout: [i64; 3], play: impl Fn(Session)) {
    let mut row = format!("| {what} |");
    for (server, clients) in CASTS {
        play(session(server, &clients, timeout));
        let clients: String = clients.map(Class::letter).iter().collect();
        row += &format!(" {}:{clients} = |", server.letter());
    }
    println!("{row}");
}

/// A server and clients of these classes, who all know of each other.
fn session(server: Class, clients: &[Class], timeout: [i64; 3]) -> Session {
    let mut server = Player::start_as(server, &format!("server, {server:?}"));
    let port = server.serve(json!({ "timeout": timeout }));
    let clients = Player::clients_as(clients, port, &json!({ "timeout": timeout }));
    for client in &clients {
        server.expect_peer(client.id());
    }
    Session { server, clients }
}

impl Session {
    fn everyone(&mut self) -> Vec<&mut Player> {
        [&mut self.server].into_iter().chain(&mut self.clients).collect()
    }

    /// Has everyone go to a new level, in which each calls the others in every frame, and waits until all hear all there.
    fn go_to_a_new_level(&mut self) {
        for player in self.everyone() {
            player.obey("change_scene", json!({}));
        }
        let ids: Vec<i32> = self.everyone().iter().map(|player| player.id()).collect();
        for player in self.everyone() {
            let own = player.id();
            for &other in ids.iter().filter(|&&id| id != own) {
                for what in ["move", "act"] {
                    player.expect(&format!("{what} of {other}"), |event| {
                        event["event"] == "level" && event["from"] == other && event["hears"] == what
                    });
                }
            }
        }
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn scenes_change_in_traffic_and_nothing_reliable_is_lost() {
    with_all_casts("scene change in traffic", NEVER, |mut session| {
        session.go_to_a_new_level();
        let calls: Vec<Call> = (0..60)
            .map(|number| Call::new(Mode::Reliable, 1, number, 3000))
            .collect();
        for round in calls.chunks(20) {
            let [first, second] = &mut session.clients[..] else {
                unreachable!("there are two")
            };
            for &call in round {
                session.server.call(0, call);
                first.call(second.id(), call);
            }
            session.go_to_a_new_level();
        }
        let first = session.clients[0].id();
        for player in &mut session.clients {
            assert_eq!(player.status(), 2, "connected");
            let senders = if player.id() == first { vec![1] } else { vec![1, first] };
            for from in senders {
                for &call in &calls {
                    let next = player.expect("call", |event| event["event"] == "rpc" && event["from"] == from);
                    assert!(call.as_event("rpc", from)(&next), "{call:?} is not next, but {next}");
                }
            }
        }
        for player in session.everyone() {
            let lost = player.drain(|event| {
                let kind = &event["event"];
                kind == "peer_disconnected" || kind == "server_disconnected" || kind == "rpc"
            });
            assert_eq!(lost, [] as [Value; 0]);
        }
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn who_quits_in_traffic_has_told_the_others() {
    with_all_casts("quit in traffic", NEVER, |mut session| {
        session.go_to_a_new_level();
        let mut quitter = session.clients.remove(0);
        quitter.tell("quit", json!({}));
        for player in session.everyone() {
            player.expect_gone(quitter.id());
        }
        assert!(quitter.wait().success());
        session.server.tell("quit", json!({}));
        session.clients[0].expect_event("server_disconnected");
        assert_eq!(session.clients[0].status(), 0);
        assert!(session.server.wait().success());
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_process_that_is_killed_in_traffic_is_missed() {
    with_all_casts("kill in traffic", SOON, |mut session| {
        session.go_to_a_new_level();
        let mut victim = session.clients.remove(0);
        victim.kill();
        for player in session.everyone() {
            player.expect_gone(victim.id());
        }
        let call = Call::new(Mode::Reliable, 2, 1, 5000);
        session.server.carry(&mut session.clients[0], call);
        session.server.kill();
        session.clients[0].expect_event("server_disconnected");
        assert_eq!(session.clients[0].status(), 0);
    });
}

/// Has one side stall while the other calls it, and would give it up soon.
fn stall(name: &str, session: Session, server_stalls: bool) {
    let Session { server, mut clients } = session;
    let client = clients.pop().expect("one");
    let (mut staller, mut caller) = if server_stalls {
        (server, client)
    } else {
        (client, server)
    };
    staller.tell("stall", json!({ "milliseconds": STALL.as_millis() as u64 }));
    let calls: Vec<Call> = (0..200)
        .map(|number| Call::new(Mode::Reliable, 3, number, 2000))
        .collect();
    for &call in &calls {
        caller.call(staller.id(), call);
    }
    staller.done("stall");
    for call in calls {
        let next = staller.expect("call", |event| event["event"] == "rpc");
        assert!(
            call.as_event("rpc", caller.id())(&next),
            "{call:?} is not next, but {next}"
        );
    }
    for player in [&mut staller, &mut caller] {
        assert_eq!(player.status(), 2, "connected");
        let lost =
            player.drain(|event| event["event"] == "peer_disconnected" || event["event"] == "server_disconnected");
        assert_eq!(lost, [] as [Value; 0], "{name}");
    }
    // And on it goes, both ways.
    caller.carry(&mut staller, Call::new(Mode::Reliable, 0, 300, 10));
    staller.carry(&mut caller, Call::new(Mode::Reliable, 0, 301, 10));
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_rust_peer_that_stalls_for_long_is_waited_for() {
    let impatient = [1, 4000, 8000];
    thread::scope(|scope| {
        for (name, server, client, server_stalls) in [
            ("R:R, the client stalls", Rust, Rust, false),
            ("R:R, the server stalls", Rust, Rust, true),
            ("S:R, the client stalls", Stock, Rust, false),
            ("R:S, the server stalls", Rust, Stock, true),
        ] {
            scope.spawn(move || {
                stall(name, session(server, &[client], impatient), server_stalls);
                println!("| frame stall of 20 s | {name} = |");
            });
        }
    });
}
