//! The network itself, with nodes that speak no ENet.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::Time;
use enet_sim::{Conditions, Mailbox, Network, NodeId, Outbox, RawNode};

const MS: Duration = Duration::from_millis(1);

/// Says something every 10 ms.
struct Ticker {
    to: SocketAddr,
    next: Time,
    said: u8,
}

impl RawNode for Ticker {
    fn receive(&mut self, _now: Time, _from: SocketAddr, _datagram: &Bytes, _outbox: &mut Outbox) {}

    fn wake(&mut self, now: Time, outbox: &mut Outbox) {
        assert_eq!(now, self.next, "woken when it asked to be");
        outbox.send(self.to, vec![self.said]);
        self.said = self.said.wrapping_add(1);
        self.next += 10 * MS;
    }

    fn next_wake(&self) -> Option<Time> {
        Some(self.next)
    }
}

fn ticking(seed: u64) -> (Network, NodeId, NodeId) {
    let mut network = Network::new(seed);
    let mailbox = network.add_raw(Mailbox::default());
    let next = network.now() + 10 * MS;
    let ticker = network.add_raw(Ticker {
        to: network.address(mailbox),
        next,
        said: 0,
    });
    (network, ticker, mailbox)
}

fn heard(network: &Network, mailbox: NodeId) -> Vec<u8> {
    network
        .raw::<Mailbox>(mailbox)
        .received
        .iter()
        .map(|(_, _, datagram)| datagram[0])
        .collect()
}

#[test]
fn datagrams_take_the_time_of_their_link() {
    let (mut network, ticker, mailbox) = ticking(1);
    let start = network.now();
    network.run_for(100 * MS);
    assert_eq!(network.now(), start + 100 * MS);
    let received = &network.raw::<Mailbox>(mailbox).received;
    assert_eq!(received.len(), 9);
    assert_eq!(received[0], (start + 20 * MS, network.address(ticker), vec![0].into()));
    assert_eq!(network.wakes(ticker), 10);
}

#[test]
fn a_partition_stops_what_is_sent_and_healing_lets_it_through_again() {
    let (mut network, ticker, mailbox) = ticking(1);
    network.run_for(25 * MS);
    network.partition(ticker, mailbox);
    network.run_for(30 * MS);
    network.heal(ticker, mailbox);
    network.run_for(45 * MS);
    assert_eq!(heard(&network, mailbox), [0, 1, 5, 6, 7, 8]);
    assert_eq!(network.link_statistics(ticker, mailbox).cut, 3);
}

#[test]
fn a_node_that_is_down_neither_sends_nor_receives() {
    let (mut network, ticker, mailbox) = ticking(1);
    network.set_down(mailbox, true);
    network.run_for(50 * MS);
    network.set_down(mailbox, false);
    network.set_down(ticker, true);
    network.run_for(50 * MS);
    assert!(heard(&network, mailbox).is_empty());
    assert_eq!(network.wakes(ticker), 10, "it goes on living");
}

#[test]
fn conditions_can_change_for_all_or_for_one_direction() {
    let (mut network, ticker, mailbox) = ticking(1);
    network.set_conditions(Conditions::default().loss(1.0));
    network.run_for(50 * MS);
    assert!(heard(&network, mailbox).is_empty());
    network.set_link(ticker, mailbox, Conditions::default());
    network.set_conditions(Conditions::default().loss(1.0));
    network.run_for(50 * MS);
    assert_eq!(heard(&network, mailbox), [5, 6, 7, 8, 9]);
}

#[test]
fn a_filter_picks_what_is_lost_and_a_tap_sees_it_all_the_same() {
    let (mut network, _, mailbox) = ticking(1);
    network.set_filter(|observed| observed.datagram[0] % 2 == 0);
    network.record();
    network.run_for(100 * MS);
    assert_eq!(heard(&network, mailbox), [0, 2, 4, 6, 8]);
    assert_eq!(network.trace().len(), 10);
}

#[test]
fn what_is_injected_arrives_at_once_and_from_anywhere() {
    let (mut network, _, mailbox) = ticking(1);
    let nowhere: SocketAddr = "203.0.113.5:9".parse().unwrap();
    network.inject(nowhere, mailbox, "hello");
    assert_eq!(
        network.raw::<Mailbox>(mailbox).received,
        [(network.now(), nowhere, "hello".into())]
    );
}

#[test]
fn a_removed_node_is_no_more() {
    let (mut network, ticker, mailbox) = ticking(1);
    network.run_for(25 * MS);
    network.remove(ticker);
    network.run_for(100 * MS);
    assert_eq!(heard(&network, mailbox), [0, 1]);
}

#[test]
fn running_until_something_holds_stops_there() {
    let (mut network, _, mailbox) = ticking(1);
    let start = network.now();
    assert!(network.run_until(1000 * MS, |network| heard(network, mailbox).len() == 3));
    assert_eq!(network.now(), start + 40 * MS);
    assert!(!network.run_until(5 * MS, |_| false));
    assert_eq!(network.now(), start + 45 * MS);
}

#[test]
fn equal_seeds_give_equal_runs() {
    let run = |seed| {
        let (mut network, ticker, mailbox) = ticking(seed);
        network.set_link(
            ticker,
            mailbox,
            Conditions::default()
                .loss(0.3)
                .delay(5 * MS)
                .jitter(20 * MS)
                .duplication(0.2),
        );
        network.run_for(2000 * MS);
        network.raw::<Mailbox>(mailbox).received.clone()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// Asks to be woken at once, for ever.
struct Spinner;

impl RawNode for Spinner {
    fn receive(&mut self, _now: Time, _from: SocketAddr, _datagram: &Bytes, _outbox: &mut Outbox) {}

    fn next_wake(&self) -> Option<Time> {
        Some(Time::ZERO)
    }
}

#[test]
#[should_panic(expected = "spins")]
fn a_timer_that_spins_is_found_out() {
    let mut network = Network::new(1);
    network.add_raw(Spinner);
    network.run_for(MS);
}
