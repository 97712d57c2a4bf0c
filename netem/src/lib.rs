//! Bad networks, on demand and repeatable.
//!
//! A [`Link`] takes datagrams and says when each arrives, how often and in what shape, under [`Conditions`] that may change
//! at any time: loss (single or in bursts), delay, jitter, duplication, reordering, corruption, a bandwidth with a queue in
//! front of it, or a cut cable. It does no I/O and reads no clock: time comes in as the [`Duration`](std::time::Duration) since any epoch, chance
//! from a seed, so equal calls give equal answers. A simulation and a relay between real sockets can both use it; a
//! [`DelayQueue`] keeps what is under way.
//!
//! ```
//! use std::time::Duration;
//! use netem::{Conditions, DelayQueue, Link};
//!
//! let mut link = Link::new(7, Conditions::default().delay(Duration::from_millis(20)).loss(0.05));
//! let mut queue = DelayQueue::new();
//! for delivery in link.transmit(Duration::ZERO, "hello".into()) {
//!     queue.push(delivery.at, delivery.datagram);
//! }
//! while let Some(at) = queue.next_at() {
//!     let datagram = queue.pop_due(at);
//!     assert_eq!(datagram.as_deref(), Some(&b"hello"[..]));
//! }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod conditions;
mod link;
mod queue;
mod random;

pub use conditions::{Bandwidth, BurstLoss, Conditions};
pub use link::{Deliveries, Delivery, Link, LinkStatistics};
pub use queue::DelayQueue;
pub use random::Random;

/// Has the example in the README compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
