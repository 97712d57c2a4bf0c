//! The terminal that shows the table of clients.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::Print;
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};

use crate::log::Log;
use crate::status::Snapshot;
use crate::table;

/// How many log lines are under the table, behind an empty one: a quarter of a small terminal.
const LOG_LINES: usize = 8;

/// How long the end may wait for a terminal.
const PATIENCE: Duration = Duration::from_millis(100);

/// The terminal while the table is on it.
///
/// A thread of its own draws, as a terminal may take nothing for as long as it likes: Ctrl-S stops it.
#[derive(Debug)]
pub(crate) struct Screen {
    log: Log,
    /// Taken on the way out.
    snapshots: Option<SyncSender<Snapshot>>,
    /// Closed when the terminal is as it was.
    left: Receiver<()>,
}

impl Screen {
    /// Takes over the terminal until dropped.
    pub(crate) fn open(log: Log) -> io::Result<Screen> {
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        log.withhold();
        let (snapshots, to_draw) = sync_channel(1);
        let (leaving, left) = sync_channel(1);
        let lines = log.clone();
        thread::Builder::new().name("table".to_owned()).spawn(move || {
            draw_all(&to_draw, &lines);
            let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
            drop(leaving);
        })?;
        Ok(Screen {
            log,
            snapshots: Some(snapshots),
            left,
        })
    }

    /// Shows the table, with the latest log lines under it, unless the terminal is still busy with the last one. False if there is
    /// no terminal any more.
    pub(crate) fn show(&self, snapshot: Snapshot) -> bool {
        let Some(snapshots) = &self.snapshots else { return false };
        !matches!(snapshots.try_send(snapshot), Err(TrySendError::Disconnected(_)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.snapshots = None;
        // Nothing is ever sent: it is closed, or the time is up.
        let _ = self.left.recv_timeout(PATIENCE);
        self.log.release(LOG_LINES);
    }
}

/// Draws until there is no more to draw, or nowhere.
fn draw_all(snapshots: &Receiver<Snapshot>, log: &Log) {
    while let Ok(snapshot) = snapshots.recv() {
        if draw(&snapshot, log).is_err() {
            return;
        }
    }
}

fn draw(snapshot: &Snapshot, log: &Log) -> io::Result<()> {
    let (width, height) = match terminal::size()? {
        // Some terminals do not tell.
        (0, _) | (_, 0) => (80, 24),
        (width, height) => (usize::from(width), usize::from(height)),
    };
    let mut stdout = io::stdout().lock();
    for (row, line) in (0u16..).zip(lines(snapshot, log, height).iter().take(height)) {
        let visible: String = line.chars().filter(|letter| !letter.is_control()).take(width).collect();
        queue!(stdout, MoveTo(0, row), Print(visible), Clear(ClearType::UntilNewLine))?;
    }
    queue!(stdout, Clear(ClearType::FromCursorDown))?;
    stdout.flush()
}

fn lines(snapshot: &Snapshot, log: &Log, height: usize) -> Vec<String> {
    let log_lines = LOG_LINES.min(height / 4);
    let mut lines = table::lines(snapshot, height.saturating_sub(log_lines + 1));
    lines.push(String::new());
    lines.extend(log.last(log_lines));
    lines
}
