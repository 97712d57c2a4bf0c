//! ENet on a blocking socket of the standard library, without tokio.
//!
//! `cargo run --example std_loop -- serve 127.0.0.1:7777` sends every packet back; `… -- ask 127.0.0.1:7777` sends one and prints
//! the answer.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_proto::{Event, Host, HostConfig, Packet, Time};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, address] = &arguments[..] else {
        return Err("say `serve ADDRESS` or `ask ADDRESS`".into());
    };
    let (address, asks): (SocketAddr, bool) = (address.parse()?, role == "ask");
    let socket = UdpSocket::bind(if asks { "0.0.0.0:0".parse()? } else { address })?;
    println!("listening on {}", socket.local_addr()?);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut host = Host::new(HostConfig::default(), seed, Time::ZERO);
    if asks {
        host.connect(address, 1, 0)?;
    }
    let start = Instant::now();
    loop {
        match next_event(&mut host, &socket, start)? {
            Event::Connected { peer, .. } if asks => {
                let mut peer = host.peer_mut(peer).ok_or("it has left")?;
                peer.send(0, Packet::reliable("hello"))?;
            }
            Event::Received { peer, packet, .. } if asks => {
                println!("{}", String::from_utf8_lossy(&packet.data));
                host.peer_mut(peer).ok_or("it has left")?.disconnect_later(0);
            }
            Event::Disconnected { reason, .. } if asks => {
                println!("{reason}");
                return Ok(());
            }
            Event::Connected { .. } => println!("somebody came"),
            Event::Received { peer, channel, packet } => {
                if let Some(mut peer) = host.peer_mut(peer) {
                    peer.send(channel, packet)?;
                }
            }
            Event::Disconnected { reason, .. } => println!("somebody left: {reason}"),
        }
    }
}

/// Lends the host the socket and a clock until something has happened.
fn next_event(host: &mut Host, socket: &UdpSocket, start: Instant) -> io::Result<Event> {
    let (mut datagram, mut outgoing) = ([0; 65536], Vec::new());
    loop {
        let now = Time::ZERO + start.elapsed();
        host.handle_timeout(now);
        while let Some(transmit) = host.poll_transmit(now, 1, &mut outgoing) {
            // What the socket does not take is lost, like any datagram, and sent again.
            let _ = socket.send_to(&outgoing, transmit.destination);
        }
        if let Some(event) = host.poll_event() {
            return Ok(event);
        }
        let wait = host.poll_timeout().map(|at| at.saturating_since(now));
        socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        match socket.recv_from(&mut datagram) {
            Ok((length, from)) => {
                let now = Time::ZERO + start.elapsed();
                host.handle_datagram(now, from, Bytes::copy_from_slice(&datagram[..length]));
            }
            // Nothing came in that time; or an earlier datagram found nobody.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused) => {}
            Err(error) => return Err(error),
        }
    }
}
