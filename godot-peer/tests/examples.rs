//! The examples, as a user runs them.

use std::time::Duration;

use fixtures::example::{self, Example};
use godot_peer::{ClientEvent, ClientOptions, Departure, GodotClient, Target, TransferChannel, TransferMode};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);

async fn next(client: &GodotClient) -> ClientEvent {
    let event = timeout(LONG, client.next_event()).await.expect("an event in time");
    event.expect("an event, and not the end")
}

async fn join(address: &str) -> GodotClient {
    let client = GodotClient::connect(address, ClientOptions::default()).await;
    client.expect("it joins")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_bans_whom_its_console_names() {
    example::build();
    let mut relay = Example::start("relay", &["127.0.0.1:0"]);
    let address = relay.address();
    let client = join(&address).await;
    let ClientEvent::Packet(packet) = next(&client).await else {
        panic!("no greeting");
    };
    assert!(packet.data.ends_with(b"be nice"));
    let other = join(&address).await;
    for id in [client.id(), other.id()] {
        assert_eq!(relay.line(), format!("{id} joined"));
    }
    // What the one says to the other goes through.
    while next(&client).await != (ClientEvent::PeerConnected { id: other.id() }) {}
    let to_other = Target::One(other.id());
    client
        .send_bytes(to_other, TransferChannel::ZERO, TransferMode::Reliable, b"hello")
        .expect("it is there");
    loop {
        match next(&other).await {
            ClientEvent::Packet(packet) if packet.from == client.id() => {
                break assert!(packet.data.ends_with(b"hello"));
            }
            _ => {}
        }
    }

    relay.type_line("list");
    relay.line_with(&format!("{} at 127.0.0.1:", client.id().min(other.id())));
    relay.type_line("ban 0");
    relay.line_with("there is no such client");
    relay.type_line(&format!("ban {}", client.id()));
    let banned = |event: &ClientEvent| {
        let reason = Departure::Remote { data: 4003 };
        *event == ClientEvent::Disconnected { reason }
    };
    while !banned(&next(&client).await) {}
    relay.line_with(&format!("{} left:", client.id()));
    // The address stays out, whatever the id.
    let again = join(&address).await;
    while !banned(&next(&again).await) {}

    relay.type_line("quit");
    assert!(relay.wait().success());
}

#[test]
fn the_examples_are_short() {
    example::assert_short();
}
