//! ENet's bytes, as a test wants them: every field public, nothing checked that a test may want to get wrong.
//!
//! This is on purpose not the parser of `enet-proto`: each is the other's control.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The peer id in the header of a datagram whose sender does not know the receiver's id yet.
pub const NO_PEER: u16 = 0xFFF;

/// The channel of commands that belong to the connection itself.
pub const CONTROL: u8 = 0xFF;

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The receiver's peer id, 12 bits.
    pub peer_id: u16,
    /// The session, 2 bits.
    pub session: u8,
    /// The flag for compressed commands.
    pub compressed: bool,
    /// The sender's clock, if it is there.
    pub sent_time: Option<u16>,
    /// The commands up to the first that makes no sense.
    pub commands: Vec<Command>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whether it wants an acknowledgement.
    pub acknowledge: bool,
    /// The "unsequenced" flag.
    pub unsequenced: bool,
    /// Its channel, or [`CONTROL`].
    pub channel: u8,
    /// Its reliable sequence number.
    pub number: u16,
    /// The rest.
    pub body: Body,
}

/// What a command says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the protocol, by its names")]
pub enum Body {
    Acknowledge {
        number: u16,
        sent_time: u16,
    },
    Connect(Connect),
    Verify(Connect),
    Disconnect {
        data: u32,
    },
    Ping,
    Reliable(Bytes),
    Unreliable {
        number: u16,
        data: Bytes,
    },
    Fragment(Fragment),
    Unsequenced {
        group: u16,
        data: Bytes,
    },
    BandwidthLimit {
        incoming: u32,
        outgoing: u32,
    },
    ThrottleConfigure {
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    },
    UnreliableFragment(Fragment),
}

/// The fields of CONNECT and VERIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the protocol, by its names")]
pub struct Connect {
    pub peer_id: u16,
    pub incoming_session: u8,
    pub outgoing_session: u8,
    pub mtu: u32,
    pub window: u32,
    pub channels: u32,
    pub incoming_bandwidth: u32,
    pub outgoing_bandwidth: u32,
    pub throttle_interval: u32,
    pub throttle_acceleration: u32,
    pub throttle_deceleration: u32,
    pub connect_id: u32,
    /// Not in VERIFY.
    pub data: u32,
}

/// The fields of both fragment commands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the protocol, by its names")]
pub struct Fragment {
    pub start: u16,
    pub count: u32,
    pub number: u32,
    pub total: u32,
    pub offset: u32,
    pub data: Bytes,
}

impl Default for Connect {
    /// What a stock client on its first connection asks for.
    fn default() -> Connect {
        Connect {
            peer_id: 0,
            incoming_session: 0xFF,
            outgoing_session: 0xFF,
            mtu: 1392,
            window: 65_536,
            channels: 2,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle_interval: 5000,
            throttle_acceleration: 2,
            throttle_deceleration: 2,
            connect_id: 0x1234_5678,
            data: 0,
        }
    }
}

impl Command {
    /// A command of the connection itself that wants an acknowledgement.
    #[must_use]
    pub fn control(number: u16, body: Body) -> Command {
        Command {
            acknowledge: true,
            unsequenced: false,
            channel: CONTROL,
            number,
            body,
        }
    }

    /// A command on a channel that wants an acknowledgement.
    #[must_use]
    pub fn reliable(channel: u8, number: u16, body: Body) -> Command {
        Command {
            acknowledge: true,
            unsequenced: false,
            channel,
            number,
            body,
        }
    }

    /// A command on a channel that wants no acknowledgement.
    #[must_use]
    pub fn unreliable(channel: u8, number: u16, body: Body) -> Command {
        Command {
            acknowledge: false,
            unsequenced: false,
            channel,
            number,
            body,
        }
    }

    /// The acknowledgement of a command that was sent at `sent_time`.
    #[must_use]
    pub fn acknowledgement(channel: u8, number: u16, sent_time: u16) -> Command {
        Command::unreliable(channel, number, Body::Acknowledge { number, sent_time })
    }

