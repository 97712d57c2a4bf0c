//! The terminal that shows the table of clients.

use std::io::{self, Write};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::Print;
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};

use crate::log::Lines;
use crate::status::Snapshot;

/// How many log lines are under the table, behind an empty one.
const LOG_LINES: usize = 8;

/// The terminal while the table is on it.
#[derive(Debug)]
pub(crate) struct Screen {
    lines: Lines,
}

impl Screen {
    /// Takes over the terminal until dropped.
    pub(crate) fn open(lines: Lines) -> io::Result<Screen> {
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(Screen { lines })
    }

    /// Draws the table, and the latest log lines under it.
    pub(crate) fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let (width, height) = match terminal::size()? {
            // Some terminals do not tell.
            (0, _) | (_, 0) => (80, 24),
            (width, height) => (usize::from(width), usize::from(height)),
        };
        let mut lines = snapshot.lines(height.saturating_sub(LOG_LINES + 1));
        lines.push(String::new());
        lines.extend(self.lines.last(LOG_LINES));

        let mut stdout = io::stdout().lock();
        for (row, line) in (0u16..).zip(lines.iter().take(height)) {
            let visible: String = line.chars().filter(|letter| !letter.is_control()).take(width).collect();
            queue!(stdout, MoveTo(0, row), Print(visible), Clear(ClearType::UntilNewLine))?;
        }
        queue!(stdout, Clear(ClearType::FromCursorDown))?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    }
}
