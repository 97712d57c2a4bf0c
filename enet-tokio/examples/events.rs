//! A game server by events: players say where they are, and 20 times a second all are told where all are.
//! `cargo run --example events -- [::]:7777`
//!
//! Channel 0 is reliable: the number of a player, once. Channel 1 is unreliable: positions, which the next ones make worthless.

use std::collections::HashMap;
use std::time::Duration;

use enet_tokio::{Config, Event, EventEndpoint, Packet};

const STATUS: u8 = 0;
const POSITIONS: u8 = 1;

/// Two numbers of 32 bits.
type Position = [u8; 8];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "[::]:7777".to_owned());
    let config = Config::default().with_host(|host| host.max_peers = 32);
    let server = EventEndpoint::bind(address, config).await?;
    println!("listening on {}", server.local_addr());

    let mut players = HashMap::new();
    let mut joined = 0_u32;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let event = tokio::select! {
            _ = &mut stop => break,
            _ = tick.tick() => {
                let world: Vec<u8> = players.values().flat_map(record).collect();
                // Whose connection has no room for it is told the next time.
                server.broadcast(POSITIONS, &Packet::unreliable(world));
                continue;
            }
            event = server.next_event() => event,
        };
        match event {
            Some(Event::Connected { peer, .. }) => {
                joined += 1;
                println!("player {joined} came");
                players.insert(peer, (joined, Position::default()));
                server.send(peer, STATUS, Packet::reliable(joined.to_le_bytes().to_vec()))?;
            }
            Some(Event::Received {
                peer,
                channel: POSITIONS,
                packet,
            }) => {
                // What is no position comes from no client of ours.
                if let (Some(player), Ok(position)) = (players.get_mut(&peer), Position::try_from(&packet.data[..])) {
                    player.1 = position;
                }
            }
            Some(Event::Received { .. }) => {}
            Some(Event::Disconnected { peer, reason }) => {
                if let Some((number, _)) = players.remove(&peer) {
                    println!("player {number} went: {reason}");
                }
            }
            None => break,
        }
    }
    server.shutdown(0).await;
    Ok(())
}

/// A player in what all are told: its number, then where it is.
fn record((number, position): &(u32, Position)) -> impl Iterator<Item = u8> {
    number.to_le_bytes().into_iter().chain(*position)
}
