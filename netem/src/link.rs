//! One direction of a connection between two machines.

use std::time::Duration;

use bytes::Bytes;

use crate::conditions::{Bandwidth, Conditions};
use crate::random::Random;

/// A link in one direction, from its seed on as its conditions say.
#[derive(Clone, Debug)]
pub struct Link {
    conditions: Conditions,
    random: Random,
    in_burst: bool,
    /// When the bandwidth has let through all it was given.
    free_at: Duration,
    /// The latest arrival among those kept in order.
    last_arrival: Duration,
    statistics: LinkStatistics,
}

/// What a link has done so far, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// Given to it.
    pub offered: u64,
    /// Handed on, copies counted.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost because the cable was cut.
    pub cut: u64,
    /// Lost because the queue was full.
    pub overflowed: u64,
    /// Doubled.
    pub duplicated: u64,
    /// Held up so that others overtake them.
    pub reordered: u64,
    /// Changed in one bit.
    pub corrupted: u64,
}

/// A datagram and when it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it arrives, on the clock that `transmit` was given.
    pub at: Duration,
    /// Its bytes, maybe with a flipped bit.
    pub datagram: Bytes,
}

/// What becomes of one datagram: it arrives never, once or twice.
pub type Deliveries = std::iter::Flatten<std::array::IntoIter<Option<Delivery>, 2>>;

impl Link {
    /// A link whose chance comes from `seed`.
    #[must_use]
    pub fn new(seed: u64, conditions: Conditions) -> Link {
        Link {
            conditions,
            random: Random::new(seed),
            in_burst: false,
            free_at: Duration::ZERO,
            last_arrival: Duration::ZERO,
            statistics: LinkStatistics::default(),
        }
    }

    /// The present conditions.
    #[must_use]
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// The present conditions, to be changed; what is under way already is not affected.
    pub fn conditions_mut(&mut self) -> &mut Conditions {
        &mut self.conditions
    }

    /// What the link has done so far.
    #[must_use]
    pub fn statistics(&self) -> LinkStatistics {
        self.statistics
    }

    /// Sends a datagram at `now` and tells when it arrives. `now` must not go backwards.
    pub fn transmit(&mut self, now: Duration, datagram: Bytes) -> Deliveries {
        self.statistics.offered += 1;
        let sent = self.survive(now, datagram.len());
        let Some(departure) = sent else {
            return [None, None].into_iter().flatten();
        };
        let copy = self.random.chance(self.conditions.duplication).then(|| {
            self.statistics.duplicated += 1;
            self.deliver(departure, datagram.clone())
        });
        let original = self.deliver(departure, datagram);
        [Some(original), copy].into_iter().flatten()
    }

    /// When the datagram leaves the near end, if it is not lost.
    fn survive(&mut self, now: Duration, length: usize) -> Option<Duration> {
        if self.conditions.down {
            self.statistics.cut += 1;
            return None;
        }
        let single = self.random.chance(self.conditions.loss);
        if self.lost_in_burst() || single {
            self.statistics.lost += 1;
            return None;
        }
        let Some(bandwidth) = self.conditions.bandwidth else {
            return Some(now);
        };
        let departure = self.through(bandwidth, now, length);
        if departure.is_none() {
            self.statistics.overflowed += 1;
        }
        departure
    }

    fn lost_in_burst(&mut self) -> bool {
        let Some(burst) = self.conditions.burst_loss else {
            return false;
        };
        let turns = self.random.chance(if self.in_burst { burst.end } else { burst.begin });
        self.in_burst ^= turns;
        self.in_burst && self.random.chance(burst.loss)
    }

