//! What the two ends do. Every workload checks what arrives.

mod chat;
mod fan_out;
mod gather;
mod idle;
mod paced;
mod payload;
mod ping_pong;
mod stream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::figure::{Figure, Figures};
use crate::measure::{Meter, Usage, heap, resident_memory};
use crate::side::{Mode, Options, Side};

/// How long to wait for an event when there is nothing else to do.
const LONG: Duration = Duration::from_millis(200);
/// How long implementations may sleep that do their timers only when called: as a game does at 100 Hz.
const TICK: Duration = Duration::from_millis(10);
/// The same where their timers count.
const FINE_TICK: Duration = Duration::from_millis(1);

/// What is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// The client sends as fast as the server takes it, with so many messages under way at most.
    Stream {
        mode: Mode,
        size: usize,
        count: u64,
        outstanding: u64,
    },
    /// One message there and back, again and again.
    PingPong { size: usize, count: usize },
    /// The server sends a message to every client, waits until all have it, and again.
    FanOut { peers: usize, rounds: usize, size: usize },
    /// Nothing but what the protocol itself does.
    Idle {
        peers: usize,
        channels: usize,
        seconds: f64,
    },
    /// Some of the clients send at a rate, and the server answers each message to its sender.
    Chat {
        peers: usize,
        talkers: usize,
        /// How many hosts, each with its thread, the clients share.
        hosts: usize,
        hertz: f64,
        seconds: f64,
        /// How many seconds all are silent before.
        silence: f64,
        size: usize,
    },
    /// All clients connect at once.
    Storm { peers: usize },
    /// The client sends reliable messages at a rate, and their delay counts.
    Paced { size: usize, hertz: f64, seconds: f64 },
}

/// What the threads of a case share.
pub(crate) struct Stage<'a> {
    pub(crate) case: &'a Case,
    /// The clients are done: the server may go.
    finished: AtomicBool,
    clients_left: AtomicU64,
    /// Set by the server when the connections have come to rest.
    settled: AtomicBool,
    /// What the process held before anything was opened.
    resident_before: u64,
    resident_settled: Mutex<u64>,
}

/// What one thread has to tell.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) usage: Usage,
    /// Messages of the workload that were sent or answered here.
    messages: u64,
    /// Bytes taken from the heap from opening the host until the connections had come to rest.
    heap: i64,
    figures: Figures,
}

impl Workload {
    /// How many client threads there are.
    pub(crate) fn client_hosts(&self) -> usize {
        match self {
            Workload::Chat { hosts, .. } => *hosts,
            _ => 1,
        }
    }

    /// How much a stream carries.
    pub(crate) fn mebibytes(&self) -> Option<f64> {
        match self {
            Workload::Stream { size, count, .. } => Some(*count as f64 * *size as f64 / f64::from(1 << 20)),
            _ => None,
        }
    }

    pub(crate) fn peers(&self) -> usize {
        match self {
            Workload::FanOut { peers, .. }
            | Workload::Idle { peers, .. }
            | Workload::Chat { peers, .. }
            | Workload::Storm { peers } => *peers,
            Workload::Stream { .. } | Workload::PingPong { .. } | Workload::Paced { .. } => 1,
        }
    }

    fn options(&self, case: &Case, listens: bool) -> Options {
        let peers = if listens {
            self.peers()
        } else {
            self.peers().div_ceil(self.client_hosts())
        };
        Options {
            listens,
            peers,
            channels: match self {
                Workload::Idle { channels, .. } => *channels,
                _ => 2,
            },
            tick: if case.network.is_some() { FINE_TICK } else { TICK },
        }
    }

    /// The figures of a run from what its threads have to tell.
    pub(crate) fn figures(&self, server: &Part, clients: &[Part]) -> Figures {
        let parts = || clients.iter().chain([server]);
        let mut values: BTreeMap<Figure, Vec<f64>> = BTreeMap::new();
        for (&figure, &value) in parts().flat_map(|part| &part.figures) {
            values.entry(figure).or_default().push(value);
        }
        let mut figures: Figures = values
            .into_iter()
            .map(|(figure, values)| (figure, figure.combine(&values)))
            .collect();
        let messages = clients
            .iter()
            .map(|part| part.messages)
            .sum::<u64>()
            .max(server.messages);
        if messages > 0 {
            let each = |total: f64| total / messages as f64;
            let allocations: u64 = parts().map(|part| part.usage.allocations).sum();
            let syscalls: Option<u64> = parts().map(|part| part.usage.syscalls).sum();
            figures.insert(Figure::AllocationsPerMessage, each(allocations as f64));
            if let Some(syscalls) = syscalls {
                figures.insert(Figure::SyscallsPerMessage, each(syscalls as f64));
            }
            figures.insert(
                Figure::CpuPerMessage,
                each(parts().map(|part| part.usage.cpu()).sum()) * 1e6,
            );
            figures.insert(Figure::ServerCpuPerMessage, each(server.usage.cpu()) * 1e6);
            if let Workload::Stream { size, .. } = self {
                let mebibyte = each(parts().map(|part| part.usage.cpu()).sum()) * f64::from(1 << 20) / *size as f64;
                figures.insert(Figure::CpuPerMebibyte, mebibyte * 1e3);
            }
        }
        if server.usage.wall > 0.0 {
            figures.insert(Figure::ServerCpu, server.usage.cpu() / server.usage.wall * 1e3);
            if let Some(syscalls) = server.usage.syscalls {
                figures.insert(Figure::ServerSyscalls, syscalls as f64 / server.usage.wall);
            }
        }
        if self.peers() > 1 {
            let each = |bytes: i64| bytes as f64 / self.peers() as f64;
            figures.insert(Figure::HeapPerPeer, each(parts().map(|part| part.heap).sum()));
            figures.insert(Figure::ServerHeapPerPeer, each(server.heap));
        }
        if figures.get(&Figure::PeersLost).is_some_and(|&lost| lost > 0.0) {
            figures.retain(|figure, _| !figure.is_of_time());
        }
        figures
    }
}

