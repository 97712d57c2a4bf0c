//! What both styles of endpoint have in common.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::address::{Address, AddressError, check_destination, check_unicast};
use crate::config::Config;
use crate::driver::Driver;
use crate::driver::clock::Clock;
use crate::driver::shared::{Shared, Sink, State};
use crate::error::{BindError, ConnectError};
use crate::layer::encryption::Encryption;
use crate::socket::Socket;
use crate::socket::address::{Family, destination, interleave};
use enet_proto::{DisconnectReason, Host, PeerHandle};

/// How long after one address of a name the next one is tried: as the protocol does it.
const ATTEMPT_DELAY: Duration = Host::ATTEMPT_DELAY;

/// Makes what events go to, which is what tells the styles apart.
type MakeSink = fn(&Config) -> Sink;

/// Keeps an endpoint going: when the last clone is dropped it closes, as soon as the program has no handle of its connections
/// either.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    config: Config,
    local_address: SocketAddr,
    family: Family,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.with(State::let_go);
    }
}

impl Handle {
    pub(crate) async fn bind(address: &Address, config: Config, sink: MakeSink) -> Result<Handle, BindError> {
        let addresses = address.resolve().await?;
        let mut failure = None;
        for address in addresses {
            check_unicast(address)?;
            match Socket::bind(address, &config) {
                Ok(socket) => return Handle::start(socket, config, sink),
                Err(source) => failure = Some(BindError::Bind { address, source }),
            }
        }
        Err(failure.unwrap_or(BindError::Address(AddressError::Empty)))
    }

    pub(crate) fn client(mut config: Config, sink: MakeSink) -> Result<Handle, BindError> {
        config.host.accept = false;
        let socket = Socket::bind_any(&config).map_err(BindError::Socket)?;
        Handle::start(socket, config, sink)
    }

    pub(crate) fn from_socket(
        socket: std::net::UdpSocket,
        config: Config,
        sink: MakeSink,
    ) -> Result<Handle, BindError> {
        let socket = Socket::from_std(socket, &config).map_err(BindError::Socket)?;
        Handle::start(socket, config, sink)
    }

