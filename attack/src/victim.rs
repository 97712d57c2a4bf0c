//! What a server that is attacked is to be.

use std::io::{self, Write};
use std::net::SocketAddr;

use enet_tokio::Compression;

/// Whose protocol a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Implementation {
    /// enet-tokio, of this repository.
    Ours,
    /// The C library that is installed.
    C,
}

/// What a server does with what it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Service {
    /// It sends it back.
    #[default]
    Echo,
    /// It passes it on from client to client, as Godot's servers do. The C library alone does not.
    Relay,
    /// The same, and it has a node that clients call, as a game server in Rust.
    Game,
}

/// How a server is to be.
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    /// Whose protocol it runs.
    pub implementation: Implementation,
    /// What it is for.
    pub service: Service,
    /// How many peers it has room for, as far as the protocol allows.
    pub peers: usize,
    /// How datagrams are compressed.
    pub compression: Compression,
    /// Whether it encrypts, by DTLS. The C library does not.
    pub encrypts: bool,
    /// What it may hold for all peers together, in bytes, where that is not the default. The C library has no such limit.
    pub memory: Option<usize>,
}

impl Victim {
    /// The error of a server that the C library has not got.
    pub(crate) fn check(&self) -> io::Result<()> {
        match (self.implementation, self.service) {
            (Implementation::C, Service::Relay | Service::Game) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the C library alone is no relay",
            )),
            (Implementation::C, Service::Echo) if self.encrypts => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the C library does not encrypt",
            )),
            _ => Ok(()),
        }
    }
}

/// Prints where a server listens.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{address}")?;
    stdout.flush()
}
