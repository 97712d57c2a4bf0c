//! What the library takes from the heap.

use std::sync::Once;

use super::ffi;

/// What the library has taken from the heap and given back on this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// How often it took some.
    pub count: u64,
    /// The bytes taken and not given back, in the sizes that the allocator has; negative when they were taken on other threads.
    pub live_bytes: i64,
}

/// What the library's hosts on this thread have taken from the heap so far.
#[must_use]
pub fn allocations() -> Allocations {
    let mut allocations = Allocations::default();
    // SAFETY: the pointers are to fields of the right types.
    unsafe { ffi::shim_allocations(&raw mut allocations.count, &raw mut allocations.live_bytes) };
    allocations
}

/// Prepares the library, once for the process.
pub(super) fn initialize() {
    static INITIALIZED: Once = Once::new();
    INITIALIZED.call_once(|| assert_eq!(ffi::shim_initialize(), 0, "ENet initializes"));
}
