//! What is not passed on to others, because a stock Godot that gets it crashes, or has no use for it in any case.

use super::Command;

/// Command, index, spawner, net id, how many sync ids, and the length of the name.
const SPAWN_HEADER: usize = 18;
const INDEX_OFFSET: usize = 1;
const SYNC_IDS_OFFSET: usize = 10;
const NAME_LENGTH_OFFSET: usize = 14;

/// The index of what a game spawns by a function of its own, with data.
const CUSTOM: u8 = 0xff;

/// Why a message is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// It has no bytes.
    #[error("an empty message")]
    Empty,
    /// A message of the session itself. Those come from the server alone, in no wrapping; a receiver prints an error.
    #[error("a system message from a client")]
    System,
    /// A SPAWN that says it is longer than it is. A stock Godot adds its lengths up in 32 bits, takes a sum that has overflown for
    /// a small one, and crashes.
    #[error("a SPAWN whose lengths lie")]
    Spawn,
}

/// Judges a message on its way from one client to others.
pub(crate) fn check_for_others(message: &[u8]) -> Result<(), Unfit> {
    match Command::of(message) {
        None => Err(Unfit::Empty),
        Some(Command::System) => Err(Unfit::System),
        Some(Command::Spawn) => spawn_fits(message).then_some(()).ok_or(Unfit::Spawn),
        Some(_) => Ok(()),
    }
}

/// Whether all that a SPAWN says it has is there.
fn spawn_fits(message: &[u8]) -> bool {
    let (Some(sync_ids), Some(name)) = (
        number_at(message, SYNC_IDS_OFFSET),
        number_at(message, NAME_LENGTH_OFFSET),
    ) else {
        return false;
    };
    let size = message.len() as u64;
    // No overflow: less than 2^35.
    let behind_name = SPAWN_HEADER as u64 + 4 * u64::from(sync_ids) + u64::from(name);
    if name == 0 || behind_name > size {
        return false;
    }
    if message[INDEX_OFFSET] != CUSTOM {
        return true;
    }
    let data_at = usize::try_from(behind_name).unwrap_or(usize::MAX);
    number_at(message, data_at).is_some_and(|data| behind_name + 4 + u64::from(data) <= size)
}

fn number_at(message: &[u8], offset: usize) -> Option<u32> {
    let bytes = message.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spawn(index: u8, sync_ids: u32, name: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x04, index];
        for number in [2, 1, sync_ids, name] {
            bytes.extend(u32::to_le_bytes(number));
        }
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn what_a_game_sends_is_passed_on() {
        for message in [
            b"\x80\x01\x03".to_vec(),
            b"\x01anything".to_vec(),
            b"\x02\x01\x01\0\0\0".to_vec(),
            b"\x03hi".to_vec(),
            b"\x05\x01\0\0\0".to_vec(),
            b"\x06\x01\0".to_vec(),
            spawn(0, 0, 5, b"Hero\0"),
            spawn(0, 1, 5, b"\x02\0\0\0Hero\0state"),
            spawn(CUSTOM, 1, 5, b"\x02\0\0\0Hero\0\x04\0\0\0\0\0\0\0state"),
            spawn(CUSTOM, 0, 5, b"Hero\0\0\0\0\0"),
        ] {
            assert_eq!(check_for_others(&message), Ok(()), "{message:?}");
        }
    }

    #[test]
    fn a_spawn_whose_lengths_overflow_or_lie_is_not() {
        for message in [
            spawn(0, 1 << 30, 5, b"Hero\0"),
            spawn(0, 1 << 30, 1, b"Hero\0"),
            spawn(0, u32::MAX, 4 + 5, b"Hero\0"),
            spawn(0, (1 << 30) - 1, 9, b"Hero\0"),
            spawn(0, u32::MAX, u32::MAX, b"Hero\0"),
            spawn(0, 0, 6, b"Hero\0"),
            spawn(0, 1, 5, b"Hero\0"),
            spawn(0, 0, 0, b"Hero\0"),
            spawn(CUSTOM, 0, 5, b"Hero\0"),
            spawn(CUSTOM, 0, 5, b"Hero\0\x05\0\0\0\0\0\0\0"),
            spawn(CUSTOM, 0, 5, b"Hero\0\xff\xff\xff\xff\0\0\0\0"),
            b"\x04".to_vec(),
            b"\x0c\0\x02\0\0\0\x01\0\0\0\0\0\0\x40\x05\0\0\0Hero\0".to_vec(),
        ] {
            assert_eq!(check_for_others(&message), Err(Unfit::Spawn), "{message:?}");
        }
    }

    #[test]
    fn what_no_client_takes_from_another_is_not() {
        assert_eq!(check_for_others(b""), Err(Unfit::Empty));
        assert_eq!(check_for_others(b"\x07\x01\x05\0\0\0"), Err(Unfit::System));
        assert_eq!(check_for_others(b"\x0f\x00"), Err(Unfit::System));
    }

    proptest! {
        #[test]
        fn a_spawn_that_is_passed_on_has_all_that_it_says(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let message = [&[0x04], &bytes[..]].concat();
            if check_for_others(&message).is_ok() {
                let sync_ids = u64::from(number_at(&message, SYNC_IDS_OFFSET).expect("checked"));
                let name = u64::from(number_at(&message, NAME_LENGTH_OFFSET).expect("checked"));
                prop_assert!(18 + 4 * sync_ids + name <= message.len() as u64);
            }
        }
    }
}
