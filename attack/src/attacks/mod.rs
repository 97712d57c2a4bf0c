//! What is done to servers. Each attack is bounded, and tells what it achieved.

mod acknowledging;
mod compressing;
mod connecting;
mod forging;
mod garbage;
mod hoarding;
mod joining;

use std::io;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use enet_tokio::Compression;

use crate::loopback::Loopback;
use crate::run::Scale;
use crate::server::{Process, Server};
use crate::target::{self, Target};

/// A way to do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Attack {
    /// 50 000 CONNECTs a second for 10 s from 4096 addresses, none of which answers.
    ConnectFlood,
    /// The same from one port, in whose name a client could not ask any more if it had room for all of that.
    ConnectFloodOnePort,
    /// One CONNECT from each of 10 addresses: what comes back in 30 s.
    Amplification,
    /// CONNECTs whose VERIFY is acknowledged without having been read, as one with a false address would.
    BlindProof,
    /// 3000 connections from one address that fall silent once they are proven.
    Silence,
    /// 20 000 datagrams of noise a second for 17 s: random, mutated from a true session, empty; from strangers and from peers.
    Garbage,
    /// On a server that compresses: 4000 datagrams a second for 10 s that cost most to open, from strangers and from peers.
    Compression,
    /// 25 500 packets of 32 MiB announced, of each of which one byte comes: the first, as no honest sender cuts a packet, or the last.
    Announcements,
    /// 6 million empty packets ahead of one that never comes.
    EmptyAhead,
    /// The same packets, the last of them first.
    Descending,
    /// 1.7 million acknowledgements that match nothing, with 40 000 messages open.
    Acknowledgements,
    /// A client that is sent 8 MB/s for 40 s and acknowledges twenty commands a second.
    SlowReader,
    /// Forged commands from other addresses and ports, with wrong ids and sessions.
    Forgery,
    /// DISCONNECTs forged with everything right, the address and port included.
    ForgedDisconnect,
    /// The server is killed and started anew; then data and disconnects of the former connections arrive.
    Restart,
    /// As many honest clients as C ENet can have, one after the other.
    JoinsInTurn,
    /// As many honest clients, all at once.
    JoinsAtOnce,
    /// 10 000 honest clients from as many addresses, all at once, on a server with room for them if its protocol can have that many.
    TenThousandJoins,
}

/// What an attack has to work with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) target: Loopback,
    pub(crate) process: Option<Process>,
    pub(crate) scale: Scale,
    /// Only for those that restart it.
    pub(crate) server: Option<&'a mut Server>,
    /// Whether the server sends back what it gets.
    pub(crate) echoes: bool,
    /// What memory the server had before, in bytes.
    pub(crate) memory_before: Option<u64>,
}

/// How much memory a server may keep, in MiB, and how soon it has to be free, after an attacker has left.
const KEPT: f64 = 1.0;
const FREED_WITHIN: Duration = Duration::from_secs(1);

