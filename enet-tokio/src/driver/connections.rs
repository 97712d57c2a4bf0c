//! The connection style: what the driver keeps for each [`Connection`](crate::Connection).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use enet_proto::{DisconnectReason, Event, Host, KeptBuffers, Packet, Peer, PeerHandle};
use slotmap::{SecondaryMap, SlotMap, new_key_type};

use super::waiters::Waiters;
use crate::config::Config;

new_key_type! {
    /// A connection, from its making until both the program and the protocol are done with it.
    pub(crate) struct ConnectionKey;
}

/// All connections of an endpoint.
#[derive(Debug)]
pub(crate) struct Connections {
    entries: SlotMap<ConnectionKey, Entry>,
    by_peer: SecondaryMap<PeerHandle, ConnectionKey>,
    /// Connections from others that the program has not seen yet.
    incoming: VecDeque<ConnectionKey>,
    accepting: Waiters,
    /// Connections with tasks that began to wait for room to send, of which the protocol does not know yet.
    full: Vec<ConnectionKey>,
    /// How many connections that have not ended the program has a handle of.
    living: usize,
    /// What connections that ended before they were accepted hold, in bytes.
    unseen: usize,
    queue_packets: usize,
    queue_bytes: usize,
}

/// A packet and its channel, or why there will be none.
pub(crate) type Received = Result<(u8, Packet), DisconnectReason>;

/// What a handle to a connection knows of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) key: ConnectionKey,
    pub(crate) peer: PeerHandle,
    pub(crate) address: SocketAddr,
    pub(crate) connect_data: u32,
}

/// One connection.
#[derive(Debug)]
struct Entry {
    peer: PeerHandle,
    address: SocketAddr,
    connect_data: u32,
    stage: Stage,
    holder: Holder,
    inbox: VecDeque<(u8, Packet)>,
    inbox_bytes: usize,
    kept: KeptBuffers,
    /// Whether the protocol was told to keep what it receives, until the program has taken all there is.
    paused: bool,
    receiving: Waiters,
    sending: Waiters,
    /// The smallest packet that waits to be sent, in bytes.
    smallest: usize,
    /// What may be queued at most, as the refusal said: less than usual when all peers together hold too much.
    maximum: usize,
    changing: Waiters,
}

/// What the program has of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Not accepted yet.
    Nobody,
    /// A handle.
    Program,
    /// It had one and dropped it.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Connecting,
    Open,
    Closed(DisconnectReason),
}

impl Connections {
    pub(crate) fn new(config: &Config) -> Connections {
        Connections {
            entries: SlotMap::with_key(),
            by_peer: SecondaryMap::new(),
            incoming: VecDeque::new(),
            accepting: Waiters::default(),
            full: Vec::new(),
            living: 0,
            unseen: 0,
            queue_packets: config.receive_queue_packets.max(1),
            queue_bytes: config.receive_queue_bytes.max(1),
        }
    }

    /// A connection that this side makes; the caller holds it.
    pub(crate) fn dial(&mut self, peer: PeerHandle, address: SocketAddr, connect_data: u32) -> Identity {
        let key = self.insert(peer, address, connect_data, Stage::Connecting, Holder::Program);
        self.living += 1;
        Identity {
            key,
            peer,
            address,
            connect_data,
        }
    }

    fn insert(
        &mut self,
        peer: PeerHandle,
        address: SocketAddr,
        connect_data: u32,
        stage: Stage,
        holder: Holder,
    ) -> ConnectionKey {
        let key = self.entries.insert(Entry {
            peer,
            address,
            connect_data,
            stage,
            holder,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            kept: KeptBuffers::new(),
            paused: false,
            receiving: Waiters::default(),
            sending: Waiters::default(),
            smallest: usize::MAX,
            maximum: usize::MAX,
            changing: Waiters::default(),
        });
        self.by_peer.insert(peer, key);
        key
    }

