//! `RustENetPacketPeer`, in place of `ENetPacketPeer`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use enet_tokio::Bytes;
use godot::classes::{IPacketPeerExtension, PacketPeerExtension};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;

use super::enums::{DisconnectReason, PeerState, PeerStatistic};
use super::handed_out::HandedOut;
use crate::net::{PeerLink, SendRefusal, flags_of, lock, packet_with_flags};

/// What `get_max_packet_size` says, as `ENetPacketPeer` does; larger packets are sent as well.
pub(super) const MAX_PACKET_SIZE: i32 = 1 << 24;

/// One end of a connection of a [RustENetConnection], as [ENetPacketPeer] is of an [ENetConnection].
///
/// It comes from [method RustENetConnection.get_peers], [method RustENetConnection.connect_to_host],
/// [method RustENetConnection.service] or [method RustENetMultiplayerPeer.get_peer] and cannot be made by scripts. When the
/// connection is over it is inactive, and its methods print an error; why it ended can still be asked.
#[derive(GodotClass)]
#[class(no_init, base = PacketPeerExtension, tool)]
pub(crate) struct RustENetPacketPeer {
    link: Arc<PeerLink>,
    handed_out: Mutex<HandedOut>,
    base: Base<PacketPeerExtension>,
}

#[godot_api]
impl RustENetPacketPeer {
    /// The scale of the statistic [code]PEER_PACKET_LOSS[/code]: this means that every packet is lost.
    #[constant]
    const PACKET_LOSS_SCALE: i32 = 65_536;
    /// The scale of the statistic [code]PEER_PACKET_THROTTLE[/code]: this means that every unreliable packet is sent.
    #[constant]
    const PACKET_THROTTLE_SCALE: i32 = 32;
    /// The packet arrives, and in the order sent.
    #[constant]
    const FLAG_RELIABLE: i32 = 1;
    /// The packet may be lost, and may arrive out of order.
    #[constant]
    const FLAG_UNSEQUENCED: i32 = 2;
    /// A packet too large for one datagram may be sent in unreliable parts; else it goes reliably.
    #[constant]
    const FLAG_UNRELIABLE_FRAGMENT: i32 = 8;

    /// Asks the other side to end the connection. What is queued is dropped. [param data] reaches the other side. The connection
    /// ends when the other side has agreed.
    #[func(gd_self)]
    fn peer_disconnect(this: Gd<Self>, #[opt(default = 0)] data: i64) {
        let me = this.bind();
        if me.check() {
            me.link.disconnect(as_u32(data));
        }
    }

    /// Ends the connection as [method peer_disconnect] does, when all that is queued has arrived.
    #[func(gd_self)]
    fn peer_disconnect_later(this: Gd<Self>, #[opt(default = 0)] data: i64) {
        let me = this.bind();
        if me.check() {
            me.link.disconnect_later(as_u32(data));
        }
    }

    /// Ends the connection at once. The other side is told in one datagram, which may get lost; there is no event here.
    #[func(gd_self)]
    fn peer_disconnect_now(this: Gd<Self>, #[opt(default = 0)] data: i64) {
        let me = this.bind();
        if me.check() {
            me.link.disconnect_now(as_u32(data));
        }
    }

    /// Asks for a sign of life, and measures the round trip time by it.
    #[func(gd_self)]
    fn ping(this: Gd<Self>) {
        let me = this.bind();
        if me.check() {
            me.link.ping();
        }
    }

    /// Sets after how many milliseconds without an acknowledgement one is asked for; 0 for the default, 500.
    #[func(gd_self)]
    fn ping_interval(this: Gd<Self>, ping_interval: i64) {
        let me = this.bind();
        if me.check() {
            me.link.set_ping_interval(millis(ping_interval));
        }
    }

    /// Ends the connection at once, without telling the other side, which finds out by a time-out.
    #[func(gd_self)]
    fn reset(this: Gd<Self>) {
        let me = this.bind();
        if me.check() {
            me.link.reset();
        }
    }

