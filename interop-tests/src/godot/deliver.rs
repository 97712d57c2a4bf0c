//! Transfer modes, and how a test sends what may be lost.

use std::time::{Duration, Instant};

use netem::Random;

use crate::driver::LONG;

/// A transfer mode of Godot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Arrives, and in order.
    Reliable,
    /// May be lost or overtaken.
    Unreliable,
    /// May be lost; what is overtaken is dropped.
    Ordered,
}

impl Mode {
    /// All three.
    pub const ALL: [Mode; 3] = [Mode::Reliable, Mode::Unreliable, Mode::Ordered];

    /// Its name in the Godot project.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::Reliable => "reliable",
            Mode::Unreliable => "unreliable",
            Mode::Ordered => "ordered",
        }
    }
}

/// Sends once what is reliable, and again and again what is not, until it is seen.
///
/// `seen` waits up to the time it is given. Unreliable packets get lost on loopback too: the throttle drops them after bursts,
/// by a fixed pattern that would drop the same one of a regular series each time; so the pauses are irregular.
///
/// # Panics
/// If it is not seen within [`LONG`].
#[track_caller]
pub fn until_seen(mode: Mode, mut send: impl FnMut(), mut seen: impl FnMut(Duration) -> bool) {
    let deadline = Instant::now() + LONG;
    let mut random = Random::new(1);
    send();
    if mode == Mode::Reliable {
        assert!(seen(LONG), "what was sent reliably is not seen");
        return;
    }
    while !seen(Duration::from_millis(20) + random.duration(Duration::from_millis(180))) {
        assert!(
            Instant::now() < deadline,
            "sent {mode:?} again and again and never seen"
        );
        send();
    }
}
