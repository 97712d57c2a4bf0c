//! Windows above the 65536 bytes that stock hosts know.

use std::cell::RefCell;
use std::rc::Rc;

use enet_proto::{HostConfig, Packet, PeerHandle};
use enet_sim::wire::{Body, Command, Connect, Datagram};
use enet_sim::{Conditions, InFlight, Pair, Probe, Remote};

use crate::common::{address, config, ms, payload, secs};

/// The most reliable data that a client of these hosts has in flight while it sends far more than any window.
fn most_in_flight(client: HostConfig, server: HostConfig) -> (u32, usize) {
    let mut pair = Pair::with(1, client, server);
    pair.set_conditions(&Conditions::default().delay(ms(50)));
    let watch = InFlight::new(pair.network.address(pair.client), pair.network.address(pair.server));
    let watch = Rc::new(RefCell::new(watch));
    let tap = watch.clone();
    pair.network.tap(move |observed| tap.borrow_mut().observe(observed));
    // A window never shrinks by what the throttle makes of it.
    let to_server = pair.to_server;
    pair.network.with_host(pair.client, |host| {
        host.peer_mut(to_server).unwrap().configure_throttle(secs(5), 2, 0);
    });
    pair.client_sends(0, Packet::reliable(payload(1, 2_000_000))).unwrap();
    assert!(pair.run_until_quiet(secs(60)));
    let window = pair.network.host(pair.client).peer(to_server).unwrap().window();
    let there = pair.network.host(pair.server).peer(pair.to_client).unwrap().window();
    assert_eq!(window, there, "both sides agree");
    let most = watch.borrow().most();
    (window, most)
}

#[test]
fn two_hosts_of_this_crate_agree_on_a_larger_window_and_fill_it() {
    let (window, most) = most_in_flight(HostConfig::default(), HostConfig::default());
    assert_eq!(window, 262_144);
    assert!(most <= 262_144 && most > 250_000, "{most} bytes in flight");
}

#[test]
fn the_smaller_of_two_windows_is_agreed_on_and_kept_to() {
    let small = config(|config| config.max_window = 100_000);
    for (client, server) in [(small.clone(), HostConfig::default()), (HostConfig::default(), small)] {
        let (window, most) = most_in_flight(client, server);
        assert_eq!(window, 100_000);
        assert!(most <= 100_000 && most > 90_000, "{most} bytes in flight");
    }
}

/// What the host has in flight to a peer that acknowledges nothing.
fn unacknowledged(probe: &mut Probe, peer: PeerHandle) -> usize {
    let sent = probe.act(|host| {
        let mut peer = host.peer_mut(peer).unwrap();
        peer.send(0, Packet::reliable(payload(1, 1_000_000))).unwrap();
    });
    let commands = sent.iter().flat_map(|sent| &sent.datagram.commands);
    commands
        .filter(|command| command.is_reliable_data())
        .map(|command| command.payload().unwrap().len())
        .sum()
}

#[test]
fn a_client_is_sent_no_more_than_it_offered_to_take() {
    for (offered, agreed) in [
        (4096, 65_536),
        (65_536, 65_536),
        (65_537, 65_537),
        (200_000, 200_000),
        (262_144, 262_144),
        (u32::MAX, 262_144),
    ] {
        let mut probe = Probe::new(HostConfig::default());
        let connect = Connect {
            window: offered,
            ..Connect::default()
        };
        let remote: Remote = probe.join(address(1), connect);
        assert_eq!(
            probe.host.peer(remote.peer).unwrap().window(),
            agreed,
            "offered {offered}"
        );
        let most = unacknowledged(&mut probe, remote.peer);
        assert!(
            most <= agreed as usize && most + 1400 > agreed as usize,
            "{most} of {agreed}"
        );
    }
}

#[test]
fn a_server_is_sent_no_more_than_it_answered() {
    for (answered, agreed) in [(4096, 4096), (65_536, 65_536), (100_000, 100_000), (u32::MAX, 262_144)] {
        let mut probe = Probe::new(HostConfig::default());
        let mut sent = probe.act(|host| {
            host.connect(address(1), 2, 0).unwrap();
        });
        let Body::Connect(connect) = sent.remove(0).datagram.commands.remove(0).body else {
            panic!("a CONNECT was expected")
        };
        assert_eq!(connect.window, 262_144);
        let verify = Connect {
            peer_id: 7,
            window: answered,
            incoming_session: 0,
            outgoing_session: 0,
            ..connect
        };
        let answer = Datagram::to(connect.peer_id, 0)
            .sent_at(probe.wire_time())
            .with(Command::control(1, Body::Verify(verify)));
        probe.receive(address(1), &answer);
        let (handle, peer) = probe.host.peers().next().unwrap();
        assert_eq!(peer.window(), agreed, "answered {answered}");
        let most = unacknowledged(&mut probe, handle);
        assert!(
            most <= agreed as usize && most + 1400 > agreed as usize,
            "{most} of {agreed}"
        );
    }
}
