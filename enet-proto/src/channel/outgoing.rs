//! The sending side of a channel: numbers for what leaves, and what is on its way.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Numbers;
use super::in_flight::{Acknowledged, InFlight, InFlightRing};
use super::sequence::{Position, WINDOW_COUNT, WINDOW_SIZE};

/// A receiver drops what is this many windows ahead of what it has delivered, so a sender does not begin a window while one so
/// far back holds an unacknowledged command (ENet's `ENET_PEER_FREE_RELIABLE_WINDOWS` of 8, less one).
const WINDOWS_AHEAD: u64 = 7;

/// A reliable packet that has its numbers and waits to leave, or of which the first fragments have left.
#[derive(Debug)]
pub(crate) struct QueuedReliable {
    pub(crate) channel: u8,
    /// The number of the packet, or of its first fragment.
    pub(crate) first: Position,
    pub(crate) data: Bytes,
    /// How many fragments; 1 for a packet that goes whole.
    pub(crate) count: u32,
    /// The fragment to send next.
    pub(crate) next: u32,
    /// Whether its bytes are counted in a ledger.
    pub(crate) charged: bool,
    /// Its place among everything queued for the peer.
    pub(crate) order: u64,
}

impl QueuedReliable {
    /// The number of what is to be sent next.
    pub(crate) fn position(&self) -> Position {
        self.first + u64::from(self.next)
    }
}

/// The sending side of one channel, or of the connection's own commands.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// The reliable number given last.
    reliable: Position,
    /// The unreliable number given last since.
    unreliable: u16,
    in_flight: InFlightRing,
    /// How many unacknowledged commands each reliable window holds.
    windows: [u16; WINDOW_COUNT],
    /// Packets held back because the receiver's windows do not reach so far yet.
    pub(crate) parked: VecDeque<QueuedReliable>,
}

impl Outgoing {
    pub(crate) const fn new() -> Outgoing {
        Outgoing {
            reliable: Position::START,
            unreliable: 0,
            in_flight: InFlightRing::new(),
            windows: [0; WINDOW_COUNT],
            parked: VecDeque::new(),
        }
    }

    /// The numbers given last.
    pub(crate) fn latest(&self) -> Numbers {
        Numbers {
            reliable: self.reliable,
            unreliable: self.unreliable,
        }
    }

    /// Takes up the numbers where another one, of which nothing is on its way any more, left off.
    pub(crate) fn go_on_after(&mut self, latest: Numbers) {
        self.reliable = latest.reliable;
        self.unreliable = latest.unreliable;
    }

    /// Whether nothing is on its way or held back.
    pub(crate) fn is_quiet(&self) -> bool {
        self.in_flight.oldest().is_none() && self.parked.is_empty()
    }

    /// Numbers for a reliable packet of `count` fragments: the first of them.
    pub(crate) fn number_reliable(&mut self, count: u32) -> Position {
        let first = self.reliable + 1;
        self.reliable += u64::from(count);
        self.unreliable = 0;
        first
    }

    /// The reliable number that the next unreliable packet follows, and its own; `None` if there is none left until the next
    /// reliable packet.
    pub(crate) fn number_unreliable(&mut self) -> Option<(u16, u16)> {
        self.unreliable = self.unreliable.checked_add(1)?;
        Some((self.reliable.wire(), self.unreliable))
    }

    /// Whether `position` may be sent for the first time now.
    pub(crate) fn may_send(&self, position: Position) -> bool {
        if !position.begins_window() {
            return true;
        }
        let window = position.window();
        let previous_full = window > 0 && u64::from(self.windows[slot(window - 1)]) >= WINDOW_SIZE;
        let lagging = self
            .in_flight
            .oldest()
            .is_some_and(|oldest| window - oldest.window() >= WINDOWS_AHEAD);
        !previous_full && !lagging
    }

    /// Notes a command as sent for the first time. Returns for how many more there is room now.
    pub(crate) fn sent(&mut self, position: Position, command: InFlight) -> usize {
        self.windows[slot(position.window())] += 1;
        self.in_flight.push(position, command)
    }

