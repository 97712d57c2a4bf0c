//! The receiving side of a channel: what came, put in order.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Numbers;
use super::inbox::{Delivery, ITEM_COST, Inbox};
use super::reassembly::{Assembly, Joined};
use super::sequence::{Arrival, Position};
use crate::packet::Packet;
use crate::wire::Fragment;

/// What to do with the command that was handed in, and with the rest of its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Done: delivered or kept.
    Yes,
    /// Done before: a duplicate.
    Again,
    /// Not acceptable: no acknowledgement, and the datagram ends here.
    Refused,
    /// Not acceptable now: too much waits already.
    Full,
    /// Not acceptable now: too many packets are being put together.
    TooManyIncomplete,
}

/// A packet or what is there of it, waiting for its turn.
#[derive(Debug)]
enum Waiting {
    /// All of it, and how many reliable numbers it takes.
    Whole {
        data: Bytes,
        count: u32,
    },
    Parts(Box<Assembly>),
}

impl Waiting {
    fn charged(&self) -> usize {
        match self {
            Waiting::Whole { data, .. } => data.len() + ITEM_COST,
            Waiting::Parts(assembly) => assembly.charged(),
        }
    }

    /// Gives back what it was charged for, as it does not wait any more.
    fn release(&self, inbox: &mut Inbox) {
        inbox.release(self.charged());
        if let Waiting::Parts(_) = self {
            inbox.finish();
        }
    }
}

/// An unreliable packet's place: the reliable packet it follows, then its own number.
type UnreliablePlace = (Position, u16);

/// The receiving side of one channel.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The last reliable number delivered.
    reliable: Position,
    /// The last unreliable number delivered since.
    unreliable: u16,
    early_reliable: BTreeMap<Position, Waiting>,
    early_unreliable: BTreeMap<UnreliablePlace, (Waiting, bool)>,
    /// How many of those were looked at when a reliable packet let them go.
    #[cfg(test)]
    looked_at: usize,
}

impl Incoming {
    /// The numbers delivered last.
    pub(crate) fn latest(&self) -> Numbers {
        Numbers {
            reliable: self.reliable,
            unreliable: self.unreliable,
        }
    }

    /// Takes up the numbers where another one, in which nothing waits any more, left off.
    pub(crate) fn go_on_after(&mut self, latest: Numbers) {
        self.reliable = latest.reliable;
        self.unreliable = latest.unreliable;
    }

    /// Whether nothing waits.
    pub(crate) fn is_quiet(&self) -> bool {
        self.early_reliable.is_empty() && self.early_unreliable.is_empty()
    }

    /// Takes a `SEND_RELIABLE`.
    pub(crate) fn reliable(&mut self, sequence: u16, data: Bytes, delivery: &mut Delivery<'_>) -> Taken {
        let Arrival::Ahead(position) = self.reliable.classify(sequence) else {
            return Taken::Again;
        };
        if self.early_reliable.contains_key(&position) {
            return Taken::Again;
        }
        if !self.has_room(position, delivery) {
            return Taken::Full;
        }
        if position == self.reliable + 1 {
            self.deliver_reliable(1, Packet::reliable(data).borrowed(), delivery);
            self.release_followers(delivery);
        } else {
            // What waits is copied, so that it does not hold on to the buffer it was received in.
            let waiting = Waiting::Whole {
                data: Bytes::copy_from_slice(&data),
                count: 1,
            };
            delivery.inbox.charge(waiting.charged());
            self.early_reliable.insert(position, waiting);
        }
        Taken::Yes
    }

