//! One host alone, and a test that plays the other side byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use enet_proto::{Event, Host, HostConfig, PeerHandle, Time};
use netem::Random;

use crate::wire::{Body, Command, Connect, Datagram, NO_PEER};

/// How many small commands are sure to fit a datagram.
const COMMANDS_AT_ONCE: usize = 200;

/// A host driven by hand: nothing happens but what the test does, and every answer is seen at its exact time.
pub struct Probe {
    /// The host.
    pub host: Host,
    now: Time,
    wakes: u64,
    buffer: Vec<u8>,
}

/// A datagram that the host sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: Time,
    /// To whom.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Bytes,
    /// What it says.
    pub datagram: Datagram,
}

/// The other side of a connection, as the test plays it. It does nothing by itself.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where its datagrams come from.
    pub address: SocketAddr,
    /// The id it gave itself.
    pub own_id: u16,
    /// The id it addresses the host's peer with.
    pub peer_id: u16,
    /// The session in the headers of its datagrams.
    pub session: u8,
    /// The session it expects in the headers of the host's datagrams.
    pub incoming_session: u8,
    /// The number of its next command on the channel of the connection.
    pub control: u16,
    /// The connect id.
    pub connect_id: u32,
    /// The host's peer.
    pub peer: PeerHandle,
}

impl Probe {
    /// A host of these settings, but that it holds back no [first acknowledgement](HostConfig::first_ack_delay): each answer is
    /// seen at once.
    #[must_use]
    pub fn new(mut config: HostConfig) -> Probe {
        config.first_ack_delay = Duration::ZERO;
        Probe::patient(config)
    }

