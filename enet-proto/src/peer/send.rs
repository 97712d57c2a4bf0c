//! Queueing: what the program asks for.

use bytes::Bytes;

use super::outbox::{Control, Outbox, UnreliableForm, packet_cost};
use super::transmit::size_of_control;
use super::{DEFAULT_PING_INTERVAL, Peer, PeerState, TimeoutLimits};
use crate::config::HostConfig;
use crate::error::SendError;
use crate::packet::{Packet, PacketMode};
use crate::time::Time;
use crate::wire;

impl Peer {
    /// Queues a packet, whose bytes are counted in a ledger if it is `charged`.
    ///
    /// `share` is what this peer alone may hold while the host as a whole holds too much. Buffers that others hold as well are not
    /// its fault, nor would they be free without it.
    pub(crate) fn send(
        &mut self,
        channel: u8,
        mut packet: Packet,
        charged: bool,
        now: Time,
        share: usize,
        config: &HostConfig,
    ) -> Result<(), SendError> {
        if self.state != PeerState::Connected {
            return Err(SendError::NotConnected);
        }
        if usize::from(channel) >= self.channel_count() {
            return Err(SendError::NoSuchChannel {
                channel,
                count: self.channel_count(),
            });
        }
        let size = packet.data.len();
        let step = self.fragment_size(config);
        let count = u32::try_from(size.div_ceil(step)).unwrap_or(u32::MAX).max(1);
        let most = self.most_fragments(channel, &packet);
        if size > config.max_packet_size || count > most {
            return Err(SendError::TooLarge {
                size,
                maximum: config.max_packet_size.min(step.saturating_mul(most as usize)),
            });
        }
        let outbox = &self.busy.outbox;
        let own_cost = packet_cost(if charged { 0 } else { size });
        let most = config.max_queued_data;
        let is_full = |queued: usize, cost: usize, maximum: usize| queued > 0 && queued + cost > maximum;
        let full = if is_full(outbox.held(), packet_cost(size), most) {
            Some((outbox.held(), most))
        } else if is_full(outbox.own(), own_cost, share) {
            Some((outbox.own(), share))
        } else {
            None
        };
        if let Some((queued, maximum)) = full {
            self.busy.outbox.note_full(now, maximum, config.slow_peer_timeout);
            return Err(SendError::QueueFull { queued, maximum });
        }
        if !charged {
            packet.detach();
        }
        let is_reliable = packet.mode == PacketMode::Reliable || (count > 1 && !packet.unreliable_fragments);
        // What may be lost is, and what may not waits until it is known.
        if is_reliable || !self.has_likely_left() {
            self.queue(channel, packet, count, charged);
        }
        Ok(())
    }

    /// How many fragments a packet may have.
    fn most_fragments(&self, channel: u8, packet: &Packet) -> u32 {
        let reliably = packet.mode == PacketMode::Reliable || !packet.unreliable_fragments;
        let given = self.channels.given(channel);
        if reliably || given.is_out_of_unreliable() {
            given.most_fragments()
        } else {
            // They share one number.
            wire::MAXIMUM_FRAGMENT_COUNT
        }
    }

    fn queue(&mut self, channel: u8, packet: Packet, count: u32, charged: bool) {
        let Packet {
            data,
            mode,
            unreliable_fragments,
            ..
        } = packet;
        let may_fragment = count == 1 || unreliable_fragments;
        let header = if count > 1 {
            wire::FRAGMENT_HEADER_SIZE
        } else {
            wire::UNRELIABLE_HEADER_SIZE
        };
        self.queued_since_round += (data.len() + count as usize * header) as u64;
        if mode == PacketMode::Reliable || !may_fragment {
            return self.queue_reliable(channel, data, count, charged);
        }
        if mode == PacketMode::Unsequenced && count == 1 {
            self.unsequenced_out = self.unsequenced_out.wrapping_add(1);
            let group = self.unsequenced_out;
            return self
                .lively_outbox()
                .push_unreliable(channel, data, UnreliableForm::Unsequenced { group }, charged);
        }
        let numbers = self.channels.entry(channel).outgoing.number_unreliable();
        self.channels.rest(channel);
        let Some((after, number)) = numbers else {
            // Out of unreliable numbers: a reliable packet restarts them.
            return self.queue_reliable(channel, data, count, charged);
        };
        let form = if count == 1 {
            UnreliableForm::Whole { after, number }
        } else {
            UnreliableForm::Fragments {
                after,
                number,
                count,
                next: 0,
            }
        };
        self.lively_outbox().push_unreliable(channel, data, form, charged);
    }

