//! What this machine has.

/// How much memory this machine has, in bytes, where it is easily known.
pub(crate) fn memory() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        let info = rustix::system::sysinfo();
        usize::try_from(info.totalram)
            .ok()?
            .checked_mul(info.mem_unit.try_into().ok()?)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
