//! Acting on one peer.

use std::ops::Deref;
use std::time::Duration;

use super::{Host, PeerHandle};
use crate::error::SendError;
use crate::packet::Packet;
use crate::peer::{Peer, PeerState, TimeoutLimits};

/// A peer of a host, to act on. Reads like a [`Peer`].
#[derive(Debug)]
pub struct PeerMut<'a> {
    host: &'a mut Host,
    handle: PeerHandle,
}

impl<'a> PeerMut<'a> {
    pub(super) fn new(host: &'a mut Host, handle: PeerHandle) -> Option<PeerMut<'a>> {
        host.peers.contains_key(handle).then_some(PeerMut { host, handle })
    }

    /// Queues a packet on a channel.
    ///
    /// # Errors
    /// See [`SendError`]; the packet was not taken then.
    pub fn send(&mut self, channel: u8, packet: Packet) -> Result<(), SendError> {
        self.queue(channel, packet, false)
    }

    /// Queues a packet whose bytes are [charged](crate::Ledger::charge) to the host's [ledger](Host::ledger) or a child of it, as
    /// others are to get it as well: they count for this peer's own queue, but not once more in the total of the host.
    ///
    /// # Errors
    /// See [`SendError`]; the packet was not taken then.
    pub fn send_charged(&mut self, channel: u8, packet: Packet) -> Result<(), SendError> {
        self.queue(channel, packet, true)
    }

    fn queue(&mut self, channel: u8, packet: Packet, charged: bool) -> Result<(), SendError> {
        let share = self.host.share();
        let Host {
            peers,
            spare_parts,
            config,
            now,
            statistics,
            held,
            ..
        } = &mut *self.host;
        let peer = &mut peers[self.handle];
        let in_line = peer.ready;
        if !in_line {
            peer.busy.lend(spare_parts);
        }
        let sent = peer.send(channel, packet, charged, *now, share, config);
        if let Err(SendError::QueueFull { maximum, .. }) = sent {
            let limits = &mut statistics.limits;
            if maximum == share {
                limits.held_data += 1;
            } else {
                limits.queued_data += 1;
            }
        }
        if in_line && sent.is_ok() {
            // The rest is looked at when it has sent.
            peer.busy.count_held(held);
        } else {
            self.host.touch(self.handle);
        }
        sent
    }

    /// Ends the connection. What is queued is dropped, the other side is told `data` and asked to confirm; a
    /// [`Disconnected`](crate::Event::Disconnected) event follows when it has, or has not for too long. A peer that is not
    /// connected yet is gone at once, without an event. One that is already leaving goes on leaving.
    pub fn disconnect(mut self, data: u32) {
        match self.state() {
            PeerState::Connected | PeerState::DisconnectLater => {
                self.peer().disconnect(data);
                self.host.touch(self.handle);
            }
            PeerState::Disconnecting | PeerState::AcknowledgingDisconnect => {}
            _ => self.leave(data),
        }
    }

    /// Ends the connection as [`disconnect`](Self::disconnect) does, but only when everything queued has arrived. Until then
    /// nothing more can be sent, and what is received is dropped. Asked for again it is the same, with the new `data`.
    pub fn disconnect_later(mut self, data: u32) {
        if self.is_live() {
            self.peer().disconnect_later(data);
            self.host.touch(self.handle);
        } else {
            self.disconnect(data);
        }
    }

    /// Ends the connection at once: the other side is told `data` in a single datagram that may get lost, and there is no
    /// event here.
    pub fn disconnect_now(mut self, data: u32) {
        self.leave(data);
    }

    /// Forgets the peer at once, without telling it: it will time out. There is no event.
    pub fn reset(self) {
        self.host.remove(self.handle);
    }

    /// Asks [`Host::poll_room`] to name this peer once no more than `queued` bytes are queued or unacknowledged towards it, at
    /// once if so it is. The last call counts.
    pub fn notify_room(&mut self, queued: usize) {
        self.peer().busy.room_wanted = Some(queued);
        self.host.touch(self.handle);
    }

    /// Asks for an acknowledgement now.
    pub fn ping(&mut self) {
        self.peer().ping();
        self.host.touch(self.handle);
    }

    /// Sets how long no acknowledgement may come before one is asked for; zero for the default of 500 ms. A peer that asks by itself
    /// is asked less often: see [`HostConfig::frugal_pings`](crate::HostConfig::frugal_pings).
    pub fn set_ping_interval(&mut self, interval: Duration) {
        self.peer().set_ping_interval(interval);
        self.host.touch(self.handle);
    }

    /// Sets when an unanswered peer is given up: when its oldest unacknowledged command is `maximum` old, or `minimum` old and old
    /// enough for a time-out that doubles each time, as that of stock hosts, to have grown `limit`-fold. Zeros stand for the
    /// defaults: 32, 5 s, 30 s.
    pub fn set_timeout(&mut self, limit: u32, minimum: Duration, maximum: Duration) {
        self.peer().set_timeout(TimeoutLimits {
            limit,
            minimum,
            maximum,
        });
        self.host.touch(self.handle);
    }

    /// Sets how this side and the other adapt their throttle: how often the reference round trip time is renewed, and by how
    /// much, of 32, the throttle rises and falls.
    pub fn configure_throttle(&mut self, interval: Duration, acceleration: u32, deceleration: u32) {
        let interval = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        self.peer().configure_throttle(interval, acceleration, deceleration);
        self.host.touch(self.handle);
    }

    /// Sets whether received packets become events. While not, they stay with the peer, up to
    /// [`max_waiting_data`](crate::HostConfig::max_waiting_data); then the other side has to wait. When the
    /// connection ends they become events before [`Disconnected`](crate::Event::Disconnected).
    ///
    /// Turning it on makes events of all that were held. A program that has not room for so many
    /// [takes](Self::take_held) them first.
    pub fn set_receiving(&mut self, receiving: bool) {
        let Host { peers, events, .. } = &mut *self.host;
        peers[self.handle]
            .busy
            .inbox
            .set_receiving(receiving, self.handle, events);
    }

    /// Makes events of the first packets that are held while packets do not [become events](Self::set_receiving), of one at least
    /// and of no more when they have `bytes` with what their bookkeeping costs. When none is held any more packets become events
    /// again. Whether some are still held.
    pub fn release_held(&mut self, bytes: usize) -> bool {
        let Host { peers, events, .. } = &mut *self.host;
        peers[self.handle].busy.inbox.release_held(bytes, self.handle, events)
    }

    /// Lets `bytes` more wait than [`max_waiting_data`](crate::HostConfig::max_waiting_data) while packets do not [become
    /// events](Self::set_receiving), until some do. So the other side hears from this one although the program has no room yet: a
    /// stock peer gives up when something is not acknowledged for some seconds.
    pub fn lend_room(&mut self, bytes: usize) {
        self.host.peers[self.handle].busy.inbox.lend(bytes);
    }

    /// The first packet that is held while packets do not [become events](Self::set_receiving), and its channel. Those after it
    /// stay, and count for what the peer may have waiting.
    pub fn take_held(&mut self) -> Option<(u8, Packet)> {
        let Host { peers, held, .. } = &mut *self.host;
        let busy = &mut peers[self.handle].busy;
        let taken = busy.inbox.take_held();
        busy.count_held(held);
        taken
    }

    /// Gives back a packet of an event for which the program has no room after all: it is held, behind those that are. To be
    /// called while packets do not [become events](Self::set_receiving), for each event of this peer in its order; those that
    /// had become events before that was set are still polled.
    pub fn put_back(&mut self, channel: u8, packet: Packet) {
        let Host { peers, held, .. } = &mut *self.host;
        let busy = &mut peers[self.handle].busy;
        busy.inbox.hold(channel, packet);
        busy.count_held(held);
    }

    fn peer(&mut self) -> &mut Peer {
        &mut self.host.peers[self.handle]
    }

    fn leave(&mut self, data: u32) {
        let Some(mut peer) = self.host.remove(self.handle) else {
            return;
        };
        if peer.state() == PeerState::Disconnected {
            return;
        }
        let path = peer.path();
        let mut datagram = Vec::new();
        peer.notice(&mut self.host.sender(), data, &mut datagram);
        self.host.loose.push_back((path, datagram.into()));
    }
}

impl Deref for PeerMut<'_> {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.host.peers[self.handle]
    }
}
