//! A client in Rust among Godots.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use godot_peer::scene::{Arguments, Message, MethodId, Rpc};
use godot_peer::{
    ClientEvent, ClientOptions, Departure, GodotClient, JoinError, PeerId, Received, SendError, Target,
    TransferChannel, TransferMode,
};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::deliver::Mode;
use super::player::Call;
use crate::driver::{Driver, LONG, Serve};

/// The node of the project that has the remote procedures.
const NODE: &str = "Main/Calls";

/// A [`GodotClient`] and what runs it.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    client: GodotClient,
}

/// A [`GodotClient`] that follows its session all the time. When this value goes, it leaves the session.
pub type Guest = Driver<Client>;

impl Serve for Client {
    type Event = ClientEvent;

    fn serve(&mut self) -> Option<ClientEvent> {
        let tick = Duration::from_millis(1);
        self.runtime.block_on(async {
            match timeout(tick, self.client.next_event()).await {
                Ok(Some(event)) => Some(event),
                Ok(None) => {
                    // The session is over.
                    sleep(tick).await;
                    None
                }
                Err(_) => None,
            }
        })
    }
}

impl Guest {
    /// Joins the server on that port of loopback.
    ///
    /// # Panics
    /// If it does not get in.
    #[must_use]
    pub fn join(port: u16) -> Guest {
        Guest::join_with(port, ClientOptions::default()).expect("the server answers")
    }

    /// As [`join`](Guest::join), with options, and the chance to fail.
    ///
    /// # Panics
    /// If there is no runtime to be had.
    pub fn join_with(port: u16, options: ClientOptions) -> Result<Guest, JoinError> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = runtime.block_on(GodotClient::connect(address, options))?;
        Ok(Driver::of(Client { runtime, client }))
    }

    /// Its id in the session.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.client(|client| client.id().number())
    }

    /// The ids of the peers it sees, in rising order.
    #[must_use]
    pub fn peers(&self) -> Vec<i32> {
        self.client(|client| client.peers().into_iter().map(PeerId::number).collect())
    }

    /// Does something with the client on its thread.
    pub fn client<T: Send + 'static>(&self, act: impl FnOnce(&GodotClient) -> T + Send + 'static) -> T {
        self.with(|host| {
            let _inside = host.runtime.enter();
            act(&host.client)
        })
    }

    /// Calls the procedure of the call's mode and channel on a peer, or on all with 0.
    pub fn call(&self, to: i32, call: Call) -> Result<(), SendError> {
        self.call_method(to, call.mode, call.channel, &method(call), arguments(call))
    }

    /// Calls a procedure of the project by its name.
    ///
    /// # Panics
    /// If the project has none of that name.
    pub fn call_method(
        &self,
        to: i32,
        mode: Mode,
        channel: u8,
        name: &str,
        arguments: Arguments,
    ) -> Result<(), SendError> {
        let names = names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let method = MethodId::among(&names, name).expect("a procedure of the project");
        let rpc = Rpc::new(NODE, method, arguments);
        let channel = TransferChannel::new(channel).expect("a channel");
        self.client(move |client| client.send_rpc(Target::from(to), channel, transfer_mode(mode), &rpc))
    }

    /// Sends the bytes of a call as they are.
    pub fn send_bytes(&self, to: i32, call: Call) -> Result<(), SendError> {
        let channel = TransferChannel::new(call.channel).expect("a channel");
        let bytes = call.payload.bytes();
        self.client(move |client| client.send_bytes(Target::from(to), channel, transfer_mode(call.mode), &bytes))
    }

    /// Makes it take the server for lost after two seconds of silence at most.
    pub fn give_up_soon(&self) {
        self.client(|client| client.set_timeout(1, Duration::from_millis(500), Duration::from_secs(2)));
    }

    /// Leaves the session, telling the server.
    pub fn leave(&self) {
        self.with(|host| host.runtime.block_on(host.client.close(0)));
    }

    /// Leaves as Godot does: at once, with one notice.
    pub fn leave_now(&self) {
        self.with(|host| host.runtime.block_on(host.client.close_now(0)));
    }

    /// Waits for a call from a peer, up to a time; whether it came.
    pub fn try_call(&mut self, within: Duration, from: i32, call: Call) -> bool {
        self.try_expect(within, is_call(from, call)).is_some()
    }

    /// Waits for a call from a peer.
    #[track_caller]
    pub fn expect_call(&mut self, from: i32, call: Call) {
        self.expect(&format!("{call:?} from {from}"), is_call(from, call));
    }

    /// Waits for bytes that a peer sends as they are.
    #[track_caller]
    pub fn expect_bytes(&mut self, from: i32, call: Call) {
        let message = Message::Raw(call.payload.bytes());
        self.expect(&format!("{call:?} from {from}"), |event| {
            matches!(event, ClientEvent::Packet(packet) if arrived(packet, from, call) && packet.message().as_ref() == Ok(&message))
        });
    }

    /// Waits for a call of a procedure with several arguments, and returns these.
    #[track_caller]
    pub fn expect_arguments(&mut self, from: i32) -> Arguments {
        let arguments = |event: &ClientEvent| match event {
            ClientEvent::Packet(packet) if packet.from.number() == from => match packet.message() {
                Ok(Message::Rpc(rpc)) if matches!(rpc.arguments, Arguments::Encoded { .. }) => Some(rpc.arguments),
                _ => None,
            },
            _ => None,
        };
        let event = self.expect("call with arguments", |event| arguments(event).is_some());
        arguments(&event).expect("it has just been seen")
    }

    /// Waits until it is told of a peer.
    #[track_caller]
    pub fn expect_peer(&mut self, id: i32) {
        self.expect(
            &format!("peer {id}"),
            |event| matches!(event, ClientEvent::PeerConnected { id: who } if who.number() == id),
        );
    }

    /// Waits until it is told that a peer has gone.
    #[track_caller]
    pub fn expect_gone(&mut self, id: i32) {
        self.expect(
            &format!("departure of peer {id}"),
            |event| matches!(event, ClientEvent::PeerDisconnected { id: who } if who.number() == id),
        );
    }

    /// Waits until the session is over because the server or the network ended it; why it is.
    #[track_caller]
    pub fn expect_end(&mut self) -> Departure {
        let is_end = |event: &ClientEvent| matches!(event, ClientEvent::Disconnected { .. });
        match self.try_expect(LONG, is_end) {
            Some(ClientEvent::Disconnected { reason }) => reason,
            _ => panic!("the session goes on"),
        }
    }
}

