//! GDScript as logical lines of words: strings, comments and line breaks within brackets are seen to.

use super::cursor::{Cursor, Fault};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword or a number.
    Word(String),
    /// A string of any kind.
    Text(String),
    Symbol(char),
}

impl Token {
    pub(super) fn is(&self, symbol: char) -> bool {
        *self == Token::Symbol(symbol)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own == word)
    }

    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// A line with those it goes on in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) is_indented: bool,
    /// Each with the number of its own line.
    pub(super) tokens: Vec<(u32, Token)>,
}

/// Reads a script.
pub(super) fn lines(text: &str) -> (Vec<Line>, Vec<Fault>) {
    let mut cursor = Cursor::new(text);
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    while cursor.peek().is_some() {
        let is_indented = matches!(cursor.peek(), Some(' ' | '\t'));
        let mut tokens = Vec::new();
        if let Err(fault) = logical_line(&mut cursor, &mut tokens) {
            faults.push(fault);
        }
        if !tokens.is_empty() {
            lines.push(Line { is_indented, tokens });
        }
    }
    (lines, faults)
}

fn logical_line(cursor: &mut Cursor<'_>, tokens: &mut Vec<(u32, Token)>) -> Result<(), Fault> {
    let mut open: Vec<(u32, char)> = Vec::new();
    loop {
        cursor.skip_spaces();
        let line = cursor.line();
        let Some(next) = cursor.peek() else { break };
        match next {
            '\n' => {
                cursor.next();
                if open.is_empty() {
                    return Ok(());
                }
            }
            '#' => drop(cursor.take_while(|c| c != '\n')),
            '\\' => {
                cursor.next();
                cursor.skip_spaces();
                cursor.eat("\n");
            }
            '"' | '\'' => tokens.push((line, Token::Text(string(cursor, next)?))),
            'r' if matches!(cursor.peek_second(), Some('"' | '\'')) => {
                cursor.next();
                let quote = cursor.peek().unwrap_or('"');
                tokens.push((line, Token::Text(string(cursor, quote)?)));
            }
            c if c.is_alphanumeric() || c == '_' => tokens.push((line, Token::Word(cursor.word()))),
            c => {
                cursor.next();
                tokens.push((line, Token::Symbol(c)));
                match c {
                    '(' => open.push((line, ')')),
                    '[' => open.push((line, ']')),
                    '{' => open.push((line, '}')),
                    ')' | ']' | '}' => match open.pop() {
                        Some((_, end)) if end == c => {}
                        Some((_, end)) => {
                            cursor.skip_line();
                            return Err(Fault {
                                line,
                                expected: bracket(end),
                            });
                        }
                        None => {
                            cursor.skip_line();
                            return Err(Fault {
                                line,
                                expected: "no bracket that was not opened",
                            });
                        }
                    },
                    _ => {}
                }
            }
        }
    }
    match open.pop() {
        None => Ok(()),
        Some((line, end)) => Err(Fault {
            line,
            expected: bracket(end),
        }),
    }
}

fn bracket(end: char) -> &'static str {
    match end {
        ')' => "`)` for the bracket that was opened",
        ']' => "`]` for the bracket that was opened",
        _ => "`}` for the bracket that was opened",
    }
}

/// A string; what a backslash stands before is taken as it is.
fn string(cursor: &mut Cursor<'_>, quote: char) -> Result<String, Fault> {
    let open = cursor.fault("a quote to end the string");
    let three = match quote {
        '"' => "\"\"\"",
        _ => "'''",
    };
    let is_long = cursor.eat(three);
    if !is_long {
        cursor.next();
    }
    let mut text = String::new();
    loop {
        if is_long && cursor.eat(three) {
            return Ok(text);
        }
        match cursor.next().ok_or(open)? {
            '\\' => text.extend(cursor.next()),
            c if c == quote && !is_long => return Ok(text),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(bool, String)> {
        let (lines, faults) = lines(text);
        assert_eq!(faults, []);
        let shown = lines.into_iter().map(|line| {
            let tokens = line.tokens.iter().map(|(_, token)| match token {
                Token::Word(word) => word.clone(),
                Token::Text(text) => format!("'{text}'"),
                Token::Symbol(symbol) => symbol.to_string(),
            });
            (line.is_indented, tokens.collect::<Vec<_>>().join(" "))
        });
        shown.collect()
    }

    #[test]
    fn lines_go_on_within_brackets_and_behind_a_backslash() {
        let text = "extends Node # a comment\n\n@rpc(\"any_peer\",\n\t'x') # ( not this\nfunc f(a):\n\tpass\nvar x = 1 + \\\n\t2\n";
        assert_eq!(
            words(text),
            [
                (false, "extends Node".to_owned()),
                (false, "@ rpc ( 'any_peer' , 'x' )".to_owned()),
                (false, "func f ( a ) :".to_owned()),
                (true, "pass".to_owned()),
                (false, "var x = 1 + 2".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_in_strings_is_no_code() {
        let text = "var a = \"\"\"\n@rpc\nfunc no():\n\"\"\"\nvar b = '# \\' x' # y\nvar c = r\"\\\"\"\n";
        assert_eq!(words(text).len(), 3);
    }

    #[test]
    fn what_is_wrong_says_where_and_what_was_expected() {
        for (text, line, expected) in [
            ("var a = (1\nvar b", 1, "`)` for the bracket that was opened"),
            ("a\nvar a = [1)\n", 2, "`]` for the bracket that was opened"),
            ("\n)\n", 2, "no bracket that was not opened"),
            ("x\ny = \"open\n", 2, "a quote to end the string"),
        ] {
            assert_eq!(lines(text).1, [Fault { line, expected }], "{text}");
        }
    }
}
