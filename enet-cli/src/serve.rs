//! `enet serve`: a relay for games whose players talk to each other through it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use enet_tokio::{Address, BindError};
use godot_peer::{GodotServer, ServerEvent, ServerOptions};
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::address::{ListenError, listen_address};
use crate::arguments::Arguments;
use crate::calls::Calls;
use crate::encryption::{Encryption, EncryptionError};
use crate::filter::{self, FilterError};
use crate::journal::Journal;
use crate::log::Log;
use crate::memory::{self, Freed};
use crate::screen::Screen;
use crate::signals::{Asked, Signals};
use crate::status::Sampler;
use crate::turned_away::TurnedAway;

/// Clients that have nothing to wait for are gone within a round trip; the others are told at the end of it.
const GRACE: Duration = Duration::from_millis(60);

/// How often the table is drawn anew, and the log told what has added up.
const PERIOD: Duration = Duration::from_secs(1);

/// How often the figures are logged where there is no terminal.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// What a shell reports of a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Why the server did not start, or ended by itself.
#[derive(Debug, Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Address(#[from] ListenError),
    #[error("{origin}: {error}")]
    Filter { origin: &'static str, error: FilterError },
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    #[error("port {} is in use by another program, cannot listen on {address}", address.port())]
    PortInUse { address: SocketAddr },
    #[error("{} is not an address of this machine", address.ip())]
    NotHere { address: SocketAddr },
    #[error(transparent)]
    Bind(BindError),
    #[error("cannot start: {0}")]
    System(#[source] io::Error),
    #[error("the network socket broke, see the log")]
    Broken,
}

/// Serves until asked to stop.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, ServeError> {
    let address = listen_address(arguments.bind.as_deref(), arguments.port)?;
    let encryption = Encryption::new(arguments)?;
    let log = begin_log(arguments)?;
    for doubt in arguments.doubts() {
        tracing::warn!("{doubt}");
    }
    // One thread: what is relayed at a time then leaves in the same datagrams.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::System)?
        .block_on(async {
            let signals = Signals::listen(encryption.is_on()).map_err(ServeError::System)?;
            let server = bind(encryption.apply(arguments.options()), &address).await?;
            announce(server.local_addr());
            Serving::new(arguments, server, encryption, log).run(signals).await
        })
}

fn begin_log(arguments: &Arguments) -> Result<Log, ServeError> {
    let variable = std::env::var(filter::VARIABLE).ok();
    let origin = match arguments.log {
        Some(_) => "--log",
        None => filter::VARIABLE,
    };
    let filter = filter::filter(arguments.log.as_deref(), variable.as_deref())
        .map_err(|error| ServeError::Filter { origin, error })?;
    Ok(Log::start(filter, !arguments.has_table()))
}

async fn bind(options: ServerOptions, address: &Address) -> Result<GodotServer, ServeError> {
    let server = GodotServer::bind(address, options).await;
    let is_ipv6 = |addresses: &[SocketAddr]| addresses.iter().all(SocketAddr::is_ipv6);
    if server.as_ref().is_ok_and(|server| server.local_addr().is_ipv4()) && address.known().is_some_and(is_ipv6) {
        tracing::info!("no IPv6 here, listening on IPv4 alone");
    }
    server.map_err(|error| match error {
        BindError::Bind { address, ref source } => match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortInUse { address },
            io::ErrorKind::AddrNotAvailable => ServeError::NotHere { address },
            _ => ServeError::Bind(error),
        },
        error => ServeError::Bind(error),
    })
}

/// Tells whoever waits for it that clients can come now.
fn announce(address: SocketAddr) {
    let mut stdout = io::stdout().lock();
    // If nobody listens there, the server is of use all the same.
    let _ = writeln!(stdout, "listening on {address}").and_then(|()| stdout.flush());
}

/// A server that runs, and what is told of it.
struct Serving {
    server: GodotServer,
    encryption: Encryption,
    log: Log,
    /// Whether to show how the clients do in a table.
    table: bool,
    /// Whether to log it.
    summaries: bool,
    sampler: Sampler,
    journal: Journal,
    calls: Calls,
    turned_away: TurnedAway,
    freed: Freed,
}

