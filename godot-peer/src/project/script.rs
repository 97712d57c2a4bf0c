//! What a script says of itself: its class, what it extends, and the methods it marks `@rpc`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cursor::Fault;
use super::parameters::{self, Function};
use super::words::{self, Line, Token};
use crate::scene::{Method, RpcMode};
use crate::{TransferChannel, TransferMode};

/// A script by itself, without those it extends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Script {
    pub(super) class_name: Option<String>,
    pub(super) extends: Extends,
    /// The line of it.
    pub(super) extends_line: u32,
    pub(super) methods: BTreeMap<String, Method>,
    /// All functions, with `@rpc` and without.
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) enums: BTreeSet<String>,
    pub(super) inner_classes: BTreeSet<String>,
    /// Constants that may stand for a type.
    pub(super) aliases: BTreeMap<String, Alias>,
    pub(super) faults: Vec<Fault>,
    /// What cannot be known from the text.
    pub(super) doubts: Vec<(u32, String)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Extends {
    #[default]
    Nothing,
    /// A class of Godot or of another script.
    Class(String),
    /// A script's path, as it is written.
    Path(String),
    /// A class within another one.
    Inner(String),
}

/// What a constant stands for, if it is a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Alias {
    /// A script or scene that is loaded.
    Class,
    /// Another name, with its dots.
    Name(String),
}

/// Methods that change at run time what a script or a scene says.
const AT_RUN_TIME: [(&str, &str); 3] = [
    ("rpc_config", "methods are configured at run time, and not known"),
    (
        "add_spawnable_scene",
        "scenes are given to a spawner at run time, and not known",
    ),
    (
        "set_multiplayer",
        "a branch gets a session of its own at run time: its paths begin there",
    ),
];

/// Reads a script.
pub(super) fn read(text: &str) -> Script {
    let (lines, faults) = words::lines(text);
    let mut script = Script {
        faults,
        ..Script::default()
    };
    let constants = constants(&lines);
    let mut pending: Option<(u32, Method)> = None;
    for line in &lines {
        script.doubt(line);
        if line.is_indented {
            continue;
        }
        let mut tokens = &line.tokens[..];
        while let Some((number, Token::Symbol('@'))) = tokens.first() {
            let name = tokens.get(1).and_then(|(_, token)| token.word());
            let (arguments, rest) = arguments(tokens.get(2..).unwrap_or_default());
            if name == Some("rpc") {
                match script.annotation(*number, arguments, &constants) {
                    Ok(method) => pending = Some((*number, method)),
                    Err(expected) => script.faults.push(Fault {
                        line: *number,
                        expected,
                    }),
                }
            }
            tokens = rest;
        }
        if let Some((number, _)) = tokens.first() {
            script.statement(*number, tokens, &mut pending);
        }
    }
    if let Some((line, _)) = pending {
        script.faults.push(no_function(line));
    }
    script
}

fn no_function(line: u32) -> Fault {
    Fault {
        line,
        expected: "a function behind `@rpc`",
    }
}

type Tokens<'a> = &'a [(u32, Token)];

/// What is in the brackets at the beginning, if there are any, and what is behind them.
pub(super) fn arguments(tokens: Tokens<'_>) -> (Tokens<'_>, Tokens<'_>) {
    if !tokens.first().is_some_and(|(_, token)| token.is('(')) {
        return (&[], tokens);
    }
    let mut depth = 0;
    for (at, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Symbol('(' | '[' | '{') => depth += 1,
            Token::Symbol(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&tokens[1..at], &tokens[at + 1..]);
        }
    }
    (&tokens[1..], &[])
}

/// The constants whose value is a string or a number.
fn constants(lines: &[Line]) -> HashMap<&str, &Token> {
    let mut constants = HashMap::new();
    for line in lines.iter().filter(|line| !line.is_indented) {
        let tokens: Vec<&Token> = line.tokens.iter().map(|(_, token)| token).collect();
        if let [Token::Word(keyword), Token::Word(name), .., equals, value] = &tokens[..]
            && keyword == "const"
            && equals.is('=')
        {
            constants.insert(&**name, *value);
        }
    }
    constants
}

/// What a constant stands for that has this value, if it can be a type.
fn alias_of(value: Tokens<'_>) -> Option<Alias> {
    let is_dotted = |(at, (_, token)): (usize, &(u32, Token))| match at % 2 {
        0 => matches!(token, Token::Word(_)),
        _ => token.is('.'),
    };
    match value {
        [
            (_, Token::Word(load)),
            (_, Token::Symbol('(')),
            (_, Token::Text(_)),
            (_, Token::Symbol(')')),
        ] if load == "preload" => Some(Alias::Class),
        value if !value.is_empty() && value.iter().enumerate().all(is_dotted) => {
            Some(Alias::Name(parameters::type_name(value).name))
        }
        _ => None,
    }
}

