//! What can be set on a host. Every limit that the network could strike is here.

use std::time::Duration;

use crate::compress::Compression;
use crate::wire;

/// The window that hosts of this crate agree on with each other.
const DEFAULT_WINDOW: u32 = 4 * wire::MAXIMUM_WINDOW;

/// The settings of a [`Host`](crate::Host).
///
/// The defaults are those of a stock ENet host where it has the setting, and generous elsewhere.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostConfig {
    /// How many peers that came from elsewhere may be connected at once. Those that this host dials do not count for them; with so
    /// many peers of both kinds none can be dialled. Default 4095, which is all a C host can have; ours can have any number.
    pub max_peers: usize,
    /// The most channels a connection may have, 1 to 255. Default 255.
    pub channel_limit: usize,
    /// What this host can receive, bytes per second, 0 for unlimited. Shared evenly between the peers. Default 0.
    pub incoming_bandwidth: u32,
    /// What this host may send, bytes per second, 0 for unlimited. Enforced by dropping unreliable packets and by smaller
    /// windows. Default 0.
    pub outgoing_bandwidth: u32,
    /// The largest datagram to send, in bytes of UDP payload, 576 to 4096. A connection uses the smaller one of both sides.
    /// Default 1392.
    pub mtu: u16,
    /// How many peers may come from one IP address, or one /64 of IPv6, which is what one machine has. Those that this host dials
    /// there do not count. Default 4095, as in C.
    pub duplicate_peers: usize,
    /// How many connections may come to be in a second; in a single moment as many. Those beyond it come to be later, if their
    /// clients are as patient as stock ones. When it is nearly used up, address prefixes (/24 of IPv4, /56 of IPv6) get even
    /// shares. Default 10 000.
    pub max_joins_per_second: u32,
    /// The largest packet to send or accept, in bytes. Default 32 MiB.
    pub max_packet_size: usize,
    /// How much received data of one peer may wait: packets not yet polled, packets that came too early, and packets of which
    /// fragments are missing. Each also counts for what its bookkeeping costs. Beyond it new packets are refused and, if
    /// reliable, come again. What came too early does not keep out what it waits for, so that there may be as much again in order.
    /// One packet in the making may exceed it, if the program has polled all before it. Default 32 MiB.
    pub max_waiting_data: usize,
    /// How many packets of one peer may be in the making, that is, lack fragments. A stock sender has no more than 120 reliable
    /// ones on their way. Beyond it only the packet that the others wait for may begin. Default 2048, which one peer can make
    /// cost 1.5 MiB.
    pub max_incomplete_packets: usize,
    /// How much may be queued and unacknowledged towards one peer, in bytes, before
    /// [`SendError::QueueFull`](crate::SendError::QueueFull); each packet also counts for what its bookkeeping costs. A peer
    /// with nothing queued takes a packet of any allowed size. Default 32 MiB.
    pub max_queued_data: usize,
    /// How much data of all peers together, waiting and queued, this host may hold before the heaviest are refused more: each
    /// may then only go beyond an even share of this if it is the first of its packets, and no packet in fragments may at twice
    /// this. Packets that the program has not polled count also when their sender has left; when they alone are as much, nobody
    /// may join. Default 1 GiB.
    pub max_held_data: usize,
    /// When the queue to a peer is full and a packet was refused for it, how long the peer has to acknowledge a sixteenth of
    /// [`max_queued_data`](Self::max_queued_data). One that takes longer, less than 35 KB/s by default, is disconnected as
    /// timed out: it would hold the memory for as long as it likes. Default 60 s.
    pub slow_peer_timeout: Duration,
    /// The largest window of reliable data in flight to agree on, in bytes. Stock peers agree on 65536 at most; a larger value
    /// takes effect between hosts of this crate. Default 262144: on a fast network the size of the window is what bounds the
    /// throughput. The receiver's socket needs a buffer for it: the 208 KiB that Linux gives a socket of itself hold some 90 full
    /// datagrams, or 128 KB, and what a burst loses beyond that comes again.
    pub max_window: u32,
    /// Whether datagrams carry a CRC-32. Both sides must agree; stock Godot never does. Default false.
    pub checksum: bool,
    /// How datagrams are compressed. Both sides must agree. For a kind of one's own there is
    /// [`Host::set_compressor`](crate::Host::set_compressor). Default [`Compression::None`].
    pub compression: Compression,
    /// How many bytes per second one peer may have this host make of compressed datagrams beyond 16 times their own size; as many
    /// at once. A few bytes that open to thousands cost a hundred times the work of any other datagram. Beyond it those that are
    /// small enough to open to so much are dropped, as if lost; larger ones never are. Those who are no peers share one such
    /// allowance. Default 2 MiB.
    pub max_inflation_per_second: u32,
    /// How many bytes compressed datagrams of all peers may open to in a second, and as many at once after a second without any;
    /// those of ENet's range coder count sixteen times, as they take so much longer. Besides each peer has a 64th of it for
    /// itself, so that who sends little never waits for those who send much. Beyond it datagrams are dropped, as if lost. Default
    /// 64 MiB: 4 MiB of the range coder's, and 64 KiB for each peer.
    pub max_opened_per_second: u32,
    /// Whether others may connect to this host. Default true.
    pub accept: bool,
    /// Whether a reliable command is resent as soon as later ones have been acknowledged, rather than only after its time-out.
    /// Not visible to the other side except as an earlier arrival. Default true.
    pub fast_retransmit: bool,
    /// How long acknowledgements may wait for something to travel with. The other side measures a round trip time longer by as
    /// much. Default 0: they leave with the next transmission.
    pub ack_delay: Duration,
    /// How long the first acknowledgement to a stock host that has dialled is held back; to those of this crate none is.
    ///
    /// A stock host takes the first round trip for the usual one, and for five seconds whatever takes more than twice as long for
    /// congestion, for which it drops unreliable packets. A game looks at its socket once in a frame, but now and then sees an
    /// answer within the frame: if that is its first, its own frames are congestion to it. So the first answer comes later than the
    /// next frame. Only acknowledgements wait, data does not. Default 33 ms, two frames at 60 a second; zero turns it off.
    pub first_ack_delay: Duration,
    /// Whether the PINGs of a peer stand for the own ones to it: who asks is there. As long as nothing is sent but
    /// acknowledgements and the throttle is not lowered, such a peer is pinged every fourth
    /// [`ping_interval`](crate::PeerMut::set_ping_interval) only, and its round trip time measured as often. It saves up to half
    /// of the datagrams of an idle connection. False is what stock hosts do: both sides ping, each in its own time. Default true.
    pub frugal_pings: bool,
    /// Whether a DISCONNECT that wants no acknowledgement, as `close()` of Godot sends it, is only believed when PINGs stay
    /// unanswered: for twice the time-out of a command, some 50 ms on a local network, and 2 s at most unless a round trip takes as
    /// long. It is the whole of those 2 s, and for one that wants an acknowledgement as well, when someone forges: when datagrams
    /// with a wrong id or session came from the peer's address and port in the last minute, or a farewell was disproved. Without
    /// checksums nothing else protects a player from a forged one; a true one is noticed by as much later. Meanwhile reliable packets
    /// to who said farewell wait, and others are dropped. Default true.
    pub doubt_disconnects: bool,
    /// How many connections may be in the making at a time, that is, have asked but not yet proven that they receive at their
    /// address. Each costs some 160 bytes. When full, a newcomer replaces a random one; if more than a sixteenth of all come from
    /// one address prefix (/24 of IPv4, /56 of IPv6), most likely one of those. Default 40 960, that is, at most 8 MiB: at 20 000
    /// forged attempts a second each stays for two seconds on average, many times what a client needs to answer.
    pub max_half_open: usize,
}

