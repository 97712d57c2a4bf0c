//! Tests and checks of this workspace, with their set-up: `cargo xtask test`, `cargo xtask lint`, `cargo xtask ci`. And the
//! extension for Godot, laid out for use: `cargo xtask addon`.
#![forbid(unsafe_code)]

mod addon;
mod lint;
mod setup;
mod step;
mod tally;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::step::{Context, Failure};

/// Tests and checks of this workspace, with their set-up.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct TestOptions {
    /// Leaves out the tests that need a Godot 4, as `GODOT_INTEROP=skip` in the environment does.
    #[arg(long)]
    without_godot: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sets up what the tests need, then runs all of them, with cargo-nextest if it is installed.
    ///
    /// The set-up is ENet's C library and a stock Godot 4. What is there already is used: a second run sets nothing up.
    Test(TestOptions),
    /// Checks format, clippy and documentation; any warning is an error.
    Lint,
    /// What continuous integration runs: lint, then test.
    ///
    /// With CI in the environment every step has a time limit.
    Ci(TestOptions),
    /// Builds the extension for Godot and puts it into a project as `addons/rust_enet/`.
    ///
    /// The first time it takes some minutes, for all that the extension is made of; later only what has changed is built.
    Addon(addon::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let without_godot = match command {
        Command::Test(options) | Command::Ci(options) => options.without_godot,
        Command::Lint | Command::Addon(_) => false,
    };
    let context = Context::new(without_godot);
    if let Command::Addon(options) = command {
        return addon::run(options, &context);
    }
    setup::c_libraries(&context)?;
    match command {
        Command::Addon(_) => Ok(()),
        Command::Test(_) => test::run(&context),
        Command::Lint => lint::run(&context),
        Command::Ci(_) => {
            lint::run(&context)?;
            test::run(&context)
        }
    }
}
