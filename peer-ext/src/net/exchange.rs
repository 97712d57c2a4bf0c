//! The queues between the game and the network.
//!
//! The game's part in the two frequent things, sending and looking for what came, is a short lock on a queue that the network
//! holds only to put something in or take all out. Everything else is rare and acts on the endpoint itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use enet_tokio::{Event, EventEndpoint, Packet, PacketMode, PeerHandle, SendError};
use tokio::sync::Notify;

use super::inbox::{Arrival, Freshness, Inbox};
use super::{Farewell, lock};

/// Events that are passed on before others get a turn.
const BATCH: usize = 256;

/// A packet on its way to the network.
#[derive(Debug)]
struct Departure {
    peer: PeerHandle,
    channel: u8,
    packet: Packet,
}

/// Queue lengths, for monitors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NetStatistics {
    /// Packets that the game has not taken yet.
    pub(crate) waiting_packets: usize,
    /// Bytes queued or unacknowledged towards all peers.
    pub(crate) queued_bytes: usize,
    /// Commands sent again, over all peers that are there.
    pub(crate) resent: u64,
}

/// Both queues and the endpoint they lead to.
#[derive(Debug)]
pub(super) struct Exchange {
    endpoint: EventEndpoint,
    outbox: Mutex<Vec<Departure>>,
    /// Held while packets go from the outbox to the endpoint, so that they keep their order. The buffer is the next outbox.
    passing_on: Mutex<Vec<Departure>>,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    /// The outbox has something, or the inbox has room again.
    changed: Notify,
    ended: AtomicBool,
}

impl Exchange {
    pub(super) fn new(endpoint: EventEndpoint) -> Exchange {
        Exchange {
            endpoint,
            outbox: Mutex::default(),
            passing_on: Mutex::default(),
            inbox: Mutex::new(Inbox::new()),
            arrived: Condvar::new(),
            changed: Notify::new(),
            ended: AtomicBool::new(false),
        }
    }

    /// The network's part, until the endpoint has ended.
    pub(super) async fn run(self: Arc<Exchange>) {
        let _end = End(&self);
        loop {
            let room = !self.inbox().is_full();
            tokio::select! {
                () = self.changed.notified() => self.pass_on(),
                event = self.endpoint.next_event(), if room => {
                    let Some(event) = event else { break };
                    self.take_in(event);
                }
            }
        }
    }

    /// Takes in an event, and those that came with it.
    fn take_in(&self, event: Event) {
        let now = Instant::now();
        let mut next = Some(event);
        let mut taken = 0;
        while let Some(event) = next {
            let arrival = self.arrival(event);
            let mut inbox = self.inbox();
            inbox.push(arrival, now);
            taken += 1;
            let go_on = !inbox.is_full() && taken < BATCH;
            drop(inbox);
            next = if go_on { self.endpoint.try_next_event() } else { None };
        }
        self.arrived.notify_all();
    }

    fn arrival(&self, event: Event) -> Arrival {
        match event {
            Event::Connected { peer, data } => {
                let found = self
                    .endpoint
                    .inspect(peer, |peer| (peer.address(), peer.channel_count()));
                Arrival::Connected {
                    peer,
                    data,
                    address: found.map(|(address, _)| address),
                    channels: found.map_or(0, |(_, channels)| channels),
                }
            }
            Event::Disconnected { peer, reason } => Arrival::Disconnected { peer, reason },
            Event::Received {
                peer,
                channel,
                mut packet,
            } => {
                // Here it may wait for long.
                packet.detach();
                Arrival::Received { peer, channel, packet }
            }
        }
    }

    /// Takes the next thing that came in.
    pub(super) fn next(&self) -> Option<Arrival> {
        let mut inbox = self.inbox();
        let arrival = inbox.pop(Instant::now);
        let resume = inbox.has_room_again();
        drop(inbox);
        if resume {
            self.changed.notify_one();
        }
        arrival
    }

    /// Sets which packets are worth handing over.
    pub(super) fn set_freshness(&self, freshness: Freshness) {
        self.inbox().set_freshness(freshness);
    }

    /// How many things have come in.
    pub(super) fn waiting(&self) -> usize {
        self.inbox().len()
    }

