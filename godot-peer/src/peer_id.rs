//! The numbers by which the members of a Godot session know each other.

use std::fmt;

/// A member of a session: 1 is the server, clients have the numbers from 2 to 2³¹ - 1 that they drew themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(i32);

impl PeerId {
    /// The server of every session.
    pub const SERVER: PeerId = PeerId(1);

    /// The peer with this number, if it is above zero.
    #[must_use]
    pub const fn new(number: i32) -> Option<PeerId> {
        if number >= 1 { Some(PeerId(number)) } else { None }
    }

    /// The client that passed this number along with its CONNECT, if a client may have it.
    ///
    /// Stock Godot compares the number unsigned and then takes 2³¹ and more for negative ids, which no target can name; they
    /// are no ids here.
    #[must_use]
    pub fn from_connect_data(data: u32) -> Option<PeerId> {
        i32::try_from(data).ok().filter(|&number| number >= 2).map(PeerId)
    }

    /// An id for a client, out of random numbers; almost always the first one serves.
    pub fn draw<E>(mut random: impl FnMut() -> Result<u32, E>) -> Result<PeerId, E> {
        loop {
            if let Some(id) = PeerId::from_connect_data(random()? >> 1) {
                return Ok(id);
            }
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// What a client with this id passes along with its CONNECT.
    #[must_use]
    pub const fn connect_data(self) -> u32 {
        self.0.cast_unsigned()
    }

    /// Whether this is the server.
    #[must_use]
    pub const fn is_server(self) -> bool {
        self.0 == 1
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn ids_are_positive() {
        assert_eq!(PeerId::new(0), None);
        assert_eq!(PeerId::new(-5), None);
        assert_eq!(PeerId::new(1), Some(PeerId::SERVER));
    }

    #[test]
    fn clients_have_ids_from_two_to_the_largest_positive_number() {
        for data in [0, 1, 1 << 31, u32::MAX] {
            assert_eq!(PeerId::from_connect_data(data), None, "{data}");
        }
        for data in [2, 77, (1 << 31) - 1] {
            assert_eq!(PeerId::from_connect_data(data).expect("an id").connect_data(), data);
        }
    }

    #[test]
    fn an_unfit_draw_is_repeated() {
        let mut numbers = [0, 2, 3, 4].into_iter();
        let id = PeerId::draw(|| Ok::<_, Infallible>(numbers.next().expect("four are enough")));
        assert_eq!(id, Ok(PeerId(2)));
        assert_eq!(PeerId::draw(|| Ok::<_, Infallible>(u32::MAX)), Ok(PeerId(i32::MAX)));
    }
}
