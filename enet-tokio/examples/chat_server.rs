//! A chat: what one says all hear. `cargo run --example chat_server -- [::]:7777`
//!
//! **Back-pressure.** `send` waits while a member's queue is full. Meanwhile lines wait in the room, 256 of them: who is slower misses
//! some and is told how many. Who says more than is taken is slowed down in turn, as nobody receives from it.
//!
//! **Graceful end.** Ctrl-C: what is queued is delivered, and everybody is told.

use enet_tokio::{Config, Connection, Endpoint, Packet};
use tokio::sync::broadcast::{Sender, channel, error::RecvError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "[::]:7777".to_owned());
    // Lines are short, and little of them waits for one member.
    let config = Config::default().with_host(|host| {
        host.max_packet_size = 1024;
        host.max_queued_data = 64 * 1024;
    });
    let server = Endpoint::bind(address, config).await?;
    println!("listening on {}", server.local_addr());

    let (room, _) = channel(256);
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let connection = tokio::select! {
            _ = &mut stop => break,
            connection = server.accept() => connection,
        };
        let Some(connection) = connection else { break };
        tokio::spawn(member(connection, room.clone()));
    }
    server.shutdown(0).await;
    Ok(())
}

async fn member(connection: Connection, room: Sender<String>) {
    let name = connection.remote_address();
    let mut lines = room.subscribe();
    tell(&room, format!("{name} came"));
    // Side by side: who waited for the one before the other could wait for somebody who does the same.
    let speaks = async {
        while let Ok((_, packet)) = connection.recv().await {
            tell(&room, format!("{name}: {}", String::from_utf8_lossy(&packet.data)));
        }
    };
    let hears = async {
        loop {
            let line = match lines.recv().await {
                Ok(line) => line,
                Err(RecvError::Lagged(missed)) => format!("you missed {missed} lines"),
                Err(RecvError::Closed) => break,
            };
            if connection.send(0, Packet::reliable(line)).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = speaks => {}
        () = hears => {}
    }
    tell(&room, format!("{name} left: {}", connection.closed().await));
}

fn tell(room: &Sender<String>, line: String) {
    println!("{line}");
    // Nobody may be there.
    let _ = room.send(line);
}
