//! Honest peers, and how they fare.
//!
//! A message counts as answered when the server has sent it back or, with a server that does not send things back, when ENet has
//! acknowledged it.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use enet_tokio::{Compression, Config, Connection, Endpoint, Packet};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::loopback::Loopback;

/// How many there are.
pub(crate) const COUNT: usize = 8;

/// The id of the first of them in Godot's way.
const FIRST_ID: u32 = 0x1000_0000;

/// How long a server may take to send back the first message.
const ECHO_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked whether messages have been acknowledged.
const LOOKING: Duration = Duration::from_millis(1);

/// What is sent to see whether it comes back.
const PROBE: &[u8] = &[0xFF; 32];

/// Time between two messages of one: 30 a second.
const PERIOD: Duration = Duration::from_micros(33_333);

/// Peers on a thread of their own, each of which sends messages and waits for them to come back.
#[derive(Debug)]
pub(crate) struct Healthy {
    /// Whether the server sends back what it gets.
    pub(crate) echoes: bool,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    messages: Mutex<Vec<Message>>,
    lost: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    sent: Instant,
    answered: Option<Instant>,
}

/// How long messages took to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half of them took less.
    pub median: Duration,
    /// All but one in a hundred took less.
    pub p99: Duration,
    /// How many there were.
    pub messages: usize,
    /// How many never came back.
    pub unanswered: usize,
}

impl Healthy {
    /// Has all of them join.
    pub(crate) fn join(target: Loopback, compression: Compression) -> io::Result<Healthy> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(connect_all(target, compression))?;
        let echoes = runtime.block_on(is_sent_back(&connections))?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || talk(&runtime, &connections, echoes, &shared, stopped)
        });
        Ok(Healthy {
            echoes,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// How many have lost their connection.
    pub(crate) fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// How the messages fared that were sent in a span of time. What has not come back yet counts with the time it has had.
    pub(crate) fn latency(&self, from: Instant, to: Instant) -> Latency {
        let now = Instant::now();
        let messages = self.shared.messages();
        let sent = messages.iter().filter(|message| (from..to).contains(&message.sent));
        let mut unanswered = 0;
        let mut times: Vec<Duration> = sent
            .map(|message| {
                unanswered += usize::from(message.answered.is_none());
                message.answered.unwrap_or(now) - message.sent
            })
            .collect();
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index).or(times.last()).copied().unwrap_or_default()
        };
        Latency {
            median: at(0.5),
            p99: at(0.99),
            messages: times.len(),
            unanswered,
        }
    }
}

impl Drop for Healthy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn messages(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, indices: impl IntoIterator<Item = usize>) {
        let mut messages = self.messages();
        for index in indices {
            if let Some(message) = messages.get_mut(index) {
                message.answered = Some(Instant::now());
            }
        }
    }
}

async fn connect_all(target: Loopback, compression: Compression) -> io::Result<Vec<(Endpoint, Connection)>> {
    let config = Config::default()
        .with_linger(Duration::from_millis(100))
        .with_compression(compression);
    let mut connections = Vec::new();
    for number in 0..COUNT {
        let endpoint = Endpoint::client(config.clone()).map_err(io::Error::other)?;
        let connection = endpoint
            .connect(target.address(), 2, FIRST_ID + number as u32)
            .await
            .map_err(io::Error::other)?;
        connections.push((endpoint, connection));
    }
    Ok(connections)
}

/// Whether the server sends back what it gets.
async fn is_sent_back(connections: &[(Endpoint, Connection)]) -> io::Result<bool> {
    let (_, connection) = &connections[0];
    connection
        .send(0, Packet::reliable(PROBE))
        .await
        .map_err(io::Error::other)?;
    let echo = async {
        while let Ok((_, packet)) = connection.recv().await {
            if packet.data == PROBE {
                return true;
            }
        }
        false
    };
    Ok(timeout(ECHO_PATIENCE, echo).await.unwrap_or(false))
}

fn talk(
    runtime: &Runtime,
    connections: &[(Endpoint, Connection)],
    echoes: bool,
    shared: &Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        for (_, connection) in connections {
            tokio::spawn(send(connection.clone(), echoes, shared.clone()));
            tokio::spawn(receive(connection.clone(), shared.clone()));
        }
        // Either way it is time to stop.
        let _ = stopped.await;
        for (endpoint, _) in connections {
            endpoint.shutdown_now(0).await;
        }
    });
}

async fn send(connection: Connection, echoes: bool, shared: Arc<Shared>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Those that are to be acknowledged.
    let mut open = Vec::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sleep(LOOKING), if !open.is_empty() => {
                if connection.statistics().is_some_and(|now| now.bytes_queued == 0) {
                    shared.answered(open.drain(..));
                }
                continue;
            }
        }
        let number = {
            let mut messages = shared.messages();
            messages.push(Message {
                sent: Instant::now(),
                answered: None,
            });
            messages.len() as u32 - 1
        };
        let mut data = [0; 32];
        data[4..8].copy_from_slice(&number.to_be_bytes());
        if connection.send(0, Packet::reliable(data.to_vec())).await.is_err() {
            return;
        }
        if !echoes {
            open.push(number as usize);
        }
    }
}

async fn receive(connection: Connection, shared: Arc<Shared>) {
    while let Ok((_, packet)) = connection.recv().await {
        let number = packet.data.get(4..8).and_then(|bytes| bytes.try_into().ok());
        let index = number
            .map(u32::from_be_bytes)
            .map_or(usize::MAX, |number| number as usize);
        shared.answered([index]);
    }
    shared.lost.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "{:.1} / {:.1} ms", millis(self.median), millis(self.p99))?;
        if self.unanswered > 0 {
            write!(f, ", {} of {} unanswered", self.unanswered, self.messages)?;
        }
        Ok(())
    }
}
