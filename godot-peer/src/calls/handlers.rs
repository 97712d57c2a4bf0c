//! A table of functions for calls: beside a server or client, without I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use godot_variant::Variant;
use godot_variant::convert::{ArgumentsError, FromArguments};

use super::call::Call;
use crate::PeerId;
use crate::scene::{Interface, Method, Parameters};
use crate::transfer::{TransferChannel, TransferMode};

/// Functions that take the calls of peers; `S` is the program's state.
///
/// It knows the interfaces of its nodes, so nothing is written twice:
///
/// ```
/// use godot_peer::calls::Handlers;
/// use godot_peer::scene::Method;
///
/// #[derive(Default)]
/// struct Game {
///     said: Vec<String>,
/// }
///
/// let mut handlers = Handlers::new();
/// handlers.node("Main/Chat").on("say", Method::any_peer(), |game: &mut Game, caller, (text,): (String,)| {
///     game.said.push(format!("{}: {text}", caller.from));
/// });
/// // For each of handlers.interfaces(): server.add_node(path, interface). For each ServerEvent::Call(call):
/// // handlers.handle(&mut game, call).
/// assert_eq!(handlers.interfaces().count(), 1);
/// ```
pub struct Handlers<S> {
    nodes: BTreeMap<String, NodeTable<S>>,
}

/// The functions of one node, to be added to.
pub struct NodeHandlers<'a, S> {
    node: &'a mut NodeTable<S>,
}

struct NodeTable<S> {
    interface: Interface,
    methods: BTreeMap<String, Handler<S>>,
}

type Handler<S> = Box<dyn Fn(&mut S, &CallContext, Vec<Variant>) -> Result<(), ArgumentsError> + Send + Sync>;

/// What is known of a call besides its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallContext {
    /// Who calls.
    pub from: PeerId,
    /// The node.
    pub node: Arc<str>,
    /// The method.
    pub method: Arc<str>,
    /// The transfer channel the call came on.
    pub channel: TransferChannel,
    /// The transfer mode it came in.
    pub mode: TransferMode,
}

/// A call that no function has taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnhandledCall {
    /// There is none for it.
    #[error("nothing handles {method:?} of {node:?}")]
    NoHandler {
        /// The node.
        node: Arc<str>,
        /// The method.
        method: Arc<str>,
    },
    /// It does not take the arguments.
    #[error(transparent)]
    Arguments(#[from] ArgumentsError),
}

impl<S> Handlers<S> {
    /// None yet.
    #[must_use]
    pub fn new() -> Handlers<S> {
        Handlers { nodes: BTreeMap::new() }
    }

    /// Those of a node, which is added if it is not there.
    pub fn node(&mut self, path: &str) -> NodeHandlers<'_, S> {
        let node = self.nodes.entry(path.to_owned()).or_insert_with(|| NodeTable {
            interface: Interface::new(),
            methods: BTreeMap::new(),
        });
        NodeHandlers { node }
    }

    /// The nodes, with what can be called on them: for `add_node`.
    pub fn interfaces(&self) -> impl Iterator<Item = (&str, &Interface)> {
        self.nodes.iter().map(|(path, node)| (&**path, &node.interface))
    }

    /// Takes a call to its function.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not take the arguments. A server may then [`refuse`](crate::GodotServer::refuse) the call.
    pub fn handle(&self, state: &mut S, call: Call) -> Result<(), UnhandledCall> {
        let node = self.nodes.get(&*call.node);
        let context = CallContext {
            from: call.from,
            node: call.node,
            method: call.method,
            channel: call.channel,
            mode: call.mode,
        };
        match node.and_then(|node| node.methods.get(&*context.method)) {
            Some(handler) => Ok(handler(state, &context, call.arguments)?),
            None => Err(UnhandledCall::NoHandler {
                node: context.node,
                method: context.method,
            }),
        }
    }
}

impl<S> NodeHandlers<'_, S> {
    /// Adds a method with its function, whose last argument is a tuple of what the method takes (or a `Vec<Variant>`).
    pub fn on<A: FromArguments>(
        &mut self,
        method: &str,
        settings: Method,
        handler: impl Fn(&mut S, &CallContext, A) + Send + Sync + 'static,
    ) -> &mut Self {
        self.node.interface.insert(method, settings);
        if let Some(parameters) = Parameters::of::<A>() {
            self.node.interface.set_parameters(method, parameters);
        }
        let handler: Handler<S> = Box::new(move |state, context, arguments| {
            handler(state, context, A::from_arguments(arguments)?);
            Ok(())
        });
        self.node.methods.insert(method.to_owned(), handler);
        self
    }

    /// Adds a method that this side only calls. It counts for numbers and checksum.
    pub fn declare(&mut self, method: &str, settings: Method) -> &mut Self {
        self.node.interface.insert(method, settings);
        self
    }
}

impl<S> Default for Handlers<S> {
    fn default() -> Handlers<S> {
        Handlers::new()
    }
}

impl<S> fmt::Debug for Handlers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.interfaces()).finish()
    }
}

impl<S> fmt::Debug for NodeHandlers<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeHandlers").field(&self.node.interface).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Game {
        sum: i64,
    }

    fn handlers() -> Handlers<Game> {
        let mut handlers = Handlers::new();
        handlers
            .node("Main")
            .on(
                "add",
                Method::any_peer(),
                |game: &mut Game, _, (one, two): (i64, u8)| {
                    game.sum += one + i64::from(two);
                },
            )
            .declare("added", Method::authority());
        handlers
    }

    fn call(method: &str, arguments: Vec<Variant>) -> Call {
        Call {
            from: PeerId::SERVER,
            node: "Main".into(),
            method: method.into(),
            arguments,
            channel: TransferChannel::ZERO,
            mode: TransferMode::Reliable,
        }
    }

    #[test]
    fn a_call_reaches_its_function_with_its_arguments_converted() {
        let (handlers, mut game) = (handlers(), Game::default());
        handlers
            .handle(&mut game, call("add", vec![2.0.into(), 3.into()]))
            .expect("it is handled");
        assert_eq!(game.sum, 5);
        let error = handlers.handle(&mut game, call("add", vec![2.into(), 300.into()]));
        assert_eq!(
            error.expect_err("no byte").to_string(),
            "argument 1: 300 is out of range"
        );
        let error = handlers.handle(&mut game, call("added", Vec::new()));
        assert_eq!(
            error.expect_err("only declared").to_string(),
            "nothing handles \"added\" of \"Main\""
        );
        assert_eq!(game.sum, 5);
    }

    #[test]
    fn handlers_make_the_interface_of_their_node() {
        let handlers = handlers();
        let (path, interface) = handlers.interfaces().next().expect("a node");
        assert_eq!(path, "Main");
        let names: Vec<&str> = interface.script_methods().map(|(name, _)| name).collect();
        assert_eq!(names, ["add", "added"]);
        assert_eq!(
            interface.parameters("add").map(|parameters| parameters.types().len()),
            Some(2)
        );
    }
}
