//! The `enet` command.
#![deny(unsafe_code)]

mod address;
mod arguments;
mod calls;
mod encryption;
mod filter;
mod journal;
mod limiter;
mod log;
mod machine;
mod memory;
mod screen;
mod serve;
mod signals;
mod size;
mod status;
mod table;
mod turned_away;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools for ENet, the protocol of Godot's multiplayer.
#[derive(Debug, Parser)]
#[command(name = "enet", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(arguments::Arguments),
}

fn main() -> ExitCode {
    let Command::Serve(arguments) = Arguments::parse().command;
    match serve::run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("enet: {error}");
            ExitCode::FAILURE
        }
    }
}
