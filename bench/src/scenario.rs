//! The scenarios, as data.

use std::time::Duration;

use enet_proto::wire::MAXIMUM_WINDOW;

use crate::case::{Implementation, Network, Pair};
use crate::figure::Figure;
use crate::side::Mode;
use crate::workload::Workload;

/// Something to measure with several implementations.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) workload: Workload,
    pub(crate) network: Option<Network>,
    pub(crate) pairs: Vec<Pair>,
    /// What to show, the most telling first.
    pub(crate) shows: Vec<Figure>,
    /// A run that takes longer is ended: it did not finish.
    pub(crate) limit: Duration,
    /// The line of a chart it is a point of, and where.
    pub(crate) point: Option<(Curve, f64)>,
}

/// A chart of cost against something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Curve {
    Peers,
    InFlight,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// About ten minutes.
    Short,
    /// As much as it takes.
    Full,
}

const OURS: Pair = Pair::both(Implementation::Ours);
const C: Pair = Pair::both(Implementation::C);
const DTLS: Pair = Pair::both(Implementation::OursDtls);
const BARE: Pair = Pair::both(Implementation::Bare);
/// Every server of ENet, with the same clients.
const SERVERS: &[Pair] = &[
    Pair::serving(Implementation::C),
    Pair::serving(Implementation::Ours),
    Pair::serving(Implementation::Bare),
    Pair::serving(Implementation::RustyEnet),
    Pair::serving(Implementation::TokioEnet),
];
const OURS_TO_C: Pair = Pair {
    client: Implementation::Ours,
    server: Implementation::C,
};
const C_TO_OURS: Pair = Pair {
    client: Implementation::C,
    server: Implementation::Ours,
};
const KIB: usize = 1024;
const SMALL: usize = 64;
/// So many messages may be sent and not yet received.
const STREAM_OUTSTANDING: u64 = 4096;

impl Scenario {
    fn new(id: impl Into<String>, title: impl Into<String>, workload: Workload) -> Scenario {
        Scenario {
            id: id.into(),
            title: title.into(),
            workload,
            network: None,
            pairs: vec![C, OURS, BARE],
            shows: Vec::new(),
            limit: Duration::from_secs(30),
            point: None,
        }
    }

    /// What one pair does. Bulk over a bad network is as much more as its window is larger, so that it takes as long for all: in a
    /// short time beginning and end would count, a round trip each.
    pub(crate) fn workload_of(&self, pair: Pair) -> Workload {
        let mut workload = self.workload.clone();
        if let (Some(_), Workload::Stream { count, .. }) = (self.network, &mut workload) {
            *count *= u64::from((pair.window() / MAXIMUM_WINDOW).max(1));
        }
        workload
    }

    fn shows(mut self, figures: &[Figure]) -> Scenario {
        self.shows = figures.to_vec();
        self
    }

    fn pairs(mut self, pairs: &[Pair]) -> Scenario {
        self.pairs = pairs.to_vec();
        self
    }

    fn and(mut self, pairs: &[Pair]) -> Scenario {
        self.pairs.extend_from_slice(pairs);
        self
    }

    fn and_others(self) -> Scenario {
        self.and(&[
            Pair::both(Implementation::RustyEnet),
            Pair::both(Implementation::TokioEnet),
            Pair::both(Implementation::Quinn),
        ])
    }

    fn over(mut self, loss: f64, round_trip: u64) -> Scenario {
        self.network = Some(Network { loss, round_trip });
        self
    }

    fn within(mut self, seconds: u64) -> Scenario {
        self.limit = Duration::from_secs(seconds);
        self
    }

    fn point(mut self, curve: Curve, at: usize) -> Scenario {
        self.point = Some((curve, at as f64));
        self
    }
}

