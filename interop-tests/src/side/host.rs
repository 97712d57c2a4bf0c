//! What both implementations can be asked for.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::compress::Compression;
use enet_proto::{HostConfig, Packet, PacketMode, PeerHandle};
use enet_tokio::Verdict;

use super::{Delivery, Event, Kind, Ours, Peer, Settings};
use crate::cenet::{self, Figure, Flags};
use crate::driver::Serve;

/// A host of either implementation.
#[derive(Debug)]
pub enum Host {
    /// Of the C library.
    C(cenet::Host),
    /// Of ours.
    Ours(Ours),
}

/// Sees a datagram and who sent it; whether it is not for ENet.
pub type Intercept = Arc<dyn Fn(SocketAddr, &[u8]) -> bool + Send + Sync>;

/// What a host holds about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The state, in ENet's numbers: 5 is connected.
    pub state: u32,
    /// Channels of the connection.
    pub channels: usize,
    /// The largest datagram, in bytes.
    pub mtu: u32,
    /// The mean round trip time, in milliseconds.
    pub round_trip_time: u32,
    /// The share of unreliable packets that is sent, of 32.
    pub throttle: u32,
    /// The most that share may rise to.
    pub throttle_limit: u32,
    /// Interval in milliseconds, acceleration and deceleration of the throttle.
    pub throttle_settings: (u32, u32, u32),
    /// What the other side told that it receives and sends, in bytes a second; 0 for all there is.
    pub bandwidth: (u32, u32),
    /// The reliable data that may be in flight, in bytes.
    pub window: u32,
    /// The mean share of reliable commands that had to be resent, of 65536.
    pub packet_loss: u32,
}

impl Host {
    /// Makes a host.
    ///
    /// # Panics
    /// If there is no socket to be had.
    #[must_use]
    pub fn new(kind: Kind, settings: Settings) -> Host {
        Host::intercepting(kind, settings, None)
    }

    /// As [`new`](Host::new), with a function that sees every datagram first.
    ///
    /// # Panics
    /// If there is no socket to be had.
    #[must_use]
    pub fn intercepting(kind: Kind, settings: Settings, function: Option<Intercept>) -> Host {
        match kind {
            Kind::C => {
                let mut host = cenet::Host::new(cenet::Options {
                    address: Some(SocketAddrV4::new(settings.address, 0)),
                    peers: settings.peers,
                    channels: settings.channels,
                    incoming_bandwidth: settings.incoming_bandwidth,
                    outgoing_bandwidth: settings.outgoing_bandwidth,
                    checksum: settings.checksum,
                    mtu: Some(settings.mtu.into()),
                    ..cenet::Options::default()
                })
                .expect("a host of the C library");
                compress(&mut host, settings.compression);
                host.set_limits(
                    settings.duplicate_peers,
                    settings.max_packet_size,
                    settings.max_waiting_data,
                );
                if let Some(function) = function {
                    host.intercept(Arc::new(move |from, datagram| function(from.into(), datagram)));
                }
                Host::C(host)
            }
            Kind::Ours => {
                let mut config = HostConfig::default();
                config.max_peers = settings.peers;
                config.channel_limit = settings.channels;
                config.incoming_bandwidth = settings.incoming_bandwidth;
                config.outgoing_bandwidth = settings.outgoing_bandwidth;
                config.checksum = settings.checksum;
                config.compression = settings.compression;
                config.mtu = settings.mtu;
                config.duplicate_peers = settings.duplicate_peers;
                config.max_packet_size = settings.max_packet_size;
                config.max_waiting_data = settings.max_waiting_data;
                // The C library takes whatever there is memory for, also behind a packet of the largest size.
                config.max_queued_data = 1 << 30;
                let intercept = function.map(|function| {
                    enet_tokio::Intercept::new(move |from, datagram| match function(from, datagram) {
                        true => Verdict::Taken,
                        false => Verdict::Pass,
                    })
                });
                Host::Ours(Ours::new(settings.address, config, intercept))
            }
        }
    }

