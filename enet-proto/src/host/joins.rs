//! How many connections may come to be in a second, and whose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::addresses::KeyedHash;
use super::half_open::{Prefix, prefix};
use crate::time::Time;
use crate::token_bucket::TokenBucket;

/// How long joins of a prefix are remembered.
const ROUND: Duration = Duration::from_secs(1);

/// The rate of joins. When it is nearly used up, each address prefix may only go on until it has had an even share of it.
#[derive(Debug)]
pub(super) struct Joins {
    budget: TokenBucket,
    per_second: usize,
    round_began: Time,
    /// How many joined in this round, of those prefixes that asked.
    joined: HashMap<Prefix, usize, KeyedHash>,
    /// How many prefixes asked in the round before.
    prefixes_before: usize,
}

impl Joins {
    pub(super) fn new(per_second: u32, hash: KeyedHash, now: Time) -> Joins {
        Joins {
            budget: TokenBucket::new(per_second, now),
            per_second: per_second as usize,
            round_began: now,
            joined: HashMap::with_hasher(hash),
            prefixes_before: 0,
        }
    }

    /// Whether another one may join from an address now; if so it is counted.
    pub(super) fn admits(&mut self, ip: IpAddr, now: Time) -> bool {
        if now.saturating_since(self.round_began) >= ROUND {
            self.round_began = now;
            self.prefixes_before = self.joined.len();
            self.joined = HashMap::with_hasher(*self.joined.hasher());
        }
        let plenty = self.budget.has_plenty(now);
        // Only proven addresses are counted, and in a round not many more than the budget lets in.
        if self.joined.len() >= 2 * self.per_second && !self.joined.contains_key(&prefix(ip)) {
            return false;
        }
        let so_far = *self.joined.entry(prefix(ip)).or_default();
        let share = self.per_second / self.joined.len().max(self.prefixes_before);
        let admitted = (plenty || so_far <= share) && self.budget.take(now);
        if admitted {
            self.joined.insert(prefix(ip), so_far + 1);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn joins(per_second: u32) -> Joins {
        let hash = KeyedHash::new(&mut StdRng::from_seed([1; 32]));
        Joins::new(per_second, hash, Time::ZERO)
    }

    fn ip(prefix: u32, host: u32) -> IpAddr {
        Ipv4Addr::from(prefix * 256 + host).into()
    }

    #[test]
    fn one_prefix_alone_may_use_the_whole_rate() {
        let mut joins = joins(100);
        let admitted = (0..200)
            .filter(|host| joins.admits(ip(1, *host % 256), Time::ZERO))
            .count();
        assert_eq!(admitted, 100);
    }

    #[test]
    fn a_crowd_from_one_prefix_leaves_room_for_the_others() {
        let mut joins = joins(1000);
        let mut lone = 0;
        for millis in 0..3000 {
            let now = Time::from_millis(millis);
            for host in 0..20 {
                joins.admits(ip(1, host), now);
            }
            if millis % 100 == 99 {
                lone += usize::from(joins.admits(ip(2 + millis as u32, 1), now));
            }
        }
        assert!(lone >= 28, "{lone} of 30 got in");
    }

    #[test]
    fn prefixes_are_forgotten_with_the_round() {
        let mut joins = joins(10);
        for number in 0..100 {
            joins.admits(ip(number, 1), Time::ZERO);
        }
        assert_eq!(joins.joined.len(), 20);
        joins.admits(ip(1, 1), Time::from_millis(1000));
        assert_eq!(joins.joined.len(), 1);
    }
}
