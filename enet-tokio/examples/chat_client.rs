//! Joins the chat and says each line of its input: `cargo run --example chat_client -- localhost:7777`
//!
//! When the input ends (Ctrl-D) it leaves: what was said arrives first.

use std::thread;

use enet_tokio::{Config, Endpoint, Packet};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:7777".to_owned());
    let client = Endpoint::client(Config::default())?;
    let connection = client.connect(address, 1, 0).await?;

    // Input is read by a thread, as that waits. It reads no more than one line ahead of what the connection takes.
    let (typed, mut lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                break;
            }
        }
    });

    let speaks = async {
        while let Some(line) = lines.recv().await {
            if let Err(error) = connection.send(0, Packet::reliable(line)).await {
                eprintln!("not said: {error}");
            }
        }
    };
    let hears = async {
        loop {
            match connection.recv().await {
                Ok((_, packet)) => println!("{}", String::from_utf8_lossy(&packet.data)),
                Err(reason) => break reason,
            }
        }
    };
    tokio::select! {
        () = speaks => { connection.disconnect(0).await; }
        reason = hears => println!("the chat is over: {reason}"),
    }
    Ok(())
}
