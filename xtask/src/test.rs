//! All tests, with their set-up before and a table after.

use std::time::{Duration, Instant};

use crate::setup;
use crate::step::{Context, Failure, Step, succeeds};
use crate::tally::Tally;

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    Step::cargo("build", &["test", "--workspace", "--no-run"])
        .minutes(25)
        .advice("The compiler's messages above say why. Crates that are not here yet need a network.")
        .run(context)?;
    let godot = if context.without_godot {
        None
    } else {
        Some(setup::godot(context)?)
    };

    let start = Instant::now();
    let mut tally = Tally::default();
    let result = all(context, &mut tally);
    println!("\n{tally}");
    report(godot.as_deref(), start.elapsed());
    result
}

/// Runs on after a failure, so that one run shows all of them.
fn all(context: &Context, tally: &mut Tally) -> Result<(), Failure> {
    if !succeeds("cargo", &["nextest", "--version"]) {
        return Step::cargo("tests", &["test", "--workspace", "--no-fail-fast"])
            .minutes(30)
            .advice("\"failures:\" above names them. One by itself: `cargo test -p CRATE NAME`.")
            .watch(context, |line| tally.see_libtest(line));
    }
    let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--status-level=all"];
    let tests = Step::cargo("tests", &nextest)
        .minutes(30)
        .advice("The lines with FAIL above name them. One by itself: `cargo test -p CRATE NAME`.")
        .watch(context, |line| tally.see_nextest(line));
    // Nextest leaves these out.
    let examples = Step::cargo("examples in the documentation", &["test", "--workspace", "--doc"])
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