    /// An unsequenced packet.
    #[must_use]
    pub fn unsequenced(channel: u8, group: u16, data: Bytes) -> Command {
        let body = Body::Unsequenced { group, data };
        Command {
            acknowledge: false,
            unsequenced: true,
            channel,
            number: 0,
            body,
        }
    }

    /// The bytes of payload of a command that holds a packet or a part of one.
    #[must_use]
    pub fn payload(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Reliable(data) | Body::Unreliable { data, .. } | Body::Unsequenced { data, .. } => Some(data),
            Body::Fragment(fragment) | Body::UnreliableFragment(fragment) => Some(&fragment.data),
            _ => None,
        }
    }

    /// Whether it is a reliable packet or a fragment of one.
    #[must_use]
    pub fn is_reliable_data(&self) -> bool {
        matches!(self.body, Body::Reliable(_) | Body::Fragment(_))
    }

    fn parse(input: &mut Bytes) -> Option<Command> {
        let kind = input.try_get_u8().ok()?;
        let channel = input.try_get_u8().ok()?;
        let number = input.try_get_u16().ok()?;
        let body = Body::parse(kind & 0x0F, input)?;
        Some(Command {
            acknowledge: kind & 0x80 != 0,
            unsequenced: kind & 0x40 != 0,
            channel,
            number,
            body,
        })
    }

    fn emit(&self, output: &mut BytesMut) {
        let flags = u8::from(self.acknowledge) << 7 | u8::from(self.unsequenced) << 6;
        output.put_u8(self.body.kind() | flags);
        output.put_u8(self.channel);
        output.put_u16(self.number);
        self.body.emit(output);
    }
}

impl Body {
    fn kind(&self) -> u8 {
        match self {
            Body::Acknowledge { .. } => 1,
            Body::Connect(_) => 2,
            Body::Verify(_) => 3,
            Body::Disconnect { .. } => 4,
            Body::Ping => 5,
            Body::Reliable(_) => 6,
            Body::Unreliable { .. } => 7,
            Body::Fragment(_) => 8,
            Body::Unsequenced { .. } => 9,
            Body::BandwidthLimit { .. } => 10,
            Body::ThrottleConfigure { .. } => 11,
            Body::UnreliableFragment(_) => 12,
        }
    }

    fn parse(kind: u8, input: &mut Bytes) -> Option<Body> {
        Some(match kind {
            1 => Body::Acknowledge {
                number: input.try_get_u16().ok()?,
                sent_time: input.try_get_u16().ok()?,
            },
            2 => {
                let mut connect = Connect::parse(input)?;
                connect.data = input.try_get_u32().ok()?;
                Body::Connect(connect)
            }
            3 => Body::Verify(Connect::parse(input)?),
            4 => Body::Disconnect {
                data: input.try_get_u32().ok()?,
            },
            5 => Body::Ping,
            6 => Body::Reliable(sized(input)?),
            7 => Body::Unreliable {
                number: input.try_get_u16().ok()?,
                data: sized(input)?,
            },
            8 => Body::Fragment(Fragment::parse(input)?),
            9 => Body::Unsequenced {
                group: input.try_get_u16().ok()?,
                data: sized(input)?,
            },
            10 => Body::BandwidthLimit {
                incoming: input.try_get_u32().ok()?,
                outgoing: input.try_get_u32().ok()?,
            },
            11 => Body::ThrottleConfigure {
                interval: input.try_get_u32().ok()?,
                acceleration: input.try_get_u32().ok()?,
                deceleration: input.try_get_u32().ok()?,
            },
            12 => Body::UnreliableFragment(Fragment::parse(input)?),
            _ => return None,
        })
    }

