//! Who pays when more is sent than is taken.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A session of 2 (a), 3 (b) and 4 (c) whose connections take what they are told to.
struct Net {
    server: SceneServer<char>,
    now: Time,
    links: HashMap<char, Link>,
    /// Those that are asked for room.
    asked: BTreeSet<char>,
    /// To whom, from whom, and how it begins.
    arrived: Vec<(char, Option<PeerId>, Bytes)>,
    held: BTreeSet<char>,
    /// How much more than usual may come from those who are slowed down.
    lent: HashMap<char, usize>,
    dropped: Vec<(char, Departure)>,
}

/// A connection.
struct Link {
    /// What is queued, and how many bytes of the first are left.
    queue: VecDeque<(usize, Bytes)>,
    queued: usize,
    /// What it takes in a millisecond.
    takes: usize,
}

impl Link {
    fn taking(takes: usize) -> Link {
        Link {
            queue: VecDeque::new(),
            queued: 0,
            takes,
        }
    }

    fn push(&mut self, data: Bytes) {
        let cost = data.len() + 128;
        self.queued += cost;
        self.queue.push_back((cost, data));
        if self.takes == usize::MAX {
            self.take();
        }
    }

    fn take(&mut self) {
        let mut taken = self.takes.min(self.queued);
        self.queued -= taken;
        while let Some((left, _)) = self.queue.front_mut() {
            let part = taken.min(*left);
            (*left, taken) = (*left - part, taken - part);
            if *left > 0 {
                break;
            }
            self.queue.pop_front();
        }
    }
}

impl Net {
    fn new(limits: RelayLimits) -> Net {
        let mut server = SceneServer::with_limits(true, limits);
        for (key, data) in [('a', 2), ('b', 3), ('c', 4)] {
            server.peer_connected(NOW, key, data);
        }
        let mut net = Net {
            server,
            now: NOW,
            links: ['a', 'b', 'c'].map(|key| (key, Link::taking(usize::MAX))).into(),
            asked: BTreeSet::new(),
            arrived: Vec::new(),
            held: BTreeSet::new(),
            lent: HashMap::new(),
            dropped: Vec::new(),
        };
        net.run(SECOND);
        net.arrived.clear();
        net
    }

    /// Has a connection take so many bytes a millisecond.
    fn slow_down(&mut self, key: char, bytes: usize) {
        self.links.insert(key, Link::taking(bytes));
    }

    fn send(&mut self, key: char, target: i32, mode: TransferMode, data: &[u8]) {
        let packet = mode.packet(relay(target, &[&b"\x03"[..], data].concat()));
        self.server.packet_received(key, 0, packet);
        self.act();
    }

    fn act(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { to, outgoing, from, .. } => {
                    let data = outgoing.packet.data;
                    let beginning = Bytes::copy_from_slice(&data[..data.len().min(16)]);
                    self.arrived.push((to, from, beginning));
                    self.links.get_mut(&to).expect("it is there").push(data);
                }
                Output::Room(key) => drop(self.asked.insert(key)),
                Output::Weigh(key) => self.server.set_queued(key, self.links[&key].queued),
                Output::Hold(key) => assert!(self.held.insert(key)),
                Output::Release { key, .. } => assert!(self.held.remove(&key)),
                Output::Lend { key, bytes } => {
                    assert!(self.held.contains(&key));
                    *self.lent.entry(key).or_default() += bytes;
                }
                Output::Drop { key, reason } => {
                    self.dropped.push((key, reason));
                    self.links.insert(key, Link::taking(usize::MAX));
                    self.server.peer_disconnected(self.now, key, reason);
                }
                Output::Reset(_) | Output::Event(_) => {}
            }
            self.see_to_room();
        }
    }

    fn see_to_room(&mut self) {
        let roomy = |key: &char| self.links[key].queued <= ROOM / 2;
        let ready: Vec<char> = self.asked.iter().copied().filter(roomy).collect();
        for key in ready {
            self.asked.remove(&key);
            self.server.set_room(self.now, key, self.links[&key].queued, ROOM);
        }
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.now += Duration::from_millis(1);
        self.links.values_mut().for_each(Link::take);
        self.see_to_room();
        self.server.handle_timeout(self.now);
        self.act();
    }

    /// How many packets of a client have arrived at another one.
    fn count(&self, from: i32, to: char) -> usize {
        let relayed = |(at, source, _): &&(char, Option<PeerId>, Bytes)| *at == to && *source == Some(id(from));
        self.arrived.iter().filter(relayed).count()
    }
}

