//! Sessions of stock Godots.

use std::net::SocketAddr;
use std::time::Duration;

use interop_tests::godot::{Call, Mode, Player, until_seen};
use interop_tests::relay::Relay;
use netem::Conditions;
use serde_json::{Value, json};

use crate::{Session, relay, text};

pub(crate) const SESSIONS: &[Session] = &[
    ("godot", || all_modes(0)),
    ("godot-range-coder", || all_modes(1)),
    ("godot-fastlz", || all_modes(2)),
    ("godot-zlib", || all_modes(3)),
    ("godot-zstd", || all_modes(4)),
    ("godot-relayed", relayed),
    ("godot-disconnects", disconnects),
    ("godot-timeout", timeout),
    ("godot-bandwidth-and-throttle", bandwidth_and_throttle),
];

fn through_relay(port: u16) -> Relay {
    relay(SocketAddr::from(([127, 0, 0, 1], port)), Conditions::default())
}

fn join(relay: &Relay, name: &str, options: Value) -> Player {
    let mut player = Player::start(name);
    player.join(relay.local_addr().port(), options);
    player.connected();
    player
}

/// Calls on one until it is seen there.
fn carry(from: &mut Player, to: &mut Player, call: Call) {
    let (source, target) = (from.id(), to.id());
    let arrival = call.as_event("rpc", source);
    until_seen(
        call.mode,
        || from.call(target, call),
        |wait| to.try_expect(wait, &arrival).is_some(),
    );
}

fn say(from: &mut Player, to: &mut Player) {
    let said = String::from_utf8(text(1000)).expect("text");
    from.obey(
        "say",
        json!({"to": to.id(), "arguments": [said, 1.5, {"more": [said]}]}),
    );
    to.expect_event("say");
}

/// Calls of all modes, small ones and some in fragments, in both directions.
fn all_modes(compress: u8) -> Relay {
    let (mut server, port) = Player::server_with("server", json!({"compress": compress}));
    let relay = through_relay(port);
    let mut client = join(&relay, "client", json!({"compress": compress}));
    server.expect_peer(client.id());
    for mode in Mode::ALL {
        for (channel, size) in [(0, 0), (1, 20), (3, 400), (2, 3000)] {
            carry(&mut client, &mut server, Call::new(mode, channel, 1, size));
            carry(&mut server, &mut client, Call::new(mode, channel, 2, size));
        }
    }
    say(&mut client, &mut server);
    say(&mut server, &mut client);
    let bytes = Call::new(Mode::Reliable, 1, 3, 60);
    client.obey("send_bytes", bytes.options(1));
    server.expect_event("bytes");
    client.obey("close", json!({}));
    server.expect_gone(client.id());
    relay
}

/// Clients that talk to each other by way of the server.
fn relayed() -> Relay {
    let (_server, port) = Player::server("server");
    let relay = through_relay(port);
    let mut first = join(&relay, "first", json!({}));
    let mut second = join(&relay, "second", json!({}));
    first.expect_peer(second.id());
    second.expect_peer(first.id());
    for mode in Mode::ALL {
        carry(&mut first, &mut second, Call::new(mode, 1, 4, 100));
    }
    let call = Call::new(Mode::Reliable, 0, 5, 50);
    second.call(0, call);
    first.expect_call(second.id(), call);
    second.obey("close", json!({}));
    first.expect_gone(second.id());
    relay
}

/// A client that closes, one that is sent away, and one whose server closes.
fn disconnects() -> Relay {
    let (mut server, port) = Player::server("server");
    let relay = through_relay(port);
    let mut client = join(&relay, "client", json!({}));
    client.obey("close", json!({}));
    server.expect_gone(client.id());

    let to = relay.local_addr().port();
    for farewell in ["disconnect_peer", "close"] {
        client.join(to, json!({}));
        client.connected();
        server.expect_peer(client.id());
        server.obey(farewell, json!({"id": client.id()}));
        client.expect_event("server_disconnected");
    }
    relay
}

/// The server dies; the client, which gives up soon, pings in vain.
fn timeout() -> Relay {
    let (mut server, port) = Player::server("server");
    let relay = through_relay(port);
    let mut client = join(&relay, "client", json!({"timeout": [2, 1000, 2000]}));
    server.expect_peer(client.id());
    server.kill();
    client.expect_event("server_disconnected");
    relay
}

/// Limits on both sides, of which each tells the other; and the client's settings for the throttle of both.
fn bandwidth_and_throttle() -> Relay {
    let limits = json!({"in_bandwidth": 40_000, "out_bandwidth": 30_000});
    let (mut server, port) = Player::server_with("server", limits.clone());
    let relay = through_relay(port);
    let mut limits = limits;
    limits["throttle"] = json!([1000, 4, 1]);
    let mut client = join(&relay, "client", limits);
    server.expect_peer(client.id());
    // Limits are told within a second of the connection.
    server.try_expect(Duration::from_millis(1500), |_| false);
    for mode in Mode::ALL {
        carry(&mut client, &mut server, Call::new(mode, 1, 6, 200));
    }
    client.obey("close", json!({}));
    server.expect_gone(client.id());
    relay
}
