//! The process under attack, and what it uses.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::loopback::Loopback;
use crate::victim::{Implementation, Service, Victim};

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

/// A server that was started for the purpose. It ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    victim: Victim,
    pub(crate) target: Loopback,
}

impl Server {
    /// Starts `program`, which is this very program, as a victim.
    pub(crate) fn start(program: &Path, victim: Victim) -> io::Result<Server> {
        victim.check()?;
        let (child, target) = spawn(program, "127.0.0.1:0", victim)?;
        Ok(Server {
            child,
            program: program.to_owned(),
            victim,
            target,
        })
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Kills it without warning and starts it anew on the same port.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        let address = self.target.address().to_string();
        (self.child, self.target) = spawn(&self.program, &address, self.victim)?;
        Ok(())
    }
}

fn spawn(program: &Path, address: &str, victim: Victim) -> io::Result<(Child, Loopback)> {
    let name = match victim.implementation {
        Implementation::Ours => "ours",
        Implementation::C => "c",
    };
    let service = match victim.service {
        Service::Echo => "echo",
        Service::Relay => "relay",
        Service::Game => "game",
    };
    let mut child = Command::new(program)
        .args(["serve", name, address, "--peers", &victim.peers.to_string()])
        .args(["--compression", victim.compression.name(), "--service", service])
        .args(victim.encrypts.then_some("--dtls"))
        .args(victim.memory.map(|bytes| format!("--memory={bytes}")))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    match line.trim().parse() {
        Ok(target) => Ok((child, target)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(io::Error::other(error))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// The memory it holds, in bytes, without what is loaded of the program itself; `None` if it is not there, or this is no Linux.
    pub(crate) fn memory(self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.0)).ok()?;
        let mut pages = text
            .split_whitespace()
            .skip(1)
            .map_while(|field| field.parse::<u64>().ok());
        let (resident, shared) = (pages.next()?, pages.next()?);
        Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
    }

    /// The processor time it has used.
    pub(crate) fn processor_time(self) -> Option<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field of all.
        let (_, fields) = text.rsplit_once(')')?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Some(Duration::from_secs_f64(
            ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        ))
    }
}
