//! The extension for Godot, laid out as a project needs it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use clap::Args;

use crate::step::{Context, Failure, Step};
use crate::workspace::{self, NAME_FILES};

/// Where the addon is to be and for what system.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder of the Godot project to put `addons/rust_enet/` into. Without it the present folder, a project or not.
    #[arg(long, value_name = "PROJECT")]
    into: Option<PathBuf>,

    /// The folder need not be that of a project; it is made if need be.
    #[arg(long)]
    no_project: bool,

    /// The target to build for, as `rustc` names it; this machine's if left out. Libraries for other targets that are there
    /// already stay.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// Leaves out the release library, which exported games use.
    #[arg(long)]
    debug_only: bool,

    /// Encrypts by this machine's OpenSSL, which whoever uses the library has to have as well. Without this OpenSSL is built along
    /// with it and becomes a part of it, which needs perl and make, and takes some minutes for each library.
    #[arg(long)]
    system_openssl: bool,

    /// The profile of cargo's that the debug library is built with.
    #[arg(long, value_name = "PROFILE", default_value = "dev")]
    debug_profile: String,
}

const ENTRIES: &str = "peer-ext/addon/rust_enet.gdextension has those for Linux, Windows and macOS.";

/// Where a project lists the extensions that Godot loads when it starts.
const EXTENSION_LIST: &str = ".godot/extension_list.cfg";

/// Our line in that list.
const LISTED: &str = "res://addons/rust_enet/rust_enet.gdextension";

/// A system that the .gdextension file has entries for.
struct System {
    folder: &'static str,
    prefix: &'static str,
    suffix: &'static str,
}

/// A library to build and where to put it.
struct Library<'a> {
    step: &'static str,
    kind: &'static str,
    what_for: &'static str,
    profile: &'a str,
}

/// For a folder that is no project, with both libraries of this machine.
pub(crate) fn lay_out(into: &Path, context: &Context) -> Result<(), Failure> {
    let options = Options {
        into: Some(into.to_owned()),
        no_project: true,
        target: None,
        debug_only: false,
        system_openssl: false,
        debug_profile: "dev".to_owned(),
    };
    run(&options, context)
}

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let into = options.into.as_deref().unwrap_or(Path::new("."));
    let addon = into.join("addons/rust_enet");
    if options.into.is_some() && !options.no_project {
        expect_project(into)?;
    }
    expect_writable(&addon).map_err(|error| cannot("write to", &addon, &error))?;

    let target = match &options.target {
        Some(target) => target.clone(),
        None => host(context)?,
    };
    let system = system(&target).ok_or_else(|| failure(format!("there is no entry for {target}"), ENTRIES))?;
    let libraries = libraries(options);
    announce(&libraries, &target);
    let mut files = Vec::new();
    for library in &libraries {
        let name = format!("{}rust_enet.{}.{}", system.prefix, library.kind, system.suffix);
        let built = build(library, options, &system, context)?;
        files.push((built, addon.join("bin").join(system.folder).join(name)));
    }
    let workspace = workspace::folder();
    let source = workspace.join("peer-ext/addon");
    for entry in fs::read_dir(&source).map_err(|error| cannot("read", &source, &error))? {
        let entry = entry.map_err(|error| cannot("read", &source, &error))?;
        files.push((entry.path(), addon.join(entry.file_name())));
    }
    for document in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        files.push((workspace.join(document), addon.join(document)));
    }
    for (from, to) in &files {
        copy(from, to).map_err(|error| cannot("copy to", to, &error))?;
    }
    if into.join("project.godot").is_file() {
        let list = into.join(EXTENSION_LIST);
        enlist(&list).map_err(|error| cannot("write to", &list, &error))?;
    }
    println!("\n{} files in {}", files.len(), addon.display());
    Ok(())
}

/// Somebody who mistypes a path should know before minutes have passed.
fn expect_project(into: &Path) -> Result<(), Failure> {
    let has_project = |folder: &Path| folder.join("project.godot").is_file();
    if has_project(into) {
        return Ok(());
    }
    let reason = match into.is_dir() {
        true => format!("there is no project.godot in {}", into.display()),
        false => format!("{} is no folder", into.display()),
    };
    let absolute = std::path::absolute(into).unwrap_or_else(|_| into.to_owned());
    let advice = match absolute.ancestors().skip(1).find(|folder| has_project(folder)) {
        Some(project) => format!("There is one in {}: is that meant?", project.display()),
        None => "Name the folder of a Godot project; with --no-project any other will do.".to_owned(),
    };
    Err(failure(reason, &advice))
}

/// Makes the folder, and sees whether files can be put there.
fn expect_writable(addon: &Path) -> io::Result<()> {
    fs::create_dir_all(addon)?;
    let probe = addon.join(format!(".{}", process::id()));
    fs::write(&probe, [])?;
    fs::remove_file(&probe)
}

