//! Handing out datagrams.

use std::net::{IpAddr, SocketAddr};

use super::Host;
use crate::path::Path;
use crate::peer::Sender;
use crate::queue;
use crate::time::Time;

/// Datagrams to send, back to back in the buffer that [`Host::poll_transmit`] filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub destination: SocketAddr,
    /// The address of this host that they are to come from; `None` for the one that the system chooses.
    pub source: Option<IpAddr>,
    /// The size of each in bytes; the last may be shorter.
    pub segment_size: usize,
    /// The size of all of them in bytes.
    pub size: usize,
}

impl Host {
    /// Fills `buffer`, which is cleared first, with the next datagram, or with up to `max_datagrams` of one size for one
    /// address. Peers take turns, and all who are no peers have one turn with them. `None`: there is nothing to send now.
    ///
    /// `now` is what the datagrams say as the time at which they leave, and when their time-outs begin: pass the time of each call,
    /// not one for many, and let few datagrams be filled at a time if that takes long, as with
    /// [compression](crate::HostConfig::compression).
    pub fn poll_transmit(&mut self, now: Time, max_datagrams: usize, buffer: &mut Vec<u8>) -> Option<Transmit> {
        self.advance(now);
        buffer.clear();
        if let Some((path, datagram)) = self.loose.pop_front() {
            buffer.extend_from_slice(&datagram);
            return Some(self.count_sent(path, datagram.len(), datagram.len()));
        }
        loop {
            if let Some((path, datagram)) = self.replies.next(self.ready.len()) {
                buffer.extend_from_slice(&datagram);
                return Some(self.count_sent(path, datagram.len(), datagram.len()));
            }
            let Some(handle) = self.ready.pop_front() else { break };
            self.replies.peer_was_served();
            let Host {
                now,
                peers,
                config,
                random,
                compressor,
                scratch,
                ..
            } = &mut *self;
            let now = *now;
            let Some(peer) = peers.get_mut(handle) else { continue };
            let mut sender = Sender {
                now,
                config,
                random,
                compressor: compressor.as_deref_mut(),
                scratch,
            };
            let path = peer.path();
            let segment_size = peer.transmit(&mut sender, max_datagrams, buffer);
            peer.ready = peer.ended().is_none() && peer.has_sendable(now);
            if peer.ready {
                self.ready.push_back(handle);
            }
            self.touch(handle);
            if segment_size > 0 {
                let loose = &mut self.loose;
                self.dials
                    .sent(handle, buffer, now, |to, connect| loose.push_back((to.into(), connect)));
                return Some(self.count_sent(path, segment_size, buffer.len()));
            }
        }
        queue::shrink(&mut self.ready, queue::CROWD);
        None
    }

    /// Whether datagrams are compressed, so that each takes its time to fill.
    #[must_use]
    pub fn is_compressing(&self) -> bool {
        self.compressor.is_some()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) is likely to fill a buffer, as somebody waits for a turn. Only
    /// `poll_transmit` knows for sure, but asking this costs next to nothing.
    pub fn may_transmit(&self) -> bool {
        !self.ready.is_empty() || !self.loose.is_empty() || !self.replies.is_empty()
    }

    pub(super) fn sender(&mut self) -> Sender<'_> {
        Sender {
            now: self.now,
            config: &self.config,
            random: &mut self.random,
            compressor: self.compressor.as_deref_mut(),
            scratch: &mut self.scratch,
        }
    }

    fn count_sent(&mut self, path: Path, segment_size: usize, size: usize) -> Transmit {
        self.statistics.datagrams_sent += size.div_ceil(segment_size.max(1)).max(1) as u64;
        self.statistics.bytes_sent += size as u64;
        Transmit {
            destination: path.remote,
            source: path.local,
            segment_size: segment_size.max(1),
            size,
        }
    }
}
