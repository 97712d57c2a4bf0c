//! What players write, made fit for others to read.

const LONGEST_NAME: usize = 16;
const LONGEST_LINE: usize = 200;

/// A name, if something is left of it.
pub(super) fn name(text: &str) -> Option<String> {
    cleaned(text, LONGEST_NAME)
}

/// A line of the chat, if something is left of it.
pub(super) fn line(text: &str) -> Option<String> {
    cleaned(text, LONGEST_LINE)
}

/// Why a player has to go.
pub(super) fn reason(what: &str, why: &str) -> String {
    match line(why) {
        Some(why) => format!("{what}: {why}"),
        None => format!("{what}."),
    }
}

/// One line without control characters, of so many characters at most.
fn cleaned(text: &str, longest: usize) -> Option<String> {
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    let text: String = visible.trim().chars().take(longest).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_players_write_is_one_short_line() {
        assert_eq!(name("  Ann\n\u{1b}[31m "), Some("Ann[31m".into()));
        assert_eq!(name(" \n\t"), None);
        assert_eq!(name(&"é".repeat(99)).map(|name| name.chars().count()), Some(16));
        assert_eq!(line(&"a".repeat(9999)).map(|line| line.len()), Some(200));
        assert_eq!(reason("Gone", " "), "Gone.");
        assert_eq!(reason("Gone", "why"), "Gone: why");
    }
}
