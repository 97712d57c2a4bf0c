//! What is made of a declaration: the trait of what is handled here, and a type with the interface, the calls and the way from
//! a call to the trait.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::declaration::{Declaration, Method, Parameter, is_named};
use crate::words::{Mode, Transfer};

pub(crate) fn expand(declaration: &Declaration) -> TokenStream {
    let Declaration {
        item,
        name,
        visibility,
        methods,
    } = declaration;
    let calls = format_ident!("{name}Rpc");
    let documentation = format!("The remote procedures of [`{name}`]: its interface, and what makes and takes calls.");
    let described = methods.iter().map(describe);
    let callers = methods.iter().map(caller);
    let arms = methods.iter().filter(|method| method.handled).map(arm);
    // Without one there is nobody to be called.
    let handler = match methods.iter().any(|method| method.handled) {
        true => quote!(handler),
        false => quote!(_handler),
    };
    quote! {
        #item

        #[doc = #documentation]
        #[derive(Clone, Copy, Debug)]
        #visibility enum #calls {}

        #[allow(dead_code, clippy::match_single_binding, clippy::too_many_arguments, clippy::useless_conversion)]
        impl #calls {
            /// What can be called on the node, with the numbers and the checksum that Godot gives it.
            #[must_use]
            pub fn interface() -> ::godot_peer::scene::Interface {
                ::godot_peer::scene::Interface::new()#(#described)*
            }

            /// Makes the call on the handler, if it is of one of the methods that are handled and the arguments fit, as
            /// Godot converts them. Which node it is for is not looked at.
            ///
            /// # Errors
            /// If there is no such method, or it is only called from here; if there are more or fewer arguments than it has
            /// parameters, or one is of a type that is not taken.
            pub fn dispatch<Handler: #name + ?::core::marker::Sized>(
                #handler: &mut Handler,
                call: ::godot_peer::calls::Call,
            ) -> ::core::result::Result<(), ::godot_peer::calls::UnhandledCall> {
                match &*call.method {
                    #(#arms)*
                    _ => ::core::result::Result::Err(::godot_peer::__private::no_handler(call)),
                }
            }

            #(#callers)*
        }
    }
}

/// The method, as a part of the interface.
fn describe(method: &Method) -> TokenStream {
    let name = &method.name;
    let mode = match method.words.mode {
        Mode::AnyPeer => quote!(AnyPeer),
        Mode::Authority => quote!(Authority),
    };
    let transfer = match method.words.transfer {
        Transfer::Unreliable => quote!(Unreliable),
        Transfer::UnreliableOrdered => quote!(UnreliableOrdered),
        Transfer::Reliable => quote!(Reliable),
    };
    let (call_local, channel) = (method.words.call_local, method.words.channel);
    // Nobody may make another call than the one that is handled; what is only called from here may have any Rust type.
    let parameters = method.handled.then(|| {
        let kinds = method.parameters.iter().map(|parameter| &parameter.kind);
        quote!(.with_parameters(#name, ::godot_peer::scene::Parameters::new([
            #(<#kinds as ::godot_peer::__private::FromVariant>::declared()),*
        ])))
    });
    quote! {
        .with(#name, ::godot_peer::scene::Method {
            rpc_mode: ::godot_peer::scene::RpcMode::#mode,
            call_local: #call_local,
            transfer_mode: ::godot_peer::TransferMode::#transfer,
            channel: ::godot_peer::__private::channel(#channel),
        })
        #parameters
    }
}

/// The function that makes a call of the method.
fn caller(method: &Method) -> TokenStream {
    let (ident, name) = (&method.ident, &method.name);
    let parameters = method
        .parameters
        .iter()
        .map(|Parameter { name, kind }| match is_string(kind) {
            true => quote!(#name: impl ::core::convert::Into<#kind>),
            false => quote!(#name: #kind),
        });
    let values = method.parameters.iter().map(|Parameter { name, kind }| {
        let value = match is_string(kind) {
            true => quote!(::core::convert::Into::<#kind>::into(#name)),
            false => quote!(#name),
        };
        quote_spanned!(kind.span()=> ::core::convert::Into::<::godot_peer::__private::Variant>::into(#value))
    });
    let documentation = match method.documentation.as_slice() {
        [] => {
            let text = format!("A call of `{name}`.");
            quote!(#[doc = #text])
        }
        documentation => quote!(#(#documentation)*),
    };
    quote! {
        #documentation
        #[must_use]
        pub fn #ident(#(#parameters),*) -> ::godot_peer::MethodCall {
            ::godot_peer::MethodCall::new(#name, ::godot_peer::__private::Arguments::from([#(#values),*]))
        }
    }
}

/// What a call of the method does.
fn arm(method: &Method) -> TokenStream {
    let (ident, name) = (&method.ident, &method.name);
    let names: Vec<_> = (0..method.parameters.len())
        .map(|index| format_ident!("argument_{index}"))
        .collect();
    let values = names
        .iter()
        .zip(&method.parameters)
        .enumerate()
        .map(|(index, (value, parameter))| {
            let kind = &parameter.kind;
            quote_spanned!(kind.span()=> ::godot_peer::__private::argument::<#kind>(#index, #value)?)
        });
    quote! {
        #name => {
            let [#(#names),*] = ::godot_peer::__private::exactly(call.arguments)?;
            handler.#ident(call.from, #(#values),*);
            ::core::result::Result::Ok(())
        }
    }
}

fn is_string(kind: &Type) -> bool {
    is_named(kind, "String")
}
