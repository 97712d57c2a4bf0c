//! Sends every packet back: `cargo run --example echo_server -- [::]:7777`

use enet_tokio::{Config, Endpoint};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "[::]:7777".to_owned());
    let server = Endpoint::bind(address, Config::default()).await?;
    println!("listening on {}", server.local_addr());

    let accepting = server.clone();
    tokio::spawn(async move {
        while let Some(connection) = accepting.accept().await {
            tokio::spawn(async move {
                println!("{} came", connection.remote_address());
                let reason = loop {
                    match connection.recv().await {
                        Ok((channel, packet)) => drop(connection.send(channel, packet).await),
                        Err(reason) => break reason,
                    }
                };
                println!("{} went: {reason:?}", connection.remote_address());
            });
        }
    });

    tokio::signal::ctrl_c().await?;
    server.shutdown(0).await;
    Ok(())
}
