//! The folder of the workspace, and what cargo builds in it, wherever in the workspace this is called.

use std::env;
use std::path::PathBuf;

use serde_json::Value;

/// The folder that all crates are in.
pub(crate) fn folder() -> PathBuf {
    // Cargo says where it runs this from; the clone may have been moved since this was built.
    let crate_folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(crate_folder).join("..")
}

/// Where cargo puts what it builds: this program is in a folder of a profile's there.
pub(crate) fn target_folder() -> PathBuf {
    let here = env::current_exe().unwrap_or_default();
    let target = here
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(|| folder().join("target"), PathBuf::from)
}

/// What has cargo name what it builds, as JSON on its standard output.
pub(crate) const NAME_FILES: &str = "--message-format=json-render-diagnostics";

/// Where cargo says, in such output, that it put a file which is called so. The target folder is configured in many ways.
pub(crate) fn built(output: &str, name: &str) -> Option<PathBuf> {
    let messages = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut files = messages.flat_map(|message| match &message["filenames"] {
        Value::Array(files) => files.iter().filter_map(Value::as_str).map(PathBuf::from).collect(),
        _ => Vec::new(),
    });
    files.rfind(|file| file.file_name().is_some_and(|it| it == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_among_what_cargo_says() {
        let output = r#"
            {"reason":"compiler-artifact","filenames":["/t/debug/deps/libbytes.rlib","/t/debug/deps/libbytes.rmeta"]}
            {"reason":"compiler-artifact","filenames":["/t/debug/librust_enet.so"],"fresh":true}
            {"reason":"build-finished","success":true}
            not JSON"#;
        assert_eq!(
            built(output, "librust_enet.so"),
            Some("/t/debug/librust_enet.so".into())
        );
        assert_eq!(built(output, "rust_enet.dll"), None);
    }

    #[test]
    fn the_folder_is_that_of_the_workspace() {
        assert!(folder().join("xtask/Cargo.toml").is_file());
    }
}