    fn emit(&self, output: &mut BytesMut) {
        match self {
            Body::Acknowledge { number, sent_time } => {
                output.put_u16(*number);
                output.put_u16(*sent_time);
            }
            Body::Connect(connect) => {
                connect.emit(output);
                output.put_u32(connect.data);
            }
            Body::Verify(connect) => connect.emit(output),
            Body::Disconnect { data } => output.put_u32(*data),
            Body::Ping => {}
            Body::Reliable(data) => put_sized(output, data),
            Body::Unreliable { number, data } | Body::Unsequenced { group: number, data } => {
                output.put_u16(*number);
                put_sized(output, data);
            }
            Body::Fragment(fragment) | Body::UnreliableFragment(fragment) => fragment.emit(output),
            Body::BandwidthLimit { incoming, outgoing } => {
                output.put_u32(*incoming);
                output.put_u32(*outgoing);
            }
            Body::ThrottleConfigure {
                interval,
                acceleration,
                deceleration,
            } => {
                output.put_u32(*interval);
                output.put_u32(*acceleration);
                output.put_u32(*deceleration);
            }
        }
    }
}

impl Connect {
    /// All fields but the last, `data`.
    fn parse(input: &mut Bytes) -> Option<Connect> {
        Some(Connect {
            peer_id: input.try_get_u16().ok()?,
            incoming_session: input.try_get_u8().ok()?,
            outgoing_session: input.try_get_u8().ok()?,
            mtu: input.try_get_u32().ok()?,
            window: input.try_get_u32().ok()?,
            channels: input.try_get_u32().ok()?,
            incoming_bandwidth: input.try_get_u32().ok()?,
            outgoing_bandwidth: input.try_get_u32().ok()?,
            throttle_interval: input.try_get_u32().ok()?,
            throttle_acceleration: input.try_get_u32().ok()?,
            throttle_deceleration: input.try_get_u32().ok()?,
            connect_id: input.try_get_u32().ok()?,
            data: 0,
        })
    }

    fn emit(&self, output: &mut BytesMut) {
        output.put_u16(self.peer_id);
        output.put_u8(self.incoming_session);
        output.put_u8(self.outgoing_session);
        for field in [
            self.mtu,
            self.window,
            self.channels,
            self.incoming_bandwidth,
            self.outgoing_bandwidth,
            self.throttle_interval,
            self.throttle_acceleration,
            self.throttle_deceleration,
            self.connect_id,
        ] {
            output.put_u32(field);
        }
    }
}

impl Fragment {
    fn parse(input: &mut Bytes) -> Option<Fragment> {
        let start = input.try_get_u16().ok()?;
        let length = usize::from(input.try_get_u16().ok()?);
        let count = input.try_get_u32().ok()?;
        let number = input.try_get_u32().ok()?;
        let total = input.try_get_u32().ok()?;
        let offset = input.try_get_u32().ok()?;
        let data = take(input, length)?;
        Some(Fragment {
            start,
            count,
            number,
            total,
            offset,
            data,
        })
    }

    fn emit(&self, output: &mut BytesMut) {
        output.put_u16(self.start);
        output.put_u16(self.data.len() as u16);
        for field in [self.count, self.number, self.total, self.offset] {
            output.put_u32(field);
        }
        output.put_slice(&self.data);
    }
}

impl Datagram {
    /// An empty datagram to a peer in a session, without a sent time.
    #[must_use]
    pub fn to(peer_id: u16, session: u8) -> Datagram {
        Datagram {
            peer_id,
            session,
            compressed: false,
            sent_time: None,
            commands: Vec::new(),
        }
    }

    /// The CONNECT that a client begins with.
    #[must_use]
    pub fn connect(sent_time: u16, connect: Connect) -> Datagram {
        Datagram::to(NO_PEER, 0)
            .sent_at(sent_time)
            .with(Command::control(1, Body::Connect(connect)))
    }

    /// Sets the sent time.
    #[must_use]
    pub fn sent_at(mut self, sent_time: u16) -> Datagram {
        self.sent_time = Some(sent_time);
        self
    }

