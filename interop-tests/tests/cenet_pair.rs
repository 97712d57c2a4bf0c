//! C ENet against itself: proves the wrapper, so that a difference found elsewhere is one of ours.

use std::time::Duration;

use interop_tests::cenet::{Driver, Event, Figure, Flags, Host, Options, Peer, RangeCoder, crc32, version};
use interop_tests::payload::Payload;
use interop_tests::relay::Relay;
use netem::Conditions;

struct Pair {
    server: Driver,
    client: Driver,
    /// The client, as the server knows it.
    guest: Peer,
    /// The server, as the client knows it.
    home: Peer,
}

fn pair(options: Options) -> Pair {
    pair_of(
        Host::new(options).expect("a server"),
        Host::new(options).expect("a client"),
    )
}

fn pair_of(server: Host, client: Host) -> Pair {
    let (mut server, mut client) = (Driver::of(server), Driver::of(client));
    let home = client.connect(server.local_addr(), 255, 77);
    assert_eq!(client.connected(), (home, 0));
    let (guest, data) = server.connected();
    assert_eq!(data, 77);
    Pair {
        server,
        client,
        guest,
        home,
    }
}

/// Sends from the client and waits for it at the server; unreliable things get through on an idle loopback too.
fn carry(pair: &mut Pair, channel: u8, payload: Payload, flags: Flags) -> Flags {
    let sent = payload.bytes();
    assert!(pair.client.send(pair.home, channel, sent.to_vec(), flags));
    let event = pair.server.expect(
        "packet",
        |event| matches!(event, Event::Received { data, channel: on, .. } if *on == channel && *data == sent),
    );
    let Event::Received { peer, flags, .. } = event else {
        unreachable!("just matched")
    };
    assert_eq!(peer, pair.guest);
    flags
}

fn carry_all_modes(pair: &mut Pair) {
    let modes = [
        Flags::RELIABLE,
        Flags::UNRELIABLE,
        Flags::UNSEQUENCED,
        Flags::UNRELIABLE_FRAGMENT,
        Flags::UNSEQUENCED_FRAGMENT,
    ];
    for (number, flags) in (0u8..).zip(modes) {
        for size in [0, 1, 1000, 1400, 5000] {
            let came = carry(pair, number, Payload::new(u32::from(number) + 1, size), flags);
            assert_eq!(
                came.contains(Flags::RELIABLE),
                flags == Flags::RELIABLE || size >= 1400 && flags.0 & 8 == 0
            );
        }
    }
}

#[test]
fn the_library_is_new_enough() {
    assert!(version() >= (1, 3, 17), "ENet {:?}", version());
}

#[test]
fn all_modes_arrive() {
    carry_all_modes(&mut pair(Options::default()));
}

#[test]
fn all_modes_arrive_with_a_checksum() {
    carry_all_modes(&mut pair(Options {
        checksum: true,
        ..Options::default()
    }));
}

#[test]
fn reliable_packets_arrive_range_coded() {
    let mut pair = pair(Options {
        range_coder: true,
        ..Options::default()
    });
    // No empty ones: the C range coder crashes on them.
    for size in [1, 1000, 100_000] {
        carry(&mut pair, 0, Payload::new(3, size), Flags::RELIABLE);
    }
}

#[test]
fn a_compressor_of_the_program_sees_every_datagram() {
    let host = || {
        let mut host = Host::new(Options::default()).expect("a host");
        // Runs of zeros, which payloads of zeros have plenty of, lose their tails.
        host.compress_with(
            |input, limit| {
                let tail = input.iter().rev().take_while(|&&byte| byte == 0).count();
                let mut output = input[..input.len() - tail].to_vec();
                output.extend(u16::try_from(tail).ok()?.to_be_bytes());
                (output.len() <= limit).then_some(output)
            },
            |input, limit| {
                let (rest, tail) = input.split_last_chunk::<2>()?;
                let length = rest.len() + usize::from(u16::from_be_bytes(*tail));
                let mut output = rest.to_vec();
                output.resize(length, 0);
                (length <= limit).then_some(output)
            },
        );
        host
    };
    let mut pair = pair_of(host(), host());
    let zeros = vec![0; 1000];
    assert!(pair.client.send(pair.home, 0, zeros.clone(), Flags::RELIABLE));
    pair.server.expect(
        "zeros",
        |event| matches!(event, Event::Received { data, .. } if *data == zeros),
    );
    let sent = pair.client.with(|host| host.totals());
    assert!(sent.sent_data < 1000, "{sent:?}");
}

