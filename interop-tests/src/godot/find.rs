//! Which Godot the tests run.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::install::{self, InstallError};

/// A Godot 4 that can be run.
#[derive(Clone, Debug)]
pub struct Godot {
    place: Place,
    version: String,
}

#[derive(Clone, Debug)]
enum Place {
    Program(PathBuf),
    /// A Debian system of its own in this folder, with Godot in it.
    Root(PathBuf),
}

/// Why there is no Godot to run.
#[derive(Debug, thiserror::Error)]
pub enum GodotError {
    /// The program that `GODOT4_BIN` names cannot be used.
    #[error("GODOT4_BIN is `{program}`, which is no Godot 4: {answer}")]
    NotGodot4 {
        /// What the variable holds.
        program: String,
        /// What `--version` gave.
        answer: String,
    },
    /// None was found, and none could be installed.
    #[error(
        "no Godot 4 was found (GODOT4_BIN, `godot4` and `godot` on the PATH), and none could be installed: {0}\n\
         Install Godot 4 and set GODOT4_BIN to it. Or set GODOT_INTEROP=skip to leave out the tests that need it."
    )]
    Install(#[from] InstallError),
}

impl Godot {
    /// The Godot of this machine: `GODOT4_BIN`; else `godot4` or `godot` on the PATH, if it is a Godot 4; else the stock Debian
    /// one below `target/`, installed there now if need be.
    pub fn find() -> Result<Godot, GodotError> {
        if let Some(godot) = Godot::look()? {
            return Ok(godot);
        }
        let root = install::root();
        install::install(&root)?;
        let place = Place::Root(root);
        let version = version(&place).map_err(InstallError::Broken)?;
        Ok(Godot { place, version })
    }

    /// As [`find`](Godot::find), but nothing is installed.
    pub fn look() -> Result<Option<Godot>, GodotError> {
        if let Some(program) = env::var_os("GODOT4_BIN").filter(|program| !program.is_empty()) {
            let place = Place::Program(PathBuf::from(&program));
            return match version(&place) {
                Ok(version) => Ok(Some(Godot { place, version })),
                Err(answer) => Err(GodotError::NotGodot4 {
                    program: program.to_string_lossy().into_owned(),
                    answer,
                }),
            };
        }
        let places = ["godot4", "godot"]
            .map(|name| Place::Program(PathBuf::from(name)))
            .into_iter()
            .chain([Place::Root(install::root())]);
        Ok(places
            .filter_map(|place| version(&place).ok().map(|version| Godot { place, version }))
            .next())
    }

    /// The Godot that all tests of this process share.
    ///
    /// # Panics
    /// If there is none, with what to do about it.
    #[must_use]
    pub fn shared() -> &'static Godot {
        static SHARED: OnceLock<Godot> = OnceLock::new();
        SHARED.get_or_init(|| Godot::find().unwrap_or_else(|error| panic!("{error}")))
    }

    /// What it answers to `--version`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A command that runs it, with no arguments of Godot's yet.
    #[must_use]
    pub fn command(&self) -> Command {
        self.place.command()
    }

    /// A folder in which Godot sees files, under another path maybe: see [`inside`](Godot::inside).
    #[must_use]
    pub fn workplace(&self) -> PathBuf {
        match &self.place {
            Place::Program(_) => env::temp_dir(),
            Place::Root(root) => root.join("tmp"),
        }
    }

    /// The path by which Godot knows a file of its workplace.
    #[must_use]
    pub fn inside(&self, path: &Path) -> PathBuf {
        match &self.place {
            Place::Program(_) => path.to_owned(),
            Place::Root(root) => Path::new("/").join(path.strip_prefix(root).unwrap_or(path)),
        }
    }
}

/// The command line that starts it.
impl fmt::Display for Godot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Program(program) => write!(f, "{}", program.display()),
            Place::Root(root) => write!(f, "chroot {} godot", root.display()),
        }
    }
}

impl Place {
    fn command(&self) -> Command {
        match self {
            Place::Program(program) => Command::new(program),
            Place::Root(root) => {
                let mut command = Command::new("chroot");
                command.arg(root).arg("godot");
                command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/games");
                command
            }
        }
    }
}

/// What the Godot there answers to `--version`, or why that is not the answer of a Godot 4.
fn version(place: &Place) -> Result<String, String> {
    if let Place::Root(root) = place
        && !root.is_dir()
    {
        return Err(format!("{} is not there", root.display()));
    }
    let mut command = place.command();
    let output = command
        .args(["--headless", "--version"].map(OsStr::new))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = text.lines().map(str::trim).find(|line| line.starts_with("4."));
    answer
        .map(str::to_owned)
        .ok_or_else(|| format!("`--version` answered {:?}", text.trim()))
}
