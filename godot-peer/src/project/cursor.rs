//! Going through a text by characters, with the number of the line.

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u32,
    pub(super) expected: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor {
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
            line: 1,
        }
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn peek_second(&self) -> Option<char> {
        self.rest.chars().nth(1)
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        self.line += u32::from(next == '\n');
        Some(next)
    }

    /// Goes past this text if it is next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        for _ in text.chars().filter(|_| found) {
            self.next();
        }
        found
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let before = self.rest;
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
        &before[..before.len() - self.rest.len()]
    }

    /// Goes past blanks and the ends of lines.
    pub(super) fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Goes past blanks within the line.
    pub(super) fn skip_spaces(&mut self) {
        self.take_while(|c| c == ' ' || c == '\t' || c == '\r');
    }

    pub(super) fn skip_line(&mut self) {
        self.take_while(|c| c != '\n');
        self.next();
    }

    /// Letters, digits and underlines.
    pub(super) fn word(&mut self) -> String {
        self.take_while(|c| c.is_alphanumeric() || c == '_').to_owned()
    }

    /// A string in double quotes.
    pub(super) fn quoted(&mut self) -> Result<String, Fault> {
        let begin = self.line;
        let open = Fault {
            line: begin,
            expected: "a `\"` to end the string",
        };
        self.next();
        let mut text = String::new();
        loop {
            match self.next().ok_or(open)? {
                '"' => return Ok(text),
                '\\' => match self.next().ok_or(open)? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'u' => text.push(self.hexadecimal(4)),
                    'U' => text.push(self.hexadecimal(6)),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> char {
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                break;
            };
            self.next();
            code = code * 16 + digit;
        }
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// What was expected here.
    pub(super) fn fault(&self, expected: &'static str) -> Fault {
        Fault {
            line: self.line,
            expected,
        }
    }
}
