//! Our extension for Godot, built and laid out so that a project can be run with it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::godot::{Godot, GodotRun};

/// Where the library lies in the addon, on the machines that run these tests.
const LIBRARY: &str = "bin/linux.x86_64/librust_enet.debug.so";

/// What the editor writes, and a game that is run needs, for an extension to be loaded.
const EXTENSION_LIST: &str = "res://addons/rust_enet/rust_enet.gdextension\n";

/// Runs a copy of the project in the folder `fixtures/godot/NAME` with the extension in it.
///
/// # Panics
/// If the extension cannot be built, or Godot not be started.
#[must_use]
pub fn start(project: &str, name: &str, arguments: &[(&str, String)]) -> GodotRun {
    let project = fixture(project);
    GodotRun::start_merged(Godot::shared(), &[&project, addon()], name, arguments)
}

/// A folder of `fixtures/godot`.
#[must_use]
pub fn fixture(project: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/godot")
        .join(project)
}

/// A folder with what is to be merged into a project: the addon, and the list by which Godot finds it. The extension is built
/// now if need be.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn addon() -> &'static Path {
    static ADDON: OnceLock<PathBuf> = OnceLock::new();
    ADDON.get_or_init(|| {
        let library = build();
        let beside = library.parent().expect("a folder");
        let place = beside.join("peer-ext-addon");
        lay_out(&library, &place).expect("a copy of the addon");
        place
    })
}

/// Builds the library in the profile of the tests, with which it has most of its dependencies in common; returns where it is.
fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--profile",
            "test",
            "--package",
            "peer-ext",
            "--lib",
            "--message-format",
            "json",
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "the extension cannot be built");
    let messages = String::from_utf8_lossy(&output.stdout);
    let library = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "rust_enet")
        .and_then(|message| message["filenames"][0].as_str().map(PathBuf::from));
    library.expect("cargo says where the library is")
}

fn lay_out(library: &Path, place: &Path) -> io::Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peer-ext/addon");
    let addon = place.join("addons/rust_enet");
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        renew(&entry.path(), &addon.join(entry.file_name()))?;
    }
    renew(library, &addon.join(LIBRARY))?;
    let list = place.join(".godot/extension_list.cfg");
    if !list.exists() {
        fs::create_dir_all(place.join(".godot"))?;
        let fresh = tempfile::NamedTempFile::new_in(place)?;
        fs::write(fresh.path(), EXTENSION_LIST)?;
        fresh.persist(list)?;
    }
    Ok(())
}

/// Copies a file unless that has been done; in one step, as other test processes may read the old one.
fn renew(from: &Path, to: &Path) -> io::Result<()> {
    let source = fs::metadata(from)?;
    let same =
        fs::metadata(to).is_ok_and(|copy| copy.len() == source.len() && copy.modified().ok() >= source.modified().ok());
    if same {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder)?;
    let fresh = tempfile::NamedTempFile::new_in(folder)?;
    fs::copy(from, fresh.path())?;
    fresh.persist(to)?;
    Ok(())
}
