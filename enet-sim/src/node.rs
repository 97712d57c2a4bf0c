//! Nodes that are not hosts: hand-written peers.

use std::any::Any;
use std::net::SocketAddr;

use bytes::Bytes;
use enet_proto::Time;

/// A node that is driven by bytes and time like a host, but written by hand.
pub trait RawNode: Any {
    /// A datagram arrived.
    fn receive(&mut self, now: Time, from: SocketAddr, datagram: &Bytes, outbox: &mut Outbox);

    /// The time that [`next_wake`](RawNode::next_wake) asked for has come.
    fn wake(&mut self, _now: Time, _outbox: &mut Outbox) {}

    /// When to call [`wake`](RawNode::wake) next.
    fn next_wake(&self) -> Option<Time> {
        None
    }
}

/// Where a raw node puts the datagrams it sends.
#[derive(Debug, Default)]
pub struct Outbox {
    pub(crate) datagrams: Vec<(SocketAddr, Bytes)>,
}

impl Outbox {
    /// Sends a datagram.
    pub fn send(&mut self, to: SocketAddr, datagram: impl Into<Bytes>) {
        self.datagrams.push((to, datagram.into()));
    }
}

/// A node that only keeps what it receives.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// What came, when, and from whom.
    pub received: Vec<(Time, SocketAddr, Bytes)>,
}

impl RawNode for Mailbox {
    fn receive(&mut self, now: Time, from: SocketAddr, datagram: &Bytes, _outbox: &mut Outbox) {
        self.received.push((now, from, datagram.clone()));
    }
}
