//! The task that moves an endpoint: it receives, sends and keeps the time. Tasks of the program take work off it: they send what
//! they have queued, one that waits for events receives them itself (see [`ready`]), and in a quick dialogue one that waits for the
//! answer looks for it instead of sleeping (see [`watch`]).
//!
//! One pass: send what is queued, receive a bounded amount, let the protocol's timers run, hand out events, send what came of it.
//! Before a timer has anything sent again, all is received that has arrived, and whoever may have to answer has had a turn: what
//! became due while this task was sending waits for the next pass.
//! When events went to a task that waited for them, the last step is left to that task: it sends when it waits again, and its
//! answer leaves together with the acknowledgement of what it answers, in one datagram. Should it do something else meanwhile,
//! the driver sends after [`ANSWER_TIME`]; when it woke several tasks it passes again once they have run. All steps are bounded,
//! and between passes other tasks get their turn, so a flood from one side starves neither the program nor the other peers.

mod ahead;
pub(crate) mod clock;
pub(crate) mod connections;
mod dialogue;
pub(crate) mod events;
mod ready;
mod receiving;
pub(crate) mod shared;
mod waiters;
pub(crate) mod watch;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use enet_proto::Time;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};

use self::shared::{Outflow, Phase, Shared, State};

/// About how many datagrams are sent in one pass.
const TRANSMIT_BUDGET: usize = 256;

/// How long a task that was given something may take to answer before the driver sends without it.
const ANSWER_TIME: Duration = Duration::from_millis(1);

/// How much later than they are due the protocol's timers run at most, while there is always more to receive.
const TIMER_PATIENCE: Duration = Duration::from_millis(50);

/// The driver of one endpoint.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    timer: Pin<Box<Sleep>>,
    /// Something became due while this task was busy: the reactor and the other tasks go first.
    gives_way: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>) -> Driver {
        Driver {
            shared,
            timer: Box::pin(sleep_until(Instant::now())),
            gives_way: false,
        }
    }

    /// One pass. Returns whether to pass again at once.
    fn pass(&mut self, state: &mut State, cx: &mut Context<'_>) -> bool {
        self.gives_way = false;
        if state.held {
            return false;
        }
        let now = state.clock.now();
        state.ready.tell_driver(cx.waker());
        if !state.concerns_driver(now) {
            return self.poll_timer(state, now, cx, Outflow::Idle);
        }
        state.begin_pass();
        let first = state.transmit(now, TRANSMIT_BUDGET);
        let began = now;
        let now = state.clock.now();
        let Some(more_to_receive) = state.receive(now) else {
            return false;
        };
        let patience = if more_to_receive {
            TIMER_PATIENCE
        } else {
            Duration::ZERO
        };
        let due = state.host.poll_timeout();
        if due.is_some_and(|at| at + patience <= began) {
            state.host.handle_timeout(now);
        }
        self.gives_way = due.is_some_and(|at| began < at && at <= now);
        let packets = state.dispatch();
        let woken = state.woken.len();
        // One task with packets to answer will wait again, and sends then. Others may not: they get their turn, and no more.
        let answers = woken == 1 && packets && state.is_running();
        if answers {
            state.answer_by = Some(now + ANSWER_TIME);
        }
        let put_off = woken > 0 && !answers;
        // What is put off must not wait for the reactor: the runtime may stop when those who were woken are done.
        self.gives_way &= !put_off;
        let outflow = match first {
            Outflow::Idle if woken == 0 => state.transmit(now, TRANSMIT_BUDGET),
            other => other,
        };
        // The acknowledgement of a farewell ends its peer as it is sent.
        state.dispatch();
        let may_send = outflow == Outflow::Blocked
            && state
                .socket
                .as_mut()
                .is_some_and(|socket| socket.poll_writable(cx).is_ready());
        self.conclude(state, now, outflow);
        let hurried = more_to_receive || outflow == Outflow::More;
        state.hurried = hurried;
        hurried || put_off || may_send || self.poll_timer(state, now, cx, outflow)
    }

    /// Ends an endpoint that is closing when nothing is left to wait for.
    fn conclude(&self, state: &mut State, now: Time, outflow: Outflow) {
        state.close_if_unused();
        let Phase::Closing { deadline, data } = state.phase else {
            return;
        };
        let left = state.host.peers().next().is_none();
        if deadline <= now {
            if !left {
                tracing::debug!("peers have not confirmed in time");
                state.host.disconnect_all_now(data);
            }
            state.transmit(now, usize::MAX);
            state.end(None);
        } else if left && outflow == Outflow::Idle && state.woken.is_empty() && !state.impairment.is_sending() {
            state.end(None);
        }
    }

    /// Sets the timer; true if it is time already.
    fn poll_timer(&mut self, state: &mut State, now: Time, cx: &mut Context<'_>, outflow: Outflow) -> bool {
        let closing = match state.phase {
            Phase::Closing { deadline, .. } => Some(deadline),
            Phase::Running | Phase::Ended => None,
        };
        // The protocol waits for the answer too: its acknowledgement is due already.
        let due = state.answer_by.or_else(|| state.host.poll_timeout());
        let watched = state.watched_until.filter(|_| state.ready.is_reported());
        let Some(at) = [
            due,
            closing,
            watched,
            state.impairment.next_at(),
            state.encryption.next_at(),
        ]
        .into_iter()
        .flatten()
        .min() else {
            return false;
        };
        if at <= now {
            // What is due may be to send; then there is nothing to do until the kernel has room.
            return outflow != Outflow::Blocked;
        }
        if !state.timer_comes(now, at) {
            let Some(instant) = state.clock.instant(at) else {
                return false;
            };
            self.timer.as_mut().reset(instant);
            state.timer_at = Some(at);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            state.timer_at = None;
            return true;
        }
        false
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = self.get_mut();
        let shared = driver.shared.clone();
        let mut state = shared.lock();
        // Nobody needs to wake a driver that runs.
        state.driver = None;
        let again = !state.has_ended() && driver.pass(&mut state, cx);
        let ended = state.has_ended();
        if again {
            state.touch();
        } else if !ended {
            state.driver = Some(cx.waker().clone());
        }
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        // First the program, then this task: it comes behind in the queue.
        woken.into_iter().for_each(Waker::wake);
        if ended {
            return Poll::Ready(());
        }
        if again && driver.gives_way {
            // Wakes this task once the reactor has been asked, which a task that wakes itself can keep from its turn for long.
            let _ = pin!(yield_now()).poll(cx);
        } else if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Driver {
    /// The task was finished, or the runtime is going down: then what is queued leaves, and peers are told, as far as it can be done
    /// at once.
    fn drop(&mut self) {
        self.shared.with(|state| {
            if state.has_ended() {
                return;
            }
            if std::thread::panicking() {
                state.abandon();
            } else {
                state.finish(0);
            }
        });
    }
}
