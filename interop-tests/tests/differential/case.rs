//! One case: what is chosen, and how it is written.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use enet_proto::compress::Compression;
use interop_tests::side::{Delivery, Kind, Settings};
use netem::Conditions;

/// How many packets may be sent at most, beyond the case's own, until one that may be lost has come of each kind.
pub(crate) const TRIALS: u32 = 180;

/// What is sent how, between whom, through what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Whose the server is; the client is the other's.
    pub(crate) server: Kind,
    pub(crate) stream: Stream,
    pub(crate) size: Size,
    pub(crate) checksum: bool,
    pub(crate) compression: Compression,
    /// In percent, each way.
    pub(crate) loss: u8,
    /// Of the connection. The packets take the first, one in the middle and the last in turn.
    pub(crate) channels: u8,
    /// For the network.
    pub(crate) seed: u64,
}

/// How packets are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Only(Delivery),
    /// Reliable and unreliable ones in turn.
    Mixed,
}

/// How large packets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Empty,
    Byte,
    /// Every size around that of a full datagram, one after the other.
    Datagram,
    /// 64 KiB.
    Window,
    /// 1 MiB.
    Megabyte,
    /// 32 MiB, the most a stock host takes.
    Limit,
}

impl Case {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            checksum: self.checksum,
            compression: self.compression,
            ..Settings::default()
        }
    }

    pub(crate) fn conditions(&self) -> Conditions {
        let ideal = Conditions::default();
        if self.loss == 0 {
            return ideal;
        }
        ideal
            .loss(f64::from(self.loss) / 100.0)
            .delay(Duration::from_millis(1))
            .jitter(Duration::from_millis(1))
            .duplication(0.03)
            .reordering(0.03, Duration::from_millis(3))
    }

    /// The channels that are used.
    pub(crate) fn used_channels(&self) -> Vec<u8> {
        let mut used = vec![0, self.channels / 2, self.channels - 1];
        used.dedup();
        used
    }

    /// How many packets are sent each way.
    pub(crate) fn count(&self) -> u32 {
        match self.size {
            Size::Empty | Size::Byte => 60,
            Size::Datagram => 72,
            Size::Window => 6,
            Size::Megabyte => 2,
            Size::Limit => 1,
        }
    }

    /// The size of a packet, by its number.
    pub(crate) fn size_of(&self, number: u32) -> usize {
        let size = self.nominal_size(number);
        if number < self.count() {
            return size;
        }
        // A trial. A longer burst may be too much for a socket, and of many fragments one is always lost.
        let most = match self.loss {
            0 => 1 << 16,
            _ => self.settings().fragment() + 1,
        };
        size.min(most)
    }

    fn nominal_size(&self, number: u32) -> usize {
        match self.size {
            Size::Empty => 0,
            Size::Byte => 1,
            Size::Datagram => {
                let mtu = usize::from(self.settings().mtu);
                // From a byte less than the longest fragment with a checksum to a byte more than a datagram.
                (mtu - 33..=mtu + 1).cycle().nth(number as usize).expect("it goes on")
            }
            Size::Window => 1 << 16,
            Size::Megabyte => 1 << 20,
            Size::Limit => 32 << 20,
        }
    }

    /// How a packet is sent, by its number.
    pub(crate) fn delivery(&self, number: u32) -> Delivery {
        match self.stream {
            Stream::Only(delivery) => delivery,
            Stream::Mixed if number.is_multiple_of(2) => Delivery::Reliable,
            Stream::Mixed => Delivery::Unreliable,
        }
    }

    /// How it is to come.
    pub(crate) fn arrival(&self, number: u32) -> Delivery {
        self.delivery(number)
            .arrives(self.size_of(number) > self.settings().fragment())
    }

    /// The ways in which packets come that may be lost.
    pub(crate) fn chances(&self) -> HashSet<Delivery> {
        let arrivals = (0..self.count()).map(|number| self.arrival(number));
        arrivals.filter(|arrival| *arrival != Delivery::Reliable).collect()
    }

    /// C hosts with the range coder crash when they send empty packets.
    pub(crate) fn crashes(&self, sender: Kind) -> bool {
        sender == Kind::C && self.compression == Compression::RangeCoder && self.size == Size::Empty
    }
}

impl Stream {
    pub(crate) const ALL: [Stream; 6] = [
        Stream::Only(Delivery::Reliable),
        Stream::Only(Delivery::Unreliable),
        Stream::Only(Delivery::Unsequenced),
        Stream::Only(Delivery::UnreliableFragments),
        Stream::Only(Delivery::UnsequencedFragments),
        Stream::Mixed,
    ];

    fn name(self) -> &'static str {
        match self {
            Stream::Only(Delivery::Reliable) => "reliable",
            Stream::Only(Delivery::Unreliable) => "unreliable",
            Stream::Only(Delivery::Unsequenced) => "unsequenced",
            Stream::Only(Delivery::UnreliableFragments) => "unreliable-fragments",
            Stream::Only(Delivery::UnsequencedFragments) => "unsequenced-fragments",
            Stream::Mixed => "mixed",
        }
    }
}

impl Size {
    /// All but the limit, which is tried by itself.
    pub(crate) const USUAL: [Size; 5] = [Size::Empty, Size::Byte, Size::Datagram, Size::Window, Size::Megabyte];

    fn name(self) -> &'static str {
        match self {
            Size::Empty => "empty",
            Size::Byte => "byte",
            Size::Datagram => "datagram",
            Size::Window => "window",
            Size::Megabyte => "megabyte",
            Size::Limit => "limit",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            checksum,
            compression,
            loss,
            channels,
            seed,
            ..
        } = self;
        let server = if self.server == Kind::C { "c" } else { "ours" };
        let (stream, size) = (self.stream.name(), self.size.name());
        write!(f, "server={server} stream={stream} size={size} checksum={checksum} ")?;
        write!(
            f,
            "compression={compression} loss={loss} channels={channels} seed={seed}"
        )
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Case, String> {
        let value = |key: &str| {
            let mut words = text.split_whitespace().filter_map(|word| word.split_once('='));
            let found = words.find(|(name, _)| *name == key).map(|(_, value)| value);
            found.ok_or_else(|| format!("there is no {key}=…"))
        };
        let number = |key: &str| {
            let value = value(key)?;
            value.parse::<u64>().map_err(|error| format!("{key}={value}: {error}"))
        };
        let small = |key: &str| u8::try_from(number(key)?).map_err(|error| format!("{key}: {error}"));
        let (stream, size) = (value("stream")?, value("size")?);
        let sizes = Size::USUAL.into_iter().chain([Size::Limit]);
        Ok(Case {
            server: match value("server")? {
                "c" => Kind::C,
                "ours" => Kind::Ours,
                other => return Err(format!("server={other}")),
            },
            stream: Stream::ALL
                .into_iter()
                .find(|known| known.name() == stream)
                .ok_or_else(|| format!("stream={stream}"))?,
            size: sizes
                .into_iter()
                .find(|known| known.name() == size)
                .ok_or_else(|| format!("size={size}"))?,
            checksum: value("checksum")? == "true",
            compression: value("compression")?.parse().map_err(|error| format!("{error}"))?,
            loss: small("loss")?,
            channels: small("channels")?.max(1),
            seed: number("seed")?,
        })
    }
}

#[test]
fn a_case_is_read_as_it_is_written() {
    for case in crate::plan::pairs(7) {
        assert_eq!(case.to_string().parse(), Ok(case));
    }
}
