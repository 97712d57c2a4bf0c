//! Attacks by asking for connections.

use std::collections::HashMap;
use std::io;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_sim::wire::{Body, CONTROL, Command, Datagram, NO_PEER};
use netem::Random;

use super::context::{Context, Outcome, wait_until};
use crate::pace::Pace;
use crate::puppet::connect;
use crate::sockets::{self, Sent};

/// CONNECTs a second.
const FLOOD: f64 = 50_000.0;

/// How long a server that answers may take.
const BLINK: Duration = Duration::from_millis(200);

pub(super) fn flood(context: &Context<'_>, ports: usize) -> io::Result<Outcome> {
    let sockets = sockets::many(context.target, ports)?;
    let mut random = Random::new(1);
    let start = Instant::now();
    let mut pace = Pace::new(FLOOD, context.scale.seconds(10));
    let mut sent = Sent::default();
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let id = random.next_u64();
            let socket = &sockets[random.below(sockets.len() as u64) as usize];
            sent.send(socket, &connect_datagram((id >> 32) as u16 & 0x7FF, id as u32));
        }
    }
    let rate = sent.datagrams as f64 / start.elapsed().as_secs_f64();
    // What is the attackers' fault is no fault of the server, but then it has not been attacked as it should.
    Ok(Outcome::new(format!("{rate:.0} CONNECTs a second: {sent}")).at_least(
        "CONNECTs a second",
        rate.round(),
        FLOOD * 0.9,
        "",
    ))
}

pub(super) fn amplification(context: &Context<'_>) -> io::Result<Outcome> {
    let sockets = sockets::many(context.target, 10)?;
    let mut sent = 0;
    for (id, socket) in sockets.iter().enumerate() {
        sent += send_connect(socket, 0, 0xA000 + id as u32);
    }
    let end = Instant::now() + context.scale.seconds(30);
    let mut received = 0;
    let mut buffer = [0; 4096];
    while Instant::now() < end {
        for socket in &sockets {
            while let Ok(length) = socket.recv(&mut buffer) {
                received += length;
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    let factor = received as f64 / sent as f64;
    Ok(Outcome::new(format!("{received} bytes back for {sent}")).at_most("bytes back for each", factor, 1.0, ""))
}

pub(super) fn blind_proof(context: &Context<'_>) -> io::Result<Outcome> {
    const ATTEMPTS: usize = 10;
    let sockets = sockets::many(context.target, ATTEMPTS)?;
    let data = Command::reliable(0, 1, Body::Reliable("blind".into()));
    let mut connected = 0;
    let mut random = Random::new(5);
    for (id, socket) in sockets.iter().enumerate() {
        send_connect(socket, id as u16, 0xB000 + id as u32);
        // It cannot read what comes, but will wait until it is there.
        wait_until(BLINK, || socket.peek(&mut [0; 1]).is_ok());
        for peer_id in 0..64 {
            // All it knows is how C ENet numbers its commands and counts its ids, and that this crate draws the number, the
            // time and the session at random.
            let known = [(0, 1, 0)].into_iter();
            let drawn = (0..16).map(|guess| (guess & 3, random.next_u64() as u16, random.next_u64() as u16));
            for (session, number, time) in known.chain(drawn) {
                let ack = Command::acknowledgement(CONTROL, number, time);
                let datagram = Datagram::to(peer_id, session).sent_at(1).with(ack).with(data.clone());
                sockets::send(socket, &datagram.encode());
            }
        }
        connected += usize::from(wait_until(BLINK, || took_data(socket)));
    }
    let text = format!("{connected} of {ATTEMPTS} connected blindly");
    Ok(Outcome::new(text).at_most("connected blindly", connected as f64, 0.0, ""))
}

/// Whether the server has acknowledged or answered data sent on channel 0.
fn took_data(socket: &UdpSocket) -> bool {
    let mut took = false;
    receive(socket, |datagram| {
        took |= datagram.commands.iter().any(|command| command.channel == 0);
    });
    took
}

pub(super) fn silence(context: &Context<'_>) -> io::Result<Outcome> {
    let wanted = context.scale.count(3000);
    let socket = sockets::one(context.target, 0)?;
    let mut proven: HashMap<u32, u16> = HashMap::new();
    // Honestly asking, each again until it has its answer, for a while.
    let end = Instant::now() + context.scale.seconds(10).max(Duration::from_secs(3));
    while proven.len() < wanted && Instant::now() < end {
        let missing: Vec<u32> = (0..wanted as u32).filter(|id| !proven.contains_key(id)).collect();
        for ids in missing.chunks(50) {
            for id in ids {
                send_connect(&socket, *id as u16, *id);
            }
            thread::sleep(Duration::from_millis(2));
            prove(&socket, &mut proven);
        }
    }
    let silent_since = Instant::now();
    let mut last_heard = silent_since;
    // Whoever has given all of them up says nothing more.
    while last_heard.elapsed() < Duration::from_secs(5) && silent_since.elapsed() < Duration::from_secs(45) {
        let mut heard = false;
        receive(&socket, |_| heard = true);
        if heard {
            last_heard = Instant::now();
        }
        thread::sleep(Duration::from_millis(10));
    }
    let freed = (last_heard - silent_since).as_secs_f64();
    let count = proven.len();
    let text = format!("{count} of {wanted} let in, the last word to them after {freed:.1} s");
    Ok(Outcome::new(text).at_most("given up after", freed, 6.5, "s"))
}

/// Acknowledges the VERIFYs that have come.
fn prove(socket: &UdpSocket, proven: &mut HashMap<u32, u16>) {
    let mut acks = Vec::new();
    receive(socket, |datagram| {
        for command in &datagram.commands {
            if let (Body::Verify(verify), Some(time)) = (&command.body, datagram.sent_time) {
                proven.insert(verify.connect_id, verify.peer_id);
                let ack = Command::acknowledgement(CONTROL, command.number, time);
                acks.push(Datagram::to(verify.peer_id, verify.outgoing_session).with(ack).encode());
            }
        }
    });
    for ack in acks {
        sockets::send(socket, &ack);
    }
}

fn send_connect(socket: &UdpSocket, peer_id: u16, connect_id: u32) -> usize {
    let datagram = connect_datagram(peer_id, connect_id);
    sockets::send(socket, &datagram);
    datagram.len()
}

fn connect_datagram(peer_id: u16, connect_id: u32) -> Bytes {
    let mut datagram = Datagram::to(NO_PEER, 0).sent_at(1);
    datagram.commands = connect(peer_id, connect_id, 2);
    datagram.encode()
}

fn receive(socket: &UdpSocket, mut each: impl FnMut(Datagram)) {
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer) {
        if let Some(datagram) = Datagram::parse(&Bytes::copy_from_slice(&buffer[..length])) {
            each(datagram);
        }
    }
}
