//! A host of the C library on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::event::Event;
use super::host::{Flags, Host, Options, Peer};
use crate::driver::{self, Serve};

/// A host of the C library that is served all the time.
pub type Driver = driver::Driver<Host>;

impl Serve for Host {
    type Event = Event;

    fn serve(&mut self) -> Option<Event> {
        self.service(Duration::from_millis(1))
    }
}

impl Driver {
    /// Makes a host and serves it.
    pub fn start(options: Options) -> io::Result<Driver> {
        Ok(Driver::of(Host::new(options)?))
    }

    /// Where it can be reached on loopback.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.with(|host| host.local_addr())
    }

    /// Begins a connection.
    ///
    /// # Panics
    /// If no slot is free.
    #[track_caller]
    pub fn connect(&self, to: SocketAddr, channels: usize, data: u32) -> Peer {
        self.with(move |host| host.connect(to, channels, data))
            .expect("a free slot")
    }

    /// Queues and flushes a packet; whether the library took it.
    pub fn send(&self, peer: Peer, channel: u8, data: impl Into<Vec<u8>>, flags: Flags) -> bool {
        let data = data.into();
        self.with(move |host| {
            let taken = host.send(peer, channel, &data, flags);
            host.flush();
            taken
        })
    }

    /// Waits for a connection; its peer and the data it came with.
    #[track_caller]
    pub fn connected(&mut self) -> (Peer, u32) {
        match self.expect("connection", |event| matches!(event, Event::Connected { .. })) {
            Event::Connected { peer, data } => (peer, data),
            _ => unreachable!("just matched"),
        }
    }

    /// Waits until a peer has gone; the data of its notice.
    #[track_caller]
    pub fn disconnected(&mut self, peer: Peer) -> u32 {
        let gone = |event: &Event| matches!(event, Event::Disconnected { peer: who, .. } if *who == peer);
        match self.expect("disconnection", gone) {
            Event::Disconnected { data, .. } => data,
            _ => unreachable!("just matched"),
        }
    }
}