/// Sends through a server that does not do anything meanwhile.
fn pile_up(server: &mut SceneServer<char>, key: char, target: i32, mode: TransferMode, count: usize) {
    for _ in 0..count {
        let packet = mode.packet(relay(target, b"\x03hi"));
        server.packet_received(key, 0, packet);
    }
}

#[test]
fn senders_are_served_in_turn_however_much_one_of_them_sends() {
    let mut server = session();
    pile_up(&mut server, 'a', 0, TransferMode::Unreliable, 1000);
    pile_up(&mut server, 'b', 0, TransferMode::Unreliable, 1);
    let outputs = drain(&mut server).into_iter();
    let mut senders = outputs.filter_map(|output| match output {
        Output::Send { from, .. } => from,
        _ => None,
    });
    let of_b = senders.position(|from| from == id(3));
    assert!(of_b.is_some_and(|at| at < 300), "{of_b:?}");
    let statistics = server.statistics();
    assert_eq!((statistics.relayed_out, statistics.unsent), (2 * 1000 + 2, 0));
}

#[test]
fn what_a_game_sends_at_once_passes_and_more_is_left_out() {
    let mut server = session();
    pile_up(&mut server, 'a', 0, TransferMode::Unreliable, 3900);
    drain(&mut server);
    assert_eq!(server.statistics().unsent, 0);
    pile_up(&mut server, 'a', 0, TransferMode::Unreliable, 10_000);
    drain(&mut server);
    let unsent = server.statistics().unsent;
    assert!((5000..7000).contains(&unsent), "{unsent}");
}

#[test]
fn a_packet_for_thousands_holds_up_another_sender_for_no_more_than_a_turn() {
    let mut server = session();
    for number in 100..3100 {
        let key = char::from_u32(0x1000 + number).expect("a letter");
        server.peer_connected(NOW, key, number);
    }
    server.handle_timeout(Time::from_millis(60_000));
    drain(&mut server);
    pile_up(&mut server, 'a', 0, TransferMode::Reliable, 1);
    pile_up(&mut server, 'b', 4, TransferMode::Reliable, 1);
    let outputs = drain(&mut server).into_iter();
    let senders = outputs.filter_map(|output| match output {
        Output::Send { from, .. } => from,
        _ => None,
    });
    let senders: Vec<PeerId> = senders.collect();
    assert_eq!(senders.len(), 3002 + 1);
    let of_b = senders.iter().position(|from| *from == id(3));
    assert!(of_b.is_some_and(|at| at <= 256), "{of_b:?}");
}

#[test]
fn who_sends_to_itself_is_not_introduced_to_itself() {
    let mut server = session();
    pile_up(&mut server, 'a', 2, TransferMode::Reliable, 1);
    for (_, data) in sent(&mut server) {
        assert_ne!(Message::parse(&data), Ok(Message::System(System::AddPeer(id(2)))));
    }
}

#[test]
fn who_is_slowed_down_hears_something_all_the_time_and_loses_nothing() {
    let mut net = Net::new(RelayLimits::default());
    net.slow_down('c', 60);
    let (mut sent, mut heard, mut silence) = (0, net.now, Duration::ZERO);
    for _ in 0..60_000 {
        // Forty megabytes more than there is room for, of which the connection lets so much pass.
        if !net.held.contains(&'a') {
            net.send('a', 4, TransferMode::Reliable, &[1; 1000]);
            sent += 1;
            heard = net.now;
        } else if net.lent.remove(&'a').is_some() {
            heard = net.now;
        }
        silence = silence.max(net.now.saturating_since(heard));
        net.tick();
    }
    assert_eq!(net.dropped, []);
    assert!(sent > 8000 && net.server.statistics().held_back > 0);
    assert!(silence < SECOND, "{silence:?}");
}

