//! Watching the wire.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use enet_proto::Time;

use crate::wire::{Body, Datagram};

/// Where on its way a datagram was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It left its sender; it may still be lost.
    Sent,
    /// It reached its receiver.
    Arrived,
}

/// A datagram as a tap sees it.
#[derive(Debug)]
pub struct Observed<'a> {
    /// When.
    pub now: Time,
    /// Where on its way.
    pub stage: Stage,
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// Its bytes.
    pub datagram: &'a Bytes,
}

/// A datagram of a recorded run, as it left its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// When.
    pub at: Time,
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// Its bytes.
    pub datagram: Bytes,
}

/// Counts the payload bytes of reliable data that one host has sent to another and had no acknowledgement for.
///
/// Feed it everything a tap sees. It reads the bytes on the wire, so it cannot be fooled by what a host believes.
#[derive(Debug)]
pub struct InFlight {
    sender: SocketAddr,
    receiver: SocketAddr,
    unacknowledged: HashMap<(u8, u16), usize>,
    bytes: usize,
    most: usize,
    /// The most since it was last asked for, counted when something was sent for the first time.
    fresh: Option<usize>,
}

impl InFlight {
    /// Watches the reliable data from `sender` to `receiver`.
    #[must_use]
    pub fn new(sender: SocketAddr, receiver: SocketAddr) -> InFlight {
        InFlight {
            sender,
            receiver,
            unacknowledged: HashMap::new(),
            bytes: 0,
            most: 0,
            fresh: None,
        }
    }

    /// Takes note of a datagram.
    pub fn observe(&mut self, observed: &Observed<'_>) {
        let outward = (observed.from, observed.to) == (self.sender, self.receiver) && observed.stage == Stage::Sent;
        let back = (observed.to, observed.from) == (self.sender, self.receiver) && observed.stage == Stage::Arrived;
        if !outward && !back {
            return;
        }
        for command in Datagram::parse(observed.datagram)
            .into_iter()
            .flat_map(|datagram| datagram.commands)
        {
            if outward && command.is_reliable_data() {
                let length = command.payload().map_or(0, Bytes::len);
                if self
                    .unacknowledged
                    .insert((command.channel, command.number), length)
                    .is_none()
                {
                    self.bytes += length;
                    self.most = self.most.max(self.bytes);
                    self.fresh = self.fresh.max(Some(self.bytes));
                }
            }
            if let (true, Body::Acknowledge { number, .. }) = (back, &command.body) {
                self.bytes -= self.unacknowledged.remove(&(command.channel, *number)).unwrap_or(0);
            }
        }
    }

    /// Bytes in flight now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The most bytes that were in flight right after something new was sent, since the last call; `None` if nothing was.
    pub fn take_fresh(&mut self) -> Option<usize> {
        self.fresh.take()
    }

    /// The most bytes that were in flight.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }
}
