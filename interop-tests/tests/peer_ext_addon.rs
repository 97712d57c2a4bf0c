//! What `cargo xtask addon` lays out, and what Godot's editor makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use interop_tests::driver::LONG;
use interop_tests::godot::{Godot, copy};
use interop_tests::peer_ext::{fixture, lay_out, workspace};
use serde_json::Value;
use tempfile::TempDir;

const CLASSES: [&str; 3] = ["RustENetMultiplayerPeer", "RustENetConnection", "RustENetPacketPeer"];

/// A project that reads the help, with the addon in it and nothing else, where Godot sees it.
fn project() -> TempDir {
    let project = tempfile::Builder::new()
        .prefix("addon-")
        .tempdir_in(Godot::shared().workplace())
        .expect("a folder for the project");
    copy(&fixture("help"), project.path()).expect("a copy of the project");
    lay_out(project.path());
    project
}

/// Opens a project until the editor has written a file, and returns that.
///
/// It is not asked to quit: without a window it may crash then.
#[track_caller]
fn written_by_editor(project: &Path, file: &Path) -> String {
    let godot = Godot::shared();
    let inside = godot.inside(project);
    let mut command = godot.command();
    command.args(["--headless", "--editor", "--path"]).arg(&inside);
    command.env("HOME", &inside).stdin(Stdio::null()).stdout(Stdio::null());
    for folder in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(folder);
    }
    let mut editor = command.spawn().expect("Godot starts");
    let deadline = Instant::now() + LONG;
    let text = loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        let ended = editor.try_wait().expect("a child");
        if !text.is_empty() || ended.is_some() || Instant::now() > deadline {
            break text;
        }
        thread::sleep(Duration::from_millis(20));
    };
    // It may have ended.
    let _ = editor.kill();
    let _ = editor.wait();
    assert!(!text.is_empty(), "the editor does not write {}", file.display());
    text
}

/// The entries of a section of the .gdextension file.
fn section(text: &str, name: &str) -> BTreeMap<String, String> {
    let lines = text.lines().skip_while(|line| *line != format!("[{name}]")).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

#[test]
fn the_addon_has_library_icon_licences_and_an_entry_for_each_system() {
    let place = tempfile::tempdir().expect("a folder");
    let addon = place.path().join("addons/rust_enet");
    // What was built on another machine stays.
    let other = addon.join("bin/windows.x86_64/rust_enet.debug.dll");
    fs::create_dir_all(other.parent().expect("a folder")).expect("a folder");
    fs::write(&other, "built elsewhere").expect("a file");
    lay_out(place.path());
    assert_eq!(fs::read(&other).expect("it is there"), b"built elsewhere");

    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let ours = fs::read(workspace().join(licence)).expect("a licence");
        assert_eq!(fs::read(addon.join(licence)).expect("its copy"), ours);
    }
    assert!(addon.join("README.md").is_file());
    let text = fs::read_to_string(addon.join("rust_enet.gdextension")).expect("a .gdextension file");
    let icons = section(&text, "icons");
    for class in CLASSES {
        assert!(addon.join(&icons[class]).is_file(), "{icons:?}");
    }
    let libraries = section(&text, "libraries");
    for system in [
        "linux.KIND.x86_64",
        "linux.KIND.arm64",
        "windows.KIND.x86_64",
        "macos.KIND",
    ] {
        for kind in ["debug", "release"] {
            let library = &libraries[&system.replace("KIND", kind)];
            assert!(library.starts_with("bin/") && library.contains(kind), "{library}");
        }
    }
    assert_eq!(libraries.len(), 8, "{libraries:?}");
    let here = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    };
    let library = addon.join(&libraries[&format!("linux.debug.{here}")]);
    assert!(library.is_file(), "{}", library.display());
    let entry = section(&text, "configuration")["entry_symbol"].clone();
    let bytes = fs::read(&library).expect("the library");
    assert!(
        bytes.windows(entry.len()).any(|window| window == entry.as_bytes()),
        "{entry}"
    );
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_editor_finds_the_addon_by_itself_and_has_help_for_all_of_it() {
    let project = project();
    // As if it had been copied there by hand.
    let list = project.path().join(".godot/extension_list.cfg");
    fs::remove_file(&list).expect("xtask lists it");
    // In the session that finds an extension an editor without a window may crash as soon as it gathers help (Godot's issue 111048).
    let list = written_by_editor(project.path(), &list);
    assert_eq!(list.trim(), "res://addons/rust_enet/rust_enet.gdextension");
    let pages = project.path().join("pages.json");
    // It shows no help of extensions in the session in which it gathers its own.
    written_by_editor(project.path(), &pages);

    fs::remove_file(&pages).expect("it was there");
    let pages: Value = serde_json::from_str(&written_by_editor(project.path(), &pages)).expect("JSON");
    for class in CLASSES {
        let page = pages[class]["page"].as_str().expect("a page");
        assert!(page.contains("Description"), "{class}: {page}");
        // What Godot shows in place of help that is missing.
        assert!(!page.contains("no description"), "{class}: {page}");
        let entries = pages[class]["has"].as_array().expect("what the class has");
        assert!(entries.len() > 20, "{entries:?}");
        for entry in entries.iter().filter_map(Value::as_str) {
            assert!(page.contains(entry), "{class}: no {entry} in {page}");
        }
    }
}

/// Runs Godot without a window, and returns whether it ended well and what it said.
fn run(project: &Path, arguments: &[&str]) -> (bool, String) {
    let godot = Godot::shared();
    let inside = godot.inside(project);
    let mut command = godot.command();
    command.arg("--headless").args(arguments).arg("--path").arg(&inside);
    command.env("HOME", &inside).stdin(Stdio::null());
    for folder in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(folder);
    }
    let output = command.output().expect("Godot starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_project_that_no_editor_has_opened_is_imported_and_run_with_the_addon() {
    let project = project();
    let script =
        "extends SceneTree\nfunc _init() -> void:\n\tprint(RustENetMultiplayerPeer.new().get_class())\n\tquit()\n";
    fs::write(project.path().join("asks.gd"), script).expect("a script");
    let (well, said) = run(project.path(), &["--import"]);
    assert!(well, "{said}");
    let (well, said) = run(project.path(), &["--script", "res://asks.gd"]);
    assert!(well && said.lines().any(|line| line == CLASSES[0]), "{said}");
}
