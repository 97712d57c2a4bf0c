//! A client that does what it is told, and nothing else: it joins properly and then sends whatever it likes.

use std::fmt;
use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_sim::wire::{Body, CONTROL, Command, Connect, Datagram, NO_PEER};
use enet_tokio::{Compression, Compressor};

use crate::loopback::Loopback;
use crate::sockets;

/// How long joining may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// When a CONNECT is sent again, as stock clients do.
const AGAIN: Duration = Duration::from_millis(500);

/// How often one that acknowledges next to nothing acknowledges something.
const GIVING_IN: Duration = Duration::from_millis(100);

/// A connection by hand.
#[derive(Debug)]
pub(crate) struct Puppet {
    socket: UdpSocket,
    connect_id: u32,
    start: Instant,
    /// What the server calls it.
    pub(crate) peer_id: u16,
    pub(crate) session: u8,
    control: u16,
    /// What the clock of the server was when it last sent something.
    server_clock: u16,
    /// When it last acknowledged data while it [stays](Puppet::stay).
    gave_in: Instant,
    opener: Opener,
}

/// What came from the server.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) commands: Vec<Command>,
    /// The acknowledgements that those commands want.
    pub(crate) acknowledgements: Vec<Command>,
}

impl Heard {
    /// The commands, each with the acknowledgement that it wants, if it does.
    pub(crate) fn wanting(self) -> impl Iterator<Item = (Command, Option<Command>)> {
        let mut acknowledgements = self.acknowledgements.into_iter().peekable();
        self.commands.into_iter().map(move |command| {
            let acknowledgement = acknowledgements
                .next_if(|acknowledgement| command.acknowledge && acknowledgement.number == command.number);
            (command, acknowledgement)
        })
    }
}

impl Puppet {
    /// Joins as the attacker of this number, with that many channels.
    pub(crate) fn join(target: Loopback, number: u32, channels: u32) -> io::Result<Puppet> {
        Puppet::join_on(sockets::one(target, number)?, number, channels)
    }

