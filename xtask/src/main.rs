//! Tests and checks of this workspace, with their set-up: `cargo xtask test`, `cargo xtask lint`, `cargo xtask ci`. And the
//! extension for Godot, laid out for use: `cargo xtask addon`.
#![forbid(unsafe_code)]

mod addon;
mod lint;
mod setup;
mod step;
mod tally;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::step::{Context, Failure};

/// Tests and checks of this workspace, with their set-up.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Leaves out the tests that need a Godot 4, as `GODOT_INTEROP=skip` in the environment does.
    #[arg(long, global = true)]
    without_godot: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sets up what the tests need, then runs all of them, with cargo-nextest if it is installed.
    ///
    /// The set-up is ENet's C library and a stock Godot 4. What is there already is used: a second run sets nothing up.
    Test,
    /// Checks format, clippy and documentation; any warning is an error.
    Lint,
    /// What continuous integration runs: lint, then test.
    ///
    /// With CI in the environment every step has a time limit.
    Ci,
    /// Builds the extension for Godot and lays out `addons/rust_enet/`, ready to be copied into a project.
    Addon(addon::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(arguments.without_godot);
    match run(&arguments.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    if let Command::Addon(options) = command {
        return addon::run(options, context);
    }
    setup::c_enet(context)?;
    match command {
        Command::Addon(_) => Ok(()),
        Command::Test => test::run(context),
        Command::Lint => lint::run(context),
        Command::Ci => {
            lint::run(context)?;
            test::run(context)
        }
    }
}
