//! Whether a farewell is believed.
//!
//! Nothing but the peer id and the session, 14 bits, tells a DISCONNECT from one that was forged by someone who can send in the
//! name of the other side. But who really left answers nothing any more, and who was slandered does. So a farewell is believed
//! when PINGs stay unanswered for a while.
//!
//! How long that is follows from the evidence. Who forges has to guess, and nearly all of the guesses are wrong: without any a
//! farewell is as good as true. With some, or with one that was disproved, it has to be disproved in no time at all that a program
//! may be busy for.

use std::time::Duration;

use super::outbox::Control;
use super::receive::Context;
use super::{Peer, PeerState};
use crate::event::DisconnectReason;
use crate::time::Time;

/// For how many time-outs of a command a farewell is doubted of which nothing says that it may be forged.
const DOUBTED_TIMEOUTS: u32 = 2;

/// How long a farewell is doubted at most, unless a round trip takes longer.
const LONGEST_DOUBT: Duration = Duration::from_secs(2);

/// How often is asked meanwhile: some of the PINGs or of their acknowledgements may be lost.
const QUESTIONS: u32 = 8;

/// A farewell that is believed unless something sent since it came is acknowledged in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    since: Time,
    until: Time,
    /// When to send the next PING, and how long after it another one.
    ask_at: Time,
    ask_every: Duration,
    data: u32,
    /// Nothing says that it is not true.
    is_likely: bool,
}

impl Doubt {
    /// When there is something to do about it.
    pub(super) fn deadline(&self) -> Time {
        self.until.min(self.ask_at)
    }
}

impl Peer {
    /// Takes a DISCONNECT, which is believed at once if it is credible: one that wants an acknowledgement, and can have it, and has
    /// a number that fits.
    pub(super) fn disconnected(&mut self, cx: &Context<'_>, data: u32, credible: bool) {
        match self.state {
            PeerState::Disconnected | PeerState::Zombie | PeerState::AcknowledgingDisconnect => return,
            PeerState::Connected | PeerState::DisconnectLater if credible => {
                self.state = PeerState::AcknowledgingDisconnect;
                self.disconnect_data = data;
            }
            PeerState::Connected | PeerState::DisconnectLater if cx.config.doubt_disconnects => {
                return self.doubt(cx, data);
            }
            // Nor does this tell that it comes from who was asked.
            PeerState::Connecting if cx.config.doubt_disconnects => return self.doubt_refusal(cx.now, data),
            _ => self.end(DisconnectReason::Remote { data }),
        }
        self.reset_queues();
    }

    /// Whether someone seems to forge what comes from the other side.
    pub(super) fn is_slandered(&self, cx: &Context<'_>) -> bool {
        self.was_slandered || (cx.is_guessed_at)()
    }

    /// Whether the other side has said farewell, whether that was believed yet or not.
    pub(crate) fn was_told_of_the_end(&self) -> bool {
        self.state == PeerState::AcknowledgingDisconnect || self.busy.doubt.is_some()
    }

    /// Whether the other side has most likely left, so that what is sent to it is in vain.
    pub(super) fn has_likely_left(&self) -> bool {
        self.busy.doubt.is_some_and(|doubt| doubt.is_likely)
    }

    /// Asks whether a farewell was meant.
    fn doubt(&mut self, cx: &Context<'_>, data: u32) {
        if self.busy.doubt.is_some() {
            return;
        }
        let longest = LONGEST_DOUBT.max(self.round_trip.mean() * 5 / 4);
        let is_likely = !self.is_slandered(cx);
        let patience = match is_likely {
            true => longest.min(self.round_trip.timeout() * DOUBTED_TIMEOUTS),
            false => longest,
        };
        self.queue_control(Control::Ping);
        self.busy.doubt = Some(Doubt {
            since: cx.now,
            until: cx.now + patience,
            ask_at: cx.now + patience / QUESTIONS,
            ask_every: patience / QUESTIONS,
            data,
            is_likely,
        });
    }

    /// While connecting: gives up once the CONNECT that is sent next has stayed unanswered.
    fn doubt_refusal(&mut self, now: Time, data: u32) {
        if self.busy.doubt.is_some() {
            return;
        }
        let timeout = self.round_trip.timeout();
        let until = self.retransmission_deadline().unwrap_or(now) + 2 * timeout;
        self.busy.doubt = Some(Doubt {
            since: now,
            until,
            ask_at: until,
            ask_every: timeout,
            data,
            is_likely: false,
        });
    }

    /// Something that was sent at `sent` has been acknowledged: who left before would not have done that.
    pub(super) fn dispel_doubt(&mut self, sent: Time) {
        if self.busy.doubt.is_some_and(|doubt| sent >= doubt.since) {
            self.busy.doubt = None;
            self.was_slandered = true;
        }
    }

    /// Does what a doubt has to have done; true if the connection is over with that.
    pub(super) fn settle_doubt(&mut self, now: Time) -> bool {
        let Some(doubt) = &mut self.busy.doubt else {
            return false;
        };
        if doubt.until <= now {
            let data = doubt.data;
            self.end(DisconnectReason::Remote { data });
            return true;
        }
        if doubt.ask_at <= now {
            doubt.ask_at = now + doubt.ask_every;
            self.queue_control(Control::Ping);
        }
        false
    }
}
