//! Not an attack at all: as many honest clients as C ENet can have.

use std::io;
use std::time::{Duration, Instant};

use enet_tokio::{Config, Endpoint};
use tokio::task::JoinSet;

use super::{Context, Outcome};
use crate::healthy;
use crate::loopback::Loopback;
use crate::server::Process;
use crate::sockets;

/// All that a C server can have, with the healthy that are there already and two that try whether one can join.
const COUNT: usize = 4095 - healthy::COUNT - 2;

/// Until when they have to be in.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long they have to stay.
const STAY: u64 = 10;

pub(super) fn in_turn(context: &Context<'_>) -> io::Result<Outcome> {
    run(context, COUNT, 1)
}

pub(super) fn at_once(context: &Context<'_>) -> io::Result<Outcome> {
    run(context, COUNT, usize::MAX)
}

pub(super) fn ten_thousand(context: &Context<'_>) -> io::Result<Outcome> {
    run(context, 10_000, usize::MAX)
}

fn run(context: &Context<'_>, whole: usize, at_a_time: usize) -> io::Result<Outcome> {
    let count = context.scale.count(whole);
    sockets::require(count)?;
    let before = context.process.and_then(Process::memory);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let mut joining = JoinSet::new();
        let mut joined = Vec::new();
        let mut begun = 0;
        while start.elapsed() < DEADLINE {
            while begun < count && joining.len() < at_a_time {
                joining.spawn(join(context.target, begun as u32));
                begun += 1;
            }
            let left = DEADLINE.saturating_sub(start.elapsed());
            match tokio::time::timeout(left, joining.join_next()).await {
                Ok(Some(Ok(Some(client)))) => joined.push(client),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let took = start.elapsed().as_secs_f64();
        tokio::time::sleep(context.scale.seconds(STAY)).await;
        let there = joined
            .iter()
            .filter(|(_, connection)| connection.close_reason().is_none())
            .count();
        let each = context
            .process
            .and_then(Process::memory)
            .zip(before)
            .map_or(f64::NAN, |(after, before)| {
                after.saturating_sub(before) as f64 / 1024.0 / joined.len() as f64
            });
        let stay = context.scale.seconds(STAY).as_secs_f64();
        let text = format!(
            "{} of {count} in after {took:.1} s, {there} there {stay:.0} s later, {each:.1} KiB each",
            joined.len()
        );
        let outcome = Outcome::new(text)
            .at_most("not in after 30 s", (count - joined.len()) as f64, 0.0, "")
            .at_most("gone again", (joined.len() - there) as f64, 0.0, "");
        // A few peers do not tell what one costs.
        let outcome = match count {
            1000.. => outcome.at_most("each", each, 4.0, "KiB"),
            _ => outcome,
        };
        for (_, connection) in &joined {
            connection.abort(0);
        }
        // The notices leave with the endpoints.
        for (endpoint, _) in &joined {
            endpoint.shutdown_now(0).await;
        }
        Ok(outcome)
    })
}

async fn join(target: Loopback, number: u32) -> Option<(Endpoint, enet_tokio::Connection)> {
    let config = Config::default()
        .with_connect_timeout(DEADLINE)
        .with_batching(enet_tokio::Batching::Off);
    let socket = sockets::bound(number).ok()?;
    let endpoint = Endpoint::from_socket(socket, config).ok()?;
    let connection = endpoint.connect(target.address(), 2, 0x3000_0000 + number).await.ok()?;
    Some((endpoint, connection))
}
