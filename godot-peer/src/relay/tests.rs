//! The relay, fed and read by hand. Connections are named by letters.

use std::collections::HashMap;

use super::*;
use crate::scene::{self, Arguments, ConfirmPath, MethodId, NodeId, NodeReference, Rpc, SimplifyPath};

mod stock;

const NOW: Time = Time::ZERO;

/// What a connection takes.
const ROOM: usize = 64 * 1024;

fn id(number: i32) -> PeerId {
    PeerId::new(number).expect("an id")
}

/// A server with the clients 2 (a), 3 (b) and 4 (c), who have been told of each other.
fn session() -> SceneServer<char> {
    let mut server = SceneServer::new(true);
    for (key, data) in [('a', 2), ('b', 3), ('c', 4)] {
        server.peer_connected(NOW, key, data);
    }
    server.handle_timeout(Time::from_millis(1000));
    drain(&mut server);
    server
}

/// All that the server wants done, by connections that take all they are given.
fn drain<K: Copy + Eq + Hash>(server: &mut SceneServer<K>) -> Vec<Output<K>> {
    let mut outputs = Vec::new();
    while let Some(output) = server.poll_output() {
        match output {
            Output::Room(key) => server.set_room(NOW, key, 0, ROOM),
            output => outputs.push(output),
        }
    }
    outputs
}

/// What is sent to whom, in order.
fn sent(server: &mut SceneServer<char>) -> Vec<(char, Bytes)> {
    let outputs = drain(server).into_iter();
    let packets = outputs.filter_map(|output| match output {
        Output::Send { to, outgoing, .. } => Some((to, outgoing.packet.data)),
        _ => None,
    });
    packets.collect()
}

fn split(outputs: Vec<Output<char>>) -> (Vec<(char, Outgoing)>, Vec<ServerEvent>) {
    let (mut packets, mut events) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Send { to, outgoing, .. } => packets.push((to, outgoing)),
            Output::Event(event) => events.push(event),
            other => panic!("{other:?}"),
        }
    }
    (packets, events)
}

fn relay(peer: i32, packet: &[u8]) -> Bytes {
    System::Relay {
        peer,
        packet: Bytes::copy_from_slice(packet),
    }
    .to_bytes()
}

fn receivers(packets: &[(char, Outgoing)]) -> String {
    packets.iter().map(|(to, _)| to).collect()
}

#[test]
fn a_newcomer_and_the_others_are_told_of_each_other() {
    let mut server = SceneServer::new(true);
    server.peer_connected(NOW, 'a', 2);
    assert_eq!(
        drain(&mut server),
        [Output::Event(ServerEvent::PeerConnected { id: id(2) })]
    );
    server.peer_connected(Time::from_millis(5), 'b', 3);
    let mut told = sent(&mut server);
    told.sort();
    assert_eq!(
        told,
        [
            ('a', System::AddPeer(id(3)).to_bytes()),
            ('b', System::AddPeer(id(2)).to_bytes())
        ]
    );
    assert_eq!(server.statistics().announced, 2);
}

#[test]
fn those_who_stay_are_told_who_leaves() {
    let mut server = session();
    server.peer_disconnected(Time::from_millis(2000), 'b', Departure::TimedOut);
    let (packets, events) = split(drain(&mut server));
    assert_eq!(receivers(&packets), "ac");
    assert!(
        packets
            .iter()
            .all(|(_, outgoing)| *outgoing == Outgoing::system(System::DelPeer(id(3)).to_bytes()))
    );
    assert_eq!(
        events,
        [ServerEvent::PeerDisconnected {
            id: id(3),
            reason: Departure::TimedOut
        }]
    );
}

#[test]
fn many_changes_in_a_row_are_told_together() {
    let mut server = session();
    let start = Time::from_millis(5000);
    for number in 100..200 {
        server.peer_connected(start, char::from_u32(0x1000 + number).expect("a letter"), number);
    }
    let to_a = |packets: &[(char, Bytes)]| packets.iter().filter(|(to, _)| *to == 'a').count();
    assert_eq!(to_a(&sent(&mut server)), 1, "the first one at once");
    let due = server.poll_timeout().expect("the others are due");
    assert!((1..=500_000).contains(&due.saturating_since(start).as_micros()));
    let mut told = 0;
    while let Some(at) = server.poll_timeout() {
        assert!(at <= due + Duration::from_millis(10), "{at:?}");
        server.handle_timeout(at);
        told += to_a(&sent(&mut server));
    }
    assert_eq!(told, 99);
}

