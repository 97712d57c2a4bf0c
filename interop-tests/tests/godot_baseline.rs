//! Stock Godots among themselves: proves the project that the other tests drive, so that a difference found there is one of
//! ours.

use std::time::Duration;

use interop_tests::godot::{Call, Mode, Player, until_seen};
use serde_json::json;

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn players_see_each_other_come_and_go() {
    let (mut server, port) = Player::server("server");
    let mut first = Player::client("first", port);
    let mut second = Player::client("second", port);
    for player in [&mut server, &mut second] {
        player.expect_peer(first.id());
    }
    for player in [&mut server, &mut first] {
        player.expect_peer(second.id());
    }
    let mut others = [1, first.id()];
    others.sort_unstable();
    assert_eq!(second.peers(), others);
    second.obey("close", json!({}));
    server.expect_gone(second.id());
    first.expect_gone(second.id());
    server.obey("close", json!({}));
    first.expect_event("server_disconnected");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn calls_of_all_modes_and_channels_reach_server_and_client() {
    let (mut server, port) = Player::server("server");
    let mut client = Player::client("client", port);
    server.expect_peer(client.id());
    for mode in Mode::ALL {
        for channel in 0..=4 {
            client.carry(&mut server, Call::new(mode, channel, 10, 100));
            server.carry(&mut client, Call::new(mode, channel, 11, 100));
        }
        for size in [0, 1, 1300, 1400, 20_000] {
            client.carry(&mut server, Call::new(mode, 2, 12, size));
        }
    }
    client.carry(&mut server, Call::new(Mode::Reliable, 1, 13, 1 << 20));
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_server_relays_between_clients() {
    let (_server, port) = Player::server("server");
    let mut first = Player::client("first", port);
    let mut second = Player::client("second", port);
    first.expect_peer(second.id());
    for mode in Mode::ALL {
        first.carry(&mut second, Call::new(mode, 3, 20, 500));
    }
    let call = Call::new(Mode::Reliable, 0, 21, 70_000);
    second.call(0, call);
    first.expect_call(second.id(), call);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn arguments_of_many_types_and_raw_bytes_arrive() {
    let (mut server, port) = Player::server("server");
    let mut client = Player::client("client", port);
    let arguments = json!(["hello", 7.5, true, null, {"nested": [1.0]}]);
    client.obey("say", json!({"to": 1, "arguments": arguments}));
    let said = server.expect_event("say");
    assert_eq!(said["arguments"], arguments);
    assert_eq!(said["from"], client.id());

    let bytes = Call::new(Mode::Reliable, 1, 30, 999);
    client.obey("send_bytes", bytes.options(1));
    let came = server.expect_event("bytes");
    assert_eq!(came["md5"], bytes.payload.md5());
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_peer_alone_tells_modes_and_channels() {
    let (mut server, port) = Player::server_with("server", json!({"layer": "peer"}));
    let mut client = Player::start("client");
    client.join(port, json!({"layer": "peer"}));
    client.expect_peer(1);
    server.expect_peer(client.id());
    for mode in Mode::ALL {
        for channel in [0, 1, 4] {
            let call = Call::new(mode, channel, 40, 64);
            let arrival = call.as_event("packet", client.id());
            until_seen(
                mode,
                || drop(client.obey("put_packet", call.options(1))),
                |wait| server.try_expect(wait, &arrival).is_some(),
            );
        }
    }
    client.obey("disconnect_peer", json!({"id": 1}));
    client.expect_gone(1);
    server.expect_gone(client.id());
    client.expect("status 0", |event| event["event"] == "status" && event["status"] == 0);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn compression_is_agreed_by_arrangement() {
    for compress in 1..=4 {
        let (mut server, port) = Player::server_with("server", json!({"compress": compress}));
        let mut client = Player::start("client");
        client.join(port, json!({"compress": compress}));
        client.connected();
        client.carry(&mut server, Call::new(Mode::Reliable, 0, 50, 5000));
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_client_without_a_server_is_told() {
    let mut client = Player::start("client");
    // Nobody is there, and the limits are the shortest that can be set.
    let unused = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("its number").port();
    client.join(port, json!({"timeout": [1, 100, 200]}));
    client.expect_event("connection_failed");
    assert_eq!(client.status(), 0);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_killed_godot_is_gone() {
    let (mut server, port) = Player::server("server");
    let mut client = Player::client("client", port);
    server.expect_peer(client.id());
    client.kill();
    assert!(client.try_expect(Duration::from_secs(60), |_| false).is_none());
    server.expect_gone(client.id());
    server.obey("quit", json!({}));
    assert!(server.wait().success());
}