#[test]
fn beyond_what_a_sender_may_have_done_unreliable_packets_are_dropped_and_reliable_ones_wait() {
    let mut net = Net::new(RelayLimits {
        rate: 1000,
        ..RelayLimits::default()
    });
    // A twentieth of a second's worth at once: 50 copies.
    for _ in 0..400 {
        net.send('a', 0, TransferMode::Unreliable, b"x");
    }
    assert_eq!(net.count(2, 'b'), 25);
    for _ in 0..5000 {
        net.send('a', 4, TransferMode::Reliable, b"y");
    }
    assert!(net.held.contains(&'a'), "its packets are not read any more");
    net.send('b', 0, TransferMode::Unreliable, b"z");
    assert_eq!(net.count(3, 'c'), 1, "others are not concerned");
    net.run(Duration::from_millis(500));
    // And a quarter of a second's worth, later than which they are of no use.
    let passed = net.count(2, 'b');
    assert!((145..=155).contains(&passed), "{passed}");
    assert_eq!(net.server.statistics().unsent, 400 - passed as u64);
    net.run(6 * SECOND);
    assert_eq!(net.count(2, 'c'), passed + 5000);
    assert!(net.held.is_empty() && net.dropped.is_empty());
}

#[test]
fn a_sender_of_much_does_not_hold_back_what_others_send_to_the_same_receiver() {
    let mut net = Net::new(RelayLimits::default());
    net.slow_down('c', 1000);
    for _ in 0..100 {
        net.send('a', 4, TransferMode::Reliable, &[1; 50_000]);
    }
    assert!(net.count(2, 'c') < 10);
    net.send('b', 4, TransferMode::Reliable, b"hello");
    // No more than what is queued in the connection is before it.
    net.run(Duration::from_millis(150));
    assert_eq!(net.count(3, 'c'), 1);
    net.run(Duration::from_secs(5));
    assert_eq!(net.count(2, 'c'), 100, "all of it comes");
}

#[test]
fn a_receiver_that_takes_nothing_has_to_go_and_not_its_senders() {
    let mut net = Net::new(RelayLimits::default());
    net.slow_down('c', 0);
    let mut took = Duration::ZERO;
    while net.dropped.is_empty() && took < Duration::from_secs(60) {
        if !net.held.contains(&'a') {
            net.send('a', 4, TransferMode::Reliable, &[1; 8000]);
        }
        net.send('b', 0, TransferMode::Reliable, &[1; 100]);
        net.tick();
        took += Duration::from_millis(1);
    }
    assert_eq!(net.dropped, [('c', Departure::TooSlow)]);
    assert!((4..=6).contains(&took.as_secs()), "{took:?}");
    assert_eq!(net.count(3, 'a'), took.as_millis() as usize, "b goes on meanwhile");
    net.run(SECOND);
    assert!(net.held.is_empty(), "and so does a");
    assert_eq!(net.server.limits.ledger.held(), 0);
}

#[test]
fn a_receiver_that_takes_less_than_every_one_must_has_to_go_and_one_that_takes_more_does_not() {
    for (takes, goes) in [(20, true), (60, false)] {
        let mut net = Net::new(RelayLimits::default());
        net.slow_down('c', takes);
        for _ in 0..30_000 {
            if !net.held.contains(&'a') {
                net.send('a', 4, TransferMode::Reliable, &[1; 1000]);
            }
            net.tick();
        }
        assert_eq!(
            !net.dropped.is_empty(),
            goes,
            "{takes} bytes a millisecond: {:?}",
            net.dropped
        );
        assert!(net.dropped.iter().all(|&(key, _)| key == 'c'));
    }
}

#[test]
fn who_is_sent_one_large_packet_has_as_long_for_it_as_it_takes() {
    let mut net = Net::new(RelayLimits::default());
    // Half a minute's worth, behind which the packets of another one wait.
    net.slow_down('c', 500);
    net.send('a', 4, TransferMode::Reliable, &[1; 15 << 20]);
    for _ in 0..35 {
        net.send('b', 4, TransferMode::Reliable, b"hello");
        net.run(SECOND);
    }
    assert_eq!(net.dropped, []);
    assert_eq!((net.count(2, 'c'), net.count(3, 'c')), (1, 35));
    // As long as it goes on taking of it.
    net.slow_down('c', 0);
    net.send('a', 4, TransferMode::Reliable, &[1; 15 << 20]);
    net.send('b', 4, TransferMode::Reliable, b"hello");
    net.run(6 * SECOND);
    assert_eq!(net.dropped, [('c', Departure::TooSlow)]);
}

