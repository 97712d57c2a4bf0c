//! One connection: its state, what it owes and is owed.

mod acknowledge;
mod busy;
mod farewell;
mod outbox;
mod packet_loss;
mod receive;
mod retransmission;
mod round_trip;
mod send;
mod throttle;
mod transmit;
mod window;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(crate) use busy::SpareParts;
use busy::{Busy, BusySlot};
use outbox::Acknowledgement;
pub(crate) use outbox::Control;
use packet_loss::PacketLoss;
pub(crate) use receive::{Context, answered_window};
use retransmission::CommandId;
use round_trip::RoundTrip;
use throttle::Throttle;
pub(crate) use throttle::{THROTTLE_SCALE, sending_window, window_for};
pub(crate) use transmit::{Sender, largest_header, seal};
use window::WindowShare;

use crate::channel::{Channels, InFlight, Outgoing, UnsequencedWindow};
use crate::config::HostConfig;
use crate::event::DisconnectReason;
use crate::opening::Allowance;
use crate::path::Path;
use crate::statistics::PeerStatistics;
use crate::time::Time;
use crate::wire::{ConnectId, PeerId, SessionId};

/// How long nothing may be acknowledged before a PING asks for it (ENet's `ENET_PEER_PING_INTERVAL`).
pub(crate) const DEFAULT_PING_INTERVAL: Duration = Duration::from_millis(500);

/// What a datagram can carry on every path: those of IPv4 take 576 bytes (RFC 791), of which its header and that of UDP take 28.
const SURE_PAYLOAD: usize = 548;

/// For how many intervals the other side's PINGs stand for the own ones. The round trip time is measured as often.
const MOST_INTERVALS: u32 = 4;

/// The state of a connection, numbered as in ENet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PeerState {
    /// Not connected.
    Disconnected = 0,
    /// A CONNECT is on its way.
    Connecting = 1,
    /// A CONNECT was answered. Such a connection is not a peer yet in this crate.
    AcknowledgingConnect = 2,
    /// Not used by this crate.
    ConnectionPending = 3,
    /// Not used by this crate.
    ConnectionSucceeded = 4,
    /// Data can be sent and received.
    Connected = 5,
    /// The connection ends when everything queued has been acknowledged.
    DisconnectLater = 6,
    /// A DISCONNECT is on its way.
    Disconnecting = 7,
    /// The other side's DISCONNECT is about to be acknowledged.
    AcknowledgingDisconnect = 8,
    /// Not used by this crate.
    Zombie = 9,
}

/// When an unanswered peer is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeoutLimits {
    /// The backoff factor from which the minimum counts.
    pub(crate) limit: u32,
    pub(crate) minimum: Duration,
    pub(crate) maximum: Duration,
}

impl TimeoutLimits {
    /// ENet's `ENET_PEER_TIMEOUT_LIMIT`, `..._MINIMUM` and `..._MAXIMUM`.
    const DEFAULT: TimeoutLimits = TimeoutLimits {
        limit: 32,
        minimum: Duration::from_secs(5),
        maximum: Duration::from_secs(30),
    };
}

/// What a program can set for one peer. Few do, so that most peers share one that has the defaults.
#[derive(Clone, Debug)]
struct Settings {
    timeout: TimeoutLimits,
    ping_interval: Duration,
    /// How the throttle is to be configured once connected.
    throttle_wanted: Option<(u32, u32, u32)>,
}

static DEFAULT_SETTINGS: Settings = Settings {
    timeout: TimeoutLimits::DEFAULT,
    ping_interval: DEFAULT_PING_INTERVAL,
    throttle_wanted: None,
};

/// What identifies a connection on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) address: SocketAddr,
    /// The id the other side puts in its headers to reach this peer.
    pub(crate) incoming_id: PeerId,
    /// The id to put in headers to the other side; none until it is known.
    pub(crate) outgoing_id: PeerId,
    pub(crate) incoming_session: SessionId,
    pub(crate) outgoing_session: SessionId,
    pub(crate) connect_id: ConnectId,
}

impl Identity {
    /// Where the other side is, and the id by which it reaches this peer.
    pub(crate) fn endpoint(&self) -> (SocketAddr, PeerId) {
        (self.address, self.incoming_id)
    }
}

