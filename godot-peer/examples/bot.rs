//! Plays the demo (`fixtures/godot/demo`) at a stock Godot server: runs after the nearest other player, and greets who comes.
//!
//! ```sh
//! cargo run --release -p godot-peer --example bot -- 127.0.0.1:7777
//! ```
//!
//! It calls methods of the demo's scripts and is called by them. Its player's position goes to the others as from a
//! `MultiplayerSynchronizer`, and theirs come so: that part is still made by hand here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Parser;
use godot_peer::godot_variant::binary::{Decoder, Encoder};
use godot_peer::godot_variant::{Variant, Vector2};
use godot_peer::scene::{Command, Message, NO_METHODS, NodeId, NodeReference, SimplifyPath};
use godot_peer::{
    Call, ClientEvent, ClientOptions, GodotClient, PeerId, Received, Target, TransferChannel, TransferMode, godot_rpc,
};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// `demo.gd`, on the node `Demo`.
#[godot_rpc]
trait Demo {
    #[rpc(any_peer)]
    fn _i_play(&mut self, from: PeerId);
}

/// `chat.gd`, on the node `Demo/Chat`.
#[godot_rpc]
trait Chat {
    #[rpc(any_peer, call_local, channel = 1)]
    fn _hear(&mut self, from: PeerId, text: String);
}

const DEMO: &str = "Demo";
const CHAT: &str = "Demo/Chat";

/// How often the position is sent in a second, and the pixels between: as fast as players are.
const STEPS: u32 = 30;
const STEP: f32 = 220.0 / STEPS as f32;
/// How near it goes to others, in pixels.
const NEAR: f32 = 60.0;

/// Below it are numbers that the client itself gives to nodes.
const SYNCHRONIZER: u32 = 1 << 30;
/// A number of a path in a SYNC.
const BY_PATH: u32 = 1 << 31;

/// Plays the demo of this repository at a Godot server.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server, as 127.0.0.1:7777.
    server: String,

    /// What it says to everyone who comes.
    #[arg(long, default_value = "hello")]
    say: String,

    /// How long it stays; for ever by default.
    #[arg(long)]
    seconds: Option<u64>,
}

struct Bot {
    client: GodotClient,
    greeting: String,
    place: Vector2,
    /// Who plays, and where, if it is known.
    players: BTreeMap<PeerId, Option<Vector2>>,
    /// Who has this bot's player, and takes its position.
    audience: BTreeSet<PeerId>,
    time: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let client = GodotClient::connect(&*arguments.server, ClientOptions::default()).await?;
    println!("joined as {}", client.id());
    client.add_node(DEMO, &DemoRpc::interface())?;
    client.add_node(CHAT, &ChatRpc::interface())?;
    let mut bot = Bot {
        client,
        greeting: arguments.say,
        place: Vector2::new(300.0, 240.0),
        players: BTreeMap::new(),
        audience: BTreeSet::new(),
        time: 0,
    };
    bot.meet(PeerId::SERVER)?;
    let mut steps = interval(Duration::from_secs(1) / STEPS);
    steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = async {
        match arguments.seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    loop {
        tokio::select! {
            _ = steps.tick() => bot.step()?,
            event = bot.client.next_event() => match event {
                Some(ClientEvent::PeerConnected { id }) => bot.meet(id)?,
                Some(ClientEvent::PeerDisconnected { id }) => bot.part(id),
                Some(ClientEvent::Call(call)) => bot.called(call)?,
                Some(ClientEvent::Packet(packet)) => bot.take(&packet),
                Some(ClientEvent::Disconnected { reason }) => {
                    println!("{reason}");
                    return Ok(());
                }
                None => return Ok(()),
            },
            () = &mut end => break,
        }
    }
    bot.client.close(0).await;
    Ok(())
}

impl Demo for Bot {
    fn _i_play(&mut self, from: PeerId) {
        println!("{from} plays");
        self.players.entry(from).or_default();
    }
}

impl Chat for Bot {
    fn _hear(&mut self, from: PeerId, text: String) {
        println!("{from} says {text}");
    }
}

impl Bot {
    /// Makes itself known: what the demo does when it hears of a peer. Then the peer has its player, and can take its position.
    fn meet(&mut self, id: PeerId) -> Result<(), Box<dyn std::error::Error>> {
        DemoRpc::_i_play().make(&self.client, id, DEMO)?;
        let offer = Message::SimplifyPath(SimplifyPath {
            checksum: NO_METHODS,
            id: NodeId::new(SYNCHRONIZER).ok_or("31 bits")?,
            path: format!("Demo/Field/Players/{}/Synchronizer", self.client.id()).into(),
        });
        self.send(id, TransferMode::Reliable, offer.to_bytes())?;
        ChatRpc::_hear(&*self.greeting).make(&self.client, id, CHAT)?;
        Ok(())
    }

