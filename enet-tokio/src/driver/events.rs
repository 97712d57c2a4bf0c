//! The event style: events that wait for [`EventEndpoint`](crate::EventEndpoint).

use std::collections::VecDeque;
use std::task::Waker;

use enet_proto::{Event, Host};

use super::compact::compact;
use super::waiters::Waiters;
use crate::config::Config;

/// A bounded queue of events. What does not fit stays in the protocol, which bounds it for each peer.
#[derive(Debug)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    bytes: usize,
    pub(crate) waiting: Waiters,
    queue_packets: usize,
    queue_bytes: usize,
}

impl Events {
    pub(crate) fn new(config: &Config) -> Events {
        Events {
            queue: VecDeque::new(),
            bytes: 0,
            waiting: Waiters::default(),
            queue_packets: config.receive_queue_packets.max(1),
            queue_bytes: config.receive_queue_bytes.max(1),
        }
    }

    /// The next event, from the queue or else from the protocol.
    pub(crate) fn next(&mut self, host: &mut Host) -> Option<Event> {
        let Some(event) = self.queue.pop_front() else {
            return host.poll_event();
        };
        self.bytes -= size(&event);
        Some(event)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.queue_packets || self.bytes >= self.queue_bytes
    }

    pub(crate) fn push(&mut self, event: Event, woken: &mut Vec<Waker>) {
        self.bytes += size(&event);
        self.queue.push_back(event);
        self.waiting.wake(woken);
        if self.is_full() {
            for event in &mut self.queue {
                if let Event::Received { packet, .. } = event {
                    compact(packet);
                }
            }
        }
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Received { packet, .. } => packet.data.len(),
        Event::Connected { .. } | Event::Disconnected { .. } => 0,
    }
}
