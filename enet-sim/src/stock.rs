//! A client that behaves as C ENet's does, as far as a server can see.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::Time;

use crate::node::{Outbox, RawNode};
use crate::wire::{Body, CONTROL, Command, Connect, Datagram};

/// Bytes of commands in one datagram; short of any MTU a test uses.
const DATAGRAM_BYTES: usize = 500;

/// Commands in one datagram, as C ENet has it.
const DATAGRAM_COMMANDS: usize = 32;

const PING_INTERVAL: Duration = Duration::from_millis(500);
const TIMEOUT_MINIMUM: Duration = Duration::from_secs(5);
const TIMEOUT_MAXIMUM: Duration = Duration::from_secs(30);
const TIMEOUT_LIMIT: u32 = 32;

/// How far a [`StockClient`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockState {
    /// It has sent its CONNECT.
    Connecting,
    /// It has its VERIFY.
    Connected,
    /// It has sent a DISCONNECT.
    Disconnecting,
    /// The server has acknowledged its DISCONNECT.
    Left,
    /// The server has disconnected it, with this data.
    Dismissed(u32),
    /// The server did not answer for too long.
    TimedOut,
}

/// A hand-written client: connects, acknowledges, pings, resends, delivers reliable packets in order, and leaves.
#[derive(Debug)]
pub struct StockClient {
    server: SocketAddr,
    connect: Connect,
    state: StockState,
    /// Who the server says it is, once it has.
    peer_id: u16,
    outgoing_session: u8,
    incoming_session: u8,
    control: u16,
    channels: BTreeMap<u8, Channel>,
    queue: Vec<Pending>,
    acknowledgements: Vec<Command>,
    rtt: Duration,
    variance: Duration,
    last_acknowledged: Time,
    /// The earliest send of something that is due again, since the last acknowledgement.
    oldest_overdue: Option<Time>,
    received: Vec<(u8, Bytes)>,
    bytes_sent: usize,
    bytes_received: usize,
    verifies: usize,
}

#[derive(Debug, Default)]
struct Channel {
    sent_reliable: u16,
    sent_unreliable: u16,
    delivered: u16,
    early: BTreeMap<u16, Bytes>,
}

/// A command that is not acknowledged yet.
#[derive(Debug)]
struct Pending {
    command: Command,
    sent: Option<Time>,
    timeout: Duration,
    attempts: u32,
}

