//! Filling datagrams.

use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;

use super::outbox::{Control, Next, QueuedUnreliable, UnreliableForm};
use super::retransmission::CommandId;
use super::{Peer, PeerState};
use crate::channel::{InFlight, Payload, QueuedReliable};
use crate::checksum;
use crate::compress::Compressor;
use crate::config::HostConfig;
use crate::event::DisconnectReason;
use crate::time::Time;
use crate::wire::{self, Header, emit};

/// No more than this goes to the kernel at once for one address: the largest UDP payload over IPv6, with room to spare.
const MAXIMUM_BATCH: usize = 65_000;

/// How long after it was first sent an acknowledgement may be repeated.
const LATEST_REPEAT: Duration = Duration::from_millis(5);

/// What a peer needs of its host to fill datagrams.
pub(crate) struct Sender<'a> {
    pub(crate) now: Time,
    pub(crate) config: &'a HostConfig,
    pub(crate) random: &'a mut StdRng,
    pub(crate) compressor: Option<&'a mut (dyn Compressor + 'static)>,
    /// For the compressed form of one datagram.
    pub(crate) scratch: &'a mut Vec<u8>,
}

/// The longest header that datagrams of this host have, checksum included.
pub(crate) fn largest_header(config: &HostConfig) -> usize {
    wire::HEADER_SIZE_WITH_TIME + if config.checksum { checksum::CHECKSUM_SIZE } else { 0 }
}

/// Whether to go on after a step of filling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something was done; there may be more.
    Done,
    /// The datagram has no room for what comes next.
    Full,
}

/// A datagram in the making: its commands go to the end of `out`.
struct Datagram<'a> {
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
    /// Whether a command in it wants an acknowledgement.
    timed: bool,
}

impl Datagram<'_> {
    fn has_room(&self, size: usize) -> bool {
        self.out.len() + size <= self.end
    }
}

impl Peer {
    /// Appends up to `max_datagrams` datagrams to `out`, all of one size but the last. Returns that size, 0 if there is nothing
    /// to send.
    pub(crate) fn transmit(&mut self, cx: &mut Sender<'_>, max_datagrams: usize, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let mtu = usize::from(self.agreement.mtu);
        let segment = self.datagram(cx, mtu, out);
        // Small datagrams are sent one by one: what comes next may be larger.
        if segment * 8 < mtu * 7 {
            return segment;
        }
        for _ in 1..max_datagrams {
            if out.len() + segment - start > MAXIMUM_BATCH || self.ended.is_some() {
                break;
            }
            if self.datagram(cx, segment, out) < segment {
                break;
            }
        }
        segment
    }

    /// Appends one datagram of at most `limit` bytes and returns its size, 0 if there is nothing to send.
    fn datagram(&mut self, cx: &mut Sender<'_>, limit: usize, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let header_size = largest_header(cx.config);
        out.resize(start + header_size, 0);
        self.loss.update(cx.now);
        let mut datagram = Datagram {
            end: start + limit,
            out,
            timed: false,
        };
        self.fill(cx, &mut datagram);
        let timed = datagram.timed;
        if out.len() == start + header_size {
            out.truncate(start);
            // All that was queued may have been unreliable packets that the throttle dropped.
            self.disconnect_if_drained();
            return 0;
        }
        self.datagram += 1;
        let size = self.finish(cx, start, timed, out);
        self.totals.bytes_sent += size as u64;
        self.busy.outbox.shrink();
        if self.state == PeerState::AcknowledgingDisconnect && self.busy.outbox.acknowledgements.is_empty() {
            self.end(DisconnectReason::Remote {
                data: self.disconnect_data,
            });
        }
        self.disconnect_if_drained();
        size
    }

    /// Puts the header in front of the commands that begin one largest header behind `start`; compresses and seals them.
    fn finish(&mut self, cx: &mut Sender<'_>, start: usize, timed: bool, out: &mut Vec<u8>) -> usize {
        let mut header = self.header(timed.then(|| cx.now.wire()));
        let gap = wire::HEADER_SIZE_WITH_TIME - header.len();
        let seed = self.checksum_seed();
        seal(&mut header, seed, cx, start, gap, out)
    }