    /// Where it can be reached on loopback.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match self {
            Host::C(host) => host.local_addr(),
            Host::Ours(host) => (Ipv4Addr::LOCALHOST, host.endpoint.local_addr().port()).into(),
        }
    }

    /// Sends a datagram that is not ENet's from the host's socket.
    ///
    /// # Panics
    /// If it could not be sent.
    pub fn send_raw(&mut self, to: SocketAddr, datagram: &[u8]) {
        match (self, to) {
            (Host::C(host), SocketAddr::V4(to)) => assert!(host.send_raw(to, datagram), "it is sent"),
            (Host::C(_), SocketAddr::V6(_)) => panic!("the C library has IPv4 alone"),
            (Host::Ours(host), _) => {
                host.endpoint.send_raw(to, datagram.to_vec());
                host.endpoint.flush();
            }
        }
    }

    /// Begins a connection; `None` if there is no room for a peer.
    pub fn connect(&mut self, to: SocketAddr, channels: usize, data: u32) -> Option<Peer> {
        match self {
            Host::C(host) => host.connect(to, channels, data).map(Peer::C),
            Host::Ours(host) => host.endpoint.connect(to, channels, data).ok().map(Peer::Ours),
        }
    }

    /// Queues a packet; whether the host took it.
    pub fn send(&mut self, peer: Peer, channel: u8, data: &Bytes, delivery: Delivery) -> bool {
        match self {
            Host::C(host) => host.send(of_c(peer), channel, data, delivery.flags()),
            Host::Ours(host) => host
                .endpoint
                .send(of_ours(peer), channel, packet(data, delivery))
                .is_ok(),
        }
    }

    /// Queues a packet for all connected peers.
    pub fn broadcast(&mut self, channel: u8, data: &Bytes, delivery: Delivery) {
        match self {
            Host::C(host) => host.broadcast(channel, data, delivery.flags()),
            Host::Ours(host) => {
                host.endpoint.broadcast(channel, &packet(data, delivery));
            }
        }
    }

    /// Sends what is queued.
    pub fn flush(&mut self) {
        match self {
            Host::C(host) => host.flush(),
            Host::Ours(host) => host.endpoint.flush(),
        }
    }

    /// Asks a peer to part; what is queued is dropped.
    pub fn disconnect(&mut self, peer: Peer, data: u32) {
        match self {
            Host::C(host) => host.disconnect(of_c(peer), data),
            Host::Ours(host) => host.endpoint.disconnect(of_ours(peer), data),
        }
    }

    /// Parts when all that is queued has arrived.
    pub fn disconnect_later(&mut self, peer: Peer, data: u32) {
        match self {
            Host::C(host) => host.disconnect_later(of_c(peer), data),
            Host::Ours(host) => host.endpoint.disconnect_later(of_ours(peer), data),
        }
    }

    /// Parts at once, with a single notice and no event.
    pub fn disconnect_now(&mut self, peer: Peer, data: u32) {
        match self {
            Host::C(host) => host.disconnect_now(of_c(peer), data),
            Host::Ours(host) => host.endpoint.disconnect_now(of_ours(peer), data),
        }
    }

    /// Forgets a peer without telling it.
    pub fn reset(&mut self, peer: Peer) {
        match self {
            Host::C(host) => host.reset(of_c(peer)),
            Host::Ours(host) => host.endpoint.reset(of_ours(peer)),
        }
    }

    /// Sends a ping.
    pub fn ping(&mut self, peer: Peer) {
        match self {
            Host::C(host) => host.ping(of_c(peer)),
            Host::Ours(host) => host.endpoint.ping(of_ours(peer)),
        }
    }

    /// Sets how often a silent peer is pinged.
    pub fn set_ping_interval(&mut self, peer: Peer, interval: Duration) {
        match self {
            Host::C(host) => host.set_ping_interval(of_c(peer), interval),
            Host::Ours(host) => host.endpoint.set_ping_interval(of_ours(peer), interval),
        }
    }

    /// Sets when a peer that does not answer is given up.
    pub fn set_timeout(&mut self, peer: Peer, limit: u32, minimum: Duration, maximum: Duration) {
        match self {
            Host::C(host) => host.set_timeout(of_c(peer), limit, minimum, maximum),
            Host::Ours(host) => host.endpoint.set_timeout(of_ours(peer), limit, minimum, maximum),
        }
    }

    /// Sets the throttle's values on both sides.
    pub fn configure_throttle(&mut self, peer: Peer, interval: Duration, acceleration: u32, deceleration: u32) {
        match self {
            Host::C(host) => host.configure_throttle(of_c(peer), interval, acceleration, deceleration),
            Host::Ours(host) => {
                let endpoint = &host.endpoint;
                endpoint.configure_throttle(of_ours(peer), interval, acceleration, deceleration);
            }
        }
    }

    /// Limits the bandwidth from now on, in bytes a second; 0 for no limit.
    pub fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        match self {
            Host::C(host) => host.set_bandwidth_limit(incoming, outgoing),
            Host::Ours(host) => host.endpoint.set_bandwidth_limit(incoming, outgoing),
        }
    }

    /// Limits the channels of future connections.
    pub fn set_channel_limit(&mut self, limit: usize) {
        match self {
            Host::C(host) => host.set_channel_limit(limit),
            Host::Ours(host) => host.endpoint.set_channel_limit(limit),
        }
    }

    /// Sets how many peers may come from one IP address, and how many bytes a packet may have.
    pub fn set_limits(&mut self, duplicate_peers: usize, max_packet_size: usize) {
        match self {
            Host::C(host) => host.set_limits(duplicate_peers, max_packet_size, HostConfig::default().max_waiting_data),
            Host::Ours(host) => {
                host.endpoint.set_duplicate_peers(duplicate_peers);
                host.endpoint.set_max_packet_size(max_packet_size);
            }
        }
    }

    /// What it holds about a peer; `None` if that is gone.
    #[must_use]
    pub fn view(&self, peer: Peer) -> Option<View> {
        match self {
            Host::C(host) => {
                let figure = |figure| host.figure(of_c(peer), figure);
                (figure(Figure::State) != 0).then(|| View {
                    state: figure(Figure::State),
                    channels: figure(Figure::Channels) as usize,
                    mtu: figure(Figure::Mtu),
                    round_trip_time: figure(Figure::RoundTripTime),
                    throttle: figure(Figure::PacketThrottle),
                    throttle_limit: figure(Figure::PacketThrottleLimit),
                    throttle_settings: (
                        figure(Figure::PacketThrottleInterval),
                        figure(Figure::PacketThrottleAcceleration),
                        figure(Figure::PacketThrottleDeceleration),
                    ),
                    bandwidth: (figure(Figure::IncomingBandwidth), figure(Figure::OutgoingBandwidth)),
                    window: figure(Figure::Window),
                    packet_loss: figure(Figure::PacketLoss),
                })
            }
            Host::Ours(host) => host.endpoint.inspect(of_ours(peer), |peer| {
                let statistics = peer.statistics();
                View {
                    state: peer.state() as u32,
                    channels: peer.channel_count(),
                    mtu: peer.mtu().into(),
                    round_trip_time: statistics.round_trip_time,
                    throttle: statistics.packet_throttle,
                    throttle_limit: statistics.packet_throttle_limit,
                    throttle_settings: (
                        statistics.packet_throttle_interval,
                        statistics.packet_throttle_acceleration,
                        statistics.packet_throttle_deceleration,
                    ),
                    bandwidth: peer.bandwidth(),
                    window: peer.window(),
                    packet_loss: statistics.packet_loss,
                }
            }),
        }
    }

    /// Commands refused as too much waited; only ours counts them.
    #[must_use]
    pub fn refused(&self) -> Option<u64> {
        match self {
            Host::C(_) => None,
            Host::Ours(host) => Some(host.endpoint.statistics().host.limits.waiting_data),
        }
    }

    /// Commands sent again to a peer; only ours counts them.
    #[must_use]
    pub fn resent(&self, peer: Peer) -> Option<u64> {
        match self {
            Host::C(_) => None,
            Host::Ours(host) => host
                .endpoint
                .inspect(of_ours(peer), |peer| peer.statistics().commands_resent),
        }
    }

    /// Datagrams received, from anybody.
    #[must_use]
    pub fn datagrams_received(&self) -> u64 {
        match self {
            Host::C(host) => host.totals().received_packets,
            Host::Ours(host) => host.endpoint.statistics().host.datagrams_received,
        }
    }

    /// What the C library holds about a peer.
    ///
    /// # Panics
    /// If this is no host of the C library.
    #[must_use]
    pub fn figure(&self, peer: Peer, figure: Figure) -> u32 {
        match self {
            Host::C(host) => host.figure(of_c(peer), figure),
            Host::Ours(_) => panic!("only the C library has ENet's own figures"),
        }
    }
}