impl StockClient {
    /// A client that dials `server` as soon as it is added to a network.
    #[must_use]
    pub fn new(server: SocketAddr, connect: Connect) -> StockClient {
        let mut client = StockClient {
            server,
            connect,
            state: StockState::Connecting,
            peer_id: crate::wire::NO_PEER,
            outgoing_session: 0,
            incoming_session: 0,
            control: 0,
            channels: BTreeMap::new(),
            queue: Vec::new(),
            acknowledgements: Vec::new(),
            rtt: Duration::from_millis(500),
            variance: Duration::ZERO,
            last_acknowledged: Time::ZERO,
            oldest_overdue: None,
            received: Vec::new(),
            bytes_sent: 0,
            bytes_received: 0,
            verifies: 0,
        };
        client.queue_control(Body::Connect(connect));
        client
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> StockState {
        self.state
    }

    /// The peer id the server gave it.
    #[must_use]
    pub fn peer_id(&self) -> u16 {
        self.peer_id
    }

    /// The packets it received, with their channels.
    #[must_use]
    pub fn received(&self) -> &[(u8, Bytes)] {
        &self.received
    }

    /// Bytes it has sent.
    #[must_use]
    pub fn bytes_sent(&self) -> usize {
        self.bytes_sent
    }

    /// Bytes it has received.
    #[must_use]
    pub fn bytes_received(&self) -> usize {
        self.bytes_received
    }

    /// How many VERIFYs it has received.
    #[must_use]
    pub fn verifies(&self) -> usize {
        self.verifies
    }

    /// Whether everything it sent reliably has been acknowledged.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends a reliable packet of less than the MTU.
    pub fn send_reliable(&mut self, now: Time, outbox: &mut Outbox, channel: u8, data: impl Into<Bytes>) {
        let numbers = self.channels.entry(channel).or_default();
        numbers.sent_reliable = numbers.sent_reliable.wrapping_add(1);
        numbers.sent_unreliable = 0;
        let command = Command::reliable(channel, numbers.sent_reliable, Body::Reliable(data.into()));
        self.queue.push(Pending::new(command));
        self.flush(now, outbox);
    }

    /// Sends an unreliable packet of less than the MTU.
    pub fn send_unreliable(&mut self, now: Time, outbox: &mut Outbox, channel: u8, data: impl Into<Bytes>) {
        let numbers = self.channels.entry(channel).or_default();
        numbers.sent_unreliable = numbers.sent_unreliable.wrapping_add(1);
        let body = Body::Unreliable {
            number: numbers.sent_unreliable,
            data: data.into(),
        };
        let command = Command::unreliable(channel, numbers.sent_reliable, body);
        let datagram = self.header(now).with(command);
        self.transmit(outbox, &datagram);
    }

    /// Leaves.
    pub fn disconnect(&mut self, now: Time, outbox: &mut Outbox, data: u32) {
        self.queue.clear();
        self.state = StockState::Disconnecting;
        self.queue_control(Body::Disconnect { data });
        self.flush(now, outbox);
    }

    fn queue_control(&mut self, body: Body) {
        self.control = self.control.wrapping_add(1);
        self.queue.push(Pending::new(Command::control(self.control, body)));
    }

    fn header(&self, now: Time) -> Datagram {
        Datagram::to(self.peer_id, self.outgoing_session).sent_at(now.as_millis() as u16)
    }

    fn transmit(&mut self, outbox: &mut Outbox, datagram: &Datagram) {
        let bytes = datagram.encode();
        self.bytes_sent += bytes.len();
        outbox.send(self.server, bytes);
    }

    /// Sends the acknowledgements and whatever is due.
    fn flush(&mut self, now: Time, outbox: &mut Outbox) {
        let mut datagram = self.header(now);
        datagram.commands.append(&mut self.acknowledgements);
        let mut room = DATAGRAM_BYTES;
        let first_timeout = self.rtt + 4 * self.variance;
        let mut full = Vec::new();
        for pending in self
            .queue
            .iter_mut()
            .filter(|pending| pending.due().is_none_or(|due| due <= now))
        {
            match pending.sent {
                Some(sent) => {
                    self.oldest_overdue = Some(self.oldest_overdue.map_or(sent, |oldest| oldest.min(sent)));
                    pending.timeout *= 2;
                }
                None => pending.timeout = first_timeout,
            }
            pending.attempts += 1;
            pending.sent = Some(now);
            let size = pending.command.payload().map_or(48, |data| data.len() + 6);
            if datagram.commands.len() >= DATAGRAM_COMMANDS || size > room {
                let next = Datagram {
                    commands: Vec::new(),
                    ..datagram.clone()
                };
                full.push(std::mem::replace(&mut datagram, next));
                room = DATAGRAM_BYTES;
            }
            room = room.saturating_sub(size);
            datagram.commands.push(pending.command.clone());
        }
        full.push(datagram);
        for datagram in full.iter().filter(|datagram| !datagram.commands.is_empty()) {
            self.transmit(outbox, datagram);
        }
    }

    fn take(&mut self, now: Time, command: Command, sent_time: Option<u16>) {
        if self.state == StockState::Connecting {
            return;
        }
        if let (true, Some(sent_time)) = (command.acknowledge, sent_time) {
            self.acknowledgements
                .push(Command::acknowledgement(command.channel, command.number, sent_time));
        }
        match command.body {
            Body::Acknowledge { number, sent_time } => self.acknowledged(now, command.channel, number, sent_time),
            Body::Disconnect { data } if self.state == StockState::Connected => {
                self.queue.clear();
                self.state = StockState::Dismissed(data);
            }
            Body::Reliable(data) => self.deliver(command.channel, command.number, data),
            Body::Unreliable { data, .. } | Body::Unsequenced { data, .. } => {
                self.received.push((command.channel, data));
            }
            _ => {}
        }
    }

    fn verified(&mut self, now: Time, command: &Command, verify: &Connect, sent_time: Option<u16>) {
        self.verifies += 1;
        if self.state == StockState::Connecting && verify.connect_id == self.connect.connect_id {
            self.state = StockState::Connected;
            self.peer_id = verify.peer_id;
            self.incoming_session = verify.incoming_session;
            self.outgoing_session = verify.outgoing_session;
            self.last_acknowledged = now;
            self.oldest_overdue = None;
            self.queue
                .retain(|pending| !matches!(pending.command.body, Body::Connect(_)));
            let (incoming, outgoing) = (self.connect.incoming_bandwidth, self.connect.outgoing_bandwidth);
            self.queue_control(Body::BandwidthLimit { incoming, outgoing });
        }
        if let (StockState::Connected, Some(sent_time)) = (self.state, sent_time) {
            self.acknowledgements
                .push(Command::acknowledgement(CONTROL, command.number, sent_time));
        }
    }

    fn acknowledged(&mut self, now: Time, channel: u8, number: u16, sent_time: u16) {
        let Some(index) = self
            .queue
            .iter()
            .position(|it| it.sent.is_some() && it.command.channel == channel && it.command.number == number)
        else {
            return;
        };
        let pending = self.queue.remove(index);
        self.last_acknowledged = now;
        self.oldest_overdue = None;
        let sample = Duration::from_millis(u64::from((now.as_millis() as u16).wrapping_sub(sent_time)).max(1));
        self.variance = self.variance * 3 / 4 + sample.abs_diff(self.rtt) / 4;
        self.rtt = (self.rtt * 7 + sample) / 8;
        if matches!(pending.command.body, Body::Disconnect { .. }) && self.state == StockState::Disconnecting {
            self.state = StockState::Left;
        }
    }

    fn deliver(&mut self, channel: u8, number: u16, data: Bytes) {
        let numbers = self.channels.entry(channel).or_default();
        if number.wrapping_sub(numbers.delivered.wrapping_add(1)) < 0x7000 {
            numbers.early.insert(number, data);
        }
        while let Some(data) = numbers.early.remove(&numbers.delivered.wrapping_add(1)) {
            numbers.delivered = numbers.delivered.wrapping_add(1);
            self.received.push((channel, data));
        }
    }

    fn ping_at(&self) -> Option<Time> {
        (self.state == StockState::Connected && self.queue.is_empty()).then(|| self.last_acknowledged + PING_INTERVAL)
    }

    fn is_dead(&self, now: Time) -> bool {
        let Some(oldest) = self.oldest_overdue else {
            return false;
        };
        let age = now.saturating_since(oldest);
        let most_attempts = self.queue.iter().map(|pending| pending.attempts).max().unwrap_or(0);
        let backed_off = most_attempts > 0 && 1 << (most_attempts - 1).min(31) >= TIMEOUT_LIMIT;
        age >= TIMEOUT_MAXIMUM || (age >= TIMEOUT_MINIMUM && backed_off)
    }
}

impl RawNode for StockClient {
    fn receive(&mut self, now: Time, from: SocketAddr, bytes: &Bytes, outbox: &mut Outbox) {
        self.bytes_received += bytes.len();
        let Some(datagram) = Datagram::parse(bytes) else { return };
        let known = self.peer_id != crate::wire::NO_PEER;
        let foreign = from != self.server || datagram.peer_id != self.connect.peer_id;
        if foreign || (known && datagram.session != self.incoming_session) {
            return;
        }
        for command in datagram.commands {
            match command.body {
                Body::Verify(verify) => self.verified(now, &command, &verify, datagram.sent_time),
                _ => self.take(now, command, datagram.sent_time),
            }
        }
        self.flush(now, outbox);
    }

    fn wake(&mut self, now: Time, outbox: &mut Outbox) {
        if self.ping_at().is_some_and(|ping| ping <= now) {
            self.queue_control(Body::Ping);
        }
        self.flush(now, outbox);
        if self.is_dead(now) {
            self.queue.clear();
            self.state = StockState::TimedOut;
        }
    }

    fn next_wake(&self) -> Option<Time> {
        let unsent = self
            .queue
            .iter()
            .any(|pending| pending.sent.is_none())
            .then_some(Time::ZERO);
        let due = self.queue.iter().filter_map(Pending::due).min();
        [unsent, due, self.ping_at()].into_iter().flatten().min()
    }
}

impl Pending {
    fn new(command: Command) -> Pending {
        Pending {
            command,
            sent: None,
            timeout: Duration::ZERO,
            attempts: 0,
        }
    }

    /// When it is to be sent again; `None` before the first time.
    fn due(&self) -> Option<Time> {
        self.sent.map(|sent| sent + self.timeout)
    }
}
