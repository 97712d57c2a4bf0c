//! A game server with a node that clients call, and honest players of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use godot_peer::calls::Call;
use godot_peer::scene::{Interface, Method};
use godot_peer::{ClientEvent, ClientOptions, GodotClient, GodotServer, Target, TransferChannel, TransferMode};
use godot_variant::{Variant, Vector2};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::loopback::Loopback;

/// The node's path.
pub(crate) const NODE: &str = "Arena";

/// How often a player calls.
const TICK: Duration = Duration::from_millis(33);

/// How long an answer may take before it counts as none.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be called on the node, and is called there.
pub(crate) fn interface() -> Interface {
    Interface::new()
        .with("anything", Method::any_peer())
        .with("moved", Method::authority())
        .with("say", Method::any_peer())
        .with_arguments::<(String,)>("say")
        .with("steer", Method::any_peer())
        .with_arguments::<(i64, Vector2)>("steer")
        .with(
            "steered",
            Method::authority()
                .in_mode(TransferMode::UnreliableOrdered)
                .on_channel(TransferChannel::ZERO),
        )
}

/// Adds the node.
pub(crate) fn prepare(server: &GodotServer) {
    server.add_node(NODE, &interface()).expect("it is a path");
}

/// Does what a call of a client asks for.
pub(crate) fn answer(server: &GodotServer, call: &Call) {
    if &*call.method == "steer" {
        let number = call.arguments.first().cloned().unwrap_or_default();
        // It may just have left.
        let _ = server.call(call.from, NODE, "moved", (number,));
    }
}

/// Honest players, each of whom steers and is told where it is.
#[derive(Debug)]
pub(crate) struct Players {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Played>>,
}

/// What became of one of them, or of all.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// How long answers took, in seconds.
    pub(crate) answers: Vec<f64>,
    pub(crate) unanswered: usize,
    pub(crate) lost: usize,
}

impl Players {
    /// Has so many join and play, each on a thread of its own, until they are told to [stop](Players::stop).
    pub(crate) fn join(target: Loopback, count: usize) -> io::Result<Players> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for _ in 0..count {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let joining = GodotClient::connect(target.address(), ClientOptions::default());
            let client = runtime.block_on(joining).map_err(io::Error::other)?;
            client.add_node(NODE, &interface()).map_err(io::Error::other)?;
            let stop = Arc::clone(&stop);
            threads.push(std::thread::spawn(move || runtime.block_on(play(client, &stop))));
        }
        Ok(Players { stop, threads })
    }

    /// Has them leave; what became of all.
    pub(crate) fn stop(self) -> Played {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Played::default();
        for thread in self.threads {
            let played = thread.join().unwrap_or_else(|_| Played {
                lost: 1,
                ..Played::default()
            });
            all.answers.extend(played.answers);
            all.unanswered += played.unanswered;
            all.lost += played.lost;
        }
        all.answers.sort_by(f64::total_cmp);
        all
    }
}

impl Played {
    /// How long ninety-nine in a hundred took at most, in milliseconds; infinite if there was none.
    pub(crate) fn p99(&self) -> f64 {
        let at = (self.answers.len() * 99).div_ceil(100).saturating_sub(1);
        self.answers.get(at).map_or(f64::INFINITY, |seconds| seconds * 1000.0)
    }
}

async fn play(client: GodotClient, stop: &AtomicBool) -> Played {
    let mut played = Played::default();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0i64;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        number += 1;
        let start = Instant::now();
        let sent = client.call(Target::SERVER, NODE, "steer", (number, Vector2::new(1.0, 0.0)));
        if sent.is_err() {
            played.lost = 1;
            break;
        }
        match timeout(PATIENCE, answered(&client, number)).await {
            Ok(true) => played.answers.push(start.elapsed().as_secs_f64()),
            Ok(false) => {
                played.lost = 1;
                break;
            }
            Err(_) => played.unanswered += 1,
        }
    }
    client.close_now(0).await;
    played
}

/// Waits for the answer of this number; false if the session is over.
async fn answered(client: &GodotClient, number: i64) -> bool {
    while let Some(event) = client.next_event().await {
        match event {
            ClientEvent::Call(call) if call.is(NODE, "moved") && call.arguments == [Variant::Int(number)] => {
                return true;
            }
            ClientEvent::Disconnected { .. } => return false,
            _ => {}
        }
    }
    false
}
