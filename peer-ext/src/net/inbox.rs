//! What has come in and was not taken yet.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use enet_tokio::{DisconnectReason, Packet, PacketMode, PeerHandle};
use godot_peer::scene::{Command, Message, System};

/// How much may wait for the game before the protocol keeps the rest, in packets and in bytes.
const MOST_PACKETS: usize = 65_536;
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What came in, with all that the game needs to know of it.
#[derive(Debug)]
pub(super) enum Arrival {
    Connected {
        peer: PeerHandle,
        data: u32,
        address: Option<SocketAddr>,
        channels: usize,
    },
    Disconnected {
        peer: PeerHandle,
        reason: DisconnectReason,
    },
    /// It was given up, as a reliable packet for it found no room.
    GivenUp {
        peer: PeerHandle,
    },
    Received {
        peer: PeerHandle,
        channel: u8,
        packet: Packet,
    },
}

/// Which unreliable packets are not worth handing over any more, when the game has not polled for a while. Of what one peer has
/// sent on one channel in one mode the newest always is. Behind a relay each of the other clients is a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// How long ordered ones may wait.
    pub(crate) ordered: Duration,
    /// How many may wait, of each peer, channel and mode.
    pub(crate) packets: usize,
}

impl Freshness {
    /// Everything is handed over.
    pub(crate) const ANY: Freshness = Freshness {
        ordered: Duration::MAX,
        packets: usize::MAX,
    };
}

/// Unreliable packets of which a later one may stand for an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lane {
    peer: PeerHandle,
    /// Whose packet the peer passes on, if it relays.
    source: Option<i32>,
    channel: u8,
    ordered: bool,
}

/// A queue of arrivals.
#[derive(Debug)]
pub(super) struct Inbox {
    arrivals: VecDeque<(Instant, Arrival)>,
    bytes: usize,
    /// How many packets of each lane wait.
    lanes: HashMap<Lane, usize>,
    freshness: Freshness,
    /// How many came since what is stale was dropped.
    pushed: usize,
    /// The network waits for room.
    full: bool,
}

impl Inbox {
    pub(super) fn new() -> Inbox {
        Inbox {
            arrivals: VecDeque::new(),
            bytes: 0,
            lanes: HashMap::new(),
            freshness: Freshness::ANY,
            pushed: 0,
            full: false,
        }
    }

    pub(super) fn set_freshness(&mut self, freshness: Freshness) {
        self.freshness = freshness;
    }

    /// Takes in what came `now`.
    pub(super) fn push(&mut self, arrival: Arrival, now: Instant) {
        self.bytes += size(&arrival);
        if let Some(lane) = lane(&arrival) {
            *self.lanes.entry(lane).or_default() += 1;
        }
        self.arrivals.push_back((now, arrival));
        self.pushed += 1;
        if self.is_beyond(1) {
            // Not for each packet of a queue that nearly all has to stay in.
            if self.pushed >= MOST_PACKETS / 8 {
                self.drop_stale(now);
            }
            self.full = self.is_beyond(1);
        }
    }

    /// Takes out what came first, of what is worth it `now`.
    pub(super) fn pop(&mut self, now: impl Fn() -> Instant) -> Option<Arrival> {
        loop {
            let (since, arrival) = self.arrivals.pop_front()?;
            self.bytes -= size(&arrival);
            if !lane(&arrival).is_some_and(|lane| self.take_off(lane, since, &now)) {
                return Some(arrival);
            }
        }
    }

    /// Takes a packet off its lane; whether it was stale.
    fn take_off(&mut self, lane: Lane, since: Instant, now: impl Fn() -> Instant) -> bool {
        let Some(waiting) = self.lanes.get_mut(&lane) else {
            return false;
        };
        let newer = *waiting - 1;
        if newer == 0 {
            self.lanes.remove(&lane);
            return false;
        }
        *waiting = newer;
        let Freshness { ordered, packets } = self.freshness;
        newer >= packets
            || (lane.ordered && ordered < Duration::MAX && now().saturating_duration_since(since) > ordered)
    }

    /// Drops what is stale wherever it is.
    fn drop_stale(&mut self, now: Instant) {
        self.pushed = 0;
        if self.freshness == Freshness::ANY {
            return;
        }
        let mut kept: HashMap<Lane, usize> = HashMap::new();
        for (since, arrival) in std::mem::take(&mut self.arrivals) {
            if let Some(lane) = lane(&arrival) {
                if self.take_off(lane, since, || now) {
                    self.bytes -= size(&arrival);
                    continue;
                }
                *kept.entry(lane).or_default() += 1;
            }
            self.arrivals.push_back((since, arrival));
        }
        self.lanes = kept;
    }

    /// Whether the network has to wait for room.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether there is room for the network again, which it is to be told once.
    pub(super) fn has_room_again(&mut self) -> bool {
        let again = self.full && !self.is_beyond(2);
        self.full &= !again;
        again
    }

    pub(super) fn len(&self) -> usize {
        self.arrivals.len()
    }

    fn is_beyond(&self, share: usize) -> bool {
        self.arrivals.len() > MOST_PACKETS / share || self.bytes > MOST_BYTES / share
    }
}

fn size(arrival: &Arrival) -> usize {
    match arrival {
        Arrival::Received { packet, .. } => packet.data.len(),
        Arrival::Connected { .. } | Arrival::Disconnected { .. } | Arrival::GivenUp { .. } => 0,
    }
}

