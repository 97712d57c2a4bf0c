//! The parameters of functions, as they are written.

use godot_variant::VariantType;

use super::script::arguments;
use super::words::Token;

/// A function.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Function {
    pub(super) line: u32,
    pub(super) parameters: Vec<Parameter>,
    /// It takes any number of further arguments.
    pub(super) is_open: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) written: Written,
    pub(super) has_default: bool,
}

/// What a parameter's type is written as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    Nothing,
    Type(TypeName),
    /// By `:=`, that is the type of the default, if it can be told.
    Inferred(Option<VariantType>),
}

/// The name of a type, with those of its elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TypeName {
    /// With its dots.
    pub(super) name: String,
    pub(super) elements: Vec<TypeName>,
}

type Tokens<'a> = &'a [(u32, Token)];

/// Reads what follows the name of a function.
pub(super) fn read(line: u32, tokens: Tokens<'_>) -> Function {
    let (inside, _) = arguments(tokens);
    let mut function = Function {
        line,
        ..Function::default()
    };
    for part in parts(inside) {
        match part {
            [] => {}
            [(_, Token::Symbol('.')), ..] => function.is_open = true,
            part => function.parameters.extend(parameter(part)),
        }
    }
    function
}

/// What is between commas that are in no brackets.
fn parts(tokens: Tokens<'_>) -> impl Iterator<Item = Tokens<'_>> {
    let mut depth = 0i32;
    tokens.split(move |(_, token)| {
        match token {
            Token::Symbol('(' | '[' | '{') => depth += 1,
            Token::Symbol(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        depth == 0 && token.is(',')
    })
}

fn parameter(tokens: Tokens<'_>) -> Option<Parameter> {
    let name = tokens.first()?.1.word()?.to_owned();
    let rest = &tokens[1..];
    let equals = rest.iter().position(|(_, token)| token.is('='));
    let (before, default) = match equals {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let written = match (before, default) {
        ([], _) => Written::Nothing,
        ([(_, Token::Symbol(':'))], Some(default)) => Written::Inferred(inferred(default)),
        ([(_, Token::Symbol(':')), name @ ..], _) => Written::Type(type_name(name)),
        _ => Written::Inferred(None),
    };
    Some(Parameter {
        name,
        written,
        has_default: default.is_some(),
    })
}

/// A type's name; what is within it deeper than types are is left out.
pub(super) fn type_name(tokens: Tokens<'_>) -> TypeName {
    let end = tokens.iter().position(|(_, token)| token.is('['));
    let (name, elements) = tokens.split_at(end.unwrap_or(tokens.len()));
    let plain = |tokens: Tokens<'_>| -> String {
        let words = tokens.iter().map(|(_, token)| match token {
            Token::Word(word) | Token::Text(word) => word.clone(),
            Token::Symbol(symbol) => symbol.to_string(),
        });
        words.collect()
    };
    let inside = match elements {
        [_, inside @ .., (_, Token::Symbol(']'))] => inside,
        _ => &[],
    };
    let elements = match inside {
        [] => Vec::new(),
        // No element has elements of its own.
        inside => parts(inside)
            .map(|part| TypeName {
                name: plain(part),
                elements: Vec::new(),
            })
            .collect(),
    };
    TypeName {
        name: plain(name),
        elements,
    }
}

/// A built-in type by its name.
pub(super) fn builtin(name: &str) -> Option<VariantType> {
    let types = VariantType::ALL.into_iter().skip(1);
    types.into_iter().find(|kind| kind.name() == name)
}

/// The type of a value that is written out.
fn inferred(tokens: Tokens<'_>) -> Option<VariantType> {
    let tokens: Vec<&Token> = tokens.iter().map(|(_, token)| token).collect();
    match &tokens[..] {
        [Token::Word(word)] if word == "true" || word == "false" => Some(VariantType::Bool),
        [Token::Text(_)] => Some(VariantType::String),
        [Token::Symbol('&'), Token::Text(_)] => Some(VariantType::StringName),
        [Token::Symbol('^'), Token::Text(_)] => Some(VariantType::NodePath),
        [Token::Word(name), Token::Symbol('.'), Token::Word(constant)] if builtin(name).is_some() => {
            of_constant(builtin(name)?, constant)
        }
        [Token::Symbol('['), ..] if is_one(&tokens) => Some(VariantType::Array),
        [Token::Symbol('{'), ..] if is_one(&tokens) => Some(VariantType::Dictionary),
        [Token::Word(name), inside @ ..] if is_one(inside) && inside[0].is('(') => builtin(name),
        [Token::Symbol('-' | '+'), number @ ..] | number => of_number(number),
    }
}

/// Whether it is a pair of brackets with what is in it.
fn is_one(tokens: &[&Token]) -> bool {
    let mut depth = 0i32;
    let closed = tokens.iter().position(|token| {
        match token {
            Token::Symbol('(' | '[' | '{') => depth += 1,
            Token::Symbol(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    tokens.len() > 1 && closed == Some(tokens.len() - 1)
}

fn of_number(tokens: &[&Token]) -> Option<VariantType> {
    match tokens {
        [Token::Word(word)] if is_digits(word) => {
            let is_based = word.starts_with("0x") || word.starts_with("0b");
            let is_float = !is_based && word.contains(['e', 'E']);
            Some(if is_float { VariantType::Float } else { VariantType::Int })
        }
        [Token::Word(first), rest @ ..] if is_digits(first) => {
            (is_fraction(rest) || is_power(tokens)).then_some(VariantType::Float)
        }
        rest => is_fraction(rest).then_some(VariantType::Float),
    }
}

fn is_digits(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// What can follow the whole part of a number: a point, digits, a power.
fn is_fraction(tokens: &[&Token]) -> bool {
    match tokens {
        [Token::Symbol('.')] => true,
        [Token::Symbol('.'), Token::Word(digits)] => is_digits(digits),
        [Token::Symbol('.'), power @ ..] => is_power(power),
        _ => false,
    }
}

/// `1e-5`, which is three words.
fn is_power(tokens: &[&Token]) -> bool {
    match tokens {
        [Token::Word(word), Token::Symbol('-' | '+'), Token::Word(power)] => {
            is_digits(word) && word.ends_with(['e', 'E']) && !word.starts_with("0x") && is_digits(power)
        }
        _ => false,
    }
}

/// The constants of a type are of the type itself, but for the numbers of axes and planes.
fn of_constant(kind: VariantType, constant: &str) -> Option<VariantType> {
    let is_number =
        constant.starts_with("AXIS_") || (kind == VariantType::Projection && constant.starts_with("PLANE_"));
    let is_name = constant
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    match (is_number, is_name) {
        (true, _) => Some(VariantType::Int),
        (false, true) => Some(kind),
        // A method.
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::words;

    fn function(text: &str) -> Function {
        let (lines, faults) = words::lines(text);
        assert_eq!(faults, []);
        read(1, &lines[0].tokens)
    }

    #[test]
    fn types_are_read_as_they_are_written() {
        let read =
            function("(a, b: int, c: Array[Vector2] = [], d: Dictionary[String, Other.State], e = max(1, 2)) -> void:");
        let name = |name: &str, elements: &[&str]| {
            let plain = |name: &&str| TypeName {
                name: (*name).to_owned(),
                elements: Vec::new(),
            };
            Written::Type(TypeName {
                name: name.to_owned(),
                elements: elements.iter().map(plain).collect(),
            })
        };
        let found = read.parameters.iter();
        let found: Vec<_> = found
            .map(|own| (&*own.name, own.written.clone(), own.has_default))
            .collect();
        let expected = [
            ("a", Written::Nothing, false),
            ("b", name("int", &[]), false),
            ("c", name("Array", &["Vector2"]), true),
            ("d", name("Dictionary", &["String", "Other.State"]), false),
            ("e", Written::Nothing, true),
        ];
        assert_eq!(found, expected);
        assert!(!read.is_open);
        assert!(function("(a, ...rest: Array):").is_open);
    }

    #[test]
    fn the_type_of_a_default_is_inferred_where_it_can_be_told() {
        use VariantType::*;
        for (default, expected) in [
            ("3", Some(Int)),
            ("-0x1e", Some(Int)),
            ("0.5", Some(Float)),
            ("-.5", Some(Float)),
            ("1.", Some(Float)),
            ("1e-5", Some(Float)),
            ("2.5e-5", Some(Float)),
            ("1 - 2", None),
            ("true", Some(Bool)),
            ("\"a, b\"", Some(String)),
            ("&\"a\"", Some(StringName)),
            ("^\"a\"", Some(NodePath)),
            ("[1, 2]", Some(Array)),
            ("[1][0]", None),
            ("{a = 1}", Some(Dictionary)),
            ("Vector2(1, max(2, 3))", Some(Vector2)),
            ("Vector2(1, 2).x", None),
            ("Vector2.ZERO", Some(Vector2)),
            ("Vector2.AXIS_X", Some(Int)),
            ("Color.from_hsv", None),
            ("PackedByteArray()", Some(PackedByteArray)),
            ("other()", None),
            ("SOMETHING", None),
            ("null", None),
        ] {
            let function = function(&format!("(a := {default}):"));
            let written = &function.parameters[0].written;
            assert_eq!(*written, Written::Inferred(expected), "{default}");
        }
    }
}
