//! `enet serve`: a server for games whose players talk to each other through it.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use enet_tokio::BindError;
use godot_peer::{Compression, GodotServer, ServerEvent, ServerOptions};
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing_subscriber::filter::ParseError;

use crate::address::{AddressError, Listen};
use crate::journal::Journal;
use crate::log;
use crate::memory::{self, Freed};
use crate::screen::Screen;
use crate::signals::Signals;
use crate::status::Sampler;

/// Clients that have nothing to wait for are gone within a round trip; the others are told at the end of it.
const GRACE: Duration = Duration::from_millis(60);

/// How often the table is drawn anew.
const TABLE_PERIOD: Duration = Duration::from_secs(1);

/// How often the figures are logged where there is no terminal.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// What a shell reports of a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs a relay server: Godot 4 projects join it with `create_client`, see each other and call each other's methods.
///
/// Prints "listening on ADDRESS:PORT" when it is ready. Ctrl-C or SIGTERM: the clients are told and it ends with status 0; a
/// second one ends it at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The address to listen on. Without it all interfaces, IPv4 and IPv6.
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    bind: Option<String>,

    /// The UDP port, 7777 by default; 0 takes any that is free.
    #[arg(long)]
    port: Option<u16>,

    /// How many clients may be there at a time; more get no answer. 4095 is what a server in Godot can have at most.
    #[arg(long, value_name = "COUNT", default_value_t = 4095, value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: u32,

    /// How many transfer channels clients may use besides the default one; 0 for all 253.
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=253))]
    max_channels: u8,

    /// What the server can receive, in bytes per second; 0 for unlimited.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    in_bandwidth: u32,

    /// What the server may send, in bytes per second; 0 for unlimited.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    out_bandwidth: u32,

    /// How many clients may come from one IP address. Many can share one behind a router or a mobile network.
    #[arg(long, value_name = "COUNT", default_value_t = 4095, value_parser = clap::value_parser!(u32).range(1..))]
    max_per_address: u32,

    /// How many clients may join in a second; others get in a little later.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_joins: u32,

    /// How much data the server may hold for all clients together, in MiB, before those with most of it are refused more.
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    max_memory: u32,

    /// How datagrams are compressed. Clients must do the same: `peer.host.compress(mode)` in Godot, right after `create_client`.
    #[arg(long, value_name = "KIND", default_value = "none", value_parser = compression())]
    compression: Compression,

    /// Shows a live table of the clients; where standard output is no terminal, logs their figures every 10 seconds.
    #[arg(long)]
    status: bool,

    /// What to log, to standard error: a level, or levels for parts, such as `info,godot_peer=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

/// Why the server did not start, or ended by itself.
#[derive(Debug, Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("\"{0}\" is no log filter: {1}")]
    Filter(String, #[source] ParseError),
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

/// Takes the names of all kinds, and lists them.
fn compression() -> impl TypedValueParser<Value = Compression> {
    let names = Compression::ALL.iter().map(|kind| kind.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Compression>())
}

/// Serves until asked to stop.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, ServeError> {
    let listen = Listen::new(arguments.bind.as_deref(), arguments.port)?;
    let filter_error = |error| ServeError::Filter(arguments.log.clone(), error);
    let lines = if arguments.status && io::stdout().is_terminal() {
        Some(log::to_memory(&arguments.log).map_err(filter_error)?)
    } else {
        log::to_stderr(&arguments.log).map_err(filter_error)?;
        None
    };
    // One thread: what is relayed at a time then leaves in the same datagrams.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::System)?
        .block_on(serve(arguments, listen, lines))
}

async fn serve(arguments: &Arguments, listen: Listen, lines: Option<log::Lines>) -> Result<ExitCode, ServeError> {
    let mut signals = Signals::listen().map_err(ServeError::System)?;
    let server = bind(arguments, listen).await?;
    announce(server.local_addr());

    let mut screen = lines.map(Screen::open).transpose().map_err(ServeError::System)?;
    let mut sampler = Sampler::new();
    let (mut journal, mut freed) = (Journal::default(), Freed::default());
    let mut ticks = interval(if screen.is_some() { TABLE_PERIOD } else { LOG_PERIOD });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = signals.next() => break,
            event = server.next_event() => match event {
                Some(event) => {
                    if matches!(event, ServerEvent::PeerDisconnected { .. }) {
                        freed.note();
                    }
                    report(&server, &event, &mut journal);
                }
                None => return Err(ServeError::Broken),
            },
            () = freed.due() => memory::give_back(),
            () = journal.due() => journal.sum_up(),
            _ = ticks.tick(), if arguments.status => {
                let snapshot = sampler.sample(&server);
                match &mut screen {
                    Some(screen) => screen.draw(&snapshot).map_err(ServeError::System)?,
                    None => snapshot.log(),
                }
            }
        }
    }
    drop(screen);
    journal.sum_up();
    Ok(stop(&server, &mut signals).await)
}

async fn bind(arguments: &Arguments, listen: Listen) -> Result<GodotServer, ServeError> {
    let options = ServerOptions::default()
        .with_max_clients(usize::try_from(arguments.max_clients).unwrap_or(usize::MAX))
        .with_max_channels(arguments.max_channels.into())
        .with_bandwidth(arguments.in_bandwidth, arguments.out_bandwidth)
        .with_compression(arguments.compression)
        .with_endpoint(|endpoint| {
            endpoint.host.duplicate_peers = usize::try_from(arguments.max_per_address).unwrap_or(usize::MAX);
            endpoint.host.max_joins_per_second = arguments.max_joins;
            endpoint.host.max_held_data = (arguments.max_memory as usize).saturating_mul(1024 * 1024);
        });
    let mut result = GodotServer::bind(listen.address, options.clone()).await;
    if let (Err(BindError::Bind { source, .. }), Some(ipv4)) = (&result, listen.ipv4_instead())
        && !matches!(
            source.kind(),
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
        )
    {
        tracing::info!(%source, "no IPv6 here, listening on IPv4 alone");
        result = GodotServer::bind(ipv4, options).await;
    }
    result.map_err(|error| match error {
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

fn report(server: &GodotServer, event: &ServerEvent, journal: &mut Journal) {
    match event {
        ServerEvent::PeerConnected { id } => match server.peer(*id) {
            Some(peer) => journal.joined(format_args!(
                "{id} joined from {}, {} channels",
                peer.address, peer.channels
            )),
            None => journal.joined(format_args!("{id} joined")),
        },
        ServerEvent::PeerDisconnected { id, reason } => journal.left(format_args!("{id} left: {reason}")),
        // A relay has no scene of its own.
        ServerEvent::Packet(packet) => {
            tracing::debug!(
                "{} bytes from {} for the server ignored",
                packet.data.len(),
                packet.from
            );
        }
    }
}

/// Tells the clients, or ends at once if asked again.
async fn stop(server: &GodotServer, signals: &mut Signals) -> ExitCode {
    tracing::info!("stopping");
    let end = async {
        if timeout(GRACE, server.shutdown()).await.is_err() {
            server.shutdown_now().await;
        }
    };
    tokio::select! {
        () = end => ExitCode::SUCCESS,
        () = signals.next() => ExitCode::from(INTERRUPTED),
    }
}