#[test]
fn everyone_ends_up_knowing_everyone_whatever_the_order() {
    let mut server = SceneServer::new(true);
    let mut known: HashMap<char, BTreeSet<PeerId>> = HashMap::new();
    // More than a newcomer is introduced to at once.
    let keys: Vec<char> = ('\u{1000}'..'\u{1200}').collect();
    let mut now = NOW;
    let mut state = 1u32;
    for step in 0..6000u64 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = (state >> 16) as usize % keys.len();
        let key = keys[at];
        now += Duration::from_micros(step % 700);
        if server.roster().id(key).is_some() {
            server.peer_disconnected(now, key, Departure::Local);
            known.remove(&key);
        } else {
            // The id is often one that has just become free.
            server.peer_connected(now, key, 2 + at as u32);
            known.insert(key, BTreeSet::new());
        }
        if server.poll_timeout().is_some_and(|due| due <= now) {
            server.handle_timeout(now);
        }
        // Some of them speak, to one or to all.
        if step % 7 == 0 {
            let target = if step % 70 == 0 {
                0
            } else {
                2 + (state >> 8) as i32 % 512
            };
            server.packet_received(key, 0, Packet::reliable(relay(target, b"\x03hi")));
        }
        apply(&mut server, &mut known);
    }
    while let Some(due) = server.poll_timeout() {
        server.handle_timeout(due);
        apply(&mut server, &mut known);
    }
    for (key, known) in &known {
        let others: BTreeSet<PeerId> = server
            .roster()
            .iter()
            .filter(|(_, other)| other != key)
            .map(|(id, _)| id)
            .collect();
        assert_eq!(*known, others);
    }
}

