//! Commands that arrive for a peer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::outbox::Acknowledgement;
use super::throttle::sending_window;
use super::{Peer, PeerState, window_for};
use crate::channel::{Delivery, Taken};
use crate::config::HostConfig;
use crate::event::{DisconnectReason, Event};
use crate::host::PeerHandle;
use crate::packet::{KeptBuffers, Packet};
use crate::statistics::HostStatistics;
use crate::time::Time;
use crate::wire::{self, Body, Command};

/// How many acknowledgements may be owed at once. A sender has at most seven windows of 4096 commands on its way on a channel;
/// what is beyond this comes again.
const MAXIMUM_OWED: usize = 65_536;

/// How many of the other side's own commands may be missing before its farewell. It sends a ping every half second.
const CREDIBLE_GAP: u16 = 64;

/// How long acknowledgements are repeated after a command has come twice, which tells that they get lost.
const REPEATING: Duration = Duration::from_secs(1);

/// What a peer needs of its host while it takes in a datagram.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) peer: PeerHandle,
    pub(crate) config: &'a HostConfig,
    pub(crate) events: &'a mut VecDeque<Event>,
    /// The receive buffers that packets in `events` keep.
    pub(crate) kept: &'a mut KeptBuffers,
    pub(crate) statistics: &'a mut HostStatistics,
    /// Whether someone guesses ids and sessions in the name of the other side.
    pub(crate) is_guessed_at: &'a dyn Fn() -> bool,
    /// Set when the connection came to be, so that the host can count it.
    pub(crate) connected: bool,
}

/// The command is not acceptable: it is not acknowledged, and the rest of its datagram is dropped.
#[derive(Debug)]
pub(crate) struct Refusal;

impl Peer {
    /// Takes one command, whose payload lies in `block`. `sent_time` is that of its datagram.
    pub(crate) fn handle_command(
        &mut self,
        cx: &mut Context<'_>,
        block: &Bytes,
        command: &Command,
        sent_time: Option<u16>,
    ) -> Result<(), Refusal> {
        match &command.body {
            Body::Acknowledge {
                received_sequence,
                received_sent_time,
            } => {
                self.acknowledged(cx, command.channel, *received_sequence, *received_sent_time)?;
            }
            // A peer that is known has been through this.
            Body::Connect(_) => return Err(Refusal),
            Body::VerifyConnect(verify) => self.verified(cx, verify)?,
            Body::Disconnect { data } => {
                let doubts = cx.config.doubt_disconnects;
                let doubtful = doubts && (!self.follows(command.sequence) || self.is_slandered(cx));
                let credible = command.acknowledge && sent_time.is_some() && !doubtful;
                self.disconnected(cx, *data, credible);
            }
            Body::Ping => self.require_live()?,
            Body::BandwidthLimit { incoming, outgoing } => {
                self.require_live()?;
                self.set_bandwidth(*incoming, *outgoing, cx.config);
            }
            Body::ThrottleConfigure {
                interval,
                acceleration,
                deceleration,
            } => {
                self.require_live()?;
                self.throttle.interval = *interval;
                self.throttle.acceleration = *acceleration;
                self.throttle.deceleration = *deceleration;
            }
            body => self.data(cx, block, command, body)?,
        }
        let asks = matches!(
            command.body,
            Body::Ping | Body::BandwidthLimit { .. } | Body::ThrottleConfigure { .. }
        );
        if asks {
            self.busy.note_ping();
            if self.follows(command.sequence) {
                self.last_control = command.sequence;
                if cx.config.frugal_pings && matches!(command.body, Body::Ping) {
                    self.asked(cx.now);
                }
            }
        }
        if command.acknowledge {
            let sent_time = sent_time.ok_or(Refusal)?;
            self.acknowledge(cx, command, sent_time);
        }
        Ok(())
    }

    fn require_live(&self) -> Result<(), Refusal> {
        if self.is_live() { Ok(()) } else { Err(Refusal) }
    }

