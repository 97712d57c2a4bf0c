//! Being asked to stop, or to read files again.

use std::io;
#[cfg(unix)]
use std::io::IsTerminal;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Stop,
    /// Files that may have changed are to be read again.
    Reload,
}

/// Ctrl-C, and where there is such a thing SIGTERM, and SIGHUP: the terminal is closed.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// None under `nohup`.
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
    /// What SIGHUP asks for.
    #[cfg(unix)]
    by_hang_up: Asked,
}

impl Signals {
    /// From now on the process does not end by them.
    ///
    /// SIGHUP is a stop, or asks to read files again if there are `files`, unless it comes from a terminal that is closed.
    pub(crate) fn listen(files: bool) -> io::Result<Signals> {
        #[cfg(not(unix))]
        let _ = files;
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let hang_up = match ignores_hang_up() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            };
            Ok(Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up,
                by_hang_up: if files && !io::stdin().is_terminal() {
                    Asked::Reload
                } else {
                    Asked::Stop
                },
            })
        }
        #[cfg(not(unix))]
        Ok(Signals {})
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Asked {
        #[cfg(unix)]
        {
            let hang_up = async {
                match &mut self.hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => Asked::Stop,
                _ = self.terminate.recv() => Asked::Stop,
                _ = hang_up => self.by_hang_up,
            }
        }
        #[cfg(not(unix))]
        {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Asked::Stop
        }
    }

    /// The next one that asks to stop.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}

/// Whether whoever started the process wants it to outlive the terminal.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    #[expect(unsafe_code, reason = "POSIX has this question only in C")]
    // SAFETY: without a new action sigaction changes nothing and writes the present one into the place it is given, which is
    // large enough for it; all zeros are a valid value of that plain structure.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}
