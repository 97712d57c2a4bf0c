//! What the driver and the handles of an endpoint share.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{DisconnectReason, Event, Host, PeerHandle, PeerState, Time};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::ahead::Ahead;
use super::clock::Clock;
use super::connections::Connections;
use super::dialogue::Dialogue;
use super::events::Events;
use super::ready::Ready;
use super::waiters::Waiters;
use crate::conditions::Impairment;
use crate::config::Config;
use crate::intercept::Intercept;
use crate::layer::encryption::Encryption;
use crate::socket::{Outgoing, Sent, Socket};
use crate::statistics::{EndpointStatistics, SocketStatistics};

/// Datagrams that a task sends when it waits again; the driver sends the others.
const ANSWER_BUDGET: usize = 64;

/// Datagrams sent by one flush; the driver sends the others.
const FLUSH_BUDGET: usize = 64;

/// The state of an endpoint behind its lock.
///
/// Handles lock it, act on the protocol and leave; no lock is held while anything waits. Tasks are woken after it is released.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<State>);

/// See [`Shared`].
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) clock: Clock,
    /// None once the endpoint has ended.
    pub(crate) socket: Option<Socket>,
    pub(crate) outgoing: Outgoing,
    pub(crate) encryption: Encryption,
    pub(crate) impairment: Impairment,
    /// The program has no handle of the endpoint any more.
    let_go: bool,
    pub(crate) intercept: Option<Intercept>,
    pub(crate) sink: Sink,
    pub(crate) phase: Phase,
    /// Nothing is sent or received yet.
    pub(crate) held: bool,
    linger: Duration,
    /// Tasks that wait for the end.
    pub(crate) ending: Waiters,
    /// Tasks to wake as soon as the lock is released.
    pub(crate) woken: Vec<Waker>,
    /// The driver's task, while it sleeps.
    pub(super) driver: Option<Waker>,
    /// Whether the driver has something to do.
    touched: bool,
    /// What the reactor wakes when the socket has something.
    pub(super) ready: Arc<Ready>,
    /// The same as a waker.
    pub(super) ready_waker: Waker,
    /// Whether the last pass ended with more to do than its budget allowed.
    pub(super) hurried: bool,
    /// Set while a task that was given something is about to answer: it sends when it waits again, and the driver at this time
    /// if it does not.
    pub(super) answer_by: Option<Time>,
    /// What tasks have done since something was sent.
    ahead: Ahead,
    /// Whether the peer that was heard last is about to answer.
    pub(crate) dialogue: Dialogue,
    /// Set while a task looks at the socket itself: until then the driver leaves it alone.
    pub(super) watched_until: Option<Time>,
    /// For when the driver's timer is set; it may be for earlier than needed, as setting it costs more than waking once for
    /// nothing.
    pub(super) timer_at: Option<Time>,
    /// What the socket counted, once it is closed.
    last_counts: SocketStatistics,
}

/// Where events go.
#[derive(Debug)]
pub(crate) enum Sink {
    Connections(Connections),
    Events(Events),
}

/// The life of an endpoint.
#[derive(Debug)]
pub(crate) enum Phase {
    Running,
    /// Peers have been asked to leave; at the deadline it is over in any case.
    Closing {
        deadline: Time,
        data: u32,
    },
    Ended,
}

/// What is left to send after sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outflow {
    /// Nothing.
    Idle,
    /// Something: the budget is used up.
    More,
    /// Something: the kernel has no room.
    Blocked,
    /// The socket is unusable; the endpoint has ended.
    Ended,
}

