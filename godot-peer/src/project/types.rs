//! What the types that parameters are written with are.

use std::collections::BTreeMap;

use godot_variant::{DeclaredType, ElementType, VariantType};

use super::parameters::{Function, TypeName, Written, builtin};
use super::script::{Alias, Script};
use crate::scene::Parameters;

/// Enumerations that are in no class.
const GLOBAL_ENUMS: [&str; 20] = [
    "ClockDirection",
    "Corner",
    "Error",
    "EulerOrder",
    "HorizontalAlignment",
    "InlineAlignment",
    "JoyAxis",
    "JoyButton",
    "Key",
    "KeyLocation",
    "KeyModifierMask",
    "MIDIMessage",
    "MethodFlags",
    "MouseButton",
    "MouseButtonMask",
    "Orientation",
    "PropertyHint",
    "PropertyUsageFlags",
    "Side",
    "VerticalAlignment",
];

/// How many constants may stand for each other.
const MAX_ALIASES: usize = 8;

/// What names are known in a script.
pub(super) struct Types<'a> {
    /// The script, and those that it extends.
    pub(super) chain: &'a [(&'a str, &'a Script)],
    pub(super) scripts: &'a BTreeMap<String, Script>,
    /// Paths by `class_name`.
    pub(super) classes: &'a BTreeMap<String, String>,
}

/// What a name stands for.
enum Meaning {
    Enum,
    Class(String),
}

impl Types<'_> {
    /// The parameters of a function, and those whose type cannot be told. Nothing if it takes any number of arguments.
    pub(super) fn parameters<'f>(&self, function: &'f Function) -> (Option<Parameters>, Vec<&'f str>) {
        if function.is_open {
            return (None, Vec::new());
        }
        let mut doubts = Vec::new();
        let parameters = &function.parameters;
        let types = parameters.iter().map(|parameter| {
            let known = match &parameter.written {
                Written::Nothing => Some(DeclaredType::Any),
                Written::Type(name) => self.declared(name),
                Written::Inferred(kind) => kind.map(DeclaredType::from),
            };
            known.unwrap_or_else(|| {
                doubts.push(&*parameter.name);
                DeclaredType::Any
            })
        });
        let types = Parameters::new(types.collect::<Vec<_>>());
        let required = parameters.iter().take_while(|parameter| !parameter.has_default).count();
        (Some(types.with_required(required)), doubts)
    }

    fn declared(&self, of: &TypeName) -> Option<DeclaredType> {
        match (&*of.name, &of.elements[..]) {
            ("Variant", []) => Some(DeclaredType::Any),
            ("Array", [element]) => Some(match self.element(element)? {
                ElementType::Any => DeclaredType::Builtin(VariantType::Array),
                element => DeclaredType::Array(element),
            }),
            ("Dictionary", [key, value]) => Some(match (self.element(key)?, self.element(value)?) {
                (ElementType::Any, ElementType::Any) => DeclaredType::Builtin(VariantType::Dictionary),
                (key, value) => DeclaredType::Dictionary(key, value),
            }),
            (name, []) => match (builtin(name), self.meaning(name, MAX_ALIASES)) {
                (Some(kind), _) => Some(DeclaredType::Builtin(kind)),
                (None, Some(Meaning::Enum)) => Some(DeclaredType::Builtin(VariantType::Int)),
                (None, Some(Meaning::Class(class))) => Some(DeclaredType::Class(class.as_str().into())),
                (None, None) => None,
            },
            _ => None,
        }
    }

    fn element(&self, of: &TypeName) -> Option<ElementType> {
        match self.declared(of)? {
            DeclaredType::Any => Some(ElementType::Any),
            DeclaredType::Builtin(kind) => Some(ElementType::Builtin(kind)),
            DeclaredType::Class(class) => Some(ElementType::Class(class)),
            _ => None,
        }
    }

    /// What a name that is none of a built-in type stands for: in the script, in the project, in Godot.
    fn meaning(&self, name: &str, most: usize) -> Option<Meaning> {
        let (first, rest) = match name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name, None),
        };
        for (at, (_, script)) in self.chain.iter().enumerate() {
            if let Some(alias) = script.aliases.get(first) {
                return match (alias, rest) {
                    (Alias::Class, None) => Some(Meaning::Class(first.to_owned())),
                    (Alias::Name(other), None) if most > 0 => {
                        let within = Types {
                            chain: &self.chain[at..],
                            ..*self
                        };
                        within.meaning(other, most - 1)
                    }
                    _ => None,
                };
            }
            let is_own = rest.is_none();
            if is_own && script.enums.contains(first) {
                return Some(Meaning::Enum);
            }
            if is_own && script.inner_classes.contains(first) {
                return Some(Meaning::Class(first.to_owned()));
            }
        }
        if GLOBAL_ENUMS.contains(&name) {
            return Some(Meaning::Enum);
        }
        match (self.classes.get(first).and_then(|path| self.scripts.get(path)), rest) {
            (None | Some(_), None) if starts_large(first) => Some(Meaning::Class(first.to_owned())),
            (Some(script), Some(rest)) if script.enums.contains(rest) => Some(Meaning::Enum),
            (Some(script), Some(rest)) if script.inner_classes.contains(rest) => Some(Meaning::Class(rest.to_owned())),
            // Godot's classes have enumerations and no classes within them. A class of this script has what is not known.
            (None, Some(rest)) if starts_large(first) && !rest.contains('.') && !self.has_inner(first) => {
                Some(Meaning::Enum)
            }
            _ => None,
        }
    }

    fn has_inner(&self, name: &str) -> bool {
        self.chain.iter().any(|(_, script)| script.inner_classes.contains(name))
    }
}

fn starts_large(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}