    /// Adds a command.
    #[must_use]
    pub fn with(mut self, command: Command) -> Datagram {
        self.commands.push(command);
        self
    }

    /// Reads a datagram without a checksum; `None` if it has no whole header. The commands of a compressed one are left out.
    #[must_use]
    pub fn parse(datagram: &Bytes) -> Option<Datagram> {
        let mut input = datagram.clone();
        let head = input.try_get_u16().ok()?;
        let sent_time = if head & 0x8000 == 0 {
            None
        } else {
            Some(input.try_get_u16().ok()?)
        };
        let compressed = head & 0x4000 != 0;
        let mut parsed = Datagram {
            peer_id: head & 0x0FFF,
            session: (head >> 12 & 3) as u8,
            compressed,
            sent_time,
            commands: Vec::new(),
        };
        while !compressed && !input.is_empty() {
            let Some(command) = Command::parse(&mut input) else {
                break;
            };
            parsed.commands.push(command);
        }
        Some(parsed)
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut output = BytesMut::new();
        let flags = u16::from(self.sent_time.is_some()) << 15 | u16::from(self.compressed) << 14;
        output.put_u16((self.peer_id & 0x0FFF) | u16::from(self.session & 3) << 12 | flags);
        if let Some(sent_time) = self.sent_time {
            output.put_u16(sent_time);
        }
        for command in &self.commands {
            command.emit(&mut output);
        }
        output.freeze()
    }
}

fn sized(input: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(input.try_get_u16().ok()?);
    take(input, length)
}

fn take(input: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= input.len()).then(|| input.split_to(length))
}

fn put_sized(output: &mut BytesMut, data: &Bytes) {
    output.put_u16(data.len() as u16);
    output.put_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_reads_as_it_was_written() {
        let fragment = Fragment {
            start: 3,
            count: 9,
            number: 2,
            total: 900,
            offset: 200,
            data: vec![7; 100].into(),
        };
        let bodies = [
            Body::Acknowledge {
                number: 1,
                sent_time: 2,
            },
            Body::Connect(Connect {
                data: 9,
                ..Connect::default()
            }),
            Body::Verify(Connect::default()),
            Body::Disconnect { data: 4 },
            Body::Ping,
            Body::Reliable("r".into()),
            Body::Unreliable {
                number: 6,
                data: "u".into(),
            },
            Body::Fragment(fragment.clone()),
            Body::Unsequenced {
                group: 8,
                data: Bytes::new(),
            },
            Body::BandwidthLimit {
                incoming: 1,
                outgoing: 2,
            },
            Body::ThrottleConfigure {
                interval: 1,
                acceleration: 2,
                deceleration: 3,
            },
            Body::UnreliableFragment(fragment),
        ];
        let mut datagram = Datagram::to(0x123, 2).sent_at(77);
        for body in bodies {
            datagram = datagram.with(Command::reliable(1, 5, body));
        }
        assert_eq!(Datagram::parse(&datagram.encode()), Some(datagram));
    }

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        let datagram =
            Datagram::to(0x005, 1)
                .sent_at(0xABCD)
                .with(Command::reliable(2, 0x0304, Body::Reliable("hi".into())));
        assert_eq!(
            datagram.encode()[..],
            [0x90, 0x05, 0xAB, 0xCD, 0x86, 2, 3, 4, 0, 2, b'h', b'i']
        );
        let connect = Datagram::to(NO_PEER, 0)
            .sent_at(0)
            .with(Command::control(1, Body::Connect(Connect::default())));
        assert_eq!(connect.encode().len(), 4 + 48);
    }

    #[test]
    fn parsing_stops_at_the_first_nonsense() {
        let mut bytes = Datagram::to(1, 0)
            .with(Command::control(1, Body::Ping))
            .encode()
            .to_vec();
        bytes.extend([0x0F, 1, 2, 3]);
        assert_eq!(
            Datagram::parse(&bytes.into()).map(|datagram| datagram.commands.len()),
            Some(1)
        );
    }
}