impl Serve for Host {
    type Event = Event;

    fn serve(&mut self) -> Option<Event> {
        match self {
            Host::C(host) => host.serve().map(from_c),
            Host::Ours(host) => host.serve().map(from_ours),
        }
    }
}

fn compress(host: &mut cenet::Host, compression: Compression) {
    if compression == Compression::RangeCoder {
        host.compress_with_range_coder();
        return;
    }
    let Some((mut compressor, mut opener)) = compression.compressor().zip(compression.compressor()) else {
        return;
    };
    host.compress_with(
        move |input, limit| {
            let mut output = Vec::new();
            compressor.compress(input, limit, &mut output).then_some(output)
        },
        move |input, limit| {
            let mut output = Vec::new();
            opener.decompress(input, limit, &mut output).then_some(output)
        },
    );
}

fn from_c(event: cenet::Event) -> Event {
    match event {
        cenet::Event::Connected { peer, data } => Event::Connected {
            peer: Peer::C(peer),
            data,
        },
        cenet::Event::Disconnected { peer, data } => Event::Disconnected {
            peer: Peer::C(peer),
            data,
        },
        cenet::Event::Received {
            peer,
            channel,
            data,
            flags,
        } => Event::Received {
            peer: Peer::C(peer),
            channel,
            data,
            delivery: if flags.contains(Flags::RELIABLE) {
                Delivery::Reliable
            } else if flags.contains(Flags::UNSEQUENCED) {
                Delivery::Unsequenced
            } else if flags.contains(Flags::UNRELIABLE_FRAGMENT) {
                Delivery::UnreliableFragments
            } else {
                Delivery::Unreliable
            },
        },
    }
}