/// All scenarios, in the order they are run.
pub(crate) fn scenarios(effort: Effort) -> Vec<Scenario> {
    let full = effort == Effort::Full;
    let mut scenarios = vec![
        small(Mode::Reliable, if full { 2_000_000 } else { 500_000 })
            .and(&[DTLS])
            .and_others(),
        small(Mode::Unreliable, if full { 2_000_000 } else { 500_000 }).and_others(),
        bulk(if full { 256 } else { 64 })
            .and(&[OURS_TO_C, C_TO_OURS, DTLS])
            .and_others(),
        datagrams(if full { 2_000_000 } else { 500_000 }),
        ping_pong(if full { 40_000 } else { 10_000 }).and(&[DTLS]).and_others(),
    ];
    let in_flight: &[usize] = if full {
        &[1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536]
    } else {
        &[]
    };
    scenarios.extend(in_flight.iter().map(|&outstanding| in_flight_of(outstanding)));
    let fan_outs: &[(usize, usize)] = match effort {
        Effort::Short => &[(100, 200), (1000, 20)],
        Effort::Full => &[
            (10, 4000),
            (30, 1500),
            (100, 1000),
            (300, 300),
            (1000, 100),
            (4000, 100),
        ],
    };
    scenarios.extend(fan_outs.iter().map(|&(peers, rounds)| fan_out(peers, rounds)));
    for peers in if full { vec![1000, 4000] } else { vec![1000] } {
        scenarios.push(idle(peers, if full { 10.0 } else { 2.0 }));
    }
    scenarios.push(idle_with_dtls(1000, if full { 10.0 } else { 2.0 }));
    for channels in [2, 255] {
        scenarios.push(memory(1000, channels));
    }
    scenarios.push(few_among_many(
        if full { 4000 } else { 1000 },
        if full { 5.0 } else { 2.0 },
    ));
    for &loss in if full { &[0, 2, 5][..] } else { &[5] } {
        // The others take very long for it.
        let bulk = lossy_bulk(loss, if full { 24 } else { 6 });
        scenarios.push(if full && loss > 0 { bulk.and_others() } else { bulk });
        if loss > 0 {
            scenarios.push(lossy_small(loss, if full { 10.0 } else { 4.0 }));
        }
    }
    scenarios.push(storm(if full { 4000 } else { 1000 }));
    if full {
        scenarios.push(many_stock_clients(10_000, 8.0));
    }
    scenarios
}

fn small(mode: Mode, count: u64) -> Scenario {
    let workload = Workload::Stream {
        mode,
        size: SMALL,
        count,
        outstanding: if mode == Mode::Reliable {
            STREAM_OUTSTANDING
        } else {
            512
        },
    };
    let name = mode.name();
    let mut shows = vec![
        Figure::MessagesPerSecond,
        Figure::CpuPerMessage,
        Figure::SyscallsPerMessage,
        Figure::AllocationsPerMessage,
        Figure::PeakMemory,
    ];
    if mode == Mode::Unreliable {
        shows.push(Figure::Delivered);
    }
    Scenario::new(
        format!("small-{name}"),
        format!("Small {name} messages: {SMALL} B, one way"),
        workload,
    )
    .shows(&shows)
}

fn bulk(mebibytes: u64) -> Scenario {
    let workload = Workload::Stream {
        mode: Mode::Reliable,
        size: KIB * KIB,
        count: mebibytes,
        outstanding: 16,
    };
    Scenario::new("bulk", format!("Bulk: {mebibytes} × 1 MiB, reliable"), workload).shows(&[
        Figure::MebibytesPerSecond,
        Figure::CpuPerMebibyte,
        Figure::SyscallsPerMessage,
        Figure::AllocationsPerMessage,
        Figure::PeakMemory,
    ])
}

