//! Plays the demo of this repository (`fixtures/godot/demo`) at a Godot server: `cargo run --example bot -- 127.0.0.1:7777`
//! It calls the scripts of the demo and is called by them. Its position goes to the others as from a `MultiplayerSynchronizer`.
use godot_peer::scene::{Command, Message, NO_METHODS, NodeId, SimplifyPath};
use godot_peer::{ClientEvent, ClientOptions, GodotClient, PeerId, TransferChannel, TransferMode, godot_rpc};
use std::{error::Error, time::Duration};

#[godot_rpc]
trait Demo {
    #[rpc(any_peer)]
    fn _i_play(); // Only called from here.
}

#[godot_rpc]
trait Chat {
    #[rpc(any_peer, call_local, channel = 1)]
    fn _hear(&mut self, from: PeerId, text: String);
}

struct Bot;
impl Chat for Bot {
    fn _hear(&mut self, from: PeerId, text: String) {
        println!("{from} says {text}");
    }
}
const SYNCHRONIZER: u32 = 1 << 30; // Its number. The nodes that were added get low ones.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7777".to_owned());
    let client = GodotClient::connect(server, ClientOptions::default()).await?;
    client.add_node("Demo", &DemoRpc::interface())?;
    client.add_node("Demo/Chat", &ChatRpc::interface())?;
    println!("joined as {}", client.id());
    meet(&client, PeerId::SERVER)?;
    let (mut audience, mut time) = (Vec::new(), 0_u16);
    let mut steps = tokio::time::interval(Duration::from_millis(33));
    loop {
        let event = tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            _ = steps.tick() => {
                time = time.wrapping_add(1);
                audience.retain(|id| walk(&client, *id, time).is_ok()); // Whom it cannot be sent to has left.
                continue;
            }
            event = client.next_event() => event,
        };
        match event {
            Some(ClientEvent::PeerConnected { id }) => meet(&client, id)?,
            Some(ClientEvent::Call(call)) if &*call.node == "Demo/Chat" => ChatRpc::dispatch(&mut Bot, call)?,
            // Of the synchronizer: the peer has made the bot's player, and takes its position.
            Some(ClientEvent::Packet(p)) if Command::of(&p.data) == Some(Command::ConfirmPath) => audience.push(p.from),
            Some(ClientEvent::Disconnected { .. }) | None => break,
            Some(_) => {}
        }
    }
    client.close(0).await;
    Ok(())
}

/// Does what the demo does when it hears of a peer, which then makes a player for the bot.
fn meet(client: &GodotClient, peer: PeerId) -> Result<(), Box<dyn Error>> {
    DemoRpc::_i_play().make(client, peer, "Demo")?;
    let offer = Message::SimplifyPath(SimplifyPath {
        checksum: NO_METHODS,
        id: NodeId::new(SYNCHRONIZER).ok_or("31 bits")?,
        path: format!("Demo/Field/Players/{}/Synchronizer", client.id()).into(),
    });
    client.send(peer, TransferChannel::ZERO, TransferMode::Reliable, offer.to_bytes())?;
    Ok(ChatRpc::_hear("I am a bot").make(client, peer, "Demo/Chat")?)
}

/// Sends a SYNC: of the synchronizer with this number, 12 bytes, which are a Variant of type 5, the Vector2 that the player is at.
fn walk(client: &GodotClient, peer: PeerId, time: u16) -> Result<(), godot_peer::SendError> {
    let (x, y) = (f32::from(time) / 20.0).sin_cos();
    let place = [320.0 + 120.0 * x, 240.0 + 120.0 * y].map(f32::to_bits);
    let words = [(1 << 31) | SYNCHRONIZER, 12, 5, place[0], place[1]].map(u32::to_le_bytes);
    let sync = [&[Command::Sync as u8], &time.to_le_bytes()[..], words.as_flattened()].concat();
    client.send(peer, TransferChannel::ZERO, TransferMode::Unreliable, sync)
}
