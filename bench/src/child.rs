//! One measurement: the server and its clients on threads of their own.

use std::net::SocketAddr;
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use netem::Conditions;
use tokio::runtime::{Builder, Runtime};

use crate::case::{Case, Implementation, Network};
use crate::figure::{Figure, Figures};
use crate::measure::peak_memory;
use crate::network::{Probe, Relay};
use crate::side::bare::Bare;
use crate::side::c::C;
use crate::side::crowd::Crowd;
use crate::side::encrypted::Encrypted;
use crate::side::quinn::Quinn;
use crate::side::rusty::Rusty;
use crate::side::swarm::Swarm;
use crate::side::tokio::Tokio;
use crate::side::tokio_enet::TokioEnet;
use crate::side::udp::Udp;
use crate::workload::{Part, Stage, join, serve};

/// Runs the case and tells what was measured. Whatever goes wrong ends the process.
pub(crate) fn run(case: &Case) -> Figures {
    exit_on_panic();
    let stage = Stage::new(case);
    let (server, clients, round_trip) = thread::scope(|scope| {
        let (tell, listening) = mpsc::channel();
        let server = scope.spawn(|| {
            run_server(case.pair.server, &stage, move |address| {
                tell.send(address).expect("the main thread waits");
            })
        });
        let address = listening.recv().expect("the server listens");
        let path = case.network.map(|network| Path::open(network, case.seed, address));
        let to = path.as_ref().map_or(address, |path| path.relay.addresses()[0]);
        let clients: Vec<_> = (0..case.workload.client_hosts())
            .map(|_| {
                let stage = &stage;
                scope.spawn(move || run_client(case.pair.client, stage, to))
            })
            .collect();
        let clients: Vec<Part> = clients
            .into_iter()
            .map(|client| client.join().expect("a panic ends the process"))
            .collect();
        let round_trip = path.and_then(|path| path.probe.stop());
        (server.join().expect("a panic ends the process"), clients, round_trip)
    });
    let mut figures = case.workload.figures(&server, &clients);
    if let Some(resident) = stage.resident_per_peer() {
        figures.insert(Figure::ResidentPerPeer, resident);
    }
    if let (Some(network), Some(round_trip)) = (case.network, round_trip) {
        figures.insert(Figure::RoundTrip, round_trip);
        if let Some(&share) = figures.get(&Figure::ShareOfLimit) {
            let share = share * round_trip / network.round_trip as f64;
            figures.insert(Figure::ShareOfMeasuredLimit, share);
        }
    }
    figures.insert(Figure::PeakMemory, peak_memory() as f64 / f64::from(1 << 20));
    figures
}

/// The bad network, and bare datagrams that take the same time through it and are not lost.
struct Path {
    relay: Relay,
    probe: Probe,
}

impl Path {
    fn open(network: Network, seed: u64, server: SocketAddr) -> Path {
        let mut probe = Probe::new();
        let delayed = Conditions::default().delay(Duration::from_millis(network.round_trip) / 2);
        let routes = [(server, delayed.clone().loss(network.loss)), (probe.echo(), delayed)];
        let relay = Relay::start(seed, &routes);
        probe.start(relay.addresses()[1]);
        Path { relay, probe }
    }
}

fn run_server(implementation: Implementation, stage: &Stage<'_>, listening: impl FnOnce(SocketAddr)) -> Part {
    let runtime = runtime();
    match implementation {
        Implementation::C => runtime.block_on(serve::<C>(stage, listening)),
        Implementation::Ours => runtime.block_on(serve::<Tokio>(stage, listening)),
        Implementation::OursDtls => runtime.block_on(serve::<Encrypted>(stage, listening)),
        Implementation::Bare => runtime.block_on(serve::<Bare>(stage, listening)),
        Implementation::RustyEnet => runtime.block_on(serve::<Rusty>(stage, listening)),
        Implementation::TokioEnet => runtime.block_on(serve::<TokioEnet>(stage, listening)),
        Implementation::Quinn => runtime.block_on(serve::<Quinn>(stage, listening)),
        Implementation::Udp => runtime.block_on(serve::<Udp<false>>(stage, listening)),
        Implementation::UdpOffload => runtime.block_on(serve::<Udp<true>>(stage, listening)),
        Implementation::Swarm => runtime.block_on(serve::<Swarm>(stage, listening)),
        Implementation::Crowd => runtime.block_on(serve::<Crowd<false>>(stage, listening)),
        Implementation::CrowdDtls => runtime.block_on(serve::<Crowd<true>>(stage, listening)),
    }
}

fn run_client(implementation: Implementation, stage: &Stage<'_>, to: SocketAddr) -> Part {
    let runtime = runtime();
    match implementation {
        Implementation::C => runtime.block_on(join::<C>(stage, to)),
        Implementation::Ours => runtime.block_on(join::<Tokio>(stage, to)),
        Implementation::OursDtls => runtime.block_on(join::<Encrypted>(stage, to)),
        Implementation::Bare => runtime.block_on(join::<Bare>(stage, to)),
        Implementation::RustyEnet => runtime.block_on(join::<Rusty>(stage, to)),
        Implementation::TokioEnet => runtime.block_on(join::<TokioEnet>(stage, to)),
        Implementation::Quinn => runtime.block_on(join::<Quinn>(stage, to)),
        Implementation::Udp => runtime.block_on(join::<Udp<false>>(stage, to)),
        Implementation::UdpOffload => runtime.block_on(join::<Udp<true>>(stage, to)),
        Implementation::Swarm => runtime.block_on(join::<Swarm>(stage, to)),
        Implementation::Crowd => runtime.block_on(join::<Crowd<false>>(stage, to)),
        Implementation::CrowdDtls => runtime.block_on(join::<Crowd<true>>(stage, to)),
    }
}

/// One thread does everything, as with the implementations that have no runtime.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The other threads would wait for the one that is gone.
fn exit_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        process::exit(101);
    }));
}
