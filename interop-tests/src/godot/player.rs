//! The project `fixtures/godot/interop` under a test's command.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use super::deliver::{Mode, until_seen};
use super::find::Godot;
use super::run::GodotRun;
use crate::driver::LONG;
use crate::payload::Payload;
use crate::peer_ext;

/// A Godot that does what it is told: serve, join, call, leave. Its events are those of the [`GodotRun`] it derefs to.
#[derive(Debug)]
pub struct Player {
    run: GodotRun,
    control: TcpStream,
    id: i32,
}

/// The class of a player's peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `ENetMultiplayerPeer`.
    Stock,
    /// `RustENetMultiplayerPeer`, of our extension.
    Rust,
}

/// A remote procedure call with a payload, or a packet, as it is sent and as it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its transfer mode.
    pub mode: Mode,
    /// Its transfer channel.
    pub channel: u8,
    /// What it carries.
    pub payload: Payload,
}

impl Class {
    /// S for stock, R for ours, as casts are written.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Class::Stock => 'S',
            Class::Rust => 'R',
        }
    }
}

impl Player {
    /// Starts Godot with the project; it plays no part in a session yet.
    ///
    /// # Panics
    /// If there is no Godot, or it does not get so far.
    #[must_use]
    pub fn start(name: &str) -> Player {
        Player::start_as(Class::Stock, name)
    }

    /// As [`start`](Player::start), with a peer of this class.
    ///
    /// # Panics
    /// If there is no Godot, or it does not get so far.
    #[must_use]
    pub fn start_as(class: Class, name: &str) -> Player {
        let project = peer_ext::fixture("interop");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP port");
        let port = listener.local_addr().expect("its number").port();
        let control = ("control", port.to_string());
        let mut run = match class {
            Class::Stock => GodotRun::start(Godot::shared(), &project, name, &[control]),
            Class::Rust => {
                let class = ("class", "RustENetMultiplayerPeer".to_owned());
                peer_ext::start("interop", name, &[control, class])
            }
        };
        run.expect("ready", |event| event["event"] == "ready");
        let control = accept(&listener);
        control.set_nodelay(true).expect("TCP_NODELAY");
        Player { run, control, id: 0 }
    }

    /// Starts a server on a free port of loopback, and gives the port.
    #[must_use]
    pub fn server(name: &str) -> (Player, u16) {
        Player::server_with(name, json!({}))
    }

    /// As [`server`](Player::server), with more options of `serve` (session.gd).
    #[must_use]
    pub fn server_with(name: &str, options: Value) -> (Player, u16) {
        let mut player = Player::start(name);
        let port = player.serve(options);
        (player, port)
    }

