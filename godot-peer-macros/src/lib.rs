//! The attribute `#[godot_rpc]` of `godot-peer`. Use it from there.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod declaration;
mod expand;
mod words;

use proc_macro::TokenStream;
use syn::{ItemTrait, parse_macro_input};

use declaration::Declaration;

/// Declares the remote procedures of a Godot script as a trait: see the documentation of `godot_peer::godot_rpc`.
#[proc_macro_attribute]
pub fn godot_rpc(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    let expanded = declaration::without_words(&arguments.into())
        .and_then(|()| Declaration::read(item))
        .map(|declaration| expand::expand(&declaration));
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