    /// Takes out the command an acknowledgement names, if it left at that time.
    pub(crate) fn acknowledge(&mut self, wire: u16, sent_time: u16) -> Option<Acknowledged> {
        let acknowledged = self.in_flight.acknowledge(wire, sent_time)?;
        let count = &mut self.windows[slot(acknowledged.position.window())];
        *count = count.saturating_sub(1);
        Some(acknowledged)
    }

    pub(crate) fn in_flight_mut(&mut self, position: Position) -> Option<&mut InFlight> {
        self.in_flight.get_mut(position)
    }

    pub(crate) fn in_flight(&self, position: Position) -> Option<&InFlight> {
        self.in_flight.get(position)
    }

    /// For how many commands on their way there is room.
    pub(crate) fn room(&self) -> usize {
        self.in_flight.room()
    }

    /// Gives back memory, if little of it is used. Returns for how many fewer commands there is room now.
    pub(crate) fn give_back(&mut self) -> usize {
        self.in_flight.give_back()
    }

    /// The same where there is no other that has room: some may stay.
    pub(crate) fn shrink(&mut self) {
        self.in_flight.shrink();
    }

    /// The same where nothing is on its way and hardly anything will be.
    pub(crate) fn release(&mut self) {
        self.in_flight.release();
    }

    /// Forgets everything queued and on its way; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.in_flight.clear();
        self.windows = [0; WINDOW_COUNT];
        self.parked = VecDeque::new();
    }
}

fn slot(window: u64) -> usize {
    (window % WINDOW_COUNT as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Payload;
    use crate::time::Time;

    const SENT: Time = Time::from_millis(7);

    fn send(outgoing: &mut Outgoing) -> Position {
        let position = outgoing.number_reliable(1);
        let payload = Payload::Whole(Bytes::new());
        outgoing.sent(
            position,
            InFlight {
                payload,
                sent: SENT,
                datagram: 0,
                attempts: 1,
                ambiguous: false,
                counted_lost: false,
                timeouts: 0,
                charged: false,
                resend_due: None,
            },
        );
        position
    }

    #[test]
    fn acknowledgements_in_any_order_find_their_command() {
        let mut outgoing = Outgoing::default();
        let positions: Vec<_> = (0..4).map(|_| send(&mut outgoing)).collect();
        for index in [2, 0, 3, 1] {
            let acknowledged = outgoing
                .acknowledge(positions[index].wire(), SENT.wire())
                .map(|acknowledged| acknowledged.position);
            assert_eq!(acknowledged, Some(positions[index]));
        }
        assert!(outgoing.acknowledge(positions[0].wire(), SENT.wire()).is_none());
        assert_eq!(outgoing.in_flight.oldest(), None);
    }

    #[test]
    fn an_unacknowledged_command_holds_back_the_window_seven_ahead() {
        let mut outgoing = Outgoing::default();
        let first = send(&mut outgoing);
        let mut held = None;
        for _ in 0..65_536 {
            if !outgoing.may_send(outgoing.reliable + 1) {
                held = Some(outgoing.reliable + 1);
                break;
            }
            let position = send(&mut outgoing);
            outgoing.acknowledge(position.wire(), SENT.wire());
        }
        assert_eq!(held.map(Position::window), Some(7));
        outgoing.acknowledge(first.wire(), SENT.wire());
        assert!(outgoing.may_send(outgoing.reliable + 1));
    }

    #[test]
    fn a_window_without_any_acknowledgement_holds_back_the_next() {
        let mut outgoing = Outgoing::default();
        while outgoing.may_send(outgoing.reliable + 1) {
            send(&mut outgoing);
        }
        assert_eq!(
            (outgoing.reliable + 1).window(),
            2,
            "the first window has only 4095 numbers, 0 is not used"
        );
    }

    #[test]
    fn unreliable_numbers_restart_with_each_reliable_packet_and_run_out() {
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.number_unreliable(), Some((0, 1)));
        outgoing.number_reliable(3);
        assert_eq!(outgoing.number_unreliable(), Some((3, 1)));
        outgoing.unreliable = 0xFFFF;
        assert_eq!(outgoing.number_unreliable(), None);
    }
}
