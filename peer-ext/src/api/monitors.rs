//! Figures of a multiplayer peer for Godot's debugger.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use godot::classes::{Engine, Performance};
use godot::prelude::*;

use super::RustENetMultiplayerPeer;
use super::deferred::on_main_thread;
use crate::net::{Held, HostLink, lock};

/// How long a rate is taken over, at least.
const INTERVAL: Duration = Duration::from_millis(500);

/// The scale of ENet's packet loss.
const LOSS_SCALE: f64 = 65_536.0;

/// A figure that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Monitor {
    RoundTripTime,
    Loss,
    BytesSent,
    BytesReceived,
    DatagramsSent,
    DatagramsReceived,
    Resent,
    QueuedBytes,
    WaitingPackets,
}

impl Monitor {
    pub(super) const ALL: [Monitor; 9] = [
        Monitor::RoundTripTime,
        Monitor::Loss,
        Monitor::BytesSent,
        Monitor::BytesReceived,
        Monitor::DatagramsSent,
        Monitor::DatagramsReceived,
        Monitor::Resent,
        Monitor::QueuedBytes,
        Monitor::WaitingPackets,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Monitor::RoundTripTime => "round_trip_time_ms",
            Monitor::Loss => "packet_loss_percent",
            Monitor::BytesSent => "bytes_sent_per_second",
            Monitor::BytesReceived => "bytes_received_per_second",
            Monitor::DatagramsSent => "datagrams_sent_per_second",
            Monitor::DatagramsReceived => "datagrams_received_per_second",
            Monitor::Resent => "commands_resent_per_second",
            Monitor::QueuedBytes => "bytes_queued",
            Monitor::WaitingPackets => "packets_waiting",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Monitor> {
        Monitor::ALL.into_iter().find(|monitor| monitor.name() == name)
    }
}

/// The monitors of one peer.
#[derive(Debug, Default)]
pub(super) struct Monitors {
    /// Their ids in `Performance`, which only the main thread may use.
    added: Arc<Mutex<Vec<String>>>,
    rates: Mutex<Rates>,
}

/// How fast the counters grow.
#[derive(Debug, Default)]
struct Rates {
    last: Option<Sample>,
    per_second: [f64; 5],
}

/// Counters at a time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    counts: [u64; 5],
}

impl Monitors {
    /// Adds all monitors of an object to `Performance`, which tells their ids apart by the category.
    pub(super) fn add(&self, object: Gd<RustENetMultiplayerPeer>, category: String) {
        let (added, object) = (self.added.clone(), Held::new(object));
        on_main_thread("add monitors", move || {
            let mut performance = Performance::singleton();
            let callable = Callable::from_object_method(&object.object(), "get_monitor");
            for monitor in Monitor::ALL {
                let text = format!("{category}/{}", monitor.name());
                let id = StringName::from(&text);
                if performance.has_custom_monitor(&id) {
                    godot_error!("There is a monitor {id} already: choose another category.");
                    continue;
                }
                let arguments = varray![monitor.name()];
                performance
                    .add_custom_monitor_ex(&id, &callable)
                    .arguments(&arguments)
                    .done();
                lock(&added).push(text);
            }
        });
    }

    /// Removes what was added.
    pub(super) fn remove(&self) {
        let added = self.added.clone();
        // What is still to be added is removed after that.
        if lock(&added).is_empty() && Arc::strong_count(&added) == 2 {
            return;
        }
        on_main_thread("remove monitors", move || {
            let ids = std::mem::take(&mut *lock(&added));
            if !Engine::singleton().has_singleton("Performance") {
                return;
            }
            let mut performance = Performance::singleton();
            for id in &ids {
                let id = StringName::from(id);
                if performance.has_custom_monitor(&id) {
                    performance.remove_custom_monitor(&id);
                }
            }
        });
    }

    /// The present value, over all hosts of a session.
    pub(super) fn value(&self, monitor: Monitor, hosts: &[Arc<HostLink>]) -> f64 {
        match monitor {
            Monitor::RoundTripTime => mean(hosts, |peer| f64::from(peer.round_trip_time)),
            Monitor::Loss => mean(hosts, |peer| f64::from(peer.packet_loss) * 100.0 / LOSS_SCALE),
            Monitor::BytesSent => self.rate(0, hosts),
            Monitor::DatagramsSent => self.rate(1, hosts),
            Monitor::BytesReceived => self.rate(2, hosts),
            Monitor::DatagramsReceived => self.rate(3, hosts),
            Monitor::Resent => self.rate(4, hosts),
            Monitor::QueuedBytes => hosts.iter().map(|host| host.statistics().queued_bytes as f64).sum(),
            Monitor::WaitingPackets => hosts.iter().map(|host| host.statistics().waiting_packets as f64).sum(),
        }
    }

    /// A counter's growth in a second.
    fn rate(&self, index: usize, hosts: &[Arc<HostLink>]) -> f64 {
        let mut rates = lock(&self.rates);
        rates.renew(hosts);
        rates.per_second[index]
    }
}

impl Rates {
    fn renew(&mut self, hosts: &[Arc<HostLink>]) {
        let at = Instant::now();
        let age = self.last.map(|last| at - last.at);
        if age.is_some_and(|age| age < INTERVAL) {
            return;
        }
        let mut counts = [0; 5];
        for host in hosts {
            let counters = host.counters();
            counts[0] += counters.bytes_sent;
            counts[1] += counters.datagrams_sent;
            counts[2] += counters.bytes_received;
            counts[3] += counters.datagrams_received;
            counts[4] += host.statistics().resent;
        }
        if let (Some(last), Some(age)) = (self.last, age) {
            for (index, rate) in self.per_second.iter_mut().enumerate() {
                // Counters fall when peers and sessions go.
                let grown = counts[index].saturating_sub(last.counts[index]);
                *rate = grown as f64 / age.as_secs_f64();
            }
        }
        self.last = Some(Sample { at, counts });
    }
}

fn mean(hosts: &[Arc<HostLink>], figure: impl Fn(&enet_tokio::PeerStatistics) -> f64) -> f64 {
    let peers: Vec<_> = hosts
        .iter()
        .flat_map(|host| host.peers())
        .filter_map(|peer| peer.statistics())
        .collect();
    if peers.is_empty() {
        return 0.0;
    }
    peers.iter().map(figure).sum::<f64>() / peers.len() as f64
}
