//! Acknowledgements that arrive, and commands for which none did.

use std::time::Duration;

use super::receive::{Context, Refusal};
use super::retransmission::CommandId;
use super::{Busy, Control, Peer, PeerState};
use crate::channel::{Acknowledged, InFlight, Payload, Position, SLOT_COST};
use crate::event::DisconnectReason;
use crate::time::Time;
use crate::wire;

/// A command that was sent so often is sent again by its time-out alone: else one acknowledgement after the other would have all of
/// the rest sent again.
const MOST_HURRIED_ATTEMPTS: u8 = 8;

impl Peer {
    /// Takes an ACKNOWLEDGE.
    pub(super) fn acknowledged(
        &mut self,
        cx: &mut Context<'_>,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> Result<(), Refusal> {
        // A CONNECT is answered by a VERIFY_CONNECT and by nothing else.
        let connecting = self.state == PeerState::Connecting;
        let found = cx.now.extend_wire(sent_time).filter(|_| !connecting).and_then(|sent| {
            let acknowledged = if channel == wire::CONNECTION_CHANNEL {
                self.busy.control.acknowledge(sequence, sent_time)
            } else {
                self.channels.acknowledge(channel, sequence, sent_time)
            };
            Some((sent, acknowledged?))
        });
        let Some((sent, acknowledged)) = found else {
            cx.statistics.dropped.unmatched_acknowledgements += 1;
            return Ok(());
        };
        let Acknowledged {
            position,
            command,
            freed_slots,
        } = acknowledged;
        // For an earlier attempt the own record says nothing: neither how long it took, nor what it has overtaken.
        let is_latest = command.sent.wire() == sent_time;
        // The own record is finer than what travelled.
        let sent = if is_latest { command.sent } else { sent };
        let overtaking = (is_latest && !command.ambiguous).then_some(command.datagram);
        let is_waiting = command.datagram == 0;
        if command.counted_lost && (is_waiting || !is_latest) {
            self.window_share.found();
        }
        self.measure(cx.now, cx.now.saturating_since(sent));
        self.last_acknowledged = cx.now;
        self.spoke_since = false;
        self.confirmed = true;
        self.proof = None;
        self.silent = false;
        self.dispel_doubt(sent);
        let busy = &mut *self.busy;
        busy.retransmission
            .acknowledged(CommandId { channel, position }, overtaking, command.resend_due);
        busy.in_flight = busy.in_flight.saturating_sub(command.payload.len());
        busy.release_queue(&command, freed_slots);
        busy.outbox.reliable_blocked = false;
        if channel == wire::CONNECTION_CHANNEL {
            // Those are pings, which are only sent when there is little else.
            busy.note_ping();
            busy.control.shrink();
        }
        if busy.outbox.parked > 0 {
            self.unpark(channel);
        }
        self.trim_retransmission();
        match (self.state, &command.payload) {
            (PeerState::Disconnecting, Payload::Control(Control::Disconnect { .. })) => {
                self.end(DisconnectReason::Local);
            }
            (PeerState::Disconnecting, _) => return Err(Refusal),
            (PeerState::DisconnectLater, _) => self.disconnect_if_drained(),
            _ => {}
        }
        Ok(())
    }

    fn measure(&mut self, now: Time, sample: Duration) {
        if self.round_trip.is_sampled() {
            let verdict = self.throttle.adapt(sample, &self.round_trip);
            // What is late may be very late, and is no reason to wait as long for the next judgement.
            let round_trip = sample.min(self.round_trip.mean());
            self.window_share.acknowledged(now, round_trip, verdict, &self.throttle);
        }
        self.round_trip.sample(now, sample, self.throttle.interval());
    }

    /// Puts packets held back by the receiver's windows in line again, before all others.
    fn unpark(&mut self, channel: u8) {
        let Some(channel) = self.channels.get_mut(channel) else {
            return;
        };
        let outgoing = &mut channel.outgoing;
        let Some(first) = outgoing.parked.front() else { return };
        if !outgoing.may_send(first.position()) {
            return;
        }
        let outbox = &mut self.busy.outbox;
        outbox.parked -= outgoing.parked.len();
        for packet in std::mem::take(&mut outgoing.parked).into_iter().rev() {
            outbox.reliable.push_front(packet);
        }
    }

    /// Takes the CONNECT off the list of unacknowledged commands: `VERIFY_CONNECT` stands for its acknowledgement.
    pub(super) fn connect_answered(&mut self, now: Time) {
        let Some(connect) = self.busy.control.in_flight(Position::START + 1) else {
            return;
        };
        let sent_time = connect.sent.wire();
        let Some(Acknowledged { position, command, .. }) = self.busy.control.acknowledge(1, sent_time) else {
            return;
        };
        let id = CommandId {
            channel: wire::CONNECTION_CHANNEL,
            position,
        };
        self.busy
            .retransmission
            .acknowledged(id, Some(command.datagram), command.resend_due);
        self.trim_retransmission();
        self.last_acknowledged = now;
        self.confirmed = false;
        if command.timeouts == 0 {
            self.measure(now, now.saturating_since(command.sent));
        }
    }