    /// Takes a `SEND_FRAGMENT` with the bytes `data`.
    pub(crate) fn reliable_fragment(&mut self, fragment: &Fragment, data: &[u8], delivery: &mut Delivery<'_>) -> Taken {
        let Arrival::Ahead(position) = self.reliable.classify(fragment.start_sequence) else {
            return Taken::Again;
        };
        let has_room = self.has_room(position, delivery);
        let is_next = position == self.reliable + 1;
        let (joined, count) = match self.early_reliable.entry(position) {
            std::collections::btree_map::Entry::Occupied(mut entry) => match entry.get_mut() {
                Waiting::Parts(assembly) => (join(assembly, fragment, data, is_next, delivery), assembly.count()),
                // Complete already, unless the sender contradicts itself.
                Waiting::Whole { count, .. } if *count == fragment.count => return Taken::Again,
                Waiting::Whole { .. } => return Taken::Refused,
            },
            std::collections::btree_map::Entry::Vacant(entry) => {
                let mut assembly = match begin(fragment, has_room, is_next, delivery) {
                    Ok(assembly) => assembly,
                    Err(refusal) => return refusal,
                };
                let joined = join(&mut assembly, fragment, data, is_next, delivery);
                let count = assembly.count();
                entry.insert(Waiting::Parts(assembly));
                (joined, count)
            }
        };
        match joined {
            None => Taken::Full,
            Some(Joined::Mismatch) => Taken::Refused,
            Some(Joined::Incomplete) => Taken::Yes,
            Some(Joined::Again) => Taken::Again,
            Some(Joined::Complete(packet)) => {
                self.complete_reliable(position, count, packet, delivery);
                Taken::Yes
            }
        }
    }

    /// Takes a `SEND_UNRELIABLE` that follows the reliable number `after`.
    pub(crate) fn unreliable(&mut self, after: u16, number: u16, data: Bytes, delivery: &mut Delivery<'_>) -> Taken {
        let position = match self.reliable.classify(after) {
            Arrival::Current => {
                if number > self.unreliable {
                    if !delivery.inbox.has_room() {
                        return Taken::Full;
                    }
                    self.deliver_unreliable(number, Packet::unreliable(data).borrowed(), delivery);
                }
                return Taken::Yes;
            }
            Arrival::Ahead(position) => position,
            Arrival::TooEarly | Arrival::Behind => return Taken::Yes,
        };
        if !delivery.inbox.has_room() {
            return Taken::Full;
        }
        if let std::collections::btree_map::Entry::Vacant(entry) = self.early_unreliable.entry((position, number)) {
            let waiting = Waiting::Whole {
                data: Bytes::copy_from_slice(&data),
                count: 1,
            };
            delivery.inbox.charge(waiting.charged());
            entry.insert((waiting, false));
        }
        Taken::Yes
    }

    /// Takes a `SEND_UNRELIABLE_FRAGMENT` that follows the reliable number `after`.
    pub(crate) fn unreliable_fragment(
        &mut self,
        after: u16,
        fragment: &Fragment,
        data: &[u8],
        delivery: &mut Delivery<'_>,
    ) -> Taken {
        let number = fragment.start_sequence;
        let (position, current) = match self.reliable.classify(after) {
            Arrival::Current if number <= self.unreliable => return Taken::Yes,
            Arrival::Current => (self.reliable, true),
            Arrival::Ahead(position) => (position, false),
            Arrival::TooEarly | Arrival::Behind => return Taken::Yes,
        };
        let place = (position, number);
        let joined = match self.early_unreliable.entry(place) {
            std::collections::btree_map::Entry::Occupied(mut entry) => match &mut entry.get_mut().0 {
                Waiting::Parts(assembly) => join(assembly, fragment, data, false, delivery),
                // Complete already and waiting, or a whole packet with the same number.
                Waiting::Whole { .. } => return Taken::Yes,
            },
            std::collections::btree_map::Entry::Vacant(entry) => {
                let has_room = delivery.inbox.has_room();
                let mut assembly = match begin(fragment, has_room, false, delivery) {
                    Ok(assembly) => assembly,
                    Err(refusal) => return refusal,
                };
                let joined = join(&mut assembly, fragment, data, false, delivery);
                entry.insert((Waiting::Parts(assembly), true));
                joined
            }
        };
        match joined {
            None => Taken::Full,
            Some(Joined::Mismatch) => Taken::Refused,
            Some(Joined::Incomplete) => Taken::Yes,
            Some(Joined::Again) => Taken::Again,
            Some(Joined::Complete(packet)) => {
                self.remove_unreliable(place, delivery);
                if current {
                    self.deliver_unreliable(number, Packet::unreliable(packet).with_unreliable_fragments(), delivery);
                } else {
                    let waiting = Waiting::Whole { data: packet, count: 1 };
                    delivery.inbox.charge(waiting.charged());
                    self.early_unreliable.insert(place, (waiting, true));
                }
                Taken::Yes
            }
        }
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self, inbox: &mut Inbox) {
        let reliable = std::mem::take(&mut self.early_reliable);
        let unreliable = std::mem::take(&mut self.early_unreliable);
        for waiting in reliable.values().chain(unreliable.values().map(|(waiting, _)| waiting)) {
            waiting.release(inbox);
        }
    }

