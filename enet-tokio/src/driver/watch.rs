//! Looking at the socket for a moment instead of waiting for the reactor.
//!
//! To sleep and to be woken costs a thread more than to receive, and takes longer than the way of a datagram through a machine. So
//! in a [quick dialogue](super::dialogue) the task that waits for the answer looks for it: a few microseconds at a time, and
//! between them the runtime goes on with its other tasks, its timers and its other sockets.
//!
//! Meanwhile the driver leaves the socket alone. It takes over when the task gives up or is dropped, and after [`ANSWER_TIME`] if
//! the task is kept from running.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::ANSWER_TIME;
use super::shared::{Shared, State};

/// For how long to look before other tasks get their turn.
const GLANCE: Duration = Duration::from_micros(5);

/// A task that waits for something to be received.
pub(crate) struct Watch<'a> {
    shared: &'a Shared,
    /// Whether it looks at the socket itself.
    looking: bool,
}

/// What came of it.
enum Outcome<R> {
    Done(R),
    /// Nothing yet; until when to look.
    Look(Instant),
    /// Nothing yet; the task is woken when there is something.
    Wait,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Watch<'a> {
        Watch { shared, looking: false }
    }

    /// What `act` yields. When it has to wait, what the program has queued is sent first.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut act: impl FnMut(&mut State, &Waker) -> Poll<R>,
    ) -> Poll<R> {
        let waker = cx.waker();
        let mut act = |state: &mut State| act(state, waker);
        let shared = self.shared;
        let mut outcome = shared.with(|state| self.attempt(state, &mut act));
        let mut others_turn = None;
        loop {
            let until = match outcome {
                Outcome::Done(result) => return Poll::Ready(result),
                Outcome::Wait => return Poll::Pending,
                Outcome::Look(until) => until,
            };
            let now = Instant::now();
            outcome = if now >= until {
                shared.with(|state| {
                    self.end(state);
                    self.attempt(state, &mut act)
                })
            } else if now >= *others_turn.get_or_insert(now + GLANCE) {
                // Wakes this task after the runtime has seen to its other tasks, sockets and timers.
                let _ = pin!(tokio::task::yield_now()).poll(cx);
                return Poll::Pending;
            } else {
                // The other side may be a thread that waits for this processor.
                std::thread::yield_now();
                shared.with(|state| match state.look(waker) {
                    true => self.attempt(state, &mut act),
                    false => Outcome::Look(until),
                })
            };
        }
    }

    fn attempt<R>(&mut self, state: &mut State, mut act: impl FnMut(&mut State) -> Poll<R>) -> Outcome<R> {
        let result = act(state);
        if result.is_pending() {
            state.answered();
        }
        match (result, state.dialogue.look_until()) {
            (Poll::Pending, Some(until)) if self.looking || self.begin(state) => Outcome::Look(until),
            (Poll::Pending, _) => {
                self.end(state);
                Outcome::Wait
            }
            (Poll::Ready(result), _) => {
                self.end(state);
                Outcome::Done(result)
            }
        }
    }

    /// Takes the socket over from the driver; false if another task has done so.
    fn begin(&mut self, state: &mut State) -> bool {
        if state.watched_until.is_some() || !state.may_look() {
            return false;
        }
        state.watched_until = Some(state.clock.now() + ANSWER_TIME);
        self.looking = true;
        true
    }

    fn end(&mut self, state: &mut State) {
        if std::mem::take(&mut self.looking) {
            state.watched_until = None;
            state.dialogue.give_up();
            if state.ready.is_reported() {
                state.touch();
            }
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.looking {
            self.shared.with(|state| {
                self.end(state);
                state.touch();
            });
        }
    }
}
