//! All tests, with their set-up before and a table after.

use std::env::{self, consts::EXE_SUFFIX};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::packages;
use crate::setup;
use crate::step::{Context, Failure, Step, succeeds};
use crate::tally::Tally;
use crate::workspace::{self, NAME_FILES};

/// What names the `enet` command to the tests.
const ENET_BIN: &str = "ENET_BIN";

/// What tells the tests that the examples are built with them.
const EXAMPLES_BUILT: &str = "EXAMPLES_BUILT";

/// What is off by default and tested all the same.
pub(crate) const FEATURES: &str = "--features=enet-cli/dtls,enet-tokio/dtls,godot-peer/dtls,peer-ext/dtls";

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let built = Step::cargo("build", &["test", "--workspace", FEATURES, "--no-run", NAME_FILES])
        .minutes(25)
        .advice("The compiler's messages above say why. Crates that are not here yet need a network.")
        .read(context)?;
    let programs = Programs {
        enet: workspace::built(&built, &format!("enet{EXE_SUFFIX}")),
    };
    // The tests lay it out, each in a place of its own, and would have it built first.
    let extension = [
        "build",
        "--package",
        "peer-ext",
        "--features",
        "dtls",
        "--profile",
        "test",
    ];
    Step::cargo("extension", &extension)
        .minutes(20)
        .advice("The compiler's messages above say why. It needs the Rust that peer-ext/Cargo.toml names.")
        .run(context)?;
    let godot = if context.without_godot {
        None
    } else {
        Some(setup::godot(context)?)
    };

    let start = Instant::now();
    let mut tally = Tally::default();
    let result = all(context, &programs, &mut tally);
    println!("\n{tally}");
    report(godot.as_deref(), start.elapsed());
    result
}

/// Tests what is published, and nothing that needs a library of the system or a Godot.
pub(crate) fn libraries(context: &Context) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let result = Step::cargo(
        "tests",
        &[&["test", "--no-fail-fast"], &packages::selection()[..]].concat(),
    )
    .minutes(30)
    .advice("\"failures:\" above names them. One by itself: `cargo test -p CRATE NAME`.")
    .watch(context, |line| tally.see_libtest(line));
    println!("\n{tally}");
    result
}

/// What the tests run and have no need to build themselves.
struct Programs {
    enet: Option<PathBuf>,
}

impl Programs {
    /// Tells the tests, unless somebody has chosen others for them.
    fn tell(&self, step: Step) -> Step {
        let step = step.env(EXAMPLES_BUILT, "1");
        match &self.enet {
            Some(enet) if env::var_os(ENET_BIN).is_none() => step.env(ENET_BIN, &enet.to_string_lossy()),
            _ => step,
        }
    }
}

/// Runs on after a failure, so that one run shows all of them.
fn all(context: &Context, programs: &Programs, tally: &mut Tally) -> Result<(), Failure> {
    if !succeeds("cargo", &["nextest", "--version"]) {
        return programs
            .tell(Step::cargo(
                "tests",
                &["test", "--workspace", FEATURES, "--no-fail-fast"],
            ))
            .minutes(30)
            .advice("\"failures:\" above names them. One by itself: `cargo test -p CRATE NAME`.")
            .watch(context, |line| tally.see_libtest(line));
    }
    let nextest = [
        "nextest",
        "run",
        "--workspace",
        FEATURES,
        "--no-fail-fast",
        "--status-level=all",
    ];
    let tests = programs
        .tell(Step::cargo("tests", &nextest))
        .minutes(30)
        .advice("The lines with FAIL above name them. One by itself: `cargo test -p CRATE NAME`.")
        .watch(context, |line| tally.see_nextest(line));
    // Nextest leaves these out.
    let examples = Step::cargo(
        "examples in the documentation",
        &["test", "--workspace", FEATURES, "--doc"],
    )
    .minutes(10)
    .advice("The messages above name them. One crate by itself: `cargo test -p CRATE --doc`.")
    .watch(context, |line| tally.see_libtest(line));
    tests.and(examples)
}

fn report(godot: Option<&str>, took: Duration) {
    match godot {
        Some(version) => println!("Godot: {version}"),
        None => println!("Godot: LEFT OUT by choice; the tests that need one were not run (they count as ignored)."),
    }
    println!("The tests took {} s.", took.as_secs());
}
