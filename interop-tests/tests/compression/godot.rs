//! Each of Godot's kinds, between stock Godots and programs of ours.

use std::net::SocketAddr;

use enet_proto::compress::Compression;
use godot_peer::scene::Arguments;
use godot_peer::{ClientOptions, Target, TransferChannel, TransferMode};
use interop_tests::enet::Serve;
use interop_tests::godot::{Call, Guest, Mode, Player, until_seen};
use interop_tests::payload;
use interop_tests::relay::Relay;
use netem::Conditions;
use serde_json::json;

use crate::{compressed_both_ways, kinds};

const SIZES: [usize; 5] = [0, 1, 100, 1400, 20_000];

/// The number that Godot gives it.
fn number(kind: Compression) -> usize {
    let position = Compression::ALL.iter().position(|&other| other == kind);
    position.expect("one of all")
}

fn text() -> String {
    "the same words again and again; ".repeat(60)
}

fn relay(port: u16) -> Relay {
    let relay = Relay::start(SocketAddr::from(([127, 0, 0, 1], port)), 1, Conditions::default());
    let relay = relay.expect("a relay");
    relay.record();
    relay
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_client_of_ours_is_understood_by_a_stock_server() {
    let mut server = Player::start("server");
    for kind in kinds() {
        let answer = server.obey("serve", json!({"bind": "127.0.0.1", "compress": number(kind)}));
        let port = answer["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.expect("a port number");
        let relay = relay(port);
        let options = ClientOptions::default().with_compression(kind);
        let mut guest = Guest::join_with(relay.local_addr().port(), options).expect("the server answers");
        let id = guest.id();
        server.expect_peer(id);
        for mode in Mode::ALL {
            for size in SIZES {
                let call = Call::new(mode, 2, 60, size);
                let arrival = call.as_event("rpc", id);
                until_seen(
                    mode,
                    || guest.call(1, call).expect("it is taken"),
                    |wait| server.try_expect(wait, &arrival).is_some(),
                );
                let call = Call::new(mode, 2, 61, size);
                let to_guest = call.options(id);
                until_seen(
                    mode,
                    || drop(server.obey("call", to_guest.clone())),
                    |wait| guest.try_call(wait, 1, call),
                );
            }
        }

        let said = text();
        let bytes = said.clone();
        guest
            .client(move |client| {
                let channel = TransferChannel::ZERO;
                client.send_bytes(Target::SERVER, channel, TransferMode::Reliable, bytes.as_bytes())
            })
            .expect("it is taken");
        let came = server.expect_event("bytes");
        assert_eq!(came["md5"], payload::md5(said.as_bytes()), "{kind}");
        server.obey("say", json!({"to": id, "arguments": [said]}));
        let Arguments::Encoded { data, .. } = guest.expect_arguments(1) else {
            panic!("other arguments");
        };
        assert!(data.windows(said.len()).any(|part| part == said.as_bytes()), "{kind}");

        assert!(
            compressed_both_ways(&relay.recorded(), |recorded| recorded.to.port() == port),
            "{kind}"
        );
        guest.leave();
        server.expect_gone(id);
        server.obey("close", json!({}));
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn stock_clients_are_understood_by_a_server_of_ours() {
    let mut players = [Player::start("first"), Player::start("second")];
    for kind in kinds() {
        let serve = Serve::start(&["--compression", kind.name()]);
        let relay = relay(serve.port());
        for player in &mut players {
            player.join(relay.local_addr().port(), json!({"compress": number(kind)}));
            player.connected();
        }
        let [first, second] = &mut players;
        first.expect_peer(second.id());
        second.expect_peer(first.id());
        for mode in Mode::ALL {
            for size in SIZES {
                let call = Call::new(mode, 1, 70, size);
                let arrival = call.as_event("rpc", first.id());
                let target = second.id();
                until_seen(
                    mode,
                    || first.call(target, call),
                    |wait| second.try_expect(wait, &arrival).is_some(),
                );
            }
        }
        first.obey("say", json!({"to": second.id(), "arguments": [text()]}));
        let said = second.expect_event("say");
        assert_eq!(said["arguments"], json!([text()]), "{kind}");

        let server = serve.address();
        assert!(
            compressed_both_ways(&relay.recorded(), |recorded| recorded.to == server),
            "{kind}"
        );
        for player in &mut players {
            player.obey("close", json!({}));
        }
    }
}