/// What a connection agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    pub(crate) channel_count: u8,
    pub(crate) mtu: u16,
    /// How much reliable data may be in flight, in bytes.
    pub(crate) window: u32,
    /// The most the window may become.
    pub(crate) window_ceiling: u32,
    /// The other side's limits in bytes per second, 0 for none.
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
}

/// One connection of a host, read-only. [`PeerMut`](crate::PeerMut) acts on it.
#[derive(Debug)]
pub struct Peer {
    pub(crate) identity: Identity,
    /// The address of this host that the connection was made with, if the socket tells.
    local: Option<IpAddr>,
    pub(crate) agreement: Agreement,
    state: PeerState,
    connect_data: u32,
    disconnect_data: u32,

    pub(crate) channels: Channels,
    unsequenced_in: UnsequencedWindow,
    unsequenced_out: u16,

    /// What is only there while something is under way.
    pub(crate) busy: BusySlot,
    /// The number of the datagram sent last.
    datagram: u64,
    round_trip: RoundTrip,
    pub(crate) throttle: Throttle,
    window_share: WindowShare,
    loss: PacketLoss,
    /// False on the dialling side from the answer until the first acknowledgement: the other side may not know yet that it was
    /// heard.
    confirmed: bool,
    /// On the dialling side until the first acknowledgement: that of the other side's answer, which alone makes a peer there.
    proof: Option<Acknowledgement>,
    /// Until the first acknowledgement has left for a stock host that dialled; see
    /// [`first_ack_delay`](HostConfig::first_ack_delay).
    pub(crate) has_first_ack_to_come: bool,
    /// True on the dialled side: the peer came from elsewhere.
    pub(crate) dialled: bool,
    /// True on the dialled side from the proof until the first acknowledgement.
    silent: bool,
    /// When the last acknowledgement came, or the connection began.
    last_acknowledged: Time,
    /// When the other side last asked whether this one is there, if that counts; the epoch if it never has.
    last_asked: Time,
    /// When something last came from the other side.
    last_heard: Time,
    /// Whether an unreliable packet was sent since the last acknowledgement.
    spoke_since: bool,
    /// What the program has set, if it has set anything.
    settings: Option<Box<Settings>>,
    /// How much received data may wait, in bytes.
    max_waiting_data: usize,

    /// Bytes queued for the wire since the last bandwidth round.
    pub(crate) queued_since_round: u64,
    /// The bandwidth limits the other side was last told, after the handshake.
    pub(crate) told_bandwidth: Option<(u32, u32)>,
    /// The number of the other side's latest own command; the first of all is 1.
    last_control: u16,
    /// Whether a farewell of it proved to be forged.
    was_slandered: bool,
    /// Whether what was overtaken is sent again before its time.
    fast_retransmit: bool,
    /// What may be decompressed for it, once something was to be.
    pub(crate) openings: Option<Box<Allowance>>,
    /// Set when the connection ends because the other side acknowledges too slowly.
    pub(crate) too_slow: bool,
    /// Set when the connection is over; the host takes the peer out.
    ended: Option<DisconnectReason>,
    totals: Totals,

    /// Whether the host's list of peers with something to send has this one.
    pub(crate) ready: bool,
    /// The [deadline](Self::deadline) as it was when the host looked last, and for when it has the peer on its list;
    /// [`Time::NEVER`] for not at all.
    pub(crate) due: Time,
    pub(crate) scheduled: Time,
}

/// Counters for the statistics.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    bytes_sent: u64,
    datagrams_received: u64,
    bytes_received: u64,
    commands_resent: u64,
    packets_throttled: u64,
}