    /// The next connection from another side; the caller holds it.
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Identity> {
        while let Some(key) = self.incoming.pop_front() {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.holder = Holder::Program;
                if matches!(entry.stage, Stage::Closed(_)) {
                    self.unseen -= entry.cost();
                } else {
                    self.living += 1;
                }
                let Entry {
                    peer,
                    address,
                    connect_data,
                    ..
                } = *entry;
                return Poll::Ready(Identity {
                    key,
                    peer,
                    address,
                    connect_data,
                });
            }
        }
        self.accepting.add(cx.waker());
        Poll::Pending
    }

    /// Whether the program has no handle of a connection that has not ended.
    pub(crate) fn is_unused(&self) -> bool {
        self.living == 0
    }

    /// Nobody can accept any more: who has not been accepted has to go.
    pub(crate) fn refuse_incoming(&mut self, host: &mut Host, woken: &mut Vec<Waker>) {
        while let Some(key) = self.incoming.pop_front() {
            if let Some(entry) = self.entries.get(key)
                && matches!(entry.stage, Stage::Closed(_))
            {
                self.unseen -= entry.cost();
            }
            self.release(key, host, woken);
        }
    }

    pub(crate) fn stage(&self, key: ConnectionKey) -> Stage {
        self.entries
            .get(key)
            .map_or(Stage::Closed(DisconnectReason::Local), |entry| entry.stage)
    }

    /// The next received packet, or why there will be none.
    pub(crate) fn poll_receive(
        &mut self,
        key: ConnectionKey,
        host: &mut Host,
        waker: Option<&Waker>,
    ) -> Poll<Received> {
        let Some(entry) = self.entries.get_mut(key) else {
            return Poll::Ready(Err(DisconnectReason::Local));
        };
        if let Some(received) = entry.take_received(host) {
            return Poll::Ready(Ok(received));
        }
        if let Stage::Closed(reason) = entry.stage {
            return Poll::Ready(Err(reason));
        }
        if let Some(waker) = waker {
            entry.receiving.add(waker);
        }
        Poll::Pending
    }

    /// Lists a task that wants to send `size` bytes, where `maximum` may be queued.
    pub(crate) fn wait_for_room(&mut self, key: ConnectionKey, size: usize, maximum: usize, waker: &Waker) {
        if let Some(entry) = self.entries.get_mut(key) {
            if entry.sending.is_empty() {
                entry.smallest = usize::MAX;
            }
            entry.maximum = maximum;
            if size < entry.smallest {
                entry.smallest = size;
                self.full.push(key);
            }
            entry.sending.add(waker);
        }
    }

    /// Lists a task that waits for the next stage.
    pub(crate) fn wait_for_change(&mut self, key: ConnectionKey, waker: &Waker) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.changing.add(waker);
        }
    }

    /// Wakes those who wait for room and have it now.
    pub(crate) fn wake_senders(&mut self, host: &mut Host, woken: &mut Vec<Waker>) {
        for key in self.full.drain(..) {
            let Some(entry) = self.entries.get_mut(key) else {
                continue;
            };
            // Not for every freed byte: a quarter of the queue at a time costs fewer wakings.
            let wanted = entry.smallest.saturating_add(PACKET_COST).max(entry.maximum / 4);
            match host.peer_mut(entry.peer) {
                Some(mut peer) => peer.notify_room(entry.maximum.saturating_sub(wanted)),
                None => entry.sending.wake(woken),
            }
        }
        while let Some(peer) = host.poll_room() {
            if let Some(entry) = self.by_peer.get(peer).and_then(|&key| self.entries.get_mut(key)) {
                entry.sending.wake(woken);
            }
        }
    }

    /// Hands an event of the protocol to its connection.
    pub(crate) fn dispatch(&mut self, event: Event, host: &mut Host, woken: &mut Vec<Waker>) {
        match event {
            Event::Connected { peer, data } => match self.by_peer.get(peer) {
                Some(&key) => {
                    if let Some(entry) = self.entries.get_mut(key) {
                        entry.stage = Stage::Open;
                        entry.changing.wake(woken);
                    }
                }
                None => {
                    let Some(address) = host.peer(peer).map(Peer::address) else {
                        return;
                    };
                    let key = self.insert(peer, address, data, Stage::Open, Holder::Nobody);
                    self.incoming.push_back(key);
                    self.accepting.wake(woken);
                }
            },
            Event::Received {
                peer,
                channel,
                mut packet,
            } => {
                let Some(entry) = self.by_peer.get(peer).and_then(|&key| self.entries.get_mut(key)) else {
                    return;
                };
                if entry.holder == Holder::Gone {
                    return;
                }
                // One datagram can bring what had to wait for it, and that is much more than there is room for.
                if entry.paused
                    && let Some(mut peer) = host.peer_mut(peer)
                {
                    return peer.put_back(channel, packet);
                }
                if entry.inbox.is_empty() {
                    entry.kept = KeptBuffers::new();
                }
                if entry.kept.count_with(&packet) > MOST_BUFFERS {
                    packet.detach();
                }
                entry.inbox_bytes += packet.data.len();
                entry.inbox.push_back((channel, packet));
                entry.receiving.wake(woken);
                let over = entry.inbox.len() >= self.queue_packets || entry.inbox_bytes >= self.queue_bytes;
                if over && !entry.paused {
                    entry.set_paused(true, host);
                    entry.inbox.iter_mut().for_each(|(_, packet)| packet.detach());
                }
            }
            Event::Disconnected { peer, reason } => self.close(peer, reason, woken),
        }
    }

    /// The protocol has let go of `peer`.
    pub(crate) fn close(&mut self, peer: PeerHandle, reason: DisconnectReason, woken: &mut Vec<Waker>) {
        let Some(key) = self.by_peer.remove(peer) else { return };
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.close(reason, woken);
        // One that was never accepted is kept for what it sent, but not without limit: those who come and go at once could
        // otherwise fill the memory of a program that is slow to accept. All of them together may hold what one may.
        let keep = match entry.holder {
            Holder::Nobody => {
                let unseen = self.unseen + entry.cost();
                let fits = !entry.inbox.is_empty() && self.incoming.len() <= MAX_UNSEEN && unseen <= self.queue_bytes;
                if fits {
                    entry.inbox.iter_mut().for_each(|(_, packet)| packet.detach());
                    self.unseen = unseen;
                }
                fits
            }
            Holder::Program => {
                self.living -= 1;
                true
            }
            Holder::Gone => false,
        };
        if !keep {
            self.entries.remove(key);
        }
        if self.incoming.len() > 2 * MAX_UNSEEN.max(self.entries.len()) {
            let entries = &self.entries;
            self.incoming.retain(|&key| entries.contains_key(key));
        }
    }

    /// The program has dropped its handle: what is queued is delivered, what still comes is not kept.
    pub(crate) fn release(&mut self, key: ConnectionKey, host: &mut Host, woken: &mut Vec<Waker>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.holder == Holder::Program && !matches!(entry.stage, Stage::Closed(_)) {
            self.living -= 1;
        }
        entry.holder = Holder::Gone;
        match entry.stage {
            Stage::Closed(_) => {}
            Stage::Connecting => {
                let peer = entry.peer;
                if let Some(peer) = host.peer_mut(peer) {
                    peer.disconnect_now(0);
                }
                self.close(peer, DisconnectReason::Local, woken);
            }
            Stage::Open => {
                if entry.paused {
                    entry.set_paused(false, host);
                }
                if let Some(peer) = host.peer_mut(entry.peer) {
                    peer.disconnect_later(0);
                }
            }
        }
        let Some(entry) = self.entries.get_mut(key) else { return };
        if matches!(entry.stage, Stage::Closed(_)) {
            self.entries.remove(key);
        } else {
            entry.forget_received();
        }
    }

    /// The endpoint is at its end: nothing more will happen to any connection.
    pub(crate) fn end(&mut self, woken: &mut Vec<Waker>) {
        self.by_peer.clear();
        self.full.clear();
        self.living = 0;
        self.unseen = 0;
        for entry in self.entries.values_mut() {
            if !matches!(entry.stage, Stage::Closed(_)) {
                entry.close(DisconnectReason::Local, woken);
            }
        }
        self.entries.retain(|_, entry| entry.holder == Holder::Program);
        self.incoming.clear();
        self.accepting.wake(woken);
    }
}