    fn header(&self, sent_time: Option<u16>) -> Header {
        let identity = &self.identity;
        let session = if identity.outgoing_id == wire::PeerId::NONE {
            wire::SessionId::default()
        } else {
            identity.outgoing_session
        };
        Header {
            peer_id: identity.outgoing_id,
            session,
            compressed: false,
            sent_time,
        }
    }

    fn checksum_seed(&self) -> [u8; checksum::CHECKSUM_SIZE] {
        if self.identity.outgoing_id == wire::PeerId::NONE {
            checksum::NO_SEED
        } else {
            self.identity.connect_id.to_bytes()
        }
    }

    /// Appends a datagram with the acknowledgements that are owed, as many as fit, and an unsequenced DISCONNECT, the last there is
    /// to say.
    pub(crate) fn notice(&mut self, cx: &mut Sender<'_>, data: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + largest_header(cx.config), 0);
        // Without its proof the other side does not know of whom the notice is.
        let owed = &self.busy.outbox.acknowledgements;
        let proof = self.proof.filter(|proof| owed.front() != Some(proof));
        let most = (usize::from(self.agreement.mtu) - out.len() - wire::DISCONNECT_SIZE) / wire::ACKNOWLEDGE_SIZE;
        for acknowledgement in proof.iter().chain(owed).take(most) {
            acknowledgement.emit(out);
        }
        let sequence = self.number_notice();
        emit::disconnect(out, sequence, data, false, true);
        self.finish(cx, start, false, out);
    }

    fn fill(&mut self, cx: &mut Sender<'_>, datagram: &mut Datagram<'_>) {
        let is_too_early =
            self.has_first_ack_to_come && self.is_live() && self.busy.acknowledge_by.is_some_and(|by| cx.now < by);
        if !self.busy.outbox.acknowledgements.is_empty() && !is_too_early {
            self.has_first_ack_to_come = false;
            self.acknowledge_what_came(cx.now, datagram);
        }
        if self.has_likely_left() {
            while !self.busy.outbox.control.is_empty() && self.send_control(cx.now, datagram) == Step::Done {}
            return;
        }
        while let Some(id) = self.busy.retransmission.next_queued() {
            if self.resend(cx.now, id, datagram) == Step::Full {
                return;
            }
            self.busy.retransmission.pop_queued();
        }
        while let Some(next) = self.busy.outbox.next() {
            let step = match next {
                Next::Control => self.send_control(cx.now, datagram),
                Next::Reliable => self.send_reliable(cx, datagram),
                Next::Unreliable => self.send_unreliable(cx, datagram),
            };
            if step == Step::Full {
                return;
            }
        }
    }

    /// Appends the acknowledgements that are owed and, while they seem to get lost, those of the datagram before once more: a lost
    /// acknowledgement costs its sender a resend and a part of its window for as long.
    fn acknowledge_what_came(&mut self, now: Time, datagram: &mut Datagram<'_>) {
        let busy = &mut *self.busy;
        let repeats = busy.repeat_until.is_some_and(|until| now < until);
        let (mut before, left) = std::mem::take(&mut busy.outbox.repeats);
        // Late ones would have a stock peer measure a longer round trip.
        if now.saturating_since(left) > LATEST_REPEAT {
            before.clear();
        }
        let again = before.len();
        while datagram.has_room(wire::ACKNOWLEDGE_SIZE)
            && let Some(owed) = busy.outbox.acknowledgements.pop_front()
        {
            owed.emit(datagram.out);
            if repeats {
                before.push(owed);
            }
        }
        for owed in before.drain(..again) {
            if datagram.has_room(wire::ACKNOWLEDGE_SIZE) {
                owed.emit(datagram.out);
            }
        }
        if repeats {
            busy.outbox.repeats = (before, now);
        }
    }

