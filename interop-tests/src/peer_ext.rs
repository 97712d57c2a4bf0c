//! Our extension for Godot, built and laid out so that a project can be run with it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::godot::{Godot, GodotRun};

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
    workspace().join("fixtures/godot").join(project)
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
        // Beside the test programs, so that another target folder has another one.
        let program = env::current_exe().expect("a test program");
        let place = program
            .ancestors()
            .nth(2)
            .expect("a target folder")
            .join("peer-ext-addon");
        lay_out(&place);
        list(&place).expect("a list of extensions");
        place
    })
}

/// Has `cargo xtask addon` put the addon into a folder: the debug library alone, in the profile of the tests, with which it has
/// most of its dependencies in common.
///
/// # Panics
/// If the extension cannot be built.
pub fn lay_out(into: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "xtask",
            "addon",
            "--debug-only",
            "--system-openssl",
            "--debug-profile",
            "test",
            "--no-project",
            "--into",
        ])
        .arg(into)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the extension cannot be built");
}

/// The folder that all crates of this repository are in.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Does what the editor does when it finds the addon. In one step, as other test processes may be reading.
fn list(project: &Path) -> io::Result<()> {
    let list = project.join(".godot/extension_list.cfg");
    if list.exists() {
        return Ok(());
    }
    fs::create_dir_all(project.join(".godot"))?;
    let fresh = tempfile::NamedTempFile::new_in(project)?;
    fs::write(fresh.path(), EXTENSION_LIST)?;
    fresh.persist(list)?;
    Ok(())
}
