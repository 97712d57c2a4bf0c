//! What the tests share.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{DisconnectReason, Event, HostConfig, Packet, PacketMode};
use enet_sim::wire::{Body, Command};
use enet_sim::{Conditions, Pair, Sent};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The default settings with a change.
pub(crate) fn config(change: impl FnOnce(&mut HostConfig)) -> HostConfig {
    let mut config = HostConfig::default();
    change(&mut config);
    config
}

/// Some address, a different one for each number.
pub(crate) fn address(number: u32) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from(0xC000_0200 + number), 5000))
}

/// A link that does everything bad but cutting the cable.
pub(crate) fn bad_link() -> Conditions {
    Conditions::default()
        .delay(ms(20))
        .jitter(ms(15))
        .loss(0.1)
        .duplication(0.05)
        .reordering(0.1, ms(30))
}

/// Gives both sides of `pair` a bad link, and has neither throttle what it sends for its jitter: what is missing was lost.
pub(crate) fn on_a_bad_link(pair: &mut Pair) {
    let to_server = pair.to_server;
    pair.network.with_host(pair.client, |host| {
        host.peer_mut(to_server).unwrap().configure_throttle(secs(5), 2, 0);
    });
    pair.run_for(secs(1));
    pair.set_conditions(&bad_link());
}

/// The last datagram that the client sent; the network must be recording.
pub(crate) fn last_of_client(pair: &Pair) -> Bytes {
    let client = pair.network.address(pair.client);
    let mut trace = pair.network.trace().iter();
    trace.rfind(|traced| traced.from == client).unwrap().datagram.clone()
}

/// `size` bytes that differ by `number`, which comes first if there is room.
pub(crate) fn payload(number: u32, size: usize) -> Bytes {
    let mut data: Vec<u8> = number.to_be_bytes().to_vec();
    data.extend((4..size).map(|at| (at as u32).wrapping_mul(31).wrapping_add(number.wrapping_mul(7)) as u8));
    data.truncate(size);
    data.into()
}

/// The number at the start of a payload.
pub(crate) fn number_of(data: &Bytes) -> u32 {
    u32::from_be_bytes(data[..4].try_into().unwrap())
}

/// The numbers of received packets, in order.
pub(crate) fn numbers(received: &[(u8, Packet)]) -> Vec<u32> {
    received.iter().map(|(_, packet)| number_of(&packet.data)).collect()
}

pub(crate) fn packet(mode: PacketMode, data: Bytes) -> Packet {
    match mode {
        PacketMode::Reliable => Packet::reliable(data),
        PacketMode::Unreliable => Packet::unreliable(data),
        PacketMode::Unsequenced => Packet::unsequenced(data),
    }
}

/// All commands of what was sent.
pub(crate) fn commands(sent: &[Sent]) -> Vec<Command> {
    sent.iter().flat_map(|sent| sent.datagram.commands.clone()).collect()
}

/// What was acknowledged, as channel and number.
pub(crate) fn acknowledged(sent: &[Sent]) -> Vec<(u8, u16)> {
    let pair = |command: Command| match command.body {
        Body::Acknowledge { number, .. } => Some((command.channel, number)),
        _ => None,
    };
    commands(sent).into_iter().filter_map(pair).collect()
}

/// How many of what was sent carry a payload or part of one.
pub(crate) fn count_payloads(sent: &[Sent]) -> usize {
    commands(sent)
        .iter()
        .filter(|command| command.payload().is_some())
        .count()
}

/// The bytes of what was sent.
pub(crate) fn total_bytes(sent: &[Sent]) -> usize {
    sent.iter().map(|sent| sent.bytes.len()).sum()
}

/// All that happened is that a connection has timed out.
#[track_caller]
pub(crate) fn assert_timed_out(events: &[Event]) {
    assert!(
        matches!(
            events,
            [Event::Disconnected {
                reason: DisconnectReason::TimedOut,
                ..
            }]
        ),
        "{events:?}"
    );
}

/// Whether an event is the end of a connection.
pub(crate) fn is_disconnect(event: &Event) -> bool {
    matches!(event, Event::Disconnected { .. })
}
