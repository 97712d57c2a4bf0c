//! Tests and checks of this workspace, with their set-up: `cargo xtask test`, `cargo xtask lint`, `cargo xtask ci`. The
//! extension for Godot, laid out for use: `cargo xtask addon`. And what a release consists of: `cargo xtask release`.
#![forbid(unsafe_code)]

mod addon;
mod api;
mod fuzz;
mod lint;
mod packages;
mod release;
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

    /// Tests only what is published, which needs no C library and no Godot.
    #[arg(long)]
    libraries: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sets up what the tests need, then runs all of them, with cargo-nextest if it is installed.
    ///
    /// The set-up is ENet's C library and a stock Godot 4. What is there already is used: a second run sets nothing up.
    Test(TestOptions),
    /// Checks format, clippy, documentation, features, packages and the public API; any warning is an error.
    ///
    /// What needs a tool that is not there (the oldest Rust, cargo-deny) is left out, and says so.
    Lint,
    /// Records the public API of the libraries in `xtask/api/`, where a change of it is seen in review.
    Api,
    /// Checks what is published with the oldest Rust that it is for.
    MinimumRust,
    /// Fuzzes each target in turn with cargo-fuzz, which needs a nightly compiler.
    Fuzz(fuzz::Options),
    /// Makes what a release consists of, in `target/release-assets/`: packages, the `enet` command, the addon, checksums.
    Release(release::Options),
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
    let (without_godot, libraries) = match command {
        Command::Test(options) | Command::Ci(options) => (options.without_godot, options.libraries),
        _ => (false, false),
    };
    let context = Context::new(without_godot);
    match command {
        Command::Addon(options) => return addon::run(options, &context),
        Command::Release(options) => return release::run(options, &context),
        Command::Fuzz(options) => return fuzz::run(options, &context),
        Command::MinimumRust => return lint::minimum_rust(&context),
        Command::Test(_) if libraries => return test::libraries(&context),
        Command::Test(_) | Command::Lint | Command::Ci(_) | Command::Api => {}
    }
    setup::c_libraries(&context)?;
    match command {
        Command::Test(_) => test::run(&context),
        Command::Lint => lint::run(&context),
        Command::Api => api::write(&context),
        _ => {
            lint::run(&context)?;
            test::run(&context)
        }
    }
}
