//! What can be called on a node: the methods of its script marked `@rpc`, and those configured on the node itself.

use std::collections::BTreeMap;

use godot_variant::DeclaredType;
use godot_variant::convert::FromArguments;
use md5::{Digest, Md5};

use super::{MethodId, NO_METHODS};
use crate::{TransferChannel, TransferMode};

/// What the node's own methods are numbered from.
const NODE_METHODS: u16 = 0x8000;

/// Who may call a method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RpcMode {
    /// Nobody. In Godot a method configured by `Node.rpc_config` without an `rpc_mode`; it takes a number all the same.
    Disabled,
    /// Everybody.
    AnyPeer,
    /// The peer that has authority over the node. The default.
    #[default]
    Authority,
}

/// How a method is called. The default is that of `@rpc` without words: by the authority, not locally, reliable, on channel 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Method {
    /// Who may call it.
    pub rpc_mode: RpcMode,
    /// Whether a call that goes to others is also made where it comes from.
    pub call_local: bool,
    /// The transfer mode of a call. The business of the caller alone.
    pub transfer_mode: TransferMode,
    /// The transfer channel of a call. The business of the caller alone.
    pub channel: TransferChannel,
}

impl Default for Method {
    fn default() -> Method {
        Method {
            rpc_mode: RpcMode::Authority,
            call_local: false,
            transfer_mode: TransferMode::Reliable,
            channel: TransferChannel::ZERO,
        }
    }
}

impl Method {
    /// One that everybody may call; otherwise the default.
    #[must_use]
    pub fn any_peer() -> Method {
        Method {
            rpc_mode: RpcMode::AnyPeer,
            ..Method::default()
        }
    }

    /// One that the node's authority may call: the default.
    #[must_use]
    pub fn authority() -> Method {
        Method::default()
    }

    /// Called in this transfer mode.
    #[must_use]
    pub fn in_mode(mut self, mode: TransferMode) -> Method {
        self.transfer_mode = mode;
        self
    }

    /// Called on this transfer channel.
    #[must_use]
    pub fn on_channel(mut self, channel: TransferChannel) -> Method {
        self.channel = channel;
        self
    }

    /// Called where the call comes from, too.
    #[must_use]
    pub fn with_call_local(mut self) -> Method {
        self.call_local = true;
        self
    }
}

/// The parameters of a method: their types, and how many of them a caller must give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    types: Vec<DeclaredType>,
    required: usize,
}

impl Parameters {
    /// Parameters of these types, all of which must be given.
    #[must_use]
    pub fn new(types: impl IntoIterator<Item = DeclaredType>) -> Parameters {
        let types: Vec<DeclaredType> = types.into_iter().collect();
        let required = types.len();
        Parameters { types, required }
    }

    /// The parameters that a tuple of Rust's types takes; nothing for a list of Variants, which takes anything.
    ///
    /// ```
    /// use godot_peer::scene::Parameters;
    ///
    /// let parameters = Parameters::of::<(String, i64)>().expect("a tuple");
    /// assert_eq!(parameters.types()[1].to_string(), "int");
    /// ```
    #[must_use]
    pub fn of<A: FromArguments>() -> Option<Parameters> {
        A::declared().map(Parameters::new)
    }

    /// With defaults for all but the first so many.
    #[must_use]
    pub fn with_required(mut self, required: usize) -> Parameters {
        self.required = required.min(self.types.len());
        self
    }

    /// The types.
    #[must_use]
    pub fn types(&self) -> &[DeclaredType] {
        &self.types
    }

    /// How many must be given.
    #[must_use]
    pub fn required(&self) -> usize {
        self.required
    }
}

/// The methods of a node that can be called from afar, with the numbers and the checksum that a stock Godot gives them.
///
/// ```
/// use godot_peer::scene::{Interface, Method, MethodId, RpcMode};
///
/// let any_peer = Method { rpc_mode: RpcMode::AnyPeer, ..Method::default() };
/// let chat = Interface::new().with("say", Method::default()).with("hello", any_peer);
/// assert_eq!(chat.id_of("say"), Some(MethodId(1)));
/// assert_eq!(&chat.checksum(), b"d23147e5f1ac78c5d6f258dde43d6a65");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    script: BTreeMap<String, Method>,
    node: BTreeMap<String, Method>,
    parameters: BTreeMap<String, Parameters>,
}

impl Interface {
    /// One without methods.
    #[must_use]
    pub fn new() -> Interface {
        Interface::default()
    }

