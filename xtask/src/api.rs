//! The public API of the libraries, on record, so that a change of it is seen where changes are looked at.
//!
//! It is read from what rustdoc writes as JSON, whose format is not stable: one version of Rust writes what the crate `public-api` in
//! this version reads. With another one nothing is compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use public_api::Builder;
use serde_json::Value;

use crate::packages::PACKAGES;
use crate::step::{Context, Failure, Step};
use crate::workspace;

/// The format that is read, and the versions of Rust that write it.
const FORMAT: u64 = 57;
const WRITTEN_BY: &str = "Rust 1.93 to 1.95";

/// How many lines of a difference are shown.
const MOST_SHOWN: usize = 40;

/// Compares with the record.
pub(crate) fn check(context: &Context) -> Result<(), Failure> {
    for (library, listing) in listings(context)? {
        let recorded = fs::read_to_string(record(library)).unwrap_or_default();
        let differences = differences(&recorded, &listing);
        if differences.is_empty() {
            continue;
        }
        for line in differences.iter().take(MOST_SHOWN) {
            println!("{line}");
        }
        return Err(Failure {
            step: "public API",
            reason: format!(
                "that of {library} is not what is recorded, in {} lines",
                differences.len()
            ),
            advice: "Is it meant to change: `cargo xtask api` records it anew, and the difference is seen in review."
                .to_owned(),
        });
    }
    Ok(())
}

/// Writes the record.
pub(crate) fn write(context: &Context) -> Result<(), Failure> {
    for (library, listing) in listings(context)? {
        let path = record(library);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, listing));
        written.map_err(|error| failure(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// The name of each library and its listing; none at all where this Rust writes another format.
fn listings(context: &Context) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut listings = Vec::new();
    // By itself, so that what else is built does not have to be built again.
    let target = workspace::target_folder().join("api");
    for package in &PACKAGES {
        let Some(library) = package.library else { continue };
        let folder = target.to_string_lossy();
        Step::cargo(
            "public API",
            &[
                "rustdoc",
                "--quiet",
                "--package",
                package.name,
                "--lib",
                &package.all_features(),
                "--target-dir",
                &folder,
                "--",
                "-Zunstable-options",
                "--output-format=json",
                "--cap-lints=allow",
            ],
        )
        .env("RUSTC_BOOTSTRAP", "1")
        .minutes(10)
        .advice("The compiler's messages above say why.")
        .run(context)?;
        let path = target.join("doc").join(format!("{library}.json"));
        let format = format_of(&path)?;
        if format != FORMAT {
            println!(
                "The public API is NOT COMPARED: this Rust writes format {format}, and {FORMAT} is read ({WRITTEN_BY})."
            );
            return Ok(Vec::new());
        }
        listings.push((library, listing(&path)?));
    }
    Ok(listings)
}

fn format_of(path: &Path) -> Result<u64, Failure> {
    let text = fs::read(path).map_err(|error| failure(format!("cannot read {}: {error}", path.display())))?;
    let json: Value = serde_json::from_slice(&text).map_err(|error| failure(error.to_string()))?;
    Ok(json["format_version"].as_u64().unwrap_or_default())
}

/// One line an item, sorted; without what every type has.
fn listing(path: &Path) -> Result<String, Failure> {
    let api = Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .map_err(|error| failure(error.to_string()))?;
    Ok(api.to_string())
}

fn record(library: &str) -> PathBuf {
    workspace::folder().join("xtask/api").join(format!("{library}.txt"))
}

/// The lines that only one of them has, with a sign before.
fn differences(recorded: &str, now: &str) -> Vec<String> {
    let before: BTreeSet<&str> = recorded.lines().collect();
    let after: BTreeSet<&str> = now.lines().collect();
    let gone = before.difference(&after).map(|line| format!("-{line}"));
    let new = after.difference(&before).map(|line| format!("+{line}"));
    gone.chain(new).collect()
}

fn failure(reason: String) -> Failure {
    Failure {
        step: "public API",
        reason,
        advice: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_item_is_shown_as_it_was_and_as_it_is() {
        let before = "pub fn a()\npub fn b(u8)\n";
        let after = "pub fn a()\npub fn b(u16)\npub fn c()\n";
        assert_eq!(differences(before, before), [""; 0]);
        assert_eq!(
            differences(before, after),
            ["-pub fn b(u8)", "+pub fn b(u16)", "+pub fn c()"]
        );
    }
}
