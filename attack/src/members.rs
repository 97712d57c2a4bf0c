//! Many honest clients: what they get is acknowledged, counted and forgotten, and they say what they are told to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_tokio::{Batching, Config, Connection, Endpoint, Packet};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::healthy;
use crate::loopback::Loopback;
use crate::relay::FromRelay;
use crate::sockets;

/// The id of the first of them in Godot's way.
const FIRST_ID: u32 = 0x3000_0000;

/// How long what one of them does may take.
const RUN: Duration = Duration::from_secs(30);

/// How often those who send much do so.
const TICK: Duration = Duration::from_millis(10);

/// Clients on a thread of their own.
#[derive(Debug)]
pub(crate) struct Members {
    handle: Handle,
    members: Vec<Member>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Member {
    endpoint: Endpoint,
    connection: Connection,
    number: u32,
    heard: Arc<Heard>,
}

/// What one of them has got.
#[derive(Debug, Default)]
struct Heard {
    /// The bytes that others sent to it.
    bytes: AtomicU64,
    /// How often it was told that another one has come.
    joined: AtomicU64,
}

/// Who joins, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joining {
    /// Their numbers, which their ids follow from.
    pub(crate) first: u32,
    pub(crate) count: usize,
    pub(crate) channels: usize,
    /// How many ask at a time.
    pub(crate) at_a_time: usize,
    /// Whether all have the same address.
    pub(crate) one_address: bool,
    /// Until when they have to be in.
    pub(crate) patience: Duration,
}

impl Default for Joining {
    fn default() -> Joining {
        Joining {
            first: 0,
            count: 1,
            channels: 2,
            at_a_time: 16,
            one_address: false,
            patience: Duration::from_secs(30),
        }
    }
}

impl Joining {
    /// So many, in the ordinary way.
    pub(crate) fn of(count: usize) -> Joining {
        Joining {
            count,
            ..Joining::default()
        }
    }
}

impl Members {
    /// Has clients join, and returns those who got in.
    pub(crate) fn join(target: Loopback, joining: Joining) -> io::Result<Members> {
        sockets::require(joining.count)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            // Either way it is time to stop.
            let _ = runtime.block_on(stopped);
        });
        let members = handle.block_on(join_all(target, joining));
        Ok(Members {
            handle,
            members,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Has clients join a relay, all of whom have to get in, and waits until they know each other and the healthy: what is sent to
    /// one who is not there yet is dropped.
    pub(crate) fn all(target: Loopback, joining: Joining) -> io::Result<Members> {
        let members = Members::join(target, joining)?;
        let know = joining.count * (joining.count - 1 + healthy::COUNT);
        let end = Instant::now() + joining.patience;
        while members.introductions() < know as u64 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        match members.count() == joining.count && members.introductions() >= know as u64 {
            true => Ok(members),
            false => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("only {} of {} clients get in", members.count(), joining.count),
            )),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// How many have lost their connection.
    pub(crate) fn lost(&self) -> usize {
        self.members.iter().filter(|member| !member.is_there()).count()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(crate) fn member(&self, index: usize) -> &Member {
        &self.members[index]
    }

    /// How often all together were told that another one has come.
    pub(crate) fn introductions(&self) -> u64 {
        let heard = self.members.iter().map(|member| &member.heard);
        heard.map(|heard| heard.joined.load(Ordering::Relaxed)).sum()
    }

    /// Does something in their runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Does something in their runtime until it is done, or it takes too long; whether it is done.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        self.handle.block_on(async { timeout(RUN, task).await.is_ok() })
    }

    /// Has the last so many leave at once, as Godot does: one notice each, and gone.
    pub(crate) fn leave(&mut self, count: usize) {
        let rest = self.members.len().saturating_sub(count);
        let leaving = self.members.split_off(rest);
        leaving.iter().for_each(|member| member.connection.abort(0));
        // The notices leave with the endpoints.
        self.handle.block_on(async {
            for member in &leaving {
                member.endpoint.shutdown_now(0).await;
            }
        });
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.leave(usize::MAX);
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Member {
    /// Its id, to send something to.
    pub(crate) fn id(&self) -> i32 {
        (FIRST_ID + self.number) as i32
    }

    pub(crate) fn is_there(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// The bytes that others sent to it.
    pub(crate) fn bytes_heard(&self) -> u64 {
        self.heard.bytes.load(Ordering::Relaxed)
    }

    /// Sends one packet.
    pub(crate) fn send(&self, channel: u8, packet: Packet) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.send_all(std::iter::once((channel, packet)))
    }

    /// Sends packets, one after the other as there is room for them.
    pub(crate) fn send_all<P>(&self, packets: P) -> impl Future<Output = ()> + Send + 'static + use<P>
    where
        P: Iterator<Item = (u8, Packet)> + Send + 'static,
    {
        let connection = self.connection.clone();
        async move {
            for (channel, packet) in packets {
                if connection.send(channel, packet).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Sends the same reliable packet over and over, so many bytes a second or as many as are taken.
    pub(crate) fn pour(
        &self,
        packet: Bytes,
        bytes_per_second: u32,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let connection = self.connection.clone();
        async move {
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (start, mut sent) = (Instant::now(), 0);
            loop {
                ticks.tick().await;
                let owed = (start.elapsed().as_secs_f64() * f64::from(bytes_per_second)) as u64;
                while sent < owed {
                    if connection.send(0, Packet::reliable(packet.clone())).await.is_err() {
                        return;
                    }
                    sent += packet.len() as u64;
                }
            }
        }
    }
}

async fn join_all(target: Loopback, joining: Joining) -> Vec<Member> {
    let end = Instant::now() + joining.patience;
    let mut asking = JoinSet::new();
    let mut members = Vec::new();
    let mut begun = 0;
    loop {
        while begun < joining.count && asking.len() < joining.at_a_time {
            asking.spawn(join_one(target, joining, joining.first + begun as u32));
            begun += 1;
        }
        let left = end.saturating_duration_since(Instant::now());
        match timeout(left, asking.join_next()).await {
            Ok(Some(Ok(Some(member)))) => members.push(member),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    members.sort_by_key(|member| member.number);
    members
}

async fn join_one(target: Loopback, joining: Joining, number: u32) -> Option<Member> {
    let (endpoint, connection) = connect(target, joining, number).await?;
    let heard = Arc::new(Heard::default());
    tokio::spawn(listen(connection.clone(), heard.clone()));
    Some(Member {
        endpoint,
        connection,
        number,
        heard,
    })
}

/// A connection of the client of this number.
pub(crate) async fn connect(target: Loopback, joining: Joining, number: u32) -> Option<(Endpoint, Connection)> {
    let config = Config::default()
        .with_connect_timeout(joining.patience)
        .with_batching(Batching::Off);
    let address = if joining.one_address { joining.first } else { number };
    let socket = sockets::bound(address).ok()?;
    let endpoint = Endpoint::from_socket(socket, config).ok()?;
    let id = FIRST_ID + number;
    let connection = endpoint.connect(target.address(), joining.channels, id).await.ok()?;
    Some((endpoint, connection))
}

async fn listen(connection: Connection, heard: Arc<Heard>) {
    while let Ok((_, packet)) = connection.recv().await {
        match FromRelay::read(&packet.data) {
            Some(FromRelay::Bytes(_, bytes)) => {
                heard.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Some(FromRelay::Joined) => {
                heard.joined.fetch_add(1, Ordering::Relaxed);
            }
            Some(FromRelay::Left(_)) | None => {}
        }
    }
}
