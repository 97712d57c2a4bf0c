//! Who is told that the socket has something.
//!
//! The reactor wakes one task for a socket. Here that wakes the task that waits for events, if one alone does, and then the
//! driver: the first of them to run receives, the other finds nothing left to do. So an event reaches a waiting program without
//! a detour through another task, and one that is kept from running holds up nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// What the reactor wakes.
#[derive(Debug)]
pub(super) struct Ready {
    /// The reactor has reported something that nobody has looked at yet.
    reported: AtomicBool,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    program: Option<Waker>,
    driver: Option<Waker>,
}

impl Ready {
    /// The first look is due at once.
    pub(super) fn new() -> Ready {
        Ready {
            reported: AtomicBool::new(true),
            tasks: Mutex::default(),
        }
    }

    /// Has a task woken, once.
    pub(super) fn tell_program(&self, waker: &Waker) {
        self.lock()
            .program
            .get_or_insert_with(|| waker.clone())
            .clone_from(waker);
    }

    /// Has the driver woken, each time.
    pub(super) fn tell_driver(&self, waker: &Waker) {
        let mut tasks = self.lock();
        if !tasks.driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            tasks.driver = Some(waker.clone());
        }
    }

    pub(super) fn is_reported(&self) -> bool {
        self.reported.load(Ordering::Acquire)
    }

    /// Whether there was a report; the caller looks at the socket.
    pub(super) fn take_report(&self) -> bool {
        self.reported.swap(false, Ordering::AcqRel)
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reported.store(true, Ordering::Release);
        let (program, driver) = {
            let mut tasks = self.lock();
            (tasks.program.take(), tasks.driver.clone())
        };
        for task in [program, driver].into_iter().flatten() {
            task.wake();
        }
    }
}
