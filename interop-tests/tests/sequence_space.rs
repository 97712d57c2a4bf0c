//! More packets on one channel than there are numbers, past every wrap, between our hosts and the C library's, with loss.

use std::time::{Duration, Instant};

use bytes::Bytes;
use interop_tests::relay::Relay;
use interop_tests::side::{Delivery, Event, Kind, Peer, Settings, Side};
use netem::Conditions;

/// Far more than it takes: the C library resends after a time-out only.
const DEADLINE: Duration = Duration::from_secs(150);

/// More than three times all reliable numbers.
const RELIABLE: u32 = 210_000;

/// More than all numbers of unreliable packets and all groups of unsequenced ones.
const UNRELIABLE: u32 = 75_000;

/// Of every so many of them most must come: the last so many are all past the wrap.
const STRETCH: u32 = 5_000;

/// The unreliable number that is never given: the packet that would have it goes reliably.
const LAST_UNRELIABLE: u32 = 0xffff;

/// One end of the connection.
struct End {
    side: Side,
    peer: Peer,
    sent: u32,
    received: Vec<(u32, Delivery)>,
}

/// Sends so many packets both ways on channel 0, `batch` at a time and no more than `ahead` of what has come; what came, in order,
/// at the server and at the client.
fn exchange(server: Kind, delivery: Delivery, count: u32, batch: u32, ahead: u32) -> [Vec<(u32, Delivery)>; 2] {
    let conditions = Conditions::default()
        .loss(0.01)
        .duplication(0.01)
        .reordering(0.01, Duration::from_millis(2));
    let mut client = Side::start(server.other(), Settings::default());
    let mut server = Side::start(server, Settings::default());
    let relay = Relay::start(server.local_addr(), 3, conditions).expect("a relay");
    let home = client.connect(relay.local_addr(), 2, 0);
    client.connected();
    let (guest, _) = server.connected();
    let mut ends = [(server, guest), (client, home)].map(|(side, peer)| {
        // Loss is not to be taken for absence, nor jitter for congestion.
        side.with(move |host| {
            host.set_timeout(peer, 1000, DEADLINE, DEADLINE);
            host.configure_throttle(peer, Duration::from_secs(5), 32, 0);
        });
        End {
            side,
            peer,
            sent: 0,
            received: Vec::new(),
        }
    });

    let deadline = Instant::now() + DEADLINE;
    let mut over = [false; 2];
    while over != [true; 2] {
        for at in [0, 1] {
            let there = ends[1 - at].received.last().map_or(0, |(number, _)| number + 1);
            let end = &mut ends[at];
            if end.sent < count && end.sent < there + ahead {
                let numbers = end.sent..count.min(end.sent + batch);
                end.sent = numbers.end;
                end.send(numbers, delivery);
                if end.sent == count {
                    // The last word comes on a channel of its own, after all packets of this one in time.
                    end.last_word();
                }
            }
            over[at] |= end.take();
        }
        let received = || ends.each_ref().map(|end| end.received.len());
        assert!(
            Instant::now() < deadline,
            "it takes too long: {:?} of {count} have come",
            received()
        );
        // All that must come has come, wherever the last word was overtaken.
        if delivery == Delivery::Reliable {
            over = ends.each_ref().map(|end| end.received.len() >= count as usize);
        }
    }
    ends.map(|end| end.received)
}

impl End {
    fn send(&self, numbers: std::ops::Range<u32>, delivery: Delivery) {
        let peer = self.peer;
        self.side.with(move |host| {
            for number in numbers {
                assert!(
                    host.send(peer, 0, &content(number), delivery),
                    "packet {number} is taken"
                );
            }
            host.flush();
        });
    }

    fn last_word(&self) {
        assert!(self.side.send(self.peer, 1, &Bytes::new(), Delivery::Reliable));
    }

    /// Takes what has come; whether the last word was among it.
    fn take(&mut self) -> bool {
        let mut wait = Duration::from_millis(1);
        while let Some(event) = self.side.try_expect(wait, |_| true) {
            wait = Duration::ZERO;
            match event {
                Event::Received { channel: 1, .. } => return true,
                Event::Received { data, delivery, .. } => {
                    let number = u32::from_be_bytes(data[..4].try_into().expect("four bytes"));
                    assert_eq!(data, content(number));
                    self.received.push((number, delivery));
                }
                other => panic!("{other:?}"),
            }
        }
        false
    }
}

/// Eight bytes that are its number and a mix of it.
fn content(number: u32) -> Bytes {
    let mixed = number.wrapping_mul(0x9e37_79b9).rotate_left(13);
    [number.to_be_bytes(), mixed.to_be_bytes()].concat().into()
}

/// Most have come of every stretch: the first, that with the wrap in it, and the last.
#[track_caller]
fn assert_throughout(numbers: impl Iterator<Item = u32>) {
    let mut came = [0; (UNRELIABLE / STRETCH) as usize];
    for number in numbers {
        came[(number / STRETCH) as usize] += 1;
    }
    let least = STRETCH * 60 / 100;
    assert!(came.iter().all(|came| *came >= least), "of {STRETCH} each: {came:?}");
}

fn reliable(server: Kind) {
    for received in exchange(server, Delivery::Reliable, RELIABLE, 2000, 20_000) {
        assert!(
            received
                .into_iter()
                .eq((0..RELIABLE).map(|number| (number, Delivery::Reliable)))
        );
    }
}

fn unreliable(server: Kind) {
    for received in exchange(server, Delivery::Unreliable, UNRELIABLE, 32, UNRELIABLE) {
        assert!(
            received.is_sorted_by(|one, next| one.0 < next.0),
            "none comes late or twice"
        );
        assert_throughout(received.iter().map(|(number, _)| *number));
        for (number, delivery) in received {
            assert_eq!(
                delivery == Delivery::Reliable,
                number == LAST_UNRELIABLE,
                "packet {number} came {delivery:?}"
            );
        }
    }
}

fn unsequenced(server: Kind) {
    for received in exchange(server, Delivery::Unsequenced, UNRELIABLE, 32, UNRELIABLE) {
        assert_throughout(received.iter().map(|(number, _)| *number));
        assert!(received.iter().all(|(_, delivery)| *delivery == Delivery::Unsequenced));
        let mut numbers: Vec<u32> = received.into_iter().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|one, next| one < next), "none comes twice");
    }
}

#[test]
fn reliable_numbers_wrap_with_ours_as_the_server() {
    reliable(Kind::Ours);
}

#[test]
fn reliable_numbers_wrap_with_ours_as_the_client() {
    reliable(Kind::C);
}

#[test]
fn unreliable_numbers_wrap_with_ours_as_the_server() {
    unreliable(Kind::Ours);
}

#[test]
fn unreliable_numbers_wrap_with_ours_as_the_client() {
    unreliable(Kind::C);
}

#[test]
fn unsequenced_groups_wrap_with_ours_as_the_server() {
    unsequenced(Kind::Ours);
}

#[test]
fn unsequenced_groups_wrap_with_ours_as_the_client() {
    unsequenced(Kind::C);
}