    fn start(socket: Socket, config: Config, sink: MakeSink) -> Result<Handle, BindError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| BindError::Randomness(error.into()))?;
        let clock = Clock::start();
        let (local_address, family) = (socket.local_address(), socket.family());
        let encryption = Encryption::new(&config, clock.now()).map_err(|error| BindError::Randomness(error.into()))?;
        let mut host = Host::new(config.host.clone(), seed, clock.now());
        if encryption.is_on() {
            // Nobody can forge one.
            host.set_doubt_disconnects(false);
        }
        let shared = Arc::new(Shared::new(host, clock, socket, sink(&config), encryption, &config));
        tokio::spawn(Driver::new(shared.clone()));
        Ok(Handle(Arc::new(Inner {
            shared,
            config,
            local_address,
            family,
        })))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.0.local_address
    }

    /// Acts on the state and has the driver look at what came of it.
    pub(crate) fn act<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        self.0.shared.with(|state| {
            let result = act(state);
            state.touch();
            result
        })
    }

    /// Only looks at the state.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        self.0.shared.with(look)
    }

    /// Begins to connect to the one host that is at all of `addresses`.
    pub(crate) fn dial(
        &self,
        addresses: &[SocketAddr],
        channels: usize,
        data: u32,
        then: impl FnOnce(&mut State, PeerHandle),
    ) -> Result<PeerHandle, ConnectError> {
        let destinations = self.destinations(addresses)?;
        let (first, others) = destinations.split_first().ok_or(AddressError::Empty)?;
        self.act(|state| {
            if !state.is_running() {
                return Err(ConnectError::Closed);
            }
            let peer = state.host.connect_any(*first, others, channels, data)?;
            then(state, peer);
            Ok(peer)
        })
    }

    /// Where to send for a host at `addresses`, in the order in which to try it.
    fn destinations(&self, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut failure = None;
        let usable = addresses.iter().filter_map(|address| match self.destination(*address) {
            Ok(destination) => Some(destination),
            Err(error) => {
                failure.get_or_insert(error);
                None
            }
        });
        let usable = interleave(usable);
        match failure {
            Some(failure) if usable.is_empty() => Err(failure),
            _ => Ok(usable),
        }
    }

    fn destination(&self, address: SocketAddr) -> Result<SocketAddr, ConnectError> {
        check_destination(address)?;
        if self.0.family.reaches(address) {
            Ok(destination(address))
        } else {
            Err(ConnectError::WrongFamily {
                address,
                local: self.local_address(),
            })
        }
    }

    /// Why an attempt failed that was given so long, by what the protocol says of it, if it has said anything.
    pub(crate) fn failure(
        &self,
        peer: PeerHandle,
        to: String,
        after: Duration,
        reason: Option<DisconnectReason>,
    ) -> ConnectError {
        #[cfg(feature = "dtls")]
        if let Some(error) = self.look(|state| state.encryption.failure(peer).cloned()) {
            return ConnectError::Dtls { to, error };
        }
        self.look(|state| match reason {
            _ if !state.is_running() => ConnectError::Closed,
            None if state.host.has_misunderstood(peer) => ConnectError::NotUnderstood { to },
            Some(DisconnectReason::NotUnderstood) => ConnectError::NotUnderstood { to },
            None | Some(DisconnectReason::TimedOut | DisconnectReason::LargeDatagramsLost) => {
                ConnectError::TimedOut { to, after }
            }
            Some(reason) => ConnectError::Refused { to, reason },
        })
    }

    /// How long an attempt at so many addresses may take: the last of them has the whole time-out.
    pub(crate) fn connect_timeout(&self, addresses: usize) -> Duration {
        let others = u32::try_from(addresses).unwrap_or(u32::MAX).saturating_sub(1);
        self.0.config.connect_timeout.saturating_add(ATTEMPT_DELAY * others)
    }

    /// Sends what is queued from the calling thread.
    pub(crate) fn flush(&self) {
        self.look(|state| {
            state.held = false;
            state.flush();
        });
    }

    pub(crate) async fn ended(&self) {
        poll_fn(|cx| {
            if self.look(|state| state.wait_for_end(cx)) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

/// The methods that both styles of endpoint have.
macro_rules! common_methods {
    () => {
        /// The address this endpoint is bound to, with the port that the system picked if none was asked for.
        #[must_use]
        pub fn local_addr(&self) -> std::net::SocketAddr {
            self.handle.local_address()
        }

        /// Counters of the protocol and the socket, since the endpoint was bound.
        #[must_use]
        pub fn statistics(&self) -> crate::EndpointStatistics {
            self.handle.look(|state| state.statistics())
        }

        /// Queues a packet for every connected peer and says how many took it. A peer whose queue is full, or that has no such
        /// channel, is left out. All share one buffer.
        pub fn broadcast(&self, channel: u8, packet: &enet_proto::Packet) -> usize {
            self.handle.act(|state| state.host.broadcast(channel, packet))
        }

        /// Sends a bare datagram that is no part of the protocol, to open a path through a NAT for example. It may get lost. To answer
        /// one there is [`Verdict::Reply`](crate::Verdict::Reply).
        pub fn send_raw(&self, to: std::net::SocketAddr, datagram: impl Into<bytes::Bytes>) {
            let (to, datagram) = (crate::socket::address::destination(to), datagram.into());
            self.handle.act(|state| state.send_raw(to, datagram));
        }

        /// Sends what is queued now, from the calling thread.
        ///
        /// Not needed for delivery: whatever is queued is sent as soon as the driver runs, together with all else that was
        /// queued until then. A thread outside the runtime saves the way to it by this, some 10 to 50 µs. Releases an endpoint
        /// that is [held](crate::Config::held).
        pub fn flush(&self) {
            self.handle.flush();
        }

        /// Limits what this host receives and sends, each in bytes per second, 0 for unlimited. Connected peers are told.
        pub fn set_bandwidth_limit(&self, incoming: u32, outgoing: u32) {
            self.handle
                .act(|state| state.host.set_bandwidth_limit(incoming, outgoing));
        }

        /// Limits the channels of future connections, 1 to 255.
        pub fn set_channel_limit(&self, limit: usize) {
            self.handle.act(|state| state.host.set_channel_limit(limit));
        }

        /// Sets the largest datagram of future connections, in bytes, 576 to 4096. A connection keeps what it has agreed on; so
        /// one peer can be given an MTU of its own.
        pub fn set_mtu(&self, mtu: u16) {
            self.handle.act(|state| state.host.set_mtu(mtu));
        }

        /// Sets how many peers may come from one IP address. Those who have come stay.
        pub fn set_duplicate_peers(&self, peers: usize) {
            self.handle.act(|state| state.host.set_duplicate_peers(peers));
        }

        /// Sets how many bytes a packet may have that is sent or arrives from now on.
        pub fn set_max_packet_size(&self, bytes: usize) {
            self.handle.act(|state| state.host.set_max_packet_size(bytes));
        }

        /// Sets how much received data of one peer may wait in the protocol, in bytes, on future connections.
        pub fn set_max_waiting_data(&self, bytes: usize) {
            self.handle.act(|state| state.host.set_max_waiting_data(bytes));
        }

        /// Sets whether others may connect. Those who are connected stay.
        pub fn set_accepting(&self, accepting: bool) {
            self.handle.act(|state| {
                let accepting = accepting && state.is_running();
                state.host.set_accepting(accepting);
            });
        }

        /// Sets whether a DISCONNECT is doubted that may be forged, see
        /// [`HostConfig::doubt_disconnects`](enet_proto::HostConfig::doubt_disconnects).
        pub fn set_doubt_disconnects(&self, doubt: bool) {
            self.handle.act(|state| state.host.set_doubt_disconnects(doubt));
        }

        /// Sets how datagrams are compressed; `None` for not at all. Both sides must use the same.
        pub fn set_compressor(&self, compressor: Option<Box<dyn enet_proto::compress::Compressor>>) {
            self.handle.act(|state| state.host.set_compressor(compressor));
        }

        /// Has the endpoint encrypt from now on, or, with `None`, no more. Sessions of before are ended, and connections that were made
        /// without encryption do not go on.
        ///
        /// A client that is [held](crate::Config::held) can be set up so after it was told to connect.
        ///
        /// # Errors
        ///
        /// If the system has no randomness.
        #[cfg(feature = "dtls")]
        pub fn set_dtls(&self, dtls: Option<crate::DtlsConfig>) -> std::io::Result<()> {
            self.handle.act(|state| state.set_dtls(dtls))
        }

        /// Puts a bad network between this endpoint and all others, for testing; ideal conditions take it away again. Can be
        /// changed at any time, for what is sent and received from then on. When the endpoint ends, what it has sent and is
        /// still under way leaves at once.
        #[cfg(feature = "conditions")]
        pub fn set_conditions(&self, conditions: crate::NetworkConditions) {
            self.handle.act(|state| state.impairment.set(conditions));
        }

        /// The bad network that was put between this endpoint and all others; ideal if there is none.
        #[cfg(feature = "conditions")]
        #[must_use]
        pub fn conditions(&self) -> crate::NetworkConditions {
            self.handle.look(|state| state.impairment.conditions())
        }

        /// Ends the endpoint gracefully: nobody can connect any more, what is queued is delivered, every peer is told with
        /// `data` and given time to confirm; then the socket is closed. Returns when that is done, after
        /// [`Config::linger`](crate::Config::linger) at the latest.
        ///
        /// # Cancel safety
        ///
        /// Once polled the shutdown goes on, whether it is waited for or not.
        pub async fn shutdown(&self, data: u32) {
            self.handle.act(|state| state.close(data));
            self.handle.ended().await;
        }

        /// Ends the endpoint at once: every peer is told with `data`, once and without confirmation, what is queued is lost,
        /// and the socket is closed. Returns when that is done, usually within a millisecond.
        ///
        /// # Cancel safety
        ///
        /// Once polled the shutdown goes on, whether it is waited for or not.
        pub async fn shutdown_now(&self, data: u32) {
            self.handle.act(|state| state.close_now(data));
            self.handle.ended().await;
        }

        /// As [`shutdown_now`](Self::shutdown_now), but done when it returns, from whichever thread it is called: what can be sent
        /// without waiting is sent, every peer is told, and the socket is closed, its port free for others.
        pub fn close_now(&self, data: u32) {
            self.handle.look(|state| state.finish(data));
        }

        /// Lets an endpoint that is [held](crate::Config::held) begin to send and receive.
        pub fn release(&self) {
            self.handle.act(|state| state.held = false);
        }
    };
}
pub(crate) use common_methods;
