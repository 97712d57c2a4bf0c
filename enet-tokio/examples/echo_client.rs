//! Sends each line of its input and prints what comes back: `cargo run --example echo_client -- localhost:7777`

use enet_tokio::{Config, Endpoint, Packet};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:7777".to_owned());
    let client = Endpoint::client(Config::default())?;
    let connection = client.connect(address, 1, 0).await?;
    println!("connected to {}", connection.remote_address());

    for line in std::io::stdin().lines() {
        connection.send(0, Packet::reliable(line?)).await?;
        let (_, answer) = connection.recv().await?;
        println!(
            "{} ({:?})",
            String::from_utf8_lossy(&answer.data),
            connection.round_trip_time()
        );
    }
    connection.disconnect(0).await;
    Ok(())
}
