//! The event style: events that wait for [`EventEndpoint`](crate::EventEndpoint).

use std::collections::VecDeque;
use std::task::Waker;

use enet_proto::{Event, Host, KeptBuffers, PeerHandle};

use super::waiters::Waiters;
use crate::config::Config;

/// So many receive buffers may the packets of a queue keep: all together what it may hold by default.
const MOST_BUFFERS: usize = 64;

/// A bounded queue of events. What does not fit stays in the protocol, which bounds it for each peer.
#[derive(Debug)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    bytes: usize,
    /// How many of the first have been freed from the receive buffers.
    compacted: usize,
    /// The buffers of the others.
    kept: KeptBuffers,
    pub(crate) waiting: Waiters,
    /// Peers that have the room that was asked for.
    room: VecDeque<PeerHandle>,
    pub(crate) waiting_for_room: Waiters,
    queue_packets: usize,
    queue_bytes: usize,
}

impl Events {
    pub(crate) fn new(config: &Config) -> Events {
        Events {
            queue: VecDeque::new(),
            bytes: 0,
            compacted: 0,
            kept: KeptBuffers::new(),
            waiting: Waiters::default(),
            room: VecDeque::new(),
            waiting_for_room: Waiters::default(),
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
        self.compacted = self.compacted.saturating_sub(1);
        Some(event)
    }

    /// The next peer that has room.
    pub(crate) fn next_room(&mut self, host: &mut Host) -> Option<PeerHandle> {
        self.room.pop_front().or_else(|| host.poll_room())
    }

    /// Moves the peers that have room to where the program finds them.
    pub(crate) fn note_room(&mut self, host: &mut Host, woken: &mut Vec<Waker>) {
        while let Some(peer) = host.poll_room() {
            self.room.push_back(peer);
            self.waiting_for_room.wake(woken);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.queue_packets || self.bytes >= self.queue_bytes
    }

    pub(crate) fn push(&mut self, event: Event, woken: &mut Vec<Waker>) {
        self.bytes += size(&event);
        if self.queue.len() == self.compacted {
            self.kept = KeptBuffers::new();
        }
        let are_too_many = match &event {
            Event::Received { packet, .. } => self.kept.count_with(packet) > MOST_BUFFERS,
            Event::Connected { .. } | Event::Disconnected { .. } => false,
        };
        self.queue.push_back(event);
        self.waiting.wake(woken);
        if are_too_many || self.is_full() {
            for event in self.queue.range_mut(self.compacted..) {
                if let Event::Received { packet, .. } = event {
                    packet.detach();
                }
            }
            self.compacted = self.queue.len();
        }
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Received { packet, .. } => packet.data.len(),
        Event::Connected { .. } | Event::Disconnected { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use enet_proto::{HostConfig, Packet, PeerHandle, Time};

    use super::*;

    fn received(data: Bytes) -> Event {
        Event::Received {
            peer: PeerHandle::default(),
            channel: 0,
            packet: Packet::reliable(data).borrowed(),
        }
    }

    fn places(events: &Events) -> Vec<*const u8> {
        let place = |event: &Event| match event {
            Event::Received { packet, .. } => packet.data.as_ptr(),
            _ => unreachable!("only packets were pushed"),
        };
        events.queue.iter().map(place).collect()
    }

    /// How many of `count` buffers packets of a byte keep alive, of which each had so many.
    fn kept_by_small_packets(count: usize, each: usize) -> usize {
        let mut events = Events::new(&Config::default());
        let buffers: Vec<_> = (0..count).map(|_| Bytes::from(vec![1; 64 * 1024])).collect();
        for buffer in &buffers {
            for number in 0..each {
                events.push(received(buffer.slice(number..=number)), &mut Vec::new());
            }
        }
        buffers.iter().filter(|buffer| !buffer.is_unique()).count()
    }

    #[test]
    fn small_packets_that_wait_in_numbers_do_not_keep_their_buffers() {
        for count in 0..=200 {
            let kept = kept_by_small_packets(count, 3);
            assert!(kept <= 64, "{kept} of {count} buffers are kept");
        }
    }

    #[test]
    fn buffers_that_lie_side_by_side_are_not_taken_for_one() {
        let mut events = Events::new(&Config::default());
        let memory = Bytes::from(vec![1; 2000 * 4096]);
        for start in (0..memory.len()).step_by(4096) {
            events.push(received(memory.slice(start..=start)), &mut Vec::new());
        }
        let place = memory.as_ptr_range();
        let kept = places(&events).iter().filter(|at| place.contains(at)).count();
        assert!(
            kept * 4096 <= MOST_BUFFERS * 64 * 1024,
            "{kept} of 2000 datagrams are kept"
        );
    }

    #[test]
    fn packets_that_came_at_once_are_not_copied_however_many_they_are() {
        assert_eq!(kept_by_small_packets(60, 100), 60);
    }

    #[test]
    fn a_queue_that_is_filled_again_and_again_copies_each_packet_once() {
        let mut events = Events::new(&Config::default().with_receive_queue(4, usize::MAX));
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        let buffer = Bytes::from(vec![1; 60_000]);
        let borrowed = buffer.as_ptr_range();
        let slice = |number: usize| buffer.slice(number * 100..(number + 1) * 100);
        for number in 0..4 {
            events.push(received(slice(number)), &mut Vec::new());
        }
        for number in 4..40 {
            let before = places(&events);
            assert!(
                before.iter().all(|place| !borrowed.contains(place)),
                "the buffer is free"
            );
            assert!(events.next(&mut host).is_some());
            events.push(received(slice(number)), &mut Vec::new());
            assert_eq!(
                places(&events)[..3],
                before[1..],
                "those that were copied stay where they are"
            );
        }
    }
}
