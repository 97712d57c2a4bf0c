//! Whom a packet is for.

use crate::PeerId;

/// The receivers of a packet, as Godot writes them in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Everyone: 0.
    All,
    /// Everyone but one: the negative id.
    AllBut(PeerId),
    /// One peer: its id.
    One(PeerId),
}

impl Target {
    /// The server alone.
    pub const SERVER: Target = Target::One(PeerId::SERVER);

    /// The number Godot uses for it.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Target::All => 0,
            Target::AllBut(id) => -id.number(),
            Target::One(id) => id.number(),
        }
    }

    /// Whether a peer is meant.
    #[must_use]
    pub fn includes(self, id: PeerId) -> bool {
        match self {
            Target::All => true,
            Target::AllBut(other) => id != other,
            Target::One(one) => id == one,
        }
    }

    /// The peer that is named, as the receiver or as the exception.
    #[must_use]
    pub const fn named(self) -> Option<PeerId> {
        match self {
            Target::All => None,
            Target::AllBut(id) | Target::One(id) => Some(id),
        }
    }
}

impl From<i32> for Target {
    /// -2³¹ excludes an id that nobody can have: everyone.
    fn from(number: i32) -> Target {
        if let Some(id) = PeerId::new(number) {
            return Target::One(id);
        }
        number
            .checked_neg()
            .and_then(PeerId::new)
            .map_or(Target::All, Target::AllBut)
    }
}

impl From<PeerId> for Target {
    fn from(id: PeerId) -> Target {
        Target::One(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_godots_numbers() {
        for number in [0, 1, 2, -1, -2, i32::MAX, -i32::MAX] {
            assert_eq!(Target::from(number).number(), number);
        }
        assert_eq!(Target::from(i32::MIN), Target::All);
    }

    #[test]
    fn a_negative_target_is_everyone_else() {
        let two = PeerId::new(2).expect("an id");
        assert!(!Target::from(-2).includes(two));
        assert!(Target::from(-2).includes(PeerId::SERVER));
        assert!(Target::from(0).includes(two));
        assert!(Target::from(2).includes(two));
        assert!(!Target::from(2).includes(PeerId::SERVER));
    }
}
