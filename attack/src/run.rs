//! One attack from beginning to end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::attacks::{Attack, Context};
use crate::common;
use crate::healthy::{Healthy, Latency, Speech};
use crate::joining;
use crate::loopback::Loopback;
use crate::report::Report;
use crate::server::{Process, Server};
use crate::sockets;
use crate::victim::{Implementation, Service};

/// What is attacked.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A server of this kind, which `program serve` starts.
    Started {
        /// The path of this very program.
        program: PathBuf,
        /// The kind of server.
        implementation: Implementation,
    },
    /// A server that runs already, and its process if that is known.
    Running {
        /// Where it is.
        target: Loopback,
        /// Its process id.
        process: Option<u32>,
    },
}

impl Subject {
    /// Whether it has to keep to the targets, which the C library does not.
    #[must_use]
    pub fn is_to_stand(&self) -> bool {
        !matches!(
            self,
            Subject::Started {
                implementation: Implementation::C,
                ..
            }
        )
    }
}

/// How much of an attack there is, from 0.0 to 1.0 for the whole of it.
#[derive(Clone, Copy, Debug)]
pub struct Scale(f64);

impl Scale {
    /// The whole attack.
    pub const WHOLE: Scale = Scale(1.0);

    /// A part of it; values out of range are brought to the nearer end.
    #[must_use]
    pub fn new(part: f64) -> Scale {
        Scale(part.clamp(0.01, 1.0))
    }

    /// Whether it is all of it.
    pub(crate) fn is_whole(self) -> bool {
        self.0 >= 1.0
    }

    pub(crate) fn seconds(self, whole: u64) -> Duration {
        Duration::from_secs(whole).mul_f64(self.0)
    }

    pub(crate) fn count(self, whole: usize) -> usize {
        ((whole as f64 * self.0) as usize).max(1)
    }
}

/// How long the healthy are watched before.
const QUIET: u64 = 4;

/// How long the last messages may be on their way.
const SETTLING: Duration = Duration::from_secs(1);

/// For how long at least the healthy are watched, however soon an attack is over: some of their messages must fall into it.
const WATCHED: Duration = Duration::from_millis(500);

/// Attacks a server and tells what came of it.
///
/// # Errors
/// If the server cannot be started or the healthy or the attackers cannot join.
pub fn run(subject: &Subject, attack: Attack, scale: Scale) -> io::Result<Report> {
    sockets::allow_many();
    let scenario = attack.scenario();
    let mut started = None;
    let (target, process, name) = match subject {
        Subject::Started {
            program,
            implementation,
        } => {
            let server = started.insert(Server::start(program, scenario.victim(*implementation))?);
            let name = match (implementation, scenario.service) {
                (Implementation::Ours, Service::Echo) => "ours",
                (Implementation::Ours, Service::Relay) => "ours, relay",
                (Implementation::Ours, Service::Game) => "ours, game",
                (Implementation::C, _) => "C ENet",
            };
            (server.target, Some(server.process()), name.to_owned())
        }
        Subject::Running { target, process } => (*target, process.map(Process), target.address().to_string()),
    };
    if scenario.restarts {
        let mut context = Context {
            target,
            process,
            scale,
            server: started.as_mut(),
            speech: Speech::Echo,
            memory_before: None,
            began: None,
        };
        let outcome = scenario.run(&mut context)?;
        return Ok(Report {
            attack: scenario.name,
            server: name,
            achieved: outcome.text,
            targets: outcome.targets,
            ..Report::default()
        });
    }

    let link = scenario.link();
    let healthy = Healthy::join(target, link)?;
    // What a server needs for the first time is not what an attack makes it keep.
    if joining::join(target, link, Duration::from_secs(3)).is_none() {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "a client cannot join, even before the attack",
        ));
    }
    let quiet_from = Instant::now();
    thread::sleep(scale.seconds(QUIET).max(Duration::from_secs(1)));
    let from = Instant::now();
    let quiet = healthy.latency(quiet_from, from - Duration::from_millis(200));

    let memory_before = process.and_then(Process::memory);
    let processor_before = process.and_then(Process::processor_time);
    let watch = process.map(Watch::start);
    let joiner = thread::spawn(move || {
        thread::sleep(scenario.duration(scale) / 3);
        joining::join(target, link, Duration::from_secs(3))
    });
    let mut context = Context {
        target,
        process,
        scale,
        server: None,
        speech: healthy.speech,
        memory_before,
        began: None,
    };
    let outcome = scenario.run(&mut context)?;
    let began = context.began.unwrap_or(from);
    let to = Instant::now();
    let processor = process
        .and_then(Process::processor_time)
        .zip(processor_before)
        .map(|(after, before)| after.saturating_sub(before).as_secs_f64() / (to - from).as_secs_f64());
    let joined_after = joining::join(target, link, Duration::from_secs(30));
    let joined_during = joiner.join().unwrap_or_default();
    let during = settled(&healthy, began, to.max(began + WATCHED));
    let most = watch.map(Watch::stop);
    let memory_after = process.and_then(Process::memory);
    let mut report = Report {
        attack: scenario.name,
        server: name,
        achieved: outcome.text,
        targets: outcome.targets,
        quiet,
        during,
        lost: healthy.lost(),
        joined_during,
        joined_after,
        processor,
        memory: memory_before
            .zip(most)
            .zip(memory_after)
            .map(|((before, most), after)| [before, most.max(before), after]),
    };
    let common = common::targets(&scenario, &report);
    report.targets.extend(common);
    Ok(report)
}

/// How the messages fared, once all have been sent and none is on its way any more.
fn settled(healthy: &Healthy, from: Instant, to: Instant) -> Latency {
    let end = Instant::now() + SETTLING;
    loop {
        let latency = healthy.latency(from, to);
        let now = Instant::now();
        if now > to && latency.unanswered == 0 || now > end {
            return latency;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Watches how much memory a process takes at most.
#[derive(Debug)]
struct Watch {
    stop: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Watch {
    fn start(process: Process) -> Watch {
        let (stop, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = thread::spawn({
            let (stop, most) = (stop.clone(), most.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(process.memory().unwrap_or(0), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        Watch { stop, most, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.most.load(Ordering::Relaxed)
    }
}