impl Serving {
    fn new(arguments: &Arguments, server: GodotServer, encryption: Encryption, log: Log) -> Serving {
        Serving {
            server,
            encryption,
            log,
            table: arguments.has_table(),
            summaries: arguments.status && !arguments.has_table(),
            sampler: Sampler::new(arguments.max_clients),
            journal: Journal::default(),
            calls: Calls::default(),
            turned_away: TurnedAway::new(arguments.max_clients),
            freed: Freed::default(),
        }
    }

    async fn run(mut self, mut signals: Signals) -> Result<ExitCode, ServeError> {
        let mut screen = match self.table {
            true => Some(Screen::open(self.log.clone()).map_err(ServeError::System)?),
            false => None,
        };
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut summaries = interval(LOG_PERIOD);
        summaries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Stop => break,
                    Asked::Reload => self.reload(),
                },
                event = self.server.next_event() => match event {
                    Some(event) => self.report(&event),
                    None => return Err(ServeError::Broken),
                },
                () = self.freed.due() => memory::give_back(),
                () = self.journal.due() => self.journal.sum_up(),
                _ = ticks.tick() => {
                    self.add_up();
                    if let Some(shown) = &screen
                        && !shown.show(self.sampler.sample(&self.server))
                    {
                        // Its window was closed: no reason to leave the clients alone.
                        screen = None;
                        tracing::info!("the terminal is gone, and the table with it");
                    }
                }
                _ = summaries.tick(), if self.summaries => {
                    for line in self.sampler.sample(&self.server).log_lines() {
                        tracing::info!("{line}");
                    }
                }
            }
        }
        drop(screen);
        self.journal.sum_up();
        self.log.sum_up_all();
        Ok(self.stop(&mut signals).await)
    }

    fn report(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::PeerConnected { id } => match self.server.peer(*id) {
                Some(peer) => self.journal.joined(format_args!(
                    "{id} joined from {}, {} channels",
                    peer.address, peer.channels
                )),
                None => self.journal.joined(format_args!("{id} joined")),
            },
            ServerEvent::PeerDisconnected { id, reason } => {
                self.freed.note();
                self.calls.forget(*id);
                self.journal.left(format_args!("{id} left: {reason}"));
            }
            // A relay has no scene of its own.
            ServerEvent::Packet(packet) => {
                if let Some(line) = self.calls.note(packet) {
                    self.journal.called(line);
                }
                tracing::trace!(
                    "{} bytes from {} for the server ignored",
                    packet.data.len(),
                    packet.from
                );
            }
            // Nor has it nodes that could be called.
            _ => {}
        }
    }

    /// Reads the certificate again.
    fn reload(&self) {
        match self.encryption.reload() {
            Ok(()) => tracing::info!("the certificate was read again; those who join from now on see it"),
            Err(error) => tracing::error!(%error, "the certificate stays the former one"),
        }
    }

    /// Tells what has added up in the last second.
    fn add_up(&mut self) {
        self.log.sum_up();
        for line in self.turned_away.news(&self.server.statistics(), Instant::now()) {
            tracing::info!("{line}");
        }
    }

    /// Tells the clients, or ends at once if asked again.
    async fn stop(&self, signals: &mut Signals) -> ExitCode {
        let clients = self.server.statistics().clients;
        tracing::info!("stopping, {clients} clients are told");
        let end = async {
            if timeout(GRACE, self.server.shutdown(0)).await.is_err() {
                self.server.shutdown_now(0).await;
            }
        };
        let mut confirmed = 0;
        let count = async {
            while let Some(event) = self.server.next_event().await {
                confirmed += usize::from(matches!(event, ServerEvent::PeerDisconnected { .. }));
            }
        };
        tokio::select! {
            _ = async { tokio::join!(end, count) } => {
                tracing::info!("stopped, {confirmed} of {clients} clients have confirmed");
                ExitCode::SUCCESS
            }
            () = signals.stop() => ExitCode::from(INTERRUPTED),
        }
    }
}