    /// Sends a packet on an ENet channel, with [param flags] out of [constant FLAG_RELIABLE], [constant FLAG_UNSEQUENCED] and
    /// [constant FLAG_UNRELIABLE_FRAGMENT].
    ///
    /// The answer is [constant ERR_BUSY] when as much is queued for the peer as may be, 32 MiB or
    /// [member RustENetMultiplayerPeer.max_queued_bytes]: nothing was sent, try again later.
    #[func(gd_self)]
    fn send(this: Gd<Self>, channel: i64, packet: PackedByteArray, flags: i64) -> Error {
        let me = this.bind();
        if !me.check() {
            return Error::ERR_UNCONFIGURED;
        }
        let channels = me.link.channels();
        let Some(number) = u8::try_from(channel)
            .ok()
            .filter(|number| usize::from(*number) <= channels)
        else {
            godot_error!("Unable to send a packet on channel {channel}: the connection has {channels} channels.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let Some(packet) = packet_with_flags(Bytes::copy_from_slice(packet.as_slice()), flags) else {
            godot_error!("Invalid flags: {flags}.");
            return Error::ERR_INVALID_PARAMETER;
        };
        if usize::from(number) == channels {
            godot_error!("Unable to send a packet on channel {channel}: the connection has {channels} channels.");
            return Error::FAILED;
        }
        answer(me.link.send_and_ask(number, packet))
    }

    /// Sets how unreliable packets are dropped when the round trip time rises: [param interval] is how often, in milliseconds,
    /// the lowest one is taken for the reference anew; the share that is sent rises and falls by [param acceleration] and
    /// [param deceleration], out of [constant PACKET_THROTTLE_SCALE]. The other side is told to do the same.
    #[func(gd_self)]
    fn throttle_configure(this: Gd<Self>, interval: i64, acceleration: i64, deceleration: i64) {
        let me = this.bind();
        if me.check() {
            let (acceleration, deceleration) = (as_u32(acceleration), as_u32(deceleration));
            me.link.configure_throttle(as_u32(interval), acceleration, deceleration);
        }
    }

    /// Sets when a peer that does not answer is given up: after [param timeout_max] milliseconds, or after
    /// [param timeout_min] when the waiting time between repetitions has grown by the factor [param timeout]. The three must
    /// rise. 0 stands for the default: 32, 5000 and 30000.
    #[func(gd_self)]
    fn set_timeout(this: Gd<Self>, timeout: i64, timeout_min: i64, timeout_max: i64) {
        let me = this.bind();
        if !me.check() {
            return;
        }
        if timeout > timeout_min || timeout_min > timeout_max {
            godot_error!(
                "The time-out limit must not be above the minimum, nor the minimum above the maximum: \
                 {timeout}, {timeout_min}, {timeout_max}."
            );
            return;
        }
        me.link
            .set_timeout(as_u32(timeout), millis(timeout_min), millis(timeout_max));
    }

    /// The flags of the next packet of this peer.
    #[func]
    fn get_packet_flags(&self) -> i64 {
        if !self.check() {
            return 0;
        }
        self.link.next_packet(flags_of).unwrap_or_else(|| {
            godot_error!("There is no packet to look at.");
            0
        })
    }

    /// The address of the other side.
    #[func]
    fn get_remote_address(&self) -> GString {
        if self.check() {
            GString::from(&self.link.address())
        } else {
            GString::new()
        }
    }

    /// The UDP port of the other side.
    #[func]
    fn get_remote_port(&self) -> i64 {
        if self.check() { i64::from(self.link.port()) } else { 0 }
    }

    /// What is measured of the connection; see the enum PeerStatistic.
    #[func(gd_self)]
    fn get_statistic(this: Gd<Self>, statistic: PeerStatistic) -> f64 {
        let me = this.bind();
        if !me.check() {
            return 0.0;
        }
        let figure = figure(&me.link, statistic.0);
        figure.unwrap_or_else(|| {
            godot_error!("There is no statistic {}.", statistic.0);
            0.0
        })
    }

    /// The state of the connection.
    #[func]
    fn get_state(&self) -> PeerState {
        PeerState(i64::from(self.link.peer_state() as u8))
    }

    /// How many ENet channels the connection has; until it is there, how many were asked for.
    #[func]
    fn get_channels(&self) -> i64 {
        if self.check() { self.link.channels() as i64 } else { 0 }
    }

    /// Whether the connection is there or coming to be.
    #[func]
    fn is_active(&self) -> bool {
        self.link.is_active()
    }

    /// Why the connection ended; [code]REASON_NONE[/code] while it is active. Not in [ENetPacketPeer].
    #[func]
    fn get_disconnect_reason(&self) -> DisconnectReason {
        DisconnectReason(self.link.farewell().map_or(0, |farewell| i64::from(farewell.why as u8)))
    }

    /// The number that the other side passed along when it ended the connection, else 0. Not in [ENetPacketPeer].
    #[func]
    fn get_disconnect_data(&self) -> i64 {
        self.link.farewell().map_or(0, |farewell| i64::from(farewell.data))
    }
}

impl RustENetPacketPeer {
    /// What scripts see of a connection.
    pub(crate) fn over(link: &Arc<PeerLink>) -> Gd<RustENetPacketPeer> {
        Gd::from_init_fn(|base| RustENetPacketPeer {
            link: link.clone(),
            handed_out: Mutex::default(),
            base,
        })
    }

