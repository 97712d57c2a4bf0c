//! What attacks work with, and what comes of them.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::healthy::Speech;
use crate::loopback::Loopback;
use crate::run::Scale;
use crate::server::{Process, Server};
use crate::target::{self, Target};

/// What an attack has to work with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) target: Loopback,
    pub(crate) process: Option<Process>,
    pub(crate) scale: Scale,
    /// Only for those that restart it.
    pub(crate) server: Option<&'a mut Server>,
    /// What the server does with what it gets.
    pub(crate) speech: Speech,
    /// What memory the server had before, in bytes.
    pub(crate) memory_before: Option<u64>,
    /// When the attack began, with all members there; none for one that begins at once.
    pub(crate) began: Option<Instant>,
}

/// How much memory a server may keep, in MiB, and how soon it has to be free, after an attacker has left: a farewell that wants no
/// acknowledgement is doubted for two seconds at most.
const KEPT: f64 = 1.0;
const FREED_WITHIN: Duration = Duration::from_secs(3);

/// The same where others stay: they are quiet after some pings.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

impl Context<'_> {
    /// An error if the server does not send back what it gets, or does what else is asked of it.
    pub(super) fn require_echo(&self) -> io::Result<()> {
        match self.speech {
            Speech::Echo => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it needs a server that sends back what it gets",
            )),
        }
    }

    /// An error if the server does not pass on what clients send to each other.
    pub(super) fn require_relay(&self) -> io::Result<()> {
        match self.speech {
            Speech::Relay => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it needs a server that passes on what clients send to each other, as Godot's do",
            )),
        }
    }

    /// All is as it was meant to be, and the attack begins: what the healthy wait from now on is because of it.
    pub(super) fn begin(&mut self) {
        self.began = Some(Instant::now());
    }

    /// How much more memory the server has than before, in MiB, so much later or as soon as it is no more than it may be.
    fn memory_kept(&self, limit: f64, within: Duration) -> Option<f64> {
        let (process, before) = (self.process?, self.memory_before?);
        let end = Instant::now() + within;
        loop {
            let kept = process.memory()?.saturating_sub(before) as f64 / 1_048_576.0;
            if kept <= limit || Instant::now() > end {
                return Some(kept);
            }
            thread::sleep(Duration::from_millis(10));
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
    pub(super) fn new(text: impl Into<String>) -> Outcome {
        Outcome {
            text: text.into(),
            targets: Vec::new(),
        }
    }

    /// Adds a figure and its limit.
    pub(super) fn at_most(mut self, what: &'static str, value: f64, limit: f64, unit: &'static str) -> Outcome {
        self.targets.push(target::at_most(what, value, limit, unit));
        self
    }

    /// Adds what may not happen: 1 if it has.
    pub(super) fn never(self, what: &'static str, has_happened: bool) -> Outcome {
        self.at_most(what, f64::from(u8::from(has_happened)), 0.0, "")
    }

    /// Adds a figure and the least it may be.
    pub(super) fn at_least(mut self, what: &'static str, value: f64, limit: f64, unit: &'static str) -> Outcome {
        self.targets.push(target::at_least(what, value, limit, unit));
        self
    }

    /// Adds how much more memory the server has than before, now that the attacker leaves: measured within three seconds.
    pub(super) fn memory_kept(self, context: &Context<'_>) -> Outcome {
        self.kept(context, KEPT, FREED_WITHIN)
    }

    /// The same where members stay, who may have so many MiB all together once they are quiet.
    pub(super) fn memory_of_the_quiet(self, context: &Context<'_>, limit: f64) -> Outcome {
        self.kept(context, limit, QUIET_WITHIN)
    }

    fn kept(self, context: &Context<'_>, limit: f64, within: Duration) -> Outcome {
        match context.memory_kept(limit, within) {
            Some(kept) => self.at_most("memory kept", kept, limit, "MiB"),
            None => self,
        }
    }
}

/// Looks every millisecond until something is so or the time is over; whether it is.
pub(super) fn wait_until(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