impl Script {
    fn doubt(&mut self, line: &Line) {
        for pair in line.tokens.windows(2) {
            let [(number, Token::Word(name)), (_, Token::Symbol('('))] = pair else {
                continue;
            };
            if let Some((_, why)) = AT_RUN_TIME.iter().find(|(method, _)| method == name) {
                self.doubts.push((*number, (*why).to_owned()));
            }
        }
    }

    fn statement(&mut self, number: u32, tokens: Tokens<'_>, pending: &mut Option<(u32, Method)>) {
        let word = |at: usize| tokens.get(at).and_then(|(_, token)| token.word());
        let first = word(0).unwrap_or_default();
        let function_at = usize::from(first == "static");
        if word(function_at) == Some("func") {
            let method = pending.take();
            let Some(name) = word(function_at + 1) else {
                return self.faults.push(Fault {
                    line: number,
                    expected: "the name of the function",
                });
            };
            let function = parameters::read(number, tokens.get(function_at + 2..).unwrap_or_default());
            self.functions.insert(name.to_owned(), function);
            if let Some((_, method)) = method {
                self.methods.insert(name.to_owned(), method);
            }
            return;
        }
        if let Some((line, _)) = pending.take() {
            self.faults.push(no_function(line));
        }
        match first {
            "class_name" => {
                self.class_name = word(1).map(str::to_owned);
                if self.class_name.is_none() {
                    self.faults.push(Fault {
                        line: number,
                        expected: "the name of the class",
                    });
                }
                if let Some(at) = tokens.iter().position(|(_, token)| token.is_word("extends")) {
                    self.extend(number, &tokens[at + 1..]);
                }
            }
            "extends" => self.extend(number, &tokens[1..]),
            "enum" => self.enums.extend(word(1).map(str::to_owned)),
            "class" => self.inner_classes.extend(word(1).map(str::to_owned)),
            "const" => {
                let alias = tokens.iter().position(|(_, token)| token.is('='));
                let alias = alias.and_then(|at| alias_of(&tokens[at + 1..]));
                self.aliases.extend(word(1).map(str::to_owned).zip(alias));
            }
            _ => {}
        }
    }

    fn extend(&mut self, number: u32, tokens: Tokens<'_>) {
        self.extends_line = number;
        let is_inner = tokens.iter().any(|(_, token)| token.is('.'));
        self.extends = match tokens.first() {
            Some((_, Token::Text(path) | Token::Word(path))) if is_inner => Extends::Inner(path.clone()),
            Some((_, Token::Text(path))) => Extends::Path(path.clone()),
            Some((_, Token::Word(class))) => Extends::Class(class.clone()),
            _ => {
                return self.faults.push(Fault {
                    line: number,
                    expected: "a class or a script's path behind `extends`",
                });
            }
        };
    }

