//! Where log lines go: to standard error, or under the status table.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::limiter::Limiter;

/// How many lines are kept for the table.
const KEPT: usize = 50;

/// The log of the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    sink: Sink,
    limiter: Limiter,
}

/// Takes the lines.
#[derive(Clone, Debug, Default)]
struct Sink(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    /// The latest ones, and whether standard error has them already.
    latest: VecDeque<(String, bool)>,
    /// The table is on the terminal, which standard error goes to as well: lines are shown under the table instead.
    withheld: bool,
}

impl Log {
    /// Begins to log, in colour if that is asked for and standard error is a terminal.
    pub(crate) fn start(filter: EnvFilter, colour: bool) -> Log {
        use tracing_subscriber::filter::FilterExt;

        let log = Log::default();
        let sink = log.sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(colour && io::stderr().is_terminal())
            .with_target(false)
            .with_writer(move || sink.clone())
            .with_filter(filter.and(log.limiter.clone()));
        tracing_subscriber::registry().with(layer).init();
        log
    }

    /// The last few lines, oldest first.
    pub(crate) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.sink.lock();
        let skipped = lines.latest.len().saturating_sub(count);
        lines
            .latest
            .iter()
            .skip(skipped)
            .map(|(line, _)| line.clone())
            .collect()
    }

    /// From now on the terminal belongs to the table. A file that standard error goes to gets its lines all the same.
    pub(crate) fn withhold(&self) {
        self.sink.lock().withheld = io::stderr().is_terminal();
    }

    /// The terminal is free again. It gets the last few of the lines that it has missed.
    pub(crate) fn release(&self, count: usize) {
        let mut lines = self.sink.lock();
        lines.withheld = false;
        let skipped = lines.latest.len().saturating_sub(count);
        for (line, written) in lines.latest.iter_mut().skip(skipped) {
            if !*written {
                *written = true;
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    /// Says how many records of which kinds there were too many of; to be called every second.
    pub(crate) fn sum_up(&self) {
        self.limiter.sum_up();
    }

    /// The same when there is no next second.
    pub(crate) fn sum_up_all(&self) {
        self.limiter.sum_up_all();
    }
}

impl Sink {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The logger writes each record at once, with its line end. A standard error that nobody reads is no reason to stop.
impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.lock();
        let written = !lines.withheld;
        if written {
            let _ = io::stderr().write_all(bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        lines.latest.extend(text.lines().map(|line| (line.to_owned(), written)));
        let excess = lines.latest.len().saturating_sub(KEPT);
        lines.latest.drain(..excess);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept() {
        let mut log = Log::default();
        for number in 0..60 {
            log.sink
                .write_all(format!("line {number}\n").as_bytes())
                .expect("memory");
        }
        assert_eq!(log.last(2), ["line 58", "line 59"]);
        assert_eq!(log.last(1000).len(), KEPT);
    }
}
