//! Records the captures below `fixtures/captures` anew: sessions of C ENet with C ENet and of stock Godot with stock Godot, as a
//! relay between them sees them; only those that are named, if some are. Their contents go into a table in the README there.
//!
//! Connections differ from run to run, in ids and times; what kinds of commands each capture holds is tested.

mod c_enet;
mod godot;

use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::{env, fs, io};

use fixtures::{Capture, Datagram, captures, write_capture};
use interop_tests::contents::{Contents, table};
use interop_tests::relay::Relay;
use netem::Conditions;

/// The table in the README is between this and the end of the file.
const TABLE_BEGIN: &str = "<!-- By record-captures: -->\n";

fn main() -> io::Result<()> {
    let named: Vec<String> = env::args().skip(1).collect();
    let sessions = c_enet::SESSIONS.iter().chain(godot::SESSIONS);
    for (name, session) in sessions.filter(|(name, _)| named.is_empty() || named.iter().any(|wanted| wanted == name)) {
        println!("{name}");
        save(name, &session())?;
    }
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures/README.md");
    let text = fs::read_to_string(&readme)?;
    let (text, _) = text
        .split_once(TABLE_BEGIN)
        .expect("the README has a place for the table");
    fs::write(readme, format!("{text}{TABLE_BEGIN}\n{}", table(&captures())))
}

/// A session by the name of its capture.
type Session = (&'static str, fn() -> Relay);

/// Stores what a relay recorded, once it proves readable.
fn save(name: &str, relay: &Relay) -> io::Result<()> {
    let datagrams = relay.recorded().into_iter().map(|recorded| Datagram {
        at: recorded.at,
        from: ipv4(recorded.from),
        to: ipv4(recorded.to),
        bytes: recorded.datagram.to_vec(),
    });
    let capture = Capture {
        name: name.to_owned(),
        datagrams: datagrams.collect(),
    };
    let contents = Contents::of(&capture);
    println!("    {} datagrams, {:?}", contents.datagrams, contents.commands);
    write_capture(&capture)
}

/// A relay that records.
fn relay(server: SocketAddr, conditions: Conditions) -> Relay {
    let relay = Relay::start(server, 1, conditions).expect("a relay");
    relay.record();
    relay
}

/// Words, which every kind of compression finds something in.
fn text(size: usize) -> Vec<u8> {
    b"What a game sends is much like what it sent before. "
        .iter()
        .copied()
        .cycle()
        .take(size)
        .collect()
}

fn ipv4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("the relay is on IPv4"),
    }
}
