//! What stock clients ask of the relay, and what must not reach them.

use super::*;
use crate::scene::NO_METHODS;

const COMPLETE: &[u8] = b"\x07\x00";

/// A packet that a newcomer, or a member, sends; what the relay sends then.
fn says(server: &mut SceneServer<char>, key: char, data: &'static [u8]) -> Vec<(char, Bytes)> {
    server.packet_received(key, 0, Packet::reliable(data));
    sent(server)
}

fn added(number: i32) -> Bytes {
    System::AddPeer(id(number)).to_bytes()
}

fn later(server: &mut SceneServer<char>, millis: u64) -> Vec<(char, Bytes)> {
    server.handle_timeout(Time::from_millis(millis));
    sent(server)
}

fn of(key: char, sent: &[(char, Bytes)]) -> Vec<Bytes> {
    let own = sent.iter().filter(|(to, _)| *to == key);
    own.map(|(_, data)| data.clone()).collect()
}

#[test]
fn who_never_asks_is_let_in_after_a_moment() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    assert_eq!(sent(&mut server), []);
    assert_eq!(server.poll_timeout(), Some(Time::from_millis(2010)));
    let told = later(&mut server, 2010);
    assert_eq!(of('d', &told), [added(2), added(3), added(4)]);
    assert_eq!(of('a', &told), [added(5)]);
}

#[test]
fn who_calls_first_is_let_in_at_once() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    server.packet_received('d', 0, Packet::reliable(relay(2, b"\x03hi")));
    let told = sent(&mut server);
    assert_eq!(of('a', &told), [added(5), relay(5, b"\x03hi")]);
}

#[test]
fn who_asks_to_be_authenticated_is_told_of_nobody_until_it_is_done() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    // A stock client that is told that the server is done cannot send more.
    assert_eq!(says(&mut server, 'd', b"\x07\x00name"), []);
    assert_eq!(says(&mut server, 'd', b"\x07\x00password"), []);
    assert_eq!(later(&mut server, 5000), [], "nor is anyone told of it");
    server.packet_received('a', 0, Packet::reliable(relay(5, b"\x03hi")));
    server.packet_received('a', 0, Packet::reliable(relay(-3, b"\x03all")));
    assert_eq!(of('d', &sent(&mut server)), [] as [Bytes; 0]);
    assert_eq!(says(&mut server, 'd', b"\x03out of place"), []);
    assert_eq!(server.roster().len(), 3);

    server.packet_received('d', 0, Packet::reliable(COMPLETE));
    let mut told = sent(&mut server);
    told.extend(later(&mut server, 6000));
    assert_eq!(
        of('d', &told),
        [Bytes::from_static(COMPLETE), added(2), added(3), added(4)]
    );
    assert_eq!(of('b', &told), [added(5)]);
    let statistics = server.statistics();
    assert_eq!((statistics.authenticated, statistics.malformed), (1, 1));
}

#[test]
fn who_is_done_at_once_is_answered_first() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    let mut told = says(&mut server, 'd', COMPLETE);
    told.extend(later(&mut server, 3000));
    assert_eq!(
        of('d', &told),
        [Bytes::from_static(COMPLETE), added(2), added(3), added(4)]
    );
    assert_eq!(says(&mut server, 'd', COMPLETE), [], "once is enough");
}

#[test]
fn who_asks_late_has_missed_all_introductions_and_gets_them_again() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    assert_eq!(of('d', &later(&mut server, 2010)).len(), 3);
    later(&mut server, 3000);
    assert_eq!(says(&mut server, 'd', b"\x07\x00token"), []);
    server.packet_received('d', 0, Packet::reliable(COMPLETE));
    let mut told = sent(&mut server);
    told.extend(later(&mut server, 4000));
    let mut introductions = of('d', &told);
    assert_eq!(introductions.remove(0), COMPLETE);
    introductions.sort();
    assert_eq!(introductions, [added(2), added(3), added(4)]);
    assert_eq!(told.len(), 4, "the others are told nothing new");
    assert_eq!(says(&mut server, 'd', COMPLETE), []);
    assert_eq!(later(&mut server, 5000), []);
}

#[test]
fn a_visitor_that_leaves_was_never_there() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    says(&mut server, 'd', b"\x07\x00token");
    server.peer_disconnected(Time::from_millis(2100), 'd', Departure::TimedOut);
    assert_eq!(drain(&mut server), []);
    server.peer_arrived(Time::from_millis(2200), 'e', 5);
    assert_eq!(of('e', &later(&mut server, 2300)).len(), 3);
}

#[test]
fn who_leaves_within_the_moment_is_known_to_the_program_alone() {
    let mut server = session();
    server.peer_arrived(Time::from_millis(2000), 'd', 5);
    let reason = Departure::TimedOut;
    server.peer_disconnected(Time::from_millis(2001), 'd', reason);
    let events = [
        ServerEvent::PeerConnected { id: id(5) },
        ServerEvent::PeerDisconnected { id: id(5), reason },
    ];
    assert_eq!(drain(&mut server), events.map(Output::Event));
    assert_eq!(later(&mut server, 3000), []);
}

#[test]
fn a_spawn_bomb_reaches_nobody() {
    let mut server = session();
    // 2^30 sync ids: four times that is 0 in 32 bits.
    let bomb = b"\x04\0\x02\0\0\0\x01\0\0\0\0\0\0\x40\x05\0\0\0Hero\0";
    let spawn = b"\x04\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\x05\0\0\0\x02\0\0\0Hero\0";
    for target in [0, 3, -3] {
        server.packet_received('a', 0, Packet::reliable(relay(target, bomb)));
        assert_eq!(drain(&mut server), [], "to {target}");
    }
    assert_eq!(server.statistics().unfit, 3);
    server.packet_received('a', 0, Packet::reliable(relay(3, spawn)));
    assert_eq!(sent(&mut server), [('b', relay(2, spawn))]);
}

#[test]
fn more_paths_than_are_kept_silence_no_synchronizer() {
    let mut server = session();
    let offer = |id, checksum| {
        let offer = SimplifyPath {
            checksum,
            id: NodeId::new(id).expect("31 bits"),
            path: format!("Game/Players/{id}/Sync").into(),
        };
        Packet::reliable(offer.to_bytes())
    };
    server.packet_received('a', 0, offer(0, NO_METHODS));
    let question = sent(&mut server).remove(0).1;
    let Ok(Message::SimplifyPath(root)) = Message::parse(&question) else {
        panic!("{question:?}");
    };
    let confirm = |id| ConfirmPath {
        checksum_matched: true,
        node: NodeReference::Id(id),
    };
    server.packet_received('a', 0, Packet::reliable(confirm(root.id).to_bytes()));
    assert_eq!(sent(&mut server).len(), 1);
    for number in 1..3000 {
        server.packet_received('a', 0, offer(number, NO_METHODS));
        let id = NodeId::new(number).expect("31 bits");
        assert_eq!(sent(&mut server), [('a', confirm(id).to_bytes())]);
    }
    // Calls go on without.
    server.packet_received('a', 0, offer(5000, [b'0'; 32]));
    assert_eq!(sent(&mut server), []);
    assert_eq!(server.statistics().unlearned_paths, 1);
    // Nor does a number change its meaning.
    server.packet_received('a', 0, offer(1, NO_METHODS));
    assert_eq!(sent(&mut server), []);
    assert_eq!(server.statistics().malformed, 1);
}