fn lane(arrival: &Arrival) -> Option<Lane> {
    let Arrival::Received { peer, channel, packet } = arrival else {
        return None;
    };
    let ordered = match packet.mode {
        PacketMode::Reliable => return None,
        PacketMode::Unreliable => true,
        PacketMode::Unsequenced => false,
    };
    // Nothing else has to be read.
    let is_system = Command::of(&packet.data) == Some(Command::System);
    let source = match is_system.then(|| Message::parse(&packet.data)) {
        Some(Ok(Message::System(System::Relay { peer, .. }))) => Some(peer),
        _ => None,
    };
    Some(Lane {
        peer: *peer,
        source,
        channel: *channel,
        ordered,
    })
}

#[cfg(test)]
mod tests {
    use enet_tokio::Bytes;

    use super::*;

    const LIMITS: Freshness = Freshness {
        ordered: Duration::from_millis(1000),
        packets: 100,
    };

    fn received(peer: PeerHandle, packet: fn(Bytes) -> Packet, number: u32) -> Arrival {
        Arrival::Received {
            peer,
            channel: 1,
            packet: packet(Bytes::copy_from_slice(&number.to_be_bytes())),
        }
    }

    fn peers() -> [PeerHandle; 2] {
        let mut names = slotmap::SlotMap::<PeerHandle, ()>::with_key();
        [names.insert(()), names.insert(())]
    }

    /// The numbers of the packets that are handed over at a time.
    fn numbers(inbox: &mut Inbox, now: Instant) -> Vec<u32> {
        let arrivals = std::iter::from_fn(|| inbox.pop(|| now));
        arrivals
            .map(|arrival| match arrival {
                Arrival::Received { packet, .. } => u32::from_be_bytes(packet.data[..].try_into().expect("four bytes")),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// Twenty packets, one every 100 ms; the time of the last.
    fn filled(freshness: Freshness, packet: fn(Bytes) -> Packet) -> (Inbox, Instant) {
        let [peer, _] = peers();
        let mut inbox = Inbox::new();
        inbox.set_freshness(freshness);
        let mut now = Instant::now();
        for number in 0..20 {
            now += Duration::from_millis(100);
            inbox.push(received(peer, packet, number), now);
        }
        (inbox, now)
    }

    #[test]
    fn of_ordered_packets_those_are_dropped_that_waited_for_too_long() {
        let (mut inbox, last) = filled(LIMITS, Packet::unreliable);
        assert_eq!(numbers(&mut inbox, last), (9..20).collect::<Vec<_>>());
        assert_eq!((inbox.bytes, inbox.lanes.len()), (0, 0));
    }

    #[test]
    fn the_newest_packet_of_each_peer_is_handed_over_however_old_it_is() {
        let (mut inbox, last) = filled(LIMITS, Packet::unreliable);
        let [_, other] = peers();
        inbox.push(received(other, Packet::unreliable, 77), last);
        let later = last + Duration::from_secs(60);
        assert_eq!(numbers(&mut inbox, later), [19, 77]);
    }

    #[test]
    fn the_newest_packet_of_each_client_behind_a_relay_is_handed_over() {
        let [relay, _] = peers();
        let mut inbox = Inbox::new();
        inbox.set_freshness(LIMITS);
        let start = Instant::now();
        for number in 0..20_u32 {
            let packet = Bytes::copy_from_slice(&number.to_be_bytes());
            let passed_on = System::Relay {
                peer: 2 + (number % 2) as i32,
                packet,
            };
            let arrival = Arrival::Received {
                peer: relay,
                channel: 1,
                packet: Packet::unreliable(passed_on.to_bytes()),
            };
            inbox.push(arrival, start);
        }
        let later = start + Duration::from_secs(60);
        let last = std::iter::from_fn(|| inbox.pop(|| later)).map(|arrival| match arrival {
            Arrival::Received { packet, .. } => packet.data[packet.data.len() - 1],
            other => panic!("{other:?}"),
        });
        assert_eq!(last.collect::<Vec<_>>(), [18, 19]);
    }

    #[test]
    fn what_is_reliable_or_not_in_order_is_handed_over_however_old_it_is() {
        for packet in [Packet::reliable as fn(Bytes) -> Packet, Packet::unsequenced] {
            let (mut inbox, last) = filled(LIMITS, packet);
            assert_eq!(numbers(&mut inbox, last + Duration::from_secs(60)).len(), 20);
        }
        let (mut inbox, last) = filled(Freshness::ANY, Packet::unreliable);
        assert_eq!(numbers(&mut inbox, last + Duration::from_secs(60)).len(), 20);
    }

    #[test]
    fn of_more_unreliable_packets_than_may_wait_the_newest_are_handed_over() {
        let few = Freshness { packets: 5, ..LIMITS };
        let (mut inbox, last) = filled(few, Packet::unsequenced);
        assert_eq!(numbers(&mut inbox, last), [15, 16, 17, 18, 19]);
        let (mut inbox, last) = filled(few, Packet::reliable);
        assert_eq!(numbers(&mut inbox, last).len(), 20);
    }

    #[test]
    fn a_full_queue_gives_up_what_is_stale_before_it_keeps_the_network_waiting() {
        let [peer, other] = peers();
        let mut inbox = Inbox::new();
        inbox.set_freshness(LIMITS);
        let now = Instant::now();
        for number in 0..200_000 {
            inbox.push(received(peer, Packet::unsequenced, number), now);
        }
        assert!(!inbox.is_full() && inbox.len() <= MOST_PACKETS, "{}", inbox.len());
        assert_eq!(numbers(&mut inbox, now), (199_900..200_000).collect::<Vec<_>>());

        for number in 0..=MOST_PACKETS {
            assert!(!inbox.is_full());
            inbox.push(received(other, Packet::reliable, number as u32), now);
        }
        assert!(inbox.is_full());
        while !inbox.has_room_again() {
            inbox.pop(|| now).expect("there is more");
        }
        assert_eq!(inbox.len(), MOST_PACKETS / 2);
        assert!(!inbox.has_room_again(), "it is told once");
    }
}
