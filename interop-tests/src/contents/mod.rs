//! What recorded sessions hold, datagram by datagram and to the last byte.

mod blocks;
mod story;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddrV4;

use enet_proto::checksum::{self, CHECKSUM_SIZE};
use enet_proto::compress::{Compression, Compressor};
use enet_proto::wire::{Body, Commands, Header, MAXIMUM_DATAGRAM, PeerId};
use fixtures::{Capture, Datagram};
use story::Teller;
pub use story::{Farewell, Story};

/// The names of all commands, in the order of their numbers.
pub const COMMANDS: [&str; 12] = [
    "ACKNOWLEDGE",
    "CONNECT",
    "VERIFY_CONNECT",
    "DISCONNECT",
    "PING",
    "SEND_RELIABLE",
    "SEND_UNRELIABLE",
    "SEND_FRAGMENT",
    "SEND_UNSEQUENCED",
    "BANDWIDTH_LIMIT",
    "THROTTLE_CONFIGURE",
    "SEND_UNRELIABLE_FRAGMENT",
];

/// What is in a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Datagrams.
    pub datagrams: usize,
    /// Those that are compressed.
    pub compressed: usize,
    /// Those with a checksum that is right.
    pub checksums: usize,
    /// Commands by name.
    pub commands: BTreeMap<&'static str, usize>,
    /// What happens.
    pub story: Story,
}

impl Contents {
    /// Reads a capture. How it is compressed, and whether with checksums, is in its name.
    ///
    /// # Panics
    /// If a datagram cannot be read, or comes out different when it is written again.
    #[must_use]
    pub fn of(capture: &Capture) -> Contents {
        let mut reader = Reader::of(capture);
        for (number, datagram) in capture.datagrams.iter().enumerate() {
            if let Err(why) = reader.read(datagram) {
                panic!("{}, datagram {}: {why}: {datagram:02x?}", capture.name, number + 1);
            }
        }
        Contents {
            story: reader.teller.told(),
            ..reader.contents
        }
    }

    /// How many commands there are of a name.
    #[must_use]
    pub fn count(&self, command: &str) -> usize {
        self.commands.get(command).copied().unwrap_or(0)
    }
}

/// A table in Markdown of what all captures hold.
#[must_use]
pub fn table(captures: &[Capture]) -> String {
    let mut table = String::from("| capture | datagrams | compressed | with checksum |");
    for command in COMMANDS {
        let _ = write!(table, " {command} |");
    }
    table.push_str("\n|---|");
    table.push_str(&"--:|".repeat(3 + COMMANDS.len()));
    table.push('\n');
    for capture in captures {
        let contents = Contents::of(capture);
        let counts = [contents.datagrams, contents.compressed, contents.checksums];
        let _ = write!(table, "| {} |", capture.name);
        for count in counts
            .into_iter()
            .chain(COMMANDS.map(|command| contents.count(command)))
        {
            let _ = write!(table, " {count} |");
        }
        table.push('\n');
    }
    table
}

struct Reader {
    kind: Compression,
    compressor: Option<Box<dyn Compressor>>,
    has_checksums: bool,
    /// Of the latest connection of each address.
    connect_ids: HashMap<SocketAddrV4, [u8; CHECKSUM_SIZE]>,
    contents: Contents,
    teller: Teller,
}

impl Reader {
    fn of(capture: &Capture) -> Reader {
        let is_named = |kind: &Compression| capture.name.ends_with(kind.name());
        let kind = Compression::ALL.iter().copied().find(is_named).unwrap_or_default();
        Reader {
            kind,
            compressor: kind.compressor(),
            has_checksums: capture.name.contains("checksum"),
            connect_ids: HashMap::new(),
            contents: Contents::default(),
            teller: Teller::default(),
        }
    }

    fn read(&mut self, datagram: &Datagram) -> Result<(), &'static str> {
        self.contents.datagrams += 1;
        let bytes = &datagram.bytes[..];
        let (header, length) = Header::parse(bytes).ok_or("no header")?;
        let mut written = Vec::new();
        header.emit(&mut written);
        let (sum, block) = match bytes[length..].split_first_chunk() {
            Some((sum, block)) if self.has_checksums => (Some(*sum), block),
            _ => (None, &bytes[length..]),
        };
        let opened = self.open(&header, block)?;
        self.teller.datagram(datagram, &header);
        let commands = self.rewritten(datagram, &opened)?;

        if let Some(sum) = sum {
            let seed = self.seed(datagram, &header)?;
            if checksum::seal(&bytes[..length], seed, &commands) != sum {
                return Err("wrong checksum");
            }
            self.contents.checksums += 1;
            written.extend(sum);
        }
        if header.compressed {
            // With what follows the commands, where FastLZ has put something there.
            let whole = [&commands, &opened[commands.len()..]].concat();
            let compressor = self.compressor.as_deref_mut().ok_or("compressed")?;
            written.extend(blocks::compressed(self.kind, compressor, &whole, block).ok_or("it cannot be compressed")?);
        } else {
            written.extend(commands);
        }
        (written == bytes)
            .then_some(())
            .ok_or("it is not written as it was read")
    }

    fn open(&mut self, header: &Header, block: &[u8]) -> Result<Vec<u8>, &'static str> {
        if !header.compressed {
            return Ok(block.to_vec());
        }
        self.contents.compressed += 1;
        let compressor = self.compressor.as_deref_mut().ok_or("compressed")?;
        let mut opened = Vec::new();
        if !compressor.decompress(block, MAXIMUM_DATAGRAM, &mut opened) {
            return Err("it cannot be opened");
        }
        Ok(opened)
    }

    /// The block, written anew from the commands it was parsed into.
    fn rewritten(&mut self, datagram: &Datagram, block: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut written = Vec::new();
        let mut commands = Commands::new(block);
        for command in commands.by_ref() {
            // What follows a block that FastLZ was too short for.
            if self.kind == Compression::FastLz && block[written.len()..].iter().all(|&byte| byte == 0) {
                return Ok(written);
            }
            let command = command.map_err(|_| "no command")?;
            if let Body::Connect(connect) = &command.body {
                self.connect_ids.insert(datagram.from, connect.connect_id.to_bytes());
            }
            self.teller.command(datagram, &command);
            *self.contents.commands.entry(command.body.name()).or_default() += 1;
            command.emit(&block[command.body.payload().unwrap_or_default()], &mut written);
        }
        (written == block)
            .then_some(written)
            .ok_or("its commands are not written as they were read")
    }

    fn seed(&self, datagram: &Datagram, header: &Header) -> Result<[u8; CHECKSUM_SIZE], &'static str> {
        if header.peer_id == PeerId::NONE {
            return Ok(checksum::NO_SEED);
        }
        let connect_id = [datagram.from, datagram.to]
            .iter()
            .find_map(|end| self.connect_ids.get(end));
        connect_id.copied().ok_or("of no connection")
    }
}
