//! Format, clippy and documentation; any warning is an error.

use crate::step::{Context, Failure, Step};
use crate::test::FEATURES;

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
    Step::cargo("documentation", &["doc", "--workspace", FEATURES, "--no-deps"])
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .minutes(15)
        .advice("Its messages above say what and where.")
        .run(context)
}