impl Shared {
    pub(crate) fn new(
        host: Host,
        clock: Clock,
        socket: Socket,
        sink: Sink,
        encryption: Encryption,
        config: &Config,
    ) -> Shared {
        let ready = Arc::new(Ready::new());
        Shared(Mutex::new(State {
            host,
            clock,
            socket: Some(socket),
            outgoing: Outgoing::default(),
            encryption,
            impairment: Impairment::of(config),
            let_go: false,
            intercept: config.intercept.clone(),
            sink,
            phase: Phase::Running,
            held: config.held,
            linger: config.linger,
            ending: Waiters::default(),
            woken: Vec::new(),
            driver: None,
            touched: false,
            ready_waker: ready.clone().into(),
            ready,
            hurried: false,
            answer_by: None,
            ahead: Ahead::default(),
            dialogue: Dialogue::new(busy_poll(config)),
            watched_until: None,
            timer_at: None,
            last_counts: SocketStatistics::default(),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held ends the driver, which ends the endpoint; its handles should still be able to tell.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`with`](Shared::with), for a task: when it has to wait, what it has queued is sent first.
    pub(crate) fn poll<R>(&self, act: impl FnOnce(&mut State) -> Poll<R>) -> Poll<R> {
        self.with(|state| {
            let result = act(state);
            if result.is_pending() {
                state.answered();
            }
            result
        })
    }

    /// Acts on the state, then wakes whom it concerns.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        let driver = if state.answer_by.is_none() && state.touched {
            state.driver.take()
        } else {
            None
        };
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        woken.into_iter().for_each(Waker::wake);
        result
    }
}

/// For how long to look for an answer in this runtime; see [`Config::busy_poll`].
fn busy_poll(config: &Config) -> Duration {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::CurrentThread) => config.busy_poll,
        _ => Duration::ZERO,
    }
}

impl State {
    /// Has the driver look: there may be something to send or to dispatch, or a new deadline.
    pub(crate) fn touch(&mut self) {
        self.touched = true;
    }

    /// Whether the driver has something to do at `now`: if not, the task that waits for events has done it.
    pub(super) fn concerns_driver(&self, now: Time) -> bool {
        let due = self.timer_at.is_none_or(|at| at <= now);
        let reported = self.ready.is_reported() && self.watched_until.is_none_or(|until| until <= now);
        let busy = self.touched || self.hurried || reported || !self.outgoing.is_empty();
        due || busy || !self.is_running()
    }

    /// Whether the driver's timer will come by `at`.
    pub(super) fn timer_comes(&self, now: Time, at: Time) -> bool {
        self.timer_at.is_some_and(|set| now < set && set <= at)
    }

    /// The driver looks at everything now.
    pub(super) fn begin_pass(&mut self) {
        self.touched = false;
        self.answer_by = None;
    }

    /// A task has taken a packet.
    pub(crate) fn took_packet(&mut self) {
        self.dialogue.taken();
        if self.ahead.took() {
            self.send_ahead();
        }
    }

    /// A task has queued a packet of so many bytes.
    pub(crate) fn queued_packet(&mut self, peer: PeerHandle, bytes: usize) {
        self.dialogue.answered();
        if self.ahead.queued(peer, bytes) {
            self.send_ahead();
        }
    }

    /// Sends some of what tasks have queued, before they wait.
    fn send_ahead(&mut self) {
        self.ahead.sent();
        // To compress takes so long that it is the driver's work, which listens in between.
        if self.held || !self.is_running() || self.host.is_compressing() {
            return;
        }
        let now = self.clock.now();
        self.transmit(now, ANSWER_BUDGET);
        self.dispatch();
        self.touch();
    }

