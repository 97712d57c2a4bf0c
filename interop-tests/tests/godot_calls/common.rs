//! A session of the project `fixtures/godot/call_matrix`: Godots, and one member in Rust as the server or as a client.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use godot_peer::calls::{Call, CallError, CallStatistics};
use godot_peer::scene::{Interface, Method};
use godot_peer::{
    ClientEvent, ClientOptions, GodotClient, GodotServer, PeerId, ServerEvent, ServerOptions, Target, TransferMode,
};
use godot_variant::convert::IntoArguments;
use godot_variant::{Array, NodePath, StringName, Variant};
use interop_tests::godot::{Class, Godot, GodotRun};
use interop_tests::peer_ext;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const MAIN: &str = "Main";

/// What member.gd has.
pub(crate) fn main_interface() -> Interface {
    const NAMES: [&str; 12] = [
        "act", "add", "added", "begin", "check", "checked", "give", "given", "leave", "object", "objects", "raw",
    ];
    let named = |all: Interface, name: &&str| all.with(name, Method::any_peer());
    let all = NAMES.iter().fold(Interface::new(), named);
    all.with_arguments::<(i64, Variant, Vec<u8>)>("check")
        .with_arguments::<(i64, Variant, Vec<u8>, bool)>("checked")
}

/// Methods with these settings.
pub(crate) fn interface(methods: &[(&str, Method)]) -> Interface {
    let methods = methods.iter();
    methods.fold(Interface::new(), |all, (name, method)| all.with(name, *method))
}

/// What owned.gd has.
pub(crate) fn owned() -> Interface {
    interface(&[("owned", Method::authority()), ("open", Method::any_peer())])
}

/// The member in Rust. Its session is followed all the time.
pub(crate) struct Ours {
    side: Arc<Side>,
    calls: Receiver<Call>,
    runtime: Runtime,
}

pub(crate) enum Side {
    Server(Box<GodotServer>),
    Client(Box<GodotClient>),
}

impl Ours {
    fn serve() -> Ours {
        let runtime = runtime();
        let serve = GodotServer::bind("127.0.0.1:0", ServerOptions::default());
        let server = runtime.block_on(serve).expect("a server");
        Ours::follow(Side::Server(Box::new(server)), runtime)
    }

    fn join(port: u16) -> Ours {
        let runtime = runtime();
        let join = GodotClient::connect(("127.0.0.1", port), ClientOptions::default());
        let client = runtime.block_on(join).expect("it joins");
        Ours::follow(Side::Client(Box::new(client)), runtime)
    }

    fn follow(side: Side, runtime: Runtime) -> Ours {
        let (heard, calls) = channel();
        let side = Arc::new(side);
        runtime.spawn(follow(Arc::clone(&side), heard));
        let ours = Ours { side, calls, runtime };
        ours.add_node(MAIN, &main_interface());
        ours
    }

    pub(crate) fn id(&self) -> PeerId {
        match &*self.side {
            Side::Server(_) => PeerId::SERVER,
            Side::Client(client) => client.id(),
        }
    }

    pub(crate) fn server(&self) -> &GodotServer {
        match &*self.side {
            Side::Server(server) => server,
            Side::Client(_) => panic!("it is a client"),
        }
    }

    pub(crate) fn add_node(&self, path: &str, interface: &Interface) {
        let added = match &*self.side {
            Side::Server(server) => server.add_node(path, interface),
            Side::Client(client) => client.add_node(path, interface),
        };
        added.expect("a path");
    }

    pub(crate) fn set_authority(&self, path: &str, peer: PeerId) {
        let set = match &*self.side {
            Side::Server(server) => server.set_authority(path, peer),
            Side::Client(client) => client.set_authority(path, peer),
        };
        set.expect("it is there");
    }

    pub(crate) fn try_call(
        &self,
        target: impl Into<Target>,
        node: &str,
        method: &str,
        arguments: impl IntoArguments,
    ) -> Result<(), CallError> {
        match &*self.side {
            Side::Server(server) => server.call(target, node, method, arguments),
            Side::Client(client) => client.call(target, node, method, arguments),
        }
    }

    #[track_caller]
    pub(crate) fn call(&self, target: impl Into<Target>, node: &str, method: &str, arguments: impl IntoArguments) {
        self.try_call(target, node, method, arguments).expect("sent");
    }