    /// Joins on a socket, maybe one that was used before.
    pub(crate) fn join_on(socket: UdpSocket, connect_id: u32, channels: u32) -> io::Result<Puppet> {
        let mut puppet = Puppet {
            socket,
            connect_id,
            start: Instant::now(),
            peer_id: NO_PEER,
            session: 0,
            control: 1,
            server_clock: 0,
            gave_in: Instant::now(),
            opener: Opener::default(),
        };
        let connect = connect(0, connect_id, channels);
        let mut next = Instant::now();
        while puppet.start.elapsed() < PATIENCE {
            if Instant::now() >= next {
                puppet.send_to(NO_PEER, 0, connect.clone());
                next = Instant::now() + AGAIN;
            }
            let mut joined = None;
            puppet.each_datagram(|datagram| {
                for command in &datagram.commands {
                    if let Body::Verify(verify) = &command.body
                        && verify.connect_id == connect_id
                    {
                        let ack = datagram.sent_time.map(|time| (command.number, time));
                        joined = Some((verify.peer_id, verify.outgoing_session, ack));
                    }
                }
            });
            if let Some((peer_id, session, ack)) = joined {
                (puppet.peer_id, puppet.session) = (peer_id, session);
                if let Some((number, time)) = ack {
                    puppet.send(vec![Command::acknowledgement(CONTROL, number, time)]);
                }
                if puppet.is_alive(PATIENCE) {
                    return Ok(puppet);
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the server does not let the attacker in",
        ))
    }

    pub(crate) fn into_socket(self) -> UdpSocket {
        self.socket
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Sends commands in one datagram.
    pub(crate) fn send(&self, commands: Vec<Command>) -> bool {
        self.send_to(self.peer_id, self.session, commands)
    }

    /// Sends so many packets, unsequenced, in one datagram, and counts them in what was said.
    pub(crate) fn say(&self, said: &mut usize, count: usize, packet: impl Fn(usize) -> Bytes) {
        // Group 0 would be a packet of the past at first.
        let group = |number: usize| (number as u16).wrapping_add(1);
        let commands = (*said..*said + count).map(|number| Command::unsequenced(1, group(number), packet(number)));
        self.send(commands.collect());
        *said += count;
    }

    /// Sends commands under another id and session.
    pub(crate) fn send_to(&self, peer_id: u16, session: u8, commands: Vec<Command>) -> bool {
        sockets::send(&self.socket, &self.datagram(peer_id, session, commands))
    }

    /// The bytes of a datagram.
    pub(crate) fn datagram(&self, peer_id: u16, session: u8, commands: Vec<Command>) -> Bytes {
        let mut datagram = Datagram::to(peer_id, session).sent_at(self.clock());
        datagram.commands = commands;
        datagram.encode()
    }

    /// Its clock, as it is in datagrams.
    pub(crate) fn clock(&self) -> u16 {
        self.start.elapsed().as_millis() as u16
    }

    /// The server's clock, as it was in its last datagram.
    pub(crate) fn server_clock(&self) -> u16 {
        self.server_clock
    }

    /// The next number of a command of the connection itself.
    pub(crate) fn control_number(&mut self) -> u16 {
        self.control = self.control.wrapping_add(1);
        self.control
    }

    /// Takes what has come; with `acknowledge` as a proper client does.
    pub(crate) fn listen(&mut self, acknowledge: bool) -> Heard {
        let mut heard = Heard::default();
        let mut server_clock = self.server_clock;
        self.each_datagram(|datagram| {
            server_clock = datagram.sent_time.unwrap_or(server_clock);
            for command in datagram.commands {
                if let (true, Some(time)) = (command.acknowledge, datagram.sent_time) {
                    let acknowledgement = Command::acknowledgement(command.channel, command.number, time);
                    heard.acknowledgements.push(acknowledgement);
                }
                heard.commands.push(command);
            }
        });
        self.server_clock = server_clock;
        if acknowledge {
            for acknowledgements in heard.acknowledgements.chunks(100) {
                self.send(acknowledgements.to_vec());
            }
        }
        heard
    }

    /// Its id in Godot's way.
    pub(crate) fn id(&self) -> i32 {
        id_of(self.connect_id) as i32
    }

    /// Takes what has come and acknowledges what the connection itself sends, pings for example, but next to no data: as much as
    /// keeps it from being given up.
    pub(crate) fn stay(&mut self) {
        let (control, data): (Vec<_>, Vec<_>) = self
            .listen(false)
            .acknowledgements
            .into_iter()
            .partition(|ack| ack.channel == CONTROL);
        for acknowledgements in control.chunks(100) {
            self.send(acknowledgements.to_vec());
        }
        if let Some(acknowledgement) = data.into_iter().next()
            && self.gave_in.elapsed() >= GIVING_IN
        {
            self.gave_in = Instant::now();
            self.send(vec![acknowledgement]);
        }
    }

    /// Whether the server still answers, as it does to peers that are connected.
    pub(crate) fn is_alive(&mut self, patience: Duration) -> bool {
        self.answered(patience).is_some()
    }

    /// What came until the server answered; nothing if it does not answer in time.
    pub(crate) fn answered(&mut self, patience: Duration) -> Option<Vec<Command>> {
        self.ask(patience, true)
    }

    /// Whether the server still knows it, which is asked without acknowledging anything.
    pub(crate) fn is_known(&mut self, patience: Duration) -> bool {
        self.ask(patience, false).is_some()
    }

    fn ask(&mut self, patience: Duration, acknowledge: bool) -> Option<Vec<Command>> {
        let mut heard = Vec::new();
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let number = self.control_number();
            self.send(vec![Command::control(number, Body::Ping)]);
            let next = Instant::now() + Duration::from_millis(100);
            while Instant::now() < next.min(end) {
                let commands = self.listen(acknowledge).commands;
                let answered = commands.iter().any(
                    |command| matches!(command.body, Body::Acknowledge { number: acked, .. } if acked == number && command.channel == CONTROL),
                );
                heard.extend(commands);
                if answered {
                    return Some(heard);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        None
    }

    /// Leaves as Godot does: one notice, and gone.
    pub(crate) fn leave(&mut self) {
        let mut notice = Command::control(self.control_number(), Body::Disconnect { data: 0 });
        notice.acknowledge = false;
        notice.unsequenced = true;
        self.send(vec![notice]);
    }

    fn each_datagram(&mut self, mut each: impl FnMut(Datagram)) {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            if let Some(datagram) = self.opener.open(&buffer[..length]) {
                each(datagram);
            }
        }
    }
}

/// Reads datagrams, those that ENet's range coder has compressed as well.
#[derive(Default)]
struct Opener(Option<Box<dyn Compressor>>);

impl Opener {
    fn open(&mut self, datagram: &[u8]) -> Option<Datagram> {
        /// A header with a sent time, as all datagrams of a server have that hold what is waited for here.
        const HEADER: usize = 4;
        let parsed = Datagram::parse(&Bytes::copy_from_slice(datagram))?;
        if !parsed.compressed {
            return Some(parsed);
        }
        let (header, block) = datagram.split_at_checked(HEADER)?;
        if self.0.is_none() {
            self.0 = Compression::RangeCoder.compressor();
        }
        let mut plain = header.to_vec();
        // The flag in the first byte that says so.
        plain[0] &= !0x40;
        let opened = self.0.as_mut()?.decompress(block, 4096, &mut plain);
        opened.then(|| Datagram::parse(&plain.into()))?
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// What clients ask for as their id in Godot's way, which a relay server wants: one each, and other ones than honest clients have.
pub(crate) fn id_of(connect_id: u32) -> u32 {
    connect_id & 0x3FFF_FFFF | 0x4000_0000
}

/// A CONNECT as a stock client on its first connection sends it.
pub(crate) fn connect(peer_id: u16, connect_id: u32, channels: u32) -> Vec<Command> {
    let body = Body::Connect(Connect {
        peer_id,
        channels,
        connect_id,
        data: id_of(connect_id),
        ..Connect::default()
    });
    vec![Command::control(1, body)]
}
