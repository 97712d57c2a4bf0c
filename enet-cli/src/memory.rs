//! Memory that goes back to the system.
//!
//! What a client held is free as soon as it has left. glibc keeps much of that for later use though, and a server that was
//! attacked once would look as big ever after.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long after a departure: those of many clients are one occasion.
const SOON: Duration = Duration::from_millis(500);

/// How long after that once more: who stays needs less as soon as it is quiet, which takes two pings of half a second.
const LATER: Duration = Duration::from_secs(2);

/// When to give back memory next.
#[derive(Debug, Default)]
pub(crate) struct Freed {
    due: Option<Instant>,
    /// Whether that is not the last time.
    again: bool,
}

impl Freed {
    /// A client has left.
    pub(crate) fn note(&mut self) {
        let soon = Instant::now() + SOON;
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
        self.again = true;
    }

    /// Waits until a client has left some time ago; for ever if none has.
    ///
    /// # Cancel safety
    /// Cancel safe: it waits for the same moment when called again.
    pub(crate) async fn due(&mut self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
        self.due = self.again.then(|| Instant::now() + LATER);
        self.again = false;
    }
}

/// Gives free memory back to the system, where the allocator does not do so by itself.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc has this function only in C")]
    // SAFETY: it may be called at any time, from any thread, and changes nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
