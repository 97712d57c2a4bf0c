use std::net::Ipv4Addr;

use godot_peer::calls::UnhandledCall;
use godot_peer::{Call, TransferChannel, TransferMode};
use godot_variant::Variant;

use super::*;

const WORD: &str = "swordfish";

fn id(number: i32) -> PeerId {
    PeerId::new(number).expect("above zero")
}

/// From an address of its own.
fn address(number: i32) -> IpAddr {
    Ipv4Addr::from_bits(number.cast_unsigned()).into()
}

fn game() -> Game {
    let rules = Rules {
        max_players: 3,
        word: WORD.into(),
    };
    Game::new(rules, 1)
}

/// With players of these numbers, the first of whom may kick; what they were told is forgotten.
fn with_players(numbers: &[i32]) -> Game {
    let mut game = game();
    for (at, number) in numbers.iter().enumerate() {
        game.connected(id(*number), address(*number));
        let word = if at == 0 { WORD } else { "" };
        game.enter(id(*number), format!("p{number}"), word.into());
    }
    game.take_outputs();
    game
}

/// What one is told, by the names of the methods.
fn told(outputs: &[Output], number: i32) -> Vec<&'static str> {
    calls(outputs, number).map(|call| call.method).collect()
}

fn calls(outputs: &[Output], number: i32) -> impl Iterator<Item = &MethodCall> {
    outputs.iter().filter_map(move |output| match output {
        Output::Call(target, call) if target.includes(id(number)) => Some(call),
        _ => None,
    })
}

/// What one hears: who says it, and what.
fn heard(outputs: &[Output], number: i32) -> Vec<(i32, String)> {
    calls(outputs, number)
        .filter(|call| call.method == "heard")
        .map(|call| call.arguments_as().expect("a line"))
        .collect()
}

fn place(game: &Game, number: i32) -> Vec2 {
    game.players[&id(number)].place
}

fn put(game: &mut Game, number: i32, place: Vec2) {
    game.players.get_mut(&id(number)).expect("a player").place = place;
}

#[test]
fn who_enters_is_told_of_all_and_all_of_it() {
    let mut game = with_players(&[2]);
    game.connected(id(3), address(3));
    assert_eq!(game.take_outputs(), [], "nothing before its scene is there");
    game.enter(id(3), " Bob\n".into(), "wrong".into());
    let outputs = game.take_outputs();
    assert_eq!(
        told(&outputs, 3),
        ["welcome", "joined", "joined", "coins", "scores", "heard"]
    );
    assert_eq!(told(&outputs, 2), ["joined", "scores", "heard"]);
    let names: Vec<(i32, String)> = calls(&outputs, 3)
        .filter(|call| call.method == "joined")
        .map(|call| call.arguments_as().expect("a player"))
        .collect();
    assert_eq!(names, [(2, "p2".to_owned()), (3, "Bob".to_owned())]);
    let welcome = calls(&outputs, 3).next().expect("a welcome");
    assert_eq!(*welcome, ArenaRpc::welcome(Vector2::new(960.0, 540.0), false));
    // Once.
    game.enter(id(3), "Eve".into(), WORD.into());
    assert_eq!(game.take_outputs(), []);
    assert!(!game.players[&id(3)].may_kick);
}

#[test]
fn who_is_not_in_does_nothing() {
    let mut game = with_players(&[2]);
    game.connected(id(3), address(3));
    for stranger in [3, 4] {
        game.steer(id(stranger), Vector2::new(1.0, 0.0));
        game.say(id(stranger), "hi".into());
        game.kick(id(stranger), 2, String::new());
        game.ban(id(stranger), 2, String::new());
    }
    game.enter(id(4), "never connected".into(), String::new());
    assert_eq!(game.take_outputs(), []);
    assert_eq!(game.players.len(), 1);
}

#[test]
fn a_player_goes_where_it_steers_no_faster_than_others_and_stays_inside() {
    let mut game = with_players(&[2, 3]);
    game.coins.clear();
    for number in [2, 3] {
        put(&mut game, number, Vec2::new(100.0, 100.0));
    }
    game.steer(id(2), Vector2::new(0.0, 0.5));
    game.steer(id(3), Vector2::new(1e9, 0.0));
    game.tick();
    assert_eq!(place(&game, 2), Vec2::new(100.0, 104.0));
    assert_eq!(place(&game, 3), Vec2::new(108.0, 100.0));
    game.steer(id(3), Vector2::new(f32::NAN, f32::INFINITY));
    for _ in 0..1000 {
        game.steer(id(2), Vector2::new(-1.0, -1.0));
        game.tick();
    }
    assert_eq!(place(&game, 2), Vec2::splat(14.0));
    let stopped = place(&game, 3);
    assert_eq!(stopped, Vec2::new(108.0 + 8.0 * 14.0, 100.0), "it was not heard of");
}

#[test]
fn each_tick_every_player_is_told_where_all_are() {
    let mut game = with_players(&[2, 3]);
    put(&mut game, 2, Vec2::new(50.0, 60.0));
    put(&mut game, 3, Vec2::new(70.0, 80.0));
    game.coins.clear();
    game.tick();
    let places = vec![Vector2::new(50.0, 60.0), Vector2::new(70.0, 80.0)];
    let moved = ArenaRpc::moved(1, vec![2, 3], places);
    let to = |number| Output::Call(id(number).into(), moved.clone());
    assert_eq!(game.take_outputs(), [to(2), to(3)]);
    let mut empty = self::game();
    empty.tick();
    assert_eq!(empty.take_outputs(), []);
}

