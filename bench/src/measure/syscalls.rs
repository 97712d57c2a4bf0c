//! How many system calls a thread makes, where the kernel lets one count them.

use std::fs;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

/// Where the kernel may show its trace points.
const FOLDERS: [&str; 2] = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"];

/// Counts the system calls of the thread that made it.
#[derive(Debug)]
pub(super) struct Syscalls(Counter);

impl Syscalls {
    /// `None` if the kernel does not let us: that takes the right to trace, and a mounted tracefs.
    pub(super) fn start() -> Option<Syscalls> {
        let id = FOLDERS
            .iter()
            .find_map(|folder| fs::read_to_string(format!("{folder}/raw_syscalls/sys_enter/id")).ok())?;
        let event = Tracepoint::with_id(id.trim().parse().ok()?);
        let mut counter = Builder::new(event).include_kernel().build().ok()?;
        counter.enable().ok()?;
        Some(Syscalls(counter))
    }

    pub(super) fn stop(mut self) -> Option<u64> {
        self.0.read().ok()
    }
}
