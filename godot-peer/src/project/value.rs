//! Godot's text format for values, as in `.tscn`, `.tres` and `project.godot`: read as far as a scene's structure needs it.

use super::cursor::{Cursor, Fault};

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 64;

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    /// A `String`, or a `StringName`.
    Text(String),
    /// A bare word, such as a class's name.
    Word(String),
    /// `NodePath("..")`, `ExtResource("1_x")`, `Vector2(1, 2)`, `Array[int]([1])`.
    Made {
        by: String,
        of: Vec<Value>,
    },
    Array(Vec<Value>),
    Dictionary(Vec<(Value, Value)>),
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text within `by("text")`.
    pub(super) fn made_of_text(&self, by: &str) -> Option<&str> {
        match self {
            Value::Made { by: maker, of } if maker == by => of.first()?.text(),
            _ => None,
        }
    }

    /// The texts of a `PackedStringArray("a", "b")`, `["a", "b"]` or `Array[String](["a", "b"])`.
    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Value::Array(of) => of.iter().filter_map(Value::text).collect(),
            Value::Made { of, .. } => of
                .iter()
                .flat_map(|value| match value {
                    Value::Text(text) => vec![&**text],
                    value => value.texts(),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Reads the value that the cursor is at.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Value, Fault> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, Fault> {
    if depth > MAX_DEPTH {
        return Err(cursor.fault("values that lie less deep in each other"));
    }
    cursor.skip_blanks();
    match cursor.peek() {
        Some('"') => cursor.quoted().map(Value::Text),
        Some('&' | '^') if cursor.peek_second() == Some('"') => {
            cursor.next();
            cursor.quoted().map(Value::Text)
        }
        Some('[') => {
            cursor.next();
            list(cursor, depth, ']').map(Value::Array)
        }
        Some('{') => {
            cursor.next();
            pairs(cursor, depth, '}').map(Value::Dictionary)
        }
        Some('-' | '+' | '.' | '0'..='9') => number(cursor),
        Some('#') => {
            // A colour, as old files have it.
            cursor.next();
            Ok(Value::Word(cursor.word()))
        }
        Some(first) if first.is_alphabetic() || first == '_' => word(cursor, depth),
        _ => Err(cursor.fault("a value")),
    }
}

fn word(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, Fault> {
    let word = cursor.word();
    match &*word {
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        "null" | "nil" => return Ok(Value::Null),
        "inf" => return Ok(Value::Number(f64::INFINITY)),
        "nan" => return Ok(Value::Number(f64::NAN)),
        _ => {}
    }
    cursor.skip_blanks();
    if cursor.peek() == Some('[') {
        // The types of an Array or a Dictionary.
        cursor.next();
        list(cursor, depth, ']')?;
        cursor.skip_blanks();
    }
    if cursor.peek() != Some('(') {
        return Ok(Value::Word(word));
    }
    cursor.next();
    let of = list(cursor, depth, ')')?;
    Ok(Value::Made { by: word, of })
}

fn number(cursor: &mut Cursor<'_>) -> Result<Value, Fault> {
    let negative = cursor.peek() == Some('-');
    let text = cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_'));
    match text.trim_start_matches(['-', '+']) {
        "inf" if negative => return Ok(Value::Number(f64::NEG_INFINITY)),
        "inf" => return Ok(Value::Number(f64::INFINITY)),
        _ => {}
    }
    match text.parse() {
        Ok(number) => Ok(Value::Number(number)),
        Err(_) => Err(cursor.fault("a number")),
    }
}

/// Values with commas in between, up to the end; those with a colon, as in `Object(Node,"name":"x")`, count as values only.
fn list(cursor: &mut Cursor<'_>, depth: usize, end: char) -> Result<Vec<Value>, Fault> {
    let entries = entries(cursor, depth, end)?;
    Ok(entries.into_iter().map(|(key, value)| value.unwrap_or(key)).collect())
}

fn pairs(cursor: &mut Cursor<'_>, depth: usize, end: char) -> Result<Vec<(Value, Value)>, Fault> {
    let entries = entries(cursor, depth, end)?;
    let pairs = entries.into_iter().map(|(key, value)| Some((key, value?)));
    pairs
        .collect::<Option<_>>()
        .ok_or_else(|| cursor.fault("a value for every key"))
}

fn entries(cursor: &mut Cursor<'_>, depth: usize, end: char) -> Result<Vec<(Value, Option<Value>)>, Fault> {
    let mut entries = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.peek() == Some(end) {
            cursor.next();
            return Ok(entries);
        }
        let key = nested(cursor, depth + 1)?;
        cursor.skip_blanks();
        let mut value = None;
        if cursor.peek() == Some(':') {
            cursor.next();
            value = Some(nested(cursor, depth + 1)?);
            cursor.skip_blanks();
        }
        entries.push((key, value));
        match cursor.peek() {
            Some(',') => drop(cursor.next()),
            Some(next) if next == end => {}
            _ => {
                return Err(cursor.fault(if end == ')' {
                    "`,` or `)`"
                } else if end == ']' {
                    "`,` or `]`"
                } else {
                    "`,` or `}`"
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Value, Fault> {
        read(&mut Cursor::new(text))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn values_are_read() {
        let made = |by: &str, of| Value::Made { by: by.to_owned(), of };
        let one = Value::Number(1.0);
        for (written, expected) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("-1.5e3", Value::Number(-1500.0)),
            ("-inf", Value::Number(f64::NEG_INFINITY)),
            (r#""a \"b\" \u00e9\n""#, text("a \"b\" é\n")),
            ("\"two\nlines\"", text("two\nlines")),
            (r#"&"name""#, text("name")),
            (r#"NodePath("..")"#, made("NodePath", vec![text("..")])),
            ("Vector2(1, 1)", made("Vector2", vec![one.clone(), one.clone()])),
            ("[1, ]", Value::Array(vec![one.clone()])),
            ("Array[int]([1])", made("Array", vec![Value::Array(vec![one.clone()])])),
            (
                "Array[ExtResource(\"1_x\")]([])",
                made("Array", vec![Value::Array(vec![])]),
            ),
            ("{\n\"a\": 1,\n}", Value::Dictionary(vec![(text("a"), one.clone())])),
            (
                "Object(InputEventKey,\"x\":1)",
                made("Object", vec![Value::Word("InputEventKey".into()), one]),
            ),
        ] {
            assert_eq!(value(written), Ok(expected), "{written}");
        }
        assert_eq!(
            value("PackedStringArray(\"a\", \"b\")").expect("a value").texts(),
            ["a", "b"]
        );
        assert_eq!(value("Array[String]([\"a\"])").expect("a value").texts(), ["a"]);
    }

    #[test]
    fn what_is_wrong_says_where_and_what_was_expected() {
        for (written, line, expected) in [
            ("", 1, "a value"),
            ("[1\n 2]", 2, "`,` or `]`"),
            ("{\"a\"}", 1, "a value for every key"),
            ("\"open\n\n", 1, "a `\"` to end the string"),
            ("1x2", 1, "a number"),
            ("Vector2(1,", 1, "a value"),
        ] {
            assert_eq!(value(written), Err(Fault { line, expected }), "{written}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(value(&deep).map_err(|fault| fault.line), Err(1));
    }
}
