//! The wire format against datagrams that the C library sent.

#![allow(clippy::unwrap_used, reason = "what does not unwrap fails the test")]

use std::ops::Range;
use std::path::Path;

use enet_proto::checksum::{self, CHECKSUM_SIZE};
use enet_proto::wire::{
    Body, Command, Commands, Connect, ConnectId, Fragment, Header, PeerId, SessionId, VerifyConnect,
};
use serde_json::Value;

#[test]
fn headers_parse_to_what_was_recorded_and_back() {
    for vector in vectors() {
        let (header, length) = Header::parse(&vector.datagram).unwrap();
        assert_eq!(header, vector.header(), "{vector}");
        assert_eq!(length, header.len(), "{vector}");
        let mut emitted = Vec::new();
        header.emit(&mut emitted);
        assert_eq!(emitted, vector.datagram[..length], "{vector}");
    }
}

#[test]
fn commands_parse_to_what_was_recorded() {
    for vector in plain_vectors() {
        let block = vector.block();
        let parsed: Vec<Command> = Commands::new(block).map(Result::unwrap).collect();
        let expected = vector.commands();
        assert_eq!(parsed, expected.commands, "{vector}");
        assert_eq!(block, expected.block, "{vector}");
    }
}

#[test]
fn commands_that_were_parsed_are_written_as_they_came() {
    for vector in plain_vectors() {
        let block = vector.block();
        let mut emitted = Vec::new();
        for command in Commands::new(block).map(Result::unwrap) {
            let before = emitted.len();
            command.emit(&block[command.body.payload().unwrap_or_default()], &mut emitted);
            assert_eq!(emitted.len() - before, command.encoded_len(), "{vector}");
        }
        assert_eq!(emitted, block, "{vector}");
    }
}

/// The sum is over the commands as they are before compression, so that the recorded ones serve for compressed datagrams, too.
#[test]
fn checksums_are_those_the_c_library_computed() {
    let mut compressed = 0;
    for vector in vectors().into_iter().filter(Vector::has_checksum) {
        let (header, _) = vector.datagram.split_at(vector.header().len());
        let commands = vector.commands().block;
        let received = vector.checksum_field();
        assert_eq!(received, bytes4(&vector.decoded["checksum"]), "{vector}");
        assert!(
            checksum::verify(header, received, bytes4(&vector.decoded["checksum_seed"]), &commands),
            "{vector}"
        );
        compressed += usize::from(vector.header().compressed);
    }
    assert_eq!(compressed, 15);
}

#[test]
fn the_seed_is_the_connect_id_once_the_peer_is_known() {
    let vectors = vectors();
    for vector in vectors.iter().filter(|vector| vector.has_checksum()) {
        let seed = bytes4(&vector.decoded["checksum_seed"]);
        let expected = if vector.header().peer_id == PeerId::NONE {
            checksum::NO_SEED
        } else {
            connect_id_before(&vectors, vector).to_bytes()
        };
        assert_eq!(seed, expected, "{vector}");
    }
}

#[test]
fn every_kind_of_command_was_recorded() {
    let mut seen = [false; 13];
    for vector in plain_vectors() {
        for command in vector.commands().commands {
            seen[usize::from(command.body.number())] = true;
        }
    }
    assert_eq!(seen[1..], [true; 12]);
}

/// One line of `datagrams.jsonl`.
struct Vector {
    line: usize,
    run: String,
    datagram: Vec<u8>,
    decoded: Value,
}

/// Commands and the bytes their payload ranges point into.
#[derive(Default)]
struct Recorded {
    commands: Vec<Command>,
    block: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vectors/datagrams.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let vectors: Vec<Vector> = text
        .lines()
        .enumerate()
        .map(|(index, line)| Vector::read(index + 1, line))
        .collect();
    assert_eq!(vectors.len(), 118);
    vectors
}

/// The datagrams whose commands can be read without a compressor.
fn plain_vectors() -> Vec<Vector> {
    let mut vectors = vectors();
    vectors.retain(|vector| !vector.header().compressed);
    assert_eq!(vectors.len(), 88);
    vectors
}

/// The id of the connection that `vector` belongs to: a run has one after the other.
fn connect_id_before(vectors: &[Vector], vector: &Vector) -> ConnectId {
    let earlier = vectors
        .iter()
        .filter(|other| other.run == vector.run && other.line < vector.line);
    let mut connects = earlier
        .flat_map(|other| other.commands().commands)
        .filter_map(|command| match command.body {
            Body::Connect(connect) => Some(connect.connect_id),
            _ => None,
        });
    connects.next_back().unwrap()
}

impl Vector {
    fn read(line: usize, text: &str) -> Vector {
        let mut value: Value = serde_json::from_str(text).unwrap();
        Vector {
            line,
            run: value["run"].as_str().unwrap().to_owned(),
            datagram: bytes(&value["datagram"]),
            decoded: value["decoded"].take(),
        }
    }

    fn header(&self) -> Header {
        Header {
            peer_id: PeerId::new(number(&self.decoded, "peer_id")),
            session: SessionId::new(number(&self.decoded, "session_id")),
            compressed: self.decoded["compressed"].as_bool().unwrap(),
            sent_time: self.decoded["sent_time"]
                .as_u64()
                .map(|time| u16::try_from(time).unwrap()),
        }
    }

    fn has_checksum(&self) -> bool {
        self.decoded.get("checksum").is_some()
    }

    fn checksum_field(&self) -> [u8; CHECKSUM_SIZE] {
        *self.datagram[self.header().len()..].first_chunk().unwrap()
    }

