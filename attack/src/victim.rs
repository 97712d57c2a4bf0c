//! The servers that are attacked.

use std::io::{self, Write};
use std::net::SocketAddr;

use enet_tokio::Compression;

use crate::loopback::Loopback;
use crate::{echo, relay};

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
    /// What it may hold for all peers together, in bytes, where that is not the default. The C library has no such limit.
    pub memory: Option<usize>,
}

impl Victim {
    /// The error of a server that the C library has not got.
    pub(crate) fn check(&self) -> io::Result<()> {
        match (self.implementation, self.service) {
            (Implementation::C, Service::Relay) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the C library alone is no relay",
            )),
            _ => Ok(()),
        }
    }
}

/// Serves on `address` until the process ends, after printing where.
///
/// # Errors
/// If the address cannot be had, or the C library does not have that service or compression.
pub fn serve(address: Loopback, victim: Victim) -> io::Result<()> {
    victim.check()?;
    let address = address.address();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match (victim.implementation, victim.service, address) {
        (Implementation::Ours, Service::Echo, _) => runtime()?.block_on(echo::serve_ours(address, victim)),
        (Implementation::Ours, Service::Relay, _) => runtime()?.block_on(relay::serve(address, victim)),
        (Implementation::C, _, SocketAddr::V4(address)) => echo::serve_c(address, victim),
        (Implementation::C, _, SocketAddr::V6(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// Prints where a server listens.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{address}")?;
    stdout.flush()
}