/// So many receive buffers may the packets of a connection keep: a batch or two each way. There may be thousands of connections.
const MOST_BUFFERS: usize = 4;

/// What a packet costs in a queue beside its payload, at least roughly.
const PACKET_COST: usize = 256;

/// How many connections that ended before they were accepted are kept for what they sent.
const MAX_UNSEEN: usize = 256;

impl Entry {
    fn set_paused(&mut self, paused: bool, host: &mut Host) {
        self.paused = paused;
        if let Some(mut peer) = host.peer_mut(self.peer) {
            peer.set_receiving(!paused);
        }
    }

    /// The next packet, from the queue or else from the protocol. What is held there stays there until it is its turn, so that it
    /// goes on to count; when there is none left the protocol goes on delivering.
    fn take_received(&mut self, host: &mut Host) -> Option<(u8, Packet)> {
        if let Some((channel, packet)) = self.inbox.pop_front() {
            self.inbox_bytes -= packet.data.len();
            return Some((channel, packet));
        }
        if !self.paused {
            return None;
        }
        let held = host.peer_mut(self.peer).and_then(|mut peer| peer.take_held());
        if held.is_none() {
            self.set_paused(false, host);
        }
        held
    }

    fn close(&mut self, reason: DisconnectReason, woken: &mut Vec<Waker>) {
        self.stage = Stage::Closed(reason);
        self.receiving.wake(woken);
        self.sending.wake(woken);
        self.changing.wake(woken);
    }

