//! Honest peers, and how they fare.
//!
//! A message counts as answered when the server has sent it back; by way of a relay, when the other one of a pair has; with a server
//! that does neither, when ENet has acknowledged it.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_tokio::{Connection, Endpoint, Packet};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::link::Link;
use crate::loopback::Loopback;
use crate::relay::{self, FromRelay};

/// How many there are.
pub(crate) const COUNT: usize = 8;

/// The id of the first of them in Godot's way. Those of the next attack have the next ones: the former may still be known.
static NEXT_ID: AtomicI32 = AtomicI32::new(0x1000_0000);

/// How long a server may take to send back or to pass on the first message.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// How often one is tried whether it passes something on: who has just joined may not be known yet.
const PROBING: Duration = Duration::from_millis(50);

/// How often it is looked whether messages have been acknowledged.
const LOOKING: Duration = Duration::from_millis(1);

/// What is sent to see whether it comes back.
const PROBE: &[u8] = &[0xFF; SIZE];

/// What a message has, in bytes.
const SIZE: usize = 32;

/// How a message begins that is sent back, and one that has been.
const QUESTION: [u8; 4] = [1; 4];
const ANSWER: [u8; 4] = [2; 4];

/// Time between two messages of one: 30 a second.
const PERIOD: Duration = Duration::from_micros(33_333);

/// Peers on a thread of their own, each of which sends messages and waits for them to come back.
#[derive(Debug)]
pub(crate) struct Healthy {
    /// What the server does with what it gets.
    pub(crate) speech: Speech,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How the healthy have their messages answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// The server sends back what it gets.
    Echo,
    /// It passes on what they send to each other: each has one that answers.
    Relay,
    /// It does neither, but acknowledges.
    Acknowledged,
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
    pub(crate) fn join(target: Loopback, link: Link) -> io::Result<Healthy> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let first_id = NEXT_ID.fetch_add(COUNT as i32, Ordering::Relaxed);
        let connections = runtime.block_on(connect_all(target, link, first_id))?;
        let speech = runtime.block_on(speech_of(&connections, first_id))?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || talk(&runtime, &connections, (speech, first_id), &shared, stopped)
        });
        Ok(Healthy {
            speech,
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

async fn connect_all(target: Loopback, link: Link, first_id: i32) -> io::Result<Vec<(Endpoint, Connection)>> {
    let config = link.client().with_linger(Duration::from_millis(100));
    let mut connections = Vec::new();
    for number in 0..COUNT {
        let endpoint = Endpoint::client(config.clone()).map_err(io::Error::other)?;
        let connection = endpoint
            .connect(target.address(), 2, id_of(first_id, number) as u32)
            .await
            .map_err(io::Error::other)?;
        connections.push((endpoint, connection));
    }
    Ok(connections)
}

/// What the server does with what it gets.
async fn speech_of(connections: &[(Endpoint, Connection)], first_id: i32) -> io::Result<Speech> {
    let [(_, first), .., (_, last)] = connections else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    let probe = Packet::reliable(PROBE);
    first.send(0, probe).await.map_err(io::Error::other)?;
    let sent_back = heard(first, |packet| packet == PROBE);
    let passed_on = heard(
        last,
        |packet| matches!(FromRelay::read(packet), Some(FromRelay::Bytes(_, bytes)) if bytes == PROBE),
    );
    let to_last = relay::to(id_of(first_id, COUNT - 1), PROBE);
    let probing = async {
        while first.send(0, Packet::reliable(to_last.clone())).await.is_ok() {
            sleep(PROBING).await;
        }
    };
    let speech = async {
        tokio::select! {
            true = sent_back => Speech::Echo,
            true = passed_on => Speech::Relay,
            () = probing => Speech::Acknowledged,
        }
    };
    let speech = timeout(PROBE_PATIENCE, speech).await;
    Ok(speech.unwrap_or(Speech::Acknowledged))
}

/// Waits until such a packet comes; false if the connection ends before.
async fn heard(connection: &Connection, mut is_it: impl FnMut(&Bytes) -> bool) -> bool {
    while let Ok((_, packet)) = connection.recv().await {
        if is_it(&packet.data) {
            return true;
        }
    }
    false
}

/// The id of one of the healthy.
fn id_of(first_id: i32, index: usize) -> i32 {
    first_id + index as i32
}

fn talk(
    runtime: &Runtime,
    connections: &[(Endpoint, Connection)],
    (speech, first_id): (Speech, i32),
    shared: &Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        for (index, (_, connection)) in connections.iter().enumerate() {
            // They are in pairs.
            tokio::spawn(send(
                connection.clone(),
                speech,
                id_of(first_id, index ^ 1),
                shared.clone(),
            ));
            tokio::spawn(receive(connection.clone(), speech, shared.clone()));
        }
        // Either way it is time to stop.
        let _ = stopped.await;
        for (endpoint, _) in connections {
            endpoint.shutdown_now(0).await;
        }
    });
}

async fn send(connection: Connection, speech: Speech, other: i32, shared: Arc<Shared>) {
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
        let message = message(QUESTION, number);
        let data = match speech {
            Speech::Relay => relay::to(other, &message),
            Speech::Echo | Speech::Acknowledged => message.to_vec().into(),
        };
        if connection.send(0, Packet::reliable(data)).await.is_err() {
            return;
        }
        if speech == Speech::Acknowledged {
            open.push(number as usize);
        }
    }
}

async fn receive(connection: Connection, speech: Speech, shared: Arc<Shared>) {
    while let Ok((_, packet)) = connection.recv().await {
        if speech != Speech::Relay {
            shared.answered(number_in(&packet.data, QUESTION));
            continue;
        }
        let Some(FromRelay::Bytes(from, bytes)) = FromRelay::read(&packet.data) else {
            continue;
        };
        shared.answered(number_in(&bytes, ANSWER));
        if let Some(number) = number_in(&bytes, QUESTION) {
            let answer = relay::to(from, &message(ANSWER, number as u32));
            // If it is lost, so is the connection, which is counted.
            let _ = connection.send(0, Packet::reliable(answer)).await;
        }
    }
    shared.lost.fetch_add(1, Ordering::Relaxed);
}

/// One of these two kinds of messages, of this number.
fn message(kind: [u8; 4], number: u32) -> [u8; SIZE] {
    let mut message = [0; SIZE];
    message[..4].copy_from_slice(&kind);
    message[4..8].copy_from_slice(&number.to_be_bytes());
    message
}

/// The number in a message of this kind; nothing if it is none.
fn number_in(message: &[u8], kind: [u8; 4]) -> Option<usize> {
    let number = message.strip_prefix(&kind)?.first_chunk()?;
    (message.len() == SIZE).then_some(u32::from_be_bytes(*number) as usize)
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
