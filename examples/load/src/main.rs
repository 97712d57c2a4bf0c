//! Joins many bots to any Godot server and prints how long it takes to answer:
//!
//! ```sh
//! cargo run --release -p load -- 127.0.0.1:7777 --bots 100 --seconds 10
//! ```
//!
//! The server needs no change. A bot offers it a number for the root of its tree, which every game has, and a Godot confirms the
//! number when it next looks at its packets, as it would run a call. So this is the round trip of a call and its answer, the
//! server's frame included. A Godot keeps each number as long as the bot is there, some 100 bytes.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use clap::Parser;
use godot_peer::scene::{Message, NO_METHODS, NodeId, NodeReference, SimplifyPath};
use godot_peer::{ClientEvent, ClientOptions, GodotClient, Target, TransferChannel, TransferMode};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

/// How long after its last question a bot waits for answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// Joins many bots to any Godot server and prints how long it takes to answer.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// The server, as 127.0.0.1:7777.
    server: String,

    /// How many join.
    #[arg(long, default_value_t = 10)]
    bots: u32,

    /// How long they stay.
    #[arg(long, default_value_t = 10)]
    seconds: u64,

    /// How often each of them asks in a second.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
}

/// What one bot has seen.
#[derive(Debug, Default)]
struct Seen {
    asked: usize,
    /// How long each answer took.
    answers: Vec<Duration>,
    /// ENet's own idea of the round trip, without the server's frame.
    round_trip: Option<Duration>,
    /// The server ended the session.
    dropped: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let mut joining = JoinSet::new();
    for _ in 0..arguments.bots {
        let server = arguments.server.clone();
        joining.spawn(async move { GodotClient::connect(&*server, ClientOptions::default()).await });
    }
    let begin = Instant::now();
    let mut clients = Vec::new();
    let mut failure = None;
    while let Some(joined) = joining.join_next().await {
        match joined? {
            Ok(client) => clients.push(client),
            Err(error) => failure = Some(error),
        }
    }
    println!(
        "{} of {} joined in {:.2} s",
        clients.len(),
        arguments.bots,
        begin.elapsed().as_secs_f64()
    );
    if let Some(error) = failure {
        println!("the others: {error}");
    }
    let mut playing = JoinSet::new();
    for client in clients {
        playing.spawn(play(client, arguments.clone()));
    }
    let mut seen = Vec::new();
    for (client, one) in playing.join_all().await {
        // One after the other: a Godot tells those who leave together of each other, and complains that it cannot.
        client.close(0).await;
        seen.push(one);
    }
    report(&seen);
    Ok(())
}

/// Asks for as long as it is to stay, and then waits for the last answers.
async fn play(client: GodotClient, arguments: Arguments) -> (GodotClient, Seen) {
    let mut seen = Seen::default();
    let mut open = HashMap::new();
    let mut questions = interval(Duration::from_secs(1) / arguments.rate);
    questions.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let last = tokio::time::Instant::from_std(end + PATIENCE);
    while Instant::now() < end || !open.is_empty() {
        tokio::select! {
            _ = questions.tick(), if Instant::now() < end => {
                seen.asked += 1;
                let id = u32::try_from(seen.asked).ok().and_then(NodeId::new);
                let Some(id) = id.filter(|id| ask(&client, *id)) else {
                    continue;
                };
                open.insert(id, Instant::now());
            }
            event = client.next_event() => match event {
                Some(ClientEvent::Packet(packet)) => {
                    if let Ok(Message::ConfirmPath(answer)) = packet.message()
                        && let NodeReference::Id(id) = answer.node
                        && let Some(asked) = open.remove(&id)
                    {
                        seen.answers.push(asked.elapsed());
                    }
                }
                Some(ClientEvent::Disconnected { .. }) | None => {
                    seen.dropped = true;
                    return (client, seen);
                }
                Some(_) => {}
            },
            () = sleep_until(last) => break,
        }
    }
    seen.round_trip = client
        .statistics()
        .map(|statistics| Duration::from_millis(statistics.round_trip_time.into()));
    (client, seen)
}

fn ask(client: &GodotClient, id: NodeId) -> bool {
    let offer = Message::SimplifyPath(SimplifyPath {
        checksum: NO_METHODS,
        id,
        path: ".".into(),
    });
    let sent = client.send(
        Target::SERVER,
        TransferChannel::ZERO,
        TransferMode::Reliable,
        offer.to_bytes(),
    );
    sent.is_ok()
}

fn report(seen: &[Seen]) {
    let asked: usize = seen.iter().map(|seen| seen.asked).sum();
    let dropped = seen.iter().filter(|seen| seen.dropped).count();
    let mut answers: Vec<Duration> = seen.iter().flat_map(|seen| seen.answers.iter().copied()).collect();
    answers.sort_unstable();
    println!(
        "{} of {asked} questions were answered; the server dropped {dropped} bots",
        answers.len()
    );
    println!("answers: {}", percentiles(&answers));
    let mut round_trips: Vec<Duration> = seen.iter().filter_map(|seen| seen.round_trip).collect();
    round_trips.sort_unstable();
    println!("ENet's round trip: {}", percentiles(&round_trips));
}

/// Of sorted times.
fn percentiles(times: &[Duration]) -> String {
    let at = |part: f64| {
        let rank = (times.len() as f64 * part).ceil() as usize;
        let time = times.get(rank.clamp(1, times.len().max(1)) - 1);
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.2} ms", time.as_secs_f64() * 1e3))
    };
    format!("50 % {}, 90 % {}, 99 % {}, all {}", at(0.5), at(0.9), at(0.99), at(1.0))
}