    /// What the received packets hold.
    fn cost(&self) -> usize {
        self.inbox_bytes + self.inbox.len() * PACKET_COST
    }

    fn forget_received(&mut self) {
        self.inbox = VecDeque::new();
        self.inbox_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use enet_proto::{HostConfig, Time};

    use super::*;

    /// A connection from outside, as the program would see it that is slow to accept: its packets of 1000 bytes, and its end.
    fn come_and_go(connections: &mut Connections, host: &mut Host, port: u16) {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let Ok(peer) = host.connect(address, 1, 0) else {
            panic!("there is room")
        };
        let mut see = |event| connections.dispatch(event, host, &mut Vec::new());
        see(Event::Connected { peer, data: 0 });
        for _ in 0..10 {
            let packet = Packet::reliable(vec![1; 1000]);
            see(Event::Received {
                peer,
                channel: 0,
                packet,
            });
        }
        let reason = DisconnectReason::TimedOut;
        see(Event::Disconnected { peer, reason });
    }

    #[test]
    fn connections_that_ended_before_they_were_accepted_hold_no_more_than_one_may() {
        let mut connections = Connections::new(&Config::default().with_receive_queue(100, 100_000));
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        let cx = &mut Context::from_waker(Waker::noop());
        for round in 0..3 {
            for port in 1..=50 {
                come_and_go(&mut connections, &mut host, port);
            }
            let mut bytes = 0;
            while let Poll::Ready(identity) = connections.poll_accept(cx) {
                while let Poll::Ready(Ok((_, packet))) = connections.poll_receive(identity.key, &mut host, None) {
                    bytes += packet.data.len();
                }
                connections.release(identity.key, &mut host, &mut Vec::new());
            }
            assert!((50_000..=100_000).contains(&bytes), "{bytes} bytes in round {round}");
            assert_eq!((connections.unseen, connections.entries.len()), (0, 0));
        }
    }

    #[test]
    fn what_comes_at_once_beyond_the_queue_is_left_with_the_protocol_and_keeps_its_order() {
        let mut connections = Connections::new(&Config::default().with_receive_queue(10, 100_000));
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let Ok(peer) = host.connect(address, 1, 0) else {
            panic!("there is room")
        };
        let identity = connections.dial(peer, address, 0);
        let waiting = |host: &Host| host.peer(peer).map(Peer::waiting_data);
        for number in 0..100 {
            let packet = Packet::reliable(vec![number; 1000]);
            let event = Event::Received {
                peer,
                channel: 0,
                packet,
            };
            connections.dispatch(event, &mut host, &mut Vec::new());
        }
        assert!(waiting(&host) >= Some(90 * 1000), "{:?} bytes wait", waiting(&host));
        for number in 0..100 {
            assert_eq!(
                connections.entries[identity.key].inbox.len(),
                10usize.saturating_sub(number)
            );
            let received = connections.poll_receive(identity.key, &mut host, None);
            let Poll::Ready(Ok((0, packet))) = received else {
                panic!("{received:?}")
            };
            assert_eq!(usize::from(packet.data[0]), number);
        }
        assert_eq!(waiting(&host), Some(0));
        assert!(connections.poll_receive(identity.key, &mut host, None).is_pending());
        assert!(!connections.entries[identity.key].paused);
    }

    #[test]
    fn only_those_who_wait_for_room_and_have_it_are_woken() {
        let mut connections = Connections::new(&Config::default());
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let Ok(peer) = host.connect(address, 1, 0) else {
            panic!("there is room")
        };
        let identity = connections.dial(peer, address, 0);
        let mut woken = Vec::new();
        connections.wake_senders(&mut host, &mut woken);
        assert!(woken.is_empty(), "nobody waits");
        connections.wait_for_room(identity.key, 100, 1000, Waker::noop());
        connections.wake_senders(&mut host, &mut woken);
        assert_eq!(woken.len(), 1, "the queue is empty");
        connections.wait_for_room(identity.key, 100, 1000, Waker::noop());
        host.peer_mut(peer).into_iter().for_each(enet_proto::PeerMut::reset);
        connections.wake_senders(&mut host, &mut woken);
        assert_eq!(woken.len(), 2, "who is gone has nobody wait");
    }
}