/// The limit that the machine sets: what bulk is when nothing but the kernel has anything to do.
fn datagrams(count: u64) -> Scenario {
    let size = usize::from(enet_proto::wire::DEFAULT_MTU);
    let workload = Workload::Stream {
        mode: Mode::Unreliable,
        size,
        count,
        outstanding: 1024,
    };
    let title = format!("The limit: {count} bare datagrams of {size} B");
    Scenario::new("udp", title, workload)
        .pairs(&[
            Pair::both(Implementation::Udp),
            Pair {
                client: Implementation::UdpOffload,
                server: Implementation::Udp,
            },
            Pair::both(Implementation::UdpOffload),
        ])
        .shows(&[
            Figure::MebibytesPerSecond,
            Figure::CpuPerMebibyte,
            Figure::SyscallsPerMessage,
            Figure::Delivered,
        ])
}

fn ping_pong(count: usize) -> Scenario {
    Scenario::new(
        "ping-pong",
        format!("Ping-pong: {SMALL} B, reliable, one at a time"),
        Workload::PingPong { size: SMALL, count },
    )
    .shows(&[
        Figure::Median,
        Figure::Percentile99,
        Figure::Percentile999,
        Figure::CpuPerRoundTrip,
        Figure::SyscallsPerMessage,
        Figure::AllocationsPerMessage,
        Figure::PeakMemory,
    ])
}

fn fan_out(peers: usize, rounds: usize) -> Scenario {
    let workload = Workload::FanOut {
        peers,
        rounds,
        size: SMALL,
    };
    Scenario::new(
        format!("fan-out-{peers}"),
        format!("Fan-out: {SMALL} B, reliable, to {peers} peers, {rounds} rounds"),
        workload,
    )
    .pairs(SERVERS)
    .shows(&[
        Figure::ServerCpuPerMessage,
        Figure::TimePerRound,
        Figure::SyscallsPerMessage,
        Figure::AllocationsPerMessage,
        Figure::PeakMemory,
    ])
    .within(if peers > 1000 { 60 } else { 30 })
    .point(Curve::Peers, peers)
}

fn idle(peers: usize, seconds: f64) -> Scenario {
    let workload = Workload::Idle {
        peers,
        channels: 2,
        seconds,
    };
    Scenario::new(
        format!("idle-{peers}"),
        format!("Idle: {peers} peers, for {seconds} s"),
        workload,
    )
    .pairs(SERVERS)
    .shows(&[
        Figure::ServerCpu,
        Figure::ServerSyscalls,
        Figure::ServerHeapPerPeer,
        Figure::PeakMemory,
        Figure::PeersLost,
    ])
    .within(60)
}

/// The clients are of enet-tokio, with DTLS where the server has it.
fn idle_with_dtls(peers: usize, seconds: f64) -> Scenario {
    let pairs = [
        Pair {
            client: Implementation::Crowd,
            server: Implementation::Ours,
        },
        Pair {
            client: Implementation::CrowdDtls,
            server: Implementation::OursDtls,
        },
        Pair::both(Implementation::Quinn),
    ];
    let idle = idle(peers, seconds).pairs(&pairs);
    Scenario {
        id: format!("dtls-idle-{peers}"),
        title: format!("{}, each with a socket, with DTLS and without", idle.title),
        ..idle
    }
}

fn memory(peers: usize, channels: usize) -> Scenario {
    let workload = Workload::Idle {
        peers,
        channels,
        seconds: 1.0,
    };
    Scenario::new(
        format!("memory-{peers}-{channels}"),
        format!("Memory of {peers} idle peers with {channels} channels"),
        workload,
    )
    .shows(&[
        Figure::HeapPerPeer,
        Figure::ServerHeapPerPeer,
        Figure::ResidentPerPeer,
        Figure::PeakMemory,
    ])
    .within(60)
}

fn few_among_many(peers: usize, seconds: f64) -> Scenario {
    let workload = Workload::Chat {
        peers,
        talkers: 100,
        hosts: 1,
        hertz: 60.0,
        seconds,
        silence: 0.0,
        size: SMALL,
    };
    Scenario::new(
        format!("few-among-{peers}"),
        format!("Few among many: 100 of {peers} peers talk at 60 Hz and are answered"),
        workload,
    )
    .pairs(SERVERS)
    .shows(&[
        Figure::ServerCpuPerMessage,
        Figure::ServerCpu,
        Figure::SyscallsPerMessage,
        Figure::AllocationsPerMessage,
        Figure::ServerHeapPerPeer,
        Figure::PeakMemory,
        Figure::Delivered,
        Figure::PeersLost,
    ])
    .within(60)
}

