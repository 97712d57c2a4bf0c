//! What a link does to datagrams.

use std::time::Duration;

/// The state of a link. The default is an ideal one: everything arrives at once.
///
/// Probabilities run from 0.0, never, to 1.0, always.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Conditions {
    /// The probability that a datagram is lost, each on its own.
    pub loss: f64,
    /// Losses that come in bursts, on top of `loss`.
    pub burst_loss: Option<BurstLoss>,
    /// How long every datagram takes.
    pub delay: Duration,
    /// Up to how much longer a datagram may take, evenly distributed. Jitter alone never changes the order.
    pub jitter: Duration,
    /// The probability that a datagram arrives twice; the copy takes a delay and jitter of its own.
    pub duplication: f64,
    /// The probability that a datagram is held up by `reordering_delay`, so that those behind it overtake it.
    pub reordering: f64,
    /// How long a reordered datagram is held up.
    pub reordering_delay: Duration,
    /// The probability that one random bit of a datagram is flipped.
    pub corruption: f64,
    /// How much fits through; `None` for any amount.
    pub bandwidth: Option<Bandwidth>,
    /// Whether the cable is cut: nothing that is sent while it is arrives.
    pub down: bool,
}

/// A rate, and the queue of what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes a second, counting `overhead` for every datagram.
    pub bytes_per_second: u64,
    /// How many bytes may wait; a datagram that finds no room is lost.
    pub queue: usize,
    /// Bytes that each datagram costs beside its own: 28 for IPv4 and UDP.
    pub overhead: usize,
}

/// Two states, one good and one bad, between which chance moves the link at every datagram (Gilbert and Elliott's model).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstLoss {
    /// The probability that a burst begins.
    pub begin: f64,
    /// The probability that it ends: bursts are `1 / end` datagrams long on average.
    pub end: f64,
    /// The probability that a datagram is lost in a burst.
    pub loss: f64,
}

impl Conditions {
    /// Whether nothing is done to datagrams.
    #[must_use]
    pub fn is_ideal(&self) -> bool {
        *self == Conditions::default()
    }

    /// Sets the loss.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Conditions {
        self.loss = probability;
        self
    }

    /// Sets losses in bursts.
    #[must_use]
    pub fn burst_loss(mut self, burst: BurstLoss) -> Conditions {
        self.burst_loss = Some(burst);
        self
    }

    /// Sets the delay.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Conditions {
        self.delay = delay;
        self
    }

    /// Sets the jitter.
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Conditions {
        self.jitter = jitter;
        self
    }

    /// Sets how often a datagram is doubled.
    #[must_use]
    pub fn duplication(mut self, probability: f64) -> Conditions {
        self.duplication = probability;
        self
    }

    /// Sets how often a datagram is held up, and how long.
    #[must_use]
    pub fn reordering(mut self, probability: f64, by: Duration) -> Conditions {
        self.reordering = probability;
        self.reordering_delay = by;
        self
    }

    /// Sets how often a bit is flipped.
    #[must_use]
    pub fn corruption(mut self, probability: f64) -> Conditions {
        self.corruption = probability;
        self
    }

    /// Limits the rate in bytes a second, IPv4 and UDP headers counted, with a queue of `queue` bytes.
    #[must_use]
    pub fn bandwidth(mut self, bytes_per_second: u64, queue: usize) -> Conditions {
        self.bandwidth = Some(Bandwidth {
            bytes_per_second,
            queue,
            overhead: 28,
        });
        self
    }

    /// Cuts the cable, or mends it.
    #[must_use]
    pub fn down(mut self, down: bool) -> Conditions {
        self.down = down;
        self
    }
}