    /// A host of exactly these settings.
    #[must_use]
    pub fn patient(config: HostConfig) -> Probe {
        let now = Time::from_millis(100_000);
        let seed = Random::new(1).bytes(32).try_into().expect("32 bytes");
        Probe {
            host: Host::new(config, seed, now),
            now,
            wakes: 0,
            buffer: Vec::new(),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The time as a datagram would carry it.
    #[must_use]
    pub fn wire_time(&self) -> u16 {
        self.now.as_millis() as u16
    }

    /// How often the host's timer went off.
    #[must_use]
    pub fn wakes(&self) -> u64 {
        self.wakes
    }

    /// Hands a datagram to the host; returns the answers.
    pub fn receive(&mut self, from: SocketAddr, datagram: &Datagram) -> Vec<Sent> {
        self.receive_bytes(from, datagram.encode())
    }

    /// Hands any bytes to the host; returns the answers.
    pub fn receive_bytes(&mut self, from: SocketAddr, bytes: impl Into<Bytes>) -> Vec<Sent> {
        self.host.handle_datagram(self.now, from, bytes.into());
        self.flush()
    }

    /// Does something with the host; returns what it sends for that.
    pub fn act(&mut self, action: impl FnOnce(&mut Host)) -> Vec<Sent> {
        action(&mut self.host);
        self.flush()
    }

    /// Lets time pass, waking the host exactly when it asks for it; returns what it sends meanwhile.
    ///
    /// # Panics
    /// When the host's timer spins.
    pub fn advance(&mut self, duration: Duration) -> Vec<Sent> {
        let deadline = self.now + duration;
        let mut sent = Vec::new();
        let mut at_once = 0;
        while let Some(wake) = self.host.poll_timeout().filter(|wake| *wake <= deadline) {
            at_once = if wake <= self.now { at_once + 1 } else { 0 };
            assert!(at_once < 100, "the timer spins at {:?}", self.now);
            self.now = self.now.max(wake);
            self.wakes += 1;
            self.host.handle_timeout(self.now);
            sent.extend(self.flush());
        }
        self.now = deadline;
        sent
    }

    /// Lets time pass in which the host's program is stopped: its timer is looked at only afterwards. Returns what it sends then.
    pub fn stop(&mut self, duration: Duration) -> Vec<Sent> {
        self.now += duration;
        self.host.handle_timeout(self.now);
        self.flush()
    }

    /// The events since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.host.poll_event()).collect()
    }

    /// The packets received since the last call.
    ///
    /// # Panics
    /// When there are other events too.
    pub fn received(&mut self) -> Vec<Bytes> {
        let data = |event| match event {
            Event::Received { packet, .. } => packet.data,
            other => panic!("only packets were expected, not {other:?}"),
        };
        self.events().into_iter().map(data).collect()
    }

    /// Makes a connection from `address`, as a stock client would.
    ///
    /// # Panics
    /// When the host does not let it in.
    pub fn join(&mut self, address: SocketAddr, connect: Connect) -> Remote {
        self.join_slowly(address, connect, Duration::ZERO)
    }

    /// As [`join`](Probe::join), with a round trip time.
    ///
    /// # Panics
    /// When the host does not let it in.
    pub fn join_slowly(&mut self, address: SocketAddr, connect: Connect, round_trip: Duration) -> Remote {
        let answers = self.receive(address, &Datagram::connect(self.wire_time(), connect));
        let (answer, verify) = find_verify(&answers).expect("CONNECT is answered with VERIFY");
        let Body::Verify(accepted) = verify.body else {
            unreachable!("it is one")
        };
        self.advance(round_trip);
        let remote = Remote {
            address,
            own_id: connect.peer_id,
            peer_id: accepted.peer_id,
            session: accepted.outgoing_session,
            incoming_session: accepted.incoming_session,
            control: 2,
            connect_id: connect.connect_id,
            peer: PeerHandle::default(),
        };
        let acknowledgement = remote.acknowledge(verify, answer.sent_time.expect("VERIFY has a sent time"));
        self.receive(address, &remote.datagram().with(acknowledgement));
        match self.events()[..] {
            [Event::Connected { peer, .. }] => Remote { peer, ..remote },
            ref other => panic!("the host had {other:?}"),
        }
    }

    /// Acknowledges everything in `sent` that `remote` is asked to; returns the answers.
    pub fn acknowledge_all(&mut self, remote: &Remote, sent: &[Sent]) -> Vec<Sent> {
        self.give(remote, &remote.acknowledgements(sent).commands)
    }

    /// Hands commands without a sent time from `remote` to the host, in as many datagrams as they need; returns the answers.
    pub fn give(&mut self, remote: &Remote, commands: &[Command]) -> Vec<Sent> {
        let mut answers = Vec::new();
        for part in commands.chunks(COMMANDS_AT_ONCE) {
            let datagram = Datagram {
                commands: part.to_vec(),
                ..remote.datagram()
            };
            answers.extend(self.receive(remote.address, &datagram));
        }
        answers
    }

    /// Lets time pass and acknowledges at once whatever the host sends to `remote` meanwhile. Returns what it sent.
    pub fn advance_acknowledging(&mut self, remote: &Remote, duration: Duration) -> Vec<Sent> {
        let deadline = self.now + duration;
        let mut sent = Vec::new();
        loop {
            let next = self.host.poll_timeout().map_or(deadline, |wake| wake.max(self.now));
            let step = next.min(deadline).saturating_since(self.now);
            let mut fresh = self.advance(step);
            let finished = self.now >= deadline;
            while !fresh.is_empty() {
                let answers = self.acknowledge_all(remote, &fresh);
                sent.append(&mut fresh);
                fresh = answers;
            }
            if finished {
                return sent;
            }
        }
    }

    fn flush(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.host.poll_transmit(self.now, 1, &mut self.buffer) {
            assert_eq!(
                transmit.size,
                self.buffer.len(),
                "the size of a transmission is that of its buffer"
            );
            let bytes = Bytes::copy_from_slice(&self.buffer);
            let datagram = Datagram::parse(&bytes).unwrap_or_else(|| Datagram::to(NO_PEER, 0));
            sent.push(Sent {
                at: self.now,
                to: transmit.destination,
                bytes,
                datagram,
            });
        }
        sent
    }
}

impl Remote {
    /// An empty datagram to the host's peer.
    #[must_use]
    pub fn datagram(&self) -> Datagram {
        Datagram::to(self.peer_id, self.session)
    }

    /// A datagram with one command that wants an acknowledgement.
    #[must_use]
    pub fn with(&self, probe: &Probe, command: Command) -> Datagram {
        self.datagram().sent_at(probe.wire_time()).with(command)
    }

    /// The next command on the channel of the connection.
    pub fn control(&mut self, body: Body) -> Command {
        let number = self.control;
        self.control = number.wrapping_add(1);
        Command::control(number, body)
    }

    /// The acknowledgement of a command of a datagram with that sent time.
    #[must_use]
    pub fn acknowledge(&self, command: &Command, sent_time: u16) -> Command {
        Command::acknowledgement(command.channel, command.number, sent_time)
    }

    /// A datagram that acknowledges everything in `sent` that wants it and was sent to this peer.
    #[must_use]
    pub fn acknowledgements(&self, sent: &[Sent]) -> Datagram {
        let mut reply = self.datagram();
        for sent in sent.iter().filter(|sent| sent.to == self.address) {
            for command in sent.datagram.commands.iter().filter(|command| command.acknowledge) {
                reply
                    .commands
                    .push(self.acknowledge(command, sent.datagram.sent_time.expect("a sent time")));
            }
        }
        reply
    }
}

/// The first VERIFY among what was sent, and its datagram.
fn find_verify(sent: &[Sent]) -> Option<(&Datagram, &Command)> {
    sent.iter().find_map(|sent| {
        let verify = sent
            .datagram
            .commands
            .iter()
            .find(|command| matches!(command.body, Body::Verify(_)))?;
        Some((&sent.datagram, verify))
    })
}
