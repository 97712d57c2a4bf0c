//! Crowds: as many honest clients as a server may have, those who come and go, those who say nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netem::Random;

use super::context::{Context, Outcome, wait_until};
use super::relaying::shout;
use crate::healthy;
use crate::members::{self, Joining, Members};
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::server::Process;

/// All that a C server can have, with the healthy that are there already and two that try whether one can join.
const COUNT: usize = 4095 - healthy::COUNT - 2;

/// How long they have to stay.
const STAY: u64 = 10;

/// How long it may take until everyone on a relay has been told of everyone, in seconds.
const ACQUAINTED: u64 = 60;

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
    let mut crowd = Crowd::join(context, whole, at_a_time, false)?;
    thread::sleep(context.scale.seconds(STAY));
    let stay = context.scale.seconds(STAY).as_secs_f64();
    let outcome = crowd.outcome(context, &format!("there {stay:.0} s later"), 4.0);
    crowd.members.leave(usize::MAX);
    Ok(outcome)
}

pub(super) fn in_turn_on_a_relay(context: &Context<'_>) -> io::Result<Outcome> {
    get_to_know_each_other(context, 1)
}

pub(super) fn at_once_on_a_relay(context: &Context<'_>) -> io::Result<Outcome> {
    get_to_know_each_other(context, usize::MAX)
}

fn get_to_know_each_other(context: &Context<'_>, at_a_time: usize) -> io::Result<Outcome> {
    context.require_relay()?;
    let mut crowd = Crowd::join(context, COUNT, at_a_time, false)?;
    let count = crowd.members.count();
    // The healthy are there as well.
    let all = (count * (count - 1 + healthy::COUNT)) as u64;
    let begin = Instant::now();
    let know = wait_until(Duration::from_secs(2 * ACQUAINTED), || {
        crowd.members.introductions() >= all
    });
    let took = match know {
        true => begin.elapsed().as_secs_f64(),
        false => f64::INFINITY,
    };
    let outcome = crowd.outcome(
        context,
        &format!("there when all knew each other {took:.1} s later"),
        8.0,
    );
    crowd.members.leave(usize::MAX);
    let limit = context.scale.seconds(ACQUAINTED).as_secs_f64().max(5.0);
    Ok(outcome.at_most("know each other after", took, limit, "s"))
}

pub(super) fn silent_members(context: &Context<'_>) -> io::Result<Outcome> {
    context.require_relay()?;
    let mut crowd = Crowd::join(context, 4096, usize::MAX, true)?;
    thread::sleep(context.scale.seconds(30));
    let outcome = crowd.outcome(context, "of one address there 30 s later", 8.0);
    crowd.members.leave(usize::MAX);
    Ok(outcome)
}

/// Clients that have joined, and how.
struct Crowd {
    members: Members,
    asked: usize,
    joined: usize,
    took: f64,
    memory_before: Option<u64>,
}

impl Crowd {
    fn join(context: &Context<'_>, whole: usize, at_a_time: usize, one_address: bool) -> io::Result<Crowd> {
        let joining = Joining {
            count: context.scale.count(whole),
            at_a_time,
            one_address,
            ..Joining::default()
        };
        let memory_before = context.process.and_then(Process::memory);
        let start = Instant::now();
        let members = Members::join(context.target, joining)?;
        Ok(Crowd {
            joined: members.count(),
            members,
            asked: joining.count,
            took: start.elapsed().as_secs_f64(),
            memory_before,
        })
    }

    /// How many are `there`, and what each costs, in KiB.
    fn outcome(&self, context: &Context<'_>, there: &str, may_cost: f64) -> Outcome {
        let Crowd {
            members,
            asked,
            joined,
            took,
            ..
        } = self;
        let (left, lost) = (members.count(), members.lost());
        let each = context
            .process
            .and_then(Process::memory)
            .zip(self.memory_before)
            .map_or(f64::NAN, |(after, before)| {
                after.saturating_sub(before) as f64 / 1024.0 / left as f64
            });
        let text = format!(
            "{joined} of {asked} in after {took:.1} s, {} {there}, {each:.1} KiB each",
            left - lost
        );
        let outcome = Outcome::new(text)
            .at_most("not in after 30 s", (asked - joined) as f64, 0.0, "")
            .at_most("gone again", lost as f64, 0.0, "");
        // A few peers do not tell what one costs.
        match asked {
            1000.. => outcome.at_most("each", each, may_cost, "KiB"),
            _ => outcome,
        }
    }
}

/// Thousands come at once and do not know each other for long. Somebody speaks to all of them, and many leave at once.
pub(super) fn strangers(context: &Context<'_>) -> io::Result<Outcome> {
    context.require_relay()?;
    let mut crowd = Crowd::join(context, 4000, usize::MAX, false)?;
    let mut puppet = Puppet::join(context.target, 5000, 2)?;
    let mut pace = Pace::new(20.0, context.scale.seconds(5));
    let mut said = 0;
    while let Some(turns) = pace.turns() {
        shout(&puppet, &mut said, turns as usize);
        puppet.listen(true);
    }
    crowd.members.leave(crowd.asked / 4);
    let mut pace = Pace::new(20.0, context.scale.seconds(5));
    while let Some(turns) = pace.turns() {
        shout(&puppet, &mut said, turns as usize);
        puppet.listen(true);
    }
    let stays = puppet.is_alive(Duration::from_secs(5));
    let outcome = crowd.outcome(context, &format!("of the rest there after {said} broadcasts"), 8.0);
    puppet.leave();
    crowd.members.leave(usize::MAX);
    Ok(outcome.never("speaker lost", !stays))
}

/// Clients come and leave again: some at once, some when others have been told of them.
pub(super) fn churn(context: &mut Context<'_>) -> io::Result<Outcome> {
    const RATE: f64 = 690.0;
    const MEMBERS: usize = 100;
    /// How long they stay at most.
    const STAY: u64 = 200;
    context.require_relay()?;
    let joining = Joining::default();
    let members = Members::all(
        context.target,
        Joining {
            first: 10_000,
            count: MEMBERS,
            ..joining
        },
    )?;
    context.begin();
    let joined = Arc::new(AtomicUsize::new(0));
    let mut random = Random::new(13);
    let mut pace = Pace::new(RATE, context.scale.seconds(10));
    let start = Instant::now();
    let mut number = 0;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let (target, joined) = (context.target, joined.clone());
            let stay = random.below(2) * random.below(STAY);
            let address = number % 4096;
            number += 1;
            members.spawn(async move {
                let Some((endpoint, connection)) = members::connect(target, joining, address).await else {
                    return;
                };
                joined.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(stay)).await;
                connection.abort(0);
                endpoint.shutdown_now(0).await;
            });
        }
    }
    let rate = joined.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    let lost = members.lost();
    Ok(
        Outcome::new(format!("{rate:.0} joined and left a second, beside {MEMBERS} members"))
            .at_least("joins a second", rate.round(), RATE * 0.9, "")
            .at_most("members lost", lost as f64, 0.0, ""),
    )
}