    /// Whether there is room for another reliable packet. For the one that the others wait for there is always some, or they
    /// would wait for ever.
    fn has_room(&self, position: Position, delivery: &Delivery<'_>) -> bool {
        let next = position == self.reliable + 1;
        delivery.inbox.has_room() || next && delivery.inbox.passes_on()
    }

    fn complete_reliable(&mut self, position: Position, count: u32, packet: Bytes, delivery: &mut Delivery<'_>) {
        self.remove_reliable(position, delivery);
        if position == self.reliable + 1 {
            self.deliver_reliable(count, Packet::reliable(packet), delivery);
            self.release_followers(delivery);
        } else {
            let waiting = Waiting::Whole { data: packet, count };
            delivery.inbox.charge(waiting.charged());
            self.early_reliable.insert(position, waiting);
        }
    }

    fn deliver_reliable(&mut self, count: u32, packet: Packet, delivery: &mut Delivery<'_>) {
        delivery.deliver(packet);
        self.reliable += u64::from(count);
        self.unreliable = 0;
    }

    fn deliver_unreliable(&mut self, number: u16, packet: Packet, delivery: &mut Delivery<'_>) {
        delivery.deliver(packet);
        self.unreliable = number;
        self.drop_unreliable_before(delivery);
    }

    /// After a reliable delivery: everything that only waited for it, in order.
    fn release_followers(&mut self, delivery: &mut Delivery<'_>) {
        self.release_unreliable(delivery);
        while let Some(entry) = self.early_reliable.first_entry() {
            let position = *entry.key();
            if position > self.reliable + 1 {
                return;
            }
            if position <= self.reliable {
                // Numbers that a fragmented packet before it took as well: the sender contradicts itself.
                entry.remove().release(delivery.inbox);
                continue;
            }
            let Waiting::Whole { data, count } = entry.get() else {
                return;
            };
            let (data, count) = (data.clone(), *count);
            entry.remove().release(delivery.inbox);
            self.deliver_reliable(count, Packet::reliable(data), delivery);
            self.release_unreliable(delivery);
        }
    }

    /// The unreliable packets that waited for the reliable one just delivered.
    fn release_unreliable(&mut self, delivery: &mut Delivery<'_>) {
        if self.early_unreliable.is_empty() {
            return;
        }
        let mut ready = Vec::new();
        let current = (self.reliable, 0)..=(self.reliable, u16::MAX);
        for (&(_, number), (waiting, fragments)) in self.early_unreliable.range(current) {
            #[cfg(test)]
            {
                self.looked_at += 1;
            }
            if let Waiting::Whole { data, .. } = waiting {
                let mut packet = Packet::unreliable(data.clone());
                packet.unreliable_fragments = *fragments;
                ready.push((number, packet));
            }
        }
        for (number, packet) in ready {
            self.deliver_unreliable(number, packet, delivery);
        }
        self.drop_unreliable_before(delivery);
    }

