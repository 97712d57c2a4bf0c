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
        self.share_outgoing(&shares, elapsed);
        if std::mem::take(&mut self.bandwidth.changed) {
            self.share_incoming(&mut shares);
        }
    }

    /// Sets each peer's throttle limit so that together they keep to the outgoing bandwidth, and each to its own limit.
    fn share_outgoing(&mut self, shares: &[Share], elapsed: u64) {
        let outgoing = u64::from(self.config.outgoing_bandwidth);
        let budget = (outgoing > 0).then(|| outgoing * elapsed / 1000);
        for (share, limit) in shares.iter().zip(throttle_limits(shares, budget, elapsed)) {
            self.set_throttle_limit(share.peer, limit);
        }
    }

    fn set_throttle_limit(&mut self, handle: super::PeerHandle, limit: u32) {
        let Some(peer) = self.peers.get_mut(handle) else { return };
        peer.queued_since_round = 0;
        if peer.limit_throttle(limit) {
            self.touch(handle);
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

/// The throttle limit of each share: what a limit of its own leaves, or the part that the others leave of `budget`, in bytes.
fn throttle_limits(shares: &[Share], budget: Option<u64>, elapsed: u64) -> Vec<u32> {
    let scale = u64::from(THROTTLE_SCALE);
    let mut total: u64 = shares.iter().map(|share| share.queued).sum();
    let mut budget = budget;
    let part = |budget: Option<u64>, total: u64| match budget {
        Some(budget) if total > budget => budget * scale / total,
        _ => scale,
    };
    // Those with the least of what they would use first. Who is taken out leaves the others no less, so that nobody before it
    // has to be looked at again, but for what the divisions cut off.
    let mut limited: Vec<usize> = (0..shares.len())
        .filter(|at| shares[*at].incoming > 0 && shares[*at].queued > 0)
        .collect();
    let product = |incoming: u32, queued: u64| u128::from(incoming) * u128::from(queued);
    limited.sort_by(|one, other| {
        let (one, other) = (&shares[*one], &shares[*other]);
        product(one.incoming, other.queued).cmp(&product(other.incoming, one.queued))
    });
    let mut own_limits = vec![None; shares.len()];
    for _ in 0..2 {
        limited.retain(|&at| {
            let share = &shares[at];
            let own = u64::from(share.incoming) * elapsed / 1000;
            if part(budget, total) * share.queued / scale <= own {
                return true;
            }
            own_limits[at] = Some((own * scale / share.queued).max(1) as u32);
            budget = budget.map(|budget| budget.saturating_sub(own));
            total -= share.queued;
            false
        });
    }
    let rest = part(budget, total) as u32;
    own_limits.into_iter().map(|limit| limit.unwrap_or(rest)).collect()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// As ENet does it: rounds over all until nothing changes.
    fn in_rounds(shares: &[Share], budget: u64, elapsed: u64) -> Vec<u32> {
        let mut limits = vec![None; shares.len()];
        let (mut budget, mut total) = (budget, shares.iter().map(|share| share.queued).sum::<u64>());
        loop {
            let throttle = if total <= budget { 32 } else { budget * 32 / total };
            let mut adjusted = false;
            for (share, limit) in shares.iter().zip(&mut limits) {
                let own = u64::from(share.incoming) * elapsed / 1000;
                if share.incoming > 0 && limit.is_none() && throttle * share.queued / 32 > own {
                    *limit = Some((own * 32 / share.queued).max(1) as u32);
                    budget = budget.saturating_sub(own);
                    total -= share.queued;
                    adjusted = true;
                }
            }
            if !adjusted {
                return limits
                    .into_iter()
                    .map(|limit| limit.unwrap_or(throttle as u32))
                    .collect();
            }
        }
    }

    #[test]
    fn two_passes_find_what_any_number_of_rounds_would() {
        let mut random = StdRng::from_seed([5; 32]);
        let mut number = |below: u32| random.next_u32() % below;
        for _ in 0..2000 {
            let shares: Vec<Share> = (0..1 + number(40))
                .map(|_| Share {
                    peer: super::super::PeerHandle::default(),
                    queued: u64::from(number(3)) * u64::from(number(100_000)),
                    incoming: number(3) * number(100_000),
                    outgoing: 0,
                    done: false,
                })
                .collect();
            let budget = u64::from(number(1_000_000));
            let limits = throttle_limits(&shares, Some(budget), 1000);
            assert_eq!(limits, in_rounds(&shares, budget, 1000), "{budget}");
        }
    }
}
