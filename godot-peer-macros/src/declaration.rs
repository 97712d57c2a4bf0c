//! The trait, read.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, FnArg, Ident, ItemTrait, Lit, Meta, Pat, ReceiverKind, ReturnType, Safety, Signature, TraitItem,
    TraitItemFn, Type, Visibility,
};

use crate::words::Words;

/// The methods that a declaration gives the type of its calls, besides those of the script.
const RESERVED: [&str; 2] = ["interface", "dispatch"];

/// As many as a call can have.
const MAX_PARAMETERS: usize = 255;

/// A trait that is a script's remote procedures.
pub(crate) struct Declaration {
    /// The trait without what only this macro understands, and without the methods that are only called.
    pub(crate) item: ItemTrait,
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) methods: Vec<Method>,
}

/// A remote procedure.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// What it is called in the script.
    pub(crate) name: String,
    pub(crate) words: Words,
    /// Whether it is called here, and not only called from here.
    pub(crate) handled: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) documentation: Vec<Attribute>,
}

/// A parameter of the script's method.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) kind: Type,
}

/// All that is wrong, said at once.
#[derive(Default)]
struct Errors(Option<syn::Error>);

impl Errors {
    fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn say(&mut self, span: Span, message: &str) {
        self.add(syn::Error::new(span, message));
    }
}

/// The attribute itself takes nothing.
pub(crate) fn without_words(arguments: &TokenStream) -> syn::Result<()> {
    match arguments.is_empty() {
        true => Ok(()),
        false => Err(syn::Error::new(
            arguments.span(),
            "#[godot_rpc] stands alone: what is said of a method stands in its #[rpc(…)]",
        )),
    }
}

impl Declaration {
    pub(crate) fn read(mut item: ItemTrait) -> syn::Result<Declaration> {
        let mut errors = Errors::default();
        if !item.generics.params.is_empty() {
            errors.say(item.generics.span(), "a script's procedures have no generics");
        }
        let mut methods: Vec<Method> = Vec::new();
        let mut names = BTreeMap::new();
        for part in &mut item.items {
            let TraitItem::Fn(function) = part else {
                errors.say(part.span(), "a script's remote procedures are methods");
                continue;
            };
            match Method::read(function) {
                Ok(method) => {
                    if let Some(before) = names.insert(method.name.clone(), method.ident.clone()) {
                        let name = &method.name;
                        errors.say(
                            method.ident.span(),
                            &format!("the script's `{name}` is `{before}` already"),
                        );
                    }
                    methods.push(method);
                }
                Err(error) => errors.add(error),
            }
        }
        if let Some(error) = errors.0 {
            return Err(error);
        }
        item.items
            .retain(|part| matches!(part, TraitItem::Fn(function) if function.sig.receiver().is_some()));
        Ok(Declaration {
            name: item.ident.clone(),
            visibility: item.vis.clone(),
            item,
            methods,
        })
    }
}

impl Method {
    /// Reads a method, and takes from it what only this macro understands.
    fn read(function: &mut TraitItemFn) -> syn::Result<Method> {
        let mut errors = Errors::default();
        let signature = &function.sig;
        let ident = signature.ident.clone();
        let words = read_words(function).unwrap_or_else(|error| {
            errors.add(error);
            Words::default()
        });
        refuse_extras(signature, &mut errors);
        let handled = signature.receiver().is_some();
        let mut inputs = signature.inputs.iter();
        if handled {
            check_receiver(signature, &mut errors);
            inputs.next();
            match inputs.next() {
                Some(FnArg::Typed(sender)) if is_named(&sender.ty, "PeerId") => {}
                Some(other) => errors.say(other.span(), SENDER_FIRST),
                None => errors.say(ident.span(), SENDER_FIRST),
            }
        } else if let Some(body) = &function.default {
            errors.say(
                body.span(),
                "without `self` a method is only called from here, and has no body",
            );
        }
        let mut parameters = Vec::new();
        for input in inputs {
            match Parameter::read(input) {
                Ok(parameter) => parameters.push(parameter),
                Err(error) => errors.add(error),
            }
        }
        if parameters.len() > MAX_PARAMETERS {
            errors.say(ident.span(), &format!("a call has {MAX_PARAMETERS} arguments at most"));
        }
        let text = ident.to_string();
        let plain = text.strip_prefix("r#").unwrap_or(&text);
        if RESERVED.contains(&plain) {
            errors.say(
                ident.span(),
                &format!("`{plain}` is made by #[godot_rpc]: take another name here, and #[rpc(name = \"{plain}\")]"),
            );
        }
        if let Some(error) = errors.0 {
            return Err(error);
        }
        let name = words.name.as_ref().map_or_else(|| plain.to_owned(), syn::LitStr::value);
        function.attrs.retain(|attribute| !is_rpc(attribute));
        Ok(Method {
            ident,
            name,
            words,
            handled,
            parameters,
            documentation: function
                .attrs
                .iter()
                .filter(|attribute| is_documentation(attribute))
                .cloned()
                .collect(),
        })
    }
}

const SENDER_FIRST: &str = "a method that is called here takes its caller first: `from: PeerId`";

impl Parameter {
    fn read(input: &FnArg) -> syn::Result<Parameter> {
        match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => Ok(Parameter {
                    name: name.ident.clone(),
                    kind: (*typed.ty).clone(),
                }),
                other => Err(syn::Error::new(other.span(), "a parameter has a name and a type here")),
            },
            FnArg::Receiver(receiver) => Err(syn::Error::new(receiver.span(), "`self` comes first")),
        }
    }
}

fn read_words(function: &TraitItemFn) -> syn::Result<Words> {
    let mut marks = function.attrs.iter().filter(|attribute| is_rpc(attribute));
    let Some(mark) = marks.next() else {
        return Err(syn::Error::new(
            function.sig.ident.span(),
            "every method here is one of the script: mark it with #[rpc], or with #[rpc(any_peer, …)] as in the script",
        ));
    };
    match marks.next() {
        Some(second) => Err(syn::Error::new(second.span(), "one #[rpc(…)] is enough")),
        None => Words::read(mark),
    }
}

/// What a function of Rust can be, and a procedure of a script cannot.
fn refuse_extras(signature: &Signature, errors: &mut Errors) {
    if let Some(word) = &signature.asyncness {
        errors.say(word.span(), "a call is not waited for: no `async`");
    }
    if let Safety::Unsafe(word) = &signature.safety {
        errors.say(word.span(), "a stranger may call it: no `unsafe`");
    }
    if let Some(word) = &signature.constness {
        errors.say(word.span(), "no `const`");
    }
    if let Some(abi) = &signature.abi {
        errors.say(abi.span(), "no `extern`");
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.say(signature.generics.span(), "a script's procedures have no generics");
    }
    if let ReturnType::Type(_, kind) = &signature.output
        && !matches!(&**kind, Type::Tuple(tuple) if tuple.elems.is_empty())
    {
        errors.say(kind.span(), "a call gives nothing back: answer by a call of your own");
    }
}

fn check_receiver(signature: &Signature, errors: &mut Errors) {
    if let Some(receiver) = signature.receiver()
        && !matches!(receiver.kind, ReceiverKind::Reference(..))
    {
        errors.say(receiver.span(), "`&self` or `&mut self`");
    }
}

fn is_rpc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("rpc")
}

fn is_documentation(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => {
            matches!(&pair.value, Expr::Lit(text) if matches!(text.lit, Lit::Str(_)))
        }
        _ => false,
    }
}

/// Whether a type is written as a path that ends in this name.
pub(crate) fn is_named(kind: &Type, name: &str) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}
