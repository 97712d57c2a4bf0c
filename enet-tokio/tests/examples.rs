//! The examples, as a user runs them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that has nothing to unwrap has failed")]

use std::time::Duration;

use bytes::Bytes;
use enet_tokio::{Config, Endpoint, Packet};
use fixtures::example::{self, Example};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);

/// Presses Ctrl-C, and waits for the end.
fn interrupt(program: &mut Example) {
    kill_process(Pid::from_child(program.process()), Signal::INT).unwrap();
    assert!(program.wait().success());
}

#[test]
fn the_echo_client_hears_what_it_said_from_the_echo_server() {
    example::build();
    let mut server = Example::start("echo_server", &["127.0.0.1:0"]);
    let address = server.address();

    let mut client = Example::start("echo_client", &[&address]);
    assert_eq!(client.line(), format!("connected to {address}"));
    for text in ["hello", "world"] {
        client.type_line(text);
        let answer = client.line();
        assert!(answer.starts_with(&format!("{text} (")), "{answer}");
    }
    client.end_input();
    assert!(client.wait().success());

    assert!(server.line().ends_with(" came"));
    let gone = server.line();
    assert!(gone.ends_with(" went: Remote { data: 0 }"), "{gone}");
    interrupt(&mut server);
}

#[test]
fn what_one_says_in_the_chat_all_hear_and_who_leaves_has_been_heard() {
    example::build();
    let mut server = Example::start("chat_server", &["127.0.0.1:0"]);
    let address = server.address();
    let mut first = Example::start("chat_client", &[&address]);
    assert!(first.line().ends_with(" came"), "the first hears of itself");
    let mut second = Example::start("chat_client", &[&address]);
    assert!(first.line().ends_with(" came"), "and of the second");
    assert!(second.line().ends_with(" came"));

    second.type_line("good morning");
    for client in [&mut first, &mut second] {
        assert!(client.line().ends_with(": good morning"));
    }
    // It leaves at once, and all that it said arrives.
    for number in 0..100 {
        first.type_line(&format!("line {number}"));
    }
    first.end_input();
    assert!(first.wait().success());
    for number in 0..100 {
        let line = second.line();
        assert!(line.ends_with(&format!(": line {number}")), "{line}");
    }
    assert!(second.line().contains(" left: the other side disconnected"));

    interrupt(&mut server);
    assert!(
        second
            .line()
            .starts_with("the chat is over: the other side disconnected")
    );
    assert!(second.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_nothing_in_the_chat_holds_up_nobody_and_is_told_how_much_it_missed() {
    example::build();
    let mut server = Example::start("chat_server", &["127.0.0.1:0"]);
    let address = server.address();
    let few = Config::default()
        .with_receive_queue(64, 64 * 1024)
        .with_host(|host| host.max_waiting_data = 64 * 1024);
    let client = Endpoint::client(few).unwrap();
    let deaf = client.connect(address.as_str(), 1, 0).await.unwrap();
    let other = Endpoint::client(Config::default()).unwrap();
    let talker = other.connect(address.as_str(), 1, 0).await.unwrap();
    // Its own lines come back, and the deaf one does not take them. All is over before that one counts as lost.
    let line = Bytes::from(vec![b'x'; 1000]);
    let talk = async {
        for _ in 0..20 {
            for _ in 0..50 {
                talker.send(0, Packet::reliable(line.clone())).await.unwrap();
            }
            for _ in 0..50 {
                while !talker.recv().await.unwrap().1.data.ends_with(&line) {}
            }
        }
    };
    timeout(LONG, talk).await.expect("nobody holds up the talker");
    let missed = async {
        loop {
            let (_, packet) = deaf.recv().await.unwrap();
            let text = String::from_utf8_lossy(&packet.data);
            if let Some(count) = text.strip_prefix("you missed ") {
                break count.split(' ').next().unwrap().parse::<u32>().unwrap();
            }
        }
    };
    let missed = timeout(2 * LONG, missed).await.expect("it is told");
    assert!(missed > 300, "{missed}");
    interrupt(&mut server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_server_tells_all_players_where_all_are() {
    example::build();
    let mut server = Example::start("events", &["127.0.0.1:0"]);
    let address = server.address();
    let client = Endpoint::client(Config::default()).unwrap();
    let mut players = Vec::new();
    for number in 1_u32..=2 {
        let player = client.connect(address.as_str(), 2, 0).await.unwrap();
        // Positions may come before.
        let own = loop {
            let (channel, packet) = player.recv().await.unwrap();
            if channel == 0 {
                break packet;
            }
        };
        assert_eq!(own.data, number.to_le_bytes()[..]);
        assert_eq!(server.line(), format!("player {number} came"));
        players.push(player);
    }
    let wanted: Vec<[u8; 12]> = vec![
        [1, 0, 0, 0, 11, 11, 11, 11, 11, 11, 11, 11],
        [2, 0, 0, 0, 22, 22, 22, 22, 22, 22, 22, 22],
    ];
    for (player, place) in players.iter().zip([11_u8, 22]) {
        player.send(1, Packet::reliable(vec![place; 3])).await.unwrap();
        player.send(1, Packet::reliable(vec![place; 8])).await.unwrap();
    }
    for player in &players {
        let all = async {
            loop {
                let (_, packet) = player.recv().await.unwrap();
                let mut world: Vec<[u8; 12]> = packet.data.as_chunks().0.to_vec();
                world.sort_unstable();
                if world == wanted {
                    break;
                }
            }
        };
        timeout(LONG, all).await.expect("all are told");
    }
    players[0].disconnect(0).await;
    assert_eq!(server.line(), "player 1 went: the other side disconnected (data 0)");
    interrupt(&mut server);
}

#[test]
fn the_examples_are_short() {
    example::assert_short();
}
