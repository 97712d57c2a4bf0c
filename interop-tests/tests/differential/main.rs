//! Our hosts and the C library's, set against each other through a bad network, in every combination of what can be chosen; and
//! what each way of sending promises, checked packet by packet.
//!
//! By itself this runs cases that cover every pair of choices. In the environment,
//!
//! - `DIFFERENTIAL=full` runs all there are, and
//! - `DIFFERENTIAL="server=c stream=reliable …"`, as a failure prints it, runs that one again.
//!
//! What the network does is drawn from the case's seed for each datagram in turn; as the hosts' clocks are real, a run comes
//! close to an earlier one with the same seed, but is not equal to it.

mod case;
mod plan;
mod promise;
mod run;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use case::{Case, Size};
use enet_proto::compress::Compression;
use interop_tests::side::Kind;

/// Cases that run at a time: they mostly wait for datagrams.
const AT_A_TIME: usize = 6;

/// What the environment asks for.
enum Choice {
    Pairs,
    Full,
    One(Case),
}

fn choice() -> Choice {
    match env::var("DIFFERENTIAL") {
        Err(_) => Choice::Pairs,
        Ok(all) if all == "full" => Choice::Full,
        Ok(case) => Choice::One(
            case.parse()
                .unwrap_or_else(|error| panic!("DIFFERENTIAL={case:?}: {error}")),
        ),
    }
}

fn check_all(cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A host that panics prints why; here it counts as a failure like any other.
                    let result = catch_unwind(AssertUnwindSafe(|| run::run(*case)));
                    let error = match result {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => error,
                        Err(_) => "panicked, see above".to_owned(),
                    };
                    eprintln!("DIFFERENTIAL=\"{case}\": {error}");
                    failures.lock().expect("no panic while it is held").push(*case);
                }
            });
        }
    });
    let failed = failures.into_inner().expect("no panic while it was held").len();
    assert_eq!(
        failed,
        0,
        "of {} cases, see above; each can be run again by what is printed before it",
        cases.len()
    );
    eprintln!("{} cases", cases.len());
}

#[test]
fn both_implementations_keep_what_they_promise() {
    match choice() {
        Choice::Pairs => check_all(&plan::pairs(1)),
        Choice::Full => check_all(&plan::full()),
        Choice::One(case) => check_all(&[case]),
    }
}

#[test]
fn the_largest_packet_there_may_be_arrives() {
    if matches!(choice(), Choice::One(_)) {
        return;
    }
    let case = |server| Case {
        server,
        stream: case::Stream::Only(interop_tests::side::Delivery::Reliable),
        size: Size::Limit,
        checksum: false,
        compression: Compression::None,
        loss: 0,
        channels: 1,
        seed: 1,
    };
    check_all(&[case(Kind::C), case(Kind::Ours)]);
}