    /// Becomes the server on a free port of loopback, with more options of `serve` (session.gd); gives the port.
    ///
    /// # Panics
    /// If it cannot.
    pub fn serve(&mut self, options: Value) -> u16 {
        let answer = self.obey("serve", merged(json!({"bind": "127.0.0.1"}), options));
        self.id = 1;
        let port = answer["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        port.expect("a port number")
    }

    /// Starts a client of the server on that port of loopback, and waits until it is connected.
    #[must_use]
    pub fn client(name: &str, port: u16) -> Player {
        let mut player = Player::start(name);
        player.join(port, json!({}));
        player.connected();
        player
    }

    /// Starts that many clients side by side, and waits until each has been told of all the others.
    #[must_use]
    pub fn clients(count: usize, port: u16) -> Vec<Player> {
        Player::clients_as(&vec![Class::Stock; count], port, &json!({}))
    }

    /// As [`clients`](Player::clients), with peers of these classes, and options of `join` (session.gd).
    #[must_use]
    pub fn clients_as(classes: &[Class], port: u16, options: &Value) -> Vec<Player> {
        let mut players: Vec<Player> = thread::scope(|scope| {
            let starting: Vec<_> = (1..)
                .zip(classes)
                .map(|(number, &class)| {
                    scope.spawn(move || {
                        let mut player = Player::start_as(class, &format!("client {number}, {class:?}"));
                        player.join(port, options.clone());
                        player.connected();
                        player
                    })
                })
                .collect();
            let joined = starting.into_iter().map(ScopedJoinHandle::join);
            joined
                .map(|player| player.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        let ids: Vec<i32> = players.iter().map(Player::id).collect();
        for player in &mut players {
            let own = player.id;
            for &other in ids.iter().filter(|&&id| id != own) {
                player.expect_peer(other);
            }
        }
        players
    }

    /// Joins the server on that port of loopback, with more options of `join` (session.gd); does not wait for the connection.
    pub fn join(&mut self, port: u16, options: Value) {
        let answer = self.obey("join", merged(json!({"port": port}), options));
        self.id = id_in(&answer);
    }

    /// Waits until the client is connected.
    #[track_caller]
    pub fn connected(&mut self) {
        self.expect_event("connected_to_server");
    }

    /// Its id in the session: 1 as a server.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Gives a command (main.gd) and returns the answer, whatever it is.
    pub fn command(&mut self, name: &str, options: Value) -> Value {
        self.tell(name, options);
        self.done(name)
    }

    /// Gives a command, and does not wait for the answer: [`done`](Player::done) does.
    ///
    /// # Panics
    /// If Godot has ended.
    pub fn tell(&mut self, name: &str, options: Value) {
        let line = merged(json!({ "do": name }), options);
        writeln!(self.control, "{line}").expect("Godot listens");
    }

    /// Waits for the answer to a command that it was told.
    #[track_caller]
    pub fn done(&mut self, name: &str) -> Value {
        self.run
            .expect(name, |event| event["event"] == "done" && event["do"] == name)
    }

    /// Gives a command that must go well.
    ///
    /// # Panics
    /// If the answer is an error.
    #[track_caller]
    pub fn obey(&mut self, name: &str, options: Value) -> Value {
        let answer = self.command(name, options);
        assert_eq!(answer["error"], 0, "{}: {name}", self.run.name());
        answer
    }

    /// Calls the procedure of the call's mode and channel on a peer, or on all with 0.
    pub fn call(&mut self, to: i32, call: Call) {
        self.obey("call", call.options(to));
    }

    /// Makes a call on another player, again and again unless it is reliable, until it is seen there.
    #[track_caller]
    pub fn carry(&mut self, to: &mut Player, call: Call) {
        let (source, target) = (self.id, to.id);
        let arrival = call.as_event("rpc", source);
        until_seen(
            call.mode,
            || self.call(target, call),
            |wait| to.try_expect(wait, &arrival).is_some(),
        );
    }

    /// As [`carry`](Player::carry), on all others at once, until it is seen by each.
    #[track_caller]
    pub fn carry_to_all(&mut self, others: &mut [Player], call: Call) {
        let arrival = call.as_event("rpc", self.id);
        let mut left: Vec<&mut Player> = others.iter_mut().collect();
        until_seen(
            call.mode,
            || self.call(0, call),
            |wait| {
                left.retain_mut(|player| player.try_expect(wait, &arrival).is_none());
                left.is_empty()
            },
        );
    }

    /// Waits for a call from a peer.
    #[track_caller]
    pub fn expect_call(&mut self, from: i32, call: Call) {
        self.run
            .expect(&format!("{call:?} from {from}"), call.as_event("rpc", from));
    }

    /// The ids of the peers it sees, in rising order.
    #[must_use]
    pub fn peers(&mut self) -> Vec<i32> {
        let answer = self.obey("look", json!({}));
        let mut ids: Vec<i32> = answer["peers"].as_array().into_iter().flatten().map(as_id).collect();
        ids.sort_unstable();
        ids
    }

    /// The connection status: 0 disconnected, 1 connecting, 2 connected.
    #[must_use]
    pub fn status(&mut self) -> i64 {
        self.obey("look", json!({}))["status"].as_i64().unwrap_or(-1)
    }

    /// Waits for an event of this kind.
    #[track_caller]
    pub fn expect_event(&mut self, kind: &str) -> Value {
        self.run.expect(kind, |event| event["event"] == kind)
    }

    /// Waits until it is told of a peer.
    #[track_caller]
    pub fn expect_peer(&mut self, id: i32) {
        self.run.expect(&format!("peer {id}"), |event| {
            event["event"] == "peer_connected" && id_in(event) == id
        });
    }

    /// Waits until it is told that a peer has gone.
    #[track_caller]
    pub fn expect_gone(&mut self, id: i32) {
        let what = format!("departure of peer {id}");
        self.run.expect(&what, |event| {
            event["event"] == "peer_disconnected" && id_in(event) == id
        });
    }
}

impl Call {
    /// A call in a mode, on a transfer channel, with a payload made from a seed.
    #[must_use]
    pub fn new(mode: Mode, channel: u8, seed: u32, size: usize) -> Call {
        Call {
            mode,
            channel,
            payload: Payload::new(seed, size),
        }
    }

    /// Whether an event is the arrival of this call (`"rpc"`) or packet (`"packet"`) from a peer.
    pub fn as_event(self, kind: &str, from: i32) -> impl Fn(&Value) -> bool {
        let hash = self.payload.md5();
        move |event| {
            event["event"] == kind
                && as_id(&event["from"]) == from
                && event["mode"] == self.mode.name()
                && event["channel"] == self.channel
                && event["size"] == self.payload.size
                && event["md5"] == hash.as_str()
        }
    }

    /// The options of the commands `call`, `send_bytes` and `put_packet`.
    #[must_use]
    pub fn options(self, to: i32) -> Value {
        json!({
            "to": to, "mode": self.mode.name(), "channel": self.channel,
            "seed": self.payload.seed, "size": self.payload.size,
        })
    }
}

impl Deref for Player {
    type Target = GodotRun;

    fn deref(&self) -> &GodotRun {
        &self.run
    }
}

impl DerefMut for Player {
    fn deref_mut(&mut self) -> &mut GodotRun {
        &mut self.run
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let wait = Timespec::try_from(LONG).expect("a minute");
    let ready = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&wait)).expect("a listening socket");
    assert_eq!(ready, 1, "Godot does not come for its commands");
    listener.accept().expect("a connection").0
}

fn merged(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

fn id_in(event: &Value) -> i32 {
    as_id(&event["id"])
}

/// 0, which is no peer's id, if it is none.
fn as_id(value: &Value) -> i32 {
    value.as_i64().and_then(|id| i32::try_from(id).ok()).unwrap_or(0)
}