    /// With a method of the script, as if by `@rpc`. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, method: Method) -> Interface {
        self.insert(name, method);
        self
    }

    /// With a method configured on the node, as by `Node.rpc_config`.
    #[must_use]
    pub fn with_node_method(mut self, name: &str, method: Method) -> Interface {
        self.node.insert(name.to_owned(), method);
        self
    }

    /// Adds a method of the script, or replaces the one of that name, as a script that inherits it does.
    pub fn insert(&mut self, name: &str, method: Method) {
        self.script.insert(name.to_owned(), method);
    }

    /// With the parameters of a method. Calls of one without take any arguments.
    #[must_use]
    pub fn with_parameters(mut self, method: &str, parameters: Parameters) -> Interface {
        self.set_parameters(method, parameters);
        self
    }

    /// With the parameters of a method as a tuple of Rust's types takes them: see [`Parameters::of`].
    #[must_use]
    pub fn with_arguments<A: FromArguments>(mut self, method: &str) -> Interface {
        match Parameters::of::<A>() {
            Some(parameters) => self.set_parameters(method, parameters),
            None => drop(self.parameters.remove(method)),
        }
        self
    }

    /// Says what parameters a method has.
    pub fn set_parameters(&mut self, method: &str, parameters: Parameters) {
        self.parameters.insert(method.to_owned(), parameters);
    }

    /// The parameters of a method, if they are known.
    #[must_use]
    pub fn parameters(&self, method: &str) -> Option<&Parameters> {
        self.parameters.get(method)
    }

    /// Whether there is no method.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.script.is_empty() && self.node.is_empty()
    }

    /// The methods of the script, by their numbers, that is by name.
    pub fn script_methods(&self) -> impl Iterator<Item = (&str, &Method)> {
        self.script.iter().map(|(name, method)| (&**name, method))
    }

    /// The methods of the node, by their numbers.
    pub fn node_methods(&self) -> impl Iterator<Item = (&str, &Method)> {
        self.node.iter().map(|(name, method)| (&**name, method))
    }

    /// The number that a method is called by: that of the script, if both lists have it.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<MethodId> {
        let (list, first) = match self.script.contains_key(name) {
            true => (&self.script, 0),
            false => (&self.node, NODE_METHODS),
        };
        let at = list.keys().position(|key| key == name)?;
        let at = u16::try_from(at).ok().filter(|at| *at < NODE_METHODS)?;
        Some(MethodId(first + at))
    }

    /// A method by its name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.script.get(name).or_else(|| self.node.get(name))
    }

    /// The method that a number stands for.
    #[must_use]
    pub fn by_id(&self, id: MethodId) -> Option<(&str, &Method)> {
        let list = if id.0 < NODE_METHODS { &self.script } else { &self.node };
        let (name, method) = list.iter().nth(usize::from(id.0 % NODE_METHODS))?;
        Some((name, method))
    }

    /// What a [`SimplifyPath`](super::SimplifyPath) says of the node: MD5 over the names, those of the node first.
    #[must_use]
    pub fn checksum(&self) -> [u8; 32] {
        let mut hash = Md5::new();
        let enabled = |(_, method): &(&String, &Method)| method.rpc_mode != RpcMode::Disabled;
        for (name, _) in self
            .node
            .iter()
            .filter(enabled)
            .chain(self.script.iter().filter(enabled))
        {
            hash.update(name);
        }
        let mut digits = NO_METHODS;
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash.finalize()) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        digits
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Interface {
        names
            .iter()
            .fold(Interface::new(), |all, name| all.with(name, Method::default()))
    }

    fn digits(interface: &Interface) -> String {
        String::from_utf8(interface.checksum().to_vec()).expect("digits")
    }

    /// Of the node Main in `rpc.jsonl`.
    fn main() -> Interface {
        of(&[
            "zz",
            "Big",
            "_under",
            "from_authority",
            "opt",
            "ordered3",
            "plain",
            "take0",
            "take1",
            "take2",
            "unrel",
        ])
    }

    #[test]
    fn checksums_are_those_of_a_stock_godot() {
        assert_eq!(Interface::new().checksum(), NO_METHODS);
        assert_eq!(digits(&main()), "99a8b77c4acb867d32c7862924ebf5ed");
        let base = of(&["base_only", "overridden", "zoverridden"]);
        assert_eq!(digits(&base), "386f376e1a89c31430974775ff8ae237");
        let both = base
            .with_node_method("set_name", Method::default())
            .with_node_method("base_only", Method::default());
        assert_eq!(digits(&both), "3d3890dbd7306bf7b2b1d2c4c8bf0088");
        let many = (0..300).fold(Interface::new(), |all, n| {
            all.with(&format!("m{n:03}"), Method::default())
        });
        assert_eq!(digits(&many), "b586ab66d66e6e1449d361fca794c613");
        assert_eq!(many.id_of("m299"), Some(MethodId(299)));
    }

    #[test]
    fn methods_are_numbered_by_name_in_two_lists() {
        let main = main();
        assert_eq!(main.id_of("Big"), Some(MethodId(0)));
        assert_eq!(main.id_of("_under"), Some(MethodId(1)));
        assert_eq!(main.id_of("unrel"), Some(MethodId(9)));
        assert_eq!(main.by_id(MethodId(10)).map(|(name, _)| name), Some("zz"));
        assert_eq!(main.by_id(MethodId(11)), None);
        assert_eq!(main.id_of("nothing"), None);
        let disabled = Method {
            rpc_mode: RpcMode::Disabled,
            ..Method::default()
        };
        let class = Interface::new()
            .with_node_method("add_to_group", Method::default())
            .with_node_method("no_mode", disabled)
            .with_node_method("set_name", Method::default())
            .with_node_method("zqueue", Method::default());
        assert_eq!(class.id_of("set_name"), Some(MethodId(0x8002)));
        assert_eq!(class.by_id(MethodId(0x8003)).map(|(name, _)| name), Some("zqueue"));
        assert_eq!(digits(&class), "e98833c403775b7adb7e4095b8065056");
    }

    #[test]
    fn a_name_in_both_lists_is_called_by_the_scripts_number_and_taken_by_either() {
        let both = of(&["say"]).with_node_method("say", Method::default());
        assert_eq!(both.id_of("say"), Some(MethodId(0)));
        for id in [0, 0x8000] {
            assert_eq!(both.by_id(MethodId(id)).map(|(name, _)| name), Some("say"));
        }
    }
}