    fn queue_reliable(&mut self, channel: u8, data: Bytes, count: u32, charged: bool) {
        let first = self.channels.entry(channel).outgoing.number_reliable(count);
        self.lively_outbox().push_reliable(channel, first, data, count, charged);
    }

    #[inline]
    fn lively_outbox(&mut self) -> &mut Outbox {
        let busy = &mut *self.busy;
        busy.note_packet();
        &mut busy.outbox
    }

    /// The payload of the largest command that fits a datagram of this connection: what is longer goes in fragments.
    pub(crate) fn fragment_size(&self, config: &HostConfig) -> usize {
        let overhead = super::transmit::largest_header(config) + wire::FRAGMENT_HEADER_SIZE;
        usize::from(self.agreement.mtu) - overhead
    }

    /// Queues a command of the connection itself.
    pub(crate) fn queue_control(&mut self, command: Control) {
        let position = self.busy.control.number_reliable(1);
        self.queued_since_round += size_of_control(&command) as u64;
        self.busy.outbox.push_control(position, command);
    }

    pub(crate) fn ping(&mut self) {
        if self.is_live() {
            self.queue_control(Control::Ping);
        }
    }

    pub(crate) fn configure_throttle(&mut self, interval: u32, acceleration: u32, deceleration: u32) {
        if self.state == PeerState::Connecting {
            // The CONNECT has told others, and the answer must have the same.
            self.settings_mut().throttle_wanted = Some((interval, acceleration, deceleration));
            return;
        }
        self.throttle.interval = interval;
        self.throttle.acceleration = acceleration;
        self.throttle.deceleration = deceleration;
        if self.is_live() {
            self.queue_control(Control::ThrottleConfigure {
                interval,
                acceleration,
                deceleration,
            });
        }
    }

    pub(crate) fn tell_bandwidth(&mut self, incoming: u32, outgoing: u32) {
        self.told_bandwidth = Some((incoming, outgoing));
        self.queue_control(Control::BandwidthLimit { incoming, outgoing });
    }

    pub(crate) fn set_ping_interval(&mut self, interval: std::time::Duration) {
        self.settings_mut().ping_interval = if interval.is_zero() {
            DEFAULT_PING_INTERVAL
        } else {
            interval
        };
    }

    pub(crate) fn set_timeout(&mut self, limits: TimeoutLimits) {
        let default = TimeoutLimits::DEFAULT;
        self.settings_mut().timeout = TimeoutLimits {
            limit: if limits.limit == 0 { default.limit } else { limits.limit },
            minimum: if limits.minimum.is_zero() {
                default.minimum
            } else {
                limits.minimum
            },
            maximum: if limits.maximum.is_zero() {
                default.maximum
            } else {
                limits.maximum
            },
        };
    }

    /// Ends a connection that is up: everything queued is dropped, the other side is asked to confirm.
    pub(crate) fn disconnect(&mut self, data: u32) {
        debug_assert!(self.is_live());
        self.reset_queues();
        self.state = PeerState::Disconnecting;
        self.queue_control(Control::Disconnect { data });
    }

    /// Ends a connection that is up as soon as nothing is queued or unacknowledged.
    pub(crate) fn disconnect_later(&mut self, data: u32) {
        debug_assert!(self.is_live());
        self.disconnect_data = data;
        self.state = PeerState::DisconnectLater;
        self.disconnect_if_drained();
    }

    /// In `DisconnectLater`: goes on to disconnect if there is nothing left to wait for.
    pub(super) fn disconnect_if_drained(&mut self) {
        let drained = !self.busy.outbox.has_commands() && !self.has_unacknowledged();
        if self.state == PeerState::DisconnectLater && drained {
            self.disconnect(self.disconnect_data);
        }
    }

    /// The number for an unsequenced DISCONNECT, the next of the connection's own.
    pub(crate) fn number_notice(&mut self) -> u16 {
        self.busy.control.number_reliable(1).wire()
    }
}
