//! A client that is sent much and acknowledges little of it.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_sim::wire::{Body, CONTROL, Command};

use crate::loopback::Loopback;
use crate::puppet::Puppet;

/// After how much silence it asks whether it has been given up.
const SILENCE: Duration = Duration::from_secs(1);

/// What a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks what has come.
const LOOKING: Duration = Duration::from_millis(5);

/// What it acknowledges of what it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Appetite {
    /// So many commands a second, of whatever kind.
    Commands(f64),
    /// So many bytes a second, and all that the connection itself sends.
    Bytes(f64),
    /// What the connection itself sends, pings for example.
    NoData,
}

/// A client that reads slowly.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) puppet: Puppet,
    appetite: Appetite,
    start: Instant,
    /// What was acknowledged since, in what the appetite counts.
    taken: f64,
    /// What came again because it was not acknowledged in time is not acknowledged twice: each acknowledgement is for another
    /// packet. There are less than 65 536 of them.
    seen: HashSet<(u8, u16)>,
    open: VecDeque<(Command, Bytes)>,
    pub(crate) last_heard: Instant,
    /// The number in the DISCONNECT that came.
    pub(crate) farewell: Option<u32>,
    given_up: bool,
}

impl Reader {
    pub(crate) fn join(target: Loopback, number: u32, appetite: Appetite) -> io::Result<Reader> {
        let puppet = Puppet::join(target, number, 2)?;
        let now = Instant::now();
        Ok(Reader {
            puppet,
            appetite,
            start: now,
            taken: 0.0,
            seen: HashSet::new(),
            open: VecDeque::new(),
            last_heard: now,
            farewell: None,
            given_up: false,
        })
    }

    /// For how long it has read so far, or had read when it was given up.
    pub(crate) fn served(&self) -> Duration {
        self.last_heard - self.start
    }

    /// Whether the server knows it no more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Waits a moment, takes what has come and acknowledges some of it. Returns the packets that it has acknowledged now.
    pub(crate) fn read(&mut self) -> Vec<Bytes> {
        thread::sleep(LOOKING);
        let heard = self.puppet.listen(false);
        if !heard.commands.is_empty() {
            self.last_heard = Instant::now();
        }
        let mut now = Vec::new();
        for (command, acknowledgement) in heard.wanting() {
            if let Body::Disconnect { data } = command.body {
                self.farewell.get_or_insert(data);
            }
            let Some(acknowledgement) = acknowledgement else {
                continue;
            };
            let is_data = acknowledgement.channel != CONTROL;
            if !is_data && !matches!(self.appetite, Appetite::Commands(_)) {
                now.push(acknowledgement);
            } else if self.seen.insert((command.channel, command.number)) {
                let packet = command.payload().cloned().unwrap_or_default();
                self.open.push_back((acknowledgement, packet));
            }
        }
        let mut packets = Vec::new();
        while self.is_hungry()
            && let Some((acknowledgement, packet)) = self.open.pop_front()
        {
            self.taken += match self.appetite {
                Appetite::Commands(_) => 1.0,
                Appetite::Bytes(_) | Appetite::NoData => packet.len() as f64,
            };
            now.push(acknowledgement);
            packets.push(packet);
        }
        for acknowledgements in now.chunks(100) {
            self.puppet.send(acknowledgements.to_vec());
        }
        if self.farewell.is_some() {
            self.given_up = true;
        } else if !self.given_up && self.last_heard.elapsed() >= SILENCE {
            match self.puppet.is_known(PATIENCE) {
                true => self.last_heard = Instant::now(),
                false => self.given_up = true,
            }
        }
        packets
    }

    /// Whether it is time for more.
    fn is_hungry(&self) -> bool {
        let (Appetite::Commands(each_second) | Appetite::Bytes(each_second)) = self.appetite else {
            return false;
        };
        self.taken < self.start.elapsed().as_secs_f64() * each_second
    }
}