impl Context<'_> {
    /// An error if the server does not send back what it gets, or does what else is asked of it.
    fn require_echo(&self) -> io::Result<()> {
        match self.echoes {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it needs a server that sends back what it gets",
            )),
        }
    }

    /// How much more memory the server has than before, in MiB, a second from now or as soon as it is no more than it may be.
    fn memory_kept(&self) -> Option<f64> {
        let (process, before) = self.process.zip(self.memory_before)?;
        let end = Instant::now() + FREED_WITHIN;
        loop {
            let kept = process.memory()?.saturating_sub(before) as f64 / 1_048_576.0;
            if kept <= KEPT || Instant::now() > end {
                return Some(kept);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What an attack achieved.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    /// What only this attack can judge.
    pub(crate) targets: Vec<Target>,
}

impl Outcome {
    fn new(text: impl Into<String>) -> Outcome {
        Outcome {
            text: text.into(),
            targets: Vec::new(),
        }
    }

    /// Adds a figure and its limit.
    fn at_most(mut self, what: &'static str, value: f64, limit: f64, unit: &'static str) -> Outcome {
        self.targets.push(target::at_most(what, value, limit, unit));
        self
    }

    /// Adds a figure and the least it may be.
    fn at_least(mut self, what: &'static str, value: f64, limit: f64, unit: &'static str) -> Outcome {
        self.targets.push(target::at_least(what, value, limit, unit));
        self
    }

    /// Adds what memory the server keeps. To be called right after the attacker has left.
    fn memory_kept(self, context: &Context<'_>) -> Outcome {
        match context.memory_kept() {
            Some(kept) => self.at_most("memory kept", kept, KEPT, "MiB"),
            None => self,
        }
    }
}

impl Attack {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Attack::ConnectFlood => "connect-flood",
            Attack::ConnectFloodOnePort => "connect-flood-one-port",
            Attack::Amplification => "amplification",
            Attack::BlindProof => "blind-proof",
            Attack::Silence => "silence",
            Attack::Garbage => "garbage",
            Attack::Compression => "compression",
            Attack::Announcements => "announcements",
            Attack::EmptyAhead => "empty-ahead",
            Attack::Descending => "descending",
            Attack::Acknowledgements => "acknowledgements",
            Attack::SlowReader => "slow-reader",
            Attack::Forgery => "forgery",
            Attack::ForgedDisconnect => "forged-disconnect",
            Attack::Restart => "restart",
            Attack::JoinsInTurn => "joins-in-turn",
            Attack::JoinsAtOnce => "joins-at-once",
            Attack::TenThousandJoins => "ten-thousand-joins",
        }
    }

    /// Whether it needs a server that it can restart, which healthy peers would not survive.
    pub(crate) fn restarts(self) -> bool {
        self == Attack::Restart
    }

    /// Whether it is nothing but many clients.
    pub(crate) fn is_crowd(self) -> bool {
        matches!(
            self,
            Attack::JoinsInTurn | Attack::JoinsAtOnce | Attack::TenThousandJoins
        )
    }

    /// How many peers the server should have room for.
    pub(crate) fn room(self) -> usize {
        match self {
            Attack::TenThousandJoins => 10_100,
            _ => 4095,
        }
    }

    /// How much more memory the server may take meanwhile, in MiB, where that is what the attack is about.
    pub(crate) fn may_take(self) -> Option<f64> {
        match self {
            Attack::ConnectFlood => Some(8.0),
            Attack::ConnectFloodOnePort | Attack::Announcements => Some(2.0),
            Attack::EmptyAhead | Attack::Descending | Attack::SlowReader => Some(32.0),
            _ => None,
        }
    }

    /// How the server is to compress.
    pub(crate) fn compression(self) -> Compression {
        match self {
            Attack::Compression => Compression::RangeCoder,
            _ => Compression::None,
        }
    }

    /// About how long it takes.
    pub(crate) fn duration(self, scale: Scale) -> Duration {
        match self {
            Attack::Garbage => scale.seconds(17),
            Attack::Amplification => scale.seconds(30),
            Attack::JoinsInTurn | Attack::JoinsAtOnce | Attack::TenThousandJoins => scale.seconds(20),
            Attack::SlowReader => scale.seconds(75),
            Attack::BlindProof | Attack::Forgery | Attack::ForgedDisconnect | Attack::Restart => scale.seconds(3),
            _ => scale.seconds(10),
        }
    }

    pub(crate) fn run(self, context: &mut Context<'_>) -> io::Result<Outcome> {
        match self {
            Attack::ConnectFlood => connecting::flood(context, 4096),
            Attack::ConnectFloodOnePort => connecting::flood(context, 1),
            Attack::Amplification => connecting::amplification(context),
            Attack::BlindProof => connecting::blind_proof(context),
            Attack::Silence => connecting::silence(context),
            Attack::Garbage => garbage::garbage(context),
            Attack::Compression => compressing::costly(context),
            Attack::Announcements => hoarding::announcements(context),
            Attack::EmptyAhead => hoarding::empty_ahead(context),
            Attack::Descending => hoarding::descending(context),
            Attack::Acknowledgements => acknowledging::unmatched(context),
            Attack::SlowReader => acknowledging::slow_reader(context),
            Attack::Forgery => forging::from_elsewhere(context),
            Attack::ForgedDisconnect => forging::disconnect(context),
            Attack::Restart => forging::restart(context),
            Attack::JoinsInTurn => joining::in_turn(context),
            Attack::JoinsAtOnce => joining::at_once(context),
            Attack::TenThousandJoins => joining::ten_thousand(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_named_as_on_the_command_line() {
        for attack in Attack::value_variants() {
            let value = attack.to_possible_value().expect("none is hidden");
            assert_eq!(value.get_name(), attack.name());
        }
    }
}