impl Peer {
    pub(crate) fn new(
        identity: Identity,
        agreement: Agreement,
        state: PeerState,
        connect_data: u32,
        now: Time,
        config: &HostConfig,
    ) -> Peer {
        Peer {
            identity,
            local: None,
            agreement,
            state,
            connect_data,
            disconnect_data: 0,
            channels: Channels::default(),
            unsequenced_in: UnsequencedWindow::default(),
            unsequenced_out: 0,
            busy: BusySlot::default(),
            datagram: 0,
            round_trip: RoundTrip::default(),
            throttle: Throttle::default(),
            window_share: WindowShare::default(),
            loss: PacketLoss::default(),
            last_acknowledged: now,
            last_asked: Time::ZERO,
            last_heard: Time::ZERO,
            spoke_since: false,
            settings: None,
            max_waiting_data: config.max_waiting_data,
            queued_since_round: 0,
            told_bandwidth: None,
            last_control: 1,
            was_slandered: false,
            fast_retransmit: config.fast_retransmit,
            openings: None,
            confirmed: true,
            proof: None,
            has_first_ack_to_come: false,
            dialled: false,
            silent: false,
            too_slow: false,
            ended: None,
            totals: Totals::default(),
            ready: false,
            due: Time::NEVER,
            scheduled: Time::NEVER,
        }
    }