    /// Unreliable packets that can never be delivered any more.
    fn drop_unreliable_before(&mut self, delivery: &mut Delivery<'_>) {
        while let Some(entry) = self.early_unreliable.first_entry() {
            if *entry.key() > (self.reliable, self.unreliable) {
                return;
            }
            entry.remove().0.release(delivery.inbox);
        }
    }

    fn remove_reliable(&mut self, position: Position, delivery: &mut Delivery<'_>) {
        if let Some(waiting) = self.early_reliable.remove(&position) {
            waiting.release(delivery.inbox);
        }
    }

    fn remove_unreliable(&mut self, place: UnreliablePlace, delivery: &mut Delivery<'_>) {
        if let Some((waiting, _)) = self.early_unreliable.remove(&place) {
            waiting.release(delivery.inbox);
        }
    }
}

/// A new assembly, charged, if there is room for one and the fragment fits a packet. The one that the others wait for may always
/// begin.
fn begin(
    fragment: &Fragment,
    has_room: bool,
    is_next: bool,
    delivery: &mut Delivery<'_>,
) -> Result<Box<Assembly>, Taken> {
    if !has_room {
        return Err(Taken::Full);
    }
    if !is_next && !delivery.inbox.may_begin() {
        return Err(Taken::TooManyIncomplete);
    }
    let assembly = Assembly::new(fragment).ok_or(Taken::Refused)?;
    delivery.inbox.begin();
    delivery.inbox.charge(assembly.charged());
    Ok(Box::new(assembly))
}

/// Joins and charges; `None` if there is no room.
fn join(
    assembly: &mut Assembly,
    fragment: &Fragment,
    data: &[u8],
    is_next: bool,
    delivery: &mut Delivery<'_>,
) -> Option<Joined> {
    let before = assembly.charged();
    let growth = delivery.inbox.may_grow(before, is_next)?;
    let joined = assembly.join(fragment, data, growth);
    delivery.inbox.release(before);
    delivery.inbox.charge(assembly.charged());
    Some(joined)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::config::HostConfig;
    use crate::host::PeerHandle;
    use crate::packet::KeptBuffers;

    fn fragment(start: u16, count: u32, total: u32) -> Fragment {
        Fragment {
            start_sequence: start,
            count,
            number: 0,
            total_length: total,
            offset: 0,
            payload: 0..1,
        }
    }

    /// A packet of `stale` numbers, each of which was also sent as a packet of its own; unreliable packets that lack a part
    /// follow it. How many of those are looked at when it is complete.
    fn looked_at(stale: u16, incomplete: u16) -> usize {
        let mut inbox = Inbox::new();
        inbox.allow(usize::MAX, usize::MAX, &HostConfig::default());
        let mut events = VecDeque::new();
        let delivery = &mut Delivery {
            inbox: &mut inbox,
            events: &mut events,
            kept: &mut KeptBuffers::new(),
            peer: PeerHandle::default(),
            channel: 0,
        };
        let mut incoming = Incoming::default();
        for number in 1..=incomplete {
            let taken = incoming.unreliable_fragment(stale, &fragment(number, 2, 2), &[0], delivery);
            assert_eq!(taken, Taken::Yes);
        }
        for number in 2..=stale {
            assert_eq!(incoming.reliable(number, Bytes::new(), delivery), Taken::Yes);
        }
        for number in 0..u32::from(stale) {
            let part = Fragment {
                number,
                offset: number,
                ..fragment(1, u32::from(stale), u32::from(stale))
            };
            assert_eq!(incoming.reliable_fragment(&part, &[0], delivery), Taken::Yes);
        }
        assert_eq!(delivery.events.len(), 1);
        assert_eq!(incoming.early_reliable.len(), 0, "what the packet covers is dropped");
        incoming.looked_at
    }

    #[test]
    fn unreliable_packets_are_looked_at_once_however_many_stale_ones_are_dropped() {
        assert_eq!(looked_at(2, 500), 500);
        assert_eq!(looked_at(1000, 500), 500);
    }
}
