//! Text in quotes.

use std::fmt::{self, Write};

/// Characters that would end or break a text are escaped, line ends and the like as well.
pub(super) fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write(text, f, |character| {
        Some(match character {
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{b}' => 'v',
            '\\' | '"' | '\'' => character,
            _ => return None,
        })
    })
}

/// Only what would end the text is escaped.
pub(super) fn quoted_lines(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write(text, f, |character| {
        matches!(character, '\\' | '"').then_some(character)
    })
}

fn write(text: &str, f: &mut fmt::Formatter<'_>, escape: impl Fn(char) -> Option<char>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match escape(character) {
            Some(letter) => write!(f, "\\{letter}")?,
            None => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