    fn resend(&mut self, now: Time, id: CommandId, datagram: &mut Datagram<'_>) -> Step {
        let timeout = self.round_trip.timeout();
        let longest_wait = self.round_trip.longest_wait();
        let number = self.datagram + 1;
        // Who does not know of the connection yet cannot know that it ended.
        let proof = self.proof.filter(|_| self.state == PeerState::Disconnecting);
        let Some(command) = self.in_flight_mut(id.channel, id.position) else {
            return Step::Done;
        };
        let size = size_of_payload(&command.payload) + proof.map_or(0, |_| wire::ACKNOWLEDGE_SIZE);
        if !datagram.has_room(size) {
            return Step::Full;
        }
        if let Some(proof) = proof {
            proof.emit(datagram.out);
        }
        emit_payload(datagram.out, id.channel, id.position.wire(), &command.payload);
        datagram.timed = true;
        let due = now + doubled(timeout, command.timeouts).min(doubled(longest_wait, command.impatience()));
        command.attempts = command.attempts.saturating_add(1);
        command.ambiguous = command.sent.wire() == now.wire();
        command.sent = now;
        command.datagram = number;
        command.resend_due = Some(due);
        self.busy.retransmission.resent(id, now, number, due);
        self.totals.commands_resent += 1;
        self.loss.sent();
        Step::Done
    }

    fn send_control(&mut self, now: Time, datagram: &mut Datagram<'_>) -> Step {
        let Some(queued) = self.busy.outbox.control.front() else {
            return Step::Done;
        };
        let payload = Payload::Control(queued.command.clone());
        let id = CommandId {
            channel: wire::CONNECTION_CHANNEL,
            position: queued.position,
        };
        if !datagram.has_room(size_of_payload(&payload)) {
            return Step::Full;
        }
        self.busy.outbox.control.pop_front();
        self.send_first(now, id, payload, false, datagram);
        Step::Done
    }

    fn send_reliable(&mut self, cx: &mut Sender<'_>, datagram: &mut Datagram<'_>) -> Step {
        let step = self.fragment_size(cx.config);
        let window = self.usable_window() as usize;
        let Some(queued) = self.busy.outbox.reliable.front_mut() else {
            return Step::Done;
        };
        let id = CommandId {
            channel: queued.channel,
            position: queued.position(),
        };
        let outgoing = &mut self.channels.entry(queued.channel).outgoing;
        if !outgoing.parked.is_empty() || !outgoing.may_send(id.position) {
            if let Some(queued) = self.busy.outbox.reliable.pop_front() {
                outgoing.parked.push_back(queued);
                self.busy.outbox.parked += 1;
            }
            return Step::Done;
        }
        let (length, size) = size_of_next(queued, step);
        let charged = queued.charged;
        if self.busy.in_flight + length > window {
            self.busy.outbox.reliable_blocked = true;
            return Step::Done;
        }
        if !datagram.has_room(size) {
            return Step::Full;
        }
        let Some(payload) = self.busy.outbox.take_reliable(step) else {
            return Step::Done;
        };
        self.send_first(cx.now, id, payload, charged, datagram);
        Step::Done
    }

    fn send_first(&mut self, now: Time, id: CommandId, payload: Payload, charged: bool, datagram: &mut Datagram<'_>) {
        emit_payload(datagram.out, id.channel, id.position.wire(), &payload);
        datagram.timed = true;
        let number = self.datagram + 1;
        let length = payload.len();
        self.loss.sent();
        let command = InFlight {
            payload,
            sent: now,
            datagram: number,
            attempts: 1,
            ambiguous: false,
            counted_lost: false,
            charged,
            timeouts: 0,
            resend_due: None,
        };
        let busy = &mut *self.busy;
        if id.channel == wire::CONNECTION_CHANNEL {
            busy.control.sent(id.position, command);
        } else {
            self.channels.sent(id.channel, id.position, command);
        }
        busy.in_flight += length;
        busy.retransmission.sent(id, now, number);
    }

