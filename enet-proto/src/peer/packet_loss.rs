//! How many reliable commands had to be resent, as ENet reports it.

use std::time::Duration;

use crate::time::Time;

/// A loss of one, that is, of everything (ENet's `ENET_PEER_PACKET_LOSS_SCALE`).
const LOSS_SCALE: u64 = 65_536;

/// How often the figures are renewed (ENet's `ENET_PEER_PACKET_LOSS_INTERVAL`).
const INTERVAL: Duration = Duration::from_secs(10);

/// The loss towards one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketLoss {
    /// [`Time::NEVER`] before the first transmission.
    epoch: Time,
    sent: u32,
    lost: u32,
    mean: u32,
    variance: u32,
}

impl Default for PacketLoss {
    fn default() -> PacketLoss {
        PacketLoss {
            epoch: Time::NEVER,
            sent: 0,
            lost: 0,
            mean: 0,
            variance: 0,
        }
    }
}

impl PacketLoss {
    pub(crate) fn sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    pub(crate) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// Renews the figures if it is time; called with each transmission.
    pub(crate) fn update(&mut self, now: Time) {
        if self.epoch == Time::NEVER {
            self.epoch = now;
        }
        if now.saturating_since(self.epoch) < INTERVAL || self.sent == 0 {
            return;
        }
        let loss = (u64::from(self.lost) * LOSS_SCALE / u64::from(self.sent)).min(LOSS_SCALE) as u32;
        // The difference is taken from the mean before this interval, as the mean already holds an eighth of it afterwards.
        self.variance = (self.variance * 3 + loss.abs_diff(self.mean)) / 4;
        self.mean = (self.mean * 7 + loss) / 8;
        self.epoch = now;
        self.sent = 0;
        self.lost = 0;
    }

    /// Of 65536.
    pub(crate) fn mean(&self) -> u32 {
        self.mean
    }

    pub(crate) fn variance(&self) -> u32 {
        self.variance
    }

    /// When the figures were last renewed, if anything was sent yet.
    pub(crate) fn epoch(&self) -> Option<Time> {
        (self.epoch != Time::NEVER).then_some(self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_takes_an_eighth_of_each_interval() {
        let mut loss = PacketLoss::default();
        loss.update(Time::ZERO);
        for _ in 0..10 {
            loss.sent();
        }
        loss.lost();
        loss.update(Time::from_millis(9_999));
        assert_eq!(loss.mean(), 0);
        loss.update(Time::from_millis(10_000));
        assert_eq!(loss.mean(), 6553 / 8);
        assert_eq!(loss.variance(), 6553 / 4);
    }

    #[test]
    fn an_interval_without_traffic_goes_on() {
        let mut loss = PacketLoss::default();
        loss.update(Time::ZERO);
        loss.update(Time::from_millis(60_000));
        assert_eq!(loss.epoch(), Some(Time::ZERO));
    }
}
