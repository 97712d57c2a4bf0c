//! Sharing the host's bandwidth between its peers, once a second.

use std::time::Duration;

use super::Host;
use crate::peer::THROTTLE_SCALE;
use crate::time::Time;

/// How often the shares are computed (ENet's `ENET_HOST_BANDWIDTH_THROTTLE_INTERVAL`).
const INTERVAL: Duration = Duration::from_secs(1);

/// When and why the next round is due.
#[derive(Debug)]
pub(super) struct BandwidthRounds {
    last: Time,
    /// Peers came or went, or limits changed: the others may have to be told.
    pub(super) changed: bool,
    /// Some peer has a limit of its own.
    pub(super) limited: bool,
}

impl BandwidthRounds {
    pub(super) fn new(now: Time) -> BandwidthRounds {
        BandwidthRounds {
            last: now,
            changed: false,
            limited: false,
        }
    }
}

/// A peer's part in a round.
struct Share {
    peer: super::PeerHandle,
    queued: u64,
    /// The other side's limits in bytes per second.
    incoming: u32,
    outgoing: u32,
    done: bool,
}

impl Host {
    /// When the next round is due; there is none without limits to keep or to tell.
    pub(super) fn next_bandwidth_round(&self) -> Option<Time> {
        let rounds = &self.bandwidth;
        let limits = self.config.incoming_bandwidth > 0 || self.config.outgoing_bandwidth > 0 || rounds.limited;
        let needed = !self.peers.is_empty() && (limits || rounds.changed);
        needed.then(|| rounds.last + INTERVAL)
    }

    pub(super) fn bandwidth_round(&mut self, now: Time) {
        let elapsed = now.saturating_since(self.bandwidth.last).as_millis() as u64;
        self.bandwidth.last = now;
        let mut shares: Vec<Share> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.is_live())
            .map(|(handle, peer)| Share {
                peer: handle,
                queued: peer.queued_since_round,
                incoming: peer.agreement.incoming_bandwidth,
                outgoing: peer.agreement.outgoing_bandwidth,
                done: false,
            })
            .collect();
        self.bandwidth.limited = shares.iter().any(|share| share.incoming > 0);
        self.share_outgoing(&mut shares, elapsed);
        if std::mem::take(&mut self.bandwidth.changed) {
            self.share_incoming(&mut shares);
        }
    }

    /// Sets each peer's throttle limit so that together they keep to the outgoing bandwidth, and each to its own limit.
    fn share_outgoing(&mut self, shares: &mut [Share], elapsed: u64) {
        let scale = u64::from(THROTTLE_SCALE);
        let unlimited = self.config.outgoing_bandwidth == 0;
        let mut budget = u64::from(self.config.outgoing_bandwidth) * elapsed / 1000;
        let mut total: u64 = shares.iter().map(|share| share.queued).sum();
        let mut throttle;
        loop {
            throttle = if unlimited || total <= budget {
                scale
            } else {
                budget * scale / total
            };
            let mut adjusted = false;
            for share in shares.iter_mut().filter(|share| share.incoming > 0 && !share.done) {
                let own = u64::from(share.incoming) * elapsed / 1000;
                if throttle * share.queued / scale <= own {
                    continue;
                }
                share.done = true;
                adjusted = true;
                self.set_throttle_limit(share.peer, (own * scale / share.queued).max(1) as u32);
                budget = budget.saturating_sub(own);
                total -= share.queued;
            }
            if !adjusted {
                break;
            }
        }
        for share in shares.iter_mut() {
            if !std::mem::take(&mut share.done) {
                self.set_throttle_limit(share.peer, throttle as u32);
            }
        }
    }

    fn set_throttle_limit(&mut self, handle: super::PeerHandle, limit: u32) {
        if let Some(peer) = self.peers.get_mut(handle) {
            peer.throttle.set_limit(limit);
            peer.queued_since_round = 0;
        }
    }

    /// Tells the peers for whom it changed what they may send.
    fn share_incoming(&mut self, shares: &mut [Share]) {
        let mut bandwidth = self.config.incoming_bandwidth;
        let mut remaining = shares.len() as u32;
        let mut limit = 0;
        while bandwidth > 0 && remaining > 0 {
            limit = bandwidth / remaining;
            let mut adjusted = false;
            // C ENet takes a peer without a limit of its own for one that sends nothing, and so never limits it.
            for share in shares
                .iter_mut()
                .filter(|share| !share.done && (1..limit).contains(&share.outgoing))
            {
                share.done = true;
                adjusted = true;
                remaining -= 1;
                bandwidth = bandwidth.saturating_sub(share.outgoing);
            }
            if !adjusted {
                break;
            }
        }
        let own_outgoing = self.config.outgoing_bandwidth;
        for share in shares {
            let incoming = if share.done { share.outgoing } else { limit };
            let Some(peer) = self.peers.get_mut(share.peer) else {
                continue;
            };
            if peer.told_bandwidth != Some((incoming, own_outgoing)) {
                peer.tell_bandwidth(incoming, own_outgoing);
                self.touch(share.peer);
            }
        }
    }
}
