//! Receiving, by the driver or by the task that waits for events.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use enet_proto::{Event, Time};

use super::ANSWER_TIME;
use super::shared::{Sink, State};

/// About how many datagrams are received in one pass.
const RECEIVE_BUDGET: usize = 256;

impl State {
    /// Receives a bounded amount; whether there may be more. `None` if the endpoint ended over it.
    pub(super) fn receive(&mut self, now: Time) -> Option<bool> {
        self.ready.take_report();
        let State {
            host,
            socket,
            impairment,
            intercept,
            ready_waker,
            ..
        } = self;
        let mut handle = |from, datagram: Bytes| {
            if !intercept
                .as_ref()
                .is_some_and(|intercept| intercept.takes(from, &datagram))
            {
                host.handle_datagram(now, from, datagram);
            }
        };
        let cx = &mut Context::from_waker(ready_waker);
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
                self.end(Some(error));
                None
            }
        }
    }

    /// The next event for a task of the event style; without a waker for one that does not wait.
    pub(crate) fn poll_event(&mut self, waker: Option<&Waker>) -> Poll<Option<Event>> {
        loop {
            let ended = self.has_ended();
            let State {
                host,
                sink: Sink::Events(events),
                ready,
                ..
            } = &mut *self
            else {
                return Poll::Pending;
            };
            let event = events.next(host);
            if event.is_some() || ended {
                if !matches!(event, Some(Event::Received { .. })) {
                    // There is no answer to wait for, and the other side waits.
                    self.answer_by = None;
                    self.touch();
                }
                return Poll::Ready(event);
            }
            let Some(waker) = waker else { return Poll::Pending };
            events.waiting.add(waker);
            if events.waiting.is_several() {
                return Poll::Pending;
            }
            ready.tell_program(waker);
            if !self.receive_for_program() {
                return Poll::Pending;
            }
        }
    }

    /// Receives in the task that waits, if there is something.
    fn receive_for_program(&mut self) -> bool {
        if !self.is_running() || self.held || !self.ready.is_reported() {
            return false;
        }
        let now = self.clock.now();
        if let Some(more) = self.receive(now) {
            self.hurried = more;
            // The program answers what it is given before it waits again.
            self.answer_by = Some(now + ANSWER_TIME);
        }
        true
    }
}