    fn send_unreliable(&mut self, cx: &mut Sender<'_>, datagram: &mut Datagram<'_>) -> Step {
        let step = self.fragment_size(cx.config);
        let Some(queued) = self.busy.outbox.unreliable.front_mut() else {
            return Step::Done;
        };
        // Before the throttle is asked, which would be asked again for the next datagram.
        if !datagram.has_room(size_of_unreliable(queued, step)) {
            return Step::Full;
        }
        self.spoke_since = true;
        let begun = matches!(queued.form, UnreliableForm::Fragments { next: 1.., .. });
        if !begun && self.throttle.drops(cx.random) {
            self.totals.packets_throttled += 1;
            self.drop_unreliable();
            return Step::Done;
        }
        self.loss.sent();
        if emit_unreliable(datagram.out, queued, step) {
            self.drop_unreliable();
        }
        Step::Done
    }

    fn drop_unreliable(&mut self) {
        if let Some(queued) = self.busy.outbox.unreliable.pop_front() {
            self.busy.outbox.release_packet(queued.data.len(), true, queued.charged);
        }
    }

    /// Whether a transmission at `now` would send something.
    pub(crate) fn has_sendable(&self, now: Time) -> bool {
        if !self.busy.is_taken() {
            return false;
        }
        let busy = &*self.busy;
        let has_commands = match self.has_likely_left() {
            true => !busy.outbox.control.is_empty(),
            false => busy.retransmission.has_queued() || busy.outbox.next().is_some(),
        };
        if has_commands {
            return true;
        }
        !busy.outbox.acknowledgements.is_empty() && busy.acknowledge_by.is_none_or(|by| by <= now)
    }
}

/// A wait that has doubled so often.
fn doubled(wait: Duration, times: u8) -> Duration {
    wait.saturating_mul(1 << times.min(16))
}

/// Compresses and seals the commands that begin one largest header behind `start`, and puts the header before them, from which
/// `gap` bytes are missing. Returns the size of the datagram.
pub(crate) fn seal(
    header: &mut Header,
    seed: [u8; checksum::CHECKSUM_SIZE],
    cx: &mut Sender<'_>,
    start: usize,
    gap: usize,
    out: &mut Vec<u8>,
) -> usize {
    let commands = start + largest_header(cx.config);
    let plain = out.len() - commands;
    let mut compressed = false;
    if let Some(compressor) = cx.compressor.as_deref_mut() {
        cx.scratch.clear();
        compressed = compressor.compress(&out[commands..], plain, cx.scratch)
            && !cx.scratch.is_empty()
            && cx.scratch.len() < plain;
    }
    header.compressed = compressed;
    let mut head = [0; wire::HEADER_SIZE_WITH_TIME + checksum::CHECKSUM_SIZE];
    let mut length = header.len();
    head[..length].copy_from_slice(&header.to_bytes()[..length]);
    if cx.config.checksum {
        let sum = checksum::seal(&head[..length], seed, &out[commands..]);
        head[length..length + checksum::CHECKSUM_SIZE].copy_from_slice(&sum);
        length += checksum::CHECKSUM_SIZE;
    }
    if compressed {
        out.truncate(commands);
        out.extend_from_slice(cx.scratch);
    }
    if gap > 0 {
        out.copy_within(commands.., commands - gap);
        out.truncate(out.len() - gap);
    }
    out[start..start + length].copy_from_slice(&head[..length]);
    out.len() - start
}

/// The size of a command of the connection itself on the wire.
pub(super) fn size_of_control(command: &Control) -> usize {
    match command {
        Control::Connect(_) => wire::CONNECT_SIZE,
        Control::Disconnect { .. } => wire::DISCONNECT_SIZE,
        Control::Ping => wire::PING_SIZE,
        Control::BandwidthLimit { .. } => wire::BANDWIDTH_LIMIT_SIZE,
        Control::ThrottleConfigure { .. } => wire::THROTTLE_CONFIGURE_SIZE,
    }
}