#[test]
fn who_sends_more_than_is_taken_is_slowed_down_and_loses_nothing() {
    let mut net = Net::new(RelayLimits::default());
    net.slow_down('c', 2000);
    net.send('a', 4, TransferMode::Reliable, &[1; 20 << 20]);
    assert!(net.held.contains(&'a'));
    let mut sent = 0;
    let end = net.now + Duration::from_secs(60);
    while sent < 20 && net.now < end {
        if !net.held.contains(&'a') {
            net.send('a', 4, TransferMode::Reliable, &[sent; 1 << 20]);
            sent += 1;
        }
        net.tick();
    }
    net.run(Duration::from_secs(30));
    assert_eq!(net.count(2, 'c'), 21);
    let order: Vec<u8> = net.arrived[1..].iter().map(|(_, _, data)| data[10]).collect();
    assert_eq!(order, (0..20).collect::<Vec<u8>>());
    assert!(net.dropped.is_empty() && net.held.is_empty());
}

#[test]
fn who_goes_on_although_it_was_slowed_down_has_to_go() {
    let mut net = Net::new(RelayLimits {
        queue: 1 << 20,
        packet: 1 << 20,
        read_ahead: 0,
        ..RelayLimits::default()
    });
    net.slow_down('c', 100);
    // As if nothing that was read before could be held back.
    for _ in 0..300 {
        net.send('a', 4, TransferMode::Reliable, &[1; 10_000]);
    }
    assert_eq!(net.dropped, [('a', Departure::TooFast)]);
    net.send('b', 4, TransferMode::Reliable, b"hello");
    net.run(SECOND);
    assert_eq!(net.count(3, 'c'), 1);
}

#[test]
fn what_is_sent_to_all_counts_once_for_its_sender() {
    let mut net = Net::new(RelayLimits::default());
    net.slow_down('b', 100);
    net.slow_down('c', 100);
    for _ in 0..6 {
        net.send('a', 0, TransferMode::Reliable, &[1; 1 << 20]);
    }
    // Eight may wait.
    assert!(net.held.is_empty());
    let held = net.server.limits.ledger.held();
    assert!((6 << 20..7 << 20).contains(&held), "{held}");
}

#[test]
fn when_the_whole_holds_too_much_each_sender_has_a_share_and_nobody_has_to_go() {
    let mut net = Net::new(RelayLimits {
        total: 3 << 20,
        ..RelayLimits::default()
    });
    net.slow_down('c', 1000);
    for _ in 0..20 {
        net.send('a', 4, TransferMode::Reliable, &[1; 100_000]);
    }
    assert!(net.held.contains(&'a'), "of half of it, a third");
    net.send('b', 0, TransferMode::Reliable, &[2; 100_000]);
    assert!(!net.held.contains(&'b'));
    net.run(Duration::from_secs(3));
    assert_eq!((net.count(2, 'c'), net.count(3, 'c')), (20, 1));
    assert!(net.dropped.is_empty());
}

#[test]
fn copies_for_receivers_that_do_not_take_them_count_in_the_whole() {
    let total = 3 << 20;
    let mut net = Net::new(RelayLimits {
        total,
        ..RelayLimits::default()
    });
    for number in 100..200 {
        let key = char::from_u32(0x1000 + number).expect("a letter");
        net.links.insert(key, Link::taking(0));
        net.server.peer_connected(net.now, key, number);
    }
    net.run(SECOND);
    for _ in 0..1000 {
        if !net.held.contains(&'a') {
            net.send('a', 0, TransferMode::Reliable, b"x");
        }
        net.run(Duration::from_millis(1));
    }
    assert!(net.held.contains(&'a'));
    let copies = net.server.copies;
    assert!((100..=total / 128).contains(&copies), "{copies}");
    let slow: Vec<char> = net.links.keys().copied().filter(|key| !"abc".contains(*key)).collect();
    for key in slow {
        net.server.peer_disconnected(net.now, key, Departure::TimedOut);
    }
    net.run(SECOND);
    assert_eq!(net.server.copies, 0);
    assert!(net.held.is_empty());
}

#[test]
fn one_that_leaves_has_not_more_copies_made_than_a_few() {
    let mut server = session();
    for number in 100..200 {
        let key = char::from_u32(0x1000 + number).expect("a letter");
        server.peer_connected(Time::from_millis(1000), key, number);
    }
    server.handle_timeout(Time::from_millis(5000));
    drain(&mut server);
    pile_up(&mut server, 'a', 0, TransferMode::Reliable, 250);
    let before = server.statistics().relayed_out;
    server.peer_disconnected(Time::from_millis(6000), 'a', Departure::Local);
    let made = server.statistics().relayed_out - before;
    assert!((2048..2048 + 102).contains(&made), "{made}");
}

