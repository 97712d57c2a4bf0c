//! The `enet` command.
#![deny(unsafe_code)]

mod address;
mod journal;
mod log;
mod memory;
mod screen;
mod serve;
mod signals;
mod status;

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
    Serve(serve::Arguments),
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