    /// Has another member call a method.
    #[track_caller]
    pub(crate) fn have(&self, member: PeerId, target: i32, node: &str, method: &str, arguments: impl IntoArguments) {
        let node = NodePath::from(format!("/root/{node}").as_str());
        let arguments = Array::from(arguments.into_arguments());
        let call = (
            i64::from(target),
            node,
            StringName::from(method),
            Variant::from(arguments),
        );
        self.call(member, MAIN, "act", call);
    }

    /// The next call of others.
    #[track_caller]
    pub(crate) fn next(&self) -> Call {
        self.calls.recv_timeout(LONG).expect("a call in time")
    }

    /// The next call of others, of this method.
    #[track_caller]
    pub(crate) fn next_of(&self, method: &str) -> Call {
        let call = self.next();
        assert_eq!(&*call.method, method, "{call:?}");
        call
    }

    /// What others have called since.
    pub(crate) fn heard(&self, within: Duration) -> Option<Call> {
        match self.calls.recv_timeout(within) {
            Ok(call) => Some(call),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the session is over"),
        }
    }

    pub(crate) fn statistics(&self) -> CallStatistics {
        match &*self.side {
            Side::Server(server) => server.statistics().calls,
            Side::Client(client) => client.call_statistics(),
        }
    }

    /// Waits until the statistics are as asked for.
    #[track_caller]
    pub(crate) fn expect(&self, what: &str, is: impl Fn(&CallStatistics) -> bool) {
        until(what, || is(&self.statistics()));
    }

    fn peers(&self) -> Vec<PeerId> {
        match &*self.side {
            Side::Server(server) => server.peers().into_iter().map(|peer| peer.id).collect(),
            Side::Client(client) => client.peers(),
        }
    }

    fn leave(self) {
        self.runtime.block_on(async {
            match &*self.side {
                Side::Server(server) => server.shutdown(0).await,
                Side::Client(client) => client.close(0).await,
            }
        });
    }
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

async fn follow(side: Arc<Side>, heard: Sender<Call>) {
    loop {
        let call = match &*side {
            Side::Server(server) => match server.next_event().await {
                Some(ServerEvent::Call(call)) => call,
                Some(_) => continue,
                None => return,
            },
            Side::Client(client) => match client.next_event().await {
                Some(ClientEvent::Call(call)) => call,
                Some(_) => continue,
                None => return,
            },
        };
        if heard.send(call).is_err() {
            return;
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "{what} in time");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A Godot of the session.
pub(crate) struct Stock {
    pub(crate) run: GodotRun,
    pub(crate) id: PeerId,
}

impl Stock {
    /// The project with a peer of this class, and more scripts for nodes below its main one.
    fn start(class: Class, name: &str, port: Option<u16>, extra: &Extra) -> GodotRun {
        let fixture = peer_ext::fixture("call_matrix");
        let mut folders = vec![&*fixture];
        folders.extend(extra.0.as_ref().map(tempfile::TempDir::path));
        let mut arguments: Vec<(&str, String)> = Vec::new();
        arguments.extend(port.map(|port| ("port", port.to_string())));
        if class == Class::Rust {
            folders.push(peer_ext::addon());
            arguments.push(("class", "RustENetMultiplayerPeer".to_owned()));
        }
        GodotRun::start_merged(Godot::shared(), &folders, name, &arguments)
    }

    /// Waits for an event.
    #[track_caller]
    pub(crate) fn expect(&mut self, event: &str) -> Value {
        self.run.expect(event, |value| value["event"] == event)
    }

    /// Waits until a method of one of its nodes was called.
    #[track_caller]
    pub(crate) fn expect_heard(&mut self, method: &str, number: i64, from: PeerId) {
        let heard = self.expect("heard");
        let expected = (method.into(), number.into(), from.number().into());
        let found = (heard["method"].clone(), heard["number"].clone(), heard["from"].clone());
        assert_eq!(found, expected, "{}", self.run.name());
    }

    #[track_caller]
    fn expect_peer(&mut self, id: PeerId) {
        let is = |value: &Value| value["event"] == "peer_connected" && value["id"] == id.number();
        self.run.expect("another member", is);
    }
}

/// Scripts for nodes below the main one, besides those of the project.
#[derive(Default)]
pub(crate) struct Extra(Option<tempfile::TempDir>);

impl Extra {
    /// Each with the name of its node.
    pub(crate) fn of<'a>(scripts: impl IntoIterator<Item = (&'a str, String)>) -> Extra {
        let folder = tempfile::TempDir::new().expect("a folder");
        let inside = folder.path().join("extra");
        std::fs::create_dir(&inside).expect("a folder");
        for (name, text) in scripts {
            std::fs::write(inside.join(format!("{name}.gd")), text).expect("written");
        }
        Extra(Some(folder))
    }
}

/// All members, who know of each other.
pub(crate) struct Session {
    pub(crate) ours: Ours,
    /// The server first, if it is one of them.
    pub(crate) stock: Vec<Stock>,
}

impl Session {
    /// Ours is the server.
    pub(crate) fn at_ours(classes: &[Class], extra: &Extra) -> Session {
        let ours = Ours::serve();
        let port = ours.server().local_addr().port();
        let runs = start_clients(classes, port, extra);
        Session::assembled(ours, None, runs)
    }