    /// Takes a command that carries data.
    fn data(&mut self, cx: &mut Context<'_>, block: &Bytes, command: &Command, body: &Body) -> Result<(), Refusal> {
        self.require_live()?;
        if usize::from(command.channel) >= self.channel_count() {
            return Err(Refusal);
        }
        if self.state == PeerState::DisconnectLater {
            return Ok(());
        }
        let Peer {
            channels,
            busy,
            unsequenced_in,
            ..
        } = self;
        let busy = &mut **busy;
        busy.note_packet();
        let inbox = &mut busy.inbox;
        let delivery = &mut Delivery {
            inbox,
            events: cx.events,
            kept: cx.kept,
            peer: cx.peer,
            channel: command.channel,
        };
        let incoming = &mut channels.entry(command.channel).incoming;
        let slice = |range: &std::ops::Range<usize>| block.slice(range.clone());
        let bytes = |range: &std::ops::Range<usize>| block.get(range.clone()).unwrap_or_default();
        let fits = |length: usize| {
            if length <= cx.config.max_packet_size {
                Ok(())
            } else {
                Err(Refusal)
            }
        };
        let max_packet_size = u32::try_from(cx.config.max_packet_size).unwrap_or(u32::MAX);
        let taken = match body {
            Body::SendReliable { payload } => {
                fits(payload.len())?;
                incoming.reliable(command.sequence, slice(payload), delivery)
            }
            Body::SendUnreliable { sequence, payload } => {
                fits(payload.len())?;
                incoming.unreliable(command.sequence, *sequence, slice(payload), delivery)
            }
            Body::SendUnsequenced { group, payload } => {
                fits(payload.len())?;
                if !unsequenced_in.admits(*group) {
                    Taken::Yes
                } else if delivery.inbox.has_room() {
                    unsequenced_in.remember(*group);
                    delivery.deliver(Packet::unsequenced(slice(payload)).borrowed());
                    Taken::Yes
                } else {
                    Taken::Full
                }
            }
            Body::SendFragment(fragment) if fragment.validate(max_packet_size) => {
                incoming.reliable_fragment(fragment, bytes(&fragment.payload), delivery)
            }
            Body::SendUnreliableFragment(fragment) if fragment.validate(max_packet_size) => {
                incoming.unreliable_fragment(command.sequence, fragment, bytes(&fragment.payload), delivery)
            }
            _ => Taken::Refused,
        };
        channels.rest(command.channel);
        let limits = &mut cx.statistics.limits;
        match taken {
            Taken::Yes => return Ok(()),
            Taken::Again => {
                busy.repeat_until = Some(cx.now + REPEATING);
                return Ok(());
            }
            Taken::Refused => {}
            Taken::Full if inbox.waiting() < cx.config.max_waiting_data => limits.held_data += 1,
            Taken::Full => limits.waiting_data += 1,
            Taken::TooManyIncomplete => limits.incomplete_packets += 1,
        }
        Err(Refusal)
    }

    /// Notes that a command is to be acknowledged, where the state allows it.
    fn acknowledge(&mut self, cx: &Context<'_>, command: &Command, sent_time: u16) {
        let answers = match self.state {
            PeerState::AcknowledgingDisconnect => matches!(command.body, Body::Disconnect { .. }),
            PeerState::Connected | PeerState::DisconnectLater => true,
            _ => false,
        };
        let busy = &mut *self.busy;
        if !answers || busy.outbox.acknowledgements.len() >= MAXIMUM_OWED {
            return;
        }
        // A fragment is taken or not by where its packet begins, however far ahead its own number is.
        let decisive = match &command.body {
            Body::SendFragment(fragment) => fragment.start_sequence,
            _ => command.sequence,
        };
        let is_farewell = matches!(command.body, Body::Disconnect { .. });
        let too_early = !is_farewell
            && command.channel != wire::CONNECTION_CHANNEL
            && self
                .channels
                .received(command.channel)
                .reliable
                .is_beyond_reach(decisive);
        if too_early {
            return;
        }
        self.has_first_ack_to_come &= !is_farewell;
        if is_farewell || busy.outbox.acknowledgements.is_empty() {
            let delay = match self.has_first_ack_to_come {
                true => cx.config.first_ack_delay.max(cx.config.ack_delay),
                false => cx.config.ack_delay,
            };
            busy.acknowledge_by = Some(cx.now + delay);
        }
        self.queued_since_round += wire::ACKNOWLEDGE_SIZE as u64;
        let owed = Acknowledgement {
            channel: command.channel,
            sequence: command.sequence,
            sent_time,
        };
        busy.outbox.acknowledgements.push_back(owed);
        if !self.confirmed && matches!(command.body, Body::VerifyConnect(_)) {
            self.proof = Some(owed);
        }
    }

