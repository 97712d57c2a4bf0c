//! `cargo run --release -p arena`: the server of the game, and a client if there is a Godot.

use std::process::ExitCode;

use arena::{Game, Rules, client, serve};
use clap::Parser;
use godot_peer::{GodotServer, ServerOptions};
use tracing_subscriber::EnvFilter;

/// Players run for coins in an arena, and chat. The server is this program, the clients are stock Godots.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "[::]:7777")]
    bind: String,

    /// Starts no client.
    #[arg(long)]
    no_client: bool,

    /// Who enters with this word may kick and ban. A random one by default.
    #[arg(long)]
    word: Option<String>,

    /// How many may play at a time.
    #[arg(long, default_value_t = 64)]
    max_players: usize,

    /// What to log, as `info` or `arena=debug`.
    #[arg(long, default_value = "info")]
    log: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&arguments.log)?)
        .with_writer(std::io::stderr)
        .init();
    let word = match arguments.word {
        Some(word) => word,
        None => format!("{:08x}", getrandom::u32()?),
    };
    let server = GodotServer::bind(&*arguments.bind, ServerOptions::default()).await?;
    let address = server.local_addr();
    println!("listening on {address}");
    println!("who enters with word={word} may kick and ban");
    let _client = match arguments.no_client {
        true => None,
        false => start_client(address.port(), &word).await?,
    };
    let rules = Rules {
        max_players: arguments.max_players,
        word,
    };
    let game = Game::new(rules, getrandom::u64()?);
    tokio::select! {
        served = serve(&server, game) => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    server.shutdown(0).await;
    Ok(())
}

async fn start_client(port: u16, word: &str) -> std::io::Result<Option<tokio::process::Child>> {
    let project = client::project();
    let Some(godot) = client::find_godot().await else {
        println!(
            "no Godot 4 was found (GODOT4_BIN, godot4 and godot on the PATH). Get one from https://godotengine.org/download, and run\n  \
             godot --path {} -- port={port} name=Ann word={word}",
            project.display()
        );
        return Ok(None);
    };
    let client = client::start(&godot, port, word)?;
    println!(
        "another player:\n  {} --path {} -- port={port} name=Ann",
        godot.display(),
        project.display()
    );
    Ok(Some(client))
}