fn many_stock_clients(peers: usize, seconds: f64) -> Scenario {
    let ours = Pair {
        client: Implementation::C,
        server: Implementation::Ours,
    };
    let workload = Workload::Chat {
        peers,
        // The C side alone takes some 40 µs for a message: with all of them talking it would need more than two cores.
        talkers: peers / 4,
        hosts: 4,
        hertz: 5.0,
        seconds,
        silence: 5.0,
        size: SMALL,
    };
    Scenario::new(
        format!("many-{peers}"),
        format!("{peers} C ENet clients on one port of ours: silent, then a quarter talk at 5 Hz and are answered"),
        workload,
    )
    .pairs(&[ours])
    .shows(&[
        Figure::JoinTime,
        Figure::IdleServerCpu,
        Figure::ServerCpu,
        Figure::ServerCpuPerMessage,
        Figure::ServerHeapPerPeer,
        Figure::ResidentPerPeer,
        Figure::PeakMemory,
        Figure::Delivered,
        Figure::PeersLost,
    ])
    .within(120)
}

fn lossy_bulk(percent: u32, mebibytes: u64) -> Scenario {
    let workload = Workload::Stream {
        mode: Mode::Reliable,
        size: 16 * KIB,
        count: mebibytes * 64,
        // 16 times the largest window: while a datagram that is lost three times holds up what the program sees, there is still something
        // to send.
        outstanding: 256,
    };
    Scenario::new(
        format!("loss-{percent}-bulk"),
        format!("Bulk of {mebibytes} MiB for each 64 KiB of window, {percent} % loss each way, 40 ms round trip"),
        workload,
    )
    .shows(&[
        Figure::ShareOfMeasuredLimit,
        Figure::ShareOfLimit,
        Figure::RoundTrip,
        Figure::MebibytesPerSecond,
        Figure::SyscallsPerMessage,
        Figure::AllocationsPerMessage,
        Figure::PeakMemory,
    ])
    .over(f64::from(percent) / 100.0, 40)
    .and(&[OURS_TO_C])
    .within(60)
}

fn lossy_small(percent: u32, seconds: f64) -> Scenario {
    let workload = Workload::Paced {
        size: SMALL,
        hertz: 100.0,
        seconds,
    };
    Scenario::new(
        format!("loss-{percent}-small"),
        format!("Small reliable messages at 100 Hz, {percent} % loss each way, 40 ms round trip"),
        workload,
    )
    .shows(&[
        Figure::Percentile99,
        Figure::Median,
        Figure::Percentile999,
        Figure::RoundTrip,
    ])
    .over(f64::from(percent) / 100.0, 40)
    .and(&[OURS_TO_C])
    .and_others()
    .within(60)
}

fn storm(peers: usize) -> Scenario {
    Scenario::new(
        format!("storm-{peers}"),
        format!("Connect storm: {peers} at once"),
        Workload::Storm { peers },
    )
    .pairs(SERVERS)
    .shows(&[Figure::JoinTime, Figure::CpuPerJoin, Figure::PeakMemory])
    .within(60)
}

fn in_flight_of(outstanding: usize) -> Scenario {
    let workload = Workload::Stream {
        mode: Mode::Reliable,
        size: SMALL,
        count: (outstanding as u64 * 2000).clamp(20_000, 1_000_000),
        outstanding: outstanding as u64,
    };
    Scenario::new(
        format!("in-flight-{outstanding}"),
        format!("Small reliable messages, {outstanding} outstanding"),
        workload,
    )
    .pairs(&[C, OURS])
    .shows(&[Figure::CpuPerMessage, Figure::MessagesPerSecond])
    .point(Curve::InFlight, outstanding)
}