#[test]
fn the_nearest_takes_a_coin_and_another_one_appears() {
    let mut game = with_players(&[2, 3]);
    game.coins = vec![Vec2::new(300.0, 300.0)];
    put(&mut game, 2, Vec2::new(300.0, 320.0));
    put(&mut game, 3, Vec2::new(300.0, 290.0));
    game.tick();
    let outputs = game.take_outputs();
    let points = Dictionary::from([(2, 0), (3, 1)]);
    assert!(calls(&outputs, 2).any(|call| *call == ArenaRpc::scores(points.clone())));
    assert_eq!(game.coins.len(), 1);
    assert_ne!(game.coins[0], Vec2::new(300.0, 300.0));
    let coins = game.coins_call();
    assert!(calls(&outputs, 3).any(|call| *call == coins));
}

#[test]
fn what_is_said_all_hear_but_not_too_much_of_it() {
    let mut game = with_players(&[2, 3]);
    game.say(id(2), "  hello\u{7} ".into());
    game.say(id(2), " \n".into());
    let outputs = game.take_outputs();
    for number in [2, 3] {
        assert_eq!(heard(&outputs, number), [(2, "hello".to_owned())]);
    }
    for line in 0..9 {
        game.say(id(2), line.to_string());
    }
    let outputs = game.take_outputs();
    assert_eq!(heard(&outputs, 3).len(), 4);
    assert_eq!(heard(&outputs, 2).last(), Some(&(0, "Not so fast.".to_owned())));
    game.say(id(3), "I may".into());
    assert_eq!(heard(&game.take_outputs(), 2).len(), 1);
    for _ in 0..150 {
        game.tick();
    }
    game.take_outputs();
    game.say(id(2), "again".into());
    assert_eq!(heard(&game.take_outputs(), 3), [(2, "again".to_owned())]);
}

#[test]
fn who_has_the_word_kicks_and_nobody_else() {
    let mut game = with_players(&[2, 3]);
    game.kick(id(3), 2, "because".into());
    let outputs = game.take_outputs();
    assert_eq!(
        outputs,
        [Output::Call(id(3).into(), ArenaRpc::heard(0, "You may not do that."))]
    );
    for nobody in [0, -3, 4, i32::MIN] {
        game.kick(id(2), nobody, String::new());
        assert_eq!(
            heard(&game.take_outputs(), 2),
            [(0, "There is no such player.".to_owned())]
        );
    }
    game.kick(id(2), 3, "because".into());
    let removed = Output::Call(id(3).into(), ArenaRpc::removed("You were kicked: because"));
    let outputs = game.take_outputs();
    assert_eq!(outputs[..2], [removed, Output::Disconnect(id(3))]);
    assert_eq!(told(&outputs, 2), ["left", "heard", "scores"]);
    // Until its connection is gone it is nobody.
    game.say(id(3), "I am still here".into());
    game.enter(id(3), "Me again".into(), WORD.into());
    game.disconnected(id(3));
    assert_eq!(game.take_outputs(), []);
    // It may come again.
    game.connected(id(5), address(3));
    game.enter(id(5), "again".into(), String::new());
    assert_eq!(told(&game.take_outputs(), 5)[0], "welcome");
}

#[test]
fn who_is_banned_does_not_come_again_from_its_address() {
    let mut game = with_players(&[2, 3]);
    game.ban(id(2), 3, String::new());
    let removed = Output::Call(id(3).into(), ArenaRpc::removed("You were banned."));
    assert_eq!(game.take_outputs()[..2], [removed, Output::Disconnect(id(3))]);
    game.disconnected(id(3));
    game.connected(id(5), address(3));
    let removed = Output::Call(id(5).into(), ArenaRpc::removed("You are banned."));
    assert_eq!(game.take_outputs(), [removed, Output::Disconnect(id(5))]);
    game.connected(id(6), address(6));
    assert_eq!(game.take_outputs(), []);
}

#[test]
fn one_more_than_there_is_room_for_has_to_go() {
    let mut game = with_players(&[2, 3, 4]);
    game.connected(id(5), address(5));
    game.enter(id(5), "late".into(), String::new());
    let removed = Output::Call(id(5).into(), ArenaRpc::removed("The arena is full."));
    assert_eq!(game.take_outputs(), [removed, Output::Disconnect(id(5))]);
}

#[test]
fn calls_with_wrong_arguments_do_not_reach_the_game() {
    let mut game = with_players(&[2]);
    for (method, arguments) in [
        ("say", vec![]),
        ("say", vec![Variant::from(1)]),
        ("steer", vec!["left".into()]),
        ("kick", vec![2.into(), "why".into(), "more".into()]),
        ("kick", vec![(1_i64 << 40).into(), "why".into()]),
        ("moved", vec![]),
        ("fly", vec![]),
    ] {
        dispatch(&mut game, method, arguments).expect_err(method);
    }
    assert_eq!(game.take_outputs(), []);
}

fn dispatch(game: &mut Game, method: &str, arguments: Vec<Variant>) -> Result<(), UnhandledCall> {
    let call = Call {
        from: id(2),
        node: "Arena".into(),
        method: method.into(),
        arguments,
        channel: TransferChannel::ZERO,
        mode: TransferMode::Reliable,
    };
    ArenaRpc::dispatch(game, call)
}
