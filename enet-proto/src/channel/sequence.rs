//! Reliable sequence numbers.
//!
//! On the wire they are 16 bits and wrap. In here they are *positions*: counts since the start of the connection that never
//! wrap, so that comparing and subtracting them needs no care. This file is the only place that converts.

use std::ops::{Add, AddAssign, Sub};

/// Reliable numbers are grouped in windows of this many; 16 windows make the 16-bit space (ENet's
/// `ENET_PEER_RELIABLE_WINDOW_SIZE`).
pub(crate) const WINDOW_SIZE: u64 = 4096;

/// How many windows there are in the 16-bit space.
pub(crate) const WINDOW_COUNT: usize = 16;

/// A receiver takes numbers in its current window and the six after it.
const ACCEPTED_WINDOWS: u64 = 7;

/// The two windows after the accepted ones are not acknowledged: their commands are too early, not duplicates.
const UNACKNOWLEDGED_WINDOWS: std::ops::Range<u64> = 7..9;

/// Where in its channel's reliable sequence something stands; the first command has position 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position(u64);

/// What a receiver makes of a reliable number, seen from the last one it delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The number of what was delivered last: a duplicate if reliable, current if it orders an unreliable packet.
    Current,
    /// Not delivered yet and within the windows.
    Ahead(Position),
    /// Too far ahead: to be dropped without an acknowledgement, so that it comes again.
    TooEarly,
    /// Delivered long ago.
    Behind,
}

impl Position {
    /// Before the first command.
    pub(crate) const START: Position = Position(0);

    /// The 16 bits that go on the wire.
    pub(crate) fn wire(self) -> u16 {
        self.0 as u16
    }

    /// The window it belongs to, counted from the start of the connection.
    pub(crate) fn window(self) -> u64 {
        self.0 / WINDOW_SIZE
    }

    /// Whether it is the first of its window.
    pub(crate) fn begins_window(self) -> bool {
        self.0.is_multiple_of(WINDOW_SIZE)
    }

    /// How many of the numbers behind this one are taken by a receiver that has delivered it.
    pub(crate) fn reach(self) -> u64 {
        (self.window() + ACCEPTED_WINDOWS) * WINDOW_SIZE - 1 - self.0
    }

    /// Reads a number from the wire, as the receiver whose last delivered position this is.
    pub(crate) fn classify(self, wire: u16) -> Arrival {
        let distance = wire.wrapping_sub(self.wire());
        if distance == 0 {
            return Arrival::Current;
        }
        let position = self + u64::from(distance);
        let windows = position.window() - self.window();
        if windows < ACCEPTED_WINDOWS {
            Arrival::Ahead(position)
        } else if UNACKNOWLEDGED_WINDOWS.contains(&windows) {
            Arrival::TooEarly
        } else {
            Arrival::Behind
        }
    }

    /// Whether a command with this number is so far ahead of the last delivered one that it was not taken, and must not be
    /// acknowledged.
    pub(crate) fn is_beyond_reach(self, wire: u16) -> bool {
        self.classify(wire) == Arrival::TooEarly
    }

    /// The position in `self .. self + 65536` with this number on the wire: how a sender, with `self` its oldest
    /// unacknowledged position, reads an acknowledgement.
    pub(crate) fn at_or_after(self, wire: u16) -> Position {
        self + u64::from(wire.wrapping_sub(self.wire()))
    }
}

impl Add<u64> for Position {
    type Output = Position;

    fn add(self, count: u64) -> Position {
        Position(self.0 + count)
    }
}

impl AddAssign<u64> for Position {
    fn add_assign(&mut self, count: u64) {
        self.0 += count;
    }
}

impl Sub for Position {
    type Output = u64;

    /// How far `other` is behind; `other` must not be ahead.
    fn sub(self, other: Position) -> u64 {
        debug_assert!(self >= other);
        self.0.saturating_sub(other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_is_ahead_and_the_last_one_current() {
        let last = Position(70_000);
        assert_eq!(last.classify(last.wire()), Arrival::Current);
        assert_eq!(last.classify(last.wire() + 1), Arrival::Ahead(Position(70_001)));
    }

    #[test]
    fn six_windows_ahead_are_taken_the_next_two_are_early_and_the_rest_is_old() {
        let last = Position(4096 * 3 + 5);
        let at = |window: u64| last.classify((4096 * (3 + window)) as u16);
        assert_eq!(at(6), Arrival::Ahead(Position(4096 * 9)));
        assert_eq!(at(7), Arrival::TooEarly);
        assert_eq!(at(8), Arrival::TooEarly);
        assert_eq!(at(9), Arrival::Behind);
        assert_eq!(last.classify(last.wire() - 1), Arrival::Behind);
    }

    #[test]
    fn the_last_number_in_reach_is_taken_and_the_next_is_not() {
        for last in [Position(0), Position(4095), Position(4096), Position(70_000)] {
            let furthest = last + last.reach();
            assert_eq!(last.classify(furthest.wire()), Arrival::Ahead(furthest));
            assert_eq!(last.classify((furthest + 1).wire()), Arrival::TooEarly);
        }
    }

    #[test]
    fn positions_go_on_past_the_wrap() {
        let last = Position(65_535);
        assert_eq!(last.classify(0), Arrival::Ahead(Position(65_536)));
        assert_eq!(Position(65_530).at_or_after(3), Position(65_539));
    }
}
