//! Log records about dropped datagrams, of which a flood makes no flood.

use tracing::debug;

use crate::time::Time;
use crate::token_bucket::TokenBucket;

/// How many records a second there may be; the statistics count everything.
const RECORDS_PER_SECOND: u32 = 10;

#[derive(Debug)]
pub(super) struct DropLog {
    records: TokenBucket,
    silent: u64,
}

impl DropLog {
    pub(super) fn new(now: Time) -> DropLog {
        DropLog {
            records: TokenBucket::new(RECORDS_PER_SECOND, now),
            silent: 0,
        }
    }

    /// Whether to log that something was dropped. Says first how much went without a record.
    pub(super) fn admits(&mut self, now: Time) -> bool {
        if !self.records.take(now) {
            self.silent += 1;
            return false;
        }
        if self.silent > 0 {
            debug!(count = self.silent, "dropped without a record each");
            self.silent = 0;
        }
        true
    }
}