    /// The CONNECT left at `at` for the address that is about to answer it, after it had left for others.
    pub(crate) fn connect_left_again(&mut self, at: Time) {
        if let Some(connect) = self.busy.control.in_flight_mut(Position::START + 1) {
            connect.sent = at;
        }
    }

    /// After the acknowledgements of a datagram: commands that later ones have overtaken are sent again.
    pub(crate) fn detect_losses(&mut self) {
        while let Some(id) = self.busy.retransmission.next_overtaken() {
            let command = self.in_flight_mut(id.channel, id.position);
            if let Some(command) = command.filter(|command| command.attempts < MOST_HURRIED_ATTEMPTS) {
                let resend_due = command.resend_due.take();
                command.datagram = 0;
                command.counted_lost = true;
                self.loss.lost();
                self.window_share.lost();
                self.busy.retransmission.queue(id, resend_due);
            }
            self.trim_retransmission();
        }
    }

    /// Commands whose time-out has passed are sent again.
    pub(super) fn expire_commands(&mut self, now: Time) {
        let timeout = self.round_trip.timeout();
        let earliest = self.earliest_timeout();
        let last_acknowledged = self.last_acknowledged;
        while let Some((id, due)) = self.busy.retransmission.next_due(now, timeout, earliest) {
            if let Some(command) = self.in_flight_mut(id.channel, id.position) {
                // Where nothing at all comes back it is no queue that overflows.
                let counts = command.timeouts == 0 && last_acknowledged >= command.sent;
                command.timeouts = command.timeouts.saturating_add(1);
                command.resend_due = None;
                command.datagram = 0;
                command.counted_lost |= counts;
                // While nobody looks at the clock nobody listens either.
                let waited_from = command.sent + now.saturating_since(due);
                self.loss.lost();
                if counts {
                    self.window_share.lost();
                }
                self.busy.retransmission.note_due(waited_from);
                self.busy.retransmission.queue(id, None);
            }
            self.trim_retransmission();
        }
    }

    /// When the peer is dead if nothing is acknowledged until then.
    pub(super) fn given_up_at(&self) -> Option<Time> {
        let earliest = self.busy.retransmission.overdue()?;
        let timeout = &self.settings().timeout;
        if self.silent {
            // Its proof is all it ever said. It may be one of thousands that only came to be waited for.
            return Some(earliest + timeout.minimum.min(timeout.maximum));
        }
        // ENet gives up after the minimum once the time-out has doubled until it is `limit` times the first: by then all time-outs
        // together have taken that often the first, and the sum of those before. Ours double less far, and count the same.
        let times = timeout.limit.checked_next_power_of_two().unwrap_or(u32::MAX);
        let backed_off = self.round_trip.timeout().saturating_mul(times.saturating_mul(2) - 1);
        Some(earliest + backed_off.max(self.least_patience()).min(timeout.maximum))
    }

    /// The least time without an acknowledgement after which the peer is dead.
    ///
    /// A stock host that was dialled confirms nothing until it has our acknowledgement of its answer, which it repeats after
    /// 0.5, 1, 2, 4 and 8 s. Until then half the most patience is what C ENet has on our side.
    fn least_patience(&self) -> Duration {
        let timeout = &self.settings().timeout;
        if self.confirmed {
            timeout.minimum
        } else {
            timeout.minimum.max(timeout.maximum / 2)
        }
    }

    pub(super) fn in_flight_mut(&mut self, channel: u8, position: Position) -> Option<&mut InFlight> {
        self.outgoing_mut(channel)?.in_flight_mut(position)
    }

    fn trim_retransmission(&mut self) {
        let Peer { busy, channels, .. } = self;
        let Busy {
            retransmission,
            control,
            ..
        } = &mut **busy;
        retransmission.trim(|id| {
            let outgoing = match id.channel {
                wire::CONNECTION_CHANNEL => &*control,
                channel => &channels.get(channel)?.outgoing,
            };
            outgoing.in_flight(id.position).map(|command| command.datagram)
        });
    }
}

impl Busy {
    /// What an acknowledged command's packet was counted for in the queue. Its place counts until it is free, in whose stead others
    /// may have become free.
    fn release_queue(&mut self, command: &InFlight, freed_slots: usize) {
        match freed_slots.checked_sub(1) {
            None => self.outbox.hold(SLOT_COST),
            Some(others) => self.outbox.release(others * SLOT_COST),
        }
        let begins = match command.payload {
            Payload::Control(_) => return,
            Payload::Whole(_) => true,
            Payload::Fragment { number, .. } => number == 0,
        };
        self.outbox
            .release_packet(command.payload.len(), begins, command.charged);
    }
}