    /// A task that may have been given something waits for more: what came of it is sent, together with the acknowledgement.
    pub(super) fn answered(&mut self) {
        if self.answer_by.take().is_none() || !self.is_running() {
            return;
        }
        let now = self.clock.now();
        let outflow = self.transmit(now, ANSWER_BUDGET);
        self.dispatch();
        let due = [self.host.poll_timeout(), self.encryption.next_at()]
            .into_iter()
            .flatten()
            .min();
        let timer_will_do = due.is_none_or(|due| self.timer_comes(now, due));
        self.touched = outflow != Outflow::Idle || self.hurried || !timer_will_do || self.impairment.is_on();
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    pub(crate) fn statistics(&self) -> EndpointStatistics {
        EndpointStatistics {
            host: *self.host.statistics(),
            socket: self.socket.as_ref().map_or(self.last_counts, Socket::statistics),
            peers: self.host.peers().count(),
            half_open: self.host.half_open(),
            #[cfg(feature = "dtls")]
            dtls: self.encryption.statistics(),
        }
    }

    /// Sends what there is, some `budget` datagrams at most, from `now` on. Each says when it leaves.
    pub(crate) fn transmit(&mut self, mut now: Time, budget: usize) -> Outflow {
        let State {
            clock,
            host,
            socket: Some(socket),
            outgoing,
            encryption,
            impairment,
            dialogue,
            ahead,
            ..
        } = self
        else {
            return Outflow::Ended;
        };
        ahead.sent();
        let mtu = usize::from(host.config().mtu) + encryption.overhead();
        // To compress one takes longer than to send it, and none is to wait for the others.
        let batch = if host.is_compressing() {
            1
        } else {
            socket.max_datagrams(mtu)
        };
        let gathers = socket.gathers() && !impairment.is_on() && !host.is_compressing();
        let mut taken = 0;
        loop {
            // What could not be sent before comes first. A single datagram is put aside as long as the protocol has more at hand.
            let mut gathering = outgoing.is_empty();
            while gathering {
                if taken >= budget {
                    return Outflow::More;
                }
                if taken > 0 {
                    now = clock.now();
                }
                let Some(transmit) = host.poll_transmit(now, batch, &mut outgoing.buffer) else {
                    if !outgoing.is_empty() {
                        break;
                    }
                    taken += 1;
                    if let Some((path, datagram)) = encryption.poll_transmit() {
                        if impairment.is_on() {
                            impairment.depart(now, path, datagram);
                            continue;
                        }
                        outgoing.load(path, &datagram);
                        break;
                    }
                    match impairment.next_outgoing(now) {
                        Some((path, datagram)) => outgoing.load(path, &datagram),
                        None => return Outflow::Idle,
                    }
                    break;
                };
                outgoing.begin(&transmit);
                let datagrams = outgoing.datagrams();
                dialogue.said(transmit.destination, datagrams);
                taken += datagrams;
                if encryption.is_on() {
                    encryption.depart(now, outgoing);
                    if outgoing.datagrams() == 0 {
                        continue;
                    }
                }
                if impairment.is_on() {
                    outgoing.drain(|path, datagram| impairment.depart(now, path, datagram));
                    continue;
                }
                let more = taken < budget && host.may_transmit();
                // The last goes with those before it.
                let aside = gathers && (more || outgoing.is_gathered()) && outgoing.gather();
                gathering = aside && more && outgoing.has_room(mtu);
            }
            match socket.send(outgoing) {
                Sent::Done => {}
                Sent::Blocked => return Outflow::Blocked,
                Sent::Broken(error) => {
                    self.end(Some(error));
                    return Outflow::Ended;
                }
            }
        }
    }

    /// Encrypts from now on, or no more.
    #[cfg(feature = "dtls")]
    pub(crate) fn set_dtls(&mut self, dtls: Option<crate::DtlsConfig>) -> io::Result<()> {
        let fresh = Encryption::with(dtls, self.clock.now())?;
        if fresh.is_on() {
            self.host.set_doubt_disconnects(false);
        }
        self.encryption.close();
        if let Some(socket) = &mut self.socket {
            while !self.held
                && self.outgoing.is_empty()
                && let Some((path, datagram)) = self.encryption.poll_transmit()
            {
                self.outgoing.load(path, &datagram);
                if !matches!(socket.send(&mut self.outgoing), Sent::Done) {
                    break;
                }
            }
        }
        self.encryption = fresh;
        Ok(())
    }

    /// Sends a datagram that is no part of the protocol.
    pub(crate) fn send_raw(&mut self, to: SocketAddr, datagram: Bytes) {
        if self.encryption.is_on() {
            self.encryption.send_bare(&mut self.host, to.into(), datagram);
        } else {
            self.host.send_raw(to, datagram);
        }
    }

    /// Sends some of what is queued, from the calling thread; the driver sends the rest.
    pub(crate) fn flush(&mut self) {
        let now = self.clock.now();
        self.transmit(now, FLUSH_BUDGET);
        // What has left may have made room for those who wait for it.
        self.touch();
    }

    /// Moves the protocol's events to where the program finds them. True if all of them were packets.
    pub(crate) fn dispatch(&mut self) -> bool {
        let State { host, sink, woken, .. } = self;
        let mut packets = true;
        let mut see = |event: &Event| packets &= matches!(event, Event::Received { .. });
        match sink {
            Sink::Connections(connections) => {
                while let Some(event) = host.poll_event() {
                    see(&event);
                    connections.dispatch(event, host, woken);
                }
                connections.wake_senders(host, woken);
            }
            Sink::Events(events) => {
                while !events.is_full() {
                    let Some(event) = host.poll_event() else { break };
                    see(&event);
                    events.push(event, woken);
                }
                events.note_room(host, woken);
            }
        }
        packets
    }

    /// Begins to end the endpoint gracefully: what is queued is delivered, peers are told with `data` and may confirm, for as
    /// long as the linger time allows.
    pub(crate) fn close(&mut self, data: u32) {
        if !self.is_running() {
            return;
        }
        tracing::debug!(data, "closing");
        self.held = false;
        self.phase = Phase::Closing {
            deadline: self.clock.now() + self.linger,
            data,
        };
        self.host.set_accepting(false);
        let peers: Vec<PeerHandle> = self.host.peers().map(|(peer, _)| peer).collect();
        for peer in peers {
            if let Some(mut peer) = self.host.peer_mut(peer) {
                peer.set_receiving(true);
                // Who is leaving already goes on, with what was said then.
                if peer.state() != PeerState::DisconnectLater {
                    peer.disconnect_later(data);
                }
            }
        }
        self.touch();
    }

    /// The program has dropped its last handle of the endpoint: nobody can connect any more. Connections that it has handles of live on,
    /// and the endpoint with them.
    pub(crate) fn let_go(&mut self) {
        self.let_go = true;
        self.host.set_accepting(false);
        self.close_if_unused();
        self.touch();
    }

    /// Begins to end the endpoint if the program has no use for it: neither a handle, nor one of a connection that has not ended.
    pub(crate) fn close_if_unused(&mut self) {
        if !self.let_go || !self.is_running() {
            return;
        }
        if let Sink::Connections(connections) = &mut self.sink {
            // Some may have been about to connect.
            connections.refuse_incoming(&mut self.host, &mut self.woken);
            if !connections.is_unused() {
                return;
            }
        }
        self.close(0);
    }

    /// Ends the endpoint at once: each peer is told once, and what is queued is lost.
    pub(crate) fn close_now(&mut self, data: u32) {
        if self.has_ended() {
            return;
        }
        self.held = false;
        self.host.disconnect_all_now(data);
        self.phase = Phase::Closing {
            deadline: self.clock.now(),
            data,
        };
        self.touch();
    }

    /// Ends the endpoint before this returns: what can be sent without waiting is sent, then each peer is told once.
    pub(crate) fn finish(&mut self, data: u32) {
        if self.has_ended() {
            return;
        }
        let now = self.clock.now();
        if !self.held {
            self.transmit(now, usize::MAX);
        }
        self.host.disconnect_all_now(data);
        self.transmit(now, usize::MAX);
        self.end(None);
        self.touch();
    }

    /// The last steps of the endpoint: nothing is sent or received any more.
    pub(crate) fn end(&mut self, error: Option<io::Error>) {
        if self.has_ended() {
            return;
        }
        match error {
            Some(error) => tracing::error!(%error, "the socket is broken"),
            None => tracing::debug!("ended"),
        }
        self.phase = Phase::Ended;
        self.encryption.close();
        self.hurry();
        if let Some(socket) = self.socket.take() {
            self.last_counts = socket.statistics();
        }
        self.outgoing.clear();
        self.dispatch();
        self.wake_all();
    }

    /// The end after a panic: the protocol may be in any state and is left alone, but nobody waits for ever.
    pub(super) fn abandon(&mut self) {
        self.phase = Phase::Ended;
        self.socket = None;
        self.wake_all();
    }

    /// Tells all tasks that nothing comes any more.
    fn wake_all(&mut self) {
        match &mut self.sink {
            Sink::Connections(connections) => connections.end(&mut self.woken),
            Sink::Events(events) => {
                events.waiting.wake(&mut self.woken);
                events.waiting_for_room.wake(&mut self.woken);
            }
        }
        self.ending.wake(&mut self.woken);
    }

    /// Sends at once what is under way in a bad network, which would end with the endpoint; a real one would not.
    fn hurry(&mut self) {
        let State {
            socket: Some(socket),
            outgoing,
            encryption,
            impairment,
            ..
        } = self
        else {
            return;
        };
        while let Sent::Done = socket.send(outgoing)
            && let Some((path, datagram)) = impairment.hurry_outgoing().or_else(|| encryption.poll_transmit())
        {
            outgoing.load(path, &datagram);
        }
    }

    /// Lists a task that waits for the end; false if it is over already.
    pub(crate) fn wait_for_end(&mut self, cx: &Context<'_>) -> bool {
        if self.has_ended() {
            return false;
        }
        self.ending.add(cx.waker());
        true
    }

    /// Takes the connection of `peer` as ended by this side, for actions after which the protocol reports nothing.
    pub(crate) fn forget(&mut self, peer: PeerHandle) {
        if let Sink::Connections(connections) = &mut self.sink {
            connections.close(peer, DisconnectReason::Local, &mut self.woken);
        }
        self.close_if_unused();
    }
}
