//! Errors of the socket in the log, without filling it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Errors are at least this far apart in the log; those in between are summed up.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes the first error of a second and counts the others.
#[derive(Debug, Default)]
pub(super) struct ErrorLog {
    last: Option<Instant>,
    silent: u64,
}

impl ErrorLog {
    /// An error that counts as loss; `peer` is whom a datagram could not be sent to.
    pub(super) fn note(&mut self, what: &'static str, peer: Option<SocketAddr>, error: &io::Error) {
        let now = Instant::now();
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < INTERVAL)
        {
            self.silent += 1;
            return;
        }
        let before = std::mem::take(&mut self.silent);
        self.last = Some(now);
        tracing::debug!(peer = peer.map(tracing::field::display), %error, unlogged_before = before, "{what}");
    }
}
