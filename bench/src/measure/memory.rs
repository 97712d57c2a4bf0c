//! The memory of the process.

use std::fs;

/// Bytes of memory in use now.
pub(crate) fn resident_memory() -> u64 {
    status("VmRSS:")
}

/// The most bytes of memory that were ever in use.
pub(crate) fn peak_memory() -> u64 {
    status("VmHWM:")
}

/// A line of the process's status, which has it in KiB; 0 where there is none.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