impl Default for HostConfig {
    fn default() -> HostConfig {
        HostConfig {
            max_peers: 4095,
            channel_limit: wire::MAXIMUM_CHANNELS,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            mtu: wire::DEFAULT_MTU,
            duplicate_peers: 4095,
            max_joins_per_second: 10_000,
            max_packet_size: 32 * 1024 * 1024,
            max_waiting_data: 32 * 1024 * 1024,
            max_incomplete_packets: 2048,
            max_queued_data: 32 * 1024 * 1024,
            max_held_data: 1024 * 1024 * 1024,
            slow_peer_timeout: Duration::from_secs(60),
            max_window: DEFAULT_WINDOW,
            checksum: false,
            compression: Compression::None,
            max_inflation_per_second: 2 * 1024 * 1024,
            max_opened_per_second: 64 * 1024 * 1024,
            accept: true,
            fast_retransmit: true,
            ack_delay: Duration::ZERO,
            first_ack_delay: Duration::from_millis(33),
            frugal_pings: true,
            doubt_disconnects: true,
            max_half_open: 40_960,
        }
    }
}

impl HostConfig {
    /// Brings every value into the range the protocol allows.
    pub(crate) fn clamped(mut self) -> HostConfig {
        self.channel_limit = self.channel_limit.clamp(wire::MINIMUM_CHANNELS, wire::MAXIMUM_CHANNELS);
        self.mtu = self.mtu.clamp(wire::MINIMUM_MTU, wire::MAXIMUM_MTU);
        self.max_window = self.max_window.max(wire::MINIMUM_WINDOW);
        self.max_packet_size = self.max_packet_size.min(u32::MAX as usize);
        self
    }
}
