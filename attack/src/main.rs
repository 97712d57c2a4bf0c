//! The `attack` command.

use std::process::ExitCode;

use attack::{Attack, Compression, Implementation, Loopback, Scale, Service, Subject, Victim, run, serve, table};
use clap::{Parser, Subcommand, ValueEnum};

/// Attacks ENet servers on this machine, and measures what healthy peers notice of it.
///
/// Nothing is sent to an address that is not loopback, and every attack is bounded in time and count.
#[derive(Debug, Parser)]
#[command(name = "attack", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs attacks and prints a table of what came of them, in Markdown. Ends with status 1 if a server other than that of the C
    /// library has missed a target.
    Run(Run),
    /// Serves as a victim.
    Serve {
        /// Whose protocol it runs.
        implementation: Implementation,
        /// Where it listens: a loopback address.
        #[arg(default_value = "127.0.0.1:0")]
        address: Loopback,
        /// How many peers it has room for; a C server has room for 4095 at most.
        #[arg(long, default_value_t = 4095)]
        peers: usize,
        /// How datagrams are compressed; a C server knows none and range-coder.
        #[arg(long, default_value = "none")]
        compression: Compression,
        /// What it does with what it gets.
        #[arg(long, value_enum, default_value_t)]
        service: Service,
        /// Encrypts by DTLS, with a certificate for tests; a C server does not.
        #[arg(long)]
        dtls: bool,
        /// What it may hold for all peers together, in bytes; a C server knows no such limit.
        #[arg(long)]
        memory: Option<usize>,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Which attacks; all, if none is named.
    attacks: Vec<Attack>,

    /// Which servers to start and attack.
    #[arg(long, value_enum, default_value_t = Servers::Both, conflicts_with = "target")]
    server: Servers,

    /// A server that runs already, on a loopback address. Attacks that need one that sends back what it gets, or one that passes it on
    /// from client to client, are left out if it does not; `enet serve` is one of the latter.
    #[arg(long, value_name = "ADDRESS:PORT")]
    target: Option<Loopback>,

    /// The process id of that server, to measure what it uses.
    #[arg(long, requires = "target")]
    pid: Option<u32>,

    /// How much of each attack, from 0.01 to 1.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Servers {
    Ours,
    C,
    Both,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => return attack(arguments),
        Command::Serve {
            implementation,
            address,
            peers,
            compression,
            service,
            dtls,
            memory,
        } => serve(
            address,
            Victim {
                implementation,
                service,
                peers,
                compression,
                encrypts: dtls,
                memory,
            },
        ),
    }
    .map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &std::io::Error) -> ExitCode {
    eprintln!("attack: {error}");
    ExitCode::FAILURE
}

fn attack(arguments: Run) -> ExitCode {
    let attacks = if arguments.attacks.is_empty() {
        Attack::value_variants().to_vec()
    } else {
        arguments.attacks
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(&error),
    };
    let started = |implementation| Subject::Started {
        program: program.clone(),
        implementation,
    };
    let subjects = match (arguments.target, arguments.server) {
        (Some(target), _) => vec![Subject::Running {
            target,
            process: arguments.pid,
        }],
        (None, Servers::Ours) => vec![started(Implementation::Ours)],
        (None, Servers::C) => vec![started(Implementation::C)],
        (None, Servers::Both) => vec![started(Implementation::Ours), started(Implementation::C)],
    };
    let mut reports = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for attack in attacks {
        for subject in &subjects {
            match run(subject, attack, Scale::new(arguments.scale)) {
                Ok(report) => {
                    eprintln!("{}: {}: {}", report.attack, report.server, report.achieved);
                    if subject.is_to_stand() && report.missed().next().is_some() {
                        code = ExitCode::FAILURE;
                    }
                    reports.push(report);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                    eprintln!("{}: left out: {error}", attack.name());
                }
                Err(error) => {
                    eprintln!("{}: {subject:?}: {error}", attack.name());
                    code = ExitCode::FAILURE;
                }
            }
        }
    }
    print!("{}", table(&reports));
    code
}