    fn part(&mut self, id: PeerId) {
        self.players.remove(&id);
        self.audience.remove(&id);
    }

    fn called(&mut self, call: Call) -> Result<(), Box<dyn std::error::Error>> {
        match &*call.node {
            DEMO => DemoRpc::dispatch(self, call)?,
            _ => ChatRpc::dispatch(self, call)?,
        }
        Ok(())
    }

    fn take(&mut self, packet: &Received) {
        match Command::of(&packet.data) {
            Some(Command::ConfirmPath) => {
                if let Ok(Message::ConfirmPath(answer)) = packet.message()
                    && answer.node == NodeReference::Id(NodeId::new(SYNCHRONIZER).expect("31 bits"))
                {
                    self.audience.insert(packet.from);
                }
            }
            Some(Command::Sync) => {
                if let Some(place) = place_in(&packet.data) {
                    self.players.insert(packet.from, Some(place));
                }
            }
            _ => {}
        }
    }

    /// Goes nearer to the nearest, and tells where it is.
    fn step(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        self.time = self.time.wrapping_add(1);
        let from = self.place;
        let way = |to: Vector2| (to.x - from.x, to.y - from.y);
        let ways = self.players.values().flatten().map(|to| way(*to));
        let nearest = ways.min_by(|one, other| length(*one).total_cmp(&length(*other)));
        let (x, y) = match nearest {
            Some(way) if length(way) > NEAR => (way.0 / length(way), way.1 / length(way)),
            // Nobody to go to: around.
            _ => (f32::from(self.time) / 20.0).sin_cos(),
        };
        self.place = Vector2::new(from.x + x * STEP, from.y + y * STEP);
        let message = sync(self.time, self.place)?;
        for id in &self.audience {
            self.send(*id, TransferMode::Unreliable, message.clone())?;
        }
        Ok(())
    }

    fn send(
        &self,
        to: PeerId,
        mode: TransferMode,
        message: impl Into<bytes::Bytes>,
    ) -> Result<(), godot_peer::SendError> {
        self.client.send(Target::One(to), TransferChannel::ZERO, mode, message)
    }
}

/// A SYNC of one synchronizer, with one property.
fn sync(time: u16, place: Vector2) -> Result<bytes::Bytes, Box<dyn std::error::Error>> {
    let mut state = Vec::new();
    Encoder::new(&mut state).write_compressed(&place.into())?;
    let size = u32::try_from(state.len())?;
    let head = [
        &[Command::Sync as u8][..],
        &time.to_le_bytes(),
        &(BY_PATH | SYNCHRONIZER).to_le_bytes(),
        &size.to_le_bytes(),
    ];
    Ok([&head.concat()[..], &state].concat().into())
}

/// The place in a SYNC of a player of the demo, whose synchronizer has one property. Its sender is the player's owner.
fn place_in(message: &[u8]) -> Option<Vector2> {
    const HEAD: usize = 1 + 2 + 4 + 4;
    match Decoder::new(message.get(HEAD..)?).read_compressed() {
        Ok(Variant::Vector2(place)) => Some(place),
        _ => None,
    }
}

fn length((x, y): (f32, f32)) -> f32 {
    x.hypot(y)
}
