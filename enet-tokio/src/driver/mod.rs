//! The task that moves an endpoint: it alone receives and keeps the time; it and the handles send.
//!
//! One pass: send what is queued, receive a bounded amount, let the protocol's timers run, hand out events, send what came of it.
//! When events went to a task that waited for them, the last step is put off until that task has run: its answer then leaves
//! together with the acknowledgement of what it answers, in one datagram. All steps are bounded, and between passes other tasks
//! get their turn, so a flood from one side starves neither the program nor the other peers.

pub(crate) mod clock;
mod compact;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod shared;
mod waiters;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use enet_proto::Time;
use tokio::time::{Instant, Sleep, sleep_until};

use self::shared::{Outflow, Phase, Shared, State};

/// About how many datagrams are received in one pass.
const RECEIVE_BUDGET: usize = 256;

/// About how many datagrams are sent in one pass.
const TRANSMIT_BUDGET: usize = 256;

/// The driver of one endpoint.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    timer: Pin<Box<Sleep>>,
    /// For when the timer is set; it may be for earlier than needed, as setting it costs more than waking once for nothing.
    timer_at: Option<Time>,
    /// Whether the last pass ended with more to do than its budget allowed.
    hurried: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>) -> Driver {
        Driver {
            shared,
            timer: Box::pin(sleep_until(Instant::now())),
            timer_at: None,
            hurried: false,
        }
    }

    /// One pass. Returns whether to pass again at once.
    fn pass(&mut self, state: &mut State, cx: &mut Context<'_>) -> bool {
        if state.held {
            return false;
        }
        let now = state.clock.now();
        let first = state.transmit(now, TRANSMIT_BUDGET);
        let Some(more_to_receive) = self.receive(state, now, cx) else {
            return false;
        };
        if state.host.poll_timeout().is_some_and(|at| at <= now) {
            state.host.handle_timeout(now);
        }
        state.dispatch();
        let put_off = !state.woken.is_empty();
        let outflow = match first {
            Outflow::Idle if !put_off => state.transmit(now, TRANSMIT_BUDGET),
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
        self.hurried = hurried;
        hurried || put_off || may_send || self.poll_timer(state, now, cx, outflow)
    }

    /// Receives; `None` if the endpoint ended over it.
    fn receive(&self, state: &mut State, now: Time, cx: &mut Context<'_>) -> Option<bool> {
        let State {
            host,
            socket,
            impairment,
            intercept,
            ..
        } = state;
        let mut handle = |from, datagram: Bytes| {
            if !intercept
                .as_ref()
                .is_some_and(|intercept| intercept.takes(from, &datagram))
            {
                host.handle_datagram(now, from, datagram);
            }
        };
        let received = socket
            .as_mut()?
            .poll_receive(cx, self.hurried, RECEIVE_BUDGET, |from, datagram| {
                if let Some(datagram) = impairment.arrive(now, from, datagram) {
                    handle(from, datagram);
                }
            });
        while let Some((from, datagram)) = impairment.next_incoming(now) {
            handle(from, datagram);
        }
        match received {
            Ok(more) => Some(more),
            Err(error) => {
                state.end(Some(error));
                None
            }
        }
    }

    /// Ends an endpoint that is closing when nothing is left to wait for.
    fn conclude(&self, state: &mut State, now: Time, outflow: Outflow) {
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
        let arrival = state.impairment.next_at();
        let Some(at) = state
            .host
            .poll_timeout()
            .into_iter()
            .chain(closing)
            .chain(arrival)
            .min()
        else {
            return false;
        };
        if at <= now {
            // What is due may be to send; then there is nothing to do until the kernel has room.
            return outflow != Outflow::Blocked;
        }
        if self.timer_at.is_none_or(|set| set > at || set <= now) {
            let Some(instant) = state.clock.instant(at) else {
                return false;
            };
            self.timer.as_mut().reset(instant);
            self.timer_at = Some(at);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            self.timer_at = None;
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
        if !ended && !again {
            state.driver = Some(cx.waker().clone());
        }
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        // First the program, then this task: it comes behind in the queue.
        woken.into_iter().for_each(Waker::wake);
        if ended {
            return Poll::Ready(());
        }
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Driver {
    /// The task was finished, or the runtime is going down: then peers are told as well as it can be done at once.
    fn drop(&mut self) {
        self.shared.with(|state| {
            if !state.has_ended() {
                state.host.disconnect_all_now(0);
                let now = state.clock.now();
                state.transmit(now, usize::MAX);
                state.end(None);
            }
        });
    }
}
