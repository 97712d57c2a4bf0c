//! Where log lines go: to standard error, or under the status table.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How many lines are kept for the table.
const KEPT: usize = 50;

/// The latest log lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<VecDeque<String>>>);

impl Lines {
    /// The last few lines, oldest first.
    pub(crate) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }
}

/// The logger writes each event at once, with its line end.
impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in String::from_utf8_lossy(bytes).lines() {
            lines.push_back(line.to_owned());
        }
        while lines.len() > KEPT {
            lines.pop_front();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs to standard error.
pub(crate) fn to_stderr(filter: &str) -> Result<(), ParseError> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_writer(io::stderr)
        .init();
    Ok(())
}

/// Keeps the latest lines.
pub(crate) fn to_memory(filter: &str) -> Result<Lines, ParseError> {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_ansi(false)
        .with_target(false)
        .with_writer(move || writer.clone())
        .init();
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept() {
        let mut lines = Lines::default();
        for number in 0..60 {
            lines.write_all(format!("line {number}\n").as_bytes()).expect("memory");
        }
        assert_eq!(lines.last(2), ["line 58", "line 59"]);
        assert_eq!(lines.last(1000).len(), KEPT);
    }
}
