//! Whatever a hostile peer does, a host holds no more than what it says that it holds, within a small factor, and what is left
//! when there is nothing to do is small. Measured at the allocator.
#![allow(clippy::unwrap_used, reason = "what does not unwrap fails the test")]

mod counting;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use counting::{alone, live};
use enet_proto::{Event, HostConfig, Packet, PacketMode};
use enet_sim::wire::{Body, Command, Connect, Datagram, Fragment};
use enet_sim::{Probe, Remote, Sent};
use proptest::prelude::*;

/// No more than this is held for each byte that is counted: queues have room for twice what is in them, or for a little more while
/// they shrink.
const FACTOR: isize = 4;

/// What a host may hold beside that: tables and buffers of its own, and eight receive buffers that events keep.
const OF_THE_HOST: isize = (160 + 8 * 68) * 1024;

/// And for each peer that is busy, all of whose channels have been used.
const OF_A_PEER: isize = 160 * 1024;

const CHANNELS: u8 = 253;

/// The bytes that a host holds, found out by dropping it.
fn weigh(probe: Probe) -> isize {
    let before = live();
    drop(probe);
    before - live()
}

/// What a host says that it holds for its peers.
fn counted(probe: &Probe) -> isize {
    let of = |peer: &enet_proto::Peer| peer.waiting_data() + peer.queued_data();
    probe.host.peers().map(|(_, peer)| of(peer)).sum::<usize>() as isize
}

fn join(probe: &mut Probe, number: u8) -> Remote {
    let address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 5000));
    let connect = Connect {
        connect_id: u32::from(number),
        channels: 255,
        ..Connect::default()
    };
    let remote = probe.join(address, connect);
    assert_eq!(probe.host.peer(remote.peer).unwrap().channel_count(), 255);
    remote
}

fn hand_in(probe: &mut Probe, remote: &Remote, command: Command) -> Vec<Sent> {
    let datagram = remote.with(probe, command);
    probe.receive(remote.address, &datagram)
}

/// Hands in a datagram that is filled up with zeros to `size` bytes.
fn hand_in_padded(probe: &mut Probe, remote: &Remote, command: Command, size: usize) {
    let mut datagram = remote.with(probe, command).encode().to_vec();
    datagram.resize(datagram.len().max(size), 0);
    probe.receive_bytes(remote.address, datagram);
}

/// So many tiny reliable packets on each of so many channels, and what it sends for that; none of it acknowledged.
fn send_on_all_channels(probe: &mut Probe, channels: u8, each: usize) -> Vec<Sent> {
    let packet = Packet::reliable("x");
    probe.act(|host| {
        for channel in 0..channels {
            for _ in 0..each {
                host.broadcast(channel, &packet);
            }
        }
    })
}

/// Acknowledges all that comes until nothing is queued.
fn acknowledge_all(probe: &mut Probe, remotes: &[Remote], mut sent: Vec<Sent>) {
    while !sent.is_empty() {
        sent = remotes
            .iter()
            .flat_map(|remote| {
                let acknowledgements = remote.acknowledgements(&sent).commands;
                probe.give(remote, &acknowledgements)
            })
            .collect();
    }
    assert!(probe.host.peers().all(|(_, peer)| peer.queued_data() == 0));
}

/// Members that take everything, after a burst on all channels, and for how long it is quiet then.
fn after_a_burst(members: u8, quiet: Duration, keep_lively: bool) -> isize {
    let mut probe = Probe::new(HostConfig::default());
    let remotes: Vec<Remote> = (1..=members).map(|number| join(&mut probe, number)).collect();
    let sent = send_on_all_channels(&mut probe, CHANNELS, 64);
    acknowledge_all(&mut probe, &remotes, sent);
    let steps = quiet.as_millis() / 100;
    for _ in 0..steps {
        if keep_lively {
            let sent = send_on_all_channels(&mut probe, 1, 1);
            acknowledge_all(&mut probe, &remotes, sent);
        }
        for remote in &remotes {
            probe.advance_acknowledging(remote, Duration::from_millis(100 / u64::from(members)));
        }
    }
    assert_eq!(probe.host.peers().count(), usize::from(members));
    weigh(probe) / isize::from(members)
}

#[test]
fn a_quiet_peer_is_small_whatever_it_once_took() {
    let _alone = alone();
    let each = after_a_burst(4, Duration::from_secs(6), false);
    println!("{each} bytes for a quiet peer");
    assert!(each <= 20 * 1024, "{each} bytes for a quiet peer");
}

#[test]
fn a_peer_that_goes_on_with_one_channel_keeps_little_of_the_others() {
    let _alone = alone();
    let each = after_a_burst(4, Duration::from_secs(6), true);
    println!("{each} bytes for a peer that goes on");
    assert!(each <= 56 * 1024, "{each} bytes for a peer that goes on");
}

