//! The servers that are attacked, each in a process of its own.

use std::io;
use std::net::SocketAddr;

use crate::loopback::Loopback;
use crate::victim::{Implementation, Service, Victim};
use crate::{echo, relay};

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
        (Implementation::Ours, Service::Relay | Service::Game, _) => runtime()?.block_on(relay::serve(address, victim)),
        (Implementation::C, _, SocketAddr::V4(address)) => echo::serve_c(address, victim),
        (Implementation::C, _, SocketAddr::V6(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}