    fn check(&self) -> bool {
        let active = self.link.is_active();
        if !active {
            godot_error!("The connection of this peer is over.");
        }
        active
    }

    fn put(&self, data: Bytes) -> Error {
        if !self.check() {
            return Error::ERR_UNCONFIGURED;
        }
        answer(self.link.send_and_ask(0, enet_tokio::Packet::reliable(data)))
    }
}

#[godot_api]
impl IPacketPeerExtension for RustENetPacketPeer {
    #[func(gd_self)]
    unsafe fn get_packet_rawptr(
        this: Gd<Self>,
        r_buffer: RawPtr<*mut RawPtr<*const u8>>,
        r_buffer_size: RawPtr<*mut i32>,
    ) -> Error {
        let me = this.bind();
        if !me.check() {
            return Error::ERR_UNCONFIGURED;
        }
        let Some(packet) = me.link.take_packet() else {
            return Error::ERR_UNAVAILABLE;
        };
        // SAFETY: Godot passes two valid places for the answer. The packet stays until this thread asks for the next one.
        unsafe { super::multiplayer_peer::answer_with(lock(&me.handed_out).keep(packet.data), r_buffer, r_buffer_size) }
    }

    #[func(gd_self)]
    unsafe fn put_packet_rawptr(this: Gd<Self>, p_buffer: RawPtr<*const u8>, p_buffer_size: i32) -> Error {
        // SAFETY: Godot passes a buffer of this size that is valid during the call.
        let data = unsafe { super::multiplayer_peer::read_from(p_buffer, p_buffer_size) };
        this.bind().put(data)
    }

    fn get_available_packet_count(&self) -> i32 {
        i32::try_from(self.link.waiting_packets()).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAX_PACKET_SIZE
    }
}

/// What Godot is told of a packet that was to be sent.
fn answer(sent: Result<(), SendRefusal>) -> Error {
    match sent {
        Ok(()) => Error::OK,
        Err(SendRefusal::Full) => Error::ERR_BUSY,
        Err(SendRefusal::NotConnected | SendRefusal::NoSuchChannel | SendRefusal::TooLarge) => Error::FAILED,
    }
}

/// A figure by its number in `PeerStatistic`.
fn figure(link: &PeerLink, number: i64) -> Option<f64> {
    let statistics = link.statistics();
    let fresh = statistics.is_none();
    let measured = statistics.unwrap_or_default();
    if let (11..=13, Some([interval, acceleration, deceleration])) = (number, link.throttle_to_be()) {
        let configured = [acceleration, deceleration, interval];
        return Some(f64::from(configured[number as usize - 11]));
    }
    let or = |value: u32, unmeasured: u32| f64::from(if fresh { unmeasured } else { value });
    let epoch = |since: Duration| since.as_millis() as f64;
    Some(match number {
        0 => f64::from(measured.packet_loss),
        1 => f64::from(measured.packet_loss_variance),
        2 => epoch(measured.packet_loss_epoch),
        3 => or(measured.round_trip_time, 500),
        4 => f64::from(measured.round_trip_time_variance),
        5 => or(measured.last_round_trip_time, 500),
        6 => f64::from(measured.last_round_trip_time_variance),
        7 => or(measured.packet_throttle, 32),
        8 => or(measured.packet_throttle_limit, 32),
        9 => f64::from(measured.packet_throttle_counter),
        10 => epoch(measured.packet_throttle_epoch),
        11 => or(measured.packet_throttle_acceleration, 2),
        12 => or(measured.packet_throttle_deceleration, 2),
        13 => or(measured.packet_throttle_interval, 5000),
        _ => return None,
    })
}

/// Numbers on the wire have 32 bits; what is above or below wraps around, as in C.
fn as_u32(number: i64) -> u32 {
    number as u32
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::from(as_u32(number)))
}
