//! The `enet serve` of this repository with clients of our extension, among themselves and beside stock ones.

use std::thread;

use interop_tests::enet::Serve;
use interop_tests::godot::{Call, Class, Mode, Player};
use rustix::process::Signal;
use serde_json::{Value, json};

use Class::{Rust, Stock};

const CASTS: [[Class; 3]; 2] = [[Rust, Rust, Rust], [Rust, Stock, Rust]];

/// Plays with each cast, side by side, and prints a row of the matrix.
fn with_all_casts(what: &str, play: impl Fn(Serve, Vec<Player>) + Sync) {
    thread::scope(|scope| {
        for cast in CASTS {
            let play = &play;
            scope.spawn(move || {
                let serve = Serve::start(&[]);
                let players = Player::clients_as(&cast, serve.port(), &json!({}));
                play(serve, players);
                let clients: String = cast.map(Class::letter).iter().collect();
                println!("| {what} | serve:{clients} = |");
            });
        }
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn players_of_both_classes_see_each_other_come_and_go() {
    with_all_casts("come and go", |mut serve, mut players| {
        for at in 0..players.len() {
            let mut others: Vec<i32> = players.iter().map(Player::id).collect();
            let own = others.swap_remove(at);
            others.push(1);
            others.sort_unstable();
            assert_eq!(players[at].peers(), others);
            serve.logged(&format!("{own} joined from 127.0.0.1:"));
        }
        for farewell in [("close", json!({})), ("disconnect_peer", json!({"id": 1}))] {
            let mut leaver = players.remove(0);
            leaver.obey(farewell.0, farewell.1);
            for player in &mut players {
                player.expect_gone(leaver.id());
            }
            serve.logged(&format!("{} left: closed by the other side", leaver.id()));
        }
        serve.signal(Signal::INT);
        players[0].expect_event("server_disconnected");
        assert_eq!(players[0].status(), 0);
        assert_eq!(serve.wait().code(), Some(0));
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn calls_of_all_modes_channels_and_sizes_are_relayed() {
    with_all_casts("calls through the relay", |_serve, mut players| {
        let mut seed = 0;
        for mode in Mode::ALL {
            for channel in 0..=4 {
                for _ in 0..players.len() {
                    seed += 1;
                    let (caller, others) = players.split_first_mut().expect("three");
                    caller.carry_to_all(others, Call::new(mode, channel, seed, 140));
                    let [second, third] = others else {
                        unreachable!("three are there")
                    };
                    let call = Call::new(mode, channel, seed, 100);
                    caller.carry(second, call);
                    // A call on one is no news for another.
                    assert_eq!(third.drain(call.as_event("rpc", caller.id())), [] as [Value; 0]);
                    players.rotate_left(1);
                }
            }
        }
        for (seed, size) in (1000..).zip([0, 1, 1354, 1392, 1393, 20_000, 65_536, 1 << 20]) {
            for _ in 0..players.len() {
                let [first, second, _] = &mut players[..] else {
                    unreachable!("three are there")
                };
                first.carry(second, Call::new(Mode::Reliable, 2, seed, size));
                let bytes = Call::new(Mode::Reliable, 1, seed, size.max(1));
                first.obey("send_bytes", bytes.options(second.id()));
                assert_eq!(second.expect_event("bytes")["md5"], bytes.payload.md5());
                players.rotate_left(1);
            }
        }
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_killed_player_and_a_killed_server_are_missed() {
    with_all_casts("kill", |mut serve, mut players| {
        let mut victim = players.remove(0);
        victim.kill();
        for player in &mut players {
            player.expect_gone(victim.id());
        }
        serve.logged(&format!("{} left: timed out", victim.id()));
        let [first, second] = &mut players[..] else {
            unreachable!("two are left")
        };
        first.carry(second, Call::new(Mode::Reliable, 0, 40, 10));
        serve.signal(Signal::KILL);
        for player in &mut players {
            player.expect_event("server_disconnected");
        }
    });
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn compressed_sessions_are_joined_by_both_classes() {
    for (name, number) in [("range-coder", 1), ("fastlz", 2), ("zlib", 3), ("zstd", 4)] {
        let serve = Serve::start(&["--compression", name]);
        let mut players = Player::clients_as(&[Rust, Stock], serve.port(), &json!({ "compress": number }));
        let [ours, stock] = &mut players[..] else {
            unreachable!("two were asked for")
        };
        for size in [10, 1393, 100_000] {
            ours.carry(stock, Call::new(Mode::Reliable, 1, 70, size));
            stock.carry(ours, Call::new(Mode::Reliable, 1, 71, size));
        }
    }
}
