//! One player.

use std::collections::VecDeque;

use glam::Vec2;

use super::{FIELD, RADIUS, SPEED, TICKS};

/// A player that is not heard of for so many ticks stands still.
const STEERING_LASTS: u32 = TICKS / 2;

/// So many lines may be said in so many ticks.
const LINES: usize = 5;
const LINES_IN: u32 = 5 * TICKS;

#[derive(Debug)]
pub(super) struct Player {
    pub(super) name: String,
    pub(super) place: Vec2,
    pub(super) points: i64,
    pub(super) may_kick: bool,
    /// Of a length up to 1.
    direction: Vec2,
    /// For how many ticks the direction still holds.
    steered: u32,
    /// When the last lines were said.
    spoken: VecDeque<u32>,
}

impl Player {
    pub(super) fn new(name: String, place: Vec2, may_kick: bool) -> Player {
        Player {
            name,
            place,
            points: 0,
            may_kick,
            direction: Vec2::ZERO,
            steered: 0,
            spoken: VecDeque::new(),
        }
    }

    /// Nobody is faster than others, whatever the client says.
    pub(super) fn steer(&mut self, direction: Vec2) {
        if direction.is_finite() {
            self.direction = direction.clamp_length_max(1.0);
            self.steered = STEERING_LASTS;
        }
    }

    pub(super) fn step(&mut self) {
        let Some(steered) = self.steered.checked_sub(1) else {
            return;
        };
        self.steered = steered;
        let inside = Vec2::splat(RADIUS);
        self.place = (self.place + self.direction * SPEED).clamp(inside, FIELD - inside);
    }

    /// Whether it may say one more line now; if so, it has.
    pub(super) fn may_speak(&mut self, tick: u32) -> bool {
        self.spoken.retain(|spoken| tick.wrapping_sub(*spoken) < LINES_IN);
        let may = self.spoken.len() < LINES;
        if may {
            self.spoken.push_back(tick);
        }
        may
    }
}
