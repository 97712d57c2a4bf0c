//! The files of a project, by their `res://` paths.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A project has no more files of the kinds that are read, and no folders that lie deeper.
const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 64;

/// A file that is larger is not read: text of this size is data.
const MAX_FILE_SIZE: u64 = 16 * 1024 * 1024;

const KINDS: [&str; 4] = ["gd", "tscn", "tres", "uid"];

/// What went wrong, with the file.
pub(super) type Complaint = (String, String);

/// Finds the scripts, scenes and resources below a folder. Links to folders are not followed.
pub(super) fn find(root: &Path) -> (BTreeMap<String, PathBuf>, Vec<Complaint>) {
    let (mut found, mut complaints) = (BTreeMap::new(), Vec::new());
    let mut folders = vec![(root.to_owned(), "res://".to_owned(), 0)];
    while let Some((folder, name, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                complaints.push((name, format!("the folder cannot be read: {error}")));
                continue;
            }
        };
        if depth > 0 && folder.join(".gdignore").exists() {
            continue;
        }
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let Ok(own) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{name}{own}");
            if own.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                if depth < MAX_DEPTH {
                    folders.push((entry.path(), format!("{path}/"), depth + 1));
                } else {
                    complaints.push((path, format!("folders within each other, more than {MAX_DEPTH}")));
                }
                continue;
            }
            let extension = own.rsplit_once('.').map_or("", |(_, extension)| extension);
            if KINDS.contains(&extension) && entry.path().is_file() {
                if found.len() == MAX_FILES {
                    complaints.push((path, format!("more than {MAX_FILES} files: the rest is not read")));
                    return (found, complaints);
                }
                found.insert(path, entry.path());
            }
        }
    }
    (found, complaints)
}

/// Reads a file, if it is not too large.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return Err(format!("larger than {} MiB", MAX_FILE_SIZE >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "no UTF-8 text".to_owned())
}

/// A path as a script writes it, which may be relative to the script.
pub(super) fn absolute(path: &str, from: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("res:/", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.strip_prefix("res://").unwrap_or("").split('/').collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("res://{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_begin_at_the_script() {
        for (path, from, expected) in [
            ("res://a.gd", "res://x/y.gd", "res://a.gd"),
            ("a.gd", "res://x/y.gd", "res://x/a.gd"),
            ("../a.gd", "res://x/y.gd", "res://a.gd"),
            ("../../../a.gd", "res://x/y.gd", "res://a.gd"),
            ("a.gd", "res://y.gd", "res://a.gd"),
        ] {
            assert_eq!(absolute(path, from), expected);
        }
    }
}