    /// Takes a `VERIFY_CONNECT`: our CONNECT was answered.
    fn verified(&mut self, cx: &mut Context<'_>, verify: &wire::VerifyConnect) -> Result<(), Refusal> {
        if self.state != PeerState::Connecting {
            return Ok(());
        }
        if verify.connect_id != self.identity.connect_id {
            // Of an earlier attempt, or forged: the connect id is what only the host that was asked knows.
            return Err(Refusal);
        }
        self.busy.doubt = None;
        let channels = usize::try_from(verify.channel_count).unwrap_or(usize::MAX);
        let fits = (wire::MINIMUM_CHANNELS..=wire::MAXIMUM_CHANNELS).contains(&channels)
            && verify.throttle_interval == self.throttle.interval
            && verify.throttle_acceleration == self.throttle.acceleration
            && verify.throttle_deceleration == self.throttle.deceleration;
        if !fits {
            self.end(DisconnectReason::Refused);
            return Err(Refusal);
        }
        self.connect_answered(cx.now);
        let agreement = &mut self.agreement;
        agreement.channel_count = agreement.channel_count.min(channels as u8);
        let mtu = verify
            .mtu
            .clamp(u32::from(wire::MINIMUM_MTU), u32::from(wire::MAXIMUM_MTU)) as u16;
        agreement.mtu = agreement.mtu.min(mtu);
        // A window beyond what stock hosts know is only answered by one that knows it, and is then the new ceiling.
        agreement.window_ceiling = agreement
            .window_ceiling
            .min(verify.window_size.max(wire::MAXIMUM_WINDOW));
        agreement.window = agreement.window.min(verify.window_size.max(wire::MINIMUM_WINDOW));
        agreement.incoming_bandwidth = verify.incoming_bandwidth;
        agreement.outgoing_bandwidth = verify.outgoing_bandwidth;
        let identity = &mut self.identity;
        identity.outgoing_id = wire::PeerId::new(verify.outgoing_peer_id);
        identity.incoming_session = wire::SessionId::new(verify.incoming_session);
        identity.outgoing_session = wire::SessionId::new(verify.outgoing_session);
        self.state = PeerState::Connected;
        if let Some((interval, acceleration, deceleration)) = self
            .settings
            .as_mut()
            .and_then(|settings| settings.throttle_wanted.take())
        {
            self.configure_throttle(interval, acceleration, deceleration);
        }
        cx.connected = true;
        cx.events.push_back(Event::Connected { peer: cx.peer, data: 0 });
        Ok(())
    }

    /// Whether a number is about the next one that the other side's own commands must have, of which some may have been lost. Who
    /// forges a command does not know it.
    fn follows(&self, sequence: u16) -> bool {
        (1..=CREDIBLE_GAP).contains(&sequence.wrapping_sub(self.last_control))
    }

    pub(crate) fn set_bandwidth(&mut self, incoming: u32, outgoing: u32, config: &HostConfig) {
        self.agreement.incoming_bandwidth = incoming;
        self.agreement.outgoing_bandwidth = outgoing;
        self.renew_window(config.outgoing_bandwidth);
    }

    /// Computes the sending window anew, after a change of a limit on either side.
    pub(crate) fn renew_window(&mut self, own_outgoing: u32) {
        let agreement = &mut self.agreement;
        agreement.window = sending_window(own_outgoing, agreement.incoming_bandwidth, agreement.window_ceiling);
        self.busy.outbox.reliable_blocked = false;
    }
}

/// The window a server answers a CONNECT with: that of its own incoming bandwidth, no more than what was offered.
pub(crate) fn answered_window(offered: u32, config: &HostConfig) -> u32 {
    let ceiling = config.max_window.min(offered.max(wire::MAXIMUM_WINDOW));
    window_for(config.incoming_bandwidth, ceiling)
        .min(offered)
        .max(wire::MINIMUM_WINDOW)
}
