//! The options of `enet serve`.

use std::io::{self, IsTerminal};
#[cfg(feature = "dtls")]
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use godot_peer::{Compression, ServerOptions};

use crate::machine;
use crate::size;

/// Nobody has less to offer a client: the smallest window that ENet agrees on, once a second.
const LEAST_BANDWIDTH: u32 = 4096;

/// Runs a relay for games made with Godot 4: they join it with `create_client`, see each other and call each other's methods.
///
/// It runs no scripts and no scenes: one of the clients has to be the authority of what belongs to nobody else, as the README
/// shows.
///
/// Prints "listening on ADDRESS:PORT" when it is ready. Ctrl-C, SIGTERM or SIGHUP: the clients are told and it ends with status 0; a
/// second one ends it at once.
///
/// SIZE is a number of bytes, or one with K, M or G behind it: 512K, 10M.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen: an IP address or a host name of this machine. Without it all interfaces, IPv4 and IPv6.
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    pub(crate) bind: Option<String>,

    /// The UDP port, 7777 by default; 0 takes any that is free.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) port: Option<u16>,

    /// How many clients may be there at a time; more get no answer. 4095 is what a server in Godot can have at most.
    #[arg(long, value_name = "COUNT", default_value_t = 4095, value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    pub(crate) max_clients: u32,

    /// How many transfer channels clients may use besides the default one; 0 for all 253.
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=253), allow_negative_numbers = true)]
    max_channels: u8,

    /// What the server can receive in a second; 0 for unlimited.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size::bandwidth, allow_negative_numbers = true)]
    in_bandwidth: u32,

    /// What the server may send in a second; 0 for unlimited.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size::bandwidth, allow_negative_numbers = true)]
    out_bandwidth: u32,

    /// How many clients may come from one IP address. Many can share one behind a router or a mobile network.
    #[arg(long, value_name = "COUNT", default_value_t = 4095, value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    max_per_address: u32,

    /// How many clients may join in a second; others get in a little later.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    max_joins: u32,

    /// How much data the server may hold for all clients together before those with most of it are refused more. A number
    /// without a unit is of MiB.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size::memory, allow_negative_numbers = true)]
    max_memory: usize,

    /// How much may wait for one client. A client is slowed down when a quarter of it is held for it; one that takes less than a
    /// sixteenth of it in a minute, while more waits, is disconnected. A number without a unit is of MiB.
    #[arg(long, value_name = "SIZE", default_value = "32M", value_parser = size::memory, allow_negative_numbers = true)]
    max_queue: usize,

    /// How datagrams are compressed. Clients must do the same: `peer.host.compress(mode)` in Godot, right after `create_client`.
    #[arg(long, value_name = "KIND", default_value = "none", value_parser = compression())]
    compression: Compression,

    /// Encrypts by DTLS, with the certificates in this file: PEM, the server's own first. Clients call
    /// `peer.host.dtls_client_setup(name, options)` in Godot, right after `create_client`. SIGHUP has the files read again, for
    /// those who join from then on; it is no stop then.
    #[cfg(feature = "dtls")]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of the certificate: PEM, without a passphrase.
    #[cfg(feature = "dtls")]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Shows a live table of the clients; where standard output is no terminal, logs a summary every 10 seconds.
    ///
    /// Of the server: what it receives and sends in a second, the packets it has passed on ("relayed"), the datagrams that were
    /// bad, stray or forged ("dropped"), what a limit has refused ("limited"). Of each client: the round trip time, the share of
    /// reliable packets that had to be sent again, what comes from it ("in") and goes to it ("out"), its ENet channels.
    #[arg(long)]
    pub(crate) status: bool,

    /// What to log, to standard error: a level, or levels for parts, such as `info,godot_peer=debug`. Without it what `RUST_LOG`
    /// in the environment says, else `info`. At most 100 records a second of a kind are written.
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// Takes the names of all kinds, and lists them.
fn compression() -> impl TypedValueParser<Value = Compression> {
    let names = Compression::ALL.iter().map(|kind| kind.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Compression>())
}

impl Arguments {
    /// The settings of the server.
    pub(crate) fn options(&self) -> ServerOptions {
        ServerOptions::default()
            .with_max_clients(self.max_clients as usize)
            .with_max_channels(self.max_channels.into())
            .with_bandwidth(self.in_bandwidth, self.out_bandwidth)
            .with_compression(self.compression)
            .with_max_queue(self.max_queue)
            .with_endpoint(|endpoint| {
                endpoint.host.duplicate_peers = self.max_per_address as usize;
                endpoint.host.max_joins_per_second = self.max_joins;
                endpoint.host.max_held_data = self.max_memory;
            })
    }

    /// Whether there is to be a table, on a terminal.
    pub(crate) fn has_table(&self) -> bool {
        self.status && io::stdout().is_terminal()
    }

    /// What can be meant, but hardly is.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        for (option, bandwidth) in [
            ("--in-bandwidth", self.in_bandwidth),
            ("--out-bandwidth", self.out_bandwidth),
        ] {
            if (1..LEAST_BANDWIDTH).contains(&bandwidth) {
                doubts.push(format!(
                    "{option} {bandwidth} is in bytes per second and for all clients together: not enough for a single one"
                ));
            }
        }
        if let Some(all) = machine::memory().filter(|&all| self.max_memory > all) {
            doubts.push(format!(
                "--max-memory {} is more than this machine has, which is {}",
                size::shown(self.max_memory),
                size::shown(all)
            ));
        }
        doubts
    }
}
