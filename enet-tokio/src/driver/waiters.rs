//! Tasks that wait for something.

use std::task::Waker;

/// The tasks to wake when a thing happens.
///
/// All are woken at once and look again, so a task that stopped waiting takes nothing away from the others: this is what makes
/// the futures cancel-safe. A task is listed once however often it looks.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Waker>);

impl Waiters {
    pub(crate) fn add(&mut self, waker: &Waker) {
        if !self.0.iter().any(|known| known.will_wake(waker)) {
            self.0.push(waker.clone());
        }
    }

    /// Moves all of them to `woken`.
    pub(crate) fn wake(&mut self, woken: &mut Vec<Waker>) {
        woken.append(&mut self.0);
    }

    pub(crate) fn is_several(&self) -> bool {
        self.0.len() > 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
