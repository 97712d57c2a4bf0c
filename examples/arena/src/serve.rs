//! The game on a server.

use std::time::Duration;

use godot_peer::calls::InvalidNodePath;
use godot_peer::{GodotServer, ServerEvent};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};

use crate::game::TICKS;
use crate::script::NODE;
use crate::{ArenaRpc, Game, Output};

/// Plays until the server is shut down.
///
/// # Errors
///
/// If the server does not take the arena's node.
pub async fn serve(server: &GodotServer, mut game: Game) -> Result<(), InvalidNodePath> {
    server.add_node(NODE, &ArenaRpc::interface())?;
    let mut ticks = interval(Duration::from_secs(1) / TICKS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => game.tick(),
            event = server.next_event() => match event {
                Some(event) => take(&mut game, server, event),
                None => return Ok(()),
            },
        }
        for output in game.take_outputs() {
            carry_out(server, output);
        }
    }
}

fn take(game: &mut Game, server: &GodotServer, event: ServerEvent) {
    match event {
        ServerEvent::PeerConnected { id } => {
            if let Some(peer) = server.peer(id) {
                info!("{id} has connected from {}", peer.address);
                game.connected(id, peer.address.ip());
            }
        }
        ServerEvent::PeerDisconnected { id, reason } => {
            info!("{id} has gone: {reason}");
            game.disconnected(id);
        }
        ServerEvent::Call(call) => {
            let from = call.from;
            if let Err(why) = ArenaRpc::dispatch(game, call) {
                debug!("a call of {from} is refused: {why}");
            }
        }
        // Nothing else is of interest here.
        _ => {}
    }
}

fn carry_out(server: &GodotServer, output: Output) {
    match output {
        Output::Call(target, call) => {
            let method = call.method;
            if let Err(error) = call.make(server, target, NODE) {
                // It has just gone, or takes nothing at the moment.
                debug!("{method} is not called on {target:?}: {error}");
            }
        }
        Output::Disconnect(id) => {
            // After what it was told.
            server.disconnect_later(id, 0);
        }
    }
}