#[test]
fn disconnections_carry_their_data() {
    let mut later = pair(Options::default());
    let payload = Payload::new(5, 300_000).bytes();
    later.client.with({
        let (home, payload) = (later.home, payload.clone());
        move |host| {
            assert!(host.send(home, 0, &payload, Flags::RELIABLE));
            host.disconnect_later(home, 31);
        }
    });
    assert!(matches!(later.server.next_event(), Event::Received { data, .. } if data == payload));
    assert_eq!(later.server.disconnected(later.guest), 31);
    assert_eq!(later.client.disconnected(later.home), 0);

    let mut plain = pair(Options::default());
    let home = plain.home;
    plain.client.with(move |host| host.disconnect(home, 32));
    assert_eq!(plain.server.disconnected(plain.guest), 32);
    assert_eq!(plain.client.disconnected(plain.home), 0);

    let mut now = pair(Options::default());
    let home = now.home;
    now.client.with(move |host| host.disconnect_now(home, 33));
    assert_eq!(now.server.disconnected(now.guest), 33);
    assert_eq!(now.client.with(move |host| host.figure(home, Figure::State)), 0);
}

#[test]
fn a_peer_that_was_reset_times_out() {
    let mut pair = pair(Options::default());
    let guest = pair.guest;
    let second = Duration::from_secs(1);
    pair.server.with(move |host| {
        host.set_ping_interval(guest, Duration::from_millis(50));
        host.set_timeout(guest, 2, second / 10, second);
    });
    let home = pair.home;
    pair.client.with(move |host| host.reset(home));
    assert_eq!(pair.server.disconnected(guest), 0);
}

#[test]
fn a_broadcast_reaches_all() {
    let mut server = Driver::start(Options::default()).expect("a server");
    let mut clients: Vec<_> = (0..3)
        .map(|_| Driver::start(Options::default()).expect("a client"))
        .collect();
    for client in &mut clients {
        client.connect(server.local_addr(), 2, 0);
        client.connected();
        server.connected();
    }
    server.with(|host| host.broadcast(1, b"all", Flags::RELIABLE));
    for client in &mut clients {
        assert!(matches!(client.next_event(), Event::Received { channel: 1, data, .. } if data == "all"));
    }
}

#[test]
fn reliable_packets_survive_a_bad_relay_in_order() {
    let mut server = Driver::start(Options::default()).expect("a server");
    let conditions = Conditions::default()
        .loss(0.1)
        .delay(Duration::from_millis(5))
        .jitter(Duration::from_millis(5))
        .duplication(0.05)
        .reordering(0.1, Duration::from_millis(10));
    let relay = Relay::start(server.local_addr(), 4, conditions).expect("a relay");
    relay.record();
    let mut client = Driver::start(Options::default()).expect("a client");
    let home = client.connect(relay.local_addr(), 1, 0);
    client.connected();
    for number in 0..100u8 {
        assert!(client.send(home, 0, [number], Flags::RELIABLE));
    }
    server.connected();
    for number in 0..100u8 {
        assert!(matches!(server.next_event(), Event::Received { data, .. } if data[..] == [number]));
    }
    let recorded = relay.recorded();
    let of_client = recorded
        .iter()
        .filter(|datagram| datagram.to == server.local_addr())
        .count();
    assert!(
        of_client > 0 && of_client < recorded.len(),
        "both directions are recorded"
    );
}

#[test]
fn a_cut_relay_carries_nothing() {
    let mut server = Driver::start(Options::default()).expect("a server");
    let relay = Relay::start(server.local_addr(), 4, Conditions::default().down(true)).expect("a relay");
    let mut client = Driver::start(Options::default()).expect("a client");
    client.connect(relay.local_addr(), 1, 0);
    let connected = |event: &Event| matches!(event, Event::Connected { .. });
    assert_eq!(client.try_expect(Duration::from_millis(300), connected), None);
    relay.set_conditions(&Conditions::default());
    client.connected();
    server.connected();
}

#[test]
fn the_range_coder_works_by_itself() {
    let mut coder = RangeCoder::new();
    let input = Payload::new(1, 64).bytes().repeat(8);
    let coded = coder.compress(&input, input.len()).expect("it is repetitive");
    assert!(coded.len() < input.len());
    assert_eq!(coder.decompress(&coded, 4096).as_deref(), Some(&input[..]));
    assert_eq!(coder.decompress(&coded, input.len() - 1), None);
}

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926_u32.to_be_bytes());
}
