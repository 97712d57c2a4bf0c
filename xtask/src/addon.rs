//! The extension for Godot, laid out as a project needs it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use clap::Args;

use crate::step::{Context, Failure, Step};

/// Where the addon is to be and for what system.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder to put `addons/rust_enet/` into, for example that of a Godot project.
    #[arg(long, default_value = ".")]
    into: PathBuf,

    /// The target to build for, as `rustc` names it; this machine's if left out. Libraries for other targets that are there
    /// already stay.
    #[arg(long)]
    target: Option<String>,

    /// Leaves out the release library, which exported games use.
    #[arg(long)]
    debug_only: bool,

    /// The profile of cargo's that the debug library is built with.
    #[arg(long, default_value = "dev")]
    debug_profile: String,
}

/// A system that the .gdextension file has entries for.
struct System {
    folder: &'static str,
    prefix: &'static str,
    suffix: &'static str,
}

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let target = match &options.target {
        Some(target) => target.clone(),
        None => host(context)?,
    };
    let system = system(&target).ok_or_else(|| failure(format!("there is no entry for {target}")))?;
    let addon = options.into.join("addons/rust_enet");
    let mut files = Vec::new();
    let release = (!options.debug_only).then_some(("release", "release"));
    for (kind, profile) in [("debug", options.debug_profile.as_str())].into_iter().chain(release) {
        let mut command = vec!["build", "--package", "peer-ext", "--profile", profile];
        command.extend(options.target.iter().flat_map(|target| ["--target", target.as_str()]));
        Step::cargo("library", &command)
            // A quarter of the size; the debug library keeps its symbols, for backtraces.
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
            .minutes(20)
            .advice("Its messages above say why. It needs the Rust that peer-ext/Cargo.toml names, and the target installed.")
            .run(context)?;
        let built = built_in(options.target.as_deref())
            .join(folder(profile))
            .join(format!("{}rust_enet.{}", system.prefix, system.suffix));
        let name = format!("{}rust_enet.{kind}.{}", system.prefix, system.suffix);
        files.push((built, addon.join("bin").join(system.folder).join(name)));
    }
    let source = Path::new("peer-ext/addon");
    for entry in fs::read_dir(source).map_err(|error| at(source, &error))? {
        let entry = entry.map_err(|error| at(source, &error))?;
        files.push((entry.path(), addon.join(entry.file_name())));
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        files.push((licence.into(), addon.join(licence)));
    }
    for (from, to) in &files {
        copy(from, to).map_err(|error| at(from, &error))?;
    }
    println!("\n{} files in {}", files.len(), addon.display());
    Ok(())
}

/// The target of this machine.
fn host(context: &Context) -> Result<String, Failure> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Step::new("target", &[&rustc, "-vV"]).read(context)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| failure("rustc does not name this machine's target".to_owned()))
}

fn system(target: &str) -> Option<System> {
    let [folder, prefix, suffix] = match target {
        "x86_64-unknown-linux-gnu" => ["linux.x86_64", "lib", "so"],
        "aarch64-unknown-linux-gnu" => ["linux.arm64", "lib", "so"],
        "x86_64-pc-windows-msvc" | "x86_64-pc-windows-gnu" => ["windows.x86_64", "", "dll"],
        "x86_64-apple-darwin" | "aarch64-apple-darwin" => ["macos.universal", "lib", "dylib"],
        _ => return None,
    };
    Some(System { folder, prefix, suffix })
}

/// Cargo's target folder, and the one of a named target in it.
fn built_in(target: Option<&str>) -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.map_or_else(|| folder.clone(), |target| folder.join(target))
}

/// Where cargo puts what it builds with a profile.
fn folder(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    }
}

/// Copies a file unless that has been done; in one step, as a Godot may be reading the old one.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let source = fs::metadata(from)?;
    let same =
        fs::metadata(to).is_ok_and(|copy| copy.len() == source.len() && copy.modified().ok() >= source.modified().ok());
    if same {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut fresh = to.as_os_str().to_owned();
    fresh.push(format!(".{}", process::id()));
    let copied = fs::copy(from, &fresh).and_then(|_| fs::rename(&fresh, to));
    if copied.is_err() {
        // It may not be there.
        let _ = fs::remove_file(&fresh);
    }
    copied
}

fn at(path: &Path, error: &io::Error) -> Failure {
    failure(format!("{}: {error}", path.display()))
}

fn failure(reason: String) -> Failure {
    Failure {
        step: "addon",
        reason,
        advice: "To be run in the folder of the workspace.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_has_an_entry_in_the_gdextension_file() {
        let entries = include_str!("../../peer-ext/addon/rust_enet.gdextension");
        let targets = [
            "x86_64-unknown-linux-gnu",
            "aarch64-unknown-linux-gnu",
            "x86_64-pc-windows-msvc",
            "aarch64-apple-darwin",
        ];
        for target in targets {
            let system = system(target).expect("a known target");
            for kind in ["debug", "release"] {
                let System { folder, prefix, suffix } = &system;
                let path = format!("bin/{folder}/{prefix}rust_enet.{kind}.{suffix}");
                assert!(entries.contains(&path), "{path}");
            }
        }
    }
}
