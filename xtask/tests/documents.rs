//! What the documents say is there is there: tests that are promised, files that are linked.

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents of the workspace.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    let mut folders = vec![workspace()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".md") {
                documents.push(path);
            }
        }
    }
    documents
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split_once(close).map(|(inner, _)| inner))
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    let mut code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a test of that name is in a file of Rust: a function with an attribute above it that makes it one.
fn has_test(source: &str, name: &str) -> bool {
    let Some((above, _)) = source.split_once(&format!("fn {name}(")) else {
        return false;
    };
    // The lines above it, up to the end of what stands before it.
    let (above, _) = above.rsplit_once('\n').unwrap_or_default();
    let mut own = above
        .lines()
        .rev()
        .take_while(|line| !line.trim().is_empty() && !line.ends_with('}'));
    own.any(|line| line.contains("test"))
}

#[test]
fn every_test_that_security_names_is_there() {
    let text = fs::read_to_string(workspace().join("SECURITY.md")).expect("the document");
    let mut named = 0;
    // Code in single backticks: every second part.
    for code in text.split('`').skip(1).step_by(2) {
        let (file, test) = match code.split_once("::") {
            Some((file, test)) => (file, Some(test)),
            None => (code, None),
        };
        if !file.ends_with(".rs") || !file.contains('/') {
            continue;
        }
        let source = fs::read_to_string(workspace().join(file));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        if let Some(test) = test {
            assert!(has_test(&source, test), "no test {test} in {file}");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}

#[test]
fn every_promise_of_security_has_a_test() {
    let text = fs::read_to_string(workspace().join("SECURITY.md")).expect("the document");
    let (_, table) = text
        .split_once("| Promise | Test |\n|---|---|\n")
        .expect("a table of promises");
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        assert!(row.contains(".rs"), "{row}");
    }
}

#[test]
fn every_file_that_a_document_links_to_is_there() {
    let mut links = 0;
    for document in documents() {
        let text = prose(&fs::read_to_string(&document).expect("the document"));
        for target in between(&text, "](", ")") {
            let file = target.split('#').next().unwrap_or_default();
            if target.contains("://") || target.starts_with("mailto:") || file.is_empty() {
                continue;
            }
            let path = document.parent().expect("a folder").join(file);
            assert!(path.exists(), "{target} in {}", document.display());
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

#[test]
fn a_test_is_told_from_another_function() {
    let source = "#[test]\n#[ignore]\nfn it_holds() {}\n\nfn helper() {}\n\nproptest! {\n    #[test]\n    async fn any(x in 0..9) {}\n}\n";
    assert!(has_test(source, "it_holds"));
    assert!(has_test(source, "any"));
    assert!(!has_test(source, "helper"));
    assert!(!has_test(source, "it_hold"));
    assert!(!has_test(source, "gone"));
}
