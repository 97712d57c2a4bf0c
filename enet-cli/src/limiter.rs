//! How many records of a kind there may be in a second, so that strangers cannot fill a disk through a debugging log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

use crate::journal::LINES;

/// The period of that limit.
const PERIOD: Duration = Duration::from_secs(1);

/// Lets the first records of each place in the code pass in each second, at all levels.
///
/// What this program itself has to say at the usual levels is limited where it arises: see [`Journal`](crate::journal::Journal).
#[derive(Clone, Debug, Default)]
pub(crate) struct Limiter(Arc<Mutex<Places>>);

/// By the place that the metadata are of, of which there are as many as the program has.
type Places = HashMap<tracing::callsite::Identifier, Count>;

#[derive(Debug)]
struct Count {
    metadata: &'static Metadata<'static>,
    since: Instant,
    passed: u32,
    left_out: u64,
}

impl Limiter {
    /// Says what got no record of its own in the seconds that have ended; to be called now and then.
    pub(crate) fn sum_up(&self) {
        self.tell(Instant::now());
    }

    /// Says the same of the present second as well.
    pub(crate) fn sum_up_all(&self) {
        self.tell(Instant::now() + PERIOD);
    }

    fn tell(&self, now: Instant) {
        for (metadata, count) in self.left_out(now) {
            tracing::warn!(
                "{count} more records as those of {}:{} ({}), too many for a line each",
                metadata.target(),
                metadata.line().unwrap_or_default(),
                metadata.level()
            );
        }
    }

    /// What was left out in the seconds that are over at that time. Places that are quiet are forgotten.
    fn left_out(&self, now: Instant) -> Vec<(&'static Metadata<'static>, u64)> {
        let mut left_out = Vec::new();
        self.lock().retain(|_, count| {
            let over = now.saturating_duration_since(count.since) >= PERIOD;
            if over && count.left_out > 0 {
                left_out.push((count.metadata, count.left_out));
            }
            !over
        });
        left_out
    }

    fn admits(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.lock();
        let count = places.entry(metadata.callsite()).or_insert(Count {
            metadata,
            since: now,
            passed: 0,
            left_out: 0,
        });
        // What was left out in the former second is still to be told.
        if count.left_out == 0 && now.saturating_duration_since(count.since) >= PERIOD {
            (count.since, count.passed) = (now, 0);
        }
        let admitted = count.passed < LINES;
        if admitted {
            count.passed += 1;
        } else {
            count.left_out += 1;
        }
        admitted
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Filter<S> for Limiter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let ours = metadata.target().split("::").next() == module_path!().split("::").next();
        (ours && *metadata.level() <= Level::INFO) || self.admits(metadata, Instant::now())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Counts the lines that are written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.lock().expect("no panic").push(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_from_one_place_is_summed_up_and_others_are_heard() {
        let (lines, limiter) = (Lines::default(), Limiter::default());
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .with_filter(limiter.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for number in 0..10 * LINES {
                tracing::debug!(target: "godot_peer", number, "a stranger");
            }
            tracing::debug!(target: "godot_peer", "somebody else");
            for _ in 0..10 * LINES {
                tracing::info!("of this program");
            }
        });
        let written = |part: &str| {
            let lines = lines.0.lock().expect("no panic");
            lines.iter().filter(|line| line.contains(part)).count()
        };
        assert_eq!(written("a stranger"), LINES as usize);
        assert_eq!(written("somebody else"), 1);
        assert_eq!(
            written("of this program"),
            10 * LINES as usize,
            "it sees to that itself"
        );
        assert_eq!(limiter.left_out(Instant::now()).len(), 0, "the second is not over");
        let left_out = limiter.left_out(Instant::now() + PERIOD);
        let counts: Vec<u64> = left_out.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [u64::from(9 * LINES)]);
        assert!(limiter.lock().is_empty());
    }
}