    /// When a datagram has passed the bottleneck; `None` if its queue is full.
    fn through(&mut self, bandwidth: Bandwidth, now: Duration, length: usize) -> Option<Duration> {
        let rate = u128::from(bandwidth.bytes_per_second.max(1));
        let begin = self.free_at.max(now);
        let waiting_bytes = (begin - now).as_micros() * rate / 1_000_000;
        if waiting_bytes > 0 && waiting_bytes + length as u128 > bandwidth.queue as u128 {
            return None;
        }
        let micros = ((length + bandwidth.overhead) as u128 * 1_000_000).div_ceil(rate);
        self.free_at = begin + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX / 2));
        Some(self.free_at)
    }

    fn deliver(&mut self, departure: Duration, datagram: Bytes) -> Delivery {
        self.statistics.delivered += 1;
        let datagram = self.maybe_corrupt(datagram);
        let mut at = departure + self.conditions.delay + self.random.duration(self.conditions.jitter);
        if self.random.chance(self.conditions.reordering) {
            self.statistics.reordered += 1;
            at += self.conditions.reordering_delay;
        } else {
            at = at.max(self.last_arrival);
            self.last_arrival = at;
        }
        Delivery { at, datagram }
    }

    fn maybe_corrupt(&mut self, datagram: Bytes) -> Bytes {
        if datagram.is_empty() || !self.random.chance(self.conditions.corruption) {
            return datagram;
        }
        self.statistics.corrupted += 1;
        let mut bytes = datagram.to_vec();
        let bit = self.random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::BurstLoss;

    const MS: Duration = Duration::from_millis(1);

    fn numbered(count: u32) -> impl Iterator<Item = Bytes> {
        (0..count).map(|number| Bytes::copy_from_slice(&number.to_be_bytes()))
    }

    /// Sends `count` numbered datagrams a millisecond apart.
    fn run(link: &mut Link, count: u32) -> Vec<Delivery> {
        numbered(count)
            .enumerate()
            .flat_map(|(at, datagram)| link.transmit(MS * at as u32, datagram))
            .collect()
    }

    #[test]
    fn an_ideal_link_delivers_at_once() {
        let mut link = Link::new(1, Conditions::default());
        let delivered = run(&mut link, 3);
        let expected: Vec<_> = numbered(3)
            .zip(0..)
            .map(|(datagram, at)| Delivery { at: MS * at, datagram })
            .collect();
        assert_eq!(delivered, expected);
    }

    #[test]
    fn equal_seeds_give_equal_runs_and_others_do_not() {
        let conditions = Conditions::default()
            .loss(0.1)
            .delay(20 * MS)
            .jitter(5 * MS)
            .duplication(0.1)
            .reordering(0.1, 7 * MS)
            .corruption(0.1);
        let once = run(&mut Link::new(5, conditions.clone()), 500);
        assert_eq!(once, run(&mut Link::new(5, conditions.clone()), 500));
        assert_ne!(once, run(&mut Link::new(6, conditions), 500));
    }

    #[test]
    fn a_tenth_is_lost_at_a_loss_of_a_tenth() {
        let mut link = Link::new(1, Conditions::default().loss(0.1));
        let delivered = run(&mut link, 20_000).len();
        assert!((17_800..18_200).contains(&delivered), "{delivered}");
        assert_eq!(link.statistics().lost, 20_000 - delivered as u64);
    }

    #[test]
    fn bursts_lose_neighbours() {
        let burst = BurstLoss {
            begin: 0.01,
            end: 0.1,
            loss: 1.0,
        };
        let mut link = Link::new(1, Conditions::default().burst_loss(burst));
        let arrived: Vec<bool> = numbered(20_000)
            .map(|datagram| link.transmit(MS, datagram).next().is_some())
            .collect();
        let lost = arrived.iter().filter(|arrived| !**arrived).count();
        let bursts = arrived.windows(2).filter(|pair| pair[0] && !pair[1]).count();
        assert!((1_200..2_500).contains(&lost), "{lost}");
        let length = lost as f64 / bursts as f64;
        assert!((7.0..13.0).contains(&length), "{length}");
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let mut link = Link::new(1, Conditions::default().delay(10 * MS).jitter(50 * MS));
        let delivered = run(&mut link, 1000);
        assert!(delivered.is_sorted_by_key(|delivery| delivery.at));
        assert!(
            delivered
                .iter()
                .zip(0..)
                .all(|(delivery, sent)| delivery.at >= MS * (sent + 10))
        );
    }

    #[test]
    fn a_reordered_datagram_is_overtaken() {
        let mut link = Link::new(1, Conditions::default().reordering(0.2, 10 * MS));
        let delivered = run(&mut link, 1000);
        assert!(!delivered.is_sorted_by_key(|delivery| delivery.at));
        let late = delivered
            .iter()
            .zip(0..)
            .filter(|(delivery, sent)| delivery.at == MS * (sent + 10))
            .count();
        assert_eq!(late as u64, link.statistics().reordered);
        assert!((150..250).contains(&late), "{late}");
    }

    #[test]
    fn a_duplicate_has_the_same_bytes() {
        let mut link = Link::new(1, Conditions::default().duplication(1.0));
        let delivered: Vec<_> = link.transmit(MS, "twice".into()).collect();
        assert_eq!(delivered.len(), 2);
        assert_eq!(delivered[0], delivered[1]);
    }

    #[test]
    fn corruption_flips_one_bit() {
        let mut link = Link::new(1, Conditions::default().corruption(1.0));
        let sent = Bytes::from(vec![0; 100]);
        let received = link.transmit(MS, sent).next().map(|delivery| delivery.datagram);
        let ones: u32 = received.iter().flatten().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 1);
    }

    #[test]
    fn a_bandwidth_spaces_datagrams_and_its_queue_overflows() {
        let conditions = Conditions {
            bandwidth: Some(Bandwidth {
                bytes_per_second: 1000,
                queue: 250,
                overhead: 0,
            }),
            ..Conditions::default()
        };
        let mut link = Link::new(1, conditions);
        let at: Vec<_> = (0..5)
            .flat_map(|_| link.transmit(Duration::ZERO, vec![0; 100].into()))
            .map(|it| it.at)
            .collect();
        assert_eq!(at, [100 * MS, 200 * MS]);
        assert_eq!(link.statistics().overflowed, 3);
        assert_eq!(
            link.transmit(1000 * MS, vec![0; 100].into()).next().map(|it| it.at),
            Some(1100 * MS)
        );
    }

    #[test]
    fn a_cut_cable_delivers_nothing_until_it_is_mended() {
        let mut link = Link::new(1, Conditions::default().down(true));
        assert_eq!(link.transmit(MS, "lost".into()).count(), 0);
        link.conditions_mut().down = false;
        assert_eq!(link.transmit(MS, "there".into()).count(), 1);
        assert_eq!(link.statistics().cut, 1);
    }
}
