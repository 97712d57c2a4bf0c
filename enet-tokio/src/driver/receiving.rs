//! Receiving, by the driver or by the task that waits for events.

use std::io;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use enet_proto::{Event, Path, PeerHandle, Time};

use super::ANSWER_TIME;
use super::shared::{Sink, State};
use crate::intercept::Verdict;
use crate::socket::Socket;

/// About how many datagrams are received before what came of them is handed out and answered. One batch of a stream is about as
/// many: were more received at a time, its sender would have its window used up before it hears of the first of them.
const RECEIVE_BUDGET: usize = 32;

/// After so many batches without an event the task that waits for one leaves it to the driver.
const MAX_BATCHES: usize = 2;

impl State {
    /// Receives a bounded amount; whether there may be more. `None` if the endpoint ended over it.
    pub(super) fn receive(&mut self, now: Time) -> Option<bool> {
        self.ready.take_report();
        // The reactor may not have had its turn for as long as this task. What has arrived meanwhile counts before a time-out does.
        let ask = self.hurried || self.host.poll_timeout().is_some_and(|at| at <= now);
        self.take_in(now, |socket, waker, each| {
            socket.poll_receive(&mut Context::from_waker(waker), ask, RECEIVE_BUDGET, each)
        })
    }

    /// Whether a task may receive at all.
    pub(super) fn may_look(&self) -> bool {
        self.is_running() && !self.held && !self.impairment.is_on()
    }

    /// Looks at the socket without the reactor, for the task of `waker`; whether something has come.
    pub(super) fn look(&mut self, waker: &Waker) -> bool {
        if !self.may_look() {
            return true;
        }
        let now = self.clock.now();
        if self.take_in(now, |socket, _, each| socket.try_receive(each)) == Some(false) {
            return false;
        }
        if matches!(self.sink, Sink::Connections(_)) {
            let packets = self.dispatch();
            self.woken.retain(|woken| !woken.will_wake(waker));
            if !packets || !self.woken.is_empty() {
                // Others have to do with it; the driver sends when they have had their turn.
                self.touch();
                return true;
            }
        }
        let answer_by = now + ANSWER_TIME;
        self.answer_by = Some(answer_by);
        // The reactor has not told the driver, which is to send if the program does not.
        if !self.timer_comes(now, answer_by) {
            self.woken.extend(self.driver.take());
        }
        true
    }

    /// Hands what `receive` passes on to the protocol. `None` if the endpoint ended over it.
    fn take_in<R>(
        &mut self,
        now: Time,
        receive: impl FnOnce(&mut Socket, &Waker, &mut dyn FnMut(Path, Bytes)) -> io::Result<R>,
    ) -> Option<R> {
        let State {
            host,
            socket,
            encryption,
            impairment,
            intercept,
            ready_waker,
            dialogue,
            ..
        } = self;
        let mut handle = |path: Path, datagram: Bytes| {
            let verdict = intercept
                .as_ref()
                .map_or(Verdict::Pass, |intercept| intercept.judge(path.remote, &datagram));
            match verdict {
                Verdict::Pass => {
                    dialogue.heard(path.remote);
                    encryption.arrive(now, path, datagram, &mut |plain| host.handle_datagram(now, path, plain));
                }
                Verdict::Taken => {}
                Verdict::Reply(answer) => encryption.send_bare(host, path, answer),
            }
        };
        let received = receive(socket.as_mut()?, ready_waker, &mut |path, datagram| {
            if let Some(datagram) = impairment.arrive(now, path, datagram) {
                handle(path, datagram);
            }
        });
        while let Some((path, datagram)) = impairment.next_incoming(now) {
            handle(path, datagram);
        }
        encryption.handle_timeout(now, host);
        match received {
            Ok(received) => Some(received),
            Err(error) => {
                self.end(Some(error));
                None
            }
        }
    }

    /// The next event for a task of the event style; without a waker for one that does not wait.
    pub(crate) fn poll_event(&mut self, waker: Option<&Waker>) -> Poll<Option<Event>> {
        let mut batches = 0;
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
                if matches!(event, Some(Event::Received { .. })) {
                    self.took_packet();
                } else {
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
            // What brings no events may come without end: the driver goes on with it.
            if batches == MAX_BATCHES || !self.receive_for_program() {
                return Poll::Pending;
            }
            batches += 1;
        }
    }

    /// The next peer that has room, for a task of the event style; without a waker for one that does not wait.
    pub(crate) fn poll_room(&mut self, waker: Option<&Waker>) -> Poll<Option<PeerHandle>> {
        let ended = self.has_ended();
        let State {
            host,
            sink: Sink::Events(events),
            ..
        } = &mut *self
        else {
            return Poll::Pending;
        };
        let room = events.next_room(host);
        if room.is_some() || ended {
            return Poll::Ready(room);
        }
        if let Some(waker) = waker {
            events.waiting_for_room.add(waker);
        }
        Poll::Pending
    }

    /// Receives in the task that waits, if there is something.
    fn receive_for_program(&mut self) -> bool {
        // There was a report, or the last time ended before there was nothing left.
        let promising = self.ready.is_reported() || self.hurried;
        // In a quick dialogue the task is about to look for itself, see `watch`.
        if !promising || !self.is_running() || self.held || self.dialogue.is_quick() {
            return false;
        }
        if self.hurried {
            // Whoever sends so much waits to hear of the last batch.
            self.answered();
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
