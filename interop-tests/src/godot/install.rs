//! Debian's own Godot 4, in a folder below `target/`.
//!
//! Debian has Godot 4 in its suite sid only, and it needs sid's libraries: so it gets a small Debian system of its own, made by
//! debootstrap and entered by chroot. Loopback is the same inside and outside.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use super::apt;

/// Why Godot could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Only root can make and enter a system of its own.
    #[error("installing Debian's needs root")]
    NotRoot,
    /// No package sources of Debian on this machine.
    #[error("installing Debian's needs a machine with Debian's package sources in /etc/apt")]
    NotDebian,
    /// A file or folder could not be made.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A program failed.
    #[error("`{program}` failed ({reason})")]
    Program {
        /// The command line.
        program: String,
        /// How it ended.
        reason: String,
    },
    /// It is installed and does not run.
    #[error("the installed one does not run: {0}")]
    Broken(String),
}

/// Where Debian's Godot goes: `godot-root` in cargo's target folder.
#[must_use]
pub fn root() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    workspace.join(target).join("godot-root")
}

/// Installs Debian's Godot into `root` unless it is there. Takes about a minute and 0.9 GB.
///
/// Processes that ask at the same time wait for the first. The folder appears under its name only when complete.
pub fn install(root: &Path) -> Result<(), InstallError> {
    if !rustix::process::geteuid().is_root() {
        return Err(InstallError::NotRoot);
    }
    let mirror = apt::mirror(Path::new("/etc/apt")).ok_or(InstallError::NotDebian)?;
    if let Some(target) = root.parent() {
        fs::create_dir_all(target).map_err(at(target))?;
    }
    let lock = root.with_extension("lock");
    let file = File::create(&lock).map_err(at(&lock))?;
    // Given up when the file is closed, also by a process that is killed.
    flock(&file, FlockOperation::LockExclusive).map_err(|error| at(&lock)(error.into()))?;
    if root.is_dir() {
        return Ok(());
    }
    eprintln!(
        "Installing Debian's Godot 4 into {} (about a minute and 0.9 GB).",
        root.display()
    );
    have_debootstrap()?;
    let partial = root.with_extension("partial");
    if partial.exists() {
        // What an interrupted installation left, maybe with file systems of the kernel mounted in it.
        run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&partial))?;
    }
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "--include=godot", "sid"]);
    run(debootstrap.arg(&partial).arg(mirror))?;
    fs::rename(&partial, root).map_err(at(root))
}

fn have_debootstrap() -> Result<(), InstallError> {
    let found = Command::new("debootstrap")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok() {
        return Ok(());
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends", "debootstrap"]);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Runs a program to its end; its last lines of output go into the error.
fn run(command: &mut Command) -> Result<(), InstallError> {
    let result = command.stdin(Stdio::null()).output();
    let failed = |reason: String| InstallError::Program {
        program: format!("{command:?}").replace('"', ""),
        reason,
    };
    let output = result.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(10)..].join("\n");
    Err(failed(format!("{}; its last lines:\n{last}", output.status)))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    |error| InstallError::Io { path, error }
}