    /// The first one is the server.
    pub(crate) fn at_stock(classes: &[Class], extra: &Extra) -> Session {
        let mut server = Stock::start(classes[0], &format!("server, {:?}", classes[0]), None, extra);
        let port = server.expect("serving", |value| value["event"] == "serving")["port"].as_u64();
        let port = port.and_then(|port| u16::try_from(port).ok()).expect("a port");
        let ours = Ours::join(port);
        let runs = start_clients(&classes[1..], port, extra);
        Session::assembled(ours, Some(server), runs)
    }

    fn assembled(ours: Ours, server: Option<GodotRun>, clients: Vec<GodotRun>) -> Session {
        let server = server.map(|run| Stock {
            run,
            id: PeerId::SERVER,
        });
        let clients = clients.into_iter().map(|mut run| {
            let joined = run.expect("joined", |value| value["event"] == "joined");
            let id = joined["id"].as_i64().and_then(|id| i32::try_from(id).ok());
            let id = id.and_then(PeerId::new).expect("an id");
            Stock { run, id }
        });
        let mut stock: Vec<Stock> = server.into_iter().chain(clients).collect();
        let ids: Vec<PeerId> = stock.iter().map(|stock| stock.id).chain([ours.id()]).collect();
        for stock in &mut stock {
            let own = stock.id;
            for &id in ids.iter().filter(|&&id| id != own) {
                stock.expect_peer(id);
            }
        }
        until("all are known", || ours.peers().len() + 1 == ids.len());
        Session { ours, stock }
    }

    /// The ids of all, ours last.
    pub(crate) fn ids(&self) -> Vec<PeerId> {
        let ids = self.stock.iter().map(|stock| stock.id);
        ids.chain([self.ours.id()]).collect()
    }

    /// One of them leaves.
    pub(crate) fn part(&mut self) {
        let mut stock = self.stock.pop().expect("there is one");
        self.ours.call(stock.id, MAIN, "leave", ());
        assert!(stock.run.wait().success());
        assert_eq!(stock.run.errors(), [] as [String; 0]);
        until("it is gone", || !self.ours.peers().contains(&stock.id));
        for other in &mut self.stock {
            let is = |value: &Value| value["event"] == "peer_disconnected" && value["id"] == stock.id.number();
            other.run.expect("one leaves", is);
        }
    }

    /// All leave, and nobody has printed an error.
    pub(crate) fn end(self) {
        for (name, errors) in self.end_with_errors() {
            assert_eq!(errors, [] as [String; 0], "{name}");
        }
    }

    /// All leave, and nothing is wrong besides the errors they have printed.
    pub(crate) fn end_with_errors(mut self) -> Vec<(String, Vec<String>)> {
        if let Side::Client(_) = &*self.ours.side {
            self.ours.call(PeerId::SERVER, MAIN, "leave", ());
        }
        self.ours.leave();
        let ended = self.stock.iter_mut().map(|stock| {
            assert!(stock.run.wait().success());
            (stock.run.name().to_owned(), stock.run.errors())
        });
        ended.collect()
    }
}

fn start_clients(classes: &[Class], port: u16, extra: &Extra) -> Vec<GodotRun> {
    let clients = classes.iter().enumerate();
    clients
        .map(|(at, &class)| Stock::start(class, &format!("client {}, {class:?}", at + 1), Some(port), extra))
        .collect()
}

/// The words of an annotation for a transfer mode.
pub(crate) fn word(mode: TransferMode) -> &'static str {
    match mode {
        TransferMode::Unreliable => "unreliable",
        TransferMode::UnreliableOrdered => "unreliable_ordered",
        TransferMode::Reliable => "reliable",
    }
}