    /// What `@rpc` with these arguments says: words in any order, and a channel as the fourth.
    fn annotation(
        &mut self,
        line: u32,
        arguments: Tokens<'_>,
        constants: &HashMap<&str, &Token>,
    ) -> Result<Method, &'static str> {
        let mut method = Method::default();
        let count = arguments.split(|(_, token)| token.is(',')).count();
        for (at, argument) in arguments.split(|(_, token)| token.is(',')).enumerate() {
            let value = match argument {
                // Nothing, or a comma at the end.
                [] if at + 1 == count => continue,
                [(_, Token::Word(name))] => constants.get(&**name).copied().unwrap_or(&argument[0].1),
                [(_, token)] => token,
                _ => {
                    self.unknown(line, at);
                    continue;
                }
            };
            match value {
                Token::Text(_) if at == 3 => return Err("the number of a channel as the fourth argument of `@rpc`"),
                Token::Text(word) => match &**word {
                    "any_peer" => method.rpc_mode = RpcMode::AnyPeer,
                    "authority" => method.rpc_mode = RpcMode::Authority,
                    "call_local" => method.call_local = true,
                    "call_remote" => method.call_local = false,
                    "unreliable" => method.transfer_mode = TransferMode::Unreliable,
                    "unreliable_ordered" => method.transfer_mode = TransferMode::UnreliableOrdered,
                    "reliable" => method.transfer_mode = TransferMode::Reliable,
                    _ => {
                        return Err(
                            "a word that `@rpc` knows: any_peer, authority, call_local, call_remote, unreliable, unreliable_ordered, reliable",
                        );
                    }
                },
                Token::Word(number) if at == 3 => match number.parse().ok().and_then(TransferChannel::new) {
                    Some(channel) => method.channel = channel,
                    None if number.starts_with(|c: char| c.is_ascii_digit()) => {
                        return Err("a channel from 0 to 253");
                    }
                    None => self.unknown(line, at),
                },
                Token::Word(number) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                    return Err("words as the first three arguments of `@rpc`");
                }
                _ => self.unknown(line, at),
            }
        }
        if count > 4 {
            return Err("no more than four arguments of `@rpc`");
        }
        Ok(method)
    }

    fn unknown(&mut self, line: u32, at: usize) {
        let which = ["first", "second", "third"].get(at).unwrap_or(&"fourth");
        self.doubts.push((
            line,
            format!("the {which} argument of `@rpc` is not written out, and not known"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(rpc_mode: RpcMode, call_local: bool, transfer_mode: TransferMode, channel: u8) -> Method {
        Method {
            rpc_mode,
            call_local,
            transfer_mode,
            channel: TransferChannel::new(channel).expect("a channel"),
        }
    }

    #[test]
    fn annotations_are_read_in_all_their_forms() {
        let script = read(
            "class_name Chat extends Node\nconst LATE = 3\n\n@rpc\nfunc plain():\n\tpass\n\
             @rpc(\"any_peer\", \"call_local\", \"unreliable_ordered\", 2)\nfunc full(a, b = [1, 2]): pass\n\
             @rpc(\"reliable\", 'any_peer') @warning_ignore(\"unused\") func one_line():\n\tpass\n\
             @rpc(\n\t\"unreliable\", # why\n)\n## What it does.\nstatic func many_lines():\n\tpass\n\
             @rpc(\"any_peer\", \"call_remote\", \"reliable\", LATE)\nfunc constant(): pass\n\
             func no_rpc():\n\t@warning_ignore(\"x\")\n\tpass\n\
             class Inner:\n\t@rpc\n\tfunc inner(): pass\n",
        );
        assert_eq!(script.faults, []);
        assert_eq!(script.doubts, []);
        assert_eq!(script.class_name.as_deref(), Some("Chat"));
        assert_eq!(script.extends, Extends::Class("Node".into()));
        use RpcMode::{AnyPeer, Authority};
        use TransferMode::{Reliable, Unreliable, UnreliableOrdered};
        let expected = [
            ("constant", method(AnyPeer, false, Reliable, 3)),
            ("full", method(AnyPeer, true, UnreliableOrdered, 2)),
            ("many_lines", method(Authority, false, Unreliable, 0)),
            ("one_line", method(AnyPeer, false, Reliable, 0)),
            ("plain", Method::default()),
        ];
        let found: Vec<_> = script.methods.iter().map(|(name, method)| (&**name, *method)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_wrong_says_where_and_what_was_expected() {
        for (text, line, expected) in [
            ("@rpc(\"everyone\")\nfunc f(): pass", 1, "a word that `@rpc` knows"),
            ("@rpc(\"any_peer\", 1)\nfunc f(): pass", 1, "words as the first three"),
            (
                "\n@rpc(\"any_peer\", \"call_local\", \"reliable\", 254)\nfunc f(): pass",
                2,
                "a channel from 0 to 253",
            ),
            ("@rpc\nvar x = 1", 1, "a function behind `@rpc`"),
            ("func f(): pass\n@rpc", 2, "a function behind `@rpc`"),
            ("extends\n", 1, "a class or a script's path"),
            ("class_name\n", 1, "the name of the class"),
            ("@rpc\nfunc (): pass", 2, "the name of the function"),
        ] {
            let faults = read(text).faults;
            let [fault] = &faults[..] else {
                panic!("{text}: {faults:?}")
            };
            assert!(
                fault.line == line && fault.expected.starts_with(expected),
                "{text}: {fault:?}"
            );
        }
    }

    #[test]
    fn what_is_decided_at_run_time_is_a_doubt() {
        let script = read(
            "extends \"base.gd\"\nfunc _ready():\n\trpc_config(&\"go\", {})\n\t# rpc_config(\"no\")\n\tprint(\"rpc_config(\")\n\
             @rpc(\"any_peer\", \"call_local\", \"reliable\", Net.CHANNEL)\nfunc f(): pass\n",
        );
        assert_eq!(script.extends, Extends::Path("base.gd".into()));
        let lines: Vec<u32> = script.doubts.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 6]);
        assert!(script.methods.contains_key("f"));
    }
}