/// What the clients make of it: nobody is introduced twice, and only who is known leaves.
fn apply(server: &mut SceneServer<char>, known: &mut HashMap<char, BTreeSet<PeerId>>) {
    for (to, data) in sent(server) {
        let Some(known) = known.get_mut(&to) else { continue };
        match Message::parse(&data) {
            Ok(Message::System(System::AddPeer(id))) => assert!(known.insert(id), "{id} is introduced to {to} again"),
            Ok(Message::System(System::DelPeer(id))) => assert!(known.remove(&id), "{to} does not know {id}"),
            Ok(Message::System(System::Relay { peer, .. })) => {
                assert!(known.contains(&id(peer)), "{to} does not know {peer}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bad_and_taken_ids_are_reset_in_silence() {
    let mut server = session();
    for (data, key) in [(0, 'x'), (1, 'y'), (u32::MAX, 'z'), (2, 'w')] {
        server.peer_connected(NOW, key, data);
        assert_eq!(drain(&mut server), [Output::Reset(key)]);
        server.peer_disconnected(NOW, key, Departure::Local);
        assert_eq!(drain(&mut server), []);
    }
    assert_eq!(server.statistics().refused, 4);
}

#[test]
fn a_packet_for_one_keeps_its_mode_and_channel_and_names_its_source() {
    let mut server = session();
    server.packet_received(
        'a',
        5,
        Packet::unsequenced(relay(4, b"\x03hi")).with_unreliable_fragments(),
    );
    let (packets, events) = split(drain(&mut server));
    let channel = TransferChannel::new(4).expect("a channel");
    let expected = Outgoing::new(channel, TransferMode::Unreliable, relay(2, b"\x03hi"));
    assert_eq!(packets, [('c', expected)]);
    assert_eq!(events, []);
}

#[test]
fn a_packet_for_all_reaches_the_others_and_the_server() {
    let mut server = session();
    server.packet_received('a', 0, Packet::reliable(relay(0, b"\x03hi")));
    let (packets, events) = split(drain(&mut server));
    assert_eq!(receivers(&packets), "bc");
    let [ServerEvent::Packet(received)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((received.from, &received.data[..]), (id(2), &b"\x03hi"[..]));
}

#[test]
fn a_packet_for_all_but_one_spares_that_one() {
    for (target, to, for_the_server) in [(-3, "c", true), (-1, "bc", false), (-2, "bc", true), (-99, "bc", true)] {
        let mut server = session();
        server.packet_received('a', 0, Packet::reliable(relay(target, b"\x03hi")));
        let (packets, events) = split(drain(&mut server));
        assert_eq!(receivers(&packets), to, "{target}");
        assert_eq!(!events.is_empty(), for_the_server, "{target}");
    }
}

#[test]
fn packets_for_nobody_are_dropped_and_counted() {
    let mut server = session();
    for target in [1, 5, i32::MAX] {
        server.packet_received('a', 0, Packet::reliable(relay(target, b"\x03hi")));
    }
    assert_eq!(drain(&mut server), []);
    assert_eq!(server.statistics().unknown_targets, 3);
}

#[test]
fn system_messages_that_only_servers_send_are_dropped_and_counted() {
    let mut server = session();
    let nested = relay(0, &relay(0, b"\x03hi"));
    let bad: [&[u8]; 5] = [
        b"\x07",
        b"\x07\x01\x09\0\0\0",
        b"\x07\x02\x03\0\0\0",
        b"\x07\x07\0\0\0\0",
        b"\x07\x03\0\0\0\0",
    ];
    for bad in bad {
        server.packet_received('a', 0, Packet::reliable(bad));
        assert_eq!(drain(&mut server), []);
    }
    server.packet_received('a', 0, Packet::reliable(nested));
    let (_, events) = split(drain(&mut server));
    assert_eq!(events, []);
    assert_eq!(server.statistics().malformed, 5);
    assert_eq!(server.statistics().unfit, 1);
}

#[test]
fn a_path_is_confirmed_and_calls_by_its_number_are_understood() {
    assert_understands_numbers(session());
}

#[test]
fn without_the_relay_a_server_with_nodes_understands_numbers_too() {
    let mut server = SceneServer::new(false);
    server.peer_connected(NOW, 'a', 2);
    server.peer_connected(NOW, 'b', 3);
    drain(&mut server);
    // What may be an offer is the program's as long as it has no node.
    let offer = SimplifyPath {
        checksum: [b'0'; 32],
        id: NodeId::new(9).expect("31 bits"),
        path: "Main/Chat".into(),
    };
    server.packet_received('a', 0, Packet::reliable(offer.to_bytes()));
    let (packets, events) = split(drain(&mut server));
    assert_eq!((packets.len(), events.len()), (0, 1));
    server.set_checksum("Main/Chat".into(), Some([b'0'; 32]));
    assert_understands_numbers(server);
}

/// A client `a` offers a path, and calls by its number; `b` cannot.
fn assert_understands_numbers(mut server: SceneServer<char>) {
    let number = NodeId::new(300).expect("31 bits");
    let offer = SimplifyPath {
        checksum: [b'0'; 32],
        id: number,
        path: "Main/Chat".into(),
    };
    server.packet_received('a', 0, Packet::reliable(offer.to_bytes()));
    // It is asked in which form; a Godot after 4.2 says its number.
    let question = sent(&mut server).remove(0).1;
    let Ok(Message::SimplifyPath(root)) = Message::parse(&question) else {
        panic!("{question:?}");
    };
    let confirm = |id| {
        let message = ConfirmPath {
            checksum_matched: true,
            node: NodeReference::Id(id),
        };
        message.to_bytes()
    };
    server.packet_received('a', 0, Packet::reliable(confirm(root.id)));
    assert_eq!(sent(&mut server), [('a', confirm(number))]);

    let call = Rpc {
        node: NodeReference::Id(number),
        method: MethodId(1),
        arguments: Arguments::None,
    };
    let paths = ['a', 'b'].map(|key| {
        server.packet_received(key, 0, Packet::reliable(call.to_bytes()));
        match &drain(&mut server)[..] {
            [Output::Event(ServerEvent::Packet(received))] => received.node_path.clone(),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(paths[0].as_deref(), Some("Main/Chat"));
    assert_eq!(paths[1], None, "numbers are each client's own");
}

#[test]
fn everything_else_goes_to_the_program() {
    let mut server = session();
    let packets: [&'static [u8]; 6] = [
        b"",
        b"\x02\x01\x01\0\0\0",
        b"\x03raw",
        b"\x04spawn",
        b"\x06sync",
        b"\x20bad call",
    ];
    for data in packets {
        server.packet_received('b', 2, Packet::unreliable(data));
        let (packets, events) = split(drain(&mut server));
        assert!(packets.is_empty());
        let received = Received {
            from: id(3),
            channel: TransferChannel::new(1).expect("a channel"),
            mode: TransferMode::UnreliableOrdered,
            data: Bytes::from_static(data),
            node_path: None,
        };
        assert_eq!(events, [ServerEvent::Packet(received)]);
    }
}

#[test]
fn the_program_sends_to_its_targets() {
    for (target, to) in [(0, "abc"), (-3, "ac"), (4, "c")] {
        let mut server = session();
        let sent = server.send(
            target.into(),
            TransferChannel::ZERO,
            TransferMode::Reliable,
            scene::raw(b"x"),
        );
        assert_eq!(sent, Ok(()));
        assert_eq!(receivers(&split(drain(&mut server)).0), to);
    }
    let mut server = session();
    for target in [5, -5, 1] {
        let target = Target::from(target);
        let sent = server.send(target, TransferChannel::ZERO, TransferMode::Reliable, scene::raw(b"x"));
        assert_eq!(sent, Err(UnknownTarget(target).into()));
    }
    assert_eq!(
        server.send(Target::All, TransferChannel::ZERO, TransferMode::Reliable, Bytes::new()),
        Ok(())
    );
    assert_eq!(drain(&mut server), [], "empty packets are not sent");
}

#[test]
fn nobody_hears_from_a_peer_before_being_told_of_it() {
    let mut server = session();
    let now = Time::from_millis(2000);
    server.peer_connected(now, 'd', 5);
    server.peer_connected(now, 'e', 6);
    drain(&mut server);
    server.packet_received('e', 0, Packet::reliable(relay(2, b"\x03hi")));
    assert_eq!(
        sent(&mut server),
        [('a', System::AddPeer(id(6)).to_bytes()), ('a', relay(6, b"\x03hi"))]
    );
}

#[test]
fn without_the_relay_all_is_left_to_the_program() {
    let mut server = SceneServer::new(false);
    server.peer_connected(NOW, 'a', 2);
    server.peer_connected(NOW, 'b', 3);
    server.packet_received('a', 0, Packet::reliable(relay(3, b"\x03hi")));
    let (packets, events) = split(drain(&mut server));
    assert_eq!(packets, []);
    assert_eq!(events.len(), 3);
}

#[test]
fn packets_of_strangers_are_ignored() {
    let mut server = session();
    server.packet_received('x', 0, Packet::reliable(relay(0, b"\x03hi")));
    assert_eq!(drain(&mut server), []);
}

/// A server with a thousand clients, the last of which has not been introduced to all of the others.
fn crowd() -> (SceneServer<u32>, PeerId) {
    let mut server = SceneServer::new(true);
    for number in 2..1002 {
        server.peer_connected(NOW, number, number);
    }
    server.handle_timeout(Time::from_millis(1000));
    (server, id(1001))
}

/// What is sent to one of them, as messages.
fn messages_to(server: &mut SceneServer<u32>, receiver: u32) -> Vec<Message> {
    let outputs = drain(server).into_iter();
    let messages = outputs.filter_map(|output| match output {
        Output::Send { to, outgoing, .. } if to == receiver => Message::parse(&outgoing.packet.data).ok(),
        _ => None,
    });
    messages.collect()
}

#[test]
fn a_crowd_is_introduced_bit_by_bit_and_in_bounded_time() {
    let (mut server, _) = crowd();
    let begin = Time::from_millis(1000);
    let (mut met, mut at) = (messages_to(&mut server, 1001).len(), begin);
    while let Some(due) = server.poll_timeout() {
        at = due;
        server.handle_timeout(at);
        let announced = server.statistics().announced;
        met += messages_to(&mut server, 1001).len();
        assert!(server.statistics().announced - announced < 6000, "a slice at a time");
    }
    assert_eq!(met, 999);
    assert_eq!(server.statistics().announced, 1000 * 999);
    // A million, and one in eight for each datagram.
    let took = at.saturating_since(begin).as_millis();
    assert!((2000..4000).contains(&took), "{took} ms");
}

#[test]
fn whoever_speaks_to_a_newcomer_is_introduced_first_and_once() {
    let (mut server, newcomer) = crowd();
    messages_to(&mut server, 1001);
    let relayed = |server: &mut SceneServer<u32>| {
        server.packet_received(2, 0, Packet::reliable(relay(newcomer.number(), b"\x03hi")));
        messages_to(server, 1001)
    };
    let messages = relayed(&mut server);
    assert_eq!(messages[0], Message::System(System::AddPeer(id(2))));
    assert_eq!(messages.len(), 2);
    assert_eq!(relayed(&mut server).len(), 1);
    server.packet_received(3, 0, Packet::reliable(relay(0, b"\x03hi")));
    let broadcast = messages_to(&mut server, 1001);
    assert_eq!(broadcast[0], Message::System(System::AddPeer(id(3))));
    assert_eq!(broadcast.len(), 2);
}

#[test]
fn those_who_have_spoken_hear_and_are_heard_of_first() {
    let (mut server, _) = crowd();
    // 500 and 501 speak, as the server's program would hear.
    for number in [500, 501] {
        server.packet_received(number, 0, Packet::reliable(scene::raw(b"hi")));
    }
    let mut outputs = drain(&mut server);
    while server.statistics().announced < 100_000 {
        let due = server.poll_timeout().expect("there is more");
        server.handle_timeout(due);
        outputs.extend(drain(&mut server));
    }
    let added = |receiver: u32| {
        let packets = outputs.iter().filter_map(|output| match output {
            Output::Send { to, outgoing, .. } if *to == receiver => Message::parse(&outgoing.packet.data).ok(),
            _ => None,
        });
        packets.collect::<Vec<Message>>()
    };
    assert_eq!(added(500).len(), 999, "it knows everyone, while most know few");
    let expected = [500, 501].map(|number| Message::System(System::AddPeer(id(number))));
    assert!(expected.iter().all(|message| added(1001).contains(message)));
    assert!(added(1001).len() < 300);
}

#[test]
fn a_newcomer_knows_all_before_the_program_speaks_to_it() {
    let (mut server, newcomer) = crowd();
    let channel = TransferChannel::ZERO;
    server
        .send(
            newcomer.into(),
            channel,
            TransferMode::Reliable,
            scene::raw(b"all here"),
        )
        .expect("it is there");
    let messages = messages_to(&mut server, 1001);
    assert_eq!(messages.len(), 999 + 1);
    assert!(matches!(messages.last(), Some(Message::Raw(_))));
}

#[test]
fn who_leaves_before_being_introduced_is_never_mentioned() {
    let (mut server, _) = crowd();
    messages_to(&mut server, 1001);
    server.peer_disconnected(Time::from_millis(1000), 2, Departure::Local);
    let mut messages = messages_to(&mut server, 1001);
    while let Some(due) = server.poll_timeout() {
        server.handle_timeout(due);
        messages.extend(messages_to(&mut server, 1001));
    }
    assert_eq!(messages.len(), 998);
    assert!(!messages.contains(&Message::System(System::AddPeer(id(2)))));
}

#[test]
fn those_who_come_and_go_at_once_cost_the_others_nothing() {
    let mut server = session();
    let mut now = Time::from_millis(5000);
    server.peer_connected(now, 'd', 5);
    drain(&mut server);
    let announced = server.statistics().announced;
    for number in 100..200 {
        now += Duration::from_micros(1);
        let key = char::from_u32(0x1000 + number).expect("a letter");
        server.peer_connected(now, key, number);
        server.peer_disconnected(now, key, Departure::Local);
    }
    while let Some(due) = server.poll_timeout() {
        server.handle_timeout(due);
    }
    assert_eq!(sent(&mut server), []);
    assert_eq!(server.statistics().announced, announced);
}

mod passing;

/// Counts what is logged.
struct Records(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl tracing::Subscriber for Records {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn nonsense_floods_no_log() {
    let records = std::sync::Arc::default();
    tracing::subscriber::with_default(Records(std::sync::Arc::clone(&records)), || {
        let mut server = session();
        for _ in 0..10_000 {
            server.packet_received('a', 0, Packet::reliable(&b"\x07"[..]));
            server.packet_received('a', 0, Packet::reliable(relay(99, b"\x03hi")));
            server.peer_connected(NOW, 'x', 0);
            drain(&mut server);
        }
    });
    let count = records.load(std::sync::atomic::Ordering::Relaxed);
    assert!((3..100).contains(&count), "{count}");
}