    /// Where the other side is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.identity.address
    }

    /// The address of this host that the other side speaks with; `None` until it has answered, and where the socket does not tell:
    /// it tells where it is bound to all addresses of the machine.
    #[must_use]
    pub fn local_address(&self) -> Option<IpAddr> {
        self.local
    }

    /// The state of the connection.
    #[must_use]
    pub fn state(&self) -> PeerState {
        self.state
    }

    /// How many channels the connection has; until it is connected, how many were asked for.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        usize::from(self.agreement.channel_count)
    }

    /// The largest datagram of this connection, in bytes of UDP payload.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        self.agreement.mtu
    }

    /// How much reliable data may be in flight towards the peer at most, in bytes.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.agreement.window
    }

    /// How much of the [`window`](Peer::window) may be used now, in bytes: less of it while round trips take longer than they did,
    /// much is lost or a bandwidth limit asks for it, but always a datagram.
    #[must_use]
    pub fn usable_window(&self) -> u32 {
        let share = self.window_share.of(self.agreement.window);
        share.max(self.agreement.mtu.into())
    }

    /// The other side's limits for what it receives and sends, in bytes per second, 0 for none.
    #[must_use]
    pub fn bandwidth(&self) -> (u32, u32) {
        (self.agreement.incoming_bandwidth, self.agreement.outgoing_bandwidth)
    }

    /// What was passed along with the CONNECT, by whichever side dialled.
    #[must_use]
    pub fn connect_data(&self) -> u32 {
        self.connect_data
    }

    /// The mean round trip time; 500 ms before it was measured.
    #[must_use]
    pub fn round_trip_time(&self) -> Duration {
        self.round_trip.mean()
    }

    /// Bytes of packets queued or unacknowledged, with what their bookkeeping costs.
    #[must_use]
    pub fn queued_data(&self) -> usize {
        self.busy.outbox.held()
    }

    /// Bytes received and not taken by the program, with what their bookkeeping costs.
    #[must_use]
    pub fn waiting_data(&self) -> usize {
        self.busy.inbox.waiting()
    }

    /// All figures at once.
    #[must_use]
    pub fn statistics(&self) -> PeerStatistics {
        let [
            round_trip_time,
            round_trip_time_variance,
            last_round_trip_time,
            last_round_trip_time_variance,
        ] = self.round_trip.in_millis();
        let since_epoch = |time: Option<Time>| time.unwrap_or_default().saturating_since(Time::ZERO);
        PeerStatistics {
            packet_loss: self.loss.mean(),
            packet_loss_variance: self.loss.variance(),
            packet_loss_epoch: since_epoch(self.loss.epoch()),
            round_trip_time,
            round_trip_time_variance,
            last_round_trip_time,
            last_round_trip_time_variance,
            packet_throttle: self.throttle.value(),
            packet_throttle_limit: self.throttle.limit(),
            packet_throttle_counter: self.throttle.counter(),
            packet_throttle_epoch: since_epoch(self.round_trip.interval_began()),
            packet_throttle_acceleration: self.throttle.acceleration,
            packet_throttle_deceleration: self.throttle.deceleration,
            packet_throttle_interval: self.throttle.interval,
            datagrams_sent: self.datagram,
            bytes_sent: self.totals.bytes_sent,
            datagrams_received: self.totals.datagrams_received,
            bytes_received: self.totals.bytes_received,
            commands_resent: self.totals.commands_resent,
            packets_throttled: self.totals.packets_throttled,
            bytes_in_flight: self.busy.in_flight,
            bytes_queued: self.busy.outbox.held(),
            bytes_waiting: self.busy.inbox.waiting(),
        }
    }

    /// The way of datagrams to the other side.
    pub(crate) fn path(&self) -> Path {
        Path {
            remote: self.identity.address,
            local: self.local,
        }
    }

    /// A datagram of the connection has come to the address `local` of this host. The first one counts: the other side knows no other
    /// address, and nobody who forges a datagram can say otherwise.
    pub(crate) fn arrived_at(&mut self, local: Option<IpAddr>) {
        if self.local.is_none() && self.identity.outgoing_id != PeerId::NONE {
            self.local = local;
        }
    }

    /// Whether packets and pings can be exchanged.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, PeerState::Connected | PeerState::DisconnectLater)
    }

    /// Why the connection is over, if it is.
    pub(crate) fn ended(&self) -> Option<DisconnectReason> {
        self.ended
    }

    /// Notes that the connection is over; the first reason counts.
    pub(crate) fn end(&mut self, reason: DisconnectReason) {
        self.state = PeerState::Disconnected;
        self.ended.get_or_insert(reason);
    }

    pub(crate) fn count_received(&mut self, now: Time, bytes: usize) {
        self.last_heard = now;
        self.totals.datagrams_received += 1;
        self.totals.bytes_received += bytes as u64;
    }

    /// The handshake is over; its `VERIFY_CONNECT` took the first of the connection's own numbers.
    pub(crate) fn handshake_done(&mut self, now: Time, sample: Option<Duration>) {
        self.busy.control.number_reliable(1);
        self.dialled = true;
        self.silent = true;
        if let Some(sample) = sample {
            self.round_trip.sample(now, sample, self.throttle.interval());
        }
    }

    /// Sets the most that the throttle may rise to, and the window's share with it; whether it was another one.
    pub(crate) fn limit_throttle(&mut self, limit: u32) -> bool {
        let before = self.throttle.limit();
        self.throttle.set_limit(limit);
        self.window_share.limit(self.throttle.limit());
        self.throttle.limit() != before
    }

    /// Drops everything queued, sent and received in part, but not the acknowledgements that are owed: what has arrived and was told
    /// to the program has arrived.
    pub(crate) fn reset_queues(&mut self) {
        let busy = &mut *self.busy;
        self.channels.clear(&mut busy.inbox);
        busy.control.clear();
        busy.outbox.clear();
        busy.retransmission.clear();
        busy.in_flight = 0;
    }

    /// Whether reliable commands of this peer wait to leave or to be acknowledged.
    fn has_unacknowledged(&self) -> bool {
        self.busy.has_unacknowledged()
    }

    fn settings(&self) -> &Settings {
        self.settings.as_deref().unwrap_or(&DEFAULT_SETTINGS)
    }

    fn settings_mut(&mut self) -> &mut Settings {
        self.settings.get_or_insert_with(|| Box::new(DEFAULT_SETTINGS.clone()))
    }

    fn ping_interval(&self) -> Duration {
        self.settings().ping_interval
    }

    /// How much received data may wait, in bytes; `share` is what the limit is reduced to while the host as a whole holds too much.
    pub(crate) fn room(&self, share: usize) -> usize {
        self.max_waiting_data.min(share)
    }

    fn retransmission_deadline(&self) -> Option<Time> {
        self.busy
            .retransmission
            .deadline(self.round_trip.timeout(), self.earliest_timeout())
    }

    /// Before this no command that was sent once is due again: as long as acknowledgements come in, the other side is working
    /// through what it got, and has not come to the later ones yet. What is lost meanwhile is overtaken. Where that counts for
    /// nothing, acknowledgements of others must not keep it from its turn.
    fn earliest_timeout(&self) -> Time {
        if !self.fast_retransmit {
            return Time::ZERO;
        }
        self.last_acknowledged + round_trip::LEAST_TIMEOUT_MARGIN
    }

    /// When something is to be done although nothing arrives.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let ping = (self.is_live() && !self.has_unacknowledged()).then(|| self.ping_due());
        if !self.busy.is_taken() {
            return ping;
        }
        let busy = &*self.busy;
        let acknowledge = busy.acknowledge_by.filter(|_| !busy.outbox.acknowledgements.is_empty());
        let doubt = busy.doubt.map(|doubt| doubt.deadline());
        [
            self.retransmission_deadline(),
            self.given_up_at(),
            ping,
            acknowledge,
            doubt,
            busy.outbox.full_until(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.busy.retransmission.overdue().is_some() {
            let late = self.deadline().map_or(Duration::ZERO, |due| now.saturating_since(due));
            self.busy.retransmission.forgive(late);
        }
        if self.settle_doubt(now) {
            return;
        }
        self.expire_commands(now);
        self.too_slow = self.busy.outbox.is_stuck(now);
        if self.too_slow {
            self.end(DisconnectReason::TimedOut);
            return;
        }
        if self.given_up_at().is_some_and(|at| at <= now) {
            self.end(self.reason_of_silence(now));
            return;
        }
        if self.is_live() && !self.has_unacknowledged() && self.ping_due() <= now {
            self.ping();
        }
    }

    /// Why nothing was acknowledged for so long.
    fn reason_of_silence(&self, now: Time) -> DisconnectReason {
        let busy = &*self.busy;
        let silence = busy.retransmission.overdue().map(|began| now.saturating_since(began));
        // It was heard in the later half of the time.
        let is_there = silence.is_some_and(|silence| now.saturating_since(self.last_heard) * 2 <= silence);
        let mut unanswered = busy
            .retransmission
            .oldest()
            .filter_map(|id| self.in_flight(id))
            .peekable();
        let any = unanswered.peek().is_some();
        if any && is_there && self.is_live() && unanswered.all(|command| command.payload.len() > SURE_PAYLOAD) {
            DisconnectReason::LargeDatagramsLost
        } else {
            DisconnectReason::TimedOut
        }
    }

    fn in_flight(&self, id: CommandId) -> Option<&InFlight> {
        let outgoing = match id.channel {
            crate::wire::CONNECTION_CHANNEL => &self.busy.control,
            channel => &self.channels.get(channel)?.outgoing,
        };
        outgoing.in_flight(id.position)
    }

    /// When a PING is due if nothing is acknowledged until then.
    ///
    /// Whoever asks is there, so there is no need to ask back. But a program that sends wants its throttle to follow the round
    /// trip time, which only an acknowledgement tells.
    fn ping_due(&self) -> Time {
        let interval = self.ping_interval();
        let usual = self.last_acknowledged + interval;
        // A throttle that was lowered rises with acknowledgements alone.
        let is_throttled = self.throttle.value() < self.throttle.limit();
        if self.last_asked == Time::ZERO || !self.confirmed || self.silent || self.spoke_since || is_throttled {
            return usual;
        }
        // Two that ask at the same time never hear of it early enough, so one of them is the more patient. And who asks does so an
        // interval after the last answer, which has been under way for a round trip.
        let patience = self.round_trip.mean() + if self.dialled { interval / 4 } else { interval / 8 };
        let longest = self.last_acknowledged + interval.saturating_mul(MOST_INTERVALS);
        usual.max(self.last_asked + interval + patience).min(longest)
    }

    /// The other side has sent a PING that it had not sent before. The own one travels with the acknowledgement when it would be
    /// due before long.
    fn asked(&mut self, now: Time) {
        self.last_asked = now;
        let soon = self.last_acknowledged + self.ping_interval().saturating_mul(MOST_INTERVALS - 1);
        if soon <= now && !self.has_unacknowledged() {
            self.ping();
        }
    }

    fn outgoing_mut(&mut self, channel: u8) -> Option<&mut Outgoing> {
        if channel == crate::wire::CONNECTION_CHANNEL {
            Some(&mut self.busy.control)
        } else {
            self.channels.get_mut(channel).map(|channel| &mut channel.outgoing)
        }
    }
}
