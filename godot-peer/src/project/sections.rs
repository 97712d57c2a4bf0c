//! Files in Godot's text format: headings in brackets, each with properties below it.

use super::cursor::{Cursor, Fault};
use super::value::{self, Value};

/// A heading and what is below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section {
    pub(super) line: u32,
    /// The first word of the heading; nothing above the first one.
    pub(super) tag: String,
    /// What else stands in the heading.
    pub(super) fields: Vec<(String, Value)>,
    pub(super) properties: Vec<(String, Value)>,
}

impl Section {
    fn new(line: u32, tag: String) -> Section {
        Section {
            line,
            tag,
            fields: Vec::new(),
            properties: Vec::new(),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        find(&self.fields, name)
    }

    pub(super) fn property(&self, name: &str) -> Option<&Value> {
        find(&self.properties, name)
    }
}

fn find<'a>(entries: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    entries
        .iter()
        .rev()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// Reads a file. What is wrong costs the line it is in; the rest is still read.
pub(super) fn read(text: &str) -> (Vec<Section>, Vec<Fault>) {
    let mut cursor = Cursor::new(text);
    let mut sections = vec![Section::new(1, String::new())];
    let mut faults = Vec::new();
    loop {
        cursor.skip_blanks();
        let before = cursor.clone();
        let result = match cursor.peek() {
            None => return (sections, faults),
            Some(';') => {
                cursor.skip_line();
                continue;
            }
            Some('[') => heading(&mut cursor).map(|section| sections.push(section)),
            Some(_) => property(&mut cursor).map(|property| {
                if let Some(section) = sections.last_mut() {
                    section.properties.push(property);
                }
            }),
        };
        if let Err(fault) = result {
            faults.push(fault);
            // A string without an end has swallowed everything.
            if cursor.peek().is_none() {
                cursor = before;
            }
            cursor.skip_line();
        }
    }
}

fn heading(cursor: &mut Cursor<'_>) -> Result<Section, Fault> {
    let line = cursor.line();
    cursor.next();
    let tag = cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'));
    let mut section = Section::new(line, tag.to_owned());
    loop {
        cursor.skip_blanks();
        if cursor.eat("]") {
            return Ok(section);
        }
        let name = cursor.word();
        cursor.skip_spaces();
        if name.is_empty() {
            return Err(cursor.fault("`]` to end the heading"));
        }
        if !cursor.eat("=") {
            return Err(cursor.fault("`=` behind the name"));
        }
        let value = value::read(cursor)?;
        section.fields.push((name, value));
    }
}

fn property(cursor: &mut Cursor<'_>) -> Result<(String, Value), Fault> {
    let name = match cursor.peek() {
        Some('"') => cursor.quoted()?,
        _ => cursor.take_while(|c| !matches!(c, '=' | '\n')).trim().to_owned(),
    };
    cursor.skip_spaces();
    if !cursor.eat("=") {
        return Err(cursor.fault("`=` behind the name"));
    }
    Ok((name, value::read(cursor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_properties_are_read() {
        let text = "; a comment\nconfig_version=5\n\n[application]\n\nconfig/name=\"x\"\nrun/main_scene=\"res://main.tscn\"\n\n\
                    [node name=\"A\" type=\"Node\" parent=\".\" groups=[\"g\"]]\nscript = ExtResource(\"1\")\nd = {\n\"a\": [1,\n2]\n}\n";
        let (sections, faults) = read(text);
        assert_eq!(faults, []);
        assert_eq!(sections.len(), 3);
        assert_eq!(
            sections[0].property("config_version").and_then(Value::number),
            Some(5.0)
        );
        assert_eq!(
            sections[1].property("run/main_scene").and_then(Value::text),
            Some("res://main.tscn")
        );
        assert_eq!((sections[2].line, &*sections[2].tag), (9, "node"));
        assert_eq!(sections[2].field("name").and_then(Value::text), Some("A"));
        assert_eq!(
            sections[2]
                .property("script")
                .and_then(|value| value.made_of_text("ExtResource")),
            Some("1")
        );
        assert_eq!(sections[2].properties.len(), 2);
    }

    #[test]
    fn what_is_wrong_costs_its_line_and_no_more() {
        let text =
            "[node name=]\na = 1\n[node name=\"B\"]\nno value here\nb = \"open\nc = 2\n[node name=\"C\"]\nd = 1\n";
        let (sections, faults) = read(text);
        let wrong: Vec<_> = faults.iter().map(|fault| (fault.line, fault.expected)).collect();
        assert_eq!(wrong[0], (1, "a value"));
        assert_eq!(wrong[1].0, 4);
        let named = |name: &str| {
            let section = sections
                .iter()
                .find(|section| section.field("name").and_then(Value::text) == Some(name));
            section.map(|section| section.properties.len())
        };
        assert_eq!(named("B").map(|count| count > 0), Some(true));
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in [
            "[",
            "[[[[",
            "=",
            "a=",
            "\"",
            "[a b=\"",
            "\u{feff}[a]",
            "a={\"b\":",
            ";",
            "[a]\n]\n=",
        ] {
            read(text);
        }
    }
}