#[test]
fn acknowledging_all_but_the_latest_keeps_no_room_for_the_others() {
    let _alone = alone();
    let mut probe = Probe::new(HostConfig::default());
    let remote = join(&mut probe, 1);
    let sent = send_on_all_channels(&mut probe, CHANNELS, 64);
    let mut acknowledgements = remote.acknowledgements(&sent).commands;
    acknowledgements.retain(|command| !matches!(command.body, Body::Acknowledge { number: 64, .. }));
    probe.give(&remote, &acknowledgements);
    drop((sent, acknowledgements));
    let said = counted(&probe);
    assert!((1..100_000).contains(&said), "{said} bytes are counted");
    let held = weigh(probe);
    println!("{held} bytes for what is counted as {said}");
    assert!(
        held <= FACTOR * said + OF_THE_HOST + OF_A_PEER,
        "{held} bytes for what is counted as {said}"
    );
}

#[test]
fn first_fragments_of_large_packets_cost_what_they_are_charged() {
    let _alone = alone();
    let mut probe = Probe::new(HostConfig::default());
    let remotes: Vec<Remote> = (1..=4).map(|number| join(&mut probe, number)).collect();
    for remote in &remotes {
        for index in 0..2048_u16 {
            let fragment = Fragment {
                start: 2 + index % 8 * 3500,
                count: 4096,
                number: 0,
                total: 4096,
                offset: 0,
                data: Bytes::from_static(b"x"),
            };
            let command = Command::reliable((index / 8) as u8, fragment.start, Body::Fragment(fragment));
            hand_in(&mut probe, remote, command);
        }
    }
    let said = counted(&probe);
    let held = weigh(probe);
    println!("{held} bytes for what is counted as {said}");
    assert!(said >= 4 * 2048 * 600, "all were taken: {said} bytes are counted");
    assert!(held <= said + OF_THE_HOST, "{held} bytes for what is counted as {said}");
}

/// As the attack of that name: 25 500 packets of 32 MiB of which one byte came, of half of them the last.
#[test]
fn announcements_by_first_or_last_fragment_hold_less_than_2_mib() {
    let _alone = alone();
    const STEP: u32 = 1364;
    const TOTAL: u32 = 32 * 1024 * 1024;
    let mut probe = Probe::new(HostConfig::default());
    let remote = join(&mut probe, 1);
    for index in 0..25_500_u16 {
        let fragment = match index / 50 % 2 {
            0 => Fragment {
                start: 1 + index,
                count: TOTAL / STEP + 1,
                number: TOTAL / STEP,
                total: TOTAL / STEP * STEP + 1,
                offset: TOTAL / STEP * STEP,
                data: Bytes::from_static(b"x"),
            },
            _ => Fragment {
                start: 1 + index,
                count: TOTAL.div_ceil(STEP),
                number: 0,
                total: TOTAL,
                offset: 0,
                data: Bytes::from_static(b"x"),
            },
        };
        let command = Command::unreliable(0, 0, Body::UnreliableFragment(fragment));
        hand_in(&mut probe, &remote, command);
    }
    let held = weigh(probe);
    println!("{held} bytes for 25 500 announcements");
    assert!(held <= 3 << 19, "{held} bytes for 25 500 announcements");
}

/// Packets of seven bytes, each alone in a datagram that is filled up with zeros, are sent on to one who acknowledges nothing.
#[test]
fn small_packets_that_are_sent_on_do_not_keep_the_datagrams_they_came_in() {
    let _alone = alone();
    for broadcast in [true, false] {
        let mut probe = Probe::new(HostConfig::default());
        let attacker = join(&mut probe, 1);
        let deaf = join(&mut probe, 2);
        for number in 1..=5000 {
            let command = Command::reliable(0, number, Body::Reliable(vec![7; 7].into()));
            hand_in_padded(&mut probe, &attacker, command, 4090);
            for event in probe.events() {
                let Event::Received { packet, .. } = event else {
                    panic!("{event:?}")
                };
                probe.act(|host| {
                    if broadcast {
                        assert!(host.broadcast(0, &packet) > 0);
                    } else {
                        host.peer_mut(deaf.peer).unwrap().send(0, packet).unwrap();
                    }
                });
            }
        }
        let said = counted(&probe);
        let held = weigh(probe);
        println!("{held} bytes for what is counted as {said}");
        assert!(
            held <= FACTOR * said + OF_THE_HOST,
            "{held} bytes for what is counted as {said}"
        );
    }
}

