//! A relay that stock Godot games join, with a console that can ban: `cargo run --example relay -- [::]:7777`
//!
//! It reads `list`, `ban ID` and `quit` from its input. A banned address stays out until the relay ends.

use std::collections::HashSet;
use std::net::IpAddr;
use std::thread;

use godot_peer::{GodotServer, PeerId, ServerEvent, ServerOptions, TransferChannel, TransferMode};
use tokio::sync::mpsc;

/// The number that who is banned is told with the end of its connection.
const BANNED: u32 = 4003;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "[::]:7777".to_owned());
    let server = GodotServer::bind(address, ServerOptions::default().with_max_clients(64)).await?;
    println!("listening on {}", server.local_addr());

    let mut banned = HashSet::new();
    let mut commands = console();
    loop {
        tokio::select! {
            event = server.next_event() => match event {
                Some(event) => see(&server, &banned, event),
                None => break,
            },
            command = commands.recv() => match command.as_deref() {
                None | Some("quit") => break,
                Some("list") => for peer in server.peers() {
                    println!("{} at {}, {} ms", peer.id, peer.address, peer.statistics.round_trip_time);
                },
                Some(other) => match other.strip_prefix("ban ").map(|id| ban(&server, id)) {
                    Some(Some(address)) => { banned.insert(address); }
                    Some(None) => println!("there is no such client"),
                    None => println!("list, ban ID, quit"),
                },
            },
        }
    }
    server.shutdown(0).await; // Delivers what was relayed, and tells the clients.
    Ok(())
}

fn see(server: &GodotServer, banned: &HashSet<IpAddr>, event: ServerEvent) {
    match event {
        ServerEvent::PeerConnected { id } => match server.peer(id) {
            Some(peer) if banned.contains(&peer.address.ip()) => drop(server.disconnect(id, BANNED)),
            _ => {
                println!("{id} joined");
                // In Godot: the signal `peer_packet` of SceneMultiplayer. It may have left by now.
                let _ = server.send_bytes(id, TransferChannel::ZERO, TransferMode::Reliable, b"be nice");
            }
        },
        ServerEvent::PeerDisconnected { id, reason } => println!("{id} left: {reason}"),
        // What is for the server alone, or for all. What clients send each other it does not see.
        ServerEvent::Packet(packet) => println!("{} sends {} bytes", packet.from, packet.data.len()),
        // Calls of nodes, of which it has none.
        _ => {}
    }
}

/// Disconnects a client. Returns where it was.
fn ban(server: &GodotServer, id: &str) -> Option<IpAddr> {
    let peer = server.peer(PeerId::new(id.trim().parse().ok()?)?)?;
    server.disconnect(peer.id, BANNED);
    Some(peer.address.ip())
}

/// The lines of the input. A thread reads them, as that waits.
fn console() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        let mut typed = std::io::stdin().lines().map_while(Result::ok);
        typed.all(|line| sender.blocking_send(line).is_ok())
    });
    lines
}
