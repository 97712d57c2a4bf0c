//! The protocol's time, from tokio's clock, so that tests can pause it.

use enet_proto::Time;
use tokio::time::Instant;

/// Counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { epoch: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    /// When it will be `time`; `None` if that is beyond what the system can tell.
    pub(crate) fn instant(&self, time: Time) -> Option<Instant> {
        self.epoch.checked_add(time.saturating_since(Time::ZERO))
    }
}
