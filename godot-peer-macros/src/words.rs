//! What `#[rpc(…)]` says of a method.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Ident, LitInt, LitStr, Meta};

/// The last transfer channel that Godot's ENet has: of its 255 channels two are for transfer channel 0.
const LAST_CHANNEL: u8 = 253;

/// Who may call a method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    AnyPeer,
    #[default]
    Authority,
}

/// How a method is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transfer {
    Unreliable,
    UnreliableOrdered,
    #[default]
    Reliable,
}

/// What is said of a method, or else what `@rpc` without words says.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) mode: Mode,
    pub(crate) call_local: bool,
    pub(crate) transfer: Transfer,
    pub(crate) channel: u8,
    /// The method's name in the script, if it is another one there.
    pub(crate) name: Option<LitStr>,
}

/// Which of the questions have been answered.
#[derive(Default)]
struct Said {
    mode: Option<Ident>,
    call_local: Option<Ident>,
    transfer: Option<Ident>,
    channel: Option<Ident>,
    name: Option<Ident>,
}

impl Words {
    /// Reads `#[rpc]` or `#[rpc(…)]`.
    pub(crate) fn read(attribute: &Attribute) -> syn::Result<Words> {
        let (mut words, mut said) = (Words::default(), Said::default());
        if !matches!(attribute.meta, Meta::Path(_)) {
            attribute.parse_nested_meta(|meta| words.take(&meta, &mut said))?;
        }
        Ok(words)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>, said: &mut Said) -> syn::Result<()> {
        let word = meta.path.get_ident().cloned();
        let text = word.as_ref().map(ToString::to_string).unwrap_or_default();
        let question = match text.as_str() {
            "any_peer" | "authority" => &mut said.mode,
            "call_local" | "call_remote" => &mut said.call_local,
            "unreliable" | "unreliable_ordered" | "reliable" => &mut said.transfer,
            "channel" => &mut said.channel,
            "name" => &mut said.name,
            _ => {
                return Err(meta.error(
                    "there are: any_peer, authority; call_local, call_remote; unreliable, unreliable_ordered, reliable; \
                     channel = 1; name = \"in_the_script\"",
                ));
            }
        };
        if let Some(before) = question {
            return Err(meta.error(format!("there is `{before}` already")));
        }
        *question = word;
        match text.as_str() {
            "any_peer" => self.mode = Mode::AnyPeer,
            "authority" => self.mode = Mode::Authority,
            "call_local" => self.call_local = true,
            "unreliable" => self.transfer = Transfer::Unreliable,
            "unreliable_ordered" => self.transfer = Transfer::UnreliableOrdered,
            "reliable" => self.transfer = Transfer::Reliable,
            "channel" => {
                let channel: LitInt = meta.value()?.parse()?;
                let number = channel.base10_parse().ok().filter(|number| *number <= LAST_CHANNEL);
                let error = || syn::Error::new(channel.span(), format!("transfer channels are 0 to {LAST_CHANNEL}"));
                self.channel = number.ok_or_else(error)?;
            }
            "name" => {
                let name: LitStr = meta.value()?.parse()?;
                if name.value().is_empty() {
                    return Err(syn::Error::new(name.span(), "a method has a name"));
                }
                self.name = Some(name);
            }
            _ => {}
        }
        Ok(())
    }
}