/// Whether an event is the arrival of this call from a peer.
fn is_call(from: i32, call: Call) -> impl Fn(&ClientEvent) -> bool {
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let called = MethodId::among(&names, &method(call)).expect("a procedure of the project");
    let arguments = arguments(call);
    move |event| match event {
        ClientEvent::Packet(packet) if arrived(packet, from, call) && packet.node_path.as_deref() == Some(NODE) => {
            matches!(packet.message(), Ok(Message::Rpc(rpc)) if rpc.method == called && rpc.arguments == arguments)
        }
        _ => false,
    }
}

/// Whether a packet came from whom and how it should.
fn arrived(packet: &Received, from: i32, call: Call) -> bool {
    let in_mode = packet.mode == transfer_mode(call.mode)
        // In unreliable fragments, which are in order.
        || call.payload.size > 1300 && call.mode == Mode::Unreliable && packet.mode == TransferMode::UnreliableOrdered;
    packet.from.number() == from && packet.channel.number() == call.channel && in_mode
}

fn method(call: Call) -> String {
    format!("{}_{}", call.mode.name(), call.channel)
}

/// Godot sends one empty byte array as no argument.
fn arguments(call: Call) -> Arguments {
    let payload: Bytes = call.payload.bytes();
    if payload.is_empty() {
        Arguments::None
    } else {
        Arguments::Bytes(payload)
    }
}

/// All procedures of the project (calls.gd).
fn names() -> Vec<String> {
    let of_mode = |mode: Mode| (0..=4).map(move |channel| format!("{}_{channel}", mode.name()));
    Mode::ALL
        .into_iter()
        .flat_map(of_mode)
        .chain(["say".to_owned()])
        .collect()
}

fn transfer_mode(mode: Mode) -> TransferMode {
    match mode {
        Mode::Reliable => TransferMode::Reliable,
        Mode::Unreliable => TransferMode::Unreliable,
        Mode::Ordered => TransferMode::UnreliableOrdered,
    }
}