/// Something that a hostile peer does, or that a program does with it.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Packets of a length behind a gap, from a number on.
    Early {
        channel: u8,
        from: u16,
        count: u16,
        length: usize,
    },
    /// The same, unreliable ones behind reliable ones that are missing.
    EarlyUnreliable {
        channel: u8,
        from: u16,
        count: u16,
        length: usize,
    },
    /// Packets in their order, each in a datagram of a size.
    InOrder {
        channel: u8,
        count: u16,
        length: usize,
        datagram: usize,
    },
    Unsequenced {
        count: u16,
        length: usize,
        datagram: usize,
    },
    /// One fragment each of packets of so many of a length.
    Fragments {
        channel: u8,
        start: u16,
        count: u16,
        pieces: u32,
        length: usize,
        which: u32,
        reliable: bool,
    },
    /// A packet in fragments from the last to the first, or so many of them.
    Backwards {
        channel: u8,
        start: u16,
        pieces: u32,
        length: usize,
        came: u32,
    },
    /// The program sends to the peer.
    Send {
        channel: u8,
        channels: u8,
        count: u16,
        length: usize,
        mode: PacketMode,
    },
    /// Acknowledges what was sent, but for one in so many.
    Acknowledge {
        but: usize,
    },
    /// The program sends on what it has received.
    Echo,
    /// The program polls.
    Poll,
    Wait {
        millis: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let channel = || 0..CHANNELS;
    let count = || prop_oneof![1..20_u16, 100..1500_u16];
    let length = || prop_oneof![Just(0_usize), 1..40_usize, 300..1300_usize];
    let datagram = || prop_oneof![Just(0_usize), Just(4090_usize)];
    let mode = prop_oneof![
        Just(PacketMode::Reliable),
        Just(PacketMode::Unreliable),
        Just(PacketMode::Unsequenced)
    ];
    prop_oneof![
        (channel(), 2..20_000_u16, count(), length()).prop_map(|(channel, from, count, length)| Act::Early {
            channel,
            from,
            count,
            length
        }),
        (channel(), 2..20_000_u16, count(), length()).prop_map(|(channel, from, count, length)| {
            Act::EarlyUnreliable {
                channel,
                from,
                count,
                length,
            }
        }),
        (channel(), count(), length(), datagram()).prop_map(|(channel, count, length, datagram)| Act::InOrder {
            channel,
            count,
            length,
            datagram
        }),
        (count(), length(), datagram()).prop_map(|(count, length, datagram)| Act::Unsequenced {
            count,
            length,
            datagram
        }),
        (
            channel(),
            2..20_000_u16,
            count(),
            2..5000_u32,
            1..1300_usize,
            0..3_u32,
            any::<bool>()
        )
            .prop_map(
                |(channel, start, count, pieces, length, which, reliable)| Act::Fragments {
                    channel,
                    start,
                    count,
                    pieces,
                    length,
                    which,
                    reliable
                }
            ),
        (channel(), 2..20_000_u16, 2..2000_u32, 1..1300_usize, 0..2000_u32).prop_map(
            |(channel, start, pieces, length, came)| Act::Backwards {
                channel,
                start,
                pieces,
                length,
                came
            }
        ),
        (
            channel(),
            prop_oneof![Just(1_u8), Just(CHANNELS)],
            1..100_u16,
            length(),
            mode
        )
            .prop_map(|(channel, channels, count, length, mode)| Act::Send {
                channel,
                channels,
                count,
                length,
                mode
            }),
        (1..100_usize).prop_map(|but| Act::Acknowledge { but }),
        Just(Act::Echo),
        Just(Act::Poll),
        (1..2000_u64).prop_map(|millis| Act::Wait { millis }),
    ]
}

/// What there is to a run of acts.
struct Play {
    probe: Probe,
    remote: Remote,
    /// The next number in order on each channel, and the next unsequenced group.
    next: Vec<u16>,
    group: u16,
    /// What the host sent and nobody acknowledged.
    sent: Vec<Sent>,
}