    /// What follows the header and the checksum.
    fn block(&self) -> &[u8] {
        let checksum = if self.has_checksum() { CHECKSUM_SIZE } else { 0 };
        &self.datagram[self.header().len() + checksum..]
    }

    fn commands(&self) -> Recorded {
        let mut recorded = Recorded::default();
        for command in self.decoded["commands"].as_array().unwrap() {
            recorded.add(command);
        }
        recorded
    }
}

impl std::fmt::Display for Vector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}, {}", self.line, self.run)
    }
}

impl Recorded {
    fn add(&mut self, fields: &Value) {
        let payload = fields.get("payload_hex").map(bytes).unwrap_or_default();
        let mut command = Command {
            channel: number(fields, "channel"),
            sequence: number(fields, "reliable_sequence_number"),
            acknowledge: fields["acknowledge"].as_bool().unwrap(),
            unsequenced: fields["unsequenced"].as_bool().unwrap(),
            body: body(fields, 0..0),
        };
        let start = self.block.len() + command.body.fixed_size();
        command.body = body(fields, start..start + payload.len());
        command.emit(&payload, &mut self.block);
        self.commands.push(command);
    }
}

fn body(fields: &Value, payload: Range<usize>) -> Body {
    if let Some(length) = fields.get("data_length").filter(|_| !payload.is_empty()) {
        assert_eq!(length.as_u64(), Some(payload.len() as u64));
    }
    match fields["command"].as_str().unwrap() {
        "ACKNOWLEDGE" => Body::Acknowledge {
            received_sequence: number(fields, "received_reliable_sequence_number"),
            received_sent_time: number(fields, "received_sent_time"),
        },
        "CONNECT" => Body::Connect(connect(fields)),
        "VERIFY_CONNECT" => Body::VerifyConnect(verify_connect(fields)),
        "DISCONNECT" => Body::Disconnect {
            data: number(fields, "data"),
        },
        "PING" => Body::Ping,
        "SEND_RELIABLE" => Body::SendReliable { payload },
        "SEND_UNRELIABLE" => Body::SendUnreliable {
            sequence: number(fields, "unreliable_sequence_number"),
            payload,
        },
        "SEND_FRAGMENT" => Body::SendFragment(fragment(fields, payload)),
        "SEND_UNSEQUENCED" => Body::SendUnsequenced {
            group: number(fields, "unsequenced_group"),
            payload,
        },
        "BANDWIDTH_LIMIT" => Body::BandwidthLimit {
            incoming: number(fields, "incoming_bandwidth"),
            outgoing: number(fields, "outgoing_bandwidth"),
        },
        "THROTTLE_CONFIGURE" => Body::ThrottleConfigure {
            interval: number(fields, "packet_throttle_interval"),
            acceleration: number(fields, "packet_throttle_acceleration"),
            deceleration: number(fields, "packet_throttle_deceleration"),
        },
        "SEND_UNRELIABLE_FRAGMENT" => Body::SendUnreliableFragment(fragment(fields, payload)),
        other => panic!("{other} is no command"),
    }
}

fn connect(fields: &Value) -> Connect {
    Connect {
        outgoing_peer_id: number(fields, "outgoing_peer_id"),
        incoming_session: number(fields, "incoming_session_id"),
        outgoing_session: number(fields, "outgoing_session_id"),
        mtu: number(fields, "mtu"),
        window_size: number(fields, "window_size"),
        channel_count: number(fields, "channel_count"),
        incoming_bandwidth: number(fields, "incoming_bandwidth"),
        outgoing_bandwidth: number(fields, "outgoing_bandwidth"),
        throttle_interval: number(fields, "packet_throttle_interval"),
        throttle_acceleration: number(fields, "packet_throttle_acceleration"),
        throttle_deceleration: number(fields, "packet_throttle_deceleration"),
        connect_id: ConnectId::from_bytes(bytes4(&fields["connect_id"])),
        data: number(fields, "data"),
    }
}

fn verify_connect(fields: &Value) -> VerifyConnect {
    VerifyConnect {
        outgoing_peer_id: number(fields, "outgoing_peer_id"),
        incoming_session: number(fields, "incoming_session_id"),
        outgoing_session: number(fields, "outgoing_session_id"),
        mtu: number(fields, "mtu"),
        window_size: number(fields, "window_size"),
        channel_count: number(fields, "channel_count"),
        incoming_bandwidth: number(fields, "incoming_bandwidth"),
        outgoing_bandwidth: number(fields, "outgoing_bandwidth"),
        throttle_interval: number(fields, "packet_throttle_interval"),
        throttle_acceleration: number(fields, "packet_throttle_acceleration"),
        throttle_deceleration: number(fields, "packet_throttle_deceleration"),
        connect_id: ConnectId::from_bytes(bytes4(&fields["connect_id"])),
    }
}

fn fragment(fields: &Value, payload: Range<usize>) -> Fragment {
    Fragment {
        start_sequence: number(fields, "start_sequence_number"),
        count: number(fields, "fragment_count"),
        number: number(fields, "fragment_number"),
        total_length: number(fields, "total_length"),
        offset: number(fields, "fragment_offset"),
        payload,
    }
}

/// A number that must be there and fit its field.
fn number<T: TryFrom<u64>>(fields: &Value, name: &str) -> T {
    let value = fields[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} is no number in {fields}"));
    T::try_from(value).unwrap_or_else(|_| panic!("{name} is too large in {fields}"))
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .as_str()
        .unwrap()
        .chars()
        .map(|digit| digit.to_digit(16).unwrap())
        .collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty());
    pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect()
}

fn bytes4(hex: &Value) -> [u8; 4] {
    bytes(hex).try_into().unwrap()
}
