//! What may still be done of something that has a rate.

use enet_proto::Time;

/// One thing, in what comes to a bucket for each thing a second in a microsecond.
pub(crate) const THING: i64 = 1_000_000;

/// Fills with time, and is emptied by what is done.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// In parts of a [`THING`]; below zero if the last one took more than there was.
    level: i64,
    filled: Time,
}

impl Bucket {
    /// One that has so many parts of a [`THING`].
    pub(crate) fn with(parts: i64, now: Time) -> Bucket {
        Bucket {
            level: parts,
            filled: now,
        }
    }

    /// Adds what has come since the last time, up to `most` parts of a [`THING`].
    pub(crate) fn fill(&mut self, now: Time, per_second: u32, most: i64) {
        let elapsed = i64::try_from(now.saturating_since(self.filled).as_micros()).unwrap_or(i64::MAX);
        let level = elapsed.saturating_mul(i64::from(per_second)).saturating_add(self.level);
        self.level = level.min(most);
        self.filled = self.filled.max(now);
    }

    /// What it has, in parts of a [`THING`].
    pub(crate) fn level(&self) -> i64 {
        self.level
    }

    /// Takes so many parts of a [`THING`] out.
    pub(crate) fn take(&mut self, parts: i64) {
        self.level = self.level.saturating_sub(parts);
    }

    /// So many have been done.
    pub(crate) fn charge(&mut self, things: i64) {
        self.take(things.saturating_mul(THING));
    }
}
