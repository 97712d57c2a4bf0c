//! Which reliable commands to send again, and when.
//!
//! Commands sent once stand in the order they were sent, so only the first needs watching: it is the first to be due, and the
//! first to be lost when later ones have been acknowledged. Those sent again stand in that order as well, for their losses, and in
//! the order they are due.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::channel::Position;
use crate::queue::{BURST, FEW, shrink};
use crate::time::Time;

/// A command counts as lost when one that left this many datagrams later has been acknowledged (as in TCP and QUIC, RFC 9002
/// section 6.1.1).
const REORDERING_THRESHOLD: u64 = 3;

/// What finds a command: its channel, 0xFF for the connection's own, and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommandId {
    pub(crate) channel: u8,
    pub(crate) position: Position,
}

/// One attempt to send a command.
#[derive(Debug)]
struct Attempt {
    id: CommandId,
    at: Time,
    datagram: u64,
}

/// The order of resends of one peer.
#[derive(Debug)]
pub(crate) struct Retransmission {
    sent_once: VecDeque<Attempt>,
    sent_again: VecDeque<Attempt>,
    due_again: BTreeSet<(Time, CommandId)>,
    /// To be sent again with the next transmission. May hold commands acknowledged meanwhile.
    queue: VecDeque<CommandId>,
    /// The number of the latest datagram of which something was acknowledged.
    latest_acknowledged: u64,
    /// Since the last acknowledgement: the send time of the oldest command that was due.
    overdue: Option<Time>,
}

impl Retransmission {
    pub(crate) const fn new() -> Retransmission {
        Retransmission {
            sent_once: VecDeque::new(),
            sent_again: VecDeque::new(),
            due_again: BTreeSet::new(),
            queue: VecDeque::new(),
            latest_acknowledged: 0,
            overdue: None,
        }
    }

    /// Whether nothing is on its way or waits.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.has_sent() && self.sent_again.is_empty() && self.queue.is_empty() && self.overdue.is_none()
    }

    /// Makes a quiet one fit for another peer.
    pub(crate) fn renew(&mut self) {
        for order in [&mut self.sent_once, &mut self.sent_again] {
            shrink(order, FEW);
        }
        shrink(&mut self.queue, FEW);
        // An empty set may hold on to a node.
        self.due_again = BTreeSet::new();
        self.latest_acknowledged = 0;
    }

    /// A command was sent for the first time.
    pub(crate) fn sent(&mut self, id: CommandId, at: Time, datagram: u64) {
        self.sent_once.push_back(Attempt { id, at, datagram });
    }

    /// A command was sent again and is due at `due`.
    pub(crate) fn resent(&mut self, id: CommandId, at: Time, datagram: u64, due: Time) {
        self.sent_again.push_back(Attempt { id, at, datagram });
        self.due_again.insert((due, id));
    }

    /// A command was acknowledged that left in `datagram`, if that is known: the acknowledgement of an earlier attempt says nothing
    /// about the latest. `resend_due` is when it would have been due again.
    pub(crate) fn acknowledged(&mut self, id: CommandId, datagram: Option<u64>, resend_due: Option<Time>) {
        if let Some(due) = resend_due {
            self.due_again.remove(&(due, id));
        }
        self.latest_acknowledged = self.latest_acknowledged.max(datagram.unwrap_or(0));
        self.overdue = None;
    }

    /// Forgets attempts at the front of the orders that are over, so that the front is the first to be due or lost. `latest` tells
    /// the datagram of the latest attempt of a command, if that is still on its way.
    pub(crate) fn trim(&mut self, latest: impl Fn(CommandId) -> Option<u64>) {
        for order in [&mut self.sent_once, &mut self.sent_again] {
            while order.front().is_some_and(|sent| latest(sent.id) != Some(sent.datagram)) {
                order.pop_front();
            }
            shrink(order, BURST);
        }
    }

    /// The next command that was overtaken by acknowledged ones, taken out of the order. Call [`trim`](Self::trim) after it.
    pub(crate) fn next_overtaken(&mut self) -> Option<CommandId> {
        let latest = self.latest_acknowledged;
        let orders = [&mut self.sent_once, &mut self.sent_again];
        let lost = |sent: &Attempt| sent.datagram + REORDERING_THRESHOLD <= latest;
        orders
            .into_iter()
            .find(|order| order.front().is_some_and(lost))?
            .pop_front()
            .map(|sent| sent.id)
    }

    /// The next command whose time-out has passed, and when that was, taken out of the order. `timeout` is that of commands sent
    /// once, which are not due before `earliest`. Call [`trim`](Self::trim) after it.
    pub(crate) fn next_due(&mut self, now: Time, timeout: Duration, earliest: Time) -> Option<(CommandId, Time)> {
        let first_due = self.first_due(timeout, earliest).filter(|due| *due <= now);
        if let Some(due) = first_due {
            return self.sent_once.pop_front().map(|sent| (sent.id, due));
        }
        if self.due_again.first().is_some_and(|(due, _)| *due <= now) {
            return self.due_again.pop_first().map(|(due, id)| (id, due));
        }
        None
    }

    /// Whether [`deadline`](Self::deadline) has something.
    pub(crate) fn has_sent(&self) -> bool {
        !self.sent_once.is_empty() || !self.due_again.is_empty()
    }

    /// When [`next_due`](Self::next_due) will have something.
    pub(crate) fn deadline(&self, timeout: Duration, earliest: Time) -> Option<Time> {
        let first = self.first_due(timeout, earliest);
        let again = self.due_again.first().map(|(due, _)| *due);
        [first, again].into_iter().flatten().min()
    }

    fn first_due(&self, timeout: Duration, earliest: Time) -> Option<Time> {
        self.sent_once.front().map(|sent| (sent.at + timeout).max(earliest))
    }

    /// Puts a command in line to be sent again; `resend_due` is when it would have been due, if it was sent again before and that has
    /// not come.
    pub(crate) fn queue(&mut self, id: CommandId, resend_due: Option<Time>) {
        if let Some(due) = resend_due {
            self.due_again.remove(&(due, id));
        }
        self.queue.push_back(id);
    }

    /// The commands that have been unacknowledged for longest, one of each order.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = CommandId> {
        let once = self.sent_once.front().map(|sent| sent.id);
        let again = self.sent_again.front().map(|sent| sent.id);
        [once, again, self.next_queued()].into_iter().flatten()
    }

    pub(crate) fn next_queued(&self) -> Option<CommandId> {
        self.queue.front().copied()
    }

    pub(crate) fn pop_queued(&mut self) {
        self.queue.pop_front();
        shrink(&mut self.queue, BURST);
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Notes that a command sent at `sent` was due.
    pub(crate) fn note_due(&mut self, sent: Time) {
        self.overdue = Some(self.overdue.map_or(sent, |earliest| earliest.min(sent)));
    }

    /// The clock was not looked at for so long, so that nothing that came meanwhile was heard.
    pub(crate) fn forgive(&mut self, late: Duration) {
        self.overdue = self.overdue.map(|earliest| earliest + late);
    }

    /// Since the last acknowledgement: the send time of the oldest command that was due.
    pub(crate) fn overdue(&self) -> Option<Time> {
        self.overdue
    }

    /// Forgets all commands.
    pub(crate) fn clear(&mut self) {
        *self = Retransmission {
            latest_acknowledged: self.latest_acknowledged,
            ..Retransmission::new()
        };
    }
}
