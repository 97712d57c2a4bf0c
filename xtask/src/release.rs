//! What a release consists of: packages, the `enet` command, the addon for Godot, checksums.

use std::env::consts::EXE_SUFFIX;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::addon;
use crate::packages::{self, VERSION};
use crate::step::{Context, Failure, Step};
use crate::workspace::{self, NAME_FILES};

/// What else goes into the release.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A folder with an `addons/rust_enet/` to take in place of one built here: one that has the libraries of several systems, each
    /// put there by `cargo xtask addon --no-project --into`.
    #[arg(long, value_name = "FOLDER")]
    addon: Option<PathBuf>,

    /// A folder with archives of the `enet` command to take in place of one built here: those that `--command-only` has made on
    /// several systems.
    #[arg(long, value_name = "FOLDER")]
    commands: Option<PathBuf>,

    /// Makes only the `enet` command of this machine, for the systems beside the one that makes the rest.
    #[arg(long)]
    command_only: bool,
}

/// What lies beside the `enet` command.
const BESIDE_COMMAND: [&str; 4] = ["enet-cli/README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// What makes an addon whole.
const ADDON: [&str; 6] = [
    "rust_enet.gdextension",
    "README.md",
    "CHANGELOG.md",
    "icon.svg",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

/// The file that tells Godot which library is for which system.
const ENTRIES: &str = "rust_enet.gdextension";

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let assets = workspace::target_folder().join("release-assets");
    empty(&assets).map_err(|error| cannot("empty", &assets, &error))?;

    match &options.commands {
        Some(folder) => copy_archives(folder, &assets).map_err(|error| cannot("copy from", folder, &error))?,
        None => command(&assets, context)?,
    }
    if !options.command_only {
        packages::package(context, &["--no-verify"])?;
        for package in packages::archives() {
            let to = assets.join(package.file_name().unwrap_or_default());
            fs::copy(&package, &to).map_err(|error| cannot("copy", &package, &error))?;
        }
        let folder = match &options.addon {
            Some(folder) => folder.clone(),
            None => {
                let folder = workspace::target_folder().join("release-addon");
                empty(&folder).map_err(|error| cannot("empty", &folder, &error))?;
                addon::lay_out(&folder, context)?;
                folder
            }
        };
        let archive = assets.join(format!("rust_enet-{VERSION}.zip"));
        zip_addon(&folder, &archive).map_err(|error| cannot("zip", &folder, &error))?;
    }
    let sums = checksums(&assets).map_err(|error| cannot("read", &assets, &error))?;
    fs::write(assets.join("SHA256SUMS"), &sums).map_err(|error| cannot("write to", &assets, &error))?;
    println!("\n{sums}in {}", assets.display());
    Ok(())
}

/// Builds the `enet` command and puts it into an archive.
fn command(assets: &Path, context: &Context) -> Result<(), Failure> {
    let build = ["build", "--release", "--package", "enet-cli"];
    // Whoever runs it need not have the same OpenSSL, or any.
    let output = Step::cargo(
        "enet",
        &[&build[..], &["--features=dtls-vendored", NAME_FILES]].concat(),
    )
    .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
    .minutes(30)
    .advice("The compiler's messages above say why. For OpenSSL a C compiler, perl and make are needed.")
    .read(context)?;
    let name = format!("enet{EXE_SUFFIX}");
    let built =
        workspace::built(&output, &name).ok_or_else(|| failure(format!("cargo does not say where it put {name}")))?;
    let folder = format!("enet-{VERSION}-{}", addon::host(context)?);
    let archive = assets.join(format!("{folder}.zip"));
    let write = || -> io::Result<()> {
        let mut zip = ZipWriter::new(File::create(&archive)?);
        add(&mut zip, &format!("{folder}/{name}"), &fs::read(&built)?, 0o755)?;
        for file in BESIDE_COMMAND {
            let name = file.rsplit('/').next().unwrap_or(file);
            add(
                &mut zip,
                &format!("{folder}/{name}"),
                &fs::read(workspace::folder().join(file))?,
                0o644,
            )?;
        }
        zip.finish()?.flush()
    };
    write().map_err(|error| cannot("write", &archive, &error))
}

/// Copies what was zipped elsewhere.
fn copy_archives(from: &Path, to: &Path) -> io::Result<()> {
    let archives: Vec<String> = files(from)?.into_iter().filter(|file| file.ends_with(".zip")).collect();
    for archive in &archives {
        fs::copy(
            from.join(archive),
            to.join(archive.rsplit('/').next().unwrap_or(archive)),
        )?;
    }
    match archives.is_empty() {
        true => Err(io::Error::other("there is no archive")),
        false => Ok(()),
    }
}

/// Zips `addons/rust_enet/` of a folder, as Godot's store wants it: with the folder `addons` at the top, and entries for those systems
/// whose library is there.
fn zip_addon(folder: &Path, archive: &Path) -> io::Result<()> {
    let addon = folder.join("addons/rust_enet");
    let files = files(&addon)?;
    let there = |wanted: &str| files.iter().any(|file| file == wanted);
    if let Some(missing) = ADDON.into_iter().find(|file| !there(file)) {
        return Err(io::Error::other(format!("it has no {missing}")));
    }
    if !files.iter().any(|file| file.starts_with("bin/")) {
        return Err(io::Error::other("it has no library"));
    }
    let mut zip = ZipWriter::new(File::create(archive)?);
    for file in &files {
        let mut content = fs::read(addon.join(file))?;
        if file == ENTRIES {
            content = entries(&String::from_utf8_lossy(&content), there).into_bytes();
        }
        let mode = if file.starts_with("bin/") { 0o755 } else { 0o644 };
        add(&mut zip, &format!("addons/rust_enet/{file}"), &content, mode)?;
    }
    zip.finish()?.flush()
}

/// The entries without those for libraries that are not there: Godot then says that the system is not supported, not that a file is
/// missing.
fn entries(text: &str, there: impl Fn(&str) -> bool) -> String {
    let stays = |line: &&str| match line.split('"').nth(1) {
        Some(file) if file.starts_with("bin/") => there(file),
        _ => true,
    };
    text.lines().filter(stays).flat_map(|line| [line, "\n"]).collect()
}

/// All files of a folder, by their paths in it, sorted; with `/` on every system.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let path = format!("{inner}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push(format!("{path}/"));
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Puts a file into an archive. Equal content makes an equal archive, whenever that is.
fn add<W: Write + Seek>(zip: &mut ZipWriter<W>, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(mode);
    zip.start_file(name, options)?;
    zip.write_all(content)
}

/// What `sha256sum` prints of all files, and checks by `--check`.
fn checksums(folder: &Path) -> io::Result<String> {
    let mut sums = String::new();
    for file in files(folder)? {
        let hash = Sha256::digest(fs::read(folder.join(&file))?);
        let sum: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{sum}  {file}\n"));
    }
    Ok(sums)
}

/// Makes a folder, and rids it of what is in it.
fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    failure(format!("cannot {what} {}: {error}", path.display()))
}