fn from_ours(event: enet_proto::Event) -> Event {
    match event {
        enet_proto::Event::Connected { peer, data } => Event::Connected {
            peer: Peer::Ours(peer),
            data,
        },
        enet_proto::Event::Disconnected { peer, reason } => Event::Disconnected {
            peer: Peer::Ours(peer),
            data: reason.data(),
        },
        enet_proto::Event::Received { peer, channel, packet } => Event::Received {
            peer: Peer::Ours(peer),
            channel,
            delivery: match packet.mode {
                PacketMode::Reliable => Delivery::Reliable,
                PacketMode::Unsequenced => Delivery::Unsequenced,
                PacketMode::Unreliable if packet.unreliable_fragments => Delivery::UnreliableFragments,
                PacketMode::Unreliable => Delivery::Unreliable,
            },
            data: packet.data,
        },
    }
}

fn packet(data: &Bytes, delivery: Delivery) -> Packet {
    let data = data.clone();
    match delivery {
        Delivery::Reliable => Packet::reliable(data),
        Delivery::Unreliable => Packet::unreliable(data),
        Delivery::Unsequenced => Packet::unsequenced(data),
        Delivery::UnreliableFragments => Packet::unreliable(data).with_unreliable_fragments(),
        Delivery::UnsequencedFragments => Packet::unsequenced(data).with_unreliable_fragments(),
    }
}

fn of_c(peer: Peer) -> cenet::Peer {
    match peer {
        Peer::C(peer) => peer,
        Peer::Ours(_) => panic!("a peer of another host"),
    }
}

fn of_ours(peer: Peer) -> PeerHandle {
    match peer {
        Peer::Ours(peer) => peer,
        Peer::C(_) => panic!("a peer of another host"),
    }
}
