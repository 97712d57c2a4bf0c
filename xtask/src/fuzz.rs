//! Each fuzz target for a while, with cargo-fuzz.

use clap::Args;

use crate::step::{Context, Failure, Step, succeeds};

/// How long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u32,

    /// Runs only this target.
    #[arg(long)]
    target: Option<String>,
}

const ADVICE: &str =
    "An input that breaks something is in fuzz/artifacts/. Add it to the seeds of its target with the correction.";

/// The most bytes that an input has: that of a datagram, and some.
const MAX_LENGTH: &str = "-max_len=8192";

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    if !succeeds("cargo", &["fuzz", "--version"]) {
        return Err(Failure {
            step: "fuzz",
            reason: "cargo-fuzz is not installed".to_owned(),
            advice: "`cargo install --locked cargo-fuzz`, and `rustup toolchain install nightly`.".to_owned(),
        });
    }
    Step::cargo(
        "seeds",
        &["run", "--quiet", "--package", "fuzz-targets", "--bin", "write-seeds"],
    )
    .minutes(15)
    .run(context)?;
    let targets = match &options.target {
        Some(target) => target.clone(),
        None => Step::new("targets", &["cargo", "+nightly", "fuzz", "list"]).read(context)?,
    };
    let seconds = format!("-max_total_time={}", options.seconds);
    for target in targets.split_whitespace() {
        let mut command = vec!["cargo", "+nightly", "fuzz", "run", target, "--", MAX_LENGTH, &seconds];
        if target == "zstd" {
            // A library in C, whose code is not watched: no input would seem to be worth keeping.
            command.push("-keep_seed=1");
        }
        Step::new("fuzz", &command)
            .minutes(20 + u64::from(options.seconds) / 60)
            .advice(ADVICE)
            .run(context)?;
    }
    Ok(())
}
