//! Whether a stock client can join, and how fast.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use enet_tokio::Compression;
use interop_tests::cenet::{Event, Host, Options};

use crate::loopback::Loopback;

/// How long a client of the C library takes to join; `None` if it cannot within `patience`.
pub(crate) fn join(target: Loopback, compression: Compression, patience: Duration) -> Option<Duration> {
    static NEXT: AtomicU32 = AtomicU32::new(0x2000_0000);
    let mut host = Host::new(Options {
        address: None,
        peers: 1,
        range_coder: compression == Compression::RangeCoder,
        ..Options::default()
    })
    .ok()?;
    let start = Instant::now();
    let peer = host.connect(target.address(), 2, NEXT.fetch_add(1, Ordering::Relaxed))?;
    while start.elapsed() < patience {
        if let Some(Event::Connected { .. }) = host.service(Duration::from_millis(1)) {
            let taken = start.elapsed();
            host.disconnect_now(peer, 0);
            return Some(taken);
        }
    }
    None
}