#[test]
fn who_asks_and_does_not_take_the_answers_has_to_go() {
    let mut server = SceneServer::with_limits(
        true,
        RelayLimits {
            queue: 100_000,
            ..RelayLimits::default()
        },
    );
    server.peer_connected(NOW, 'a', 2);
    drain(&mut server);
    let offer = |number: u32| SimplifyPath {
        checksum: scene::NO_METHODS,
        id: NodeId::new(number).expect("31 bits"),
        path: "Node".into(),
    };
    server.packet_received('a', 0, Packet::reliable(offer(0).to_bytes()));
    let question = drain(&mut server).pop().expect("in which form");
    server.put_back(NOW, question);
    let confirmed = ConfirmPath {
        checksum_matched: true,
        node: NodeReference::Id(NodeId::new(0x7fff_ffff).expect("31 bits")),
    };
    server.packet_received('a', 0, Packet::reliable(confirmed.to_bytes()));
    let has_to_go = Output::Drop {
        key: 'a',
        reason: Departure::TooSlow,
    };
    for number in 1..2000 {
        server.packet_received('a', 0, Packet::reliable(offer(number).to_bytes()));
        if server.poll_output().is_some_and(|output| output == has_to_go) {
            assert!(number > 500, "{number}");
            return;
        }
    }
    panic!("more and more answers wait");
}

#[test]
fn last_words_come_before_the_farewell_and_a_new_one_of_that_id_after_it() {
    let mut net = Net::new(RelayLimits::default());
    net.slow_down('c', 1000);
    for _ in 0..10 {
        net.send('a', 4, TransferMode::Reliable, &[1; 20_000]);
    }
    net.server.peer_disconnected(net.now, 'a', Departure::Local);
    net.links.insert('d', Link::taking(usize::MAX));
    net.server.peer_connected(net.now, 'd', 2);
    net.send('d', 4, TransferMode::Reliable, b"new");
    net.run(SECOND);
    let at_c = net.arrived.iter().filter(|(to, ..)| *to == 'c');
    let messages: Vec<_> = at_c.map(|(_, _, data)| Message::parse(data).expect("valid")).collect();
    assert_eq!(messages.len(), 13);
    assert_eq!(messages[10], Message::System(System::DelPeer(id(2))));
    assert_eq!(messages[11], Message::System(System::AddPeer(id(2))));
}

#[test]
fn what_a_connection_refused_is_sent_again_before_all_else() {
    let mut server = session();
    server.packet_received('a', 0, Packet::reliable(relay(4, b"\x03one")));
    server.packet_received('b', 0, Packet::reliable(relay(4, b"\x03two")));
    let refused = server.poll_output().expect("the first");
    server.put_back(NOW, refused);
    server.packet_received('a', 0, Packet::reliable(relay(4, b"\x03three")));
    assert_eq!(sent(&mut server), [], "there is no room");
    server.set_room(NOW, 'c', 0, ROOM);
    let texts: Vec<Bytes> = sent(&mut server).into_iter().map(|(_, data)| data.slice(7..)).collect();
    assert_eq!(texts, ["one", "two", "three"]);
}

#[test]
fn the_program_is_told_when_too_much_waits_for_a_client() {
    let mut net = Net::new(RelayLimits {
        queue: 1 << 20,
        ..RelayLimits::default()
    });
    net.slow_down('c', 0);
    let send = |net: &mut Net, target: Target| {
        let data = Bytes::from(vec![3; 100_000]);
        let sent = net
            .server
            .send(target, TransferChannel::ZERO, TransferMode::Reliable, data);
        net.act();
        sent
    };
    let taken = (0..100).take_while(|_| send(&mut net, Target::from(4)).is_ok()).count();
    assert!((10..13).contains(&taken), "{taken}");
    assert!(matches!(
        send(&mut net, Target::from(4)),
        Err(SendError::Connection(enet_proto::SendError::QueueFull { .. }))
    ));
    // To several it cannot be told, and the one that has not got it would never know.
    assert_eq!(send(&mut net, Target::All), Ok(()));
    assert_eq!(net.dropped, [('c', Departure::TooSlow)]);
}
