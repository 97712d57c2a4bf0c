//! Format, clippy, documentation, and what is published; any warning is an error.

use std::env;

use crate::packages::{self, PACKAGES};
use crate::step::{Context, Failure, Step, succeeds};
use crate::test::FEATURES;
use crate::{api, workspace};

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    Step::cargo("format", &["fmt", "--all", "--check"])
        .advice("`cargo fmt --all` puts it right. Is rustfmt missing: `rustup component add rustfmt`.")
        .run(context)?;
    Step::cargo(
        "clippy",
        &["clippy", "--workspace", FEATURES, "--all-targets", "--", "-Dwarnings"],
    )
    .minutes(20)
    .advice("Its messages above say what and where. Is clippy missing: `rustup component add clippy`.")
    .run(context)?;
    features(context)?;
    Step::cargo("documentation", &["doc", "--workspace", FEATURES, "--no-deps"])
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .minutes(15)
        .advice("Its messages above say what and where.")
        .run(context)?;
    api::check(context)?;
    packages::check(context)?;
    minimum_rust(context)?;
    dependencies(context)
}

/// Each package by itself, with none and with all of its features: in a workspace one gets what another asks for.
fn features(context: &Context) -> Result<(), Failure> {
    for package in &PACKAGES {
        for features in ["--no-default-features", &package.all_features()] {
            Step::cargo(
                "features",
                &[
                    "clippy",
                    "--quiet",
                    "--package",
                    package.name,
                    features,
                    "--",
                    "-Dwarnings",
                ],
            )
            .minutes(10)
            .advice("Its messages above say what and where: what only some feature needs is marked with `cfg`.")
            .run(context)?;
        }
    }
    Ok(())
}

/// The libraries and the command with the oldest Rust that they say they need, where rustup has it. (That they use nothing of the
/// standard library which is newer, clippy sees.)
pub(crate) fn minimum_rust(context: &Context) -> Result<(), Failure> {
    let version = packages::MINIMUM_RUST;
    if !succeeds("rustup", &["run", version, "cargo", "--version"]) {
        println!(
            "\nNOT CHECKED with Rust {version}, the oldest it is for: `rustup toolchain install {version}` brings it."
        );
        return Ok(());
    }
    let target = workspace::target_folder().join("minimum-rust");
    let target = target.to_string_lossy();
    let cargo = [
        "rustup",
        "run",
        version,
        "cargo",
        "check",
        "--locked",
        "--target-dir",
        &target,
    ];
    Step::new("minimum Rust", &[&cargo[..], &packages::selection()].concat())
        .minutes(15)
        .advice("Its messages above say what is too new: do without it, or raise `rust-version` in Cargo.toml and the documents.")
        .run(context)
}

/// Licences, sources and duplicates of what is depended on.
fn dependencies(context: &Context) -> Result<(), Failure> {
    let Some(program) = cargo_deny(context)? else {
        println!(
            "\nNOT CHECKED: licences and duplicates of dependencies. `cargo install --locked cargo-deny` brings what does it."
        );
        return Ok(());
    };
    Step::new(
        "dependencies",
        &[&program, "deny", "check", "bans", "licenses", "sources"],
    )
    .advice("Its messages above say which. What is allowed is in deny.toml.")
    .run(context)
}

/// The program `cargo-deny`: that of the machine, or one below the target folder, which continuous integration has made.
fn cargo_deny(context: &Context) -> Result<Option<String>, Failure> {
    const NAME: &str = "cargo-deny";
    if succeeds(NAME, &["--version"]) {
        return Ok(Some(NAME.to_owned()));
    }
    let tools = workspace::target_folder().join("tools");
    let program = tools.join("bin").join(NAME).to_string_lossy().into_owned();
    if succeeds(&program, &["--version"]) {
        return Ok(Some(program));
    }
    if env::var_os("CI").is_none() {
        return Ok(None);
    }
    let root = tools.to_string_lossy();
    Step::cargo(
        NAME,
        &["install", "--quiet", "--locked", "--debug", "--root", &root, NAME],
    )
    .minutes(15)
    .advice("It comes from the registry, and needs a network.")
    .run(context)?;
    Ok(Some(program))
}