impl Stage<'_> {
    pub(crate) fn new(case: &Case) -> Stage<'_> {
        Stage {
            case,
            finished: AtomicBool::new(false),
            clients_left: AtomicU64::new(case.workload.client_hosts() as u64),
            settled: AtomicBool::new(false),
            resident_before: resident_memory(),
            resident_settled: Mutex::new(0),
        }
    }

    /// What one connection costs in resident memory, once the server has seen them settle.
    pub(crate) fn resident_per_peer(&self) -> Option<f64> {
        let settled = *self.resident_settled.lock().expect("no thread panicked");
        let peers = self.case.workload.peers();
        (settled > 0 && peers > 1).then(|| settled.saturating_sub(self.resident_before) as f64 / peers as f64)
    }

    fn meter(&self) -> Meter {
        Meter::start(self.case.thorough)
    }

    fn note_settled(&self) {
        *self.resident_settled.lock().expect("no thread panicked") = resident_memory();
        self.settled.store(true, Ordering::Release);
    }

    fn has_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    /// A client is done; the last one lets the server go.
    fn client_done(&self) {
        if self.clients_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish();
        }
    }
}

/// The server's part. `listening` is told where to reach it.
pub(crate) async fn serve<S: Side>(stage: &Stage<'_>, listening: impl FnOnce(SocketAddr)) -> Part {
    let before = heap();
    let workload = &stage.case.workload;
    let mut side = S::open(&workload.options(stage.case, true)).await;
    listening(side.address());
    match *workload {
        Workload::Stream {
            mode,
            size,
            count,
            outstanding,
        } => stream::receive(&mut side, stage, mode, size, count, outstanding).await,
        Workload::PingPong { size, count } => ping_pong::answer(&mut side, stage, size, count).await,
        Workload::FanOut { peers, rounds, size } => {
            fan_out::spread(&mut side, stage, before, peers, rounds, size).await
        }
        Workload::Idle { peers, seconds, .. } => idle::serve(&mut side, stage, before, peers, seconds).await,
        Workload::Chat {
            peers, silence, size, ..
        } => chat::answer(&mut side, stage, before, peers, silence, size).await,
        Workload::Storm { peers } => gather::weather(&mut side, stage, peers).await,
        Workload::Paced { size, hertz, seconds } => {
            paced::receive(&mut side, stage, size, paced::count(hertz, seconds)).await
        }
    }
}

/// A client thread's part.
pub(crate) async fn join<S: Side>(stage: &Stage<'_>, to: SocketAddr) -> Part {
    let before = heap();
    let workload = &stage.case.workload;
    let options = workload.options(stage.case, false);
    let mut side = S::open(&options).await;
    let part = match *workload {
        Workload::Stream {
            mode,
            size,
            count,
            outstanding,
        } => stream::send(&mut side, stage, to, mode, size, count, outstanding).await,
        Workload::PingPong { size, count } => ping_pong::ask(&mut side, stage, to, size, count).await,
        Workload::FanOut { peers, rounds, size } => {
            fan_out::collect(&mut side, stage, before, to, peers, rounds, size).await
        }
        Workload::Idle { .. } => idle::join(&mut side, stage, before, to, options.peers).await,
        Workload::Chat {
            peers,
            talkers,
            hosts,
            hertz,
            seconds,
            size,
            ..
        } => {
            let talkers = talkers * options.peers / peers;
            // A host that many share goes through all of them whenever it does anything.
            let tick = if hosts > 1 { TICK } else { FINE_TICK };
            let pace = chat::Pace { tick, hertz, seconds };
            chat::talk(&mut side, stage, before, to, (options.peers, talkers), pace, size).await
        }
        Workload::Storm { peers } => gather::storm(&mut side, stage, to, peers).await,
        Workload::Paced { size, hertz, seconds } => {
            paced::send(&mut side, stage, to, size, hertz, paced::count(hertz, seconds)).await
        }
    };
    stage.client_done();
    // Those who go disturb those who are still measured.
    while !stage.is_finished() {
        side.next(LONG / 10).await;
    }
    part
}
