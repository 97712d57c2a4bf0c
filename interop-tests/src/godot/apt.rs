//! Which Debian mirror this machine uses, read from its own package sources.

use std::fs;
use std::path::Path;

/// The mirror that the package sources below `etc` (`/etc/apt`) name, if any is Debian's main archive.
pub(super) fn mirror(etc: &Path) -> Option<String> {
    let mut files = vec![etc.join("sources.list")];
    if let Ok(folder) = fs::read_dir(etc.join("sources.list.d")) {
        let mut extra: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
        extra.sort();
        files.append(&mut extra);
    }
    files.iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        match file.extension()?.to_str()? {
            "list" => in_list(&text),
            "sources" => in_deb822(&text),
            _ => None,
        }
    })
}

/// From lines such as `deb [arch=amd64] URI bookworm main`.
fn in_list(text: &str) -> Option<String> {
    text.lines()
        .filter(|line| line.trim_start().starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find_map(main_archive)
}

/// From stanzas with `URIs: URI...`, whose value may go on in indented lines.
fn in_deb822(text: &str) -> Option<String> {
    let mut inside = false;
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            if line.starts_with([' ', '\t']) {
                return inside.then_some(line);
            }
            let (field, value) = line.split_once(':').unwrap_or_default();
            inside = field.eq_ignore_ascii_case("uris");
            inside.then_some(value)
        })
        .flat_map(str::split_whitespace)
        .find_map(main_archive)
}

/// Security updates and other archives end otherwise.
fn main_archive(word: &str) -> Option<String> {
    let uri = word.trim_end_matches('/');
    (uri.contains("://") && uri.ends_with("/debian")).then(|| uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_past_comments_and_options() {
        let text = "# deb http://old.test/debian sid main\ndeb-src http://src.test/debian sid main\n\
                    deb http://sec.test/debian-security x main\ndeb [arch=amd64 signed-by=/k] http://mirror.test/debian/ sid main\n";
        assert_eq!(in_list(text).as_deref(), Some("http://mirror.test/debian"));
    }

    #[test]
    fn deb822_is_read_past_comments_and_other_archives() {
        let text = "Types: deb\n# http://snapshot.test/archive/debian\nURIs: http://sec.test/debian-security\n\n\
                    Types: deb\nURIs:\n http://mirror.test/debian\nSuites: sid\n";
        assert_eq!(in_deb822(text).as_deref(), Some("http://mirror.test/debian"));
    }

    #[test]
    fn other_fields_are_no_mirrors() {
        assert_eq!(in_deb822("Types: deb\nX-Note: http://note.test/debian\n"), None);
        assert_eq!(in_list("deb http://archive.test/ubuntu noble main\n"), None);
    }
}