/// The size of a reliable command on the wire.
fn size_of_payload(payload: &Payload) -> usize {
    match payload {
        Payload::Control(command) => size_of_control(command),
        Payload::Whole(data) => wire::RELIABLE_HEADER_SIZE + data.len(),
        Payload::Fragment { .. } => wire::FRAGMENT_HEADER_SIZE + payload.len(),
    }
}

/// The payload length and the size on the wire of the next command of a reliable packet.
fn size_of_next(queued: &QueuedReliable, step: usize) -> (usize, usize) {
    if queued.count == 1 {
        let length = queued.data.len();
        return (length, wire::RELIABLE_HEADER_SIZE + length);
    }
    let length = (queued.data.len() - queued.next as usize * step).min(step);
    (length, wire::FRAGMENT_HEADER_SIZE + length)
}

fn emit_payload(out: &mut Vec<u8>, channel: u8, sequence: u16, payload: &Payload) {
    match payload {
        Payload::Control(Control::Connect(connect)) => emit::connect(out, sequence, connect),
        Payload::Control(Control::Disconnect { data }) => emit::disconnect(out, sequence, *data, true, false),
        Payload::Control(Control::Ping) => emit::ping(out, sequence),
        Payload::Control(Control::BandwidthLimit { incoming, outgoing }) => {
            emit::bandwidth_limit(out, sequence, *incoming, *outgoing);
        }
        Payload::Control(Control::ThrottleConfigure {
            interval,
            acceleration,
            deceleration,
        }) => {
            emit::throttle_configure(out, sequence, *interval, *acceleration, *deceleration);
        }
        Payload::Whole(data) => emit::send_reliable(out, channel, sequence, data),
        Payload::Fragment {
            packet,
            first,
            number,
            count,
            step,
        } => {
            let fields = fragment_fields(packet, *first, *number, *count, usize::from(*step));
            let bytes = fragment_bytes(packet, *number, usize::from(*step));
            emit::send_fragment(out, channel, sequence, &fields, bytes, false);
        }
    }
}

fn fragment_bytes(packet: &Bytes, number: u32, step: usize) -> &[u8] {
    let offset = number as usize * step;
    &packet[offset..packet.len().min(offset + step)]
}

fn fragment_fields(packet: &Bytes, first: u16, number: u32, count: u32, step: usize) -> emit::FragmentFields {
    emit::FragmentFields {
        start_sequence: first,
        count,
        number,
        total_length: packet.len() as u32,
        offset: number * step as u32,
    }
}

fn size_of_unreliable(queued: &QueuedUnreliable, step: usize) -> usize {
    match queued.form {
        UnreliableForm::Whole { .. } => wire::UNRELIABLE_HEADER_SIZE + queued.data.len(),
        UnreliableForm::Unsequenced { .. } => wire::UNSEQUENCED_HEADER_SIZE + queued.data.len(),
        UnreliableForm::Fragments { next, .. } => {
            wire::FRAGMENT_HEADER_SIZE + fragment_bytes(&queued.data, next, step).len()
        }
    }
}

/// Writes the next command of an unreliable packet; true if it was the last.
fn emit_unreliable(out: &mut Vec<u8>, queued: &mut QueuedUnreliable, step: usize) -> bool {
    match &mut queued.form {
        UnreliableForm::Whole { after, number } => {
            emit::send_unreliable(out, queued.channel, *after, *number, &queued.data);
            true
        }
        UnreliableForm::Unsequenced { group } => {
            emit::send_unsequenced(out, queued.channel, *group, &queued.data);
            true
        }
        UnreliableForm::Fragments {
            after,
            number,
            count,
            next,
        } => {
            let fields = fragment_fields(&queued.data, *number, *next, *count, step);
            let bytes = fragment_bytes(&queued.data, *next, step);
            emit::send_fragment(out, queued.channel, *after, &fields, bytes, true);
            *next += 1;
            next == count
        }
    }
}