impl Play {
    fn give(&mut self, command: Command, size: usize) {
        hand_in_padded(&mut self.probe, &self.remote, command, size);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Early {
                channel,
                from,
                count,
                length,
            } => {
                for number in from..from.saturating_add(count) {
                    self.give(
                        Command::reliable(channel, number, Body::Reliable(vec![1; length].into())),
                        0,
                    );
                }
            }
            Act::EarlyUnreliable {
                channel,
                from,
                count,
                length,
            } => {
                for number in 1..=count {
                    let data = vec![1; length].into();
                    self.give(Command::unreliable(channel, from, Body::Unreliable { number, data }), 0);
                }
            }
            Act::InOrder {
                channel,
                count,
                length,
                datagram,
            } => {
                for _ in 0..count {
                    let number = self.next[usize::from(channel)];
                    self.next[usize::from(channel)] = number.wrapping_add(1);
                    let command = Command::reliable(channel, number, Body::Reliable(vec![1; length].into()));
                    self.give(command, datagram);
                }
            }
            Act::Unsequenced {
                count,
                length,
                datagram,
            } => {
                for _ in 0..count {
                    self.group = self.group.wrapping_add(1);
                    self.give(Command::unsequenced(0, self.group, vec![1; length].into()), datagram);
                }
            }
            Act::Fragments {
                channel,
                start,
                count,
                pieces,
                length,
                which,
                reliable,
            } => {
                let number = [0, pieces / 2, pieces - 1][which as usize];
                for index in 0..count {
                    self.fragment(channel, start.wrapping_add(index * 7), pieces, length, number, reliable);
                }
            }
            Act::Backwards {
                channel,
                start,
                pieces,
                length,
                came,
            } => {
                for number in (pieces.saturating_sub(came)..pieces).rev() {
                    self.fragment(channel, start, pieces, length, number, true);
                }
            }
            Act::Send {
                channel,
                channels,
                count,
                length,
                mode,
            } => {
                let peer = self.remote.peer;
                let mut packet = Packet::reliable(vec![2; length]);
                packet.mode = mode;
                let sent = self.probe.act(|host| {
                    let Some(mut peer) = host.peer_mut(peer) else { return };
                    for channel in channel..channel.saturating_add(channels).min(CHANNELS) {
                        for _ in 0..count {
                            let _ = peer.send(channel, packet.clone());
                        }
                    }
                });
                self.sent.extend(sent);
            }
            Act::Acknowledge { but } => {
                let mut acknowledgements = self.remote.acknowledgements(&std::mem::take(&mut self.sent)).commands;
                let mut index = 0;
                acknowledgements.retain(|_| {
                    index += 1;
                    index % but != 0
                });
                self.sent = self.probe.give(&self.remote, &acknowledgements);
            }
            Act::Echo => {
                let peer = self.remote.peer;
                for event in self.probe.events() {
                    if let Event::Received { channel, packet, .. } = event {
                        let echo = |host: &mut enet_proto::Host| {
                            if let Some(mut peer) = host.peer_mut(peer) {
                                let _ = peer.send(channel, packet);
                            }
                        };
                        let sent = self.probe.act(echo);
                        self.sent.extend(sent);
                    }
                }
            }
            Act::Poll => drop(self.probe.events()),
            Act::Wait { millis } => {
                let sent = self.probe.advance(Duration::from_millis(millis));
                self.sent.extend(sent);
            }
        }
    }

    fn fragment(&mut self, channel: u8, start: u16, pieces: u32, length: usize, number: u32, reliable: bool) {
        let fragment = Fragment {
            start,
            count: pieces,
            number,
            total: pieces * length as u32,
            offset: number * length as u32,
            data: vec![3; length].into(),
        };
        let command = if reliable {
            Command::reliable(channel, start.wrapping_add(number as u16), Body::Fragment(fragment))
        } else {
            Command::unreliable(channel, 0, Body::UnreliableFragment(fragment))
        };
        self.give(command, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_a_peer_sends_the_host_holds_what_it_counts(acts in prop::collection::vec(act(), 1..12)) {
        let _alone = alone();
        let mut config = HostConfig::default();
        config.max_waiting_data = 4 << 20;
        config.max_queued_data = 4 << 20;
        let mut probe = Probe::new(config);
        let remote = join(&mut probe, 1);
        let mut play = Play { probe, remote, next: vec![1; 255], group: 0, sent: Vec::new() };
        for act in acts {
            play.act(act);
        }
        let said = counted(&play.probe);
        let held = weigh(play.probe);
        prop_assert!(
            held <= FACTOR * said + OF_THE_HOST + OF_A_PEER,
            "{held} bytes for what is counted as {said}"
        );
    }
}

/// Datagrams that are what a mutated session could have are dropped or charged, and leave nothing when their sender is gone.
#[test]
fn a_host_that_all_have_left_is_small_whatever_they_did() {
    let _alone = alone();
    let mut probe = Probe::new(HostConfig::default());
    for number in 1..=4 {
        let remote = join(&mut probe, number);
        for channel in 0..CHANNELS {
            let early = Command::reliable(channel, 9, Body::Reliable(vec![1; 500].into()));
            hand_in(&mut probe, &remote, early);
            let datagram = Datagram::to(remote.peer_id, remote.session).with(Command::unsequenced(
                channel,
                u16::from(channel),
                vec![1; 500].into(),
            ));
            probe.receive(remote.address, &datagram);
        }
        probe.act(|host| host.peer_mut(remote.peer).unwrap().disconnect_now(0));
        drop(probe.events());
    }
    probe.advance(Duration::from_secs(60));
    let held = weigh(probe);
    println!("{held} bytes for a host that all have left");
    assert!(held <= 48 * 1024, "{held} bytes for a host that all have left");
}
