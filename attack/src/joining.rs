//! Whether a client can join, and how fast.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use enet_tokio::{Compression, Endpoint};
use interop_tests::cenet::{Event, Host, Options};

use crate::link::Link;
use crate::loopback::Loopback;

static NEXT: AtomicU32 = AtomicU32::new(0x2000_0000);

/// How long a client takes to join; `None` if it cannot within `patience`. It is one of the C library, but for encryption.
pub(crate) fn join(target: Loopback, link: Link, patience: Duration) -> Option<Duration> {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    if link.is_encrypted {
        encrypted(target, link, id, patience)
    } else {
        stock(target, link.compression, id, patience)
    }
}

fn stock(target: Loopback, compression: Compression, id: u32, patience: Duration) -> Option<Duration> {
    let mut host = Host::new(Options {
        address: None,
        peers: 1,
        range_coder: compression == Compression::RangeCoder,
        ..Options::default()
    })
    .ok()?;
    let start = Instant::now();
    let peer = host.connect(target.address(), 2, id)?;
    while start.elapsed() < patience {
        if let Some(Event::Connected { .. }) = host.service(Duration::from_millis(1)) {
            let taken = start.elapsed();
            host.disconnect_now(peer, 0);
            return Some(taken);
        }
    }
    None
}

fn encrypted(target: Loopback, link: Link, id: u32, patience: Duration) -> Option<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let endpoint = Endpoint::client(link.client()).ok()?;
        let start = Instant::now();
        let connecting = endpoint.connect(target.address(), 2, id);
        let joined = tokio::time::timeout(patience, connecting).await;
        let taken = start.elapsed();
        endpoint.shutdown_now(0).await;
        joined.ok()?.ok().map(|_| taken)
    })
}
