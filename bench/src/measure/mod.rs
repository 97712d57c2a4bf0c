//! What a thread uses, from the operating system and from the allocator.

pub(crate) mod heap;
mod memory;
mod syscalls;

use std::time::{Duration, Instant};

use interop_tests::cenet;
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

pub(crate) use self::memory::{peak_memory, resident_memory};
use self::syscalls::Syscalls;

/// What one thread used while something ran.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// How long it took, in seconds.
    pub(crate) wall: f64,
    /// Processor time in seconds.
    pub(crate) user: f64,
    pub(crate) system: f64,
    /// How often memory was taken from the heap.
    pub(crate) allocations: u64,
    pub(crate) syscalls: Option<u64>,
}

impl Usage {
    /// Processor time in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Measures the thread that made it, from then on.
#[derive(Debug)]
pub(crate) struct Meter {
    begin: Instant,
    cpu: (Duration, Duration),
    allocations: u64,
    syscalls: Option<Syscalls>,
}

impl Meter {
    /// Counting system calls slows each of them down, so it is only done where time is not measured.
    pub(crate) fn start(count_syscalls: bool) -> Meter {
        Meter {
            syscalls: count_syscalls.then(Syscalls::start).flatten(),
            allocations: allocations(),
            cpu: cpu(),
            begin: Instant::now(),
        }
    }

    pub(crate) fn stop(self) -> Usage {
        let wall = self.begin.elapsed();
        let (user, system) = cpu();
        Usage {
            wall: wall.as_secs_f64(),
            user: user.saturating_sub(self.cpu.0).as_secs_f64(),
            system: system.saturating_sub(self.cpu.1).as_secs_f64(),
            allocations: allocations() - self.allocations,
            syscalls: self.syscalls.and_then(Syscalls::stop),
        }
    }
}

/// What this thread holds of the heap in bytes, as Rust and as the C library.
pub(crate) fn heap() -> i64 {
    heap::live() + cenet::allocations().live_bytes
}

fn allocations() -> u64 {
    heap::count() + cenet::allocations().count
}

/// Processor time of this thread, in the program and in the kernel.
fn cpu() -> (Duration, Duration) {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("the usage of the own thread");
    let duration = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs()) + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    (duration(usage.user_time()), duration(usage.system_time()))
}