fn libraries(options: &Options) -> Vec<Library<'_>> {
    let debug = Library {
        step: "debug library",
        kind: "debug",
        what_for: "the editor",
        profile: &options.debug_profile,
    };
    let release = Library {
        step: "release library",
        kind: "release",
        what_for: "exported games",
        profile: "release",
    };
    let mut libraries = vec![debug];
    libraries.extend((!options.debug_only).then_some(release));
    libraries
}

fn announce(libraries: &[Library<'_>], target: &str) {
    println!("Builds for {target}:");
    for library in libraries {
        println!("  the {} library, for {}", library.kind, library.what_for);
    }
    println!("The first time each takes some minutes, later only as long as what has changed.");
}

/// Has cargo build a library, and returns where it is.
fn build(library: &Library<'_>, options: &Options, system: &System, context: &Context) -> Result<PathBuf, Failure> {
    let encryption = if options.system_openssl {
        "dtls"
    } else {
        "dtls-vendored"
    };
    let mut command = vec![
        "build",
        "--package",
        "peer-ext",
        "--profile",
        library.profile,
        "--features",
        encryption,
        NAME_FILES,
    ];
    command.extend(options.target.iter().flat_map(|target| ["--target", target]));
    let output = Step::cargo(library.step, &command)
        // A quarter of the size; the debug library keeps its symbols, for backtraces.
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .minutes(20)
        .advice(
            "Its messages above say why. It needs the Rust that peer-ext/Cargo.toml names, the target installed, and for OpenSSL a C \
             compiler, perl and make.",
        )
        .read(context)?;
    let name = format!("{}rust_enet.{}", system.prefix, system.suffix);
    workspace::built(&output, &name).ok_or_else(|| failure(format!("cargo does not say where it put {name}"), ""))
}

/// The target of this machine.
pub(crate) fn host(context: &Context) -> Result<String, Failure> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Step::new("target", &[&rustc, "-vV"]).read(context)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| {
        failure(
            "rustc does not name this machine's target".to_owned(),
            "Name one by --target.",
        )
    })
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

/// Puts the extension into a project's list, as the editor does when it has found one. Where the list is missing, as in a fresh
/// clone, Godot does not know the classes in its first run, and without a window it may crash at the end of that.
fn enlist(list: &Path) -> io::Result<()> {
    let mut listed = match fs::read_to_string(list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    if listed.lines().any(|line| line.trim() == LISTED) {
        return Ok(());
    }
    if !listed.is_empty() && !listed.ends_with('\n') {
        listed.push('\n');
    }
    listed.push_str(LISTED);
    listed.push('\n');
    if let Some(folder) = list.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(list, listed)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    failure(format!("cannot {what} {}: {error}", path.display()), "")
}

fn failure(reason: String, advice: &str) -> Failure {
    Failure {
        step: "addon",
        reason,
        advice: advice.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_project_is_refused_at_once_and_the_right_one_is_named() {
        let place = tempfile::tempdir().expect("a folder");
        let project = place.path().join("game");
        let addons = project.join("addons");
        fs::create_dir_all(&addons).expect("a folder");
        let refused = |folder: &Path| expect_project(folder).expect_err("no project").to_string();
        assert!(refused(&place.path().join("gone")).contains("gone is no folder"));
        assert!(refused(&project).contains("there is no project.godot in"));
        fs::write(project.join("project.godot"), "").expect("a file");
        assert!(expect_project(&project).is_ok());
        let hint = format!("There is one in {}: is that meant?", project.display());
        assert!(refused(&addons).contains(&hint), "{}", refused(&addons));
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_found_out_and_no_trace_is_left() {
        let place = tempfile::tempdir().expect("a folder");
        let addon = place.path().join("addons/rust_enet");
        expect_writable(&addon).expect("it can be written to");
        assert_eq!(fs::read_dir(&addon).expect("the folder").count(), 0);
        let file = place.path().join("file");
        fs::write(&file, "").expect("a file");
        assert!(expect_writable(&file.join("addons/rust_enet")).is_err());
    }

    #[test]
    fn the_extension_is_listed_once_beside_what_was_listed_before() {
        let place = tempfile::tempdir().expect("a folder");
        let list = place.path().join(EXTENSION_LIST);
        enlist(&list).expect("a list is made");
        assert_eq!(fs::read_to_string(&list).expect("a list"), format!("{LISTED}\n"));

        let other = "res://addons/other/other.gdextension";
        fs::write(&list, other).expect("the list can be written");
        for _ in 0..2 {
            enlist(&list).expect("the list can be added to");
            let listed = fs::read_to_string(&list).expect("a list");
            assert_eq!(listed, format!("{other}\n{LISTED}\n"));
        }
    }

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
