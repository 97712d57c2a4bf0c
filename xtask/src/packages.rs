//! The packages that are published.

use std::fs;
use std::path::PathBuf;

use toml::Table;

use crate::step::{Context, Failure, Step};
use crate::workspace;

/// A package of the workspace that is published.
pub(crate) struct Package {
    /// Its name, on the registry.
    pub(crate) name: &'static str,
    /// Its folder.
    pub(crate) folder: &'static str,
    /// What its library is called in code; none for programs and for macros, which another library shows.
    pub(crate) library: Option<&'static str>,
}

/// Each after those it depends on.
pub(crate) const PACKAGES: [Package; 7] = [
    library("netem", "netem", "netem"),
    library("enet-proto", "enet-proto", "enet_proto"),
    library("enet-tokio", "enet-tokio", "enet_tokio"),
    library("godot-variant", "godot-variant", "godot_variant"),
    Package {
        name: "godot-peer-macros",
        folder: "godot-peer-macros",
        library: None,
    },
    library("godot-peer", "godot-peer", "godot_peer"),
    Package {
        name: "enet-cli",
        folder: "enet-cli",
        library: None,
    },
];

const fn library(name: &'static str, folder: &'static str, library: &'static str) -> Package {
    Package {
        name,
        folder,
        library: Some(library),
    }
}

/// The version that all packages have, and this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The oldest Rust that the packages are made for, such as `1.88`, and this program.
pub(crate) const MINIMUM_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What each package has beside its code.
const FILES: [&str; 5] = ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/"];

/// Features that are not checked with the others: an OpenSSL is built along with the former, which takes minutes and changes nothing
/// else, and the latter is none of the public API.
const LEFT_OUT: [&str; 2] = ["dtls-vendored", "fuzzing"];

impl Package {
    /// The argument that asks for all features but those.
    pub(crate) fn all_features(&self) -> String {
        let manifest = workspace::folder().join(self.folder).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).unwrap_or_default();
        let names: Vec<_> = feature_names(&manifest).collect();
        format!("--features={}", names.join(","))
    }
}

fn feature_names(manifest: &str) -> impl Iterator<Item = String> {
    // Cargo has read it before.
    let mut manifest: Table = manifest.parse().unwrap_or_default();
    let features = match manifest.remove("features") {
        Some(toml::Value::Table(features)) => features,
        _ => Table::new(),
    };
    let names = features.into_iter().map(|(name, _)| name);
    names.filter(|name| !LEFT_OUT.contains(&name.as_str()))
}

/// The words `--package NAME` for all of them.
pub(crate) fn selection() -> Vec<&'static str> {
    PACKAGES
        .iter()
        .flat_map(|package| ["--package", package.name])
        .collect()
}

/// Packages them, has each built by itself out of its package and the packages of the others, and looks for what must be in it.
pub(crate) fn check(context: &Context) -> Result<(), Failure> {
    for package in &PACKAGES {
        let listing = Step::cargo(
            "package files",
            &[
                "package",
                "--list",
                "--allow-dirty",
                "--offline",
                "--package",
                package.name,
            ],
        )
        .advice("Cargo's messages above say why.")
        .read(context)?;
        if let Some(missing) = missing(&listing) {
            return Err(Failure {
                step: "package files",
                reason: format!("{} would be published without {missing}", package.name),
                advice: format!("See `include` in {}/Cargo.toml.", package.folder),
            });
        }
    }
    package(context, &[])
}

/// Writes the packages to `target/package`. Returns nothing that cargo does not say.
pub(crate) fn package(context: &Context, options: &[&str]) -> Result<(), Failure> {
    // What is built in the workspace is there already, so that no network is needed.
    let command = [&["package", "--allow-dirty", "--offline"], options, &selection()].concat();
    Step::cargo("packages", &command)
        // Nobody runs what is built.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .minutes(15)
        .advice("Its messages above say what and where. A file that is included by its path has to be in the package.")
        .run(context)
}

/// The first file that a listing lacks.
fn missing(listing: &str) -> Option<&'static str> {
    let has = |file: &str| {
        listing
            .lines()
            .any(|line| line == file || file.ends_with('/') && line.starts_with(file))
    };
    FILES.into_iter().find(|file| !has(file))
}

/// Where cargo has put the packages.
pub(crate) fn archives() -> Vec<PathBuf> {
    let folder = workspace::target_folder().join("package");
    let archive = |package: &Package| folder.join(format!("{}-{VERSION}.crate", package.name));
    PACKAGES.iter().map(archive).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_found_but_for_those_that_are_left_out() {
        let manifest = "[package]\nname = \"it\"\n\n[features]\ndefault = [\"a\"]\n# Of b = it.\na = []\ndtls-vendored = []\n\n[dependencies]\nb = \"1\"\n";
        assert_eq!(feature_names(manifest).collect::<Vec<_>>(), ["default", "a"]);
        assert_eq!(feature_names("[package]\n").count(), 0);
    }

    #[test]
    fn a_package_without_a_licence_is_told_from_a_whole_one() {
        let whole = "Cargo.lock\nCargo.toml\nLICENSE-APACHE\nLICENSE-MIT\nREADME.md\nsrc/lib.rs\n";
        assert_eq!(missing(whole), None);
        assert_eq!(missing(&whole.replace("LICENSE-MIT\n", "")), Some("LICENSE-MIT"));
        assert_eq!(missing(&whole.replace("src/", "source/")), Some("src/"));
    }

    #[test]
    fn every_package_that_may_be_published_is_one_of_them_and_says_what_it_is() {
        let mut published = Vec::new();
        for entry in fs::read_dir(workspace::folder()).expect("the workspace") {
            let folder = entry.expect("an entry").path();
            let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else {
                continue;
            };
            if manifest.contains("publish = false") {
                continue;
            }
            for key in [
                "description",
                "keywords",
                "categories",
                "readme",
                "license",
                "rust-version",
            ] {
                assert!(
                    manifest.lines().any(|line| line.starts_with(key)),
                    "{key} in {}",
                    folder.display()
                );
            }
            published.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        published.sort();
        let mut folders: Vec<&str> = PACKAGES.iter().map(|package| package.folder).collect();
        folders.sort_unstable();
        assert_eq!(published, folders);
    }

    #[test]
    fn the_workspace_says_its_version_and_the_oldest_rust() {
        assert!(VERSION.split('.').count() == 3);
        assert!(MINIMUM_RUST.starts_with("1."));
    }
}
