//! Whether a stock client can join, and how fast.

use std::time::{Duration, Instant};

use interop_tests::cenet::{Event, Host, Options};

use crate::loopback::Loopback;

/// How long a client of the C library takes to join; `None` if it cannot within `patience`.
pub(crate) fn join(target: Loopback, patience: Duration) -> Option<Duration> {
    let mut host = Host::new(Options {
        address: None,
        peers: 1,
        ..Options::default()
    })
    .ok()?;
    let start = Instant::now();
    let peer = host.connect(target.address(), 2, 0)?;
    while start.elapsed() < patience {
        if let Some(Event::Connected { .. }) = host.service(Duration::from_millis(1)) {
            let taken = start.elapsed();
            host.disconnect_now(peer, 0);
            return Some(taken);
        }
    }
    None
}