    /// Waits until something has come in, the endpoint has ended or the time is up.
    pub(super) fn wait(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        let mut inbox = self.inbox();
        while inbox.len() == 0 && !self.has_ended() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.arrived.wait_timeout(inbox, left);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Queues a packet and wakes the network.
    pub(super) fn send(&self, peer: PeerHandle, channel: u8, packet: Packet) {
        self.outbox().push(Departure { peer, channel, packet });
        self.changed.notify_one();
    }

    /// Acts on the endpoint, after all that was queued before.
    pub(super) fn act<R>(&self, act: impl FnOnce(&EventEndpoint) -> R) -> R {
        self.pass_on();
        act(&self.endpoint)
    }

    /// Looks at the endpoint, as it is.
    pub(super) fn endpoint(&self) -> &EventEndpoint {
        &self.endpoint
    }

    fn pass_on(&self) {
        let mut departures = lock(&self.passing_on);
        std::mem::swap(&mut *departures, &mut *self.outbox());
        for Departure { peer, channel, packet } in departures.drain(..) {
            let reliable = packet.mode == PacketMode::Reliable;
            // A peer that is leaving, or has not as many channels, does not get it, as in ENet.
            if let Err(SendError::QueueFull { .. }) = self.endpoint.send(peer, channel, packet)
                && reliable
            {
                // All peers together hold so much that not even the little that goes unasked is taken. It was promised.
                self.endpoint.disconnect_now(peer, Farewell::TOO_SLOW);
                self.inbox().push(Arrival::GivenUp { peer }, Instant::now());
                self.arrived.notify_all();
            }
        }
    }

    /// Whether nothing more will come in.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn statistics(&self) -> NetStatistics {
        // Nothing is between the outbox and the endpoint meanwhile.
        let _passing_on = lock(&self.passing_on);
        let mut statistics = NetStatistics {
            waiting_packets: self.waiting(),
            queued_bytes: self.outbox().iter().map(|departure| departure.packet.data.len()).sum(),
            resent: 0,
        };
        for peer in self.endpoint.peers() {
            if let Some(peer) = self.endpoint.inspect(peer, enet_proto::Peer::statistics) {
                statistics.queued_bytes += peer.bytes_queued;
                statistics.resent += peer.commands_resent;
            }
        }
        statistics
    }

    fn outbox(&self) -> MutexGuard<'_, Vec<Departure>> {
        lock(&self.outbox)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }
}

/// Tells the game that the network's part is over, be it by a panic.
struct End<'a>(&'a Exchange);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // Under the lock, so that a thread that is about to wait does not miss it.
        let _inbox = self.0.inbox();
        self.0.ended.store(true, Ordering::Release);
        self.0.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use enet_proto::compress::Compressor;
    use enet_tokio::Config;

    use super::super::thread::NetThread;
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// Fails as a bug in the network would, once.
    struct Broken {
        failed: bool,
    }

    impl Compressor for Broken {
        fn compress(&mut self, _: &[u8], _: usize, _: &mut Vec<u8>) -> bool {
            assert!(std::mem::replace(&mut self.failed, true), "a bug, for this test");
            false
        }

        fn decompress(&mut self, _: &[u8], _: usize, _: &mut Vec<u8>) -> bool {
            false
        }
    }

    fn exchange(thread: &NetThread) -> Arc<Exchange> {
        let address = (Ipv4Addr::LOCALHOST, 0);
        let bound = thread
            .handle()
            .block_on(EventEndpoint::bind(address, Config::default()));
        let exchange = Arc::new(Exchange::new(bound.expect("an endpoint")));
        thread.handle().spawn(exchange.clone().run());
        exchange
    }

    #[test]
    fn a_panic_in_the_network_ends_one_host_and_nothing_else() {
        let thread = NetThread::acquire().expect("a thread");
        let (broken, server) = (exchange(&thread), exchange(&thread));
        let address = server.endpoint().local_addr();
        broken.act(|endpoint| {
            endpoint.set_compressor(Some(Box::new(Broken { failed: false })));
            endpoint.connect(address, 1, 0).expect("room for a peer");
        });
        broken.wait(LONG);
        assert!(broken.has_ended(), "the game is told");

        let client = exchange(&thread);
        client
            .act(|endpoint| endpoint.connect(address, 1, 0))
            .expect("room for a peer");
        for host in [&client, &server] {
            host.wait(LONG);
            assert!(matches!(host.next(), Some(Arrival::Connected { .. })));
        }
    }
}