fn failure(reason: String) -> Failure {
    Failure {
        step: "release",
        reason,
        advice: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    fn put(folder: &Path, file: &str, content: &str) {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, content).expect("it can be written");
    }

    /// An addon with one library, and without what `except` names.
    fn addon(folder: &Path, except: &str) {
        let addon = folder.join("addons/rust_enet");
        for file in ADDON.iter().filter(|file| **file != except) {
            put(&addon, file, file);
        }
        put(&addon, "bin/linux.x86_64/librust_enet.debug.so", "library");
        if except != ENTRIES {
            put(
                &addon,
                ENTRIES,
                include_str!("../../peer-ext/addon/rust_enet.gdextension"),
            );
        }
    }

    #[test]
    fn the_zip_has_the_whole_addon_and_entries_for_what_is_there() {
        let place = tempfile::tempdir().expect("a folder");
        addon(place.path(), "");
        let archive = place.path().join("addon.zip");
        zip_addon(place.path(), &archive).expect("it is whole");
        let mut zip = ZipArchive::new(File::open(&archive).expect("a file")).expect("an archive");
        let mut names: Vec<&str> = zip.file_names().collect();
        names.sort_unstable();
        assert_eq!(names.len(), ADDON.len() + 1);
        assert!(
            names.iter().all(|name| name.starts_with("addons/rust_enet/")),
            "{names:?}"
        );

        let mut text = String::new();
        let mut entries = zip
            .by_name("addons/rust_enet/rust_enet.gdextension")
            .expect("the entries");
        entries.read_to_string(&mut text).expect("text");
        assert!(text.contains("linux.debug.x86_64 = "), "{text}");
        assert!(text.contains("entry_symbol") && text.contains("icon.svg"), "{text}");
        assert!(!text.contains("windows") && !text.contains("linux.release"), "{text}");
    }

    #[test]
    fn an_addon_that_lacks_something_is_not_zipped() {
        for missing in ["icon.svg", "LICENSE-MIT", ENTRIES] {
            let place = tempfile::tempdir().expect("a folder");
            addon(place.path(), missing);
            let error = zip_addon(place.path(), &place.path().join("addon.zip")).expect_err("it lacks it");
            assert!(error.to_string().contains(missing), "{error}");
        }
    }

    #[test]
    fn checksums_are_as_sha256sum_prints_them() {
        let place = tempfile::tempdir().expect("a folder");
        put(place.path(), "b/abc", "abc");
        put(place.path(), "a", "");
        let wanted = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n\
                      ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b/abc\n";
        assert_eq!(checksums(place.path()).expect("they can be read"), wanted);
    }
}
