//! How much may be decompressed for whom.
//!
//! To open a datagram takes up to three hundred times the work of reading one, so that it is counted by what it really is: by the
//! bytes that come out, and more for those that a slow compressor gives out. Each peer has a little of it for itself. Beyond that
//! all draw on what the host has for all together, so that many who send as much as they can do not leave the program without a
//! processor. What there is no more for is dropped, as if lost.

use crate::config::HostConfig;
use crate::statistics::LimitsStruck;
use crate::time::Time;
use crate::token_bucket::TokenBucket;

/// How many times its size a compressed block may open to without being counted as inflated. Real ones are two or three times as
/// large.
const ORDINARY_INFLATION: usize = 16;

/// The part of what is opened for all together that each peer has for itself besides.
const OWN_PART: u32 = 64;

/// What may be opened for everybody.
#[derive(Debug)]
pub(crate) struct Openings {
    /// Beyond the ordinary, for those who are no peers.
    inflation: TokenBucket,
    /// For all peers.
    common: TokenBucket,
}

/// What may be opened for one peer.
#[derive(Debug)]
pub(crate) struct Allowance {
    inflation: TokenBucket,
    own: TokenBucket,
}

/// A block that may be opened.
pub(crate) struct Permit {
    ordinary: usize,
    limit: usize,
}

impl Openings {
    pub(crate) fn new(config: &HostConfig, now: Time) -> Openings {
        Openings {
            inflation: TokenBucket::new(config.max_inflation_per_second, now),
            common: TokenBucket::new(config.max_opened_per_second, now),
        }
    }

    /// Whether a block of so many bytes, which may open to `limit`, is to be opened for a peer, or for somebody who is none.
    pub(crate) fn ask(
        &mut self,
        mut payer: Option<&mut Allowance>,
        block: usize,
        limit: usize,
        now: Time,
        struck: &mut LimitsStruck,
    ) -> Option<Permit> {
        let ordinary = block.saturating_mul(ORDINARY_INFLATION);
        let inflation = match &mut payer {
            Some(peer) => &mut peer.inflation,
            None => &mut self.inflation,
        };
        if ordinary < limit && !inflation.has_any(now) {
            struck.inflation += 1;
            return None;
        }
        if let Some(peer) = payer
            && !peer.own.has_any(now)
            && !self.common.has_any(now)
        {
            struck.opened += 1;
            return None;
        }
        Some(Permit { ordinary, limit })
    }

    /// Counts what came out of a block, of which each byte takes `cost`: nothing if it was malformed.
    pub(crate) fn charge(
        &mut self,
        payer: Option<&mut Allowance>,
        permit: &Permit,
        opened: Option<usize>,
        cost: usize,
        now: Time,
    ) {
        // How far it got with one that is malformed is not known.
        let length = opened.unwrap_or(permit.limit);
        let beyond = length.saturating_sub(permit.ordinary);
        let Some(peer) = payer else {
            return self.inflation.charge(beyond);
        };
        peer.inflation.charge(beyond);
        let bucket = match peer.own.has_any(now) {
            true => &mut peer.own,
            false => &mut self.common,
        };
        bucket.charge(length * cost);
    }
}

impl Allowance {
    /// All that a peer may have in a second.
    pub(crate) fn new(config: &HostConfig, now: Time) -> Allowance {
        Allowance {
            inflation: TokenBucket::new(config.max_inflation_per_second, now),
            own: TokenBucket::new(config.max_opened_per_second / OWN_PART, now),
        }
    }
}
